"""A step as kernels: which loops run side by side, and which must wait for one another.

A stage is a tuple of kernels that may run at the same time; stages follow each other in NEURON's order
(`heliox.solver.step`). A kernel over instances works on several mechanisms that do not touch each other's
variables; one over nodes walks through the mechanisms of a node in model order, so that sums of a node are
formed by one thread.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from heliox.kernels.context import Context
from heliox.kernels.instance_loop import InstanceWriter


@dataclass(frozen=True)
class Part:
    """One block of one mechanism in a kernel.

    ``how``: ``"each"`` (a thread an instance), ``"serial"`` (one thread a group), ``"point"`` (a thread an
    instance, results into the scratch), ``"sum"`` (of a node's instances from there), ``"node"`` (what lies
    at most once on a node), ``"diffuse"``.
    """

    mechanism: int
    block: str
    how: str


@dataclass(frozen=True)
class Kernel:
    """``over``: ``"instances"`` or ``"nodes"``; ``first``, ``last``: of the kernels over nodes of a step."""

    name: str
    over: str
    parts: tuple[Part, ...]
    first: bool = False
    last: bool = False


Stages = tuple[tuple[Kernel, ...], ...]


def of_block(stages: Stages, block: str) -> Stages:
    """Those stages that run one block."""
    return tuple(stage for stage in stages if all(p.block == block for k in stage for p in k.parts))


class Stager:
    """Finds the stages of a program; each mechanism has kernels of its own where not `together`.

    `spread`: currents of all mechanisms are computed side by side, and then summed at the nodes, which
    shortens the way through a step and takes more memory traffic.
    """

    def __init__(self, context: Context, *, together: bool = True, spread: bool = False) -> None:
        self.context, self.together, self.spread = context, together, spread
        self.mechanisms = context.program.mechanisms
        self._number = 0

    def writer(
        self, k: int, block: str, unread: Mapping[str, Collection[str]] | None = None
    ) -> InstanceWriter:
        return InstanceWriter(self.context, self.mechanisms[k], block, unread)

    def first_half(self) -> Stages:
        """From `before_breakpoint` to the couplings along the cable; the solution is another kernel."""
        currents = (self.spread and self._spread_currents()) or self._currents()
        return (*self.blocks("before_breakpoint"), *currents)

    def second_half(self) -> Stages:
        """From `state` to `before_step`."""
        last = (*self.blocks("after_solve"), *self.blocks("before_step"))
        return (*self.blocks("state"), *self._diffusion(), *last)

    def blocks(self, block: str) -> Stages:
        """Stages of a block of all mechanisms that have it."""
        levels: list[list[Part]] = []
        seen: list[tuple[int, set[str], set[str]]] = []  # level, ion variables read, set
        floor = 0
        for k in self._having(block):
            w = self.writer(k, block)
            read, written = w.reads, w.writes
            if w.fenced:
                level = floor = len(levels)
                floor += 1
            else:
                after = [x for x, r, s in seen if written & (r | s) or read & s]
                level = max([floor, *(x + 1 for x in after)])
            seen.append((level, read, written))
            levels += [[] for _ in range(level + 1 - len(levels))]
            levels[level].append(Part(k, block, "serial" if w.alone else "each"))
        return tuple(self._over_instances(block, parts) for parts in levels)

    def _having(self, block: str) -> Iterable[int]:
        found = [
            k
            for k, m in enumerate(self.mechanisms)
            if block in m.template.functions and m.template.name != "capacitance"
        ]
        if block == "initial":  # artificial cells come after everything on nodes
            found.sort(key=lambda k: self.mechanisms[k].template.kind == "artificial")
        return found

    def _over_instances(self, name: str, parts: Iterable[Part]) -> tuple[Kernel, ...]:
        pieces = [tuple(parts)] if self.together else [(p,) for p in parts]
        out = []
        for piece in pieces:
            out.append(Kernel(f"{name}_{self._number}", "instances", piece))
            self._number += 1
        return tuple(out)

    def _diffusion(self) -> Stages:
        parts = [
            Part(k, x.function, "diffuse")
            for k, m in enumerate(self.mechanisms)
            for x in m.template.diffusion
        ]
        return tuple(self._over_instances("diffuse", [p]) for p in parts)

    def _spread_currents(self) -> Stages | None:
        """Pools and what reads no ion's variables; what does; sums at nodes. None if that is not enough."""
        early: list[Part] = []
        late: list[Part] = []
        sums: list[Part] = []
        writers = {k: self.writer(k, "current") for k in self._having("current")}
        added = {n for w in writers.values() for n in w.ion_currents if w.accumulates}
        for k, w in writers.items():
            if w.fenced or (w.accumulates and (w.ion_sets or added & set(w.ion_reads))):
                return None
            if not w.accumulates:
                early.append(Part(k, "current", "each"))
                continue
            (late if w.ion_reads else early).append(Part(k, "current", "point"))
            sums.append(Part(k, "current", "sum"))
        stages = [self._over_instances("current", parts) for parts in (early, late) if parts]
        return (*stages, (Kernel("nodes_0", "nodes", tuple(sums), True, True),))

    def _currents(self) -> Stages:
        """Currents in model order.

        Point processes that read no ion's variables are computed beside what comes first; sums are formed
        at the nodes in model order all the same.
        """
        early: list[Part] = []
        out: list[tuple[Kernel, ...]] = []
        segment: list[Part] = []
        places: list[int] = []  # of kernels over nodes in `out`
        late: list[Part] = []  # computed right before the open segment, which begins with their sums
        written: set[str] = set()  # what they add to
        fenced = False

        def close() -> None:
            places.append(len(out))
            out.append((Kernel(f"nodes_{len(places) - 1}", "nodes", tuple(segment)),))
            segment.clear()
            late.clear()
            written.clear()

        for k in self._having("current"):
            m, w = self.mechanisms[k], self.writer(k, "current")
            if w.fenced:
                close()
                fenced = True
                how = "serial" if w.alone or m.template.kind == "point" else "each"
                out.append(self._over_instances("current", [Part(k, "current", how)]))
            elif m.template.kind == "point":
                part = Part(k, "current", "point")
                if not (w.ion_reads or fenced):
                    early.append(part)
                elif late and len(segment) == len(late) and not written & set(w.ion_reads):
                    late.append(part)
                    written |= set(w.ion_writes)
                    out[-1] = self._over_instances("current", late)
                else:
                    close()
                    late.append(part)
                    written |= set(w.ion_writes)
                    out.append(self._over_instances("current", late))
                segment.append(Part(k, "current", "sum"))
            else:
                segment.append(Part(k, "current", "node"))
        close()
        for place in places:
            (kernel,) = out[place]
            ends = place == places[0], place == places[-1]
            out[place] = (Kernel(kernel.name, "nodes", kernel.parts, *ends),)
        if early:
            out.insert(0, self._over_instances("current", early))
        return tuple(out)
