"""Parser of a whole mod file: declarations and blocks, as NEURON 9 reads them."""

from __future__ import annotations

from heliox.errors import nearest
from heliox.nmodl.source import Source
from heliox.nmodl.statements import Statements
from heliox.nmodl.syntax import Block, Declared, Program, UseIon, Verbatim

KINDS = {"SUFFIX": "density", "POINT_PROCESS": "point", "ARTIFICIAL_CELL": "artificial"}
LARGEST_ARRAY = 100_000
_BLOCKS = (
    "NEURON PARAMETER ASSIGNED STATE UNITS CONSTANT INDEPENDENT INITIAL BREAKPOINT DERIVATIVE KINETIC "
    "LINEAR NONLINEAR FUNCTION "
    "PROCEDURE FUNCTION_TABLE NET_RECEIVE BEFORE AFTER CONSTRUCTOR DESTRUCTOR LOCAL DEFINE TITLE INCLUDE "
    "UNITSON UNITSOFF DISCRETE"
).split()


class Parser(Statements):
    """Recursive descent over one file."""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self.program = Program()
        self.defines = self.program.defines

    def parse(self) -> Program:
        """The syntax tree."""
        p = self.program
        while self.token.kind != "end":
            t = self.token
            before = self.comments_before(t.start)
            if t.kind == "title":
                p.title = p.title or t.text
                p.comments += before
                self.advance()
            elif t.kind == "raw":
                p.verbatim.append(Verbatim(t.start, text=t.text))
                self.advance()
            elif t.kind == "name" and t.text in _BLOCKS:
                if t.text in _PROCEDURES:
                    self._procedure(before)
                else:
                    if not p.blocks and t.text == "NEURON":
                        p.comments += before
                    getattr(self, "_top_" + t.text.lower())()
            else:
                raise self.fail(f"{self.shown()} begins no block; {nearest(t.text[:40], _BLOCKS)}")
        p.first_seen = self.lexer.first_seen
        return p

    # -------------------------------------------------------- declarations

    def _top_unitson(self) -> None:
        self.advance()

    _top_unitsoff = _top_unitson

    def _top_local(self) -> None:
        self.advance()
        self.program.locals_ += self.local_names()

    def _top_define(self) -> None:
        self.advance()
        name = self.name()
        self.defines[name] = self.integer()

    def _top_independent(self) -> None:
        self.advance()
        self.take("{")
        while not self.sign("}"):
            if self.token.kind == "end":
                raise self.fail("a closing } is missing")
            if self.sign("("):
                self.unit()
            else:
                self.advance()
        self.take("}")

    def _top_discrete(self) -> None:
        raise self.fail("DISCRETE blocks cannot be translated; write a PROCEDURE and SOLVE it")

    def _top_include(self) -> None:
        raise self.fail("INCLUDE stands on a line of its own, with the file in double quotes")

    def _top_constant(self) -> None:
        self.advance()
        self.take("{")
        while not self.sign("}"):
            at = self.token.start
            name = self.name()
            self.take("=")
            self.program.constants[name] = Declared(name, self.number(), self.unit(), at=at)
        self.take("}")

    def _top_parameter(self) -> None:
        self.advance()
        self.take("{")
        while not self.sign("}"):
            d = self._declared()
            if self.sign("="):
                self.advance()
                d.value = self.number()
            d.unit = self.unit()
            if self.sign("<"):
                self.advance()
                self.number()
                self.take(",")
                self.number()
                self.take(">")
            d.note = self.comment_after(self.last.end)
            self.program.parameters[d.name] = d
        self.take("}")

    def _declared(self) -> Declared:
        t = self.token
        if t.kind == "prime":
            raise self.fail(f"{t.text!r}: derivatives are not declared")
        d = Declared(self.name("a variable"), at=t.start)
        if self.sign("["):
            self.advance()
            d.size = self.integer()
            if not 1 <= d.size <= LARGEST_ARRAY:
                raise self.fail(f"an array has 1 to {LARGEST_ARRAY} elements", t.start)
            self.take("]")
        return d

    def _variables(self, into: dict[str, Declared]) -> None:
        self.advance()
        self.take("{")
        while not self.sign("}"):
            d = self._declared()
            while not self.sign("}"):
                if self.word("FROM"):
                    self.advance()
                    self.number()
                    self.take("TO")
                    self.number()
                elif self.word("START"):
                    self.advance()
                    d.value = self.number()
                elif self.sign("("):
                    d.unit = self.unit()
                elif self.sign("<"):
                    self.advance()
                    self.number()
                    if self.sign(","):  # limits as in PARAMETER: accepted by older versions
                        self.advance()
                        self.number()
                    self.take(">")
                else:
                    break
            d.note = self.comment_after(self.last.end)
            into[d.name] = d
        self.take("}")

    def _top_assigned(self) -> None:
        self._variables(self.program.assigned)

    def _top_state(self) -> None:
        self._variables(self.program.states)

    def _top_units(self) -> None:
        self.advance()
        self.take("{")
        p = self.program
        while not self.sign("}"):
            at = self.token.start
            if self.sign("("):
                name = self.unit()
                self.take("=")
                p.unit_names[name] = self.unit()
                continue
            name = self.name("a constant or a unit in parentheses")
            self.take("=")
            if self.sign("("):
                first = self.unit()
                if self.sign("->"):
                    self.advance()
                elif self.sign("-"):
                    self.advance()
                    self.take(">")
                if not self.sign("("):
                    raise self.fail(f"{name} = (unit) (unit): the second unit is missing")
                p.unit_constants[name] = (first, self.unit(), at)
            else:
                p.constants[name] = Declared(name, self.number(), self.unit(), at=at)
        self.take("}")

    # -------------------------------------------------------- NEURON

    def _top_neuron(self) -> None:
        self.advance()
        self.take("{")
        p = self.program
        lists = {
            "RANGE": p.range_, "GLOBAL": p.global_, "POINTER": p.pointer, "BBCOREPOINTER": p.bbcore,
            "EXTERNAL": p.external,
            "RANDOM": p.random,
        }  # fmt: skip
        while not self.sign("}"):
            t = self.token
            word = self.name("a declaration")
            if word in KINDS:
                p.kind, p.suffix_at, p.suffix = (
                    KINDS[word],
                    self.token.start,
                    self.name("the mechanism's name"),
                )
            elif word == "USEION":
                self._useion(t.start)
            elif word in ("NONSPECIFIC_CURRENT", "ELECTRODE_CURRENT"):
                names = self.names()
                (p.nonspecific if word.startswith("N") else p.electrode).extend(names)
                p.current_order += names
            elif word in lists:
                for name in self.names():
                    lists[word][name] = t.start
                    if self.sign("["):  # seen in public models, without meaning
                        raise self.fail(
                            f"{word} {name}[...]: arrays get their size in PARAMETER, ASSIGNED or STATE"
                        )
            elif word == "REPRESENTS":
                self._ontology()
            elif word != "THREADSAFE":
                legal = (
                    *KINDS,
                    *lists,
                    "USEION",
                    "NONSPECIFIC_CURRENT",
                    "ELECTRODE_CURRENT",
                    "THREADSAFE",
                    "REPRESENTS",
                )
                raise self.fail(f"{word!r} is no declaration of NEURON; {nearest(word, legal)}", t.start)
        self.take("}")

    def _useion(self, at: int) -> None:
        u = UseIon(self.name("an ion"), at=at)
        if not self.word("READ", "WRITE"):
            raise self.fail(f"USEION {u.ion} READ names or WRITE names")
        while self.word("READ", "WRITE"):
            (u.read if self.advance().text == "READ" else u.write).extend(self.names())
        if self.word("VALENCE", "CHARGE"):
            self.advance()
            u.valence = float(self.number())
        if self.word("REPRESENTS"):
            self.advance()
            self._ontology()
        self.program.ions.append(u)
        self.program.current_order += [f"i{u.ion}"] if f"i{u.ion}" in u.write else []

    def _ontology(self) -> None:
        """``[name:id]`` or ``name:id``, of which the lexer took all after the colon as a comment."""
        if self.sign("["):
            self.advance()
        self.name("an ontology name")
        if self.sign("]"):
            self.advance()

    # -------------------------------------------------------- blocks

    def _procedure(self, before: tuple[str, ...]) -> None:
        t = self.advance()
        b = Block(t.text, at=t.start, before=before)
        self.kind = t.text
        if t.text in ("BEFORE", "AFTER"):
            b.kind += " " + self.name("INITIAL, BREAKPOINT, SOLVE or STEP")
        elif t.text in ("FUNCTION", "PROCEDURE", "FUNCTION_TABLE"):
            b.name = self.name("a name")
            b.args, b.units = _split(self.arguments())
            self.unit()
        elif t.text in ("DERIVATIVE", "KINETIC", "LINEAR", "NONLINEAR"):
            b.name = self.name("a name")
            if self.word("SOLVEFOR"):
                self.advance()
                b.solvefor = self.names()
        elif t.text == "NET_RECEIVE":
            b.args, b.units = _split(self.arguments())
        if t.text != "FUNCTION_TABLE":
            b.body = self.body()
        self.kind = ""
        self.program.blocks.append(b)


def _split(pairs: list[tuple[str, str]]) -> tuple[list[str], list[str]]:
    return [n for n, _ in pairs], [u for _, u in pairs]


_PROCEDURES = frozenset(
    "INITIAL BREAKPOINT DERIVATIVE KINETIC LINEAR NONLINEAR FUNCTION PROCEDURE FUNCTION_TABLE "
    "NET_RECEIVE BEFORE AFTER "
    "CONSTRUCTOR DESTRUCTOR".split()
)


def parse(source: Source) -> Program:
    """Text -> syntax tree."""
    return Parser(source).parse()
