"""Morphology files give the sections that NEURON's Import3d makes of them, and bad ones an error with a line.

Measured against NEURON 9.0.2 on all real files and on random ones: names, parents, places, numbers of points
and the points themselves equal, to the last bit, on both of NEURON's ways to create sections.
"""

import csv
import random
import re
import time
import tracemalloc
from collections import Counter
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest

from heliox.errors import ModelError
from heliox.frontend import geometry, neurolucida
from heliox.frontend.morphology import Morphology, read
from heliox.frontend.reading import to_single
from tests.frontend import random_morphologies
from tests.frontend.import3d_reference import reference

REFUSED = {"flywire_t4_720575940626407426.swc", "tiny_multiple_roots.swc"}
CONTOUR = "(0 0 0) (4 0 0) (5 3 0) (2 6 0) (-1 3 0)"


def real_files(shared) -> list[Path]:
    files = [*sorted((shared / "morphologies").glob("*.swc")), shared / "morphologies" / "stellate.asc"]
    return [*files, shared / "l5pc" / "cell1.asc", *sorted((shared / "hpc").glob("*.asc"))]


def assert_same(morphology: Morphology, theirs: list[dict]) -> None:
    assert [s.name for s in morphology] == [t["name"] for t in theirs]
    for section, t in zip(morphology, theirs):
        parent = morphology.sections[section.parent].name if section.parent >= 0 else None
        assert (section.name, parent) == (t["name"], t["parent"])
        if parent is not None:
            assert (section.parent_x, section.child_end) == (t["parent_x"], t["child_end"])
        assert section.points.dtype == np.float32
        assert section.points.tolist() == [list(p) for p in t["points"]]
        assert section.L == t["L"]
        assert (section.anchor is None) == (t["anchor"] is None)
        if section.anchor is not None:
            assert section.anchor.tolist() == t["anchor"]


@pytest.mark.parametrize("python_object", [False, True])
def test_real_files_as_neuron_reads_them(shared, python_object):
    files = real_files(shared)
    for path, theirs in zip(files, reference(files, python_object)):
        assert (theirs is None) == (path.name in REFUSED)
        if theirs is not None:
            assert_same(read(path, digits=None if python_object else 8), theirs)


@pytest.mark.parametrize("python_object", [False, True])
@pytest.mark.parametrize("ending", ["swc", "asc"])
def test_random_files_as_neuron_reads_them(tmp_path, ending, python_object):
    write = random_morphologies.swc if ending == "swc" else random_morphologies.neurolucida
    r = random.Random(f"{ending} {python_object}")
    files = [tmp_path / f"{i}.{ending}" for i in range(150)]
    for path in files:
        path.write_text(write(r))
    compared = 0
    for path, theirs in zip(files, reference(files, python_object)):
        try:
            morphology = read(path, digits=None if python_object else 8)
        except ModelError as e:
            # NEURON takes the first for a section of NaN diameter, and cannot go on with the others
            assert re.search("has no length|no soma contour and no tree", str(e)) or theirs is None
            continue
        assert theirs is not None
        assert_same(morphology, theirs)
        compared += 1
    assert compared > 120


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_stored_tables(shared):
    folder = shared / "morphologies"
    files = {path.name: path for path in real_files(shared)}
    for name, group in groupby(rows(folder / "sections.csv"), key=lambda row: row["file"]):
        morphology = read(files[name], digits=None)  # the tables were made in Python objects
        for section, row in zip(morphology, list(group), strict=True):
            parent = morphology.sections[section.parent].name if section.parent >= 0 else ""
            assert (section.name, parent, len(section.points)) == (
                row["section"], row["parent"], int(row["n3d"])
            )  # fmt: skip
            if parent:
                assert section.parent_x == float(row["parent_x"])
            segments = geometry.from_points(section.points, int(row["nseg"]), 100.0)
            assert segments.L == pytest.approx(float(row["L_um"]), rel=1e-12)
            assert segments.area.sum() == pytest.approx(float(row["area_um2"]), rel=1e-12)
            middle = segments.diam[segments.nseg // 2]
            assert middle == pytest.approx(float(row["diam_mid_um"]), rel=1e-12, abs=1e-9)
    for row in rows(folder / "summary.csv"):
        if row["status"] != "ok":
            continue
        morphology = read(files[row["file"]], digits=None)
        counts = Counter(section.region for section in morphology)
        for region in ("soma", "axon", "dend", "apic"):
            assert counts.pop(region, 0) == int(row[region])
        assert counts.total() == int(row["other"])
        assert len(morphology.roots) == int(row["roots"])
        assert sum(len(s.points) for s in morphology) == int(row["points"])
        assert sum(s.L for s in morphology) == pytest.approx(float(row["total_length_um"]), rel=1e-12)


@pytest.mark.parametrize("folder", ["l5pc", "hpc"])
def test_stored_points(shared, folder):
    (path,) = (shared / folder).glob("*.asc")
    morphology = read(path)
    names = [row["section"] for row in rows(shared / folder / "sections.csv")]
    points: dict[str, list[list[str]]] = {}
    for row in rows(shared / folder / "points.csv"):
        numbers = [row[k] for k in ("x_um", "y_um", "z_um", "diam_um")]
        points.setdefault(names[int(row["section_index"])], []).append(numbers)
    assert len(points) > 190  # all but the axon, which the models replace
    for name, stored in points.items():
        assert np.array_equal(morphology[name].points, np.array(stored, dtype=np.float64).astype(np.float32))


def test_reading_is_fast(shared):
    path = shared / "morphologies" / "ca1_n120.swc"
    times = []
    for _ in range(5):
        begin = time.perf_counter()
        read(path)
        times.append(time.perf_counter() - begin)
    assert min(times) < 0.2  # measured: 0.04 s


def test_damaged_files_give_an_error_or_sections(shared, tmp_path):
    """2,000 damaged files: nothing but ModelError, and never a section that cannot be integrated."""
    r = random.Random(20)
    whole = [p.read_bytes() for p in real_files(shared) if p.stat().st_size < 120_000]
    whole += [random_morphologies.neurolucida(r).encode() for _ in range(len(whole))]
    whole.append((shared / "morphologies" / "stellate.asc").read_bytes())
    outcome: Counter[str] = Counter()
    longest = 0.0
    for i in range(2000):
        path = tmp_path / ("cell" + r.choice([".swc", ".asc", ".txt"]))
        path.write_bytes(random_morphologies.damaged(r, r.choice(whole)))
        begin = time.perf_counter()
        try:
            morphology = read(path)
        except ModelError as e:
            assert e.fields["path"] == str(path)
            outcome["with line" if "line" in e.fields else "without line"] += 1
        else:
            outcome["read"] += 1
            for section in morphology:
                assert -1 <= section.parent < len(morphology)
                if i % 10 == 0:
                    assert np.isfinite(geometry.from_points(section.points, 3, 100.0).rinv).all()
        longest = max(longest, time.perf_counter() - begin)
    assert longest < 5.0  # measured: 0.2 s
    assert outcome["read"] > 300
    assert outcome["with line"] > 600


def written(tmp_path, text: str | bytes, name: str = "cell.swc") -> Path:
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (
            "1 1 0 0 0 1 -1\n2 1 1 0 0 1 1\n3 1 2 0 0 1 5\n4 1 3 0 0 1 3\n5 1 4 0 0 1 4\n",
            3,
            "3 -> 5 -> 4 -> 3",
        ),
        ("1 1 0 0 0 1 -1\n2 1 1 0 0 1 2\n", 2, "in a circle: 2 -> 2"),
        ("1 1 0 0 0 1 2\n2 1 1 0 0 1 1\n", 1, "in a circle"),
        ("# x\n1 1 0 0 0 1 -1\n\n2 1 1 0 0 1 7\n", 4, "no such point"),
        ("3 1 0 0 0 1 2\n4 1 1 0 0 1 3\n", 1, "no such point"),
        ("1 1 0 0 0 1 -1\n2 3 1 0 0 1 1\n2 3 2 0 0 1 1\n", 3, "already used in line 2"),
        ("1 1 0 0 0 1 -1\n2 3 1 0 0 1 3\n3 3 2 0 0 1 1\n", 2, "comes later (1 such points)"),
        ("1 1 0 0 0 1 -1\n3 3 1 0 0 1 1\n2 3 2 0 0 1 1\n", 3, "must ascend"),
        ("1 1 0 0 0 1 -1\n2 1 1 0 0 1 1\n3 1 5 0 0 1 -1\n", 3, "2 roots"),
        ("1 1 0 0 0 1 -1\n2 1 nan 0 0 1 1\n", 2, "seven numbers"),
        ("1 1 0 0 0 1 -1\n2 1 inf 0 0 1 1\n", 2, "seven numbers"),
        ("1 1 0 0 0 1 -1\n2 1 1e39 0 0 1 1\n", 2, "single precision"),
        ("1 1 0 0 0 1 -1\n2 1 1e999 0 0 1 1\n", 2, "single precision"),
        ("1 1 0 0 0 1 -1\n2 1 3e38 0 0 1 1\n3 1 -3e38 0 0 1 2\n", 1, "no finite length"),
        ("1 1 0 0 0 1 -1\n2 1 1 0 0 0 1\n", 2, "radius is 0 um"),
        ("1 1 0 0 0 1 -1\n2 1 1 0 0 -2 1\n", 2, "radius is -2 um"),
        ("1 1 0 0 0 1 -1\n2 1 1 0 0 1e-60 1\n", 2, "must be positive"),
        ("1 1 0 0 0 1 -1\n2 1 1 0 0 1\n", 2, "seven numbers"),
        ("1 1 0 0 0 1 -1\n2 1 1_0 0 0 1 1\n", 2, "seven numbers"),
        ("1 1 0 0 0 1 -1\n2 1 ١ 0 0 1 1\n", 2, "seven numbers"),
        ("1,1,0,0,0,1,-1\n", 1, "seven numbers"),
        ("1 1 0 0 0 1 -1\n2 1.5 1 0 0 1 1\n", 2, "type must be a whole number"),
        ("1 1 0 0 0 1 -1\n2.5 1 1 0 0 1 1\n", 2, "number must be a whole number"),
        ("1 1 0 0 0 1 -1\n2 1 1 0 0 1 0.5\n", 2, "parent must be a whole number"),
        ("-1 1 0 0 0 1 -1\n", 1, "must not be negative"),
        ("1 1 0 0 0 1 -1\n2 1 0 0 0 1 1\n", 1, "no length"),
        ("# only words\n", None, "no points"),
        ("", None, "empty"),
        ("  \n\n", None, "empty"),
        (b"1 1 0 0 0 1 -1\n\x00\x01", 2, "0x00"),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), 2, "no text file"),
        ("1 1 0 0 0 1 -1\n".encode("utf-16"), 1, "UTF-16"),
    ],
)
def test_bad_swc(tmp_path, text, line, words):
    path = written(tmp_path, text)
    with pytest.raises(ModelError) as raised:
        read(path)
    assert words in str(raised.value)
    assert raised.value.fields["path"] == str(path)
    assert raised.value.fields.get("line") == line


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (f'("CellBody" {CONTOUR}', 1, "found the end of the file"),
        (f'("CellBody" {CONTOUR}))', 1, "found ')'"),
        ("((Dendrite) (0 0 0 1)\n(1 0 0 1)\n(\n(2 0 0 1)\n|\n(1 1 0 1)\n)", 7, "')' expected"),
        ("((Dendrite) (0 0 0 1)\n(1 0 0 1)\n| (2 0 0 1))", 3, "')' expected"),
        ("((Dendrite) (0 0 0 1)\n(1 0 0 0))", 2, "diameter is 0 um"),
        ("((Dendrite) (0 0 0 1)\n(1 0 0 -1))", 2, "diameter is -1 um"),
        ("((Dendrite) (0 0 0 1)\n(1 0 0))", 2, "diameter is 0 um"),
        ("((Dendrite) (0 0 0 1)\n(1e999 0 0 1))", 2, "not a finite number"),
        ("((Dendrite) (0 0 0 1)\n(1e39 0 0 1))", 1, "not a finite number"),
        ("((Dendrite) (0 0 0 1)\n(nan 0 0 1))", 2, "not a finite number"),
        ("((Dendrite) (0 0 0 1)\n(0 Inf 0 1))", 2, "not a finite number"),
        ("((Dendrite) (0 0 0 1)\n(0 0 0 1))", 1, "no length"),
        ('("CellBody\n" (0 0 0))', 1, "found '\"'"),
        ("((Dendrite)\n)", 2, "'(' expected"),
        ("((Dendrite) (0 0 0 1) (1 0 0 1) (Dot (1 1 1)", 1, "')' expected"),
        ("[10,1] (0, 0, 0) 1", 1, "'(' expected"),
        ('("Sketch" (0 0 0) (1 1 1))', None, "no soma contour and no tree"),
        ('("CellBody" (0 0 0) (1 1 1))', None, "no soma contour and no tree"),
        ('("CellBody" (0 0 0) (0 0 1) (0 0 2))', 1, "no extent in x and y"),
        ('("CellBody"\n(0 0 0) (1 1 0) (2 2 0))', 1, "in no plane"),
        ("; only words\n", 1, "'(' expected"),
        ("(" * 100_000, 1, "number expected"),
        ('(set "a" ' * 100, 1, "sets within sets"),
        ('((set "a" ' * 100, 1, "cannot be read"),
    ],
)
def test_bad_neurolucida(tmp_path, text, line, words):
    path = written(tmp_path, text, "cell.asc")
    with pytest.raises(ModelError) as raised:
        read(path)
    assert words in str(raised.value)
    assert raised.value.fields["path"] == str(path)
    assert raised.value.fields.get("line") == line


def nested(depth: int) -> str:
    opening = "".join(f"({x + 1} 0 0 1) (" for x in range(depth))
    return f"((Dendrite) (0 0 0 1) {opening}({depth + 1} 0 0 1)" + ")" * (depth + 1)


def test_deep_nesting(tmp_path):
    sections = read(written(tmp_path, nested(3000), "cell.asc")).sections
    assert len(sections) == 3001
    assert sections[-1].parent == 2999
    with pytest.raises(ModelError, match="splits within splits"):
        read(written(tmp_path, nested(neurolucida.MAX_BRANCHING + 1), "cell.asc"))


def test_large_numbers_cost_no_memory(tmp_path):
    root = 10**15
    text = f"{root} 1 0 0 0 1 -1\n{root + 1} 1000000007 1 0 0 1 {root}\n{root + 2} -77 2 0 0 1 {root}\n"
    path = written(tmp_path, text)
    tracemalloc.start()
    try:
        morphology = read(path)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
    assert [s.name for s in morphology] == ["minus_77[0]", "soma[0]", "dend_1000000007[0]"]


def test_missing_file_and_folder(tmp_path):
    for path in (tmp_path / "none.swc", tmp_path, "a\0b"):
        with pytest.raises(ModelError, match="cannot be read"):
            read(path)


def test_encodings_and_line_ends(tmp_path):
    lines = ["# caf\u00e9 \u2028 \u00b5m", "1 1 0 0 0 1 -1", "2 1 3 0 0 1 1 and more"]
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "latin-1"):
        for end in ("\n", "\r\n", "\r"):
            text = (
                end.join(lines).replace("\u2028", "?" if encoding == "latin-1" else "\u2028").encode(encoding)
            )
            path = written(tmp_path, text)
            if encoding == "utf-16":
                with pytest.raises(ModelError, match="UTF-16"):
                    read(path)
            else:
                assert read(path)["soma[0]"].points[:, 0].tolist() == [0.0, 3.0]


def test_format_comes_from_the_content(tmp_path):
    assert read(written(tmp_path, "1 1 0 0 0 1 -1\n", "cell.asc")).format == "SWC"
    assert read(written(tmp_path, nested(1), "cell.swc")).format == "Neurolucida"
    with pytest.raises(ModelError, match="neither SWC nor Neurolucida"):
        read(written(tmp_path, "\n<xml>", "cell.xml"))


def test_root_with_parent_zero(tmp_path):
    """NEURON takes the first point for the root if point 0 does not exist."""
    assert len(read(written(tmp_path, "1 1 0 0 0 1 0\n2 1 1 0 0 1 1\n"))) == 1


def test_notes_tell_what_the_file_does_not_say(tmp_path):
    soma = f'("CellBody" {CONTOUR})\n'
    away = read(written(tmp_path, soma + "((Axon) (50 50 0 1) (60 50 0 1))", "cell.asc"))
    assert away["axon[0]"].parent_x == 0.5
    assert away.notes == ("line 2: a tree begins outside of the somas: attached to the nearest",)
    point = read(
        written(tmp_path, soma + "((Axon) (2 2 0 1) ( (3 3 0 1) (4 4 0 1) | (5 5 0 1)))", "cell.asc")
    )
    assert [s.name for s in point] == ["soma[0]", "axon[0]", "axon[1]"]
    assert [s.parent for s in point] == [-1, 0, 0]
    assert len(point.notes) == 1
    # the branches of point 3 do not follow it at once
    text = "1 1 0 0 0 1 -1\n2 1 1 0 0 1 1\n3 3 2 0 0 1 2\n4 4 1 1 0 1 2\n5 3 3 0 0 1 3\n6 3 2 1 0 1 3\n"
    broken = read(written(tmp_path, text))
    assert any("and not to its parent" in note for note in broken.notes)


def test_names_and_repr(tmp_path):
    morphology = read(written(tmp_path, "1 1 0 0 0 5 -1\n2 3 5 0 0 1 1\n3 3 25 0 0 1 2\n"))
    assert repr(morphology["dend[0]"]) == "MorphSection('dend[0]', 2 points, L=20 um)"
    assert "1 soma, 1 dend; 30.0 um" in repr(morphology)
    assert not morphology["soma[0]"].points.flags.writeable
    with pytest.raises(ModelError, match="did you mean 'dend\\[0\\]'"):
        morphology["dend[1]"]


def test_single_precision_is_rounded_once():
    """Through a double, a number just beside the middle of two singles would go the wrong way."""
    middle = 1.0 + 2.0**-24
    texts = [b"1.000000059604644775390625" + tail for tail in (b"", b"0000000000000001", b"1")]
    texts += [b"1.0000000596046447753906249999999999999", b"2.5", b"-1.0000001788139343261718750000000001"]
    values = np.array([float(text) for text in texts])
    assert values[0] == values[1] == values[3] == middle
    up = float(np.nextafter(np.float32(1), np.float32(2)))
    assert to_single(values, texts).tolist() == [1.0, up, up, 1.0, 2.5, -1.0000002384185791]
