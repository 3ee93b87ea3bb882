"""Which results of helpers are used: the rest is no longer returned, so that helpers stay small and
nothing is stored in vain.
"""

from __future__ import annotations

from collections.abc import Iterable

from heliox.nmodl.frames import Signature
from heliox.nmodl.ir import Branch, Break, Call, Loop, Name, Set, Step, expressions, flow, names, walk

Needed = dict[str, set[str]]


def prune(
    bodies: dict[str, tuple[list[Step], set[str]]], helpers: dict[str, Signature], kept: Iterable[str]
) -> None:
    """Shorten `Signature.outs`, and the assignments of calls with them.

    `bodies` are the blocks with the names each returns; ``outs`` in `kept` are needed wherever a block
    returns them.
    """
    needed: Needed = {name: set() for name in helpers}
    kept = set(kept)
    while True:
        before = {n: set(s) for n, s in needed.items()}
        for body, returned in bodies.values():
            _live(body, set(returned), helpers, needed)
        for name, sig in helpers.items():
            own = {*needed[name], *sig.leading, *([sig.value] if sig.value else [])}
            _live(sig.body, own, helpers, needed)
        if needed == before:
            break
    for name, sig in helpers.items():
        sig.outs = [o for o in sig.outs if o in needed[name]]
    for body in [b for b, _ in bodies.values()] + [s.body for s in helpers.values()]:
        for step in walk(body):
            if isinstance(step, Set) and isinstance(step.value, Call) and step.value.id in helpers:
                sig = helpers[step.value.id]
                if len(step.targets) > 1 or not sig.value:
                    first = step.targets[: len(sig.leading) + bool(sig.value)]
                    step.targets = (*first, *(Name(o) for o in sig.outs))


def _live(
    body: list[Step],
    after: set[str],
    helpers: dict[str, Signature],
    needed: Needed,
    outside: frozenset[str] = frozenset(),
) -> set[str]:
    """Names whose value matters before `body`, given those that matter after it; notes what calls must
    return. `outside`: those that matter after the loop around it.
    """
    live = set(after)
    for step in reversed(body):
        if isinstance(step, Branch):
            bodies = [*(b for _, b in step.branches), step.orelse]
            ends = [_live(b, live, helpers, needed, outside) for b in bodies]
            live = set().union(*ends, *(names(test) for test, _ in step.branches))
            continue
        if isinstance(step, Loop):
            inside = live | set(flow(step.body).exposed)
            live |= _live(step.body, inside, helpers, needed, frozenset(live)) | inside
            continue
        if isinstance(step, Break):
            live = set(outside) if step.test is None else live | outside
        if isinstance(step, Set):
            if isinstance(step.value, Call) and step.value.id in helpers:
                outs = set(helpers[step.value.id].outs)
                needed[step.value.id] |= {t.id for t in step.targets if t.id in outs and t.id in live}
            live -= {t.id for t in step.targets if isinstance(t, Name)}
            live |= {t.id for t in step.targets if not isinstance(t, Name)}
        for e in expressions(step):
            live |= names(e)
    return live


def without_dead(body: list[Step], after: set[str]) -> list[Step]:
    """`body` without assignments that nothing reads; branches and loops are kept whole."""
    live, out = set(after), []
    for step in reversed(body):
        if isinstance(step, Set) and not any(t.id in live for t in step.targets):
            continue
        out.append(step)
        live = _live([step], live, {}, {})
    return out[::-1]
