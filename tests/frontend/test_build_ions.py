"""Ions of built models: pools, their styles, and the order of mechanisms, with mod files compiled by NEURON.

Compiled mechanisms stay in a process, so NEURON runs in one of its own: this file as a script.
"""

import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODS = {
    "Zca": """NEURON { SUFFIX Zca USEION ca READ eca WRITE ica RANGE g }
PARAMETER { g = 1e-5 }
ASSIGNED { v eca ica }
BREAKPOINT { ica = g*(v-eca) }
""",
    "Dyn": """NEURON { SUFFIX Dyn USEION ca READ ica WRITE cai RANGE tau }
PARAMETER { tau = 80 }
ASSIGNED { ica }
STATE { cai }
BREAKPOINT { SOLVE st METHOD cnexp }
INITIAL { cai = 1e-4 }
DERIVATIVE st { cai' = -ica*1e-2 - (cai-1e-4)/tau }
""",
    "Ask": """NEURON { SUFFIX Ask USEION k READ ek WRITE ik USEION ca READ cai RANGE g }
PARAMETER { g = 1e-4 }
ASSIGNED { v ek ik cai }
BREAKPOINT { ik = g*cai*(v-ek) }
""",
    "Qsyn": """NEURON { POINT_PROCESS Qsyn USEION ca READ eca WRITE ica RANGE g }
PARAMETER { g = 1e-5 }
ASSIGNED { v eca ica }
BREAKPOINT { ica = g*(v-eca) }
""",
    "Bli": """NEURON { SUFFIX Bli USEION li READ eli, lio WRITE ili, lii VALENCE 1 RANGE g }
PARAMETER { g = 1e-5 }
ASSIGNED { v eli ili lio }
STATE { lii }
BREAKPOINT { ili = g*(v-eli) SOLVE st METHOD cnexp }
INITIAL { lii = 2 }
DERIVATIVE st { lii' = -ili }
""",
}


def test_pools_styles_and_order(tmp_path):
    pytest.importorskip("neuron", reason="NEURON is not installed (it has no wheels for this platform)")
    nrnivmodl = shutil.which("nrnivmodl", path=str(Path(sys.executable).parent)) or shutil.which("nrnivmodl")
    if nrnivmodl is None or not (shutil.which("g++") or shutil.which("c++")):
        pytest.skip("needs nrnivmodl and a C++ compiler")
    for name, text in MODS.items():
        (tmp_path / f"{name}.mod").write_text(text)
    built = subprocess.run([nrnivmodl], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert built.returncode == 0, built.stdout[-2000:] + built.stderr[-2000:]
    run = subprocess.run(
        [sys.executable, __file__, str(ROOT)], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]


def compare(h, templates: dict, seed: int) -> None:
    """One random cell in NEURON and in the builder; the last section has everything."""
    from heliox.frontend.build import Cell
    from heliox.frontend.neuron import from_neuron

    r = random.Random(seed)
    sections, cell = [h.Section(name=f"s{k}") for k in range(4)], Cell()
    for k, section in enumerate(sections):
        section.nseg = 3
        if k:
            section.connect(sections[k - 1](1))
        cell.add_section(f"s{k}", nseg=3, connect=f"s{k - 1}(1)" if k else "")
    names = ("Zca", "Dyn", "Ask", "Bli", "hh", "Qsyn", "Qsyn")
    work = [(m, k) for m in names for k in range(4) if k == 3 or r.random() < 0.4]
    r.shuffle(work)
    points = []
    for m, k in work:
        if m == "Qsyn":
            points.append(h.Qsyn(sections[k](0.5)))
            cell.place(templates[m], f"s{k}(0.5)")
        else:
            sections[k].insert(m)
            cell.insert(templates.get(m, m), where=f"s{k}")
    theirs, mine = from_neuron(-65), cell.model(-65)
    assert [m.name for m in mine.mechanisms] == [m.name for m in theirs.mechanisms]
    for a, b in zip(mine.mechanisms, theirs.mechanisms):
        for name in ("node", "style"):
            assert getattr(a, name).tolist() == getattr(b, name).tolist(), (seed, a.name, name)
        # NEURON counts on from cell to cell while anything of that type is alive
        assert a.number.tolist() == (b.number - b.number.min(initial=1 << 30)).tolist(), (seed, a.name)
    for section in sections:
        h.delete_section(sec=section)


def main(root: str) -> None:
    sys.path.insert(0, root)
    from neuron import h  # loads the mechanisms compiled in this folder

    from heliox.nmodl.translate import translate

    templates: dict[str, Any] = {name: translate(text, f"{name}.mod") for name, text in MODS.items()}
    for seed in range(20):
        compare(h, templates, seed)


if __name__ == "__main__":
    main(sys.argv[1])
