"""Delivery of events: receipt by one instance, and the loop that drains a group's queue."""

from __future__ import annotations

from heliox.kernels.context import ARGS, Context, arguments, assigned, stores, written_by
from heliox.kernels.instance import at_instance, pointed, reads
from heliox.mechanisms.arrays import expanded
from heliox.mechanisms.subset import Function
from heliox.mechanisms.varstruct import VarStruct, hidden_names

NOTED = "_LI.shape[1] > 0 and _QN[_g, LOGGED] >= 0"  # whether a log is kept


def event(context: Context, m: VarStruct, block: str) -> str:
    """Receipt of one event by one instance."""
    t = m.template
    f = t.functions[block]
    name = t.name
    lines = [
        "@kernel",
        f"def {name}_{block}_event({ARGS}, _S, _g, _inst, _connection, flag, t, _hops, dt):",
        *at_instance(name),
    ]
    M, weights = (
        ("_A", "_base + _U(_G[_g, _WEIGHTS])")
        if context.program.weights_own
        else ("_P", "_U(_G[_g, _WEIGHTS])")
    )
    own = "_U(max(_CI[_connection, 2], 0))"
    if set(f.params) & set(t.weights) or set(f.returns) & set(t.weights):
        lines.append(f"    _w = {weights} + {own} if _connection >= 0 else _U(0)")
        for k, w in enumerate(t.weights):
            if w in f.params or w in f.returns:
                lines.append(f"    {w} = {M}[_w + _U({k})] if _connection >= 0 else 0.0")
    if "for_connections" in f.calls:
        first = f"_U(_G[_g, _{name}_INCOMING]) + _U(2) * _U(_inst)"
        mine = f"_np.int64({weights} + {own}) if _connection >= 0 else -1"
        lines.append(f"    _each = ({M}, {weights} + _U(_I[{first}]), _I[{first} + _U(1)], {mine})")
    lines += reads(context, m, f)
    if context.program.adjoint and block == "receive":
        lines.append(f"    if {NOTED}:")
        lines += [
            f"        _LF[_g, _QN[_g, LOGGED] - 1, LOG_VALUES + {k}] = {x}"
            for k, x in enumerate(logged(m, f))
        ] or ["        pass"]
    lines.append(f"    {assigned(m, f)}{name}_{block}({', '.join(arguments(m, f))})")
    lines += stores(m, written_by(m, f), "    ")
    for r in f.returns:
        if r in t.weights:
            lines += ["    if _connection >= 0:", f"        {M}[_w + _U({t.weights.index(r)})] = {r}"]
        elif r == "v":
            lines.append("    _A[_base + _U(_G[_g, _V]) + _nd] = v")
        elif r in t.pointers:
            lines.append(f"    _A[{pointed(name, r)}] = {r}")
    if t.effects(block):
        armed = f"_o + {name}___side_0 + _j, {t.conditions}" if t.conditions else "_o, 0"
        lines += [
            f"    _source = _I[_U(_G[_g, _{name}_SOURCE]) + _U(_inst)]",
            f"    _target = ({context.code(m)} << 32) + _inst",
            f"    act({context.queue}, _source, _target, _connection, t, _hops, {armed})",
        ]
    if t.conditions and block == "receive":
        lines.append(f"    {name}_sides({ARGS}, _g, _inst, t, dt)")
    return "\n".join(lines)


def logged(m: VarStruct, f: Function) -> list[str]:
    """What a receiving block reads, as the log of events keeps it: all but streams and lists."""
    t = m.template
    names = [n for n in f.params if n not in (*t.random, *t.lists, "t", "dt", "flag")]
    return expanded(names, t.array_sizes)


def deliver(context: Context) -> str:
    """`deliver`: due events of a group in their order; and `initialize_connections`."""
    receivers = [m for m in context.program.mechanisms if "receive" in m.template.functions]
    lines = [
        "@kernel",
        f"def deliver({ARGS}, _S, _g, _until, _dt):",
        '    """Deliver this group\'s events of time <= _until.',
        "",
        "    False, to be entered again, when a buffer must be made larger first.",
        '    """',
        "    while _QN[_g, EVENTS] > 0 and _QF[_g, 0, 0] <= _until:",
        "        if _QF.shape[1] - _QN[_g, EVENTS] < _G[_g, _FANMAX]:",
        "            _QN[_g, STATUS] = QUEUE_FULL",
        "            return False",
        "        if _SF.shape[1] - _QN[_g, SPIKES] < MOST:",
        "            _QN[_g, STATUS] = SPIKES_FULL",
        "            return False",
        *(
            [
                f"        if {NOTED} and not log_event(_QF, _QI, _QN, _LF, _LI, _g):",
                "            return False",
            ]
            if context.program.adjoint
            else []
        ),
        "        _time = _QF[_g, 0, 0]",
        "        _flag = _QF[_g, 0, 2]",
        "        _hops = _QI[_g, 0, 0] >> GENERATION",
        "        _code = _QI[_g, 0, 1] >> 32",
        "        _inst = _QI[_g, 0, 1] & 0xFFFFFFFF",
        "        _connection = _QI[_g, 0, 2]",
        "        take(_QF, _QI, _QN, _g, 0)",
        "        _QN[_g, DELIVERED] += 1",
    ]
    for m in receivers:
        lines.append(f"        if _code == {context.code(m)}:")
        passed = f"{ARGS}, _S, _g, _inst, _connection, _flag, _time, _hops, _dt"
        lines.append(f"            {m.template.name}_receive_event({passed})")
    if context.program.plays:
        lines += [
            f"        if _code == {len(context.program.mechanisms)}:",
            "            _row = _U(_G[_g, _PLAY]) + _U(_inst) * _U(PLAY)",
            "            _base = _U(_G[_g, _BASE])",
            "            _target = (_code << 32) + _inst",
            "            _member = _G[_g, _MEMBER]",
            "            point_reached("
            "_A, _P, _I, _QF, _QI, _QN, _g, _base, _row, _member, _target, _time, _hops)",
        ]
    lines += [
        "        if _QN[_g, STATUS] == LOST:",
        "            return False",
        "    return True",
    ]
    lines += [
        "",
        "",
        "@kernel",
        f"def initialize_connections({ARGS}, _S, _g, _t, _dt):",
        '    """NET_RECEIVE INITIAL of every connection of this group, in creation order."""',
    ]
    initializers = [m for m in context.program.mechanisms if "receive_initial" in m.template.functions]
    if initializers:
        lines += [
            "    for _k in range(_CI.shape[0]):",
            "        _c = _CI[_k, 4]",
            "        if _CI[_c, 0] == _G[_g, _CHUNK]:",
        ]
        for m in initializers:
            lines.append(f"            if (_CI[_c, 1] >> 32) == {context.code(m)}:")
            passed = f"{ARGS}, _S, _g, _CI[_c, 1] & 0xFFFFFFFF, _c, 0.0, _t, 0, _dt"
            lines.append(f"                {m.template.name}_receive_initial_event({passed})")
    if context.program.weights_own:
        cleared = [
            m
            for m in receivers
            if "receive_initial" not in m.template.functions and len(m.template.weights) > 1
        ]
        lines += ["    _w = _U(_G[_g, _BASE]) + _U(_G[_g, _WEIGHTS])"] if cleared else []
        for m in cleared:
            lines += [
                "    for _c in range(_CI.shape[0]):",
                f"        if _CI[_c, 0] == _G[_g, _CHUNK] and (_CI[_c, 1] >> 32) == {context.code(m)}:",
                f"            for _k in range(1, {len(m.template.weights)}):",
                "                _A[_w + _U(_CI[_c, 2]) + _U(_k)] = 0.0",
            ]
    for m in receivers:  # every condition of WATCH is dropped
        hidden = hidden_names(m.template)
        if hidden:
            name = m.template.name
            lines.append(f"    for _inst in range(_G[_g, _{name}_N]):")
            lines += [f"    {x}" for x in at_instance(name)]
            lines += [f"        _A[_o + {name}__{n} + _j] = 0.0" for n in hidden]
    lines.append("    return True")
    return "\n".join(lines)
