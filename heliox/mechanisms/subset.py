"""The whitelisted subset of Python in which mechanisms are written (docs/design.md, 2.3).

Functions become `Function` objects: parsed, checked text. Nothing downstream touches the Python function.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

from heliox.errors import MechanismError, nearest

MATH = frozenset(
    "exp expm1 log log10 log1p pow sqrt sin cos tan asin acos atan atan2 sinh cosh tanh "
    "abs fabs floor ceil fmod min max exprelr".split()
)
RANDOM = frozenset("random_uniform random_negexp random_normal random_ipick random_set_seq".split())
EFFECTS = {"net_send": 2, "net_send_at": 2, "net_event": 1, "net_move": 1, "watch": 2, "for_connections": 0}
LISTS = {"item": 2, "length": 1}

_STATEMENTS = (
    ast.Assign,
    ast.AugAssign,
    ast.AnnAssign,
    ast.If,
    ast.For,
    ast.Break,
    ast.Return,
    ast.Expr,
    ast.Pass,
)
_EXPRESSIONS = (
    ast.Name, ast.Constant, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.Call, ast.IfExp, ast.Tuple,
    ast.Subscript, ast.List, ast.Load, ast.Store, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow, ast.Mod,
    ast.FloorDiv, ast.USub, ast.UAdd, ast.Not, ast.And, ast.Or, ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt,
    ast.GtE, ast.arguments, ast.arg,
)  # fmt: skip


@dataclass(frozen=True)
class Function:
    """One checked function.

    ``params`` names read, ``returns`` names written (of a block; helpers may return expressions and have
    ``()``), ``text`` its source, ``file`` and ``line`` where it stands.
    """

    name: str
    text: str
    file: str = "<text>"
    line: int = 1

    @cached_property
    def tree(self) -> ast.FunctionDef:
        return _parse(self.text, self.file, self.line)

    @property
    def params(self) -> tuple[str, ...]:
        return tuple(a.arg for a in self.tree.args.args)

    @cached_property
    def returns(self) -> tuple[str, ...]:
        value = _last_return(self.tree)
        if value is None:
            return ()
        items = value.elts if isinstance(value, ast.Tuple) else [value]
        return (
            tuple(i.id for i in items if isinstance(i, ast.Name))
            if all(isinstance(i, ast.Name) for i in items)
            else ()
        )

    @cached_property
    def calls(self) -> frozenset[str]:
        """Names of all functions called in the body."""
        return frozenset(
            n.func.id for n in ast.walk(self.tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)
        )

    @cached_property
    def free(self) -> frozenset[str]:
        """Names read that are neither parameters, locals nor called functions: module constants."""
        local = set(self.params)
        for n in ast.walk(self.tree):
            if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store):
                local.add(n.id)
        return frozenset(
            n.id
            for n in ast.walk(self.tree)
            if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load) and n.id not in local
        ) - self.calls - {"range"}  # fmt: skip

    @property
    def has_effects(self) -> bool:
        return bool(self.calls & set(EFFECTS))

    def fail(self, node: ast.AST | None, what: str) -> MechanismError:
        """An error that points at `node` of this function."""
        line = self.line + (getattr(node, "lineno", 1) - 1 if node is not None else 0)
        return MechanismError(
            f"{self.file}:{line}: in {self.name}: {what}", file=self.file, line=line, function=self.name
        )


def _parse(text: str, file: str, line: int) -> ast.FunctionDef:
    try:
        module = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as e:
        at = line + (getattr(e, "lineno", None) or 1) - 1
        raise MechanismError(f"{file}:{at}: not Python: {e}", file=file, line=at) from None
    if len(module.body) != 1 or not isinstance(module.body[0], ast.FunctionDef):
        raise MechanismError(f"{file}:{line}: expected one function definition", file=file, line=line)
    return module.body[0]


def _last_return(tree: ast.FunctionDef) -> ast.expr | None:
    return tree.body[-1].value if isinstance(tree.body[-1], ast.Return) else None


def from_python(function: Callable) -> Function:
    """The `Function` of a Python function, from its source text."""
    try:
        lines, line = inspect.getsourcelines(function)
        file = inspect.getsourcefile(function) or "<python>"
    except (OSError, TypeError):
        name = getattr(function, "__name__", repr(function))
        raise MechanismError(
            f"{name}: its source text cannot be found; define it in a file or a notebook cell", function=name
        ) from None
    return Function(function.__name__, textwrap.dedent("".join(lines)), file, line)


def collect(
    blocks: Mapping[str, Callable] | list[Callable] | tuple[Callable, ...], library: Mapping[str, Callable]
) -> tuple[dict, dict, dict]:
    """Blocks, the helpers they call, and the constants they use.

    Helpers are found in the blocks' own modules, then in `library`.
    """
    functions = [from_python(f) for f in (blocks.values() if isinstance(blocks, Mapping) else blocks)]
    scopes = {f.__name__: f.__globals__ for f in (blocks.values() if isinstance(blocks, Mapping) else blocks)}
    helpers: dict[str, Function] = {}
    constants: dict[str, float] = {}
    known = set(MATH | RANDOM | set(EFFECTS) | set(LISTS) | {"range"})
    work = [(f, scopes[f.name]) for f in functions]
    while work:
        f, scope = work.pop()
        for name in sorted(f.calls - known - set(helpers)):
            target = scope.get(name, library.get(name))
            if not inspect.isfunction(target):
                raise f.fail(
                    _call_node(f, name),
                    f"{name!r} is not a function it may call; {nearest(name, set(library) | known)}",
                )
            helpers[name] = from_python(target)
            work.append((helpers[name], target.__globals__))
        for name in sorted(f.free):
            value = scope.get(name)
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                if constants.setdefault(name, float(value)) != float(value):
                    raise f.fail(None, f"constant {name!r} has two values in this mechanism")
    return {f.name: f for f in functions}, helpers, constants


def _call_node(f: Function, name: str) -> ast.AST | None:
    for n in ast.walk(f.tree):
        if isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == name:
            return n
    return None


def check(f: Function, callable_names: set[str], constants: set[str], block: bool) -> None:
    """Refuse, with its line, whatever is outside the subset.

    Parameters
    ----------
    f : Function
    callable_names : set of str
        Helpers it may call, besides the mathematical functions.
    constants : set of str
        Module constants it may read.
    block : bool
        A block returns bare names once, at its end.
    """
    tree = f.tree
    args = tree.args
    if tree.decorator_list:
        raise f.fail(tree.decorator_list[0], "decorators are not part of the subset; write a plain function")
    if args.vararg or args.kwarg or args.kwonlyargs or args.defaults or args.posonlyargs:
        raise f.fail(tree, "parameters are plain names, without defaults or stars")
    for node in ast.walk(tree):
        if node is tree or isinstance(node, _STATEMENTS + _EXPRESSIONS):
            _check_node(f, node, callable_names)
            continue
        raise f.fail(
            node,
            f"{type(node).__name__} is outside the subset; legal are assignments, arithmetic, comparisons, "
            "if, for over range(constant), and calls of helpers and mathematical functions",
        )
    unknown = f.free - constants
    if unknown:
        name = sorted(unknown)[0]
        at = next((n for n in ast.walk(tree) if isinstance(n, ast.Name) and n.id == name), None)
        raise f.fail(
            at,
            f"{name!r} is neither a parameter, a local, nor a numeric constant of the module; "
            f"{nearest(name, set(f.params) | constants)}",
        )
    if block:
        returns = [n for n in ast.walk(tree) if isinstance(n, ast.Return)]
        if len(returns) > 1 or (returns and returns[0] is not tree.body[-1]):
            early = next(r for r in returns if r is not tree.body[-1])
            raise f.fail(early, "a block returns once, at its end")
        if returns and not f.returns:
            raise f.fail(returns[0], "a block returns bare variable names, such as `return m, h, n`")


def _check_node(f: Function, node: ast.AST, callable_names: set[str]) -> None:
    if isinstance(node, ast.Call):
        if (
            not isinstance(node.func, ast.Name)
            or node.keywords
            or any(isinstance(a, ast.Starred) for a in node.args)
        ):
            raise f.fail(node, "a call is name(arguments), positional")
        name = node.func.id
        if (
            name not in callable_names
            and name not in MATH | RANDOM
            and name not in EFFECTS
            and name not in LISTS
            and name != "range"
        ):
            legal = callable_names | MATH | RANDOM | set(EFFECTS) | set(LISTS)
            raise f.fail(node, f"{name!r} may not be called; {nearest(name, legal)}")
        count = {**EFFECTS, **LISTS}.get(name, len(node.args))
        if len(node.args) != count:
            raise f.fail(node, f"{name} takes {count} argument(s)")
    elif isinstance(node, ast.Constant):
        docstring = isinstance(node.value, str)
        if not docstring and (isinstance(node.value, bool) or not isinstance(node.value, (int, float))):
            raise f.fail(node, f"{node.value!r} is not a number")
    elif isinstance(node, ast.Expr):
        v = node.value
        if not (isinstance(v, ast.Constant) and isinstance(v.value, str)) and not isinstance(v, ast.Call):
            raise f.fail(node, "an expression statement without effect")
    elif isinstance(node, ast.For):
        it = node.iter
        if (
            not (isinstance(it, ast.Call) and isinstance(it.func, ast.Name) and it.func.id == "range")
            or node.orelse
        ):
            raise f.fail(node, "a loop is `for i in range(constant)`")
    elif isinstance(node, ast.arg) and node.annotation is not None:
        raise f.fail(node, "parameters carry no annotations")


def check_assignment(f: Function, persistent: set[str]) -> None:
    """Refuse a block whose memory would be unclear.

    A returned name must be a parameter or be set on every path; a variable of the mechanism that is set must
    be returned, since it would silently keep its old value.
    """
    stored = {n.id: n for n in ast.walk(f.tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    certain = set(f.params) | _surely_set(f.tree.body)
    for r in f.returns:
        if r not in certain:
            raise f.fail(
                f.tree.body[-1], f"it returns {r!r}, which is not set on every path; add it to the parameters"
            )
    for name in sorted((set(stored) & persistent) - set(f.returns)):
        raise f.fail(stored[name], f"it sets {name!r}, a variable of the mechanism, without returning it")


def _surely_set(body: list[ast.stmt]) -> set[str]:
    """Names assigned on every path through `body`."""
    out: set[str] = set()
    for s in body:
        if isinstance(s, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
            targets = s.targets if isinstance(s, ast.Assign) else [s.target]
            out |= {
                n.id
                for t in targets
                for n in ast.walk(t)
                if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
            }
        elif isinstance(s, ast.If):
            out |= _surely_set(s.body) & _surely_set(s.orelse)
        elif isinstance(s, ast.For):
            out |= {n.id for n in ast.walk(s.target) if isinstance(n, ast.Name)} | _surely_set(s.body)
    return out
