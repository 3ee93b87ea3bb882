"""Derivatives of one block of one mechanism: a loop over instances, as `block_loop` writes the block's own.

Mode ``vjp`` takes adjoints back through the block, ``jvp`` carries tangents forward. Both live in ``B``, in
the layout of ``A``. A block's derivative runs where the arenas hold what the block itself reads.
"""

from __future__ import annotations

import ast

from heliox.errors import UnsupportedError
from heliox.kernels.block_loop import BlockWriter
from heliox.kernels.context import Context, elements, loads, read_by
from heliox.kernels.differentiated import GEOMETRY, Differentiated
from heliox.kernels.lower import Slopes, function_text, looking_up, plain_text, table_calls
from heliox.kernels.mechanism_text import looks_inside, table_arguments
from heliox.mechanisms import derivatives
from heliox.mechanisms.arrays import expanded
from heliox.mechanisms.blocks import SCALARS
from heliox.mechanisms.derivatives import Derivative
from heliox.mechanisms.quotients import fewer
from heliox.mechanisms.varstruct import SCALE, VarStruct

EVENTLESS = "_A, _P, _I, _G, _B"
SIGN = {"vjp": "_bar_", "jvp": "_dot_"}


def differentiated(d: Differentiated, m: VarStruct, block: str, mode: str) -> Derivative | None:
    """The derivative of a block, in the arithmetic of the program; None where nothing of it is active."""
    t = m.template
    f = t.functions[block]
    if t.kind == "artificial":
        return None  # it acts by events, and only there
    wrt = d.wrt(m, f)
    of = list(f.returns) if block == "conductance" else d.of(m, f)
    if not of or (mode == "jvp" and not wrt and block != "initial" and not d.scaled(m, block)):
        return None
    tabulated = {a for x in t.tables if x.function in f.calls for a in table_arguments(m, x)}
    if looks_inside(m, block) or (looking_up(t) & f.calls) or (tabulated & d.globals(m).keys()):
        raise UnsupportedError(
            f"{t.name}: derivatives of {block} with a TABLE that is looked up inside another function, "
            f"or depends on what is trained, are not available; set usetable_{t.name} = 0 before the freeze",
            mechanism=t.name,
        )
    if set(f.params) & set(t.random):
        raise UnsupportedError(
            f"{t.name}: derivatives of {block}, which draws random numbers, are not available",
            mechanism=t.name,
        )
    make = derivatives.vjp if mode == "vjp" else derivatives.jvp
    out = make(t, block, wrt, of)
    if d.program.math == "fast":
        uniform = {*SCALARS, *(set(t.globals_) - t.writes() - set(m.own))}
        helpers = {n: fewer(h, t.constants, uniform) for n, h in out.helpers.items()}
        out = Derivative(fewer(out.function, t.constants, uniform), helpers, out.wrt, out.of, out.lost)
    return out


class LinearWriter(BlockWriter):
    """Writes the derivative of one block of one mechanism."""

    mode: str

    def _body(self, pad: str) -> list[str]:
        """The derivative of one instance."""
        raise NotImplementedError

    @property
    def clears(self) -> bool:
        """A derivative has all of a block."""
        return False

    @property
    def direct(self) -> bool:
        """Adjoints have rows in the scratch."""
        return False

    def __init__(self, d: Differentiated, context: Context, m: VarStruct, block: str) -> None:
        super().__init__(context, m, block)
        self.effects = False  # derivatives have none: events are replayed from a log
        self.d = d
        self.derivative = differentiated(d, m, block, self.mode)
        self.slope = differentiated(d, m, "conductance", self.mode) if self.rule else None
        self.active = d.own(m)
        of = self.derivative.of if self.derivative else ()
        wrt = [*(self.derivative.wrt if self.derivative else ()), *(self.slope.wrt if self.slope else ())]
        self.ions_in = [n for n in self.ion_writes if n in of and n in d.active_ions]
        self.ions_out = [n for n in self.ion_reads if n in wrt]
        self.voltage = "v" in wrt or (self.accumulates and "v" in self.nodes)
        self.pointers_out = [n for n in self.pointers if n in wrt]
        self.globals_out = [n for n in d.globals(m) if n in wrt]
        self.scaled = d.scaled(m, block)
        self.geometry = [n for n in GEOMETRY if n in wrt or (n == "area" and self.scaled)]
        self.own_in = [
            n for n in self.f.returns if n in m.own and set(expanded([n], self.t.array_sizes)) & set(of)
        ]
        self.own_out = [
            n for n in m.own if n in self.active and set(expanded([n], self.t.array_sizes)) & set(wrt)
        ]
        if self.pointers_written or self.pointers_inside or (self.serial and self.ions_in):
            raise UnsupportedError(
                f"{self.name}: derivatives of {block}, which writes what instances may share, "
                "are not available",
                mechanism=self.name,
            )
        for n in ("_bv", *(("_br", "_bd") if self.accumulates else ())):
            self._slot(n)
        for n in (*self.ions_in, *self.ions_out):
            self._slot(f"_bi_{n}")
        if "area" not in self.nodes and self._shares_area():
            self.nodes.append("area")
            self._slot("area")
        for n in self.pointers_out:
            self._slot(f"_bp_{n}")
        for n in self.globals_out:
            self._slot(f"_bs_{n}")
        for n in self.geometry:
            self._slot(f"_bn_{n}")
        for n in self._slope_values():
            self._slot(n)

    def _shares_area(self) -> bool:
        return bool(self.accumulates and self.t.kind == "point" and self.ion_currents)

    def _slope_values(self) -> list[str]:
        values = [f"{n}_slope" for names in self.looked_up.values() for n in names]
        twice = self.accumulates and self.rule is None
        return values + [f"{n}_above" for n in values] if twice else values

    # ------------------------------------------------------------------ functions

    def functions(self, made: set[str]) -> list[str]:
        """Texts of the derivatives and of the helpers they call, those not `made` yet."""
        out = []
        for d in (self.derivative, self.slope):
            if d is None:
                continue
            names = {*d.helpers, d.function.name}
            for f in d.helpers.values():
                if f.name not in made and f.name not in self._sloped():
                    made.add(f.name)
                    out.append(
                        f"@inline\n{function_text(self.t, f, f'{self.name}_{f.name}', derivatives=names)}"
                    )
            f = d.function
            if f.name in made:
                continue
            made.add(f.name)
            if not (self.looked_up and d is self.derivative):
                out.append(f"@inline\n{function_text(self.t, f, f'{self.name}_{f.name}', derivatives=names)}")
                continue
            text = function_text(
                self.t,
                f,
                f"{self.name}_{f.name}_tabled",
                self.looked_up,
                derivatives=names,
                sloped=self._sloped(),
            )
            out.append(f"@inline\n{text}")
        return out

    def _sloped(self) -> dict[str, Slopes]:
        """Derivatives of tabulated helpers -> slopes that take their place."""
        out = {}
        for helper, values in self.looked_up.items():
            table = next(x for x in self.t.tables if x.function == helper)
            params = self.t.helpers[helper].params
            names = tuple(f"{n}_slope" for n in values)
            out[f"{helper}_{self.mode}"] = Slopes(
                params.index(table.argument), len(params), names, self.mode == "vjp"
            )
        return out

    # ------------------------------------------------------------------ the block

    def write(self) -> list[str]:
        if self.derivative is None:
            return []
        return [self._block(), self._loop()]

    @property
    def label(self) -> str:
        return f"{self.name}_{self.block}_{self.mode}"

    def _block(self) -> str:
        table = ", _TM, _tk" if self.looked_up else ""
        lines = [
            "@kernel",
            f"def {self.label}_block(_A, _P, _S, _B, _o, _p, _m{table}{self.extra()}):",
        ]
        return "\n".join([*lines, *self._turns()])

    def _turns(self) -> list[str]:
        """Loops over the instances of a block."""
        f, m, pad = self.f, self.m, "        "
        lines = self._look_up(pad)
        lines += self._look_up_slopes(pad)
        lines.append("    for _j in range(_m):")
        lines += [f"{pad}{n} = {self.S(n)}" for n in (*self._values(), *self._slope_values())]
        for n in (*self.nodes, *self.ion_reads, *self.pointers):
            lines.append(f"{pad}{n} = {self.S(n)}")
        wanted = [*f.params, *(self.rule.params if self.rule else ())]
        lines += loads(m, [*wanted, SCALE] if self.accumulates and self.t.kind == "point" else wanted, pad)
        for n in self.lists:
            at = f"_list_{n} + _U(2) * (_first + _j)"
            lines.append(f"{pad}{n} = (_P, _U(_I[{at}]), _I[{at} + _U(1)])")
        return lines + self._body(pad)

    def _slots_of(self, n: str) -> list[tuple[str, str]]:
        return elements(self.m, n)

    def _call(
        self, d: Derivative, suffix: str, given: list[str], bars: list[str], results: list[str], pad: str
    ) -> str:
        left = f"{', '.join(results)} = " if results else ""
        return f"{pad}{left}{self.name}_{d.function.name}{suffix}({', '.join([*given, *bars])})"

    def _given(self) -> list[str]:
        return expanded(read_by(self.m, self.f), self.t.array_sizes)

    def _present(self, pad: str) -> list[str]:
        """``_i0`` and ``_gm`` as the block itself gives them, before they are scaled by the area.

        What it returns is named ``_now_...``.
        """
        sizes = self.t.array_sizes
        written = expanded(self.f.returns, sizes)
        values = self._values()
        half = len(values) // 2 if self.rule is None else len(values)
        call = f"{self.name}_{self.block}{self.suffix}"

        def evaluated(prefix: str, values: list[str], given: list[str]) -> str:
            left = "".join(f"{prefix}{n}, " for n in written)
            left = left.removesuffix(", ") if len(written) == 1 else left.rstrip(" ")
            return f"{pad}{left} = {call}({', '.join([*values, *given])})"

        def total(prefix: str) -> str:
            return " + ".join(f"{prefix}{c}" for c in self.t.currents)

        given, lines = self._given(), []
        if self.rule is None:
            lines += [f"{pad}_v1 = v + 0.001" if "v" in self.nodes else f"{pad}_v1 = 0.0"]
            lines.append(evaluated("_next_", values[half:], ["_v1" if a == "v" else a for a in given]))
            given = [f"_next_{a}" if a in written else a for a in given]
        lines += [evaluated("_now_", values[:half], given), f"{pad}_i0 = {total('_now_')}"]
        if self.rule is None:
            return [*lines, f"{pad}_gm = ({total('_next_')} - ({total('_now_')})) * 1000.0"]
        rule = [f"_now_{a}" if a in written else a for a in self._rule_arguments()]
        slopes = [f"_rule_{r}" for r in self.rule.returns]
        lines.append(f"{pad}{', '.join(slopes)} = {self.name}_conductance({', '.join(rule)})")
        return [*lines, f"{pad}_gm = {' + '.join(slopes)}"]

    def _look_up_slopes(self, pad: str) -> list[str]:
        """Slopes of tables, in a loop of their own like the values."""
        lines = []
        for helper, values in self.looked_up.items():
            given = (table_calls(self.f, {helper}) or {})[helper]
            names = sorted({x.id for a in given for x in ast.walk(a) if isinstance(x, ast.Name)})
            lines += ["    for _j in range(_m):"]
            lines += [f"{pad}{n} = {self.S(n)}" for n in names if n in self.slots]
            lines += loads(self.m, [n for n in names if n not in self.slots], pad)
            at = f"{self.name}_{helper}_slope((_TM, _tk)"
            slopes = [f"{n}_slope" for n in values]
            lines.append(f"{pad}{', '.join(slopes)} = {at}, {', '.join(plain_text(a) for a in given)})")
            lines += [f"{pad}{self.S(n)} = {n}" for n in slopes]
            if f"{slopes[0]}_above" in self.slots:
                above = ", ".join(plain_text(a, {"v": "_v1"}) for a in given)
                lines += [f"{pad}_v1 = v + 0.001"] if "v" in names else []
                lines.append(f"{pad}{', '.join(slopes)} = {at}, {above})")
                lines += [f"{pad}{self.S(f'{n}_above')} = {n}" for n in slopes]
        return lines

    def _tabled_names(self, above: bool = False) -> list[str]:
        """Values and slopes that a tabled derivative takes first."""
        names = [n for helper in sorted(self.looked_up) for n in self.looked_up[helper]]
        names += [f"{n}_slope" for n in names]
        return [f"{n}_above" for n in names] if above else names

    # ------------------------------------------------------------------ the loop

    def _loop(self) -> str:
        text = super()._loop()
        head, rest = text.split("\n", 2)[1:]
        head = f"def {self.label}_loop({EVENTLESS}, _S, _g, _t, _dt):"
        rest = rest.replace(f"{self.name}_{self.block}_block", f"{self.label}_block")
        rest = rest.replace("(_A, _P, _S, _o, _p", "(_A, _P, _S, _B, _o, _p")
        return "\n".join(["@kernel", head, rest])

    def _bars_at(self, n: str) -> tuple[str, str]:
        """Where adjoints of an ion variable lie: address, index list."""
        ion = self.t.ion_names[n]
        return f"_pool_{ion} + {ion}_ion__{n}", f"_ion_{ion}"

    def _moves(self) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
        """Rows of the scratch to be filled before and emptied behind the block.

        Each is (kind, row, address, list of places, factor).
        """
        sign = 1.0 if self.t.electrode else -1.0
        before: list[tuple[str, ...]] = []
        after: list[tuple[str, ...]] = []
        ions_in = [(f"_bi_{n}", *self._bars_at(n)) for n in self.ions_in]
        ions_out = [(f"_bi_{n}", *self._bars_at(n)) for n in self.ions_out]
        geometry = [
            (f"_bn_{n}", f"_base + _U(_G[_g, _{n.upper()}_BAR])", "_node", "1.0") for n in self.geometry
        ]
        currents = set(self.ion_currents) if self.accumulates else set()
        if self.mode == "vjp":
            if self.accumulates:
                before += [
                    ("load", "_br", "_rhs", "_node", repr(sign)),
                    ("load", "_bd", "_d", "_node", repr(-sign)),
                ]
            before += [("load", r, at, index, "1.0") for r, at, index in ions_in]
            for n, (_, at, index) in zip(self.ions_in, ions_in, strict=True):
                if n not in currents:
                    before.append(("zero", "", at, index, ""))
            after += [("add", r, at, index, "1.0") for r, at, index in ions_out]
            if self.voltage:
                after.append(("add", "_bv", "_v", "_node", "1.0"))
            after += [("add", *row) for row in geometry]
        else:
            if self.voltage:
                before.append(("load", "_bv", "_v", "_node", "1.0"))
            before += [("load", *row) for row in geometry]
            before += [("load", r, at, index, "1.0") for r, at, index in ions_out]
            if self.accumulates:
                after += [
                    ("add", "_br", "_rhs", "_node", repr(sign)),
                    ("add", "_bd", "_d", "_node", repr(-sign)),
                ]
            for n, (r, at, index) in zip(self.ions_in, ions_in, strict=True):
                after.append(("add" if n in currents else "store", r, at, index, "1.0"))
        return before, after

    def _move(self, moves: list[tuple[str, ...]], pad: str) -> list[str]:
        lines = []
        for kind, row, at, index, factor in moves:
            place = f"_B[{at} + _U(_I[{index} + _first + _j])]"
            s = self.S(row) if row else ""
            scaled = s if factor == "1.0" else f"{factor} * {s}"
            text = {
                "load": f"{s} = {place}" if factor == "1.0" else f"{s} = {factor} * {place}",
                "zero": f"{place} = 0.0",
                "add": f"{place} += {scaled}",
                "store": f"{place} = {scaled}",
            }[kind]
            lines += [f"{pad}for _j in range(_m):", f"{pad}    {text}"]
        return lines

    def _global_at(self, n: str) -> str:
        return f"_B[{self.d.globals(self.m)[n]}]"

    def _gather(self, pad: str) -> list[str]:
        lines = super()._gather(pad)
        for n in self.globals_out if self.mode == "jvp" else ():
            lines += [f"{pad}for _j in range(_m):", f"{pad}    {self.S(f'_bs_{n}')} = {self._global_at(n)}"]
        if self.voltage and not (self.nodes or self.accumulates):
            lines.insert(0, f"{pad}# no node is read")
        for n in self.pointers_out if self.mode == "jvp" else ():
            lines += [
                f"{pad}for _j in range(_m):",
                f"{pad}    {self.S(f'_bp_{n}')} = _B[_base + _U(_I[_to_{n} + _first + _j])]",
            ]
        return lines + self._move(self._moves()[0], pad)

    def _scatter(self, pad: str) -> list[str]:
        lines = self._move(self._moves()[1], pad)
        for n in self.globals_out if self.mode == "vjp" else ():
            lines += [f"{pad}for _j in range(_m):", f"{pad}    {self._global_at(n)} += {self.S(f'_bs_{n}')}"]
        for n in self.pointers_out if self.mode == "vjp" else ():
            lines += [
                f"{pad}for _j in range(_m):",
                f"{pad}    _B[_base + _U(_I[_to_{n} + _first + _j])] += {self.S(f'_bp_{n}')}",
            ]
        return lines
