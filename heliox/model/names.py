"""Names <-> indices: ``"L5PC[0].apic[3](0.5).hh.gnabar"`` <-> mechanism, variable, instance.

Everything is made when first asked for, and nothing is kept per node but NumPy arrays.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from heliox.errors import ModelError, nearest
from heliox.model import selection
from heliox.model.model import Model
from heliox.model.paths import CONNECTION, Reference, parse, parse_numbers
from heliox.model.places import Places, some
from heliox.model.variable import (
    CONNECTION_VARIABLES,
    NODE_VARIABLES,
    SETTINGS,
    Variable,
    is_object,
    stands_alone,
)

LISTED = 40  # a message lists all legal names if they are no more

__all__ = ["Names", "Reference", "Variable", "parse"]


class Names:
    """The names of a model's nodes, instances and variables.

    Parameters
    ----------
    model : Model
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self.places = Places(model)

    # --- nodes

    def location(self, node: int) -> str:
        """``"L5PC[0].apic[3](0.5)"``: x is NEURON's centre of the segment, 0 or 1 at the zero-area ends."""
        return self.places.location(node)

    def locations(self, nodes: Sequence[int] | NDArray[np.integer]) -> list[str]:
        """Locations of several nodes."""
        return self.places.locations(nodes)

    def node(self, place: str) -> int:
        """Node at a place such as ``"soma[0](0.5)"``, found as by `Places.node`; ModelError if none."""
        return self.places.node(place)

    # --- instances

    def instance(self, mechanism: int, k: int) -> str:
        """``"IClamp[0]"`` of a point process or artificial cell, else the location."""
        return self.instances(mechanism, np.array([k]))[0]

    def instances(self, mechanism: int, indices: NDArray[np.integer]) -> list[str]:
        """Names of several instances of one mechanism."""
        m = self.model.mechanisms[mechanism]
        indices = np.asarray(indices, np.intp)
        if indices.size and not 0 <= indices.min() <= indices.max() < len(m):
            raise ModelError(
                f"{m.name} has {len(m)} instances, none at {indices.tolist()[:4]}.", mechanism=m.name
            )
        if is_object(m):
            return [f"{m.name}[{number}]" for number in m.number[indices].tolist()]
        return self.locations(m.node[indices])

    def find(self, name: str, mechanism: str = "") -> tuple[int, int]:
        """(mechanism, instance) of ``"IClamp[0]"``, or of a place and a mechanism: `instance` reversed.

        Raises
        ------
        ModelError
            If there is no such instance.
        """
        numbered = parse_numbers(name) if isinstance(name, str) else None
        if not mechanism and numbered and numbered[2] == numbered[1] + 1:
            m = self.model.mechanism_index(numbered[0])
            return m, self._numbered(m, numbered[1])
        if not mechanism:
            raise ModelError(
                f"{name!r} is no numbered object; name a mechanism too, e.g. find(place, 'hh').", path=name
            )
        m = self.model.mechanism_index(mechanism)
        return m, self._placed(m, self.node(name))

    def _numbered(self, m: int, number: int) -> int:
        mech = self.model.mechanisms[m]
        order, numbers = self._by_number(m)
        k = int(np.searchsorted(numbers, number))
        if not is_object(mech) or k == len(numbers) or numbers[k] != number:
            legal = some(f"{mech.name}[{n}]" for n in numbers.tolist()) or "none"
            raise ModelError(
                f"the model has no {mech.name}[{number}]; it has {legal}", mechanism=mech.name, number=number
            )
        return int(order[k])

    def _placed(self, m: int, node: int) -> int:
        mech = self.model.mechanisms[m]
        found = self._at_node(m, node)
        if len(found) == 1:
            return int(found[0])
        place = self.location(node)
        if len(found):
            names = some(self.instances(m, found))
            raise ModelError(
                f"there are {len(found)} {mech.name} at {place}: {names}", mechanism=mech.name, place=place
            )
        there = some((x.name for k, x in enumerate(self.model.mechanisms) if len(self._at_node(k, node))), 12)
        elsewhere = self.places.regions(mech.node)
        raise ModelError(
            f"{mech.name} is not at {place}; there is {there or 'no mechanism'}. "
            + (f"{mech.name} is in: {elsewhere}." if elsewhere else f"{mech.name} is in no section."),
            mechanism=mech.name, place=place,
        )  # fmt: skip

    def _at_node(self, m: int, node: int) -> NDArray[np.intp]:
        order, nodes = self._by_node(m)
        return order[np.searchsorted(nodes, node) : np.searchsorted(nodes, node, "right")]

    def _by_node(self, m: int) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
        return self._sorted(("node", m), self.model.mechanisms[m].node)

    def _by_number(self, m: int) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
        if m < 0:
            return self._sorted(("number", m), self.model.connections.number)
        return self._sorted(("number", m), self.model.mechanisms[m].number)

    def _sorted(self, key: tuple[str, int], array: NDArray) -> tuple[NDArray[np.intp], NDArray]:
        if key not in self._orders:
            order = np.argsort(array, kind="stable")
            self._orders[key] = order, array[order]
        return self._orders[key]

    @cached_property
    def _orders(self) -> dict[tuple[str, int], tuple[NDArray[np.intp], NDArray]]:
        return {}

    # --- one variable

    def resolve(self, path: str) -> Variable:
        """The single variable that a path names.

        Parameters
        ----------
        path : str
            ``"soma[0](0.5).v"``, ``"soma(0.5).hh.m"``, ``"soma(0.5).m_hh"``, ``"soma(0.5).ena"``,
            ``"IClamp[0].amp"``, ``"NetCon[3].weight[0]"``, ``"celsius"``, ``"na_ion.nai0"``, ...
            A section may be named by an end of its name that no other has, without the last index too.

        Raises
        ------
        ModelError
            If the path names nothing or more than one thing; the message says what exists there.
        """
        ref = parse(path)
        if ref.x is not None:
            return self._resolve_place(ref, path)
        if ref.number is None:
            variable = self._whole(ref, path)
            if len(variable) != 1:
                few = dataclasses.replace(variable, indices=variable.indices[:3]).names
                raise ModelError(
                    f"{path!r} is {len(variable)} variables; name one of them, e.g. {some(few) or 'none'}.",
                    path=path,
                )
            return variable
        if ref.mechanism == CONNECTION:
            return self._resolve_connection(ref, path)
        if ref.mechanism not in self.objects:
            raise self._no_object(ref, path)
        m = self.model.mechanism_index(ref.mechanism)
        return self._of_mechanism(m, ref, path, lambda: self._numbered(m, ref.number or 0))

    def _resolve_place(self, ref: Reference, path: str) -> Variable:
        node = self.places.at(self.places.section(ref.section), ref.x or 0.0)
        if ref.mechanism:
            m = self._mechanism(ref.mechanism, path)
            return self._of_mechanism(m, ref, path, lambda: self._placed(m, node))
        if ref.variable in NODE_VARIABLES:
            return self._variable("node", -1, ref.variable, [node], ref, 1, path)
        hits = self._unsuffixed.get(ref.variable, [])
        if len(hits) > 1:
            hits = [hit for hit in hits if len(self._at_node(hit[0], node))] or hits[:1]
        if not hits:
            raise self._unknown(ref.variable, path, f"at {self.location(node)}", self._legal_at(node))
        if len(hits) > 1:
            names = some(f"{self.model.mechanisms[m].name}.{name}" for m, name in hits)
            raise ModelError(
                f"{path!r} may be {names}; name the mechanism.", path=path, variable=ref.variable
            )
        m, name = hits[0]
        k = self._placed(m, node)
        return self._variable("mechanism", m, name, [k], ref, self._size(m, name), path)

    def _of_mechanism(self, m: int, ref: Reference, path: str, instance: Callable[[], int]) -> Variable:
        kind, name = self._member(m, ref.variable, path)
        indices = [0] if kind == "global" else [instance()]
        return self._variable(kind, m, name, indices, ref, self._size(m, name), path)

    def _resolve_connection(self, ref: Reference, path: str) -> Variable:
        if ref.variable not in CONNECTION_VARIABLES:
            raise self._unknown(ref.variable, path, f"in {CONNECTION}", CONNECTION_VARIABLES)
        order, numbers = self._by_number(-1)
        k = int(np.searchsorted(numbers, ref.number or 0))
        if k == len(numbers) or numbers[k] != ref.number:
            legal = some(f"{CONNECTION}[{n}]" for n in numbers.tolist()) or "none"
            raise ModelError(
                f"the model has no {CONNECTION}[{ref.number}]; it has {legal}", path=path, number=ref.number
            )
        size = int(self.weight_counts[order[k]]) if ref.variable == "weight" else 1
        return self._variable("connection", -1, ref.variable, [int(order[k])], ref, size, path)

    # --- whole variables

    def select(self, variable: str, where: selection.Where = None) -> Variable:
        """A variable everywhere, or where asked for.

        Parameters
        ----------
        variable : str
            ``"v"``, ``"hh.gnabar"``, ``"ena"``, ``"ExpSyn.tau"``, ``"NetCon.weight"`` (the first weight),
            ``"NetCon.weight[1]"``, ``"celsius"``, ``"hh.usetable"``, ...; with `where` None also a
            path of one variable.
        where : optional
            * a region ``"soma"``, a section ``"apic[3]"``, a pattern ``"dend*"`` or ``"Cell[0].*"``, a cell
              ``"Cell[0]"``, a place ``"dend[3](0.5)"``: what lies there. Of nodes the segments, as in
              NEURON's ``for seg in sec``: the zero-area ends are ``"dend[3](1)"``. Of connections those whose
              target lies there;
            * objects ``"ExpSyn[2]"``, ``"ExpSyn[0:3]"`` (the stop is excluded), ``"NetCon[3]"``;
            * a list of those: what any of them names;
            * a function of the list of paths that returns a mask;
            * a mask, or positions, which stay in the order given.

        Returns
        -------
        Variable
            ``indices`` are in the model's order.

        Raises
        ------
        ModelError
            If something does not exist, or nothing is selected.
        """
        ref = parse(variable)
        if ref.x is not None or ref.number is not None:
            if where is not None:
                raise ModelError(f"{variable!r} already names one place; leave out `where`.", path=variable)
            return self.resolve(variable)
        whole = self._whole(ref, variable)
        if where is None:
            return whole
        if whole.kind == "global":
            raise ModelError(
                f"{variable!r} is one number for the whole model; leave out `where`.", path=variable
            )
        chosen = selection.indices(self, whole, where)
        return Variable(whole.kind, whole.mechanism, whole.name, chosen, whole.element, self)

    def _whole(self, ref: Reference, path: str) -> Variable:
        if ref.mechanism == CONNECTION:
            return self._whole_connections(ref, path)
        if ref.mechanism:
            m = self._mechanism(ref.mechanism, path)
            kind, name = self._member(m, ref.variable, path)
        elif ref.variable in NODE_VARIABLES:
            return self._variable("node", -1, ref.variable, np.arange(len(self.model.nodes)), ref, 1, path)
        elif ref.variable in SETTINGS:
            return self._variable("global", -1, ref.variable, [0], ref, 1, path)
        else:
            kind, m, name = self._bare(ref.variable, path)
        indices = [0] if kind == "global" else np.arange(len(self.model.mechanisms[m]))
        return self._variable(kind, m, name, indices, ref, self._size(m, name), path)

    def _bare(self, variable: str, path: str) -> tuple[str, int, str]:
        hits = [("mechanism", *hit) for hit in self._unsuffixed.get(variable, [])]
        hits += [("global", *hit) for hit in self._suffixed_globals.get(variable, [])]
        if len(hits) == 1:
            return hits[0]
        if hits:
            names = some(f"{self.model.mechanisms[m].name}.{name}" for _, m, name in hits)
            raise ModelError(f"{path!r} may be {names}; name the mechanism.", path=path, variable=variable)
        legal = [*NODE_VARIABLES, *SETTINGS, *self._unsuffixed, *self._suffixed_globals]
        raise self._unknown(variable, path, "in the model", legal)

    def _whole_connections(self, ref: Reference, path: str) -> Variable:
        if ref.variable not in CONNECTION_VARIABLES:
            raise self._unknown(ref.variable, path, f"in {CONNECTION}", CONNECTION_VARIABLES)
        if ref.variable != "weight":
            have = np.arange(len(self.model.connections)) if ref.variable == "delay" else self.watching
            return self._variable("connection", -1, ref.variable, have, ref, 1, path)
        most = int(self.weight_counts.max(initial=1))
        have = np.flatnonzero(self.weight_counts > (ref.element or 0))
        return self._variable("connection", -1, "weight", have, ref, most, path)

    # --- paths of variables

    def paths(self, variable: Variable) -> list[str]:
        """Full paths of a variable, one an index."""
        kind, m, name = variable.kind, variable.mechanism, variable.name
        if kind == "node":
            return [f"{place}.{name}" for place in self.locations(variable.indices)]
        if kind == "section":
            return [f"{self.model.sections.name[k]}.{name}" for k in variable.indices.tolist()]
        if kind == "connection":
            tail = f"weight[{variable.element}]" if name == "weight" else name
            return [
                f"{CONNECTION}[{k}].{tail}" for k in self.model.connections.number[variable.indices].tolist()
            ]
        if m < 0:
            return [name]
        mech = self.model.mechanisms[m]
        element = f"[{variable.element}]" if self._size(m, name) > 1 else ""
        if kind == "global":
            return [f"{mech.name}.{name.removesuffix('_' + mech.name)}{element}"]
        alone = is_object(mech) or self._unsuffixed.get(name) == [(m, name)]
        tail = f"{name}{element}" if alone else f"{mech.name}.{name}{element}"
        return [f"{instance}.{tail}" for instance in self.instances(m, variable.indices)]

    def label(self, variable: Variable) -> str:
        """``"hh.gnabar"``: the name of a variable everywhere, which `select` reads."""
        m, name = variable.mechanism, variable.name
        if variable.kind == "connection":
            return f"{CONNECTION}.{name}"
        if m < 0:
            return name
        element = f"[{variable.element}]" if self._size(m, name) > 1 else ""
        return f"{self.model.mechanisms[m].name}.{name}{element}"

    # --- tables of names

    @cached_property
    def objects(self) -> dict[str, int]:
        """Mechanisms whose instances have names of their own."""
        return {m.name: k for k, m in enumerate(self.model.mechanisms) if is_object(m)}

    @cached_property
    def _unsuffixed(self) -> dict[str, list[tuple[int, str]]]:
        """What may stand behind a place: ``cm``, ``ena``, ``m_hh``; -> (mechanism, variable)."""
        found: dict[str, list[tuple[int, str]]] = defaultdict(list)
        for k, m in enumerate(self.model.mechanisms):
            if not is_object(m):
                for name in m.values:
                    found[name if stands_alone(m) else f"{name}_{m.name}"].append((k, name))
        return dict(found)

    @cached_property
    def _suffixed_globals(self) -> dict[str, list[tuple[int, str]]]:
        found: dict[str, list[tuple[int, str]]] = defaultdict(list)
        for k, m in enumerate(self.model.mechanisms):
            for name in m.globals:
                found[f"{name.removesuffix('_' + m.name)}_{m.name}"].append((k, name))
        return dict(found)

    @cached_property
    def weight_counts(self) -> NDArray[np.int64]:
        """(connections,) how many weights each connection has."""
        return np.diff(self.model.connections.weight_ptr)

    @cached_property
    def watching(self) -> NDArray[np.intp]:
        """Connections whose source is a watched variable, and so has a threshold."""
        source = self.model.connections.source
        watched = np.array([*(name != "" for name in self.model.sources.variable), False], bool)
        return np.flatnonzero(watched[source])  # without a source: -1

    def _member(self, m: int, variable: str, path: str) -> tuple[str, str]:
        """(kind, key) of a variable of mechanism `m`."""
        mech = self.model.mechanisms[m]
        bare = variable.removesuffix(f"_{mech.name}")
        for name in (variable, f"{bare}_{mech.name}", bare):
            if name in mech.values:
                return "mechanism", name
            if name in mech.globals:
                return "global", name
        raise self._unknown(variable, path, f"in {mech.name}", [*mech.values, *mech.globals])

    def _size(self, m: int, name: str) -> int:
        mech = self.model.mechanisms[m]
        values = mech.values.get(name)
        if values is not None:
            return values.shape[1] if values.ndim == 2 else 1
        return int(np.size(mech.globals[name]))

    def _variable(
        self,
        kind: str,
        m: int,
        name: str,
        indices: Sequence[int] | NDArray,
        ref: Reference,
        size: int,
        path: str,
    ) -> Variable:
        """A Variable whose element is checked against `size`."""
        element = ref.element
        if element is None and size > 1 and kind != "connection":
            raise ModelError(
                f"{name} is an array of {size}; name one element, e.g. '{name}[0]'.", path=path, variable=name
            )
        element = element or 0
        if element >= size:
            raise ModelError(
                f"{path!r}: {name} has no element {element}; it has {size}.", path=path, variable=name
            )
        return Variable(kind, m, name, np.asarray(indices, np.intp), element, self)

    # --- messages

    def _mechanism(self, name: str, path: str) -> int:
        if name in self.model._mechanism_index:
            return self.model._mechanism_index[name]
        legal = [m.name for m in self.model.mechanisms] + [CONNECTION]
        raise ModelError(
            f"{path!r}: the model has no mechanism {name!r}; {nearest(name, legal)}",
            path=path,
            mechanism=name,
        )

    def _no_object(self, ref: Reference, path: str) -> ModelError:
        name = ref.mechanism
        if f"{name}[{ref.number}]" in self.places._by_suffix:
            place = f"{name}[{ref.number}](0.5).{ref.variable}"
            return ModelError(
                f"{path!r} names no place in the section; write e.g. {place!r}.", path=path, section=name
            )
        if name in self.model._mechanism_index:
            place = f"soma[0](0.5).{name}.{ref.variable}"
            return ModelError(
                f"{path!r}: {name} has no numbered instances; name a place, e.g. {place!r}.",
                path=path,
                mechanism=name,
            )
        legal = [*self.objects, CONNECTION]
        return ModelError(
            f"{path!r}: the model has no {name!r}; {nearest(name, legal)}", path=path, mechanism=name
        )

    def _unknown(self, variable: str, path: str, place: str, legal: Iterable[str]) -> ModelError:
        """There is no such variable: near names, all names of a short list, and who else has it."""
        legal = sorted(set(legal))
        owners = [m.name for m in self.model.mechanisms if variable in m.values or variable in m.globals]
        owner = f". It is a variable of {some(owners)}: write '{owners[0]}.{variable}'." if owners else ""
        near = nearest(variable, legal)
        if near.startswith("did you mean") and len(legal) <= LISTED:
            near += f" There are {', '.join(legal)}."
        return ModelError(
            f"{path!r}: there is no variable {variable!r} {place}{owner or '; ' + near}",
            path=path,
            variable=variable,
        )

    def _legal_at(self, node: int) -> list[str]:
        legal = list(NODE_VARIABLES)
        for k, m in enumerate(self.model.mechanisms):
            if not is_object(m) and len(self._at_node(k, node)):
                legal += list(m.values) if stands_alone(m) else [f"{m.name}.{name}" for name in m.values]
        return legal
