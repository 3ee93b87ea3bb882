"""Tangents carried forward through one block of one mechanism."""

from __future__ import annotations

from heliox.kernels.context import assigned
from heliox.kernels.linear import LinearWriter
from heliox.mechanisms.arrays import expanded
from heliox.mechanisms.varstruct import SCALE


class TangentWriter(LinearWriter):
    """Writes the Jacobian-vector product of a block."""

    mode = "jvp"

    def _body(self, pad: str) -> list[str]:
        """Tangents of what the block reads -> tangents of what it writes."""
        d = self.derivative
        assert d is not None
        wrt = list(dict.fromkeys([*d.wrt, *(self.slope.wrt if self.slope else ())]))
        lines = []
        for p in wrt:
            if p == "v":
                lines.append(f"{pad}_dot_v = {self.S('_bv')}")
            elif p in self.ions_out:
                lines.append(f"{pad}_dot_{p} = {self.S(f'_bi_{p}')}")
            elif p in self.pointers_out:
                lines.append(f"{pad}_dot_{p} = {self.S(f'_bp_{p}')}")
            elif p in self.globals_out:
                lines.append(f"{pad}_dot_{p} = {self.S(f'_bs_{p}')}")
            elif p in self.geometry:
                lines.append(f"{pad}_dot_{p} = {self.S(f'_bn_{p}')}")
        for n in self.own_out:
            lines += [f"{pad}_dot_{x} = _B[_o + {slot} + _j]" for x, slot in self._slots_of(n)]
        dots = [f"_dot_{p}" for p in d.wrt]
        if not self.accumulates:
            given = [*self._tabled_names(), *self._given()]
            lines.append(self._call(d, self.suffix, given, dots, [f"_dot_{r}" for r in d.of], pad))
            lines += [f"{pad}{self.S(f'_bi_{n}')} = _dot_{n}" for n in self.ions_in]
        else:
            lines += self._forward_currents(dots, pad)
        for n in self.f.returns:
            if n in self.m.own and n in self.active:
                inside = n in self.own_in
                lines += [
                    f"{pad}_B[_o + {slot} + _j] = {f'_dot_{x}' if inside else '0.0'}"
                    for x, slot in self._slots_of(n)
                ]
        return lines

    def _forward_currents(self, dots: list[str], pad: str) -> list[str]:
        d = self.derivative
        assert d is not None
        point = self.t.kind == "point"
        scale = f" * {SCALE}" if point else ""
        share = " * (100.0 / area)" if point else ""
        given = self._given()
        lines = []
        total = " + ".join(f"_dot_{c}" for c in self.t.currents)
        if self.rule is not None:
            lines.append(
                self._call(
                    d, self.suffix, [*self._tabled_names(), *given], dots, [f"_dot_{r}" for r in d.of], pad
                )
            )
            lines.append(f"{pad}_bt = {total}")
            if self.slope is not None and self.slope.wrt:
                results = [f"_slope_{r}" for r in self.slope.of]
                lines.append(
                    self._call(
                        self.slope,
                        "",
                        self._rule_arguments(),
                        [f"_dot_{p}" for p in self.slope.wrt],
                        results,
                        pad,
                    )
                )
                lines.append(f"{pad}_bg = {' + '.join(results)}")
            else:
                lines.append(f"{pad}_bg = 0.0")
        else:
            sizes = self.t.array_sizes
            kept = [n for n in expanded(self.f.returns, sizes) if n in expanded(self.f.params, sizes)]
            above = ["_v1" if a == "v" else a for a in given]
            lines.append(f"{pad}_v1 = v + 0.001" if "v" in self.nodes else f"{pad}_v1 = 0.0")
            lines.append(
                self._call(
                    d,
                    self.suffix,
                    [*self._tabled_names(True), *above],
                    dots,
                    [f"_up_{r}" for r in d.of],
                    pad,
                )
            )
            if kept:
                first = [f"{n}_above" for n in self._values()[: len(self._values()) // 2]]
                call = f"{self.name}_{self.block}{self.suffix}"
                lines.append(f"{pad}{assigned(self.m, self.f)}{call}({', '.join([*first, *above])})")
            second = [f"_up_{p}" if p in kept and p in d.of else f"_dot_{p}" for p in d.wrt]
            lines.append(
                self._call(
                    d, self.suffix, [*self._tabled_names(), *given], second, [f"_dot_{r}" for r in d.of], pad
                )
            )
            lines.append(f"{pad}_bt = {total}")
            up = " + ".join(f"_up_{c}" for c in self.t.currents)
            lines.append(f"{pad}_bg = ({up} - ({total})) * 1000.0")
        change: dict[str, str] = {}
        if self.scaled:
            lines += self._present(pad)
            lines.append(f"{pad}_share = -0.01 * {SCALE} * {SCALE} * {self.S('_bn_area')}")
            change = {n: f" + {n} * _share" for n in ("_i0", "_gm", *(f"_now_{c}" for c in self.ions_in))}
        lines.append(f"{pad}{self.S('_br')} = _bt{scale}{change.get('_i0', '')}")
        lines.append(f"{pad}{self.S('_bd')} = _bg{scale}{change.get('_gm', '')}")
        for c in self.ions_in:
            lines.append(f"{pad}{self.S(f'_bi_{c}')} = _dot_{c}{share}{change.get(f'_now_{c}', '')}")
        return lines
