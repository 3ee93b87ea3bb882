"""Translated mod files against NEURON's own compilation of them: ``python -m tests.nmodl.equality WORK``.

WORK is what ``tests.nmodl.build`` left. Every mechanism runs for 20 ms in one compartment whose voltage a
ramp and two steps drive; those that take events get five. Prints how many agree to the last bit, how many to
1e-9, and which differ. Not collected by pytest.
"""

from __future__ import annotations

import argparse
import collections
import json
import math
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

from heliox.errors import MechanismError
from heliox.mechanisms.template import MechTemp
from heliox.nmodl import translate
from heliox.nmodl.translate import analyse
from tests.nmodl import reference
from tests.nmodl.build import build, own_name

MODS = Path(__file__).parent / "mods"
STEPS = 800
CLOSE = 1e-9
EVENTS = [[0, 0.5], [0, 1.2125], [0, 3.0], [0, 7.5], [0, 12.0]]
_RANGE = re.compile(r"\bRANGE\b((?:\s*\w+\s*,)*\s*\w+)")
Outcome = tuple[str, str]


def declared_range(text: str) -> set[str]:
    """Variables NEURON shows."""
    code = re.sub(r"[:?][^\n]*", " ", text)
    return {w for m in _RANGE.finditer(code) for w in re.findall(r"\w+", m.group(1))}


def reason_not_to(t: MechTemp) -> str:
    """Why a mechanism is not compared here; empty if it is."""
    calls = {c for f in (*t.functions.values(), *t.helpers.values()) for c in f.calls}
    if t.random:
        return "random streams"
    if calls & {"watch", "for_connections", "net_move"}:
        return "WATCH, FOR_NETCONS or net_move"
    if t.lists and t.kind != "artificial":
        return "vectors"
    return ""


def case_of(t: MechTemp, text: str, notes: tuple[str, ...]) -> dict:
    """What both sides run: parameters that are 0 get a number, everything that NEURON shows is recorded."""
    shown = declared_range(text)
    theirs = {b: a for a, b in t.renamed.items()}
    record = [
        f"{t.name}.{theirs.get(n, n)}"
        for n, v in {**t.states, **t.assigned}.items()
        if v.size == 1 and (theirs.get(n, n) in shown or n in t.states)
    ]
    if "TABLE" in text:  # what only building the table sets, NEURON shows for the first instance
        record = [r for r in record if _renamed(r, t.renamed).split(".")[1] in t.writes() | set(t.states)]
    record += [n for n in t.ion_names if not n.startswith("i")]
    zero = [
        n for n, v in t.parameters.items() if v.default == 0.0 and v.size == 1 and theirs.get(n, n) in shown
    ]
    case: dict = {
        "mechanisms": [t.name] if t.kind == "artificial" else [t.name, "drive"],
        "points": ["drive"] if t.kind == "density" else [t.name, "drive"],
        "artificial": [t.name] if t.kind == "artificial" else [],
        "set": {f"{t.name}.{theirs.get(n, n)}": 0.37 + 0.01 * k for k, n in enumerate(zero)},
        "pointers": [f"{t.name}.{p}" for p in t.pointers],
        "ions": list(t.ions),
        "v": -60.0,
        "celsius": 30.0,
        "record": list(dict.fromkeys(record)),
        "steps": STEPS,
    }
    if t.weights:
        case |= {"connections": [[1.0 if t.kind == "artificial" else 0.01]], "events": EVENTS}
    if any("usetable" in n for n in notes):  # a table NEURON keeps and HelioX does not
        case["globals"] = {f"usetable_{t.name}": 0}
        object.__setattr__(t, "tables", ())
    if t.lists:
        case["lists"] = {n: [1.0, 2.5, 2.5, 7.0125, 13.0] for n in t.lists}
    return case


def compared(t: MechTemp, case: dict, measured: dict, drive: MechTemp) -> Outcome:
    """``bit-equal``, ``close`` or ``different``, and the worst difference."""
    theirs = {a: b for a, b in t.renamed.items()}
    own = {**case, "record": [_renamed(n, theirs) for n in case["record"]]}
    own["set"] = {_renamed(n, theirs): x for n, x in case["set"].items()}
    rows = reference.run([t, drive] if t.kind != "artificial" else [t], own, measured)
    worst, where = 0.0, ""
    names = ["v", *case["record"]]
    scale = [
        max((abs(r[k]) for r in measured["rows"] if math.isfinite(r[k])), default=0.0)
        for k in range(len(names))
    ]
    for step, (mine, theirs_row) in enumerate(zip(rows, measured["rows"], strict=True)):
        for k, (a, b) in enumerate(zip(mine, theirs_row, strict=True)):
            if a == b or (a != a and b != b):
                continue
            error = abs(a - b) / max(scale[k], 1e-6) if scale[k] and math.isfinite(a - b) else math.inf
            if error > worst:
                worst, where = error, f"{names[k]} at step {step}: {a!r}, NEURON {b!r}"
    if not where:
        return "bit-equal", ""
    return ("close" if worst <= CLOSE else "different"), f"{worst:.1e} {where}"


def _renamed(name: str, names: dict[str, str]) -> str:
    mechanism, dot, variable = name.partition(".")
    return f"{mechanism}.{names.get(variable, variable)}" if dot else name


def batch(folder: Path, files: list[Path], drive: tuple[MechTemp, Path]) -> dict[Path, Outcome]:
    """Outcomes of the files of one batch."""
    out: dict[Path, Outcome] = {}
    cases, templates = {}, {}
    for file in files:
        text = own_name(file.read_text(errors="replace"))
        try:
            t = translate(text, str(file), [file.parent])
        except MechanismError as e:
            out[file] = ("refused", str(e).split("\n")[0][:120])
            continue
        why = reason_not_to(t)
        if why:
            out[file] = ("not compared", why)
            continue
        templates[str(file)] = t
        cases[str(file)] = case_of(t, text, analyse(text, str(file), [file.parent]).notes)
    (folder / "cases.json").write_text(json.dumps(cases))
    libraries = os.pathsep.join(str(library(f)) for f in (drive[1], folder))
    side = str(Path(__file__).parent / "neuron_side.py")
    work = folder.parent
    command = [
        sys.executable,
        side,
        str(folder / "cases.json"),
        libraries,
        str(folder / "result.pickle"),
        "alone",
    ]
    done = subprocess.run(command, cwd=work, capture_output=True, text=True)
    if done.returncode:
        return out | {Path(f): ("NEURON fails", done.stderr[-200:]) for f in cases}
    with open(folder / "result.pickle", "rb") as f:
        results = pickle.load(f)
    for name, case in cases.items():
        measured = results[name]
        if isinstance(measured, str):
            out[Path(name)] = ("NEURON fails", measured[:120])
            continue
        try:
            out[Path(name)] = compared(templates[name], case, measured, drive[0])
        except Exception as e:
            out[Path(name)] = ("reference fails", f"{type(e).__name__}: {e}"[:120])
    return out


def library(folder: Path) -> Path:
    """The library nrnivmodl made."""
    return next(p for p in folder.rglob("libnrnmech*") if p.suffix in (".so", ".dylib"))


def main() -> None:
    """Go through all batches."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("work", type=Path)
    arguments.add_argument("--only", default="", help="part of a file's path")
    options = arguments.parse_args()
    source = MODS / "drive.mod"
    if not (options.work / "drive").exists():
        build([source], options.work / "drive")
    drive = (translate(source.read_text(), "drive.mod"), options.work / "drive")
    places: dict[str, list[Path]] = collections.defaultdict(list)
    for file, name in json.loads((options.work / "files.json").read_text()).items():
        if options.only in file:
            places[name].append(Path(file))
    counts = collections.Counter({"does not compile in NEURON": len(places.pop("", []))})
    for name, files in places.items():
        for file, (outcome, what) in batch(options.work / name, files, drive).items():
            counts[outcome] += 1
            if outcome not in ("bit-equal", "refused", "not compared"):
                print(f"{outcome}: {file}: {what}", flush=True)
    for outcome, n in counts.most_common():
        print(f"{n:6d} {outcome}")


if __name__ == "__main__":
    main()
