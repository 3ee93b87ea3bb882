"""What NEURON's Import3d makes of morphology files: run as a script, one forked process per file.

A process can import only one file, since the sections get top-level names. Loading NEURON once and forking
costs milliseconds per file.
"""

import os
import pickle
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

RA, CM = 123.5, 0.75


def reference(
    files: Sequence[str | os.PathLike[str]], python_object: bool = False
) -> list[list[dict[str, Any]] | None]:
    """For every file its sections as dictionaries in NEURON's order, or None where the import fails."""
    pytest.importorskip("neuron", reason="NEURON is not installed (it has no wheels for this platform)")
    with tempfile.TemporaryDirectory() as folder:
        request = Path(folder) / "request"
        request.write_bytes(pickle.dumps(([str(Path(f).resolve()) for f in files], python_object)))
        subprocess.run([sys.executable, __file__, folder], check=True, timeout=500, cwd=folder)
        results = []
        for i in range(len(files)):
            result = Path(folder) / str(i)
            results.append(pickle.loads(result.read_bytes()) if result.exists() else None)
        return results


def _imported(h, path: str, python_object: bool) -> list[dict[str, Any]]:
    reader = h.Import3d_SWC_read() if path.endswith(".swc") else h.Import3d_Neurolucida3()
    reader.quiet = 1
    reader.input(path)
    cell = type("Cell", (), {"__str__": lambda self: "cell"})() if python_object else None
    h.Import3d_GUI(reader, 0).instantiate(cell)
    sections = list(h.allsec())
    if not sections:
        raise RuntimeError("a parse error ends the reading, but raises nothing")
    for section in sections:
        section.Ra, section.cm = RA, CM
        section.nseg = 1 + 2 * int(section.L / 40)
    h.finitialize()
    return [_described(h, section) for section in sections]


def _described(h, section) -> dict[str, Any]:
    points = [
        (section.x3d(i), section.y3d(i), section.z3d(i), section.diam3d(i)) for i in range(section.n3d())
    ]
    segment = section.parentseg()
    places = [s.x for s in section] + [1.0]
    anchor = [h.ref(0.0) for _ in range(3)]
    has_anchor = h.pt3dstyle(sec=section) and h.pt3dstyle(1, *anchor, sec=section)
    return {
        "name": section.name().rpartition("cell.")[2],
        "parent": segment.sec.name().rpartition("cell.")[2] if segment else None,
        "parent_x": segment.x if segment else None,
        "child_end": section.orientation(),
        "points": points,
        "anchor": [x[0] for x in anchor] if has_anchor else None,
        "arc": [section.arc3d(i) for i in range(section.n3d())],
        "L": section.L,
        "nseg": section.nseg,
        "area": [s.area() for s in section],
        "diam": [s.diam for s in section],
        "ri": [section(x).ri() for x in places],
        "lambda_f": h.lambda_f(100.0, sec=section) if all(p[3] > 0 for p in points) else None,
        "a": [h.fmatrix(x, 1, sec=section) for x in places],
        "b": [h.fmatrix(x, 3, sec=section) for x in places],
    }


def _main(folder: Path) -> None:
    from neuron import h

    files, python_object = pickle.loads((folder / "request").read_bytes())
    h.load_file("stdlib.hoc")
    h.load_file("import3d.hoc")
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    for i, path in enumerate(files):
        child = os.fork()
        if child == 0:
            code = 1
            signal.alarm(60)  # a parse error can make NEURON read the end of the file for ever
            try:
                result = pickle.dumps(_imported(h, path, python_object))
                (folder / str(i)).write_bytes(result)
                code = 0
            finally:
                os._exit(code)
        os.waitpid(child, 0)


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
