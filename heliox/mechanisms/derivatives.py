"""Derivatives of mechanisms, written as text from the text of their functions.

`vjp` and `jvp` give a function in the same subset as the block it comes from (docs/design.md, 2.3), and
functions for the helpers it calls. They are derivatives of the discrete program: of the side of every branch
that is taken, and of as many turns of a loop as it makes.

==============  ==========================================================================================
``vjp``         `normalise.py` (one exit) -> `build.py` (a `graph.py`) -> `reverse.py`
``jvp``         the same -> `forward.py`
both            `partials.py` (one operation), `activity.py` (what needs a derivative), `tidy.py`, `emit.py`
==============  ==========================================================================================

The derivative of a helper ``f(a, b) -> y`` is ``f_vjp(a, b, bar) -> (bar of a, bar of b)`` or
``f_jvp(a, b, dot of a, dot of b) -> dot of y``, always with all arguments and results in order, and 0.0 for
those that do not matter. Where only some matter, the name says which by two hexadecimal masks, of arguments
and of results: ``f_vjp_3_1``. A name therefore stands for the same text in all derivatives of a mechanism. A
tabulated helper has no such variants, so that a look-up can take its place.

Effects on events are left out: who replays events has them from a log. Random numbers are drawn once each, in
the order of the block, and are constants.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache

from heliox.errors import MechanismError, nearest
from heliox.mechanisms import activity, emit, partials, terms
from heliox.mechanisms.arrays import element, expanded
from heliox.mechanisms.blocks import NODE, SCALARS
from heliox.mechanisms.forward import Forward
from heliox.mechanisms.graph import Graph
from heliox.mechanisms.reverse import Reverse
from heliox.mechanisms.scope import Scope
from heliox.mechanisms.subset import Function
from heliox.mechanisms.template import MechTemp


@dataclass(frozen=True)
class Derivative:
    """The derivative of a block.

    Attributes
    ----------
    function : Function
        ``<block>_vjp``: the block's parameters, then ``_bar_<r>`` for every `of`; returns ``_bar_<p>`` for
        every `wrt`, the sum over r of ``_bar_<r>`` times dr/dp. Of a name that is read and returned, the
        ``_bar_`` that comes in is of the new value, the one returned of the old value. Or ``<block>_jvp``:
        the block's parameters, then ``_dot_<p>`` for every `wrt`; returns ``_dot_<r>`` for every `of`.
    helpers : dict of str to Function
        Derivatives of helpers, bodies of loops and theirs, partial derivatives; by name.
    wrt, of : tuple of str
        Parameters and returns, in the function's order; elements of arrays as ``x__0``.
    lost : tuple of str
        Derivatives that end in an effect on events: ``"net_send delay in receive, line 12"``.
    """

    function: Function
    helpers: dict[str, Function]
    wrt: tuple[str, ...]
    of: tuple[str, ...]
    lost: tuple[str, ...] = ()


def vjp(
    template: MechTemp, block: str, wrt: Collection[str], of: Collection[str] | None = None
) -> Derivative:
    """The vector-Jacobian product of a block: adjoints of what it returns -> adjoints of what it reads.

    Parameters
    ----------
    wrt : collection of str
        What to differentiate by; names that the block does not read are passed over. An array stands for all
        its elements.
    of : collection of str, optional
        Returned names to differentiate; all of them if not given.

    Raises
    ------
    MechanismError
        With its line, for what cannot be differentiated, and for names the mechanism does not have.
    """
    return _Writer(template, block, "vjp").write(wrt, of)


def jvp(
    template: MechTemp, block: str, wrt: Collection[str], of: Collection[str] | None = None
) -> Derivative:
    """The Jacobian-vector product of a block: tangents of what it reads -> tangents of what it returns.

    Parameters and errors as for `vjp`.
    """
    return _Writer(template, block, "jvp").write(wrt, of)


def text(derivative: Derivative) -> str:
    """All functions of a derivative as Python, helpers first."""
    notes = [f"# not differentiated: {x}" for x in derivative.lost]
    parts = ["\n".join(notes)] if notes else []
    parts += [f.text.strip() for f in (*derivative.helpers.values(), derivative.function)]
    return "\n\n\n".join(parts) + "\n"


@lru_cache(maxsize=32)
def _scope(template: MechTemp) -> Scope:
    return Scope(template)


class _Writer:
    def __init__(self, template: MechTemp, block: str, mode: str) -> None:
        if block not in template.functions:
            raise MechanismError(
                f"{template.name} has no block {block!r}; {nearest(block, template.functions)}",
                mechanism=template.name,
            )
        self.template, self.block, self.mode = template, block, mode
        self.scope = _scope(template)
        self.helpers: dict[str, Function] = {}

    def write(self, wrt: Collection[str], of: Collection[str] | None) -> Derivative:
        block = self.template.functions[self.block]
        graph = self.scope.block(self.block)
        sizes = self.template.array_sizes
        returned = expanded(block.returns, sizes)
        inputs = [p for p in graph.params if p in self._wanted(wrt, readable(self.template))]
        chosen = self._wanted(block.returns if of is None else of, block.returns)
        outputs = [r for r in returned if r in chosen]
        args = [graph.params.index(p) for p in inputs]
        results = [returned.index(r) for r in outputs]
        write = self._vjp if self.mode == "vjp" else self._jvp
        function = write(graph, f"{self.block}_{self.mode}", args, results, inputs, outputs)
        lost = tuple(activity.lost(graph, args, self.scope))
        return Derivative(function, self._sorted(function), tuple(inputs), tuple(outputs), lost)

    def _wanted(self, names: Collection[str], legal: Iterable[str]) -> set[str]:
        """Names asked for, arrays by their elements; streams and lists have no derivative."""
        sizes = self.template.array_sizes
        known = set(legal)
        known |= {element(n, k) for n in known & set(sizes) for k in range(sizes[n])}
        for n in names:
            if n not in known:
                what = f"{self.template.name}: {self.block} cannot be differentiated with {n!r}"
                raise MechanismError(
                    f"{what}; {nearest(n, known)}",
                    mechanism=self.template.name,
                    variable=n,
                )
        return set(expanded(names, sizes)) - set(self.template.random) - set(self.template.lists)

    # --- blocks

    def _vjp(
        self,
        graph: Graph,
        name: str,
        args: list[int],
        results: list[int],
        inputs: list[str],
        outputs: list[str],
    ) -> Function:
        extra, back = [f"_bar_{r}" for r in outputs], [f"_bar_{p}" for p in inputs]
        writer = self._reverse(graph, args, results, {*extra, *back})
        seeds: list[ast.expr | None] = [None] * len(graph.results)
        for k, n in zip(results, extra, strict=True):
            seeds[k] = terms.name(n)
        body, bars = writer.run(seeds)
        values = [writer.total(bars, p, body) for p in inputs]
        body += _finals(back, values, writer.names, writer.passing)
        doc = f"Adjoints of what {self.block} returns -> adjoints of what it reads."
        return self._function(graph, name, extra, body, [terms.name(n) for n in back], writer.passing, doc)

    def _jvp(
        self,
        graph: Graph,
        name: str,
        args: list[int],
        results: list[int],
        inputs: list[str],
        outputs: list[str],
    ) -> Function:
        extra, ahead = [f"_dot_{p}" for p in inputs], [f"_dot_{r}" for r in outputs]
        writer = self._forward(graph, args, results, {*extra, *ahead})
        seeds: list[ast.expr | None] = [None] * len(graph.params)
        for k, n in zip(args, extra, strict=True):
            seeds[k] = terms.name(n)
        body, dots = writer.run(seeds)
        body += _finals(ahead, [dots[k] for k in results], writer.names, writer.passing)
        doc = f"Tangents of what {self.block} reads -> tangents of what it returns."
        return self._function(graph, name, extra, body, [terms.name(n) for n in ahead], writer.passing, doc)

    def _reverse(self, graph: Graph, args: list[int], results: list[int], reserved: set[str]) -> Reverse:
        active, names = self._active(graph, args, results, reserved)
        return Reverse(graph, self.scope, active, names, self.derive)

    def _forward(self, graph: Graph, args: list[int], results: list[int], reserved: set[str]) -> Forward:
        active, names = self._active(graph, args, results, reserved)
        return Forward(graph, self.scope, active, names, self.derive)

    def _active(
        self, graph: Graph, args: list[int], results: list[int], reserved: set[str]
    ) -> tuple[set[str], terms.Names]:
        names = graph.names.copy()
        names.taken |= reserved
        return activity.active(graph, self.scope, args, results), names

    def _function(
        self,
        graph: Graph,
        name: str,
        extra: list[str],
        body: list[ast.stmt],
        results: list[ast.expr],
        passing: Collection[str],
        doc: str,
    ) -> Function:
        out = emit.function(graph, self.scope, name, extra, body, results, passing, doc)
        self._need(out)
        return out

    def _need(self, f: Function) -> None:
        """The bodies of loops and the partial derivatives that a function calls."""
        for n in sorted(f.calls - set(self.helpers)):
            if n in partials.SLOPES:
                self.helpers[n] = partials.slope_function(n)
            elif n in self.scope.helpers and n not in self.template.helpers:
                self.helpers[n] = emit.body_of_loop(n, self.scope)
                self._need(self.helpers[n])

    # --- helpers

    def derive(self, helper: str, args: Collection[int], results: Collection[int]) -> str:
        """Write the derivative of a helper, once; its name."""
        graph = self.scope.graph(helper)
        every = range(len(graph.params)), range(len(graph.results))
        if helper in {t.function for t in self.template.tables}:
            args, results = every
        name = f"{helper}_{self.mode}"
        if set(args) != set(every[0]) or set(results) != set(every[1]):
            name += f"_{_mask(args)}_{_mask(results)}"
        while name in self.template.helpers or name in self.template.functions:
            name += "_"
        if name not in self.helpers:
            write = self._helper_vjp if self.mode == "vjp" else self._helper_jvp
            self.helpers[name] = write(graph, name, list(args), list(results))
        return name

    def _helper_vjp(self, graph: Graph, name: str, args: list[int], results: list[int]) -> Function:
        extra = [f"_bar_{k}" for k in range(len(graph.results))]
        writer = self._reverse(graph, args, results, set(extra))
        seeds = [terms.name(n) if k in results else None for k, n in enumerate(extra)]
        body, bars = writer.run(seeds)
        values = [
            writer.total(bars, p, body) if k in args else terms.number(0.0)
            for k, p in enumerate(graph.params)
        ]
        doc = f"Adjoints of the results of {graph.source.name} -> adjoints of its arguments."
        return self._function(graph, name, extra, body, values, writer.passing, doc)

    def _helper_jvp(self, graph: Graph, name: str, args: list[int], results: list[int]) -> Function:
        extra = [f"_dot_{p}" for p in graph.params]
        writer = self._forward(graph, args, results, set(extra))
        seeds = [terms.name(n) if k in args else None for k, n in enumerate(extra)]
        body, dots = writer.run(seeds)
        values = [d if k in results else terms.number(0.0) for k, d in enumerate(dots)]
        doc = f"Tangents of the arguments of {graph.source.name} -> tangents of its results."
        return self._function(graph, name, extra, body, values, writer.passing, doc)

    def _sorted(self, top: Function) -> dict[str, Function]:
        """The helpers that are called, each behind those it calls."""
        out: dict[str, Function] = {}

        def visit(f: Function) -> None:
            for n in sorted(f.calls & set(self.helpers)):
                if n not in out:
                    visit(self.helpers[n])
                    out[n] = self.helpers[n]

        visit(top)
        return out


def readable(template: MechTemp) -> set[str]:
    """Names that blocks of a mechanism may read."""
    return {
        *template.instance_names, *template.globals_, *template.ion_names, *template.pointers,
        *template.lists, *template.weights, *SCALARS, *NODE, "flag",
    }  # fmt: skip


def _mask(numbers: Collection[int]) -> str:
    return f"{sum(1 << k for k in numbers):x}"


def _finals(
    targets: list[str], values: list[ast.expr], names: terms.Names, passing: set[str]
) -> list[ast.stmt]:
    """Assignments of the results; a value that reads a result set before it is kept first."""
    first: list[ast.stmt] = []
    out: list[ast.stmt] = []
    done: set[str] = set()
    for t, v in zip(targets, values, strict=True):
        if terms.reads(v) & done:
            kept = names.numbered("_b")
            passing.add(kept)
            first.append(terms.assign([kept], v))
            v = terms.name(kept)
        if not (isinstance(v, ast.Name) and v.id == t):
            out.append(terms.assign([t], v))
        done.add(t)
    return [*first, *out]
