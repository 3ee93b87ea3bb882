"""Public mod files in the engine beside NEURON: ``python -m tests.nmodl.engine WORK [BATCH ...]``.

WORK is what ``tests.nmodl.build`` left. The mechanisms of a batch stand each in a cell of its own, all in one session, which
NEURON runs for 20 ms under a voltage clamp with three levels and a current, is frozen, and runs again in HelioX
(libm). Prints how many cells agree to the last bit, and the others. Not collected by pytest.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

import heliox
from heliox.errors import HelioXError, MechanismError
from heliox.nmodl import translate
from heliox.nmodl.translate import analyse
from tests.nmodl.build import own_name
from tests.nmodl.equality import CLOSE, case_of, library

T = 20.0
CHANCES = 40  # freezes that may fail, each for a mechanism that then goes


class Stand:
    """One mechanism in a cell of its own, and what is recorded of it: path in HelioX -> NEURON's reference."""

    def __init__(self, h: Any, number: int, t: Any, case: dict) -> None:
        self.h, self.t, self.name = h, t, f"m{number}"
        self.section = s = h.Section(name=self.name)
        s.L = s.diam = 20
        s.insert("pas")
        self.keep: list = []
        self.watch = {f"{self.name}(0.5).v": s(0.5)._ref_v}
        clamp, current = h.SEClamp(s(0.5)), h.IClamp(s(0.5))
        clamp.rs, clamp.dur1, clamp.dur2, clamp.dur3 = 5, 3, 4, 3
        clamp.amp1, clamp.amp2, clamp.amp3 = -70, -10, -45
        current.delay, current.dur, current.amp = 12, 4, 0.1
        self.keep += [clamp, current]
        self.owner: Any = s(0.5)
        if t.kind == "density":
            s.insert(t.name)
        else:
            self.owner = getattr(h, t.name)(s(0.5)) if t.kind == "point" else getattr(h, t.name)()
            self.keep.append(self.owner)
        for name, value in case["set"].items():
            variable = name.split(".")[1]
            setattr(self.owner if t.kind != "density" else getattr(s(0.5), t.name), variable, value)
        for name, value in case.get("globals", {}).items():
            setattr(h, name, value)
        self._streams()
        for pointer in t.pointers:
            where = self.owner if t.kind != "density" else getattr(s(0.5), t.name)
            h.setpointer(s(0.5)._ref_v, pointer, where)
        self._events(case)
        self._watch(case)

    def _streams(self) -> None:
        """Streams that hoc sets, where the file has a procedure of one of the usual names."""
        if not self.t.random or self.t.kind == "density":
            return
        if hasattr(self.owner, "noiseFromRandom123"):
            self.owner.noiseFromRandom123(1, 2, 3)
        elif hasattr(self.owner, "setRNG"):
            self.owner.setRNG(1, 2, 3)
        elif hasattr(self.owner, "noiseFromRandom"):
            stream = self.h.Random()
            stream.Random123(1, 2, 3)
            stream.negexp(1)
            self.owner.noiseFromRandom(stream)
            self.keep.append(stream)

    def _events(self, case: dict) -> None:
        if "connections" not in case:
            return
        stim = self.h.NetStim()
        stim.start, stim.interval, stim.number = 0.5, 3.3, 5
        con = self.h.NetCon(stim, self.owner)
        con.weight[0], con.delay = case["connections"][0][0], 0.1
        self.keep += [stim, con]

    def _watch(self, case: dict) -> None:
        here = {mod: python for mod, python in self.t.renamed.items()}
        for name in case["record"]:
            mechanism, dot, variable = name.partition(".")
            ours = here.get(variable, variable)
            if not dot:
                self.watch[f"{self.name}(0.5).{name}"] = getattr(self.section(0.5), f"_ref_{name}")
            elif self.t.kind == "density":
                reference = getattr(self.section(0.5), f"_ref_{variable}_{mechanism}")
                self.watch[f"{self.name}(0.5).{mechanism}.{ours}"] = reference
            else:
                self.watch[f"{self.owner.hname()}.{ours}"] = getattr(self.owner, f"_ref_{variable}")

    def leave(self) -> None:
        """Take it out of the session."""
        self.keep.clear()
        self.watch.clear()
        self.owner = None
        self.h.delete_section(sec=self.section)


def survives(h: Any, number: int, t: Any, case: dict) -> str:
    """Whether NEURON runs it, tried in a copy of the process; else why not."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        said = "ok"
        try:
            stand = Stand(h, number, t, case)
            h.finitialize(-60)
            h.continuerun(T)
            for path, reference in stand.watch.items():
                if not np.isfinite(reference[0]):
                    said = f"{path} is not finite in NEURON"
        except BaseException as e:
            said = f"{type(e).__name__}: {e}"
        os.write(writer, said[:200].encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        said = pipe.read().decode() or "NEURON ends"
    os.waitpid(child, 0)
    return said


def zero_globals(h: Any, t: Any) -> dict[str, float]:
    """GLOBAL parameters that are 0, and a number for each, as `case_of` gives one to those in RANGE."""
    theirs = {python: mod for mod, python in t.renamed.items()}
    zero = {n for n, v in t.globals_.items() if v.size == 1 and v.default == 0.0} - t.writes()
    of_hoc = sorted(f"{theirs.get(n, n)}_{t.name}" for n in zero)
    return {n: 0.37 for n in of_hoc if hasattr(h, n)}


def run(folder: Path, files: list[Path]) -> dict[str, tuple[str, str]]:
    """Outcomes of the files of one batch; in the process that loads its library."""
    from neuron import h

    h.load_file("stdrun.hoc")
    h.nrn_load_dll(str(library(folder)))
    h.celsius = 30
    out: dict[str, tuple[str, str]] = {}
    stands: dict[str, Stand] = {}
    for k, file in enumerate(files):
        text = own_name(file.read_text(errors="replace"))
        try:
            t = translate(text, str(file), [file.parent])
        except MechanismError as e:
            out[str(file)] = ("refused", str(e).split("\n")[0][:120])
            continue
        if any(n.endswith("_x") and f"{n[:-2]}_y" in t.lists for n in t.lists):
            out[str(file)] = ("not run by NEURON", "FUNCTION_TABLE without table")
            continue
        case = case_of(t, text, analyse(text, str(file), [file.parent]).notes)
        said = survives(h, k, t, case)
        if said != "ok":  # often 0/0: GLOBAL parameters that hoc was to set
            case["globals"] = {**zero_globals(h, t), **case.get("globals", {})}
            said = survives(h, k, t, case)
        if said != "ok":
            out[str(file)] = ("not run by NEURON", said)
            continue
        stands[str(file)] = Stand(h, k, t, case)
    return out | together(h, stands)


def together(h: Any, stands: dict[str, Stand]) -> dict[str, tuple[str, str]]:
    """All that stand, frozen and run; who cannot be frozen leaves first."""
    out: dict[str, tuple[str, str]] = {}
    model = None
    for _ in range(CHANCES):
        try:
            h.finitialize(-60)
            model = heliox.from_neuron()
            heliox.Simulation(model, math="libm", progress=False).engine  # noqa: B018
            break
        except HelioXError as e:
            said = set(re.findall(r"\w+", str(e)))
            guilty = [f for f, stand in stands.items() if stand.t.name in said]
            for f in guilty or list(stands)[:1]:
                out[f] = ("not frozen", str(e).replace("\n", " ")[:300])
                stands.pop(f).leave()
    if model is None:
        return out | dict.fromkeys(stands, ("not frozen", "too many failures"))
    recorded = {f: {p: h.Vector().record(r) for p, r in s.watch.items()} for f, s in stands.items()}
    h.finitialize(-60)
    model = heliox.from_neuron()  # again: INITIAL may read what the one before has left
    h.continuerun(T)
    sim = heliox.Simulation(model, math="libm", progress=False)
    ours = {f: {p: sim.record(p) for p in v} for f, v in recorded.items()}
    try:
        sim.run_until(T)
    except HelioXError as e:
        return out | dict.fromkeys(stands, ("stopped", str(e)[:200]))
    for f, vectors in recorded.items():
        out[f] = compared({p: (np.array(v), ours[f][p].values) for p, v in vectors.items()})
    return out


def compared(pairs: dict[str, tuple[np.ndarray, np.ndarray]]) -> tuple[str, str]:
    """``bit-equal``, ``close`` or ``different``, with the worst variable."""
    worst, where = 0.0, ""
    for path, (theirs, mine) in pairs.items():
        same = (theirs == mine) | (np.isnan(theirs) & np.isnan(mine))
        if not same.all():
            scale = max(np.nanmax(np.abs(theirs)), 1e-6)
            error = float(np.max(np.nan_to_num(np.abs(theirs - mine)[~same], nan=np.inf)) / scale)
            if not where or error > worst:
                k = int(np.argmin(same))
                worst, where = error, f"{path} first at step {k}: {mine[k]!r}, NEURON {theirs[k]!r}"
    if not where:
        return "bit-equal", ""
    return ("close" if worst <= CLOSE else "different"), f"{worst:.1e} {where}"


def main() -> None:
    """Each batch in a process of its own."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("work", type=Path)
    arguments.add_argument("batches", nargs="*")
    arguments.add_argument("--here", action="store_true", help="run one batch in this process")
    options = arguments.parse_args()
    places: dict[str, list[Path]] = collections.defaultdict(list)
    for file, name in json.loads((options.work / "files.json").read_text()).items():
        if name and (not options.batches or name in options.batches):
            places[name].append(Path(file))
    if options.here:
        ((name, files),) = places.items()
        print("\nRESULT" + json.dumps(run(options.work / name, files)))
        return
    counts: collections.Counter[str] = collections.Counter()
    for name in places:
        command = [sys.executable, "-m", "tests.nmodl.engine", str(options.work), name, "--here"]
        done = subprocess.run(command, capture_output=True, text=True)
        lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT")]
        if not lines:
            print(f"{name}: {done.stderr[-1500:]}", flush=True)
            counts["batch failed"] += len(places[name])
            continue
        for file, (outcome, what) in json.loads(lines[-1][6:]).items():
            counts[outcome] += 1
            if outcome not in ("bit-equal", "refused"):
                print(f"{outcome}: {file}: {what}", flush=True)
        print(name, dict(counts), flush=True)


if __name__ == "__main__":
    main()
