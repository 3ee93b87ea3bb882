"""Adjoints taken back through one block of one mechanism."""

from __future__ import annotations

from heliox.kernels.context import assigned
from heliox.kernels.linear import LinearWriter
from heliox.mechanisms.arrays import expanded
from heliox.mechanisms.varstruct import SCALE


class AdjointWriter(LinearWriter):
    """Writes the vector-Jacobian product of a block."""

    mode = "vjp"

    def _body(self, pad: str) -> list[str]:
        """Adjoints of what the block writes -> adjoints of what it reads."""
        d = self.derivative
        assert d is not None
        lines = []
        for n in self.own_in:
            lines += [f"{pad}_bar_{x} = _B[_o + {slot} + _j]" for x, slot in self._slots_of(n)]
        if self.accumulates:
            lines += self._reverse_currents(pad)
        else:
            lines += [f"{pad}_bar_{n} = {self.S(f'_bi_{n}')}" for n in self.ions_in]
            values = self._tabled_names()
            bars = [f"_bar_{r}" for r in d.of]
            lines.append(
                self._call(d, self.suffix, [*values, *self._given()], bars, [f"_bar_{p}" for p in d.wrt], pad)
            )
        return lines + self._reverse_stores(pad)

    def _reverse_stores(self, pad: str) -> list[str]:
        lines = []
        for n in self.own_out:
            for x, slot in self._slots_of(n):
                op = "=" if n in self.f.returns else "+="
                lines.append(f"{pad}_B[_o + {slot} + _j] {op} _bar_{x}")
        for n in self.own_in:  # set without being read: nothing before depends on the old value
            if n not in self.own_out:
                lines += [f"{pad}_B[_o + {slot} + _j] = 0.0" for _, slot in self._slots_of(n)]
        lines.append(f"{pad}{self.S('_bv')} = {'_bar_v' if self.voltage else '0.0'}")
        lines += [f"{pad}{self.S(f'_bi_{n}')} = _bar_{n}" for n in self.ions_out]
        lines += [f"{pad}{self.S(f'_bp_{n}')} = _bar_{n}" for n in self.pointers_out]
        lines += [f"{pad}{self.S(f'_bs_{n}')} = _bar_{n}" for n in self.globals_out]
        lines += [f"{pad}{self.S(f'_bn_{n}')} = _bar_{n}" for n in self.geometry]
        return lines

    def _reverse_currents(self, pad: str) -> list[str]:
        d = self.derivative
        assert d is not None
        scale = f" * {SCALE}" if self.t.kind == "point" else ""
        share = " * (100.0 / area)" if self.t.kind == "point" else ""
        lines = [f"{pad}_bt = {self.S('_br')}{scale}", f"{pad}_bg = {self.S('_bd')}{scale}"]
        outs = list(
            dict.fromkeys([*d.wrt, *(self.slope.wrt if self.slope else ()), *(["v"] if self.voltage else [])])
        )
        own_bars = [r for r in d.of if r not in self.t.currents]
        lines += [f"{pad}_kept_{r} = _bar_{r}" for r in own_bars]
        for c in self.t.currents:
            terms = ["_bt"]
            if c in self.ions_in:
                terms.append(f"{self.S(f'_bi_{c}')}{share}")
            if c in self.own_in:
                terms.append(f"_bar_{c}")
            lines.append(f"{pad}_total_{c} = {' + '.join(terms)}")
        if self.rule is not None:
            bars = [f"_total_{r}" if r in self.t.currents else f"_kept_{r}" for r in d.of]
            lines.append(
                self._call(
                    d,
                    self.suffix,
                    [*self._tabled_names(), *self._given()],
                    bars,
                    [f"_one_{p}" for p in d.wrt],
                    pad,
                )
            )
            parts = {p: [f"_one_{p}"] for p in d.wrt}
            if self.slope is not None and self.slope.wrt:
                results = [f"_two_{p}" for p in self.slope.wrt]
                lines.append(
                    self._call(
                        self.slope, "", self._rule_arguments(), ["_bg"] * len(self.slope.of), results, pad
                    )
                )
                for p in self.slope.wrt:
                    parts.setdefault(p, []).append(f"_two_{p}")
        else:
            parts = self._reverse_quotient(own_bars, lines, pad)
        if self.scaled:
            lines += self._present(pad)
            totals = [f"{self.S(f'_bi_{c}')} * _now_{c}" for c in self.t.currents if c in self.ions_in]
            change = f"{self.S('_br')} * _i0 + {self.S('_bd')} * _gm"
            lines.append(f"{pad}_by_area = ({' + '.join([change, *totals])}) * (-0.01 * {SCALE} * {SCALE})")
            parts.setdefault("area", []).append("_by_area")
            outs += [] if "area" in outs else ["area"]
        for p in outs:
            lines.append(f"{pad}_bar_{p} = {' + '.join(parts.get(p, ['0.0']))}")
        return lines

    def _reverse_quotient(self, own_bars: list[str], lines: list[str], pad: str) -> dict[str, list[str]]:
        """The difference quotient: the block at v, then at v + 0.001, whose results the former reads."""
        d = self.derivative
        assert d is not None
        given = self._given()
        above = ["_v1" if a == "v" else a for a in given]
        kept = [
            n
            for n in expanded(self.f.returns, self.t.array_sizes)
            if n in expanded(self.f.params, self.t.array_sizes)
        ]
        lines.append(f"{pad}_v1 = v + 0.001" if "v" in self.nodes else f"{pad}_v1 = 0.0")
        lines += [f"{pad}_before_{n} = {n}" for n in kept]
        if kept:
            first = [f"{n}_above" for n in self._values()[: len(self._values()) // 2]]
            call = f"{self.name}_{self.block}{self.suffix}"
            lines.append(f"{pad}{assigned(self.m, self.f)}{call}({', '.join([*first, *above])})")
        bars = [f"_total_{r} - 1000.0 * _bg" if r in self.t.currents else f"_kept_{r}" for r in d.of]
        lines.append(
            self._call(
                d, self.suffix, [*self._tabled_names(), *given], bars, [f"_one_{p}" for p in d.wrt], pad
            )
        )
        lines += [f"{pad}{n} = _before_{n}" for n in kept]
        bars = [
            "1000.0 * _bg" if r in self.t.currents else f"_one_{r}" if r in kept and r in d.wrt else "0.0"
            for r in d.of
        ]
        lines.append(
            self._call(
                d,
                self.suffix,
                [*self._tabled_names(True), *above],
                bars,
                [f"_two_{p}" for p in d.wrt],
                pad,
            )
        )
        return {p: [f"_two_{p}"] if p in kept else [f"_one_{p}", f"_two_{p}"] for p in d.wrt}
