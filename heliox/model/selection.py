"""Which instances of a variable are meant: regions, places, objects, functions of names, masks, positions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from heliox.errors import ModelError
from heliox.model.paths import CONNECTION, parse_numbers, split_pattern

if TYPE_CHECKING:
    from heliox.model.names import Names
    from heliox.model.variable import Variable

Where = str | Sequence | Callable | NDArray | slice | int | None


def indices(names: Names, whole: Variable, where: Where) -> NDArray[np.intp]:
    """Indices of nodes, instances or connections of `whole` that `where` means.

    Parameters
    ----------
    names : Names
    whole : Variable
        The variable everywhere; not a global.
    where : see `Names.select`, not None

    Raises
    ------
    ModelError
        If something named does not exist, or nothing is selected.
    """
    if callable(where):
        chosen = whole.indices[positions(where(whole.names), len(whole))]
    elif isinstance(where, str):
        chosen = np.flatnonzero(_pattern(names, whole, where))
    elif isinstance(where, list | tuple) and where and all(isinstance(p, str) for p in where):
        chosen = np.flatnonzero(np.logical_or.reduce([_pattern(names, whole, p) for p in where]))
    else:
        chosen = positions(where, _count(names, whole))
    if not len(chosen):
        raise ModelError(f"nothing of {names.label(whole)} is selected.", variable=whole.name)
    _check_weights(names, whole, chosen)
    return chosen


def positions(where: object, n: int) -> NDArray[np.intp]:
    """Indices from a mask (n,), in the order given from integers, or from a slice.

    Raises
    ------
    ModelError
        If it is none of them, has the wrong length, leaves -n..n-1, or names an index twice.
    """
    if isinstance(where, slice):
        return np.arange(n)[where]
    try:
        array = np.atleast_1d(np.asarray(where))
    except ValueError:  # a ragged list
        array = np.empty(0, object)
    if array.dtype == bool:
        if array.shape != (n,):
            raise ModelError(f"the mask has shape {array.shape}; it must be ({n},).")
        return np.flatnonzero(array)
    if not array.size and array.dtype.kind == "f":  # np.asarray([])
        return np.empty(0, np.intp)
    if array.dtype.kind not in "iu" or array.ndim != 1:
        raise ModelError(
            "`where` is the name of a region, section, place, cell or object, a list of names, a function of "
            f"the names, a mask, or integers; not {type(where).__name__} of {array.dtype}."
        )
    if not -n <= int(array.min()) <= int(array.max()) < n:
        raise ModelError(
            f"positions go from 0 to {n - 1}, not from {int(array.min())} to {int(array.max())}."
        )
    chosen = np.arange(n)[array]
    if len(np.unique(chosen)) != len(chosen):
        raise ModelError("`where` names a position twice.")
    return chosen


def _check_weights(names: Names, whole: Variable, chosen: NDArray[np.intp]) -> None:
    if whole.kind != "connection" or whole.name != "weight":
        return
    short = chosen[names.weight_counts[chosen] <= whole.element]
    if len(short):
        number, count = names.model.connections.number[short[0]], names.weight_counts[short[0]]
        raise ModelError(
            f"{CONNECTION}[{number}] has {count} weights, none at {whole.element}.", variable="weight"
        )


def _pattern(names: Names, whole: Variable, pattern: str) -> NDArray[np.bool_]:
    """Mask of what one pattern names, over all that the variable could have; never empty."""
    numbered = parse_numbers(pattern)
    if numbered and numbered[0] in {CONNECTION, *names.objects}:
        mask = _objects_mask(names, whole, *numbered)
    else:
        mask = _region_mask(names, whole, pattern)
    if not mask.any():
        where = names.places.regions(_nodes(names, whole)) if whole.kind != "node" else ""
        raise ModelError(
            f"nothing of {names.label(whole)} is in {pattern!r}{f'; it is in: {where}' if where else ''}.",
            variable=whole.name, where=pattern,
        )  # fmt: skip
    return mask


def _region_mask(names: Names, whole: Variable, pattern: str) -> NDArray[np.bool_]:
    model, places = names.model, names.places
    section, x = split_pattern(pattern)
    sections = places.matching(section)
    at = np.zeros(len(model.nodes) + 1, bool)  # the last stands for node -1: no place
    if x is not None:
        at[places.at_each(np.flatnonzero(sections), x)] = True
    else:
        at[:-1] = sections[places.owner] & (places.owner >= 0)
        if whole.kind == "node":  # the segments, as in `for seg in sec`
            at[:-1] &= (model.nodes.section >= 0) & (model.nodes.x > 0) & (model.nodes.x < 1)
    return at[_nodes(names, whole)]


def _objects_mask(
    names: Names, whole: Variable, name: str, first: int, stop: int | None
) -> NDArray[np.bool_]:
    """What the objects ``name[first:stop]`` are, drive (connections to them), or share a node with."""
    model = names.model
    if name == CONNECTION and whole.kind != "connection":
        raise ModelError(f"{CONNECTION} selects connections, not {names.label(whole)}.", where=name)
    m = -1 if name == CONNECTION else model.mechanism_index(name)
    number = model.connections.number if m < 0 else model.mechanisms[m].number
    chosen = (number >= first) & (number < (np.inf if stop is None else stop))
    if m == whole.mechanism and (m >= 0 or whole.kind == "connection"):
        return chosen
    if whole.kind == "connection":
        to = model.connections.mechanism == m
        return to & np.append(chosen, False)[np.where(to, model.connections.instance, -1)]
    at = np.zeros(len(model.nodes) + 1, bool)
    at[model.mechanisms[m].node[chosen]] = True
    at[-1] = False
    return at[_nodes(names, whole)]


def _nodes(names: Names, whole: Variable) -> NDArray[np.int32]:
    """Node of every instance of the variable's owner, of a connection its target's; -1 if there is none."""
    model = names.model
    if whole.kind == "node":
        return np.arange(len(model.nodes), dtype=np.int32)
    if whole.kind == "mechanism":
        return model.mechanisms[whole.mechanism].node
    to, instance = model.connections.mechanism, model.connections.instance
    nodes = np.full(len(to), -1, np.int32)
    for m in np.unique(to[to >= 0]).tolist():
        nodes[to == m] = model.mechanisms[m].node[instance[to == m]]
    return nodes


def _count(names: Names, whole: Variable) -> int:
    if whole.kind == "mechanism":
        return len(names.model.mechanisms[whole.mechanism])
    return len(names.model.nodes if whole.kind == "node" else names.model.connections)
