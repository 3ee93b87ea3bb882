"""Compiles a folder of mod files with nrnivmodl, in batches whose names do not collide: ``python -m
tests.nmodl.build FOLDER WORK``.

Leaves ``WORK/batch_<k>`` with its library and ``WORK/files.json``: file -> its batch, or "" where NEURON does
not compile it. Batches that are there already are kept. Not collected by pytest.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

BATCH = 30
_NAME = re.compile(r"\b(SUFFIX|POINT_PROCESS|ARTIFICIAL_CELL)\s+(\w+)")
_PART = re.compile(r'^\s*(?:INCLUDE|#include)\s+"([^"]+)"', re.M)
_FAILED = re.compile(r"make(?:\[\d+\])?: \*\*\* \[[^\]]*: (?:\./)?(\S+?)\.(?:cpp|o)\]")
BUILT_IN = frozenset(
    "hh pas fastpas extracellular capacitance morphology IClamp SEClamp VClamp OClamp AlphaSynapse ExpSyn Exp2Syn "
    "APCount NetStim IntFire1 IntFire2 IntFire4 PointProcessMark PatternStim na_ion k_ion ca_ion".split()
)


def different_files(folder: Path) -> list[Path]:
    """Mod files of a folder, each text once."""
    seen: set[str] = set()
    out = []
    for file in sorted(folder.rglob("*.mod")):
        key = hashlib.sha256(file.read_bytes()).hexdigest()
        if file.is_file() and key not in seen:
            seen.add(key)
            out.append(file)
    return out


def mechanism_name(text: str) -> str:
    """The name a file declares, "" if none."""
    code = re.sub(r"\bCOMMENT\b.*?\bENDCOMMENT\b", " ", text, flags=re.S)
    code = re.sub(r"[:?][^\n]*", " ", code)
    m = _NAME.search(code)
    return m.group(2) if m else ""


def own_name(text: str) -> str:
    """`text`, its mechanism renamed if NEURON has one of that name."""
    name = mechanism_name(text)
    if name not in BUILT_IN:
        return text
    return re.sub(rf"\b(SUFFIX|POINT_PROCESS|ARTIFICIAL_CELL)(\s+){name}\b", rf"\1\2{name}Again", text)


def batches(files: list[Path]) -> list[list[Path]]:
    """Files that may be compiled together: stems and mechanisms differ, and so do the parts they include."""
    out: list[tuple[list[Path], dict[str, bytes]]] = []
    for file in files:
        text = file.read_text(errors="replace")
        keys = {f"file {file.stem.lower()}": b"", f"name {mechanism_name(text)}": b""}
        keys |= {f"part {p}": (file.parent / p).read_bytes() for p in parts(file)}
        for group, used in out:
            if len(group) < BATCH and all(k not in used or (b and used[k] == b) for k, b in keys.items()):
                group.append(file)
                used |= keys
                break
        else:
            out.append(([file], keys))
    return [group for group, _ in out]


def parts(file: Path) -> list[str]:
    """Files it includes that lie beside it."""
    found = _PART.findall(file.read_text(errors="replace"))
    return [p for p in dict.fromkeys(found) if (file.parent / p).is_file() and "/" not in p]


def build(files: list[Path], folder: Path) -> dict[Path, bool]:
    """Compile one batch; files that do not compile are left out of it."""
    folder.mkdir(parents=True)
    where = {}
    for file in files:
        where[file] = folder / file.name
        where[file].write_text(own_name(file.read_text(errors="replace")))
        for part in parts(file):
            shutil.copy(file.parent / part, folder)
    nrnivmodl = shutil.which("nrnivmodl", path=str(Path(sys.executable).parent)) or "nrnivmodl"
    for _ in range(6):
        command = [nrnivmodl, "-incflags", "-O1"]
        environment = {**os.environ, "MAKEFLAGS": "k"}
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)
        if done.returncode == 0:
            break
        failed = {Path(n).name for n in _FAILED.findall(done.stdout + done.stderr)}
        for path in list(where.values()):
            if path.stem in failed and path.is_file():
                path.rename(path.with_suffix(".failed"))
        for made in folder.glob("x86_64"):
            shutil.rmtree(made)
        (folder / "errors.txt").write_text(done.stdout + done.stderr)
        if not failed or not any(p.is_file() for p in where.values()):
            return dict.fromkeys(files, False)
    return {file: path.is_file() for file, path in where.items()}


def main() -> None:
    """Build all batches."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("work", type=Path)
    options = arguments.parse_args()
    options.work.mkdir(exist_ok=True)
    table = options.work / "files.json"
    known: dict[str, str] = json.loads(table.read_text()) if table.exists() else {}
    files = [f for f in different_files(options.folder) if str(f) not in known]
    files = [f for f in files if mechanism_name(f.read_text(errors="replace")) not in ("", "nothing")]
    number = len(list(options.work.glob("batch_*")))
    for group in batches(files):
        folder = options.work / f"batch_{number}"
        number += 1
        for file, fine in build(group, folder).items():
            known[str(file)] = folder.name if fine else ""
        table.write_text(json.dumps(known, indent=0))
        print(folder.name, len(group), sum(known[str(f)] != "" for f in group), flush=True)


if __name__ == "__main__":
    main()
