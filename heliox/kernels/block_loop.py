"""One block of one mechanism as two functions: vector code on a block, and the loop that feeds it.

The block function computes at most `W` instances on contiguous memory and is vector code; the loop around it
gathers what lies at nodes and ion pools into the scratch ``_S`` and scatters results in instance order, so
that sums are formed as NEURON forms them.
"""

from __future__ import annotations

import ast

from heliox.kernels import direct_loop
from heliox.kernels.context import (
    ARGS,
    EVENTLESS,
    NODE_ARRAYS,
    Context,
    W,
    arguments,
    assigned,
    elements,
    loads,
    stores,
    table_place,
)
from heliox.kernels.lower import plain_text, table_calls
from heliox.kernels.mechanism_text import looks_inside, tabled
from heliox.kernels.reversal import reversal
from heliox.mechanisms.arrays import element, expanded
from heliox.mechanisms.library.ions import ADVANCE_REVERSAL
from heliox.mechanisms.varstruct import SCALE, VarStruct

PASSED = "_I, _G, _QF, _QI, _QN, _SF, _SI, _FAN, _CI, _g, _first, _sources"  # to blocks with effects


class BlockWriter:
    """Writes one block of one mechanism: the vector function and its loop."""

    def __init__(self, context: Context, m: VarStruct, block: str) -> None:
        self.context, self.m, self.block = context, m, block
        self.t = m.template
        self.f = self.t.functions[block]
        self.name = self.t.name
        self.accumulates = block == "current" and self.t.kind in ("density", "point")
        self.rule = self.t.functions.get("conductance") if self.accumulates else None
        self.steady = self.accumulates and self.name in context.program.steady
        self.effects = m.template.effects(block)
        self.slots: dict[str, int] = {"": 0}  # the first row is that of effects
        read = dict.fromkeys((*self.f.params, *(self.rule.params if self.rule else ())))
        self.scalar_names = [
            n for n in read if n in ("t", "dt", "celsius") or (n in self.t.globals_ and n not in m.own)
        ]
        self.starts = [  # GLOBALs from which states start
            f"{s}0" for s in self.t.states if f"{s}0" in self.t.globals_ and f"{s}0" not in m.own
        ] if block == "initial" else []  # fmt: skip
        self.scalar_names += [n for n in self.starts if n not in read]
        params = set(read) | ({"v"} if self.accumulates and self.rule is None else set())
        self.nodes = [n for n in NODE_ARRAYS if n in params]
        self.ion_reads = [n for n in read if n in self.t.ion_names and n not in m.own]
        self.lists = [n for n in read if n in self.t.lists]
        self.inside = looks_inside(m, block)
        # currents come to a pool's total in `current` only
        self.ion_writes = [
            n
            for n in self.f.returns
            if n in self.t.ion_names and (n not in self.t.currents or block == "current")
        ]
        self.ion_currents = [n for n in self.ion_writes if n in self.t.currents]
        self.pointers = [n for n in read if n in self.t.pointers]
        self.pointers_written = [n for n in self.f.returns if n in self.t.pointers]
        if self.accumulates and self.t.kind == "point" and self.ion_currents and "area" not in self.nodes:
            self.nodes.append("area")
        for n in (*self.nodes, *self.ion_reads, *self.pointers):
            self._slot(n)
        if self.accumulates:
            self._slot("_i")
            self._slot("_gm")
        for n in (*self.ion_writes, *self.pointers_written):
            self._slot(f"_w_{n}")
        for n in self.ion_currents:
            if self.context.program.secondorder == 2:
                self._slot(f"_d_{n}")

        self.looked_up = tabled(m, block)
        self.suffix = "_tabled" if self.looked_up else ""
        for n in self._values():
            self._slot(n)

    def _values(self) -> list[str]:
        """Names of table values: those at v, and behind them, where currents need it, those at v + 0.001."""
        values = [n for names in self.looked_up.values() for n in names]
        twice = self.accumulates and self.rule is None
        return values + [f"{n}_above" for n in values] if twice else values

    def _slot(self, n: str) -> None:
        self.slots.setdefault(n, len(self.slots))

    def S(self, n: str) -> str:
        return f"_S[_U({self.slots[n] * W}) + _j]"

    def write(self) -> list[str]:
        direct = direct_loop.blocks(self) if self.direct else []
        return [self._block(), *direct, self._loop()]

    @property
    def lean(self) -> bool:
        """Whether a block without scratch leaves something out where nobody looks."""
        return self.direct and bool(set(self.f.returns) & set(self.context.unread.get(self.name, ())))

    @property
    def direct(self) -> bool:
        """Whether a block whose nodes are unbroken, and that leaves the diagonal, may go without scratch."""
        plain = self.ordered and self.accumulates and self.t.kind == "density" and self.rule is not None
        more = (self.ion_reads, self.ion_writes, self.pointers, self.lists, self.looked_up, self.inside)
        membrane = self.t.electrode and self.context.program.membrane
        return plain and set(self.nodes) <= {"v"} and not any(more) and not membrane

    @property
    def clears(self) -> bool:
        """Whether this begins the step of ion pools: of those that stand still only the totals change."""
        return self.t.kind == "ion" and self.block == "current"

    def extra(self) -> str:
        out = "".join(f", {n}" for n in expanded(self.scalar_names, self.t.array_sizes))
        if set(self.f.params) & set(self.t.random):
            out += ", _key"
        if self.inside:
            out += ", _T"
        if self.lists and not self.effects:
            out += ", _I, _first"
        return out + "".join(f", _list_{n}" for n in self.lists)

    def _block(self) -> str:
        f, m, name = self.f, self.m, self.name
        function = f"{name}_{self.block}{self.suffix}"
        queue = f", {PASSED}, _now" if self.effects else ""
        table = ", _TM, _tk" if self.looked_up else ""
        lines = [
            "@kernel",
            f"def {name}_{self.block}_block(_A, _P, _S, _o, _p, _m{queue}{table}{self.extra()}):",
        ]
        pad = "        "
        lines += self._look_up(pad)
        lines.append("    for _j in range(_m):")
        values = self._values()
        lines += [f"{pad}{n} = {self.S(n)}" for n in values]
        for n in (*self.nodes, *self.ion_reads, *self.pointers):
            lines.append(f"{pad}{n} = {self.S(n)}")
        wanted = [*f.params, *(self.rule.params if self.rule else ())]
        lines += loads(m, [*wanted, SCALE] if self.accumulates and self.t.kind == "point" else wanted, pad)
        if self.block == "initial":
            lines += self._state_defaults(pad)
        for n in self.lists:
            at = f"_list_{n} + _U(2) * (_first + _j)"
            lines.append(f"{pad}{n} = (_P, _U(_I[{at}]), _I[{at} + _U(1)])")
        call = f"{function}({', '.join(values + arguments(m, f))})"
        if self.accumulates:
            lines += self._currents(function, values, pad)
        else:
            lines.append(f"{pad}{assigned(m, f)}{call}")
        lines += stores(m, f.returns, pad)
        for r in f.returns:
            if f"_w_{r}" in self.slots and not (self.accumulates and r in self.ion_currents):
                lines.append(f"{pad}{self.S(f'_w_{r}')} = {r}")
        if self.effects:
            target = f"({self.context.code(m)} << 32) + _np.int64(_first + _j)"
            source = "_I[_sources + _first + _j]"
            lines.append(f"{pad}act({self.context.queue}, {source}, {target}, -1, _now, 0, _o, 0)")
        return "\n".join(lines)

    def _look_up(self, pad: str) -> list[str]:
        """Table look-ups of a block, in a loop of their own: gathers at computed places stop vector code."""
        lines = []
        twice = self.accumulates and self.rule is None
        for helper, values in self.looked_up.items():
            arguments_ = (table_calls(self.f, {helper}) or {})[helper]
            names = sorted({x.id for a in arguments_ for x in ast.walk(a) if isinstance(x, ast.Name)})
            lines += ["    for _j in range(_m):"]
            lines += [f"{pad}{n} = {self.S(n)}" for n in names if n in self.slots]
            lines += loads(self.m, [n for n in names if n not in self.slots], pad)
            at = f"{self.name}_{helper}_lookup((_TM, _tk)"
            here = ", ".join(expanded(map(plain_text, arguments_), self.t.array_sizes))
            lines.append(f"{pad}{', '.join(values)} = {at}, {here})")
            lines += [f"{pad}{self.S(n)} = {n}" for n in values]
            if twice:
                texts = (plain_text(a, {"v": "_v1"}) for a in arguments_)
                above = ", ".join(expanded(texts, self.t.array_sizes))
                lines += [f"{pad}_v1 = v + 0.001"] if "v" in names else []
                lines.append(f"{pad}{', '.join(values)} = {at}, {above})")
                lines += [f"{pad}{self.S(f'{n}_above')} = {n}" for n in values]
        return lines

    def _state_defaults(self, pad: str) -> list[str]:
        """Before INITIAL every state is x0: a parameter of that name, else 0 (ion pools keep theirs)."""
        lines: list[str] = []
        if self.t.kind == "ion":
            return lines
        for s in self.t.states:
            start = f"{s}0"
            value = "0.0"
            if start in self.m.own or start in self.m.shared or start in self.starts:
                lines += loads(self.m, [start], pad)
                value = element(start, 0) if start in self.t.array_sizes else start
            lines += [f"{pad}{x} = {value}" for x, _ in elements(self.m, s)]
            lines += stores(self.m, [s], pad)
        return lines

    def _starting(self) -> list[str]:
        """Loads of GLOBALs from which states start, those that the block does not read itself."""
        return [
            f"    {n} = {self.context.global_value(self.m, n)}" for n in self.starts if n not in self.f.params
        ]

    def _currents(self, function: str, values: list[str], pad: str) -> list[str]:
        """I(v + 0.001), then I(v); g is their difference quotient (NEURON's nrn_cur).

        With a `conductance` block the current is evaluated once and g is the sum of what that block returns.
        """
        total = "0.0"
        for c in self.t.currents:
            total = f"({total} + {c})"
        second = self.context.program.secondorder == 2
        call = f"{pad}{assigned(self.m, self.f)}{function}"
        half = len(values) // 2 if self.rule is None else len(values)
        here = ", ".join([*values[:half], *arguments(self.m, self.f)])
        lines = []
        if self.rule is None:
            above = ["_v1" if a == "v" else a for a in arguments(self.m, self.f)]
            lines += [
                f"{pad}_v1 = v + 0.001",
                f"{call}({', '.join([*values[half:], *above])})",
                f"{pad}_i1 = {total}",
            ]
            lines += [f"{pad}_d_{c} = {c}" for c in self.ion_currents] if second else []
        lines += [f"{call}({here})", f"{pad}_i0 = {total}"]
        if self.rule is None:
            per = "* 1000.0" if self.context.program.math == "fast" else "/ 0.001"
            lines.append(f"{pad}_gm = (_i1 - _i0) {per}")
            slopes = {c: f"(_d_{c} - {c}) {per}" for c in self.ion_currents}
        elif not self.steady or second:
            call = f"{self.name}_conductance({', '.join(self._rule_arguments())})"
            lines.append(f"{pad}{assigned(self.m, self.rule)}{call}")
            lines.append(f"{pad}_gm = {' + '.join(self.rule.returns)}")
            slopes = {c: f"g_{c}" if f"g_{c}" in self.rule.returns else "0.0" for c in self.ion_currents}
        point = self.t.kind == "point"
        scale, share = (f" * {SCALE}", " * 100.0 / area") if point else ("", "")
        lines.append(f"{pad}{self.S('_i')} = _i0{scale}")
        lines += [] if self.steady else [f"{pad}{self.S('_gm')} = _gm{scale}"]
        for c in self.ion_currents:
            lines.append(f"{pad}{self.S(f'_w_{c}')} = {c}{share}")
            if second:
                lines.append(f"{pad}{self.S(f'_d_{c}')} = {slopes[c]}{share}")
        return lines

    def _rule_arguments(self) -> list[str]:
        """What `conductance` reads."""
        assert self.rule is not None
        return expanded(self.rule.params, self.t.array_sizes)

    def _loop(self) -> str:
        name, t = self.name, self.t
        args = ARGS if self.effects else EVENTLESS
        lines = [
            "@kernel",
            f"def {name}_{self.block}_loop({args}, _S, _g, _t, _dt{self.flags}):",
            f"    _count = _U(_G[_g, _{name}_N])",
            "    if _count == _U(0):",
            "        return",
            "    _base = _U(_G[_g, _BASE])",
            f"    _o = _base + _U(_G[_g, _{name}_OWN])",
            f"    _p = _U(_G[_g, _{name}_SHARED])",
        ]
        lines += self._places()
        lines += [
            "    _first = _U(0)",
            "    while _first < _count:",
            "        _m = _U(1)" if self.serial else f"        _m = min(_count - _first, _U({W}))",
        ]
        if self.direct:
            lines += direct_loop.steps(self, "        ")
        lines += self._gather("        ")
        queue = f", {PASSED}, _t" if self.effects else ""
        table = f", {table_place(self.context, self.m)[0]}, _tk" if self.looked_up else ""
        call = f"{name}_{self.block}_block(_A, _P, _S, _o, _p, _m{queue}{table}{self.extra()})"
        if self.clears:
            lines += [
                f"        if _reach(_P, _p + {name}__style, {ADVANCE_REVERSAL!r}, _m) > 0:",
                f"            {call}",
                "        else:",
                *[f"            zero(_A, _o + {name}__{n}, _m)" for n in self.f.returns if n in t.assigned],
            ]
        else:
            lines.append(f"        {call}")
        lines += self._scatter("        ")
        if self.serial:
            lines += [
                "        _first += _U(1)",
                f"        _last = _first % _U({W}) == _U(0)",
                f"        _o += {name}__OWN - _U({W - 1}) if _last else _U(1)",
                f"        _p += {name}__SHARED - _U({W - 1}) if _last else _U(1)",
            ]
        else:
            lines += [
                f"        _o += {name}__OWN",
                f"        _p += {name}__SHARED",
                f"        _first += _U({W})",
            ]
        return "\n".join(lines)

    def _places(self) -> list[str]:
        """What is the same for all instances, and where lies what they read."""
        lines: list[str] = []
        if "t" in self.scalar_names:
            lines.append("    t = _t")
        if "dt" in self.scalar_names:
            lines.append("    dt = _dt")
        lines += self.context.scalars(self.m, self.f, "    ")
        lines += self._starting()
        if self.rule:
            lines += self.context.scalars(self.m, self.rule, "    ")
        if self.nodes or self.accumulates:
            lines.append(f"    _node = _U(_G[_g, _{self.name}_NODE])")
        for n in self.nodes:
            lines.append(
                f"    _{n} = " + ("_base + _U(_G[_g, _V])" if n == "v" else f"_U(_G[_g, _{n.upper()}])")
            )
        if self.accumulates:
            lines += ["    _rhs = _base + _U(_G[_g, _RHS])", "    _d = _base + _U(_G[_g, _D])"]
            if self.t.electrode and self.context.program.membrane:
                lines += [f"    _saved_{x} = _base + _U(_G[_g, _SAVED_{x.upper()}])" for x in ("rhs", "d")]
        ions = sorted({self.t.ion_names[n] for n in (*self.ion_reads, *self.ion_writes)})
        for ion in ions:
            lines.append(f"    _ion_{ion} = _U(_G[_g, _{self.name}_ION_{ion}])")
            lines.append(f"    _pool_{ion} = _base + _U(_G[_g, _{ion}_ion_OWN])")
        for n in dict.fromkeys((*self.pointers, *self.pointers_written)):
            lines.append(f"    _to_{n} = _U(_G[_g, _{self.name}_POINTER_{n}])")
        for n in self.lists:
            lines.append(f"    _list_{n} = _U(_G[_g, _{self.name}_LIST_{n}])")
        if self.inside:
            M, at = table_place(self.context, self.m)
            lines.append(f"    _T = ({M}, {at})")
        if self.effects:
            lines.append(f"    _sources = _U(_G[_g, _{self.name}_SOURCE])")
        if self.looked_up:
            lines.append(f"    _tk = {table_place(self.context, self.m)[1]}")
        return lines

    @property
    def serial(self) -> bool:
        """Whether instances run one by one, each reading what the one before it has stored.

        So it is where several may lie on one node, or point at one variable, and the block reads what it
        writes there; and where pointers lead to what the block sets in another instance.
        """
        concentrations = set(self.ion_writes) - set(self.ion_currents)
        shared = self.t.kind == "point" and concentrations & set(self.ion_reads)
        return bool(self.pointers_written or shared or self.pointers_inside)

    @property
    def pointers_inside(self) -> bool:
        """Whether pointers that the block reads lead to what it sets in other instances."""
        pointed = {n for m, n in self.context.program.pointed if m == self.name}
        return bool(self.pointers and pointed & set(self.f.returns))

    @property
    def ordered(self) -> bool:
        """Whether instances stand in the order of their nodes, at most one at each (heliox.solver.gather)."""
        return self.t.kind in ("density", "ion") and not self.serial and self.block != "initial"

    @property
    def flags(self) -> str:
        """Arguments of a loop beside the time."""
        return ", _kept" * self.accumulates + ", _whole" * self.lean

    def _row(self, n: str) -> str:
        return f"_S, _U({self.slots[n] * W})"

    def _ordered_gather(self, pad: str) -> list[str]:
        lines = [
            f"{pad}_gather({self._row(n)}, {NODE_ARRAYS[n][0]}, _{n}, _I, _node + _first, _m)"
            for n in self.nodes
        ]
        for n in self.ion_reads:
            ion = self.t.ion_names[n]
            at = f"_pool_{ion} + {ion}_ion__{n}"
            lines.append(f"{pad}_gather({self._row(n)}, _A, {at}, _I, _ion_{ion} + _first, _m)")
        return lines + self._pointed(pad)

    def _ordered_scatter(self, pad: str) -> list[str]:
        lines = []
        if self.accumulates:
            sign = 1.0 if self.t.electrode else -1.0
            lines += [
                f"{pad}_add(_A, _rhs, {self._row('_i')}, {sign}, _I, _node + _first, _m)",
            ]
            if not self.steady:
                lines += [
                    f"{pad}if not _kept:",
                    f"{pad}    _add(_A, _d, {self._row('_gm')}, {-sign}, _I, _node + _first, _m)",
                ]
            if self.t.electrode and self.context.program.membrane:
                lines += [
                    f"{pad}_add(_A, _saved_{to}, {self._row(what)}, {factor}, _I, _node + _first, _m)"
                    for to, what, factor in (("rhs", "_i", 1.0), ("d", "_gm", -1.0))
                ]
        for n in self.ion_writes:
            ion = self.t.ion_names[n]
            to = f"_A, _pool_{ion} + {ion}_ion__{n}, {self._row(f'_w_{n}')}"
            at = f"_I, _ion_{ion} + _first, _m"
            total = self.accumulates and n in self.ion_currents
            lines.append(f"{pad}_add({to}, 1.0, {at})" if total else f"{pad}_scatter({to}, {at})")
            if f"_d_{n}" in self.slots:
                to = f"_A, _pool_{ion} + {ion}_ion__d{n}_dv_, {self._row(f'_d_{n}')}"
                lines.append(f"{pad}_add({to}, 1.0, {at})")
        return lines

    def _pointed(self, pad: str) -> list[str]:
        return [
            line
            for n in self.pointers
            for line in (
                f"{pad}for _j in range(_m):",
                f"{pad}    {self.S(n)} = _A[_base + _U(_I[_to_{n} + _first + _j])]",
            )
        ]

    def _gather(self, pad: str) -> list[str]:
        if self.ordered:
            return self._ordered_gather(pad)
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
        return lines + self._pointed(pad)

    def _scatter(self, pad: str) -> list[str]:
        if self.ordered:
            return self._ordered_scatter(pad)
        lines = []
        if self.accumulates:
            sign, other = ("+", "-") if self.t.electrode else ("-", "+")
            lines += [
                f"{pad}for _j in range(_m):",
                f"{pad}    _nd = _U(_I[_node + _first + _j])",
                f"{pad}    _A[_rhs + _nd] {sign}= {self.S('_i')}",
            ]
            if self.t.electrode and self.context.program.membrane:
                lines += [
                    f"{pad}    _A[_saved_rhs + _nd] += {self.S('_i')}",
                    f"{pad}    _A[_saved_d + _nd] -= {self.S('_gm')}",
                ]
            if not self.steady:
                lines += [
                    f"{pad}if not _kept:",
                    f"{pad}    for _j in range(_m):",
                    f"{pad}        _A[_d + _U(_I[_node + _first + _j])] {other}= {self.S('_gm')}",
                ]
        for n in self.pointers_written:
            lines += [
                f"{pad}for _j in range(_m):",
                f"{pad}    _A[_base + _U(_I[_to_{n} + _first + _j])] = {self.S(f'_w_{n}')}",
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
                at = f"_U(_I[_ion_{ion} + _first + _j])"
                lines += reversal(self.context, self.m, ion, at, "_at", pad + "    ")
        return lines
