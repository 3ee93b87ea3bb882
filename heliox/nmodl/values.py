"""Expressions: names resolved, indices made of counters and constants, calls given the memory they read."""

from __future__ import annotations

from heliox.errors import MechanismError, nearest
from heliox.nmodl import intrinsic_calls as intrinsic
from heliox.nmodl import syntax as ast
from heliox.nmodl.frames import Frame, Signature
from heliox.nmodl.ir import Call, Expr, Index, Name, Num, Set, Target
from heliox.nmodl.memory import Memory
from heliox.nmodl.source import Source


class Values:
    """The half of `Lowering` that deals with expressions."""

    program: ast.Program
    memory: Memory
    source: Source
    blocks: dict[str, ast.Block]

    def helper(self, name: str, at: int) -> Signature:
        """Given by `Lowering`."""
        raise NotImplementedError

    def inline(self, call: Call, block: ast.Block, frame: Frame) -> str:
        """Given by `Lowering`."""
        raise NotImplementedError

    def fail(self, at: int, what: str) -> MechanismError:
        """An error at a place of the file."""
        return self.source.fail(at, what, mechanism=self.program.suffix)

    # -------------------------------------------------------- expressions

    def expression(self, e: Expr, frame: Frame) -> Expr:
        """Names resolved, calls given the memory they need; what a called function writes is hoisted
        in front.
        """
        if isinstance(e, Num):
            return e
        if isinstance(e, Name):
            return self._name(e, frame)
        if isinstance(e, Index):
            return self.element(e, frame)
        if isinstance(e, Call):
            return self._call(e, frame)
        if isinstance(e, ast.Unary):
            return ast.Unary(e.op, self.expression(e.x, frame), e.at)
        if isinstance(e, ast.Binary):
            return ast.Binary(e.op, self.expression(e.a, frame), self.expression(e.b, frame), e.at)
        raise self.fail(e.at, "text is legal only as an argument of printf")

    def _name(self, e: Name, frame: Frame) -> Expr:
        if e.id in frame.constants:
            return Num(str(frame.constants[e.id]), e.at)
        local = frame.find(e.id)
        if local is not None:
            return Name(local, e.at)
        if e.id == frame.result[0]:
            return Name(frame.result[1], e.at)
        self.known(e.id, e.at)
        if self.memory[e.id].kind == "list":
            raise self.fail(e.at, f"{e.id} is a vector: only its elements and its length are numbers")
        if self.memory[e.id].kind == "random":
            raise self.fail(
                e.at,
                f"{e.id} is a RANDOM stream: it is legal only as the first argument of random_ functions",
            )
        return Name(e.id, e.at)

    def known(self, name: str, at: int) -> None:
        if name in self.memory:
            return
        if name in self.blocks:
            raise self.fail(at, f"{name} is a {self.blocks[name].kind}; call it with parentheses")
        legal = [s.name for s in self.memory.symbols.values()]
        raise self.fail(at, f"{name!r} is not declared; {nearest(name, legal)}")

    def element(self, e: Index, frame: Frame) -> Index:
        local = frame.find(e.id)
        name = local if local is not None else e.id
        if local is None:
            self.known(e.id, e.at)
        size = frame.arrays.get(name, 0) if local is not None else self.memory[e.id].size
        if not size:
            raise self.fail(e.at, f"{e.id} is not an array")
        index = self.index(e.index, frame)
        if isinstance(index, Num) and not 0 <= int(index.text) < size:
            raise self.fail(e.at, f"{e.id}[{index.text}] is outside its {size} elements")
        return Index(name, index, e.at)

    def index(self, e: Expr, frame: Frame) -> Expr:
        """An integer expression of loop counters and constants."""
        value = self.integer(e, frame)
        if value is not None:
            return Num(str(value))
        if isinstance(e, Name) and e.id in frame.loops:
            return Name(frame.loops[e.id], e.at)
        if isinstance(e, ast.Binary) and e.op in "+-*":
            return ast.Binary(e.op, self.index(e.a, frame), self.index(e.b, frame), e.at)
        raise self.fail(e.at, "an index is made of loop counters and integers; compare with if for any other")

    def integer(self, e: Expr, frame: Frame) -> int | None:
        """The value of an integer expression, None if it varies."""
        if isinstance(e, Num):
            return int(float(e.text)) if float(e.text).is_integer() and abs(float(e.text)) < 1e9 else None
        if isinstance(e, Name):
            return frame.constants.get(e.id)
        if isinstance(e, ast.Unary) and e.op == "-":
            x = self.integer(e.x, frame)
            return None if x is None else -x
        if isinstance(e, ast.Binary) and e.op in "+-*/":
            a, b = self.integer(e.a, frame), self.integer(e.b, frame)
            if a is None or b is None or (e.op == "/" and b == 0):
                return None
            return {"+": a + b, "-": a - b, "*": a * b}[e.op] if e.op != "/" else int(a / b)
        return None

    def _call(self, e: Call, frame: Frame) -> Expr:
        name = e.id
        block = self.blocks.get(name)
        if block is not None and block.kind in ("FUNCTION", "PROCEDURE"):
            if len(e.args) != len(block.args):
                raise self.fail(e.at, f"{name} takes {len(block.args)} argument(s), not {len(e.args)}")
            sig = self.helper(name, e.at)
            if set(sig.reads) & set(self.program.lists):
                value = self.inline(e, block, frame)
                return Name(value, e.at) if value else Num("0.0", e.at)
            args = tuple(self.expression(a, frame) for a in e.args) + tuple(Name(r, e.at) for r in sig.reads)
            call = Call(name, args, e.at)
            if block.kind == "PROCEDURE" and not sig.outs:
                raise self.fail(e.at, f"{name} is a PROCEDURE and has no value; make it a FUNCTION")
            if not sig.outs:
                return call
            value = frame.fresh(f"{name}_result")
            targets: list[Target] = [Name(value)] if sig.value else []
            frame.hoisted.append(Set(targets=(*targets, *(Name(o) for o in sig.outs)), value=call))
            return Name(value, e.at) if sig.value else Num("0.0", e.at)
        if block is not None and block.kind == "FUNCTION_TABLE":
            raise self.fail(
                e.at,
                f"{name} is a FUNCTION_TABLE of {len(block.args)} arguments, whose values are given at "
                "run time; write a FUNCTION with the interpolation",
            )
        return self._intrinsic(e, frame)

    def _unknown_pointer(self, e: Call) -> MechanismError:
        name = getattr(e.args[0], "id", "")
        if e.id == "#present":
            return self.fail(e.at, f"VERBATIM asks whether {name} points somewhere; nothing tells what it is")
        return self.fail(
            e.at,
            f"the distribution of the stream {name} is set in hoc, and this file does not tell it; say it: "
            f'translate(..., draws={{"{name}": "uniform(0, 1)"}}), or negexp(1), or normal(0, 1)',
        )

    def _intrinsic(self, e: Call, frame: Frame) -> Expr:
        name = e.id
        if name in ("item", "length") and e.args and getattr(e.args[0], "id", "") in self.program.lists:
            return Call(name, (e.args[0], *(self.expression(a, frame) for a in e.args[1:])), e.at)
        if name in ("#pick", "#present"):
            raise self._unknown_pointer(e)
        if name in intrinsic.RANDOM:
            new, counts = intrinsic.RANDOM[name]
            stream = e.args[0] if e.args else Num("0")
            if (
                not isinstance(stream, Name)
                or stream.id not in self.program.random
                or len(e.args) not in counts
            ):
                raise self.fail(
                    e.at, f"{name} takes a RANDOM stream first and {counts[-1] - 1} further argument(s)"
                )
            args = tuple(self.expression(a, frame) for a in e.args[1:])
            if name == "random_normal" and not args:
                args = (Num("0.0"), Num("1.0"))
            if name == "random_negexp" and not args:
                args = (Num("1.0"),)
            drawn = Call(new, (Name(stream.id, e.at), *args[: 1 if name == "random_negexp" else 2]), e.at)
            if name == "random_uniform" and args:
                drawn = Call(new, (Name(stream.id, e.at),), e.at)
                return ast.Binary("+", args[0], ast.Binary("*", drawn, ast.Binary("-", args[1], args[0])))
            return drawn
        if name in intrinsic.SAME:
            count = intrinsic.ARGUMENTS.get(name, 1)
            if len(e.args) != count:
                raise self.fail(e.at, f"{name} takes {count} argument(s)")
            return Call(name, tuple(self.expression(a, frame) for a in e.args), e.at)
        if name == "at_time" and e.args:
            return intrinsic.at_time(self.expression(e.args[-1], frame), e.at)
        if name == "nrn_ghk" and len(e.args) == 4:
            return intrinsic.ghk(tuple(self.expression(a, frame) for a in e.args), e.at)
        if name == "nrn_pointing":
            return Num("1.0", e.at)
        if name in intrinsic.REFUSED:
            raise self.fail(e.at, f"{name} cannot be translated; {intrinsic.REFUSED[name]}")
        if name in self.memory and self.memory[name].size == 0 and len(e.args) == 1:
            raise self.fail(
                e.at, f"{name} is a variable, not a function; is an operator missing before the parenthesis?"
            )
        raise self.fail(
            e.at,
            f"{name} is not a function of this file or of NMODL; "
            f"{nearest(name, set(self.blocks) | intrinsic.KNOWN)}",
        )
