"""One more point process in a frozen model."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from heliox.errors import ModelError, UnsupportedError
from heliox.frontend.instances import KIND, check_place, instance_values, pools, template_of
from heliox.frontend.order import promoted_style
from heliox.frontend.styles import roles
from heliox.frontend.wheel import in_order
from heliox.mechanisms import catalogue
from heliox.mechanisms.template import MechTemp
from heliox.model import paths
from heliox.model.model import Mechanism, Model
from heliox.model.names import Names
from heliox.model.tree import check


def with_point(model: Model, mechanism: str | MechTemp, place: str, **values: float) -> Model:
    """The model with one more point process, which gets the next free number: ``IClamp[k]``.

    Parameters
    ----------
    model : Model
        It stays as it is.
    mechanism : str or MechTemp
        ``"IClamp"``, ``"ExpSyn"``, ...
    place : str
        ``"soma[0](0.5)"``.
    **values : float
        Its variables; the others have their defaults, and then what its INITIAL block makes of them at the
        model's voltage and time.

    Raises
    ------
    MechanismError
        If there is no such mechanism.
    ModelError
        If it is no point process, or there is no such place or variable.
    UnsupportedError
        If its INITIAL block sends events or draws random numbers.
    """
    name = mechanism if isinstance(mechanism, str) else mechanism.name
    known = model.definitions.get(name)
    template = template_of(mechanism) if known is None else catalogue.resolve(known)
    if template.kind != "point":
        raise ModelError(f"{name} is {KIND[template.kind]}; with_point adds point processes", mechanism=name)
    node = Names(model).node(place)
    check_place(template, paths.parse_place(place)[1])
    given = instance_values(template, values)
    for ion, pool in pools([template]).items():
        for beside in _segments(model, node):
            model = _with_pool(model, pool, beside, (0, 0))
        model = _with_pool(model, pool, node, _role(template, ion.removesuffix("_ion")))
    here, globals_ = _surroundings(model, template, node)
    given.update(_initial(template, {**given, **globals_, **here}))
    model, m = _with_mechanism(model, template, globals_)
    numbers = model.mechanisms[m].number
    return check(_inserted(model, m, node, given, number=int(numbers.max(initial=-1)) + 1))


def _role(t: MechTemp, ion: str) -> tuple[int, int]:
    return roles(ion, t.ions[ion])


def _segments(model: Model, node: int) -> list[int]:
    """The segments of a node's section: NEURON gives all of them the ion that a point process needs."""
    n = model.nodes
    in_section = (n.section == n.section[node]) & (n.x > 0.0) & (n.x < 1.0)
    return np.flatnonzero(in_section).tolist()


def _surroundings(model: Model, t: MechTemp, node: int) -> tuple[dict[str, float], dict[str, float]]:
    """What a block may read besides its instance: node, time, ions; and the mechanism's globals."""
    n, s = model.nodes, model.settings
    here = {
        "v": float(n.v[node]), "area": float(n.area[node]), "diam": float(n.diam[node]),
        "t": s.t, "dt": s.dt, "celsius": s.celsius,
    }  # fmt: skip
    for variable, ion in t.ion_names.items():
        pool = model.mechanism(f"{ion}_ion")
        here[variable] = float(pool.values[variable][np.searchsorted(pool.node, node)])
    globals_: dict = {g: v.default for g, v in t.globals_.items()} | ({"usetable": 1.0} if t.tables else {})
    if t.name in model._mechanism_index:
        globals_ = dict(model.mechanism(t.name).globals)
    return here, globals_


def _initial(t: MechTemp, known: Mapping[str, float | NDArray]) -> dict[str, NDArray]:
    """What the INITIAL block makes of an instance.

    Its text has passed the checks of every mechanism: arithmetic and calls of such functions, nothing else.
    """
    block = t.functions.get("initial")
    if block is None:
        return {}
    if t.effects("initial") or set(t.random) & set(block.params):
        raise UnsupportedError(
            f"the INITIAL block of {t.name} sends events or draws random numbers; place it before the freeze",
            mechanism=t.name,
        )
    body: list[ast.stmt] = [*(f.tree for f in t.helpers.values()), block.tree]
    space = {**vars(math), "exprelr": _exprelr, **t.constants, "__builtins__": _BUILTINS}
    exec(compile(ast.fix_missing_locations(ast.Module(body, [])), f"<{t.name}>", "exec"), space)
    arguments = [np.asarray(known[p]).tolist() for p in block.params]
    result = space["initial"](*arguments)
    results = result if len(block.returns) > 1 else (result,)
    return {n: np.array(x, float) for n, x in zip(block.returns, results) if n in t.instance_names}


_BUILTINS: dict[str, Callable] = {"abs": abs, "min": min, "max": max, "range": range}


def _exprelr(x: float) -> float:
    return 1.0 if 1.0 + x == 1.0 else x / (math.exp(x) - 1.0)


# --- arrays


def _with_pool(model: Model, pool: MechTemp, node: int, role: tuple[int, int]) -> Model:
    """The model with an ion at a node, and its style raised by the roles of its new user."""
    globals_ = {g: float(v.default) for g, v in pool.globals_.items()}
    model, m = _with_mechanism(model, pool, globals_)
    old = model.mechanisms[m]
    at = int(np.searchsorted(old.node, node))
    if at == len(old) or old.node[at] != node:
        style = promoted_style(0, *role)
        values = instance_values(pool, {"style": float(style)})
        return _inserted(model, m, node, values, style=style)
    if role == (0, 0):
        return model
    style_words = old.style.copy()
    style_words[at] = promoted_style(int(style_words[at]), *role)
    column = {**old.values, "style": style_words.astype(float)}
    return _exchanged(model, m, replace(old, style=style_words, values=column))


def _with_mechanism(model: Model, t: MechTemp, globals_: Mapping) -> tuple[Model, int]:
    """The model with a mechanism, without instances if it is new, and its place in the order of execution."""
    if t.name in model._mechanism_index:
        return model, model.mechanism_index(t.name)
    order = [x.name for x in in_order([*map(catalogue.resolve, model.definitions.values()), t])]
    later = set(order[order.index(t.name) :])
    m = next((k for k, x in enumerate(model.mechanisms) if x.name in later), len(model.mechanisms))
    sizes = {n: v.size for n, v in t.instance_names.items()} | dict.fromkeys(t.random, 4)
    values = {n: np.empty((0, size) if size > 1 else 0) for n, size in sizes.items()}
    new = Mechanism(t.name, t.kind, np.empty(0, np.int32), values, globals_)
    return (
        model.replace(
            mechanisms=(*model.mechanisms[:m], new, *model.mechanisms[m:]),
            definitions={**model.definitions, t.name: catalogue.define(t)},
            **_moved(model, lambda k, i: (k + (k >= m), i)),
        ),
        m,
    )


def _inserted(
    model: Model, m: int, node: int, values: Mapping[str, NDArray],
    number: int | None = None, style: int | None = None,
) -> Model:  # fmt: skip
    """The model with one more instance, before others of its mechanism on that node, as NEURON has it."""
    old = model.mechanisms[m]
    at = int(np.searchsorted(old.node, node))
    new = replace(
        old,
        node=np.insert(old.node, at, node),
        values={n: np.insert(x, at, values[n], axis=0) for n, x in old.values.items()},
        number=old.number if number is None else np.insert(old.number, at, number),
        style=old.style if style is None else np.insert(old.style, at, style),
    )
    model = model.replace(**_moved(model, lambda k, i: (k, i + ((k == m) & (i >= at)))))
    return _exchanged(model, m, new)


def _exchanged(model: Model, m: int, new: Mechanism) -> Model:
    return model.replace(mechanisms=(*model.mechanisms[:m], new, *model.mechanisms[m + 1 :]))


def _moved(model: Model, move: Callable) -> dict[str, object]:
    """Sources, connections and events whose (mechanism, instance) are moved."""
    out: dict[str, object] = {}
    for part, instance in (("sources", "index"), ("connections", "instance"), ("events", "instance")):
        thing = getattr(model, part)
        k, i = move(thing.mechanism, getattr(thing, instance))
        mechanism = np.where(thing.mechanism < 0, -1, k).astype(np.int32)
        index = np.where(thing.mechanism < 0, getattr(thing, instance), i).astype(np.int32)
        out[part] = replace(thing, **{"mechanism": mechanism, instance: index})
    return out


Model._add_point = staticmethod(with_point)
