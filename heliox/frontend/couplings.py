"""What a network under construction says of single variables: which follow others, which follow a course."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heliox.errors import ModelError, nearest
from heliox.frontend.values import settable
from heliox.model import paths
from heliox.model.model import Mechanism, Plays, Transfers, Variables

if TYPE_CHECKING:
    from heliox.frontend.circuit import Instance, Network


@dataclass(eq=False)
class Named:
    """One variable: of an instance, or at local node ``node`` of a member.

    There, ``mechanism`` is the owner's name, ``""`` for the voltage.
    """

    instance: Instance | None
    member: int
    node: int
    mechanism: str
    variable: str
    path: str


@dataclass(eq=False)
class Play:
    """A course of ``target``: values ``y`` at times ``t`` (ms)."""

    target: Named
    t: NDArray[np.float64]
    y: NDArray[np.float64]
    continuous: bool


def named(net: Network, path: str) -> Named:
    """The variable that a path means in a network.

    Parameters
    ----------
    path : str
        ``"Cell[0].soma[0](0.5).v"``, ``"Cell[0].soma[0](0.5).hh.m"``, ``"Cell[0].dend[3](0.5).ena"``,
        ``"Gap[3].vgap"``, ``"Cell[0].<name>.g"``.

    Raises
    ------
    ModelError
        If there is no such place, instance or variable.
    """
    owner, _, last = path.rpartition(".")
    if owner in net._by_name:
        instance = net._by_name[owner]
        variable, element = _element(last, path)
        settable(instance.template, variable)
        return Named(instance, instance.member, instance.node, "", variable + element, path)
    at = paths.parse(path)
    if at.x is None:
        net._instance(owner)  # which says what names there are
    m, section, x = net._place(f"{at.section}({at.x!r})")
    node = net.members[m].skeleton.node(section, x)
    if not at.mechanism and at.variable == "v":
        return Named(None, m, node, "", "v", path)
    cell = net.members[m].cell
    if at.mechanism:
        if at.mechanism not in cell.templates:
            raise ModelError(
                f"{path!r}: the cell has no mechanism {at.mechanism!r}; "
                f"{nearest(at.mechanism, cell.templates)}",
                mechanism=at.mechanism,
            )
        template, variable = cell.templates[at.mechanism], at.variable
        settable(template, variable)
    else:
        template, variable = cell._owner(at.variable)
    element = "" if at.element is None else f"[{at.element}]"
    return Named(None, m, node, template.name, variable + element, path)


def _element(name: str, path: str) -> tuple[str, str]:
    at = paths.parse(name)
    if at.mechanism or at.x is not None:
        raise ModelError(f"{path!r} is not the path of a variable; {paths.FORMS}", path=path)
    return at.variable, "" if at.element is None else f"[{at.element}]"


def play(target: Named, t: ArrayLike, y: ArrayLike, continuous: bool) -> Play:
    """A checked play; ModelError if the points are none."""
    times, values = np.array(t, float), np.array(y, float)
    if times.ndim != 1 or times.shape != values.shape or not len(times):
        raise ModelError(
            f"a play of {target.path} needs as many times as values, not {times.shape} and {values.shape}",
            variable=target.variable,
        )
    if not (np.isfinite(times).all() and np.isfinite(values).all()) or (np.diff(times) < 0.0).any():
        raise ModelError(
            f"times and values of a play of {target.path} must be finite, and times must not go backwards",
            variable=target.variable,
        )
    return Play(target, times, values, bool(continuous))


class Found:
    """Variables by mechanism and instance, as the arrays of a model have them.

    Parameters
    ----------
    mechanisms : sequence of Mechanism
    place : mapping
        id of an instance -> (mechanism, instance).
    nodes_of : function
        Nodes of the model for local nodes of a member.
    """

    def __init__(self, mechanisms: Sequence[Mechanism], place: dict, nodes_of: Callable) -> None:
        self.mechanisms, self.place, self.nodes_of = mechanisms, place, nodes_of
        self.index = {m.name: k for k, m in enumerate(mechanisms)}

    def variables(self, of: Sequence[Named]) -> Variables:
        """The variables in order."""
        at = [self._one(x) for x in of]
        return Variables(
            np.array([m for m, _ in at], np.int32),
            np.array([k for _, k in at], np.int32),
            tuple(x.variable for x in of),
        )

    def _one(self, x: Named) -> tuple[int, int]:
        if x.instance is not None:
            return self.place[id(x.instance)]
        node = int(self.nodes_of(x.member, np.array(x.node)))
        if not x.mechanism:
            return -1, node
        m = self.index.get(x.mechanism, -1)
        nodes = self.mechanisms[m].node if m >= 0 else np.empty(0, np.int32)
        k = int(np.searchsorted(nodes, node))
        if k == len(nodes) or nodes[k] != node:
            raise ModelError(f"{x.path!r}: {x.mechanism} is not inserted there", mechanism=x.mechanism)
        return m, k

    def transfers(self, pairs: Sequence[tuple[Named, Named]]) -> Transfers:
        """Sources and targets."""
        return Transfers(self.variables([s for s, _ in pairs]), self.variables([t for _, t in pairs]))

    def plays(self, plays: Sequence[Play]) -> Plays:
        """Plays none of whose points has acted."""
        n = len(plays)
        return Plays(
            target=self.variables([p.target for p in plays]),
            continuous=np.array([p.continuous for p in plays], np.bool_),
            ptr=np.cumsum([0, *(len(p.t) for p in plays)], dtype=np.int64),
            t=np.concatenate([np.empty(0), *(p.t for p in plays)]),
            y=np.concatenate([np.empty(0), *(p.y for p in plays)]),
            break_ptr=np.zeros(n + 1, np.int64),
            cursor=np.zeros(n, np.int64),
            broken=np.zeros(n, np.int64),
            waiting=np.ones(n, np.bool_),
        )
