"""What a step must do at least, counted from a plan: bytes to and from memory, operations in float64.

Bytes: every variable that a block reads or sets moves once a block, 8 bytes, those that nothing reads before
the run's end not at all; a node's voltage, equation and couplings as its kernels pass them on. Variables that
members share count once, index lists not at all: cells of one kind and members have them in common.
Operations: of both sides of a branch the longer one; a division counts as one, a function of the library as
many as its own arithmetic needs (`OF_FUNCTION`), the turns of a loop as its range says.
"""

from __future__ import annotations

import ast

import heliox
from heliox.engine.references import watched
from heliox.kernels.unread import unread
from heliox.mechanisms.subset import Function
from heliox.mechanisms.template import MechTemp

OF_FUNCTION = {"exp": 20, "exprelr": 24, "expm1": 24, "log": 30, "log10": 31, "log1p": 32, "pow": 55}
OF_ANY_OTHER = 20
BLOCKS = ("before_breakpoint", "current", "state", "after_solve", "before_step")
# v, begin_d, a, b in, rhs and d out; d, rhs, a, b, v in, rhs and v out; and v once more for `state`
NODE_WORDS = 4 + 2 + 5 + 2
NODE_OPERATIONS = 8 + 12  # currents along the cable and sums; elimination and substitution


def bytes_per_step(sim: heliox.Simulation) -> float:
    """Bytes of a step of all members."""
    plan = sim.plan
    words = float(NODE_WORDS * len(plan.model.nodes) * plan.batch)
    idle = unread(plan.program, watched(plan.model))
    for place in plan.placements:
        t = place.struct.template
        own = shared = 0
        for f in _blocks(t):
            for name in {*f.params} | {*f.returns} - set(idle.get(t.name, ())):
                if name in place.struct.own:
                    own += place.struct.size(name)
                elif name in place.struct.shared:
                    shared += place.struct.size(name)
                elif name in t.ion_names:
                    own += 2 if name in f.returns else 1
        words += len(place.local) * (own * plan.batch + shared)
    return 8.0 * words


def operations_per_step(sim: heliox.Simulation) -> float:
    """Operations of a step of all members."""
    plan = sim.plan
    count = NODE_OPERATIONS * len(plan.model.nodes)
    for place in plan.placements:
        t = place.struct.template
        for f in _blocks(t):
            twice = 2 if f.name == "current" and "conductance" not in t.functions and t.currents else 1
            count += twice * len(place.local) * operations(f, t)
        if t.currents and "conductance" in t.functions:
            count += len(place.local) * operations(t.functions["conductance"], t)
    return float(count * plan.batch)


def _blocks(t: MechTemp) -> list[Function]:
    return [t.functions[b] for b in BLOCKS if b in t.functions]


def operations(f: Function, t: MechTemp) -> int:
    """Of one call; a call of a tabulated function is a look-up: two operations a value, and four."""
    tables = {table.function for table in t.tables}

    def of(node: ast.AST | list) -> int:
        if isinstance(node, list):
            return sum(of(n) for n in node)
        if isinstance(node, ast.If):
            return of(node.test) + max(of(node.body), of(node.orelse))
        if isinstance(node, ast.IfExp):
            return of(node.test) + max(of(node.body), of(node.orelse))
        if isinstance(node, ast.For):
            return _turns(node) * of(node.body)
        if isinstance(node, ast.Call):
            inside = of(node.args)
            name = node.func.id if isinstance(node.func, ast.Name) else ""
            if name in tables:
                return inside + 4 + 2 * len(t.helpers[name].returns)
            if name in t.helpers:
                return inside + operations(t.helpers[name], t)
            return inside + OF_FUNCTION.get(name, OF_ANY_OTHER)
        own = int(isinstance(node, ast.BinOp | ast.AugAssign | ast.Compare))
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
            own = 1 if isinstance(node.right, ast.Constant) and node.right.value == 2 else OF_FUNCTION["pow"]
        return own + sum(of(n) for n in ast.iter_child_nodes(node))

    return of(f.tree.body)


def _turns(loop: ast.For) -> int:
    last = loop.iter.args[-1] if isinstance(loop.iter, ast.Call) and loop.iter.args else None
    return int(last.value) if isinstance(last, ast.Constant) else 1
