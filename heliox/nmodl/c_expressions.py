"""Expressions of C in VERBATIM blocks, read as expressions of NMODL.

Numbers, variables of the file, calls of its FUNCTIONs and of a few functions of NEURON have a meaning here;
pointers are followed as far as they name a vector or a random stream. Everything else ends in `CError`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from heliox.nmodl import intrinsic_calls as intrinsic
from heliox.nmodl.c_tokens import CError, CToken
from heliox.nmodl.syntax import (
    Assign,
    Binary,
    Block,
    Call,
    Expr,
    If,
    Index,
    Local,
    Name,
    Num,
    Program,
    Statement,
    Text,
    Unary,
)

TYPES = frozenset(
    "double float int long short char unsigned signed void size_t bool auto const static extern struct "
    "uint32_t int32_t uint64_t Rand IvocVect Object FILE nrnran123_State Point_process NrnThread Datum "
    "Symbol".split()
)
WHOLE = frozenset("int long short unsigned signed size_t bool uint32_t int32_t uint64_t char".split())
DEEPEST = 60
_ZERO = frozenset(("cvode_active_", "nrn_netrec_state_adjust", "NULL", "nullptr", "false", "secondorder"))
_THREAD = frozenset(("_threadargs_", "_threadargscomma_", "_p", "_ppvar", "_thread", "_nt", "_ml", "_iml"))
_LEVEL = {
    "||": 1,
    "&&": 2,
    "==": 6,
    "!=": 6,
    "<": 7,
    ">": 7,
    "<=": 7,
    ">=": 7,
    "+": 9,
    "-": 9,
    "*": 10,
    "/": 10,
    "%": 10,
}
_UNMEANT = frozenset(("|", "&", "^", "<<", ">>"))
STREAM_CALLS = {
    "nrnran123_dblpick": ("random_uniform", ()),
    "nrnran123_negexp": ("random_negexp", ("1",)),
    "nrnran123_normal": ("random_normal", ("0", "1")),
    "nrnran123_ipick": ("random_ipick", ()),
}


@dataclass(slots=True)
class Value:
    """A number (kind ``real`` or ``whole``, with `expr`), or a pointer: to the vector or stream `name`
    (``pointer``), to the variable that holds it (``address``), to the elements of vector `name` (``data``),
    to weights (``weights``), or something without meaning (``other``).
    """

    kind: str
    expr: Expr = field(default_factory=lambda: Num("0"))
    name: str = ""
    at: int = 0


@dataclass(slots=True)
class Meaning:
    """What the C code of a file has told so far: vectors, streams, macros, functions."""

    program: Program
    macros: dict[str, str] = field(default_factory=dict)
    calls: dict[str, tuple[list[str], str]] = field(default_factory=dict)  # macros with arguments
    casts: set[str] = field(default_factory=set)  # macros that stand for nothing or for a cast
    flags: dict[str, str] = field(default_factory=dict)  # set where a Random123 stream is made -> its number
    lists: dict[str, int] = field(default_factory=dict)
    streams: dict[str, int] = field(default_factory=dict)
    functions: dict[str, tuple[str, int]] = field(default_factory=dict)  # C functions: text, place
    made: dict[str, Block] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def known(self, name: str) -> bool:
        p = self.program
        return any(
            name in d for d in (p.parameters, p.assigned, p.states, p.constants, p.unit_constants)
        ) or (name in {n for n, _ in p.locals_} or any(name in (*u.read, *u.write) for u in p.ions))


class CExpressions:
    """Recursive descent over tokens. `pending` are statements that must come before the one being read."""

    def __init__(self, items: list[CToken], meaning: Meaning, block: Block) -> None:
        self.items, self.k, self.meaning, self.block = items, 0, meaning, block
        self.pending: list[Statement] = []
        self.scopes: list[dict[str, Value]] = [{}]
        self.depth = self.count = 0

    # -------------------------------------------------------- tokens

    @property
    def token(self) -> CToken:
        return self.items[self.k] if self.k < len(self.items) else CToken("end", "", self.end)

    @property
    def end(self) -> int:
        return self.items[-1].at if self.items else 0

    def ahead(self, n: int = 1) -> str:
        return self.items[self.k + n].text if self.k + n < len(self.items) else ""

    def advance(self) -> CToken:
        t = self.token
        self.k += 1
        return t

    def sign(self, *texts: str) -> bool:
        return self.token.kind == "sign" and self.token.text in texts

    def take(self, text: str) -> CToken:
        if self.token.text != text or self.token.kind == "nmodl":
            raise CError(self.token.at, f"{text!r} is missing before {self.token.text!r}")
        return self.advance()

    # -------------------------------------------------------- values

    def number(self, v: Value) -> Expr:
        """The expression of a value that must be a number."""
        if v.kind not in ("real", "whole"):
            raise CError(v.at, f"{v.name or 'a pointer'} is used as a number")
        return v.expr

    def test(self) -> Expr:
        """A condition."""
        return self.truth(self.value())

    def truth(self, v: Value) -> Expr:
        if v.kind in ("pointer", "address", "data"):
            return Call("#present", (Name(v.name, v.at),), v.at)
        return self.number(v)

    def expression(self) -> Expr:
        """A number."""
        return self.number(self.value())

    def value(self) -> Value:
        """An expression with assignments and ``?:``."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise CError(self.token.at, f"C code nested deeper than {DEEPEST} levels")
        start = self.token.text
        left = self._chain(1)
        if self.sign("=") and left.kind not in ("real", "whole"):
            left = self._pointed(start)
        elif self.sign("=", "+=", "-=", "*=", "/="):
            left = self._assigned(left)
        elif self.sign("?"):
            left = self._choice(left)
        self.depth -= 1
        return left

    def _pointed(self, name: str) -> Value:
        """``pointer = pointer``: a local pointer follows."""
        at = self.advance().at
        right = self.value()
        place = next((s for s in reversed(self.scopes) if name in s), None)
        if place is None or right.kind in ("real", "whole"):
            raise CError(
                at, "a pointer of the mechanism is set; HelioX is given vectors and streams from Python"
            )
        place[name] = right
        return right

    def _assigned(self, left: Value) -> Value:
        t = self.advance()
        if not isinstance(left.expr, (Name, Index)) or left.kind not in ("real", "whole"):
            raise CError(left.at or t.at, "only numbers are assigned")
        right = self.value()
        if self.sign("++", "--"):
            raise CError(self.token.at, f"{self.token.text} inside an expression")
        value = self.number(right)
        if t.text != "=":
            value = Binary(t.text[0], left.expr, value, t.at)
        if left.kind == "whole" and right.kind != "whole":
            value = self.truncated(value)
        self.pending.append(Assign(t.at, target=left.expr, value=value))
        return left

    def _choice(self, test: Value) -> Value:
        at, before = self.advance().at, self.pending
        self.pending = []
        yes = self.value()
        first, self.pending = self.pending, []
        self.take(":")
        no = self.value()
        second, self.pending = self.pending, before
        name = self.fresh("chosen")
        branch = If(at)
        branch.branches = [(self.truth(test), [*first, Assign(at, target=name, value=self.number(yes))])]
        branch.orelse = [*second, Assign(at, target=name, value=self.number(no))]
        self.pending += [Local(at, names=[(name.id, 0)]), branch]
        return Value("whole" if yes.kind == no.kind == "whole" else "real", name, at=at)

    def fresh(self, base: str) -> Name:
        self.count += 1
        return Name(f"{base}_{self.count}", self.token.at)

    def truncated(self, e: Expr) -> Expr:
        """(int) e"""
        if isinstance(e, Num) and float(e.text).is_integer():
            return e
        if not isinstance(e, Name):
            name = self.fresh("whole")
            self.pending += [Local(e.at, names=[(name.id, 0)]), Assign(e.at, target=name, value=e)]
            e = name
        return Binary("-", e, Call("fmod", (e, Num("1"))), e.at)

    def _chain(self, level: int) -> Value:
        left = self._unary()
        while self.token.kind == "sign":
            op = self.token.text
            if op in _UNMEANT:
                raise CError(self.token.at, f"{op!r} works on bits; write it with numbers")
            own = _LEVEL.get(op, 0)
            if own < level:
                return left
            at = self.advance().at
            before = len(self.pending)
            right = self._chain(own + 1)
            if op in ("&&", "||") and len(self.pending) > before:
                raise CError(at, f"an effect behind {op}")
            left = self._binary(op, left, right, at)
        return left

    def _binary(self, op: str, a: Value, b: Value, at: int) -> Value:
        if op in ("&&", "||"):
            return Value("whole", Binary(op, self.truth(a), self.truth(b), at), at=at)
        if op in ("==", "!=") and {a.kind, b.kind} & {"pointer", "address", "data"}:
            pointer, other = (a, b) if a.kind not in ("real", "whole") else (b, a)
            if other.kind in ("real", "whole"):
                present = self.truth(pointer)
                return Value("whole", Unary("!", present, at) if op == "==" else present, at=at)
        if a.kind == b.kind == "other" and op in ("==", "!="):
            return Value("whole", Num("1" if op == "==" else "0"), at=at)  # threads: HelioX has one
        whole = a.kind == b.kind == "whole"
        if op == "%" or (op == "/" and whole):
            if not whole:
                raise CError(at, "% of numbers that are not whole")
            x, y = self.number(a), self.number(b)
            if op == "%":
                return Value("whole", Call("fmod", (x, y), at), at=at)
            return Value("whole", self.truncated(Binary("/", x, y, at)), at=at)
        kind = "whole" if whole or op not in ("+", "-", "*", "/") else "real"
        return Value(kind, Binary(op, self.number(a), self.number(b), at), at=at)

    def _unary(self) -> Value:
        t = self.token
        self.depth += 1
        if self.depth > DEEPEST:
            raise CError(t.at, f"C code nested deeper than {DEEPEST} levels")
        out = self._prefixed(t)
        self.depth -= 1
        return out

    def _prefixed(self, t: CToken) -> Value:
        if self.sign("-", "+"):
            self.advance()
            v = self._unary()
            return v if t.text == "+" else Value(v.kind, Unary("-", self.number(v), t.at), at=t.at)
        if self.sign("!"):
            self.advance()
            return Value("whole", Unary("!", self.truth(self._unary()), t.at), at=t.at)
        if self.sign("++", "--"):
            raise CError(t.at, f"{t.text} inside an expression")
        if self.sign("&"):
            self.advance()
            v = self._unary()
            return Value("address", name=v.name or getattr(v.expr, "id", ""), at=t.at)
        if self.sign("*"):
            self.advance()
            return self._followed(self._unary(), t.at)
        if self.sign("(") and self._is_type(1):
            return self._cast()
        return self._postfix(self._primary())

    def _followed(self, v: Value, at: int) -> Value:
        if v.kind == "address":
            return Value("pointer", name=v.name, at=at)
        if v.kind == "data":
            return Value("real", Call("item", (Name(v.name, at), Num("0")), at), at=at)
        if v.kind == "pointer" and v.name in self.meaning.program.pointer:
            return Value("real", Name(v.name, at), at=at)
        raise CError(at, "a pointer is followed")

    def _is_type(self, n: int) -> bool:
        """Whether the token `n` ahead begins a type: a known word, or ``Name *``."""
        word, after = self.ahead(n), self.ahead(n + 1)
        if self.k + n >= len(self.items) or self.items[self.k + n].kind != "name":
            return False
        return word in TYPES or (after == "*" and self.ahead(n + 2) in ("*", ")"))

    def _cast(self) -> Value:
        self.take("(")
        words = []
        while not self.sign(")"):
            if self.token.kind == "end":
                raise CError(self.token.at, "')' is missing")
            words.append(self.advance().text)
        self.take(")")
        v = self._unary()
        if "*" in words:
            null = v.kind == "whole" and isinstance(v.expr, Num)
            return Value("other", at=v.at) if null else v
        if v.kind not in ("real", "whole"):
            return Value("other", at=v.at)
        if WHOLE & set(words):
            return v if v.kind == "whole" else Value("whole", self.truncated(v.expr), at=v.at)
        return Value("real", v.expr, at=v.at)

    # -------------------------------------------------------- names, calls

    def _primary(self) -> Value:
        t = self.advance()
        if t.kind == "number":
            text = (
                t.text.rstrip("uUlLfF")
                if not t.text.lower().startswith("0x")
                else str(int(t.text.rstrip("uUlL"), 16))
            )
            return Value("whole" if text.lstrip("-").isdigit() else "real", Num(text, t.at), at=t.at)
        if t.kind == "string":
            return Value("other", Text(t.text, t.at), at=t.at)
        if t.kind == "sign" and t.text == "(":
            v = self.value()
            self.take(")")
            return v
        if t.kind != "name":
            raise CError(t.at, f"an expression is expected, not {t.text!r}")
        if t.text in ("reinterpret_cast", "static_cast", "const_cast") and self.sign("<"):
            while self.token.kind != "end" and not self.sign("("):
                self.advance()
            return self._primary()
        if (
            t.text in self.meaning.casts
            and self.token.kind in ("name", "sign")
            and not self.sign("(", ")", ",", ";")
        ):
            return self._unary()
        if self.sign("("):
            return self._call(t)
        return self.name(t)

    def name(self, t: CToken) -> Value:
        """What a name of C stands for."""
        word = t.text
        for scope in reversed(self.scopes):
            if word in scope:
                v = scope[word]
                return Value(v.kind, v.expr, v.name, t.at)
        if word in self.meaning.flags:
            return Value("whole", Num(self.meaning.flags[word]), at=t.at)
        if word in _ZERO:
            return Value("whole", Num("0"), at=t.at)
        if word in ("_nt", "nrn_threads", "_pnt", "_tqitem") or word in _THREAD:
            return Value("other", name=word, at=t.at)
        if word == "_args":
            return Value("weights", at=t.at)
        if word in ("M_PI", "true"):
            return Value("real", Num("3.14159265358979323846" if word == "M_PI" else "1"), at=t.at)
        if word.startswith("_p_"):
            return Value("pointer", name=word[3:], at=t.at)
        if word.startswith("_ion_"):
            return Value("real", Name(word[5:], t.at), at=t.at)
        if word.startswith("_l") and not self.meaning.known(word):
            return Value("real", Name(word[2:], t.at), at=t.at)
        if word in ("t", "dt", "v", "celsius", "diam", "area") or self.meaning.known(word):
            return Value("real", Name(word, t.at), at=t.at)
        raise CError(t.at, f"{word!r} is a variable of C code, which no declaration of the file names")

    def _postfix(self, v: Value) -> Value:
        while True:
            t = self.token
            if v.kind == "other" and v.name == "_ppvar" and self.sign("["):
                self._skipped()
                return v
            if self.sign("["):
                self.advance()
                index = self.value()
                self.take("]")
                v = self._element(v, index, t.at)
            elif self.sign("->") and v.kind == "other":
                self.advance()
                member = self.advance().text
                if member not in ("_t", "_dt"):
                    raise CError(t.at, f"->{member} has no meaning here")
                v = Value("real", Name(member[1:], t.at), at=t.at)
            elif self.sign("->", "."):
                raise CError(t.at, "a member of a C structure")
            else:
                return v

    def _skipped(self) -> None:
        """What stands behind a pointer to the instance, up to the end of the argument."""
        level = 0
        while self.token.kind != "end" and (level or not self.sign(",", ")", ";")):
            level += self.sign("(", "[") - self.sign(")", "]")
            self.advance()

    def _element(self, v: Value, index: Value, at: int) -> Value:
        k = self.number(index)
        if v.kind == "data":
            self.meaning.lists.setdefault(v.name, at)
            return Value("real", Call("item", (Name(v.name, at), k), at), at=at)
        if v.kind == "weights":
            if not isinstance(k, Num) or not 0 <= int(k.text) < len(self.block.args):
                raise CError(at, "_args[...] takes the number of an argument of NET_RECEIVE")
            return Value("real", Name(self.block.args[int(k.text)], at), at=at)
        if isinstance(v.expr, Name):
            return Value("real", Index(v.expr.id, k, at), at=at)
        raise CError(at, "an element of something that is no array of numbers")

    def arguments(self) -> list[Value]:
        """``(values)``, those that only hand on the instance left out."""
        self.take("(")
        out: list[Value] = []
        while not self.sign(")"):
            word = self.token.text
            if word == "_threadargscomma_" or (word in _THREAD and self.ahead() in (",", ")")):
                last = self.advance().text
                if self.sign(",") or last == "_threadargscomma_":
                    if self.sign(","):
                        self.advance()
                    continue
                break
            out.append(self.value())
            if not self.sign(")"):
                self.take(",")
        self.take(")")
        return out

    def _call(self, t: CToken) -> Value:
        name, given = t.text, self.arguments()
        m = self.meaning
        if name in STREAM_CALLS or name == "nrn_random_pick":
            if len(given) != 1 or given[0].kind != "pointer":
                raise CError(t.at, f"{name} takes a stream that a POINTER or BBCOREPOINTER holds")
            stream = Name(given[0].name, t.at)
            m.streams.setdefault(stream.id, t.at)
            new, fixed = STREAM_CALLS.get(name, ("#pick", ()))
            return Value("real", Call(new, (stream, *(Num(x) for x in fixed)), t.at), at=t.at)
        if (
            name in ("vector_capacity", "vector_vec", "vector_instance_px")
            and given
            and given[0].kind == "pointer"
        ):
            return self._vector(name, given, t.at)
        if name in intrinsic.SAME or name == "hoc_Exp":
            args = tuple(self.number(g) for g in given)
            return Value("real", Call("exp" if name == "hoc_Exp" else name, args, t.at), at=t.at)
        own = next(
            (b for b in m.program.blocks if b.name == name and b.kind in ("FUNCTION", "PROCEDURE")), None
        )
        if own is not None or name in m.functions:
            return Value("real", Call(name, tuple(self.number(g) for g in given), t.at), at=t.at)
        raise CError(t.at, f"{name}() is no function that is known here")

    def _vector(self, name: str, given: list[Value], at: int) -> Value:
        vector = given[0].name
        self.meaning.lists.setdefault(vector, at)
        if name == "vector_vec":
            return Value("data", name=vector, at=at)
        if name == "vector_instance_px":  # sets the pointer it is given to the elements
            place = next((s for s in reversed(self.scopes) if len(given) == 2 and given[1].name in s), None)
            if place is None or given[1].kind != "address":
                raise CError(at, "vector_instance_px(vector, &elements)")
            place[given[1].name] = Value("data", name=vector, at=at)
        return Value("whole", Call("length", (Name(vector, at),), at), at=at)
