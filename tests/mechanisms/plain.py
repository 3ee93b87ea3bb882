"""Mechanism functions and their derivatives run in plain Python, and differences to compare them with.

Divisions, powers and functions never raise, as in generated code. What a function decides (tests, min, max,
abs, floor, turns of loops) is noted, so that two evaluations can be known to lie on one smooth piece.
"""

from __future__ import annotations

import ast
import copy
import math
import random
from collections.abc import Callable, Iterable
from typing import Any

from heliox.mechanisms import subset
from heliox.mechanisms.arrays import scalarise
from heliox.mechanisms.blocks import NODE, SCALARS
from heliox.mechanisms.derivatives import Derivative, jvp, text, vjp
from heliox.mechanisms.methods import LIBRARY
from heliox.mechanisms.subset import Function, from_python
from heliox.mechanisms.template import MechTemp

Values = dict[str, Any]
# its value is a sum of differences of equal numbers, rounding and nothing else
ROUNDING_ONLY = {"powers"}


class Stream:
    """Random numbers that start again with every evaluation; `count` is how many were drawn."""

    def __init__(self, seed: int) -> None:
        self.source, self.count = random.Random(seed), 0

    def draw(self, kind: str, *args: float) -> float:
        self.count += 1
        if kind == "set_seq":
            self.source.seed(int(args[0]))
            return 0.0
        u = self.source.random()
        if kind == "negexp":
            return -args[0] * math.log(1.0 - u)
        if kind == "normal":
            return args[0] + args[1] * (u - 0.5)
        return u if kind == "uniform" else float(int(u * 2**32))


def _guarded(f: Callable[..., float], otherwise: float = math.nan) -> Callable[..., float]:
    def call(*args: float) -> float:
        try:
            return f(*args)
        except OverflowError:
            return math.inf
        except ValueError:
            return otherwise

    return call


def _divide(a: float, b: float) -> float:
    if b != 0.0:
        return a / b
    return math.nan if a == 0.0 or a != a else math.copysign(math.inf, a) * math.copysign(1.0, b)


def _power(a: float, b: float) -> float:
    try:
        return math.pow(a, b)
    except OverflowError:
        return math.inf
    except ValueError:
        return math.inf if a == 0.0 else math.nan


def _exprelr(x: float) -> float:
    return 1.0 if abs(x) < 1e-300 else _divide(x, _guarded(math.expm1)(x))


MATH: dict[str, Callable[..., float]] = {
    **{n: _guarded(getattr(math, n)) for n in
       "exp expm1 log1p sin cos tan asin acos atan atan2 sinh cosh tanh sqrt".split()},
    "log": lambda x: -math.inf if x == 0.0 else _guarded(math.log)(x),
    "log10": lambda x: -math.inf if x == 0.0 else _guarded(math.log10)(x),
    "pow": _power, "exprelr": _exprelr, "_divide": _divide,
}  # fmt: skip
NOTED: dict[str, Callable[..., float]] = {
    "min": min, "max": max, "abs": abs, "fabs": abs,
    "floor": lambda x: float(math.floor(x)) if math.isfinite(x) else x,
    "ceil": lambda x: float(math.ceil(x)) if math.isfinite(x) else x,
    "fmod": _guarded(math.fmod), "_mod": lambda x, y: x % y, "_whole": lambda x, y: x // y,
}  # fmt: skip


class _AsGenerated(ast.NodeTransformer):
    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        name = {ast.Div: "_divide", ast.Pow: "pow", ast.Mod: "_mod", ast.FloorDiv: "_whole"}.get(
            type(node.op)
        )
        return node if name is None else ast.Call(ast.Name(name, ast.Load()), [node.left, node.right], [])

    def __init__(self) -> None:
        self.testing = False

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if self.testing and isinstance(node.func, ast.Name) and node.func.id in NOTED:
            node.func.id = f"_plain_{node.func.id}"  # its outcome counts by that of the test
        return node

    def visit_If(self, node: ast.If) -> ast.AST:
        return self._noted(node)

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        return self._noted(node)

    def _noted(self, node: Any) -> ast.AST:
        self.testing, was = True, self.testing
        node.test = self.visit(node.test)
        self.testing = was
        self.generic_visit(node)
        node.test = ast.Call(ast.Name("_took", ast.Load()), [node.test], [])
        return node


class Runner:
    """Functions of one mechanism in one namespace."""

    def __init__(self, template: MechTemp) -> None:
        self.template, self.decisions = template, []  # type: ignore[var-annotated]

        def took(x: Any) -> bool:
            self.decisions.append(bool(x))
            return bool(x)

        self.space: Values = {**template.constants, **MATH, "_took": took}

        def item(numbers: list[float], k: float) -> float:
            self.decisions.append(int(k))
            return numbers[int(k)] if 0 <= k < len(numbers) else 0.0

        self.space |= {"item": item, "length": lambda x: float(len(x))}
        for kind in ("uniform", "negexp", "normal", "ipick", "set_seq"):
            self.space[f"random_{kind}"] = lambda s, *a, kind=kind: s.draw(kind, *a)
        for effect in ("net_send", "net_send_at", "net_event", "net_move", "watch", "for_connections"):
            self.space[effect] = lambda *a: None
        self.space |= {n: self._note(f, n) for n, f in NOTED.items()}
        self.space |= {f"_plain_{n}": f for n, f in NOTED.items()}
        self.space["range"] = lambda *a: range(*map(int, a))
        for f in (*template.helpers.values(), *template.functions.values()):
            self.add(f)

    def _note(self, f: Callable[..., float], kind: str) -> Callable[..., float]:
        def call(*args: float) -> float:
            out = f(*args)
            if kind in ("floor", "ceil", "_whole"):
                self.decisions.append(out)
            elif kind in ("fmod", "_mod"):
                self.decisions.append(round((args[0] - out) / args[1]))
            else:
                self.decisions.append(args.index(out) if kind in ("min", "max") else args[0] >= 0.0)
            return out

        return call

    def add(self, f: Function) -> None:
        tree = copy.deepcopy(scalarise(f.tree, self.template.array_sizes))
        module = ast.fix_missing_locations(_AsGenerated().visit(ast.Module([tree], [])))
        exec(compile(module, f.name, "exec"), self.space)

    def derivative(self, d: Derivative) -> None:
        for f in (*d.helpers.values(), d.function):
            self.add(f)

    def call(self, f: Function, args: Iterable[Any]) -> list[float]:
        """Results as a list; `decisions` are those of this call."""
        self.decisions.clear()
        out = self.space[f.name](*args)
        return [] if out is None else list(out) if isinstance(out, tuple) else [out]

    def block(self, name: str, point: Values) -> list[float]:
        """A block at a point; arrays are lists, streams are seeds."""
        return self.call(self.template.functions[name], scalars(self.template, name, point))


# --- points


def sample(template: MechTemp, block: str, rng: random.Random) -> Values:
    """Values of all parameters of a block, in ranges that make sense."""
    sizes = template.array_sizes
    out: Values = {}
    for p in template.functions[block].params:
        if p in template.random:
            out[p] = rng.randrange(1000)
        elif p in template.lists:
            out[p] = sorted(rng.uniform(0.0, 20.0) for _ in range(4))
        elif p in sizes:
            out[p] = [_sample(template, p, rng) for _ in range(sizes[p])]
        else:
            out[p] = _sample(template, p, rng)
    return out


RANGES = {
    "v": (-95.0, 45.0), "t": (5.0, 15.0), "dt": (0.01, 0.1), "celsius": (5.0, 37.0), "area": (50.0, 500.0),
    "diam": (0.5, 4.0), "noise": (0.1, 0.9),
}  # fmt: skip


def _sample(template: MechTemp, p: str, rng: random.Random) -> float:
    if p in RANGES:
        return rng.uniform(*RANGES[p])
    if p == "flag":
        return float(rng.randrange(4))
    if p == "style":
        return float(rng.randrange(128))
    if p in template.weights:
        return rng.choice((-1.0, 1.0, 1.0)) * rng.uniform(0.1, 1.5)
    ion = template.ion_names.get(p)
    if ion is not None:
        typical = {
            f"e{ion}": -40.0,
            f"{ion}i": 5e-5 if ion == "ca" else 20.0,
            f"{ion}o": 2.0 if ion == "ca" else 80.0,
        }
        return typical.get(p, 0.02) * rng.uniform(0.5, 2.0)
    known = {**template.instance_names, **template.globals_}
    default = known[p].default if p in known else 0.0
    if default != 0.0:
        return default * rng.uniform(0.7, 1.4)
    switch = p in template.assigned and rng.random() < 0.3
    return rng.choice((0.0, 1.0)) if switch else rng.uniform(0.05, 0.95)


def flat(template: MechTemp, block: str, point: Values) -> list[tuple[str, int | None]]:
    """Numbers of a point that can change: name, and element of an array."""
    out: list[tuple[str, int | None]] = []
    for p in template.functions[block].params:
        if p in template.random or p in template.lists:
            continue
        out += [(p, k) for k in range(len(point[p]))] if isinstance(point[p], list) else [(p, None)]
    return out


def moved(point: Values, places: list[tuple[str, int | None]], by: list[float]) -> Values:
    out: Values = {p: list(x) if isinstance(x, list) else x for p, x in point.items()}
    for (p, k), d in zip(places, by, strict=True):
        if k is None:
            out[p] = point[p] + d
        else:
            out[p][k] = point[p][k] + d
    return out


def scalars(template: MechTemp, block: str, point: Values) -> list[Any]:
    """Arguments of a derivative: arrays by their elements."""
    out: list[Any] = []
    for p in template.functions[block].params:
        x = point[p]
        if p in template.random:
            out.append(Stream(x))
        else:
            out += x if isinstance(x, list) and p not in template.lists else [x]
    return out


# --- checks


class Checked:
    """What a check found: points, the worst mismatch of vjp and jvp, and of jvp and differences."""

    def __init__(self) -> None:
        self.points, self.transposed, self.differences = 0, 0.0, 0.0
        self.smooth = 0
        self.where = ""


def check(template: MechTemp, block: str, seed: int, points: int = 4) -> Checked:
    rng = random.Random(f"{template.name} {block} {seed}")
    out = Checked()
    runner = Runner(template)
    params = [p for p in template.functions[block].params if p not in {*template.random, *template.lists}]
    backward, forward = vjp(template, block, params), jvp(template, block, params)
    for d in (backward, forward):
        assert_legal(template, d)
        runner.derivative(d)
    for _ in range(8 * points):
        if out.points == points:
            break
        point = sample(template, block, rng)
        if all(map(math.isfinite, runner.block(block, point))):
            _check_point(template, block, runner, backward, forward, point, rng, out)
            out.points += 1
    return out


def _check_point(
    template: MechTemp, block: str, runner: Runner, backward: Derivative, forward: Derivative, point: Values,
    rng: random.Random, out: Checked,
) -> None:  # fmt: skip
    places = flat(template, block, point)
    value = runner.block(block, point)
    size = [0.1 * abs(point[p] if k is None else point[p][k]) or 0.01 for p, k in places]
    steady = [_steady(runner, block, point, places, j, size) for j in range(len(places))]
    args = scalars(template, block, point)
    u = [rng.gauss(0.0, 1.0) * s for s in size]
    w = [rng.gauss(0.0, 1.0) for _ in value]
    ju = runner.call(forward.function, [*scalars(template, block, point), *u])
    jw = runner.call(backward.function, [*args, *w])
    left, right = [a * b for a, b in zip(w, ju, strict=True)], [a * b for a, b in zip(jw, u, strict=True)]
    scale = (
        sum(map(abs, left))
        + sum(map(abs, right))
        + 1e-6 * sum(abs(a * b) for a, b in zip(w, value, strict=True))
    )
    if scale and not _record(out, "transposed", abs(sum(left) - sum(right)) / scale):
        out.where = f"{template.name}.{block} {point}"
    u = [x if s else 0.0 for x, s in zip(u, steady, strict=True)]
    ju = runner.call(forward.function, [*scalars(template, block, point), *u])
    found = _difference(runner, block, point, places, u)
    if found is None or (u and not any(u)):
        return
    out.smooth += 1
    for a, b, f in zip(ju, found, value, strict=True):
        floor = 1e-5 * abs(f) + 1e-9 * max(map(abs, found))
        if a != b and not _record(out, "differences", abs(a - b) / (abs(b) + floor)):
            out.where = f"{template.name}.{block} {ju} {found} {point}"


def _record(out: Checked, what: str, error: float) -> bool:
    if error != error or error > getattr(out, what):
        setattr(out, what, error)
        return False
    return True


def _steady(
    runner: Runner, block: str, point: Values, places: list[tuple[str, int | None]], j: int, size: list[float]
) -> bool:
    """Whether the block decides the same when one number moves."""
    runner.block(block, point)
    decisions = list(runner.decisions)
    for sign in (-2e-3, 2e-3):
        by = [sign * s if k == j else 0.0 for k, s in enumerate(size)]
        runner.block(block, moved(point, places, by))
        if runner.decisions != decisions:
            return False
    return True


def _difference(
    runner: Runner, block: str, point: Values, places: list[tuple[str, int | None]], u: list[float]
) -> list[float] | None:
    """Central differences at two steps, extrapolated; None if a branch switches on the way."""
    runner.block(block, point)
    decisions = list(runner.decisions)
    slopes = []
    for h in (2e-3, 1e-3, 5e-4):
        ends = []
        for sign in (-1.0, 1.0):
            ends.append(runner.block(block, moved(point, places, [sign * h * x for x in u])))
            if runner.decisions != decisions:
                return None
        slopes.append([(b - a) / (2.0 * h) for a, b in zip(*ends, strict=True)])
    first = [(4.0 * b - a) / 3.0 for a, b in zip(slopes[0], slopes[1], strict=True)]
    second = [(4.0 * b - a) / 3.0 for a, b in zip(slopes[1], slopes[2], strict=True)]
    return [(16.0 * b - a) / 15.0 for a, b in zip(first, second, strict=True)]


# --- mechanisms and assertions for tests


def made(code: str, constants: dict[str, float] | None = None, **declared: Any) -> MechTemp:
    """A point process of functions in text: blocks and helpers; what blocks read and return is declared."""
    code = code.strip()
    functions: dict[str, Function] = {}
    helpers = {n: from_python(f) for n, f in LIBRARY.items() if f"{n}(" in code}
    for node in ast.parse(code).body:
        assert isinstance(node, ast.FunctionDef)
        f = Function(node.name, ast.get_source_segment(code, node) or "", "made", node.lineno)
        (functions if node.name in ("state", "receive", "initial") else helpers)[node.name] = f
    known = {*(n for d in declared.values() for n in d), *SCALARS, *NODE, "flag"}
    returned = dict.fromkeys(r for f in functions.values() for r in f.returns if r not in known)
    read = dict.fromkeys(
        p for f in functions.values() for p in f.params if p not in known and p not in returned
    )
    states = {**dict.fromkeys(returned, ""), **declared.pop("states", {})}
    parameters = {**dict.fromkeys(read, ""), **declared.pop("parameters", {})}
    return MechTemp(
        "made", "point", functions=functions, helpers=helpers, constants=constants or {}, states=states,
        parameters=parameters, **declared,
    )  # fmt: skip


def assert_legal(template: MechTemp, d: Derivative) -> None:
    """All functions of a derivative are in the subset, and call what there is."""
    names = {*template.helpers, *d.helpers}
    for f in d.helpers.values():
        subset.check(f, names, set(template.constants), block=False)
    subset.check(d.function, names, set(template.constants), block=True)
    ast.parse(text(d))


def assert_exact(template: MechTemp, points: int = 4) -> None:
    """Every block: <w, J u> = <J' w, u>, and J u is what differences give."""
    for block in template.functions:
        found = check(template, block, 0, points)
        assert found.points == points, block
        if template.name in ROUNDING_ONLY:
            continue
        assert found.smooth > 0, block
        assert found.transposed < 1e-11, (block, found.where)
        assert found.differences < 1e-6, (block, found.where)
