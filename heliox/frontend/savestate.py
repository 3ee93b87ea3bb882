"""Reader of the file that NEURON's ``SaveState.fwrite`` writes (binary, version 6 or 7).

The file is the only place where a running session shows what no variable of the interpreter does: the flag
"above threshold" of every spike source, the queue in order of delivery, and the hidden variables of
mechanisms that receive events.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from heliox.errors import ModelError

_NODE = np.dtype([("v", "<f8"), ("mechanisms", "<i4"), ("values", "<i4")])
_SECTION = np.dtype([("nodes", "<i4"), ("root", "<i4")])
_SOURCE = np.dtype({"names": ["above"], "formats": ["u1"], "offsets": [0], "itemsize": 32})

# NEURON's numbers of queue entries and of the things that play and record
NULL, NETCON, SELF, SOURCE, STATEMENT, PLAYER, EXCHANGE = 0, 2, 3, 4, 5, 6, 7
PLAYERS_WITH_A_LINE = (1, 3, 4)
STEPWISE, CONTINUOUS = 3, 4
PLAY = (STEPWISE, CONTINUOUS)


@dataclass(frozen=True)
class Item:
    """An entry of the queue at `time` (ms).

    ``number`` is the k of ``NetCon[k]``, the position of the source, or the index of the player. Of a self
    event ``target`` is the object's name and ``number`` the NetCon whose weights it carries (-1: none).
    """

    kind: int
    time: float
    number: int = -1
    target: str = ""
    text: str = ""


@dataclass
class SaveState:
    """What the file holds. Nodes of a section stand in order from its parent's end.

    ``players`` are the kinds of all that plays or records; ``cursors`` their places: of a stepwise play the
    next value, of a continuous one the last bound, the next discontinuity and the present bound.
    """

    t: float = 0.0
    v: list[NDArray[np.float64]] = field(default_factory=list)
    root_v: dict[int, float] = field(default_factory=dict)
    artificial: dict[int, NDArray[np.float64]] = field(default_factory=dict)
    players: list[int] = field(default_factory=list)
    cursors: list[tuple[int, ...]] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    weights: list[NDArray[np.float64]] = field(default_factory=list)
    above: NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, bool))
    queue: list[Item] = field(default_factory=list)
    _places: list[tuple[NDArray, int]] = field(default_factory=list)
    _roots: dict[int, tuple[NDArray, int]] = field(default_factory=dict)
    _data: bytes = b""
    _cuts: list[int] = field(default_factory=list)
    _cells_at: dict[int, int] = field(default_factory=dict)

    def altered(
        self,
        t: float,
        cursors: Mapping[int, tuple[int, ...]],
        queue: Iterable[tuple[float, str]] = (),
        artificial: Mapping[int, NDArray[np.float64]] | None = None,
    ) -> bytes:
        """The file at another time (ms), with other cursors of some players and values of some artificial
        cells, and nothing in the queue but events (ms, `player_event` or `self_event`)."""
        before_t, after_t, before_cells, before_players, after_players, before_queue, after_queue = self._cuts
        waiting = list(queue)
        cells = bytearray(self._data[before_cells:before_players])
        for kind, rows in (artificial or {}).items():
            at = self._cells_at[kind] - before_cells
            cells[at : at + rows.nbytes] = np.ascontiguousarray(rows).tobytes()
        players = "".join(
            _player_text(kind, k, cursors.get(k, self.cursors[k])) for k, kind in enumerate(self.players)
        )
        return b"".join(
            [
                self._data[:before_t],
                np.float64(t).tobytes(),
                self._data[after_t:before_cells],
                cells,
                f"{len(self.players)}\n{players}".encode(),
                self._data[after_players:before_queue],
                f"{len(waiting)}\n".encode(),
                np.array([time for time, _ in waiting], float).tobytes(),
                "".join(text for _, text in waiting).encode(),
                self._data[after_queue:],
            ]
        )

    def player_event(self, player: int) -> str:
        """An event of a player, for the queue."""
        return f"{PLAYER}\n{self.players[player]} {player}\n"

    def node_values(self, section: int, k: int) -> NDArray[np.float64]:
        """Values of all mechanisms of node `k` of a section (-1: its root node) in the node's order."""
        header, offset = self._roots[section] if k < 0 else self._places[section]
        k = max(k, 0)
        before = header[:k]
        offset += 4 * int(before["mechanisms"].sum()) + 8 * int(before["values"].sum())
        offset += 4 * int(header[k]["mechanisms"])
        return np.frombuffer(self._data, "<f8", int(header[k]["values"]), offset)


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def line(self) -> str:
        end = self.data.index(b"\n", self.at)
        text = self.data[self.at : end].decode()
        self.at = end + 1
        return text

    def integers(self) -> list[int]:
        return [int(x) for x in self.line().split()]

    def array(self, dtype: object, n: int) -> NDArray:
        out = np.frombuffer(self.data, dtype, n, self.at)  # type: ignore[call-overload]
        self.at += out.nbytes
        return out

    def nodes(self, n: int) -> tuple[NDArray, int]:
        header = self.array(_NODE, n)
        start = self.at
        self.at += 4 * int(header["mechanisms"].sum()) + 8 * int(header["values"].sum())
        return header, start


def parse(data: bytes) -> SaveState:
    """The contents of a SaveState file.

    Raises
    ------
    ModelError
        If the bytes are not what NEURON writes.
    """
    try:
        return _parse(_Reader(data))
    except (ValueError, IndexError, KeyError) as e:
        raise ModelError(
            f"NEURON's SaveState has a form this HelioX does not know ({e}); it knows that of NEURON 9"
        ) from None


def _parse(f: _Reader) -> SaveState:
    if not f.line().startswith("SaveState binary file version "):
        raise ValueError("no SaveState header")
    s = SaveState(_data=f.data)
    s._cuts.append(f.at)
    s.t = float(f.array("<f8", 1)[0])
    s._cuts.append(f.at)
    sections = f.array(_SECTION, f.integers()[0])
    for k, (nodes, root) in enumerate(sections.tolist()):
        header, start = f.nodes(nodes)
        s._places.append((header, start))
        s.v.append(header["v"])
        if root:
            header, start = f.nodes(1)
            s._roots[k] = (header, start)
            s.root_v[k] = float(header["v"][0])
    s._cuts.append(f.at)
    for _ in range(f.integers()[0]):
        kind, cells, size = f.integers()
        s._cells_at[kind] = f.at
        s.artificial[kind] = f.array("<f8", size).reshape(cells, size // cells if cells else 0)
    s._cuts.append(f.at)
    for _ in range(f.integers()[0]):
        s.players.append(f.integers()[0])
        s.cursors.append(tuple(f.integers()) if s.players[-1] in PLAYERS_WITH_A_LINE else ())
    s._cuts.append(f.at)
    for _ in range(f.integers()[0]):
        number, weights = f.integers()
        s.numbers.append(number)
        s.weights.append(f.array("<f8", weights))
    s.above = f.array(_SOURCE, f.integers()[0])["above"] != 0
    s._cuts.append(f.at)
    times = f.array("<f8", f.integers()[0])
    s.queue = [_item(f, float(t)) for t in times]
    s._cuts.append(f.at)
    return s


def self_event(target: str, kind: int, handle: int, flag: float) -> str:
    """An event of an object ``Name[k]`` of mechanism number `kind` to itself, for the queue.

    `handle` is where among its pointers (area, itself, ...) the object keeps its event of flag 1.
    """
    name, _, number = target.rstrip("]").partition("[")
    return f"{SELF}\n{name} {number} {kind} -1 {handle} {flag:g}\n"


def _player_text(kind: int, k: int, cursor: tuple[int, ...]) -> str:
    text = f"{kind} {k}\n"
    return text + " ".join(map(str, cursor)) + "\n" if kind in PLAYERS_WITH_A_LINE else text


def _item(f: _Reader, time: float) -> Item:
    kind = f.integers()[0]
    if kind in (NETCON, SOURCE):
        return Item(kind, time, f.integers()[0])
    if kind == SELF:
        name, index, _type, netcon, _movable, _flag = f.line().split()
        return Item(kind, time, int(netcon), f"{name}[{index}]")
    if kind == STATEMENT:
        has_text, has_object = f.integers()
        text = f.line() if has_text else ""
        if has_text and has_object:
            f.line()
        return Item(kind, time, text=text)
    if kind == PLAYER:
        return Item(kind, time, f.integers()[1])
    if kind == EXCHANGE:
        f.line()
    elif kind != NULL:
        raise ValueError(f"queue entry of kind {kind}")
    return Item(kind, time)
