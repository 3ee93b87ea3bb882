"""The functions of a mechanism as graphs, each made once, with what depends on what in them."""

from __future__ import annotations

from heliox.mechanisms import activity
from heliox.mechanisms.arrays import scalarise
from heliox.mechanisms.build import build
from heliox.mechanisms.graph import Graph, Place
from heliox.mechanisms.normalise import Normal, Source, normalise
from heliox.mechanisms.subset import EFFECTS, LISTS, MATH, RANDOM, Function
from heliox.mechanisms.template import MechTemp


class Scope:
    """What the derivatives of one mechanism share.

    Attributes
    ----------
    helpers : dict
        Name -> source, of the mechanism's helpers and of the bodies of loops.
    """

    def __init__(self, template: MechTemp) -> None:
        self.template = template
        self.helpers: dict[str, Source] = {n: self._source(f) for n, f in template.helpers.items()}
        self.reserved = {*template.helpers, *template.constants, *template.array_sizes}
        self.reserved |= {*MATH, *RANDOM, *EFFECTS, *LISTS, "range"}
        self._normals: dict[str, Normal] = {}
        self._graphs: dict[str, Graph] = {}
        self._matrices: dict[str, list[frozenset[int]]] = {}
        self._open: set[str] = set()
        self._special = self._callers(
            {n for n, f in template.helpers.items() if f.calls & {*RANDOM, *EFFECTS}}
        )

    def _source(self, f: Function) -> Source:
        return Source(f.name, scalarise(f.tree, self.template.array_sizes), f)

    def _callers(self, out: set[str]) -> set[str]:
        while True:
            more = {n for n, f in self.template.helpers.items() if f.calls & out} - out
            if not more:
                return out
            out |= more

    def inlined(self, helper: str) -> bool:
        """Whether calls of a helper are replaced by its text: it draws random numbers or sends events.

        Every number must be drawn exactly once, in the order of the block.
        """
        return helper in self._special

    def source(self, helper: str) -> Source:
        return self.helpers[helper]

    def normal(self, helper: str) -> Normal:
        if helper not in self._normals:
            self._normals[helper] = self._normalised(self.helpers[helper])
        return self._normals[helper]

    def _normalised(self, source: Source) -> Normal:
        out = normalise(source, self.template.constants)
        self.helpers |= out.bodies
        return out

    def block(self, name: str) -> Graph:
        """The graph of a block; its results are its returned names."""
        source = self._source(self.template.functions[name])
        return build(source, self._normalised(source), self, self.reserved)

    def graph(self, helper: str, place: Place | None = None) -> Graph:
        """The graph of a helper or of the body of a loop; `place` is where it is called."""
        if helper in self._graphs:
            return self._graphs[helper]
        source = self.helpers[helper]
        if helper in self._open:
            raise (place or Place(source.origin, source.tree)).fail(f"{helper} calls itself")
        self._open.add(helper)
        try:
            self._graphs[helper] = build(source, self.normal(helper), self, self.reserved)
        finally:
            self._open.discard(helper)
        return self._graphs[helper]

    def constants(self, graph: Graph) -> dict[str, float]:
        """Constants of the module that no parameter hides."""
        return {n: x for n, x in self.template.constants.items() if n not in graph.params}

    def matrix(self, helper: str) -> list[frozenset[int]]:
        """For every result of a helper the parameters, by number, on which it depends differentiably."""
        if helper not in self._matrices:
            graph = self.graph(helper)
            depends = activity.dependence(graph, self)
            self._matrices[helper] = [activity.of(r, depends) for r in graph.results]
        return self._matrices[helper]
