"""The rooms of the house: who may import whom, and what no file of HelioX may hold.

All but the last test read the source without importing it, so they also see code that never runs here.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "heliox"

# room -> the rooms it may import besides itself. `frontend` ends one branch, and the engine's branch does
# not know it: a Simulation meets a frontend only through the Model it is given. What is right of both may
# use both.
_MECHANISMS = {"_version", "errors", "model", "mechanisms"}
_FRONTEND = _MECHANISMS | {"nmodl", "frontend"}
_ENGINE = _MECHANISMS | {"solver", "kernels", "engine"}
_SIMULATION = _ENGINE | {"record", "plot", "simulation"}
_USERS = _FRONTEND | _SIMULATION | {"parallel"}

MAY_IMPORT: dict[str, set[str]] = {
    "_version": set(),
    "errors": set(),
    "plot": {"errors"},
    "model": {"_version", "errors"},
    "mechanisms": {"_version", "errors", "model"},
    "nmodl": _MECHANISMS,
    "frontend": _MECHANISMS | {"nmodl"},
    "solver": _MECHANISMS,
    "kernels": _MECHANISMS | {"solver"},
    "engine": _MECHANISMS | {"solver", "kernels"},
    "record": _ENGINE | {"plot"},
    "simulation": _ENGINE | {"plot", "record"},
    "parallel": _SIMULATION,
    "compare": _USERS,
    "learn": _USERS - {"kernels"},  # it reaches the device only through the engine's registry and phases
    "explore": _USERS,
    "cells": _USERS | {"compare", "learn", "explore"},
}
MAY_IMPORT_ALL = {"__init__", "__main__", "cli", "demo"}

NUMBA = {"numba", "numba_cuda", "numba_cuda_mlir", "llvmlite", "cuda"}
NEURON_FILES = {"frontend/neuron.py", "frontend/preflight.py", "compare.py"}
# extras: each in one file, imported when it is used
OPTIONAL = {
    "torch",
    "dask",
    "distributed",
    "deap",
    "bluepyopt",
    "efel",
    "pandas",
    "scipy",
    "sklearn",
    "xarray",
    "ipywidgets",
    "IPython",
}
BASE = {"numpy", "h5py", "matplotlib", "tqdm", "neuron"} | NUMBA

LONGEST_FILE = 500
UNFINISHED = re.compile(r"\b(?:TODO|FIXME|XXX)\b")
MACHINE_PATH = re.compile(r"(?<![\w./:~)\]-])/(?:work|tmp|home|root|opt|Users|private)\b")


@dataclass(frozen=True)
class Import:
    file: str  # relative to the package
    line: int
    module: str  # absolute
    lazy: bool  # inside a function, or for type checkers only

    @property
    def top(self) -> str:
        return self.module.partition(".")[0]

    @property
    def target_room(self) -> str:
        return self.module.split(".")[1]

    def __str__(self) -> str:
        return f"heliox/{self.file}:{self.line} imports {self.module}"


def room(file: str) -> str:
    return file.split("/")[0].removesuffix(".py")


@cache
def sources() -> dict[str, str]:
    return {p.relative_to(PACKAGE).as_posix(): p.read_text("utf-8") for p in sorted(PACKAGE.rglob("*.py"))}


@cache
def imports() -> tuple[Import, ...]:
    return tuple(found for file, text in sources().items() for found in imports_of(file, text))


def imports_of(file: str, text: str) -> Iterator[Import]:
    """Every import statement of a file, and every import_module or __import__ of a literal name."""
    package = ["heliox", *file.split("/")[:-1]]

    def visit(node: ast.AST, lazy: bool) -> Iterator[Import]:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(file, node.lineno, alias.name, lazy)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            if module == "heliox":  # from heliox import model: the names are what is imported
                for alias in node.names:
                    yield Import(file, node.lineno, f"heliox.{alias.name}", lazy)
            else:
                yield Import(file, node.lineno, module, lazy)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            name = node.args[0].value
            if called in ("import_module", "__import__") and isinstance(name, str):
                level = len(name) - len(name.lstrip("."))
                base = package[: len(package) - level + 1] if level else []
                yield Import(file, node.lineno, ".".join([*base, name.lstrip(".")]).rstrip("."), lazy)

        inside = lazy or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        typing_only = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for field, value in ast.iter_fields(node):
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield from visit(child, inside or (typing_only and field == "body"))

    yield from visit(ast.parse(text, file), False)


def within(found: Import) -> bool:
    return found.top == "heliox"


def complain(wrong: list[str]) -> None:
    assert not wrong, "\n" + "\n".join(wrong)


def test_there_is_source_to_read():
    assert "_version.py" in sources()


def test_every_room_is_in_the_table():
    rooms = {room(file) for file in sources()}
    complain(
        [f"heliox/{r}: give it its place in MAY_IMPORT" for r in rooms - MAY_IMPORT.keys() - MAY_IMPORT_ALL]
    )


def test_the_table_has_no_cycles():
    placed: set[str] = set()
    while len(placed) < len(MAY_IMPORT):
        free = {r for r, allowed in MAY_IMPORT.items() if r not in placed and allowed - {r} <= placed}
        assert free, f"cycle among {MAY_IMPORT.keys() - placed}"
        placed |= free


def test_each_room_imports_only_what_stands_left_of_it():
    wrong = []
    for found in filter(within, imports()):
        here = room(found.file)
        if here in MAY_IMPORT_ALL:
            continue
        if found.module == "heliox":
            wrong.append(f"{found}: import from the module that defines the name")
        elif found.target_room not in MAY_IMPORT.get(here, set()) | {here}:
            wrong.append(f"{found}: {here} may import {', '.join(sorted(MAY_IMPORT.get(here, set())))}")
    complain(wrong)


def test_only_kernels_imports_numba():
    complain([str(i) for i in imports() if i.top in NUMBA and room(i.file) != "kernels"])


def test_only_device_imports_the_gpus_packages_and_lazily():
    gpu = [i for i in imports() if i.top in {"cuda", "numba_cuda"} or cuda_target(i)]
    complain([str(i) for i in gpu if i.file != "kernels/device.py" or not i.lazy])
    assert gpu


def cuda_target(found: Import) -> bool:
    """Whether it is numba.cuda; ``from numba import cuda`` counts as an import of numba, hence the text."""
    if found.module.startswith("numba.cuda"):
        return True
    line = sources()[found.file].splitlines()[found.line - 1]
    return found.module == "numba" and re.search(r"import\b.*\bcuda\b", line) is not None


def test_neuron_is_imported_only_where_a_live_session_is_read():
    complain([str(i) for i in imports() if i.top == "neuron" and i.file not in NEURON_FILES])


def test_matplotlib_is_imported_only_by_plot():
    complain([str(i) for i in imports() if i.top == "matplotlib" and room(i.file) != "plot"])


@pytest.mark.parametrize("name", sorted(OPTIONAL))
def test_an_extra_is_imported_in_one_file_and_lazily(name):
    found = [i for i in imports() if i.top == name]
    complain([f"{i} outside of a function" for i in found if not i.lazy])
    files = {i.file for i in found}
    assert len(files) <= 1, f"{name} in more than one file: {sorted(files)}"


def test_model_is_numpy_only_with_h5py_in_store():
    wrong = []
    for found in imports():
        foreign = found.top not in sys.stdlib_module_names | {"heliox", "numpy"}
        if room(found.file) == "model" and foreign and (found.file, found.top) != ("model/store.py", "h5py"):
            wrong.append(str(found))
    complain(wrong)


def test_nothing_undeclared_is_imported():
    known = sys.stdlib_module_names | {"heliox"} | BASE | OPTIONAL
    complain([str(i) for i in imports() if i.top not in known])


def test_no_file_is_long():
    lengths = {file: len(text.splitlines()) for file, text in sources().items()}
    complain([f"heliox/{file}: {n} lines" for file, n in lengths.items() if n > LONGEST_FILE])


def test_nothing_is_marked_unfinished():
    complain(list(lines_matching(UNFINISHED, PACKAGE.rglob("*.py"))))


def test_no_path_of_a_machine_is_named():
    files = [
        *PACKAGE.rglob("*.py"),
        *ROOT.glob("tests/**/*.py"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("*.md"),
    ]
    complain(list(lines_matching(MACHINE_PATH, files)))


def lines_matching(pattern: re.Pattern[str], files) -> Iterator[str]:
    for path in files:
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            if pattern.search(line):
                yield f"{path.relative_to(ROOT)}:{number}: {line.strip()}"


def test_importing_heliox_loads_neither_neuron_nor_the_gpu():
    checked = OPTIONAL - {"scipy"}  # Numba imports it, where it is installed, to look at its version
    names = sorted({"numba.cuda", "numba_cuda", "cuda", "neuron", "matplotlib"} | checked)
    code = f"import sys, heliox; print([n for n in {names!r} if n in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "[]", f"import heliox loads {run.stdout.strip()}"


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        ("engine/plan.py", "import heliox.model.tree", [("heliox.model.tree", False)]),
        (
            "engine/plan.py",
            "from heliox import model, errors",
            [("heliox.model", False), ("heliox.errors", False)],
        ),
        ("engine/plan.py", "from .registry import Handle", [("heliox.engine.registry", False)]),
        ("engine/plan.py", "from ..model.tree import Tree", [("heliox.model.tree", False)]),
        ("engine/plan.py", "from .. import model", [("heliox.model", False)]),
        ("simulation.py", "from .engine import plan", [("heliox.engine", False)]),
        ("a/b/c.py", "from . import d", [("heliox.a.b", False)]),
        ("x.py", "def f():\n    import torch.nn", [("torch.nn", True)]),
        ("x.py", "class A:\n    import torch", [("torch", False)]),
        ("x.py", "try:\n    import torch\nexcept ImportError:\n    pass", [("torch", False)]),
        (
            "x.py",
            "if TYPE_CHECKING:\n    import torch\nelse:\n    import dask",
            [("torch", True), ("dask", False)],
        ),
        ("x.py", "importlib.import_module('neuron.rxd')", [("neuron.rxd", False)]),
        ("engine/x.py", "import_module('..model', __package__)", [("heliox.model", False)]),
        ("x.py", "__import__(name)", []),
    ],
)
def test_imports_are_read_right(file, text, expected):
    assert [(i.module, i.lazy) for i in imports_of(file, text)] == expected


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("open('/" + "tmp/x')", True),
        ("# see /" + "work/data", True),
        ("see `/" + "home/me/cell.swc`", True),
        ("rate = a/work", False),
        ("https://example.org/" + "home/x", False),
        ("see notes/" + "tmp/x", False),
    ],
)
def test_paths_are_recognised(line, named):
    assert bool(MACHINE_PATH.search(line)) is named
