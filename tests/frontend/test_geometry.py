"""Area, resistance, diameter and length constants of sections are NEURON's, to the last bit.

Measured on all files of shared/morphologies, l5pc and hpc: largest difference 0 in area, ri, diam, L, arc
lengths, lambda_f, a and b.
"""

import csv
import math

import numpy as np
import pytest

from heliox.errors import ModelError
from heliox.frontend import geometry
from heliox.frontend.morphology import Morphology, read
from tests.frontend.import3d_reference import CM, RA, reference

TAPER = np.array([[0, 0, 0, 2], [3, 4, 0, 1], [3, 4, 12, 0.5], [3, 4, 12, 0.75], [30, 4, 12, 3]], np.float32)

ZERO_DIAMETER = TAPER * np.array([1, 1, 1, 0], np.float32)


def segments_of(morphology: Morphology, nsegs: list[int]) -> list[geometry.Segments]:
    return [geometry.from_points(s.points, nseg, RA) for s, nseg in zip(morphology, nsegs)]


def couplings(morphology: Morphology, segments: list[geometry.Segments]) -> list[tuple]:
    nsegs = [s.nseg for s in segments]
    places = geometry.attachment(
        [s.parent for s in morphology], [s.parent_x for s in morphology], nsegs
    )  # fmt: skip
    result = []
    for own, (k, node) in zip(segments, places):
        first = geometry.ZERO_AREA if node < 0 else segments[k].node_area[node]
        result.append(geometry.coupling(own.rinv, own.node_area, np.concatenate(([first], own.area))))
    return result


def real_files(shared) -> list:
    files = [*sorted((shared / "morphologies").glob("*.swc")), shared / "morphologies" / "stellate.asc"]
    return [*files, shared / "l5pc" / "cell1.asc", *sorted((shared / "hpc").glob("*.asc"))]


def test_geometry_of_real_cells(shared):
    files = real_files(shared)
    read_by_neuron = 0
    for path, sections in zip(files, reference(files)):
        if sections is None:
            continue
        read_by_neuron += 1
        morphology = read(path)
        segments = segments_of(morphology, [geometry.nseg_from_length(s.L) for s in morphology])
        ab = couplings(morphology, segments)
        for section, own, (a, b), theirs in zip(morphology, segments, ab, sections):
            assert own.nseg == theirs["nseg"]
            assert own.L == theirs["L"]
            assert np.array_equal(geometry.arc_lengths(section.points), theirs["arc"])
            assert np.array_equal(own.area, theirs["area"])
            assert np.array_equal(own.ri, theirs["ri"])
            # NEURON keeps a diameter that moves by less than 1e-9 um
            assert np.abs(own.diam - theirs["diam"]).max() <= 1e-9
            assert geometry.lambda_f(section.points, Ra=RA, cm=CM) == theirs["lambda_f"]
            assert np.array_equal(a, theirs["a"])
            assert np.array_equal(b, theirs["b"])
    assert read_by_neuron == 17


@pytest.mark.parametrize("folder", ["l5pc", "hpc"])
def test_stored_segments(shared, folder):
    """The reference models' tables, which NEURON gave with the published scripts: equal, to the last bit."""
    (path,) = (shared / folder).glob("*.asc")
    morphology = read(path)
    segments: dict[str, list[dict[str, str]]] = {}
    for row in rows(shared / folder / "segments.csv"):
        if row["kind"] != "root":
            segments.setdefault(row["section"], []).append(row)
    for row in rows(shared / folder / "sections.csv"):
        if row["region"] == "axon":
            continue  # the models replace the axon
        points = morphology[row["section"]].points
        own = geometry.from_points(points, int(row["nseg"]), float(row["Ra_ohm_cm"]))
        stored = segments[row["section"]]
        assert own.L == float(row["L_um"])
        assert own.area.tolist() == [float(s["area_um2"]) for s in stored[:-1]]
        assert own.ri.tolist() == [float(s["ri_MOhm"]) for s in stored]


def rows(path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("nseg", [1, 2, 3, 5, 50, 301])
def test_geometry_of_points(h, nseg):
    section = h.Section(name="s")
    for point in TAPER.tolist():
        section.pt3dadd(*point)
    section.Ra, section.nseg = RA, nseg
    own = geometry.from_points(TAPER, nseg, RA)
    assert own.L == section.L
    assert own.area.tolist() == [s.area() for s in section]
    assert own.ri.tolist() == [s.ri() for s in section] + [section(1).ri()]
    assert np.abs(own.diam - [s.diam for s in section]).max() <= 1e-9


@pytest.mark.parametrize("nseg", [1, 2, 3, 7])
def test_geometry_of_cylinders(h, nseg):
    section = h.Section(name="s")
    section.L, section.diam, section.Ra, section.cm, section.nseg = 217.3, 3.3, RA, CM, nseg
    for i, segment in enumerate(section):
        segment.diam = 1.7 + i / 3
    diams = [s.diam for s in section]
    own = geometry.from_cylinder(section.L, diams, nseg, RA)
    assert own.L == section.L
    assert own.area.tolist() == [s.area() for s in section]
    assert own.ri.tolist() == [s.ri() for s in section] + [section(1).ri()]
    assert own.diam.tolist() == diams
    h.load_file("stdlib.hoc")
    for frequency in (50.0, 100.0):
        theirs = h.lambda_f(frequency, sec=section)
        diam = section(0.5).diam
        assert geometry.lambda_f(diam=diam, Ra=RA, cm=CM, frequency=frequency) == theirs


def test_rallbranch(h):
    parent, child = h.Section(name="p"), h.Section(name="c")
    child.connect(parent(1))
    for section in (parent, child):
        section.L, section.diam, section.Ra, section.nseg = 50, 2, RA, 3
    child.rallbranch = 3
    h.finitialize()
    own = geometry.from_cylinder(50, 2, 3, RA)
    rall = np.array([3.0, 1, 1, 1])
    a, b = geometry.coupling(own.rinv, own.node_area, np.concatenate(([100.0], own.area)), rall)
    places = [s.x for s in child] + [1.0]
    assert a.tolist() == [h.fmatrix(x, 1, sec=child) for x in places]
    assert b.tolist() == [h.fmatrix(x, 3, sec=child) for x in places]


def test_attachment_at_the_ends_of_a_parent(h):
    parents, places, nsegs = [-1, 0, 1, 2, 0, 1], [-1, 0.0, 0.0, 1.0, 0.5, 0.99], [3, 5, 1, 2, 4, 5]
    expected = [(0, -1), (0, -1), (0, -1), (2, 1), (0, 1), (1, 4)]
    assert geometry.attachment(parents, places, nsegs) == expected

    sections = [h.Section(name=f"s{i}") for i in range(len(parents))]
    for section, parent, x, nseg in zip(sections, parents, places, nsegs):
        section.nseg = nseg
        if parent >= 0:
            section.connect(sections[parent](x))
    h.finitialize()
    for section, (k, node) in zip(sections, expected):
        true_parent = section.trueparentseg()
        if node < 0:
            assert true_parent is None
        else:
            assert true_parent.sec == sections[k]
            at_end = true_parent.x == 1.0
            assert node == (nsegs[k] if at_end else int(nsegs[k] * true_parent.x))


def test_frusta_against_theory():
    """One frustum: area and resistance have closed forms."""
    points = np.array([[0, 0, 0, 4], [10, 0, 0, 2]], np.float32)
    own = geometry.from_points(points, 1, 100.0)
    assert own.area[0] == pytest.approx(math.pi * (2 + 1) * math.hypot(10, 1), rel=1e-14)
    assert own.ri.sum() == pytest.approx(0.01 * 100 * 4 * 10 / (math.pi * 4 * 2), rel=1e-14)
    assert own.diam[0] == pytest.approx(3.0, rel=1e-15)


@pytest.mark.parametrize("nseg", [1, 4, 33])
def test_area_does_not_depend_on_nseg(nseg):
    whole = geometry.from_points(TAPER, 1, RA)
    parts = geometry.from_points(TAPER, nseg, RA)
    assert parts.area.sum() == pytest.approx(whole.area.sum(), rel=1e-13)
    assert parts.ri.sum() == pytest.approx(whole.ri.sum(), rel=1e-13)


def test_nseg_rules(h):
    h.load_file("stdlib.hoc")
    section = h.Section(name="s")
    section.Ra, section.cm = 150, 2
    for length in [1.0, 39.99, 40.0, 120.0, 333.3, 4000.0]:
        section.L, section.diam = length, 0.8
        constant = geometry.lambda_f(diam=0.8, Ra=150, cm=2)
        for d_lambda, margin in [(0.1, 0.9), (0.05, 0.999)]:
            h(f"nseg = int((L/({d_lambda}*lambda_f(100))+{margin})/2)*2 + 1")
            own = geometry.nseg_from_lambda(length, constant, d_lambda, margin)
            assert own == section.nseg
            assert own % 2 == 1
        assert geometry.nseg_from_length(length) == 1 + 2 * int(length / 40)


def test_no_capacitance_has_an_endless_length_constant(h):
    h.load_file("stdlib.hoc")
    section = h.Section(name="s")
    section.cm = 0
    assert geometry.lambda_f(diam=1.0, Ra=100, cm=0.0) == h.lambda_f(100, sec=section) == 1e10


@pytest.mark.parametrize(
    "call",
    [
        lambda: geometry.from_points(TAPER, 0, RA),
        lambda: geometry.from_points(TAPER, 2.0, RA),  # type: ignore[arg-type]
        lambda: geometry.from_points(TAPER, True, RA),
        lambda: geometry.from_points(TAPER, 40000, RA),
        lambda: geometry.from_points(TAPER, 1, 0.0),
        lambda: geometry.from_points(TAPER, 1, math.nan),
        lambda: geometry.from_points(TAPER[:1], 1, RA),
        lambda: geometry.from_points(TAPER[:, :3], 1, RA),
        lambda: geometry.from_points(np.repeat(TAPER[:1], 3, axis=0), 1, RA),
        lambda: geometry.from_points(ZERO_DIAMETER, 1, RA),
        lambda: geometry.from_points(np.full((2, 4), np.inf, np.float32), 1, RA),
        lambda: geometry.from_cylinder(0.0, 1.0, 1, RA),
        lambda: geometry.from_cylinder(10.0, [1.0, -1.0], 2, RA),
        lambda: geometry.from_cylinder(10.0, [1.0, 1.0], 3, RA),
        lambda: geometry.lambda_f(Ra=100, cm=1),
        lambda: geometry.lambda_f(diam=-1.0, Ra=100, cm=1),
        lambda: geometry.lambda_f(ZERO_DIAMETER, Ra=100, cm=1),
        lambda: geometry.nseg_from_lambda(1e9, 1.0),
        lambda: geometry.nseg_from_length(math.nan),
        lambda: geometry.nseg_from_length(-100.0),
    ],
)
def test_illegal_geometry(call):
    with pytest.raises(ModelError):
        call()
