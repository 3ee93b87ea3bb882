"""One compartment stepped by calling translated functions as plain Python, in NEURON's order: what the
translation alone means.

No engine, no numba: the functions' text is executed as it stands.
"""

from __future__ import annotations

import ast
import math
from typing import Any

from heliox.mechanisms.library.ions import DEFAULTS, field_names
from heliox.mechanisms.methods import nernst
from heliox.mechanisms.template import MechTemp, Table


def _exp(x: float) -> float:
    return math.exp(x) if x < 709.7 else x if x != x else math.inf


def _divide(a: float, b: float) -> float:
    """a / b as C does it."""
    if b != 0.0:
        return a / b
    if a == 0.0 or a != a:
        return math.nan
    return math.copysign(math.inf, a) * math.copysign(1.0, b)


def _power(a: float, b: float) -> float:
    try:
        return math.pow(a, b)
    except OverflowError:
        return math.inf
    except ValueError:
        return math.inf if a == 0.0 else math.nan


def _log(x: float) -> float:
    return math.log(x) if x > 0.0 else -math.inf if x == 0.0 else math.nan


def _sqrt(x: float) -> float:
    return math.sqrt(x) if x >= 0.0 else math.nan


class _AsInC(ast.NodeTransformer):
    """Divisions and powers that never raise."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.op, ast.Pow) and isinstance(node.right, ast.Constant) and node.right.value == 2.0:
            return ast.Call(ast.Name("_square", ast.Load()), [node.left], [])  # as compilers do it
        name = {ast.Div: "_divide", ast.Pow: "_power"}.get(type(node.op))
        if name is None:
            return node
        return ast.Call(ast.Name(name, ast.Load()), [node.left, node.right], [])


def _run(text: str, space: dict[str, Any]) -> None:
    tree = ast.fix_missing_locations(_AsInC().visit(ast.parse(text)))
    exec(compile(tree, "<mechanism>", "exec"), space)


class Instance:
    """A mechanism of the compartment: namespace of its functions, variables, tables."""

    def __init__(self, template: MechTemp, cell: Cell) -> None:
        self.template, self.cell = template, cell
        self.values: dict[str, Any] = {
            n: [v.default] * v.size if v.size > 1 else v.default for n, v in template.instance_names.items()
        }
        self.globals_: dict[str, Any] = {
            n: [v.default] * v.size if v.size > 1 else v.default for n, v in template.globals_.items()
        }
        self.lists: dict[str, list[float]] = {n: [] for n in template.lists}
        self.weights: list[float] = []
        self.flag = 0.0
        self.values |= {n: 0.0 for n in template.ion_names}
        self.space: dict[str, Any] = {
            "exp": _exp, "log": _log, "log10": math.log10, "sqrt": _sqrt, "sin": math.sin,
            "_divide": _divide, "_square": lambda x: x * x, "_power": _power, "item": lambda numbers, k: numbers[int(k)], "length": len,
            "asin": math.asin, "acos": math.acos, "atan2": math.atan2,
            "cos": math.cos, "tan": math.tan, "tanh": math.tanh, "sinh": math.sinh, "cosh": math.cosh,
            "atan": math.atan, "fabs": abs, "floor": math.floor, "ceil": math.ceil, "fmod": math.fmod, "pow": _power,
            "net_send": lambda delay, flag: cell.send(self, delay, flag), "net_send_at": lambda t, flag: cell.send_at(self, t, flag), "net_event": lambda t: None,
            **template.constants,
        }  # fmt: skip
        for name, f in template.helpers.items():
            _run(f.text, self.space)
            self.space[name + "_plain"] = self.space[name]
        for f in template.functions.values():
            _run(f.text, self.space)
        self.blocks = {n: self.space[n] for n in template.functions}

    def tabulate(self) -> None:
        for table in self.template.tables:
            self.space[table.function] = _table(self, table)

    def read(self, name: str) -> Any:
        cell = self.cell
        if name in ("v", "t", "dt", "celsius", "area", "diam"):
            return getattr(cell, name)
        if name == "flag":
            return self.flag
        if name in self.template.weights:
            k = self.template.weights.index(name)
            return self.weights[k] if self.weights else 0.0
        if name in self.lists:
            return self.lists[name]
        if name in self.template.pointers:
            return cell.v if cell.actual is None else cell.actual
        ion = self.template.ion_names.get(name)
        if ion is not None and (name in self.template.ions[ion].read or name != f"i{ion}"):
            return cell.ions[ion][name]
        return self.values[name] if name in self.values else self.globals_[name]

    def call(self, block: str) -> None:
        f = self.template.functions.get(block)
        if f is None:
            return
        result = self.blocks[block](*(self.read(p) for p in f.params))
        returned = (result,) if len(f.returns) == 1 else result or ()
        for name, value in zip(f.returns, returned, strict=True):
            self.write(name, value)

    def diffuse(self, dt: float) -> None:
        """A single segment has no neighbour: what is left of NEURON's implicit step is its rounding."""
        for x in self.template.diffusion:
            name, _, k = x.state.partition("[")
            if k:
                values = self.values[name]
                values[int(k[:-1])] = values[int(k[:-1])] / dt / (1.0 / dt)
            else:
                self.write(name, self.read(name) / dt / (1.0 / dt))

    def conductance(self) -> float:
        """The sum of the named conductances."""
        f = self.template.functions["conductance"]
        result = self.blocks["conductance"](*(self.read(p) for p in f.params))
        return sum(result) if isinstance(result, tuple) else result

    def write(self, name: str, value: Any) -> None:
        ion = self.template.ion_names.get(name)
        if name == "v" or name in self.template.pointers:
            self.cell.v = value
        elif name in self.template.weights:
            if self.weights:
                self.weights[self.template.weights.index(name)] = value
        elif ion is not None:
            self.values[name] = value
            if name != f"i{ion}":
                self.cell.ions[ion][name] = value
        elif name in self.values:
            self.values[name] = value
        else:
            self.globals_[name] = value


def _table(x: Instance, table: Table) -> Any:
    plain = x.space[table.function + "_plain"]
    params = x.template.helpers[table.function].params
    width = (table.hi - table.lo) / table.n
    rows, at = [], table.lo
    for _ in range(table.n + 1):
        row = plain(*(at if p == table.argument else x.read(p) for p in params))
        rows.append(row if isinstance(row, tuple) else (row,))
        at += width
    place = params.index(table.argument)

    def look_up(*args: float) -> Any:
        xi = (1.0 / width) * (args[place] - table.lo)
        if xi <= 0.0 or xi >= table.n:
            row = rows[0] if xi <= 0.0 else rows[table.n]
        else:
            i = int(xi)
            row = tuple(a + (xi - i) * (b - a) for a, b in zip(rows[i], rows[i + 1]))
        return row if len(row) > 1 else row[0]

    return look_up


class Cell:
    """A section of one segment with its two nodes without area."""

    def __init__(self, templates: list[MechTemp], case: dict, measured: dict) -> None:
        self.celsius, self.dt = case.get("celsius", 6.3), measured["dt"]
        self.area, self.diam, self.cm = measured["area"], measured["diam"], measured["cm"]
        self.v0, self.t = case.get("v", -65.0), 0.0
        self.actual: float | None = None  # what pointers see while the current is differentiated
        self.v = self.v_root = self.v_end = self.v0
        g_root, g_end = (1.0 / r for r in measured["ri"])
        self.a_mid, self.b_mid = -100.0 * g_root / 100.0, -100.0 * g_root / self.area
        self.a_end, self.b_end = -100.0 * g_end / self.area, -100.0 * g_end / 100.0
        self.ions = {}
        self.style = {ion: x["style"] for ion, x in measured["ions"].items()}
        self.valence = {ion: x["valence"] for ion, x in measured["ions"].items()}
        for ion, x in measured["ions"].items():
            ci, co, e = DEFAULTS.get(ion, (x["ci"], x["co"], x["e"]))
            names = field_names(ion)
            self.ions[ion] = {names["e"]: e, names["ci"]: ci, names["co"]: co, names["i"]: 0.0}
        self.queue: list[tuple[float, int, Instance, float, list[float]]] = []
        self.serial = 0
        self.instances = [
            Instance(t, self) for t in sorted(templates, key=lambda t: not _writes_concentration(t))
        ]

    def send(self, x: Instance, delay: float, flag: float) -> None:
        self.push(self.t + delay, x, flag, x.weights)

    def send_at(self, x: Instance, t: float, flag: float) -> None:
        self.push(t, x, flag, x.weights)

    def push(self, t: float, x: Instance, flag: float, weights: list[float]) -> None:
        self.serial += 1
        self.queue.append((t, self.serial, x, flag, weights))

    def _nernst(self, bit: int) -> None:
        for ion, pool in self.ions.items():
            if self.style[ion] & bit:
                pool[f"e{ion}"] = nernst(pool[f"{ion}i"], pool[f"{ion}o"], self.valence[ion], self.celsius)

    def initialize(self, case: dict) -> None:
        for x in self.instances:
            x.tabulate()
        self._nernst(32)
        for x in self.instances:
            for name, v in x.template.states.items():
                x.values[name] = [v.default] * v.size if v.size > 1 else x.globals_.get(name + "0", v.default)
            x.call("before_initial")
        for x in self.instances:
            x.call("initial")
            self._nernst(32) if _writes_concentration(x.template) else None
        target = next((x for x in self.instances if x.template.weights), None)
        self.connections = []
        for weights in case.get("connections", ()):
            assert target is not None
            target.weights = [*map(float, weights), *([0.0] * (len(target.template.weights) - len(weights)))]
            target.call("receive_initial")
            self.connections.append(target.weights)
        for x in self.instances:
            x.call("after_initial")
        self.deliver(0.0)
        self.currents()
        self.each("before_step")
        for k, t in case.get("events", ()):
            assert target is not None
            self.push(t, target, 0.0, self.connections[k])

    def each(self, block: str) -> None:
        for x in self.instances:
            x.call(block)

    def deliver(self, until: float) -> None:
        now = self.t
        while self.queue:
            event = min(self.queue, key=lambda e: e[:2])
            if event[0] > until:
                break
            self.queue.remove(event)
            self.t, x = event[0], event[2]
            x.flag, x.weights = event[3], event[4]
            x.call("receive")
        self.t = now

    def currents(self) -> tuple[float, float]:
        """rhs and d of the segment from its mechanisms."""
        self.each("before_breakpoint")
        for ion, pool in self.ions.items():
            pool[f"i{ion}"] = 0.0
        self._nernst(64)
        rhs = d = 0.0
        v = self.v
        for x in self.instances:
            t = x.template
            if "current" not in t.functions:
                continue
            sums = []
            self.actual = v
            for at in (v,) if "conductance" in t.functions else (v + 0.001, v):
                self.v = at
                x.call("current")
                total = 0.0
                for c in t.currents:
                    total += x.values[c]
                sums.append(total)
            self.v, self.actual = v, None
            i = sums[-1]
            g = (sums[0] - i) / 0.001 if len(sums) > 1 else x.conductance()
            scale = 1.0
            if t.kind == "point":
                scale = 100.0 / self.area
                i, g = i * scale, g * scale
            rhs, d = (rhs + i, d - g) if t.electrode else (rhs - i, d + g)
            for ion, use in t.ions.items():
                if f"i{ion}" in use.write:
                    self.ions[ion][f"i{ion}"] += (
                        x.values[f"i{ion}"] * scale if t.kind == "point" else x.values[f"i{ion}"]
                    )
        return rhs, d

    def step(self) -> None:
        dt = self.dt
        self.deliver(self.t + 0.5 * dt)
        self.t += 0.5 * dt
        rhs, d = self.currents()
        d += 0.001 * (1.0 / dt) * self.cm
        rhs_root = rhs_end = d_root = d_end = 0.0
        dv = self.v_root - self.v
        rhs -= self.b_mid * dv
        rhs_root += self.a_mid * dv
        dv = self.v - self.v_end
        rhs_end -= self.b_end * dv
        rhs += self.a_end * dv
        d -= self.b_mid
        d_root -= self.a_mid
        d_end -= self.b_end
        d -= self.a_end
        q = self.a_end / d_end
        d -= q * self.b_end
        rhs -= q * rhs_end
        q = self.a_mid / d
        d_root -= q * self.b_mid
        rhs_root -= q * rhs
        rhs_root /= d_root
        rhs = (rhs - self.b_mid * rhs_root) / d
        rhs_end = (rhs_end - self.b_end * rhs) / d_end
        self.v_root += rhs_root
        self.v += rhs
        self.v_end += rhs_end
        self.t += 0.5 * dt
        self.each("state")
        for x in self.instances:
            x.diffuse(dt)
        self.each("after_solve")
        self.each("before_step")

    def finish(self) -> None:
        self.deliver(self.t)

    def value(self, name: str) -> float:
        if name == "v":
            return self.v
        if "." not in name:
            return next(pool[name] for pool in self.ions.values() if name in pool)
        mechanism, variable = name.split(".")
        x = next(x for x in self.instances if x.template.name == mechanism)
        if "[" in variable:
            variable, k = variable[:-1].split("[")
            return x.values[variable][int(k)]
        return float(x.values[variable] if variable in x.values else x.globals_[variable])


def _writes_concentration(t: MechTemp) -> bool:
    return any(n in (f"{ion}i", f"{ion}o") for ion, use in t.ions.items() for n in use.write)


def run(templates: list[MechTemp], case: dict, measured: dict) -> list[list[float]]:
    """The rows NEURON's side gives: v and the recorded variables, initially and after every step."""
    cell = Cell(templates, case, measured)
    for name, value in case.get("set", {}).items():
        mechanism, variable = name.split(".")
        next(x for x in cell.instances if x.template.name == mechanism).values[variable] = float(value)
    for name, numbers in case.get("lists", {}).items():
        for x in cell.instances:
            if name in x.lists:
                x.lists[name] = numbers
    for name, value in case.get("globals", {}).items():
        for x in cell.instances:
            variable = name.removesuffix("_" + x.template.name)
            if variable in x.globals_ and variable != name:
                x.globals_[variable] = float(value)
    cell.initialize(case)
    names = ["v", *case["record"]]
    rows = [[cell.value(n) for n in names]]
    for _ in range(case["steps"]):
        cell.step()
        cell.finish()
        rows.append([cell.value(n) for n in names])
    return rows
