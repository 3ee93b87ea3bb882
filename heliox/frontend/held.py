"""What C code of point processes keeps behind its pointers: streams, Vectors, the pairs of PatternStim.
`h` is always given.

NEURON shows neither the pointers nor where they lead. They are read from memory, in a copy of the process,
and every step is checked against what is known: the object, the number of its mechanism, NEURON's own names
of types. Another layout of memory gives an error, not another stream.
"""

from __future__ import annotations

import ctypes
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heliox.frontend.library import library_function
from heliox.frontend.order import Registered
from heliox.frontend.trial import TrialError, attempt

IDS, SEQUENCE = (
    "_Z17nrnran123_getids3P15nrnran123_StatePjS1_S1_",
    "_Z16nrnran123_getseqP15nrnran123_StatePjPc",
)
HOC_IDS = "_Z19nrn_random_isran123PvPjS0_S0_"
_DRAW = re.compile(r"random_(\w+)\(\w+(?:, *([\d.]+))?\)")
ITSELF, OF_ION, POINTER = b"P13Point_process", b"Pd", b"Pv"  # types, as the compiler writes them
DATUM, VALUE, TYPE = 40, 16, 24  # bytes: size; places behind a shared pointer
OBJECT = 8  # bytes: the place of its content


def held_streams(h: Any, r: Registered, things: list, name: str, text: str) -> NDArray[np.float64]:
    """Ids and sequence of a Random123 stream of all instances, (n, 4), as RANDOM variables have them.

    Parameters
    ----------
    name : str
        In NEURON.
    text : str
        The calls that draw from the stream in the translated mechanism, ``random_uniform(rng)`` and the like.

    Raises
    ------
    TrialError
        If the streams are not found, are shared, or belong to Random objects of hoc that draw from another
        distribution than the mechanism does.
    """
    randoms = {_content(x): x for x in h.List("Random")}
    objects = _objects(r, things)

    def read() -> list[tuple[float, ...]]:
        streams = [_pointer(at, r, name) for at in objects]
        if not all(streams):
            raise TrialError("it is not set")
        if len(set(streams)) < len(streams):
            raise TrialError("several instances share it")
        return [_hoc_stream(h, randoms[at], at, text) if at in randoms else _stream(at) for at in streams]

    return np.array(attempt(read), float).reshape(len(things), 4)


def held_vectors(h: Any, r: Registered, things: list, name: str) -> list[NDArray[np.float64]]:
    """The numbers in the Vector of every instance; none where there is no Vector.

    Raises
    ------
    TrialError
        If the pointers are not found, or lead elsewhere.
    """
    vectors = {_content(vector): vector for vector in h.List("Vector")}
    objects = _objects(r, things)
    found = attempt(lambda: [_pointer(at, r, name) for at in objects])
    if not set(found) <= {0, *vectors}:
        raise TrialError("it leads to what is no Vector")
    return [np.array(vectors[at]) if at else np.empty(0) for at in found]


def held_patterns(r: Registered, things: list) -> list[tuple[NDArray[np.float64], NDArray[np.int64], int]]:
    """Times (ms), gids and the number of pairs already sent of every PatternStim.

    Raises
    ------
    TrialError
        If the pairs are not found.
    """
    objects = _objects(r, things)

    def read() -> list[tuple[NDArray, NDArray, int]]:
        return [_pairs(_pointer(at, r, "ptr")) for at in objects]

    return attempt(read)


def _pairs(at: int) -> tuple[NDArray, NDArray, int]:
    """What is at the pointer of a PatternStim: int size, double* times, int* gids, int index."""
    if not at:
        raise TrialError("it is not set")
    size, times, gids = ctypes.c_int.from_address(at).value, _word(at + 8), _word(at + 16)
    sent = ctypes.c_int.from_address(at + 24).value
    if size < 0 or sent < 0 or (size > 0 and not (times and gids)):
        raise TrialError("memory is laid out in another way")
    if size == 0:
        return np.empty(0), np.empty(0, np.int64), 0
    t = np.array((ctypes.c_double * size).from_address(times))
    return t, np.array((ctypes.c_int * size).from_address(gids), np.int64), min(sent, size)


def _objects(r: Registered, things: list) -> list[int]:
    """Addresses of point processes."""
    if not r.point:
        raise TrialError("a density mechanism holds it")
    return [thing.hocobjptr() for thing in things]


def _content(thing: Any) -> int:
    """Address of what an object of NEURON holds."""
    return _word(thing.hocobjptr() + OBJECT)


def _pointer(object_: int, r: Registered, name: str) -> int:
    """Where a pointer of C code of a point process leads; 0: nowhere."""
    if name not in r.pointers:
        raise TrialError(f"{name} is no POINTER")
    # a Point_process: section, node, Prop, Object
    process = _word(object_ + OBJECT)
    node, prop, owner = (_word(process + 8 * k) for k in (1, 2, 3))
    # a Prop: node, next, number of the mechanism, pointers: to area, itself, those of ions, those of C code
    number, data = ctypes.c_short.from_address(prop + 16).value, _word(prop + 24)
    known = (owner, _word(prop), number, _type(data + DATUM), _word(data + DATUM + VALUE))
    if known != (object_, node, r.number, ITSELF, process):
        raise TrialError("memory is laid out in another way")
    at = data + 2 * DATUM
    while _type(at) == OF_ION:
        at += DATUM
    at += DATUM * r.pointers.index(name)
    return _word(at + VALUE) if _type(at) == POINTER else 0


def _stream(at: int) -> tuple[float, ...]:
    ids, sequence = library_function(IDS), library_function(SEQUENCE)
    if ids is None or sequence is None:
        raise TrialError("NEURON's library cannot be reached")
    values, count, place = (ctypes.c_uint32 * 3)(), ctypes.c_uint32(), ctypes.c_ubyte()
    ids(ctypes.c_void_p(at), *(ctypes.byref(values, 4 * k) for k in range(3)))
    sequence(ctypes.c_void_p(at), ctypes.byref(count), ctypes.byref(place))
    if not place.value < 4:
        raise TrialError("it is no stream")
    return (*map(float, values), 4.0 * count.value + place.value)


def _hoc_stream(h: Any, random: Any, at: int, text: str) -> tuple[float, ...]:
    """The stream of a Random object of hoc, which must draw as the mechanism does."""
    is_random123, values = library_function(HOC_IDS), (ctypes.c_uint32 * 3)()
    if is_random123 is None:
        raise TrialError("NEURON's library cannot be reached")
    if not is_random123(ctypes.c_void_p(at), *(ctypes.byref(values, 4 * k) for k in range(3))):
        raise TrialError(f"{random.hname()} is no Random123 generator")
    calls = {(kind, float(x or 0.0)) for kind, x in _DRAW.findall(text)}
    sequence, twin = random.seq(), h.Random()
    twin.Random123(*values)
    if calls == {("uniform", 0.0)}:
        twin.uniform(0, 1)
    elif calls == {("negexp", 1.0)}:
        twin.negexp(1)
    else:
        raise TrialError(f"it draws from {random.hname()} in a way that cannot be compared with hoc's")
    twin.seq(sequence)
    if [random.repick() for _ in range(3)] != [twin.repick() for _ in range(3)]:
        raise TrialError(f"{random.hname()} draws from another distribution than the mod file says")
    return (*map(float, values), sequence)


def _word(address: int) -> int:
    return ctypes.c_void_p.from_address(address).value or 0


def _type(datum: int) -> bytes:
    """Name of the type of a Datum."""
    information = _word(datum + TYPE)
    return ctypes.c_char_p.from_address(information + 8).value or b"" if information else b""
