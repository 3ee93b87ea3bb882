"""FUNCTION_TABLE: a FUNCTION that interpolates linearly in two vectors which the user gives.

NEURON is given them by ``table_<name>_<mechanism>(values, arguments)``; here they are the lists ``<name>_x``
(arguments, ascending) and ``<name>_y`` (values) of each instance. Beyond the ends the value is that of the
end.
"""

from __future__ import annotations

from heliox.nmodl.syntax import (
    Assign,
    Binary,
    Block,
    Call,
    Expr,
    If,
    Local,
    Name,
    Num,
    Program,
    Statement,
    While,
)


def interpolate(program: Program) -> None:
    """Turn every FUNCTION_TABLE of one argument into a FUNCTION."""
    for block in program.blocks:
        if block.kind == "FUNCTION_TABLE" and len(block.args) == 1:
            block.kind, block.body = "FUNCTION", _body(block)
            program.lists |= {f"{block.name}_x": block.at, f"{block.name}_y": block.at}
            program.notes.append(
                f"FUNCTION_TABLE {block.name}: give the lists {block.name}_x (arguments, ascending) and "
                f"{block.name}_y (values)"
            )


def _body(block: Block) -> list[Statement]:
    x, k, one, at = Name(block.args[0], block.at), Name("k"), Num("1"), block.at

    def argument(index: Expr) -> Expr:
        return Call("item", (Name(f"{block.name}_x"), index), at)

    def value(index: Expr) -> Expr:
        return Call("item", (Name(f"{block.name}_y"), index), at)

    def result(e: Expr) -> Statement:
        return Assign(at, target=Name(block.name), value=e)

    last = Binary("-", Call("length", (Name(f"{block.name}_x"),), at), one)
    before = Binary("-", k, one)
    step = Assign(at, target=k, value=Binary("+", k, one))
    share = Binary("/", Binary("-", x, argument(before)), Binary("-", argument(k), argument(before)))
    # as NEURON rounds it
    between = Binary("+", Binary("*", Binary("-", one, share), value(before)), Binary("*", share, value(k)))
    inside = [
        Assign(at, target=k, value=one),
        While(at, test=Binary("<", argument(k), x), body=[step]),
        result(between),
    ]
    choice = If(at, branches=[(Binary("<=", x, argument(Num("0"))), [result(value(Num("0")))])])
    choice.branches.append((Binary(">=", x, argument(last)), [result(value(last))]))
    choice.orelse = inside
    return [Local(at, names=[("k", 0)]), choice]
