"""What a call into a generated module does: windows of steps, initialization, samples, tables.

An entry is compiled together with everything it calls, when it is first called, so that `run` does all that
has code in common. INITIAL blocks are called by nobody else: they have an entry of their own, which models
frozen from NEURON seldom need. Groups side by side need one too; `run` leaves the windows to it
(docs/design.md, section 5).
"""

from __future__ import annotations

from collections.abc import Sequence

from heliox.kernels.context import ARGS, W
from heliox.kernels.loops import Loops
from heliox.kernels.program import Program
from heliox.solver import step

# what `run` is asked to do
ADVANCE, FINISH, EXCHANGE, BEGIN, SETTLE, SAMPLE, TABULATE = range(7)
TASKS = {
    "ADVANCE": ADVANCE, "FINISH": FINISH, "EXCHANGE": EXCHANGE, "BEGIN": BEGIN, "SETTLE": SETTLE,
    "SAMPLE": SAMPLE, "TABULATE": TABULATE,
}  # fmt: skip
_CALL = (
    f"{ARGS}, _T, _EX, _order, _chunks, _stages, _last, _first, _window, _exchanged, _dt, _limit, _lockstep"
)
ROW = "_U(_G[_g, _TAPE]) + _U(_QN[_g, STEP] - _first) * _U(_G[_g, _ROW])"
TAPE = [
    "if _TP.shape[0] > 0:",
    f"    tape_save(_A, _I, _TP, _base, {ROW}, _U(_G[_g, _RANGES]), _G[_g, _RANGE_N], _t)",
]
_SCRATCH = f"_S = scratch(SCRATCH * {W})"


def texts(program: Program, loops: Loops) -> list[str]:
    """Everything above the loops over mechanisms."""
    return [
        f"SCRATCH = {loops.scratch}",
        _group_window(program, loops),
        _run(program, loops),
        _initialize(loops),
        *([_parallel(loops)] if program.parallel else []),
    ]


def _phases(loops: Loops, phases: Sequence[str], more: dict[str, list[str]], pad: str) -> str:
    """Phases in their order, one call a line; `more`: those that are no loops over mechanisms."""
    out = []
    for phase in phases:
        lines = more[phase] if phase in more else loops.calls(phase)
        if lines:
            out += [f"{pad}# {phase}", *[f"{pad}{x}" for x in lines]]
    return "\n".join(out) or f"{pad}pass"


def _bases(loops: Loops, pad: str) -> str:
    return "\n".join(loops.bases(pad))


def _group_window(program: Program, loops: Loops) -> str:
    factor = 2.0 if program.secondorder else 1.0
    after = loops.calls("after_update")
    # i_cap is computed where somebody looks: recordings, the end of a run
    after = ["if _G[_g, _ICAP] > 0:", *[f"    {x}" for x in after]] if after else []
    more = {
        **loops.fixed_calls(),
        "advance_half": ["_t = _t + 0.5 * _dt"],
        "tape": TAPE if program.adjoint else [],
        **loops.advance(factor),
        "after_update": [
            *after,
            *loops.membrane("membrane_current(_A, _P, _rhs, _area, _saved_rhs, _saved_d, _n)"),
        ],
        "record": [
            "record(_A, _P, _R, _RA, _G[_g, _REC0], _G[_g, _REC1], _QN[_g, STEP] + 1 - _first)",
        ],
    }
    thresholds = "_A" if program.thresholds_own else "_P"
    names = [phase.name for phase in step.STEP]
    first = _phases(loops, names[2 : step.CUT], more, " " * 8)
    second = _phases(loops, names[step.CUT : -1], more, " " * 12)
    begin = "\n".join(loops.begin("    ")) or "    # a diagonal begins with nothing"
    return f'''\
@owner
def group_window({ARGS}, _T, _g, _until, _first, _dt, _limit, _half):
    """Advance group g until its step number is `until`; with `half` only to the middle of a step.

    Stops before the last delivery, where the exchange belongs; early, to be entered again at the same place,
    when a buffer is full; for good at a runaway voltage.
    """
    {_SCRATCH}
    _cj = {_cj(program)}
{_bases(loops, "    ")}
{begin}
    _t = _T[_g]
    _kept = False
    while True:
        if _QN[_g, PHASE] == 3:
            if _half:
                return
{second}
            _T[_g] = _t
            _QN[_g, STEP] += 1
            _QN[_g, PHASE] = 2
        if _QN[_g, STATUS] != OK:
            return
        if _QN[_g, PHASE] == 2:
            if _QN[_g, STEP] == _until:
                return
            if not deliver({ARGS}, _S, _g, _t, _dt):
                return
            _QN[_g, PHASE] = 0
        if _QN[_g, PHASE] == 0:
            if _QF.shape[1] - _QN[_g, EVENTS] < _G[_g, _FANOUT]:
                _QN[_g, STATUS] = QUEUE_FULL
                return
            if _SF.shape[1] - _QN[_g, SPIKES] < _G[_g, _SRC1] - _G[_g, _SRC0]:
                _QN[_g, STATUS] = SPIKES_FULL
                return
            detect(
                _A, {thresholds}, {loops.context.delays},
                _QF, _QI, _QN, _SF, _SI, _FAN, _CI, _SR, _g, _G[_g, _CHUNK],
                _base, _base + _U(_G[_g, _FLAGS]), _G[_g, _SRC0], _G[_g, _SRC1],
                _U(_G[_g, _THRESHOLD]), _U(_G[_g, _DELAY]), _t,
            )
            check_conditions({ARGS}, _g, _t, _dt)
            _QN[_g, PHASE] = 1
        if not deliver({ARGS}, _S, _g, _t + 0.5 * _dt, _dt):
            return
        _whole = _G[_g, _SEEN] != 0 or _QN[_g, STEP] + 1 == _until
{first}
        _kept = _G[_g, _CONSTANT] > 0  # the matrix has been eliminated, and stays
        _some = _moving_n >= 0  # or some of it
        _T[_g] = _t
        _QN[_g, PHASE] = 3'''


def _cj(program: Program) -> str:
    return "2.0 / _dt" if program.secondorder else "1.0 / _dt"


def _exchange(loops: Loops) -> str:
    buffers = "_QF, _QI, _QN, _SF, _SI, _FAN, _CI, _EX"
    return f"exchange({loops.context.delays}, {buffers}, _groups, _chunks, _G, _DELAY)"


def _windows(loops: Loops, loop: str, pad: str) -> str:
    """Windows of all groups; `loop` is what runs the groups of a stage: range, or prange side by side.

    One loop serves leaders, first halves of steps and levels: each would be compiled with all it calls.
    """
    text = f"""\
while True:
    _until = min(_exchanged + _window, _last)
    _half = 0
    _stage = 0 if _stages[1] > 0 else 1
    while _stage < len(_stages) - 1:
        _low = _stages[_stage]
        _high = _stages[_stage + 1]
        _half = 1 if _lockstep and _stage == 1 and _half == 0 else 0
        for _k in {loop}(_low, _high):
            group_window({ARGS}, _T, _order[_k], _until, _first, _dt, _limit, _half)
        if _half == 1:
            if not halfway(_QN, _order, _low, _high, _until):
                return _exchanged
            continue
        if not settled(_QN, _order, _low, _high, _until):
            return _exchanged
        _stage += 1
        if (_stage == 1 or _stage == len(_stages) - 1) and not {_exchange(loops)}:
            return _exchanged
    _exchanged = _until
    if _until == _last:
        return _exchanged"""
    return "\n".join(pad + line for line in text.splitlines())


def _advance(program: Program, loops: Loops) -> str:
    if program.parallel:
        return "    # ADVANCE: advance_parallel"
    return f"    if _task == ADVANCE:\n{_windows(loops, 'range', ' ' * 8)}"


def _run(program: Program, loops: Loops) -> str:
    groups = {
        **loops.fixed_calls(),
        "initial_membrane": loops.membrane("initial_membrane_current(_A, _P, _rhs, _area, _saved_rhs, _n)"),
        "deliver_now": [f"deliver({ARGS}, _S, _g, _t, _dt)"],
    }
    pad = " " * 12
    bases = _bases(loops, pad)
    code, exchange = len(program.mechanisms), _exchange(loops)
    rows = "_U(_G[_g, _PLAY]), _G[_g, _PLAYS], _G[_g, _MEMBER]"
    starting = f"begin(_A, _P, _I, _QF, _QI, _QN, _g, _base, {rows}, {code})"
    begin = "\n".join(loops.begin(pad))
    started = [starting, f"deliver({ARGS}, _S, _g, _T[_g], _dt)"] if program.plays else []
    return f'''\
@entry
def run(_task, {_CALL}):
    """One task for all groups, on one thread.

    ADVANCE: windows; leaders (artificial cells without input), the others, the exchange. Returns the
    step number reached by all groups; smaller than `last` if the host has to mend a buffer. FINISH: the
    last deliveries of a run; leaders, the exchange of what they emit, the others. EXCHANGE: 1, or 0 if
    a buffer must be mended first. BEGIN: plays start anew, and points that are due at once act.
    SETTLE: the rest of finitialize behind `initialize`, with the exchange of events that are due at once.
    SAMPLE: sample `last` from the state as it stands. TABULATE: every NMODL TABLE.
    """
    _groups = len(_order)
    _leaders = _stages[1]
{_advance(program, loops)}
    {_SCRATCH}
    if _task == FINISH:
        for _k in range(_groups):
            if _k == _leaders:
                for _j in range(_leaders):
                    if _QN[_order[_j], STATUS] != OK:
                        return 0
                if not {exchange}:
                    return 0
            _g = _order[_k]
            _cj = {_cj(program)}
            if _QN[_g, STATUS] != OK or _QN[_g, PHASE] != 2:
                continue
{bases}
{_phases(loops, ("after_update",), {}, pad)}
            if deliver({ARGS}, _S, _g, _T[_g], _dt):
                _QN[_g, PHASE] = 0
    elif _task == EXCHANGE:
        return 1 if {exchange} else 0
    elif _task == BEGIN:
        for _g in range(_groups):
            _base = _U(_G[_g, _BASE])
{_phases(loops, ("started",), {"started": started}, pad)}
    elif _task == SETTLE:
        _cj = 1.0 / _dt
        _kept = False
        for _g in range(_groups):
            deliver({ARGS}, _S, _g, _T[_g], _dt)
        _spikes = 1
        while _spikes > 0:
            if not {exchange}:
                return 0
            for _g in range(_groups):
                deliver({ARGS}, _S, _g, _T[_g], _dt)
            _spikes = 0
            for _g in range(_groups):
                _spikes += _QN[_g, SPIKES] - _EX[_g]
        for _g in range(_groups):
            _t = _T[_g]
{bases}
{begin}
{_phases(loops, step.SETTLE, groups, pad)}
    elif _task == SAMPLE:
        for _g in range(_groups):
            record(_A, _P, _R, _RA, _G[_g, _REC0], _G[_g, _REC1], _last)
    elif _task == TABULATE:
{loops.tabulate(" " * 8)}
    return 0'''


def _initialize(loops: Loops) -> str:
    phases = {
        **loops.fixed_calls(),
        "connections": [f"initialize_connections({ARGS}, _S, _g, _t, _dt)"],
    }
    pad = " " * 8
    return f'''\
@entry
def initialize({_CALL}):
    """INITIAL blocks of all groups, on one thread; the task SETTLE comes after them."""
    _groups = len(_order)
    {_SCRATCH}
    for _g in range(_groups):
        _base = _U(_G[_g, _BASE])
{_phases(loops, ("lay_sources",), phases, pad)}
    for _g in range(_groups):
        _t = _T[_g]
{_bases(loops, pad)}
{_phases(loops, step.INITIALIZE, phases, pad)}'''


def _parallel(loops: Loops) -> str:
    return f'''\
@parallel
def advance_parallel({_CALL}):
    """The task ADVANCE, the groups of a window side by side."""
    _groups = len(_order)
{_windows(loops, "prange", "    ")}'''
