"""Writes the module of a plan: mechanisms, loops, phases (docs/design.md, section 6).

The text depends on the set of mechanisms and on options, never on sizes or values. Names of the
infrastructure start with an underscore, which mechanism variables may not.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from heliox.kernels import mechanism_text as mt
from heliox.kernels.condition_loop import conditions
from heliox.kernels.context import ARGS, W
from heliox.kernels.event_loop import deliver
from heliox.kernels.loops import Loops
from heliox.mechanisms.varstruct import VarStruct
from heliox.solver import diffusion, effects, events, membrane, play, step, transfer, tree

FIXED = (
    "BASE", "CHUNK", "NODES", "ROOTS", "V", "RHS", "D", "CA", "CB", "AREA", "DIAM", "PARENT",
    "FLAGS", "SRC0", "SRC1", "REC0", "REC1", "WEIGHTS", "CELSIUS", "THRESHOLD", "DELAY", "FANOUT", "FANMAX",
    "KEY", "ICAP", "PLAYS", "PLAY", "SHELF", "LAID", "LAY", "TAKEN", "TAKE", "SAVED_RHS", "SAVED_D",
)  # fmt: skip


@dataclass(frozen=True)
class Program:
    """What the generator needs to know: mechanisms in order of execution, and options.

    ``celsius_own``: celsius differs between members. ``weights_own``: connection weights change in a run or
    differ between members. ``plays``, ``transfers``: there are any; ``membrane``: i_membrane_ is computed.
    """

    mechanisms: tuple[VarStruct, ...]
    math: str = "fast"
    secondorder: int = 0
    celsius_own: bool = False
    weights_own: bool = False
    plays: bool = False
    transfers: bool = False
    membrane: bool = False

    @cached_property
    def columns(self) -> dict[str, int]:
        """Column of every entry of the group table ``G``."""
        names = list(FIXED)
        for m in self.mechanisms:
            names += mt.columns(m)
        return {n: k for k, n in enumerate(names)}

    @cached_property
    def text(self) -> str:
        return _module(self)


def _paste(module: object, names: Sequence[str], decorator: str) -> list[str]:
    return [f"{decorator}\n{inspect.getsource(getattr(module, n))}" for n in names]


def _module(program: Program) -> str:
    names = " ".join(m.template.name for m in program.mechanisms)
    space = program.math.upper()
    options = f"math={program.math}, secondorder={program.secondorder}"
    parts = [
        f"# heliox generated: cpu, {options}, mechanisms: {names}\n"
        "from heliox.kernels.cpu import U, entry, inline, kernel, np as _np, owner, parallel, prange\n"
        f"from heliox.kernels.primitives import {space} as _m\n\n_U = U\n"
        + "".join(f"{n} = _m.{n}\n" for n in mt.MATH_NAMES)
        + "".join(f"_{n} = _m.{n}\n" for n in mt.RANDOM_NAMES),
        "".join(f"_{n} = {k}\n" for n, k in program.columns.items()),
        "".join(f"{n} = {getattr(events, n)}\n" for n in mt.EVENT_CONSTANTS)
        + "".join(f"{n} = {getattr(effects, n)}\n" for n in mt.EFFECT_CONSTANTS),
    ]
    parts += _paste(tree, ("clear", "axial", "eliminate", "substitute", "update"), "@kernel")
    parts += _paste(events, ("before", "put", "move"), "@inline")
    parts += _paste(events, ("push", "take", "movable", "emit", "detect"), "@kernel")
    parts += _paste(events, ("exchange",), "@entry")
    loops = Loops(program)
    if program.plays:
        parts.append("".join(f"{n} = {getattr(play, n)}\n" for n in mt.PLAY_CONSTANTS))
        parts += _paste(play, ("interpolated", "play", "wait", "point_reached", "begin"), "@kernel")
    if program.transfers:
        parts += _paste(transfer, ("lay_sources", "take_targets"), "@kernel")
    if any(m.template.diffusion for m in program.mechanisms):
        parts += _paste(diffusion, ("diffuse",), "@kernel")
    if program.membrane:
        names_ = ("forget_membrane", "save_membrane", "membrane_current", "initial_membrane_current")
        parts += _paste(membrane, names_, "@kernel")
    parts += _paste(effects, ("note",), "@kernel")
    parts += _paste(effects, ("_net_send", "_net_event", "_net_move", "_watch"), "@inline")
    parts += _paste(effects, ("act",), "@kernel")
    parts += _paste(effects, ("random_set_seq", *mt.RANDOM_NAMES), "@inline")
    if any(m.template.lists for m in program.mechanisms):
        parts += _paste(effects, ("item", "length"), "@inline")
    for m in program.mechanisms:
        parts.append(mt.slots(m, W))
        parts += mt.functions(m)
        parts += loops.mechanism(m)
    parts.append(conditions(loops.context))
    parts.append(deliver(loops.context))
    parts.append(loops.phases())
    parts.append(_step(program, loops))
    parts.append(_group_phases(loops, "publish_group", ("lay_sources",), "what other groups read"))
    parts.append(
        _group_phases(
            loops,
            "initialize_group",
            step.INITIALIZE,
            "finitialize up to the delivery of events that are due at once",
        )
    )
    parts.append(
        _group_phases(
            loops,
            "settle_group",
            step.SETTLE,
            "one set-up of the matrix, so that the currents at t are valid",
        )
    )
    parts.append(_after_run(program, loops))
    if program.plays:
        parts.append(_BEGIN)
    parts.append(_WINDOW)
    return "\n\n".join(p.rstrip() for p in parts) + "\n"


def _step(program: Program, loops: Loops) -> str:
    """`first_half` and `second_half`: the phases between the two deliveries, one call a line."""
    cut = step.CUT
    first = _half("first_half", step.STEP[2:cut], program, loops, "up to the new voltages")
    return f"{first}\n\n\n{_half('second_half', step.STEP[cut:-1], program, loops, 'the states')}"


def _half(name: str, phases: Sequence[step.Phase], program: Program, loops: Loops, doc: str) -> str:
    factor = 2.0 if program.secondorder else 1.0
    cj = "2.0 / _dt" if program.secondorder else "1.0 / _dt"
    body = [
        f"@kernel\ndef {name}({ARGS}, _S, _g, _t, _dt, _limit, _sample):",
        f'    """One time step: {doc}."""',
        f"    _cj = {cj}",
        *loops.bases("    "),
    ]
    special = {
        **loops.fixed_calls(),
        "advance_half": ["_t = _t + 0.5 * _dt"],
        "update": [
            f"_bad = update(_A, _v, _rhs, _n, {factor}, _limit)",
            "if _bad > 0:",
            "    _QN[_g, STATUS] = RUNAWAY",
        ],
        "record": ["record(_A, _P, _R, _RA, _G[_g, _REC0], _G[_g, _REC1], _sample)"],
    }
    for phase in phases:
        lines = special[phase.name] if phase.name in special else loops.calls(phase.name)
        if phase.name == "after_update":
            # i_cap is computed where somebody looks: recordings, the end of a run
            lines = ["if _G[_g, _ICAP] > 0:", *[f"    {x}" for x in lines]] if lines else []
            lines += loops.membrane("membrane_current(_A, _P, _rhs, _area, _saved_rhs, _saved_d, _n)")
        if lines:
            body.append(f"    # {phase.name}")
            body += [f"    {x}" for x in lines]
    body.append("    return _t")
    return "\n".join(body)


def _after_run(program: Program, loops: Loops) -> str:
    """What only recordings and the end of a run need to see."""
    cj = "2.0 / _dt" if program.secondorder else "1.0 / _dt"
    body = [f"@kernel\ndef after_run({ARGS}, _g, _dt):", f"    _cj = {cj}", *loops.bases("    ")]
    return "\n".join(body + [f"    {x}" for x in loops.calls("after_update")] + ["    return"])


def _group_phases(loops: Loops, name: str, phases: tuple[str, ...], doc: str) -> str:
    """Phases of the initialization of one group."""
    body = [
        f"@kernel\ndef {name}({ARGS}, _S, _g, _t, _dt):",
        f'    """{doc}."""',
        "    _cj = 1.0 / _dt",
        *loops.bases("    "),
    ]
    special = {
        **loops.fixed_calls(),
        "initial_membrane": loops.membrane("initial_membrane_current(_A, _P, _rhs, _area, _saved_rhs, _n)"),
        "connections": [f"initialize_connections({ARGS}, _S, _g, _t, _dt)"],
        "deliver_now": [f"deliver({ARGS}, _S, _g, _t, _dt)"],
    }
    for phase in phases:
        lines = special[phase] if phase in special else loops.calls(phase)
        if lines:
            body.append(f"    # {phase}")
            body += [f"    {x}" for x in lines]
    return "\n".join(body)


def _windows(loop: str) -> str:
    """The body of `advance`; `loop` is what runs the groups of a window: range, or prange side by side."""
    return f"""\
    _groups = len(_order)
    _delay = _U(_G[0, _DELAY])
    while True:
        _until = min(_exchanged + _window, _last)
        for _k in range(_leaders):
            group_window({ARGS}, _T, _order[_k], _until, _first, _dt, _limit, 0)
        if _leaders > 0:
            exchange(_P, _QF, _QI, _QN, _SF, _SI, _FAN, _CI, _EX, _groups, _chunks, _delay)
        if _lockstep:
            for _k in {loop}(_leaders, _groups):
                group_window({ARGS}, _T, _order[_k], _until, _first, _dt, _limit, 1)
            if not halfway(_QN, _order, _leaders, _groups, _until):
                return _exchanged
        for _k in {loop}(_leaders, _groups):
            group_window({ARGS}, _T, _order[_k], _until, _first, _dt, _limit, 0)
        if not settled(_QN, 0, _groups, _until):
            return _exchanged
        if not exchange(_P, _QF, _QI, _QN, _SF, _SI, _FAN, _CI, _EX, _groups, _chunks, _delay):
            return _exchanged
        _exchanged = _until
        if _until == _last:
            return _exchanged"""


_BEGIN = f'''\
@entry
def begin_plays({ARGS}, _code, _groups, _t, _dt):
    """finitialize: plays start anew, and points that are due at once act."""
    _S = _np.zeros(_U(SCRATCH * {W}))
    for _g in range(_groups):
        _base = _U(_G[_g, _BASE])
        begin(_A, _P, _I, _QF, _QI, _QN, _g, _base, _U(_G[_g, _PLAY]), _G[_g, _PLAYS], _code)
        deliver({ARGS}, _S, _g, _t, _dt)
'''

_WINDOW = f'''\
@kernel
def record(_A, _P, _R, _RA, _first, _last, _sample):
    """Sample this group's recorded variables, every (stride)th step: addresses >= 0 lie in A, others in P."""
    for _r in range(_first, _last):  # a sample lies together: one stream of writes
        _k = _RA[_r, 0]
        _stride = _RA[_r, 1]
        _at = _sample
        if _stride != 1:
            _at = _sample + _RA[_r, 2]
            if _at % _stride != 0:
                continue
            _at = _at // _stride
        _R[_U(_at), _U(_r)] = _A[_U(_k)] if _k >= 0 else _P[_U(-1 - _k)]


@owner
def group_window({ARGS}, _T, _g, _until, _first, _dt, _limit, _half):
    """Advance group g until its step number is `until`; with `half` only to the middle of a step.

    Stops before the last delivery, where the exchange belongs; early, to be entered again at the same place,
    when a buffer is full; for good at a runaway voltage.
    """
    _S = _np.zeros(_U(SCRATCH * {W}))
    while True:
        if _QN[_g, PHASE] == 3:
            if _half:
                return
            _T[_g] = second_half({ARGS}, _S, _g, _T[_g], _dt, _limit, _QN[_g, STEP] + 1 - _first)
            _QN[_g, STEP] += 1
            _QN[_g, PHASE] = 2
        if _QN[_g, STATUS] != OK:
            return
        if _QN[_g, PHASE] == 2:
            if _QN[_g, STEP] == _until:
                return
            if not deliver({ARGS}, _S, _g, _T[_g], _dt):
                return
            _QN[_g, PHASE] = 0
        if _QN[_g, PHASE] == 0:
            if _QF.shape[1] - _QN[_g, EVENTS] < _G[_g, _FANOUT]:
                _QN[_g, STATUS] = QUEUE_FULL
                return
            if _SF.shape[1] - _QN[_g, SPIKES] < _G[_g, _SRC1] - _G[_g, _SRC0]:
                _QN[_g, STATUS] = SPIKES_FULL
                return
            _base = _U(_G[_g, _BASE])
            detect(
                _A, _P, _QF, _QI, _QN, _SF, _SI, _FAN, _CI, _SR, _g, _G[_g, _CHUNK],
                _base, _base + _U(_G[_g, _FLAGS]), _G[_g, _SRC0], _G[_g, _SRC1],
                _U(_G[_g, _THRESHOLD]), _U(_G[_g, _DELAY]), _T[_g],
            )
            check_conditions({ARGS}, _g, _T[_g], _dt)
            _QN[_g, PHASE] = 1
        if not deliver({ARGS}, _S, _g, _T[_g] + 0.5 * _dt, _dt):
            return
        _T[_g] = first_half({ARGS}, _S, _g, _T[_g], _dt, _limit, _QN[_g, STEP] + 1 - _first)
        _QN[_g, PHASE] = 3


@owner
def finish_group({ARGS}, _T, _g, _dt):
    """The last delivery of a run."""
    if _QN[_g, STATUS] == OK and _QN[_g, PHASE] == 2:
        after_run({ARGS}, _g, _dt)
        if deliver({ARGS}, _np.zeros({W}), _g, _T[_g], _dt):
            _QN[_g, PHASE] = 0


@kernel
def settled(_QN, _group, _groups, _until):
    """Whether every group of a range has done its steps (a runaway counts as done)."""
    for _g in range(_group, _groups):
        if _QN[_g, STATUS] == RUNAWAY:
            continue
        if _QN[_g, STATUS] != OK or _QN[_g, STEP] != _until:
            return False
    return True


@kernel
def halfway(_QN, _order, _first, _groups, _until):
    """Whether every group has come to the middle of its step."""
    for _k in range(_first, _groups):
        _g = _order[_k]
        if _QN[_g, STATUS] == RUNAWAY:
            continue
        if _QN[_g, STATUS] != OK or (_QN[_g, PHASE] != 3 and _QN[_g, STEP] != _until):
            return False
    return True


@entry
def advance(
    {ARGS}, _T, _EX, _order, _chunks, _leaders, _last, _first, _window, _exchanged, _dt, _limit, _lockstep
):
    """Windows of all groups, one thread: leaders (artificial cells without input), the others, the exchange.

    Returns the step number reached by all groups; smaller than `last` if the host has to mend a buffer.
    """
{_windows("range")}


@parallel
def advance_parallel(
    {ARGS}, _T, _EX, _order, _chunks, _leaders, _last, _first, _window, _exchanged, _dt, _limit, _lockstep
):
    """As `advance`, the groups of a window side by side."""
{_windows("prange")}


@entry
def finish({ARGS}, _T, _EX, _order, _chunks, _leaders, _dt):
    """The last deliveries of a run: leaders, the exchange of what they emit, then the others."""
    _groups = len(_order)
    for _k in range(_leaders):
        finish_group({ARGS}, _T, _order[_k], _dt)
    if not exchange(_P, _QF, _QI, _QN, _SF, _SI, _FAN, _CI, _EX, _groups, _chunks, _U(_G[0, _DELAY])):
        return
    for _k in range(_leaders, _groups):
        finish_group({ARGS}, _T, _order[_k], _dt)


@entry
def initialize({ARGS}, _EX, _chunks, _groups, _t, _dt):
    """finitialize of all groups, with the exchange of events that are due at once."""
    _S = _np.zeros(_U(SCRATCH * {W}))
    for _g in range(_groups):
        publish_group({ARGS}, _S, _g, _t, _dt)
    for _g in range(_groups):
        initialize_group({ARGS}, _S, _g, _t, _dt)
    _spikes = 1
    while _spikes > 0:
        if not exchange(_P, _QF, _QI, _QN, _SF, _SI, _FAN, _CI, _EX, _groups, _chunks, _U(_G[0, _DELAY])):
            return
        for _g in range(_groups):
            deliver({ARGS}, _S, _g, _t, _dt)
        _spikes = 0
        for _g in range(_groups):
            _spikes += _QN[_g, SPIKES] - _EX[_g]
    for _g in range(_groups):
        settle_group({ARGS}, _S, _g, _t, _dt)


@entry
def sample({ARGS}, _groups, _sample):
    """Sample 0: the state as it stands."""
    for _g in range(_groups):
        record(_A, _P, _R, _RA, _G[_g, _REC0], _G[_g, _REC1], _sample)
'''
