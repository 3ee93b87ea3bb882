"""The loops of a generated CPU module over the instances of one mechanism.

A block function computes at most `W` instances on contiguous memory and is vector code; the loop around it
gathers what lies at nodes and ion pools into the
scratch ``_S`` and scatters results in instance order, so that sums are formed as NEURON forms them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from heliox.errors import UnsupportedError
from heliox.kernels.lower import effectful_helpers
from heliox.kernels.mechanism_text import table_arguments, uses_table
from heliox.mechanisms.subset import Function
from heliox.mechanisms.varstruct import SCALE, VarStruct

if TYPE_CHECKING:
    from heliox.kernels.codegen import Program

W = 64
ARGS = "_A, _P, _I, _G, _QF, _QI, _QN, _SF, _SI, _FAN, _CI, _SR, _R, _RA"
EVENTLESS = "_A, _P, _I, _G"
QUEUE = "_P, _QF, _QI, _QN, _SF, _SI, _FAN, _CI, _g, _chunk, _delay"
NODE_ARRAYS = {"v": ("_A", "_v"), "area": ("_P", "_area"), "diam": ("_P", "_diam")}


class Loops:
    """Emits the loops of all mechanisms of a program."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.by_name = {m.template.name: m for m in program.mechanisms}
        self.scratch = 1
        for m in program.mechanisms:
            _refuse(m)

    # ------------------------------------------------------------------ what a step calls

    def bases(self, pad: str) -> list[str]:
        """Locals of a group that several phases use."""
        return [
            f"{pad}_base = _U(_G[_g, _BASE])",
            f"{pad}_n = _U(_G[_g, _NODES])",
            f"{pad}_roots = _U(_G[_g, _ROOTS])",
            *[f"{pad}_{x} = _base + _U(_G[_g, _{x.upper()}])" for x in ("v", "rhs", "d")],
            f"{pad}_a = _U(_G[_g, _CA])",
            f"{pad}_b = _U(_G[_g, _CB])",
            f"{pad}_parent = _U(_G[_g, _PARENT])",
        ]

    def calls(self, phase: str) -> list[str]:
        """Calls of the loops that make up a phase, in model order."""
        p = self.program
        out = []
        for m in p.mechanisms:
            name = m.template.name
            if name == "capacitance":
                if phase == "capacitance":
                    out.append(f"capacitance_add({EVENTLESS}, _g, _d, _cj)")
                elif phase == "after_update":
                    out.append(f"capacitance_current({EVENTLESS}, _g, _rhs, _cj)")
            elif phase == "correct_ions":
                if p.secondorder == 2 and m.template.kind == "ion":
                    out.append(f"{name}_correct({EVENTLESS}, _g, _rhs)")
            elif phase in m.template.functions:
                out.append(self._call(m, phase))
        if phase == "initial":  # artificial cells come after everything on nodes
            out.sort(
                key=lambda line: self.by_name[line.split("_initial_loop")[0]].template.kind == "artificial"
            )
        return out

    def _call(self, m: VarStruct, block: str) -> str:
        args = ARGS if _has_effects(m, block) else EVENTLESS
        return f"{m.template.name}_{block}_loop({args}, _S, _g, _t, _dt)"

    # ------------------------------------------------------------------ one mechanism

    def mechanism(self, m: VarStruct) -> list[str]:
        """All loops of a mechanism."""
        if m.template.name == "capacitance":
            return [_capacitance(m)]
        out = []
        for block in m.template.functions:
            if block in ("receive", "receive_initial"):
                out.append(self.event(m, block))
            else:
                out += self.loop(m, block)
        if m.template.kind == "ion" and self.program.secondorder == 2:
            out.append(_correct(m))
        return out

    def loop(self, m: VarStruct, block: str) -> list[str]:
        """Block function and the gathering loop around it."""
        return _BlockWriter(self, m, block).write()

    def event(self, m: VarStruct, block: str) -> str:
        """Receipt of one event by one instance."""
        t = m.template
        f = t.functions[block]
        name = t.name
        effects = _has_effects(m, block)
        lines = [
            "@kernel",
            f"def {name}_{block}_event({ARGS}, _g, _inst, _connection, flag, t, _hops, dt):",
            "    _base = _U(_G[_g, _BASE])",
            f"    _k = _U(_inst) // _U({W})",
            f"    _j = _U(_inst) % _U({W})",
            f"    _o = _base + _U(_G[_g, _{name}_OWN]) + _k * {name}__OWN",
            f"    _p = _U(_G[_g, _{name}_SHARED]) + _k * {name}__SHARED",
        ]
        if effects:
            lines += [
                "    _chunk = _G[_g, _CHUNK]",
                "    _delay = _U(_G[_g, _DELAY])",
                f"    _source = _I[_U(_G[_g, _{name}_SOURCE]) + _U(_inst)]",
                f"    _q = ({QUEUE}, _source, ({self._code(m)} << 32) + _inst, _connection, t, _hops)",
            ]
        M = "_A" if self.program.weights_own else "_P"
        if set(f.params) & set(t.weights) or set(f.returns) & set(t.weights):
            at = "_base + _U(_G[_g, _WEIGHTS])" if self.program.weights_own else "_U(_G[_g, _WEIGHTS])"
            lines.append(f"    _w = {at} + _U(max(_CI[_connection, 2], 0)) if _connection >= 0 else _U(0)")
            for k, w in enumerate(t.weights):
                if w in f.params:
                    lines.append(f"    {w} = {M}[_w + _U({k})] if _connection >= 0 else 0.0")
        needs_node = {n for n in (*f.params, *f.returns) if n in NODE_ARRAYS}
        if needs_node:
            lines.append(f"    _nd = _U(_I[_U(_G[_g, _{name}_NODE]) + _U(_inst)])")
            for n in sorted(needs_node & set(f.params)):
                at = "_base + _U(_G[_g, _V])" if n == "v" else f"_U(_G[_g, _{n.upper()}])"
                lines.append(f"    {n} = {NODE_ARRAYS[n][0]}[{at} + _nd]")
        lines += self._scalars(m, f, "    ", skip={"t", "dt", "flag"})
        for n in f.params:
            if n in m.own and n not in t.random:
                lines.append(f"    {n} = _A[_o + {name}__{n} + _j]")
            elif n in m.shared:
                lines.append(f"    {n} = _P[_p + {name}__{n} + _j]")
            elif n in t.random:
                lines.append(f"    {n} = (_A, _o + {name}__{n} + _j, _key)")
            elif n in t.ion_names:
                ion = t.ion_names[n]
                pool = f"{ion}_ion"
                lines.append(
                    f"    {n} = _A[_base + _U(_G[_g, _{pool}_OWN]) + _U(_I[_U(_G[_g, _{name}_ION_{ion}]) + _U(_inst)]) + {pool}__{n}]"
                )
        lines.append(f"    {_assign(f)}{name}_{block}({self._arguments(m, f)})")
        for r in f.returns:
            if r in m.own:
                lines.append(f"    _A[_o + {name}__{r} + _j] = {r}")
            elif r in t.weights:
                lines += ["    if _connection >= 0:", f"        {M}[_w + _U({t.weights.index(r)})] = {r}"]
            elif r == "v":
                lines.append("    _A[_base + _U(_G[_g, _V]) + _nd] = v")
        return "\n".join(lines)

    # ------------------------------------------------------------------ deliveries

    def deliver(self) -> str:
        """`deliver`: due events of a group in their order; `initialize_connections`."""
        receivers = [m for m in self.program.mechanisms if "receive" in m.template.functions]
        lines = [
            "@kernel",
            f"def deliver({ARGS}, _g, _until, _dt):",
            '    """Deliver this group\'s events of time <= _until. False, to be entered again, when a buffer must be made larger first."""',
            "    while _QN[_g, EVENTS] > 0 and _QF[_g, 0, 0] <= _until:",
            "        if _QF.shape[1] - _QN[_g, EVENTS] < _G[_g, _FANMAX]:",
            "            _QN[_g, STATUS] = QUEUE_FULL",
            "            return False",
            "        if _SF.shape[1] - _QN[_g, SPIKES] < 8:",
            "            _QN[_g, STATUS] = SPIKES_FULL",
            "            return False",
            "        _time = _QF[_g, 0, 0]",
            "        _flag = _QF[_g, 0, 2]",
            "        _hops = _QI[_g, 0, 0] >> GENERATION",
            "        _code = _QI[_g, 0, 1] >> 32",
            "        _inst = _QI[_g, 0, 1] & 0xFFFFFFFF",
            "        _connection = _QI[_g, 0, 2]",
            "        drop_first(_QF, _QI, _QN, _g)",
            "        _QN[_g, DELIVERED] += 1",
        ]
        for m in receivers:
            lines.append(f"        if _code == {self._code(m)}:")
            lines.append(
                f"            {m.template.name}_receive_event({ARGS}, _g, _inst, _connection, _flag, _time, _hops, _dt)"
            )
        lines += ["    return _QN[_g, STATUS] != LOST", "", ""]
        lines += [
            "@kernel",
            f"def initialize_connections({ARGS}, _g, _t, _dt):",
            '    """NET_RECEIVE INITIAL of every connection of this group, in creation order."""',
        ]
        initializers = [m for m in self.program.mechanisms if "receive_initial" in m.template.functions]
        if initializers:
            lines += [
                "    for _k in range(_CI.shape[0]):",
                "        _c = _CI[_k, 4]",
                "        if _CI[_c, 0] == _G[_g, _CHUNK]:",
            ]
            for m in initializers:
                lines.append(f"            if (_CI[_c, 1] >> 32) == {self._code(m)}:")
                lines.append(
                    f"                {m.template.name}_receive_initial_event({ARGS}, _g, _CI[_c, 1] & 0xFFFFFFFF, _c, 0.0, _t, 0, _dt)"
                )
        if self.program.weights_own:
            cleared = [
                m
                for m in receivers
                if "receive_initial" not in m.template.functions and len(m.template.weights) > 1
            ]
            lines += ["    _w = _U(_G[_g, _BASE]) + _U(_G[_g, _WEIGHTS])"] if cleared else []
            for m in cleared:
                lines += [
                    "    for _c in range(_CI.shape[0]):",
                    f"        if _CI[_c, 0] == _G[_g, _CHUNK] and (_CI[_c, 1] >> 32) == {self._code(m)}:",
                    f"            for _k in range(1, {len(m.template.weights)}):",
                    "                _A[_w + _U(_CI[_c, 2]) + _U(_k)] = 0.0",
                ]
        lines.append("    return True")
        return "\n".join(lines)

    def phases(self) -> str:
        """`fill_tables` and the size of the scratch."""
        lines = [
            f"SCRATCH = {self.scratch}",
            "",
            "",
            "@entry",
            "def fill_tables(_A, _P, _G):",
            '    """Every NMODL TABLE, from the present values of what it depends on."""',
        ]
        for m in self.program.mechanisms:
            for table in m.template.tables:
                name = m.template.name
                lines.append(f"    if _G[0, _{name}_TABLE] >= 0:")
                args = table_arguments(m, table)
                values = [self._global_value(m, a, "0", "    ") for a in args]
                where = (
                    ("_A", f"_U(_G[_g, _BASE]) + _U(_G[_g, _{name}_TABLE])")
                    if self.program.celsius_own
                    else ("_P", f"_U(_G[0, _{name}_TABLE])")
                )
                if self.program.celsius_own:
                    values = [self._global_value(m, a, "_g", "    ") for a in args]
                    lines.append("        for _g in range(_G.shape[0]):")
                    pad = "            "
                else:
                    pad = "        "
                lines.append(
                    f"{pad}{name}_{table.function}_fill({where[0]}, {where[1]}{''.join(', ' + v for v in values)})"
                )
        lines.append("    return 0")
        return "\n".join(lines)

    # ------------------------------------------------------------------ shared pieces

    def _code(self, m: VarStruct) -> int:
        return self.program.mechanisms.index(m)

    def _global_value(self, m: VarStruct, name: str, g: str, pad: str) -> str:
        if name == "celsius":
            if self.program.celsius_own:
                return f"_A[_U(_G[{g}, _BASE]) + _U(_G[{g}, _CELSIUS])]"
            return f"_P[_U(_G[{g}, _CELSIUS])]"
        at = list(m.template.globals_).index(name)
        return f"_P[_U(_G[{g}, _{m.template.name}_GLOBALS]) + _U({at})]"

    def _scalars(self, m: VarStruct, f: Function, pad: str, skip: set[str]) -> list[str]:
        """Loads of what is the same for all instances."""
        out = []
        for n in f.params:
            if n in skip:
                continue
            if n == "celsius" or n in m.template.globals_:
                out.append(f"{pad}{n} = {self._global_value(m, n, '_g', pad)}")
        if set(f.params) & set(m.template.random):
            out.append(f"{pad}_key = _P[_U(_G[_g, _KEY])]")
        return out

    def _arguments(self, m: VarStruct, f: Function, tabled: bool = False) -> str:
        args = list(f.params)
        if _has_effects(m, f.name):
            args.insert(0, "_q")
        if tabled:
            args.insert(0, "_T")
        return ", ".join(args)


class _BlockWriter:
    """Writes one block of one mechanism: the vector function and its loop."""

    def __init__(self, loops: Loops, m: VarStruct, block: str) -> None:
        self.loops, self.m, self.block = loops, m, block
        self.t = m.template
        self.f = self.t.functions[block]
        self.name = self.t.name
        self.scalar_names = [n for n in self.f.params if n in ("t", "dt", "celsius") or n in self.t.globals_]
        self.accumulates = block == "current" and self.t.kind in ("density", "point")
        self.effects = _has_effects(m, block)
        self.slots: dict[str, int] = {}
        params = set(self.f.params) | ({"v"} if self.accumulates else set())
        self.nodes = [n for n in NODE_ARRAYS if n in params]
        self.ion_reads = [n for n in self.f.params if n in self.t.ion_names and n not in m.own]
        self.ion_writes = [n for n in self.f.returns if n in self.t.ion_names]
        self.ion_currents = [n for n in self.ion_writes if n in self.t.currents]
        self.pointers = [n for n in self.f.params if n in self.t.pointers]
        if self.accumulates and self.t.kind == "point" and self.ion_currents and "area" not in self.nodes:
            self.nodes.append("area")
        for n in (*self.nodes, *self.ion_reads, *self.pointers):
            self._slot(n)
        if self.accumulates:
            self._slot("_i")
            self._slot("_gm")
        for n in self.ion_writes:
            self._slot(f"_w_{n}")
        for n in self.ion_currents:
            if self.loops.program.secondorder == 2:
                self._slot(f"_d_{n}")
        loops.scratch = max(loops.scratch, len(self.slots))

    def _slot(self, n: str) -> None:
        self.slots.setdefault(n, len(self.slots))

    def S(self, n: str) -> str:
        return f"_S[_U({self.slots[n] * W}) + _j]"

    def write(self) -> list[str]:
        variants = [("", f"{self.name}_{self.block}", False)]
        if uses_table(self.m, self.block):
            variants.append(("_tabled", f"{self.name}_{self.block}_tabled", True))
        return [self._block(*v) for v in variants] + [self._loop(len(variants) > 1)]

    def _extra(self) -> str:
        out = "".join(f", {n}" for n in self.scalar_names)
        if set(self.f.params) & set(self.t.random):
            out += ", _key"
        return out

    def _block(self, suffix: str, function: str, tabled: bool) -> str:
        f, m, name = self.f, self.m, self.name
        queue = (
            ", _QF, _QI, _QN, _SF, _SI, _FAN, _CI, _g, _chunk, _delay, _code, _first, _sources, _I, _now"
            if self.effects
            else ""
        )
        table = ", _TM, _tk" if tabled else ""
        lines = [
            "@kernel",
            f"def {name}_{self.block}_block{suffix}(_A, _P, _S, _o, _p, _m{queue}{table}{self._extra()}):",
        ]
        if tabled:
            lines.append("    _T = (_TM, _tk)")
        lines.append("    for _j in range(_m):")
        pad = "        "
        for n in (*self.nodes, *self.ion_reads, *self.pointers):
            lines.append(f"{pad}{n} = {self.S(n)}")
        loads = list(f.params)
        if self.accumulates and self.t.kind == "point":
            loads.append(SCALE)
        for n in dict.fromkeys(loads):
            if n in self.t.random:
                lines.append(f"{pad}{n} = (_A, _o + {name}__{n} + _j, _key)")
            elif n in m.own:
                lines.append(f"{pad}{n} = _A[_o + {name}__{n} + _j]")
            elif n in m.shared:
                lines.append(f"{pad}{n} = _P[_p + {name}__{n} + _j]")
        if self.block == "initial":
            for s in self.t.states:
                if s not in self.t.ion_names and self.t.kind != "ion":
                    start = f"{s}0"
                    if start in m.own or start in m.shared:
                        where = (
                            f"_A[_o + {name}__{start} + _j]"
                            if start in m.own
                            else f"_P[_p + {name}__{start} + _j]"
                        )
                    else:
                        where = "0.0"
                    if s in f.params:
                        lines.append(f"{pad}{s} = {where}")
                    lines.append(f"{pad}_A[_o + {name}__{s} + _j] = {where}")
        if self.effects:
            lines.append(f"{pad}_inst = np_int64(_first + _j)")
            lines.append(
                f"{pad}_q = ({QUEUE}, _I[_sources + _first + _j], (_code << 32) + _inst, -1, _now, 0)"
            )
        call = f"{function}({self.loops._arguments(m, f, tabled)})"
        if self.accumulates:
            lines += self._currents(function, tabled, pad)
        else:
            lines.append(f"{pad}{_assign(f)}{call}")
        for r in f.returns:
            if r in m.own:
                lines.append(f"{pad}_A[_o + {name}__{r} + _j] = {r}")
            if f"_w_{r}" in self.slots and not (self.accumulates and r in self.ion_currents):
                lines.append(f"{pad}{self.S(f'_w_{r}')} = {r}")
        return "\n".join(lines).replace("np_int64", "_np.int64")

    def _currents(self, function: str, tabled: bool, pad: str) -> list[str]:
        """I(v + 0.001), then I(v); g is their difference quotient (NEURON's nrn_cur)."""
        f, point = self.f, self.t.kind == "point"
        args = ["_v1" if a == "v" else a for a in self.loops._arguments(self.m, f, tabled).split(", ")]
        total = "0.0"
        for c in self.t.currents:
            total = f"({total} + {c})"
        lines = [
            f"{pad}_v1 = v + 0.001",
            f"{pad}{_assign(f)}{function}({', '.join(a for a in args if a)})",
            f"{pad}_i1 = {total}",
        ]
        second = self.loops.program.secondorder == 2
        if second:
            lines += [f"{pad}_d_{c} = {c}" for c in self.ion_currents]
        lines += [
            f"{pad}{_assign(f)}{function}({self.loops._arguments(self.m, f, tabled)})",
            f"{pad}_i0 = {total}",
            f"{pad}_gm = (_i1 - _i0) / 0.001",
        ]
        scale = f" * {SCALE}" if point else ""
        lines += [f"{pad}{self.S('_i')} = _i0{scale}", f"{pad}{self.S('_gm')} = _gm{scale}"]
        for c in self.ion_currents:
            lines.append(f"{pad}{self.S(f'_w_{c}')} = {c}" + (" * 100.0 / area" if point else ""))
            if second:
                lines.append(
                    f"{pad}{self.S(f'_d_{c}')} = (_d_{c} - {c}) / 0.001"
                    + (" * 100.0 / area" if point else "")
                )
        return lines

    def _loop(self, two: bool) -> str:
        name, t = self.name, self.t
        args = ARGS if self.effects else EVENTLESS
        lines = [
            "@kernel",
            f"def {name}_{self.block}_loop({args}, _S, _g, _t, _dt):",
            f"    _count = _U(_G[_g, _{name}_N])",
            "    if _count == _U(0):",
            "        return",
            "    _base = _U(_G[_g, _BASE])",
            f"    _o = _base + _U(_G[_g, _{name}_OWN])",
            f"    _p = _U(_G[_g, _{name}_SHARED])",
        ]
        if "t" in self.scalar_names:
            lines.append("    t = _t")
        if "dt" in self.scalar_names:
            lines.append("    dt = _dt")
        lines += self.loops._scalars(self.m, self.f, "    ", skip={"t", "dt"})
        if self.nodes or self.accumulates:
            lines.append(f"    _node = _U(_G[_g, _{name}_NODE])")
        for n in self.nodes:
            lines.append(
                f"    _{n} = " + ("_base + _U(_G[_g, _V])" if n == "v" else f"_U(_G[_g, _{n.upper()}])")
            )
        if self.accumulates:
            lines += ["    _rhs = _base + _U(_G[_g, _RHS])", "    _d = _base + _U(_G[_g, _D])"]
        ions = sorted({t.ion_names[n] for n in (*self.ion_reads, *self.ion_writes)})
        for ion in ions:
            lines.append(f"    _ion_{ion} = _U(_G[_g, _{name}_ION_{ion}])")
            lines.append(f"    _pool_{ion} = _base + _U(_G[_g, _{ion}_ion_OWN])")
        for n in self.pointers:
            lines.append(f"    _to_{n} = _U(_G[_g, _{name}_POINTER_{n}])")
        if self.effects:
            lines += [
                f"    _code = {self.loops._code(self.m)}",
                "    _chunk = _G[_g, _CHUNK]",
                "    _delay = _U(_G[_g, _DELAY])",
                f"    _sources = _U(_G[_g, _{name}_SOURCE])",
            ]
        if two:
            at = list(t.globals_).index("usetable") if "usetable" in t.globals_ else None
            assert at is None
            where = (
                ("_A", f"_base + _U(_G[_g, _{name}_TABLE])")
                if self.loops.program.celsius_own
                else ("_P", f"_U(_G[_g, _{name}_TABLE])")
            )
            lines += [
                f"    _usetable = _G[_g, _{name}_TABLE] >= 0",
                f"    _tk = {where[1]} if _usetable else _U(0)",
            ]
        lines += [
            "    _first = _U(0)",
            "    while _first < _count:",
            f"        _m = min(_count - _first, _U({W}))",
        ]
        lines += self._gather("        ")
        queue = (
            ", _QF, _QI, _QN, _SF, _SI, _FAN, _CI, _g, _chunk, _delay, _code, _first, _sources, _I, _t"
            if self.effects
            else ""
        )
        call = f"{name}_{self.block}_block{{}}(_A, _P, _S, _o, _p, _m{queue}{{}}{self._extra()})"
        if two:
            lines += [
                "        if _usetable:",
                "            " + call.format("_tabled", f", {where[0]}, _tk"),
                "        else:",
                "            " + call.format("", ""),
            ]
        else:
            lines.append("        " + call.format("", ""))
        lines += self._scatter("        ")
        lines += [f"        _o += {name}__OWN", f"        _p += {name}__SHARED", f"        _first += _U({W})"]
        return "\n".join(lines)

    def _gather(self, pad: str) -> list[str]:
        lines = []
        if self.nodes:
            lines += [f"{pad}for _j in range(_m):", f"{pad}    _nd = _U(_I[_node + _first + _j])"]
            lines += [f"{pad}    {self.S(n)} = {NODE_ARRAYS[n][0]}[_{n} + _nd]" for n in self.nodes]
        for ion in sorted({self.t.ion_names[n] for n in self.ion_reads}):
            lines += [
                f"{pad}for _j in range(_m):",
                f"{pad}    _at = _pool_{ion} + _U(_I[_ion_{ion} + _first + _j])",
            ]
            lines += [
                f"{pad}    {self.S(n)} = _A[_at + {ion}_ion__{n}]"
                for n in self.ion_reads
                if self.t.ion_names[n] == ion
            ]
        for n in self.pointers:
            lines += [
                f"{pad}for _j in range(_m):",
                f"{pad}    {self.S(n)} = _A[_base + _U(_I[_to_{n} + _first + _j])]",
            ]
        return lines

    def _scatter(self, pad: str) -> list[str]:
        lines = []
        if self.accumulates:
            sign, other = ("+", "-") if self.t.electrode else ("-", "+")
            lines += [
                f"{pad}for _j in range(_m):",
                f"{pad}    _nd = _U(_I[_node + _first + _j])",
                f"{pad}    _A[_rhs + _nd] {sign}= {self.S('_i')}",
                f"{pad}    _A[_d + _nd] {other}= {self.S('_gm')}",
            ]
        for ion in sorted({self.t.ion_names[n] for n in self.ion_writes}):
            lines += [
                f"{pad}for _j in range(_m):",
                f"{pad}    _at = _pool_{ion} + _U(_I[_ion_{ion} + _first + _j])",
            ]
            written = [n for n in self.ion_writes if self.t.ion_names[n] == ion]
            for n in written:
                op = "+=" if self.accumulates and n in self.ion_currents else "="
                lines.append(f"{pad}    _A[_at + {ion}_ion__{n}] {op} {self.S(f'_w_{n}')}")
                if f"_d_{n}" in self.slots:
                    lines.append(f"{pad}    _A[_at + {ion}_ion__d{n}_dv_] += {self.S(f'_d_{n}')}")
            if self.block == "initial" and {f"{ion}i", f"{ion}o"} & set(written):
                lines += self._reversal(ion, pad + "    ")
        return lines

    def _reversal(self, ion: str, pad: str) -> list[str]:
        """A written concentration moves the reversal potential at once where the ion's style asks for it
        (eion.cpp nrn_wrote_conc)."""
        pool = f"{ion}_ion"
        valence = self.loops.by_name[pool].template.constants["valence"]
        style = f"_P[_U(_G[_g, _{pool}_SHARED]) + _U(_I[_ion_{ion} + _first + _j]) // {pool}__OWN * {pool}__SHARED + _U(_I[_ion_{ion} + _first + _j]) % _U({W}) + {pool}__style]"
        celsius = self.loops._global_value(self.m, "celsius", "_g", pad)
        return [
            f"{pad}if {pool}_bit_set({style}, 32.0) > 0.0:",
            f"{pad}    _A[_at + {pool}__e{ion}] = {pool}_nernst(_A[_at + {pool}__{ion}i], _A[_at + {pool}__{ion}o], {valence!r}, {celsius})",
        ]


def _assign(f: Function) -> str:
    return f"{', '.join(f.returns)} = " if f.returns else ""


def _has_effects(m: VarStruct, block: str) -> bool:
    f = m.template.functions[block]
    return f.has_effects or bool(f.calls & effectful_helpers(m.template))


def _refuse(m: VarStruct) -> None:
    """What the contract allows but this generator does not write yet."""
    t = m.template
    problems = [f"array variable {n!r}" for n, v in t.instance_names.items() if v.size > 1]
    problems += [f"block {b!r}" for b in t.functions if b in ("conductance",) or b.startswith("watch_")]
    problems += [f"written GLOBAL {n!r}" for n in t.globals_ if n in t.writes()]
    problems += ["net_move" for f in (*t.functions.values(), *t.helpers.values()) if "net_move" in f.calls]
    problems += [f"written pointer {n!r}" for n in t.pointers if n in t.writes()]
    if problems:
        raise UnsupportedError(
            f"mechanism {t.name}: this version does not run {', '.join(problems)}",
            mechanism=t.name,
            problems=problems,
        )


def _capacitance(m: VarStruct) -> str:
    M, base = ("_A", "_o") if "cm" in m.own else ("_P", "_p")
    return f'''\
@kernel
def capacitance_add({EVENTLESS}, _g, _d, _cj):
    """d += 0.001 cj cm, after all mechanisms (capac.cpp nrn_cap_jacob)."""
    _count = _U(_G[_g, _capacitance_N])
    _node = _U(_G[_g, _capacitance_NODE])
    _o = _U(_G[_g, _BASE]) + _U(_G[_g, _capacitance_OWN])
    _p = _U(_G[_g, _capacitance_SHARED])
    _c = 0.001 * _cj
    _first = _U(0)
    while _first < _count:
        for _j in range(min(_count - _first, _U({W}))):
            _A[_d + _U(_I[_node + _first + _j])] += _c * {M}[{base} + capacitance__cm + _j]
        _o += capacitance__OWN
        _p += capacitance__SHARED
        _first += _U({W})


@kernel
def capacitance_current({EVENTLESS}, _g, _rhs, _cj):
    """i_cap = 0.001 cj cm dv (capac.cpp nrn_div_capacity)."""
    _count = _U(_G[_g, _capacitance_N])
    _node = _U(_G[_g, _capacitance_NODE])
    _o = _U(_G[_g, _BASE]) + _U(_G[_g, _capacitance_OWN])
    _p = _U(_G[_g, _capacitance_SHARED])
    _c = 0.001 * _cj
    _first = _U(0)
    while _first < _count:
        for _j in range(min(_count - _first, _U({W}))):
            _A[_o + capacitance__i_cap + _j] = _c * {M}[{base} + capacitance__cm + _j] * _A[_rhs + _U(_I[_node + _first + _j])]
        _o += capacitance__OWN
        _p += capacitance__SHARED
        _first += _U({W})'''


def _correct(m: VarStruct) -> str:
    pool = m.template.name
    ion = pool[: -len("_ion")]
    return f'''\
@kernel
def {pool}_correct({EVENTLESS}, _g, _rhs):
    """secondorder 2: total current += di/dv dv (eion.cpp second_order_cur)."""
    _count = _U(_G[_g, _{pool}_N])
    _node = _U(_G[_g, _{pool}_NODE])
    _o = _U(_G[_g, _BASE]) + _U(_G[_g, _{pool}_OWN])
    _first = _U(0)
    while _first < _count:
        for _j in range(min(_count - _first, _U({W}))):
            _A[_o + {pool}__i{ion} + _j] += _A[_o + {pool}__di{ion}_dv_ + _j] * _A[_rhs + _U(_I[_node + _first + _j])]
        _o += {pool}__OWN
        _first += _U({W})'''
