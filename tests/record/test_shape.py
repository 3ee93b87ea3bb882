"""Shapes: lengths and places are those of the model, and colours belong to the right segments."""

import numpy as np
import pytest

from heliox.errors import ModelError
from heliox.frontend.build import Cell, Network
from heliox.model.names import Names
from heliox.record.shape import Shape
from heliox.simulation import Simulation
from tests.model.sample import sample_model
from tests.record.ring import ring


def lengths(shape):
    return np.linalg.norm(shape.lines[:, 1, :3] - shape.lines[:, 0, :3], axis=1)


def tree(seed, sections=30):
    """A random cell without points; branches begin at the ends of others."""
    rng = np.random.default_rng(seed)
    cell = Cell()
    cell.add_section("soma", 20.0, 20.0)
    for k in range(sections):
        to = "soma(0.5)" if k == 0 or rng.random() < 0.2 else f"dend[{rng.integers(k)}](1)"
        cell.add_section(
            f"dend[{k}]", rng.uniform(10, 200), rng.uniform(0.3, 3), int(rng.integers(1, 6)), connect=to
        )
    return cell.model()


@pytest.mark.parametrize("seed", range(5))
def test_cables_are_as_long_and_thick_as_they_are(seed):
    model = tree(seed)
    shape = Shape.of(model)
    of = model.nodes.section[shape.node]
    assert sorted(shape.node) == sorted(model.mechanism("capacitance").node)
    np.testing.assert_allclose(lengths(shape), (model.sections.L / model.sections.nseg)[of], rtol=1e-9)
    np.testing.assert_array_equal(shape.lines[:, 0, 3], model.nodes.diam[shape.node])


@pytest.mark.parametrize("seed", range(5))
def test_segments_hang_together(seed):
    """Each begins where its parent ends; zero-area ends have no length."""
    model = tree(seed)
    shape = Shape.of(model)
    piece = {int(node): k for k, node in enumerate(shape.node)}
    for k, node in enumerate(shape.node.tolist()):
        up = int(model.nodes.parent[node])
        while up >= 0 and up not in piece:
            up = int(model.nodes.parent[up])
        if up >= 0 and model.sections.name[model.nodes.section[up]] != "soma":
            np.testing.assert_allclose(shape.lines[k, 0, :3], shape.lines[piece[up], 1, :3], atol=1e-9)


@pytest.mark.parametrize("seed", range(10))
def test_branches_do_not_cross(seed):
    model = tree(seed)
    shape = Shape.of(model)
    dendritic = model.nodes.section[shape.node] > 0
    start, end = (shape.lines[dendritic, k, :2] for k in (0, 1))

    def side(a, b, p):
        return (b[0] - a[0]) * (p[..., 1] - a[1]) - (b[1] - a[1]) * (p[..., 0] - a[0])

    for a, b in zip(start, end):
        apart = side(a, b, start) * side(a, b, end) < -1e-6
        for k in np.flatnonzero(apart):
            assert side(start[k], end[k], a) * side(start[k], end[k], b) > -1e-6


def test_a_section_that_is_attached_backwards():
    """Cell[0].dend[1] hangs with its 1 end in the middle of dend[0]: x = 0.75 is nearest."""
    model = sample_model()
    shape, names = Shape.of(model), Names(model)
    near, far = (
        int(np.flatnonzero(shape.node == names.node(f"Cell[0].dend[1]({x})"))[0]) for x in (0.75, 0.25)
    )
    middle = np.flatnonzero(shape.node == names.node("Cell[0].dend[0](0.5)"))[0]
    np.testing.assert_allclose(shape.lines[near, 0, :3], shape.lines[middle, :, :3].mean(axis=0), atol=1e-9)
    np.testing.assert_allclose(shape.lines[far, 0, :3], shape.lines[near, 1, :3], atol=1e-9)


POINTS = np.array([[0, 0, 0, 2], [30, 0, 0, 2], [30, 40, 0, 4], [30, 40, 20, 4]], float)  # 90 um


def crooked():
    cell = Cell()
    cell.add_section("soma", points=np.array([[-10, 0, 0, 20], [10, 0, 0, 20]]))
    cell.add_section("dend", points=POINTS, nseg=3, connect="soma(1)")
    cell.add_section("stub", L=50.0, diam=1.0, connect="dend(0.5)")
    return cell


def test_along_points():
    """Three segments of 30 um along a path with two corners; what has no points starts on it."""
    cell = crooked()
    model = cell.model()
    shape, names = Shape.of(model, cell), Names(model)
    own = [shape.lines[shape.node == names.node(f"dend({x})")] for x in (1 / 6, 0.5, 5 / 6)]
    assert [len(lines) for lines in own] == [1, 1, 2]
    between = np.array([30, 30, 0, 3.5])
    np.testing.assert_allclose(own[0][0], POINTS[:2])
    np.testing.assert_allclose(own[1][0], np.stack([POINTS[1], between]))
    np.testing.assert_allclose(own[2], np.stack([[between, POINTS[2]], POINTS[2:]]))
    stub = shape.lines[shape.node == names.node("stub(0.5)")][0]
    np.testing.assert_allclose(stub[0, :3], [30, 15, 0])
    assert np.linalg.norm(stub[1, :3] - stub[0, :3]) == pytest.approx(50.0)
    np.testing.assert_array_equal(
        shape.lines, Shape.of(model, {"soma": cell["soma"][0].points, "dend": POINTS}).lines
    )


def test_cells_of_a_network_stand_apart():
    net = Network()
    net.add(crooked(), copies=5)
    model = net.model()
    for points in (None, crooked()):
        shape = Shape.of(model, points)
        cell = model.sections.cell[model.nodes.section[shape.node]]
        boxes = [
            (at.min(axis=(0, 1)), at.max(axis=(0, 1)))
            for at in (shape.lines[cell == k, :, :2] for k in range(5))
        ]
        for k, (low, high) in enumerate(boxes):
            for other_low, other_high in boxes[:k]:
                assert (low > other_high).any() or (high < other_low).any()
            np.testing.assert_allclose(high - low, boxes[0][1] - boxes[0][0], atol=1e-9)


def test_cells_whose_places_are_known_stay_there():
    net = Network()
    net.add(crooked(), copies=2)
    model = net.model()
    points = {f"Cell[{k}].dend": POINTS + [200.0 * k, 0, 0, 0] for k in range(2)}
    shape = Shape.of(model, points)
    for k in range(2):
        first = shape.node == Names(model).node(f"Cell[{k}].dend(0.1)")
        np.testing.assert_allclose(shape.lines[first][0, 0, :3], [200.0 * k, 0, 0])


def test_points_that_are_none():
    model = crooked().model()
    for points, words in [
        ({"dend": np.zeros((3, 3))}, "points of dend have the shape"),
        ({"dend": POINTS[:1]}, "at least two"),
        ({"dend": POINTS * np.nan}, "finite"),
        ({"dnd": POINTS}, "did you mean 'dend'"),
        (3, "by their names"),
    ]:
        with pytest.raises(ModelError, match=words):
            Shape.of(model, points)


# --- colours


@pytest.fixture(scope="module")
def sim():
    return Simulation(ring(), batch=2, progress=False)


def at(sim, shape, place):
    return shape.values[np.flatnonzero(shape.node == Names(sim.model).node(place))[0]]


def test_a_variable_as_colour(sim):
    sim.var("v", where="Cell[1].dend")[...] = [[-70.0, -60.0, -50.0], [-40.0, -30.0, -20.0]]
    shape = sim.shape("v", member=1)
    assert (shape.name, shape.unit) == ("v", "mV") and np.isfinite(shape.values).all()
    assert [at(sim, shape, f"Cell[1].dend({x})") for x in (0.1, 0.5, 0.9)] == [-40.0, -30.0, -20.0]
    assert at(sim, shape, "Cell[0].soma(0.5)") == -65.0
    assert at(sim, sim.shape("v"), "Cell[1].dend(0.5)") == -60.0
    channel = sim.shape("hh.gnabar")
    assert (channel.name, channel.unit) == ("hh.gnabar", "S/cm2")
    assert at(sim, channel, "Cell[2].soma(0.5)") == 0.12 and np.isnan(at(sim, channel, "Cell[2].dend(0.5)"))
    handle = sim.shape(sim.var("v", where="Cell[1]"), member=1)
    assert at(sim, handle, "Cell[1].dend(0.5)") == -30.0 and np.isnan(at(sim, handle, "Cell[0].dend(0.5)"))
    assert np.isnan(at(sim, sim.shape("v", where="Cell[1]"), "Cell[0].dend(0.5)"))


def test_numbers_as_colour(sim):
    shape = sim.shape({"dend": 1.0, "Cell[1].*": 2.0, "Cell[1].dend(0.5)": 3.0})
    places = ("Cell[0].dend(0.1)", "Cell[1].soma(0.5)", "Cell[1].dend(0.1)", "Cell[1].dend(0.5)")
    assert [at(sim, shape, place) for place in places] == [1.0, 2.0, 2.0, 3.0]
    assert np.isnan(at(sim, shape, "Cell[0].soma(0.5)"))
    numbers = np.arange(len(sim.model.nodes))
    np.testing.assert_array_equal(sim.shape(numbers).values, sim.shape().node)
    assert sim.shape().values.size == 0


def test_what_is_no_colour(sim):
    for colour, words in [
        ("ExpSyn.tau", "several ExpSyn in one segment"),
        ("celsius", "no variable of segments"),
        ("NetStim.interval", "no variable of segments"),
        (np.zeros(3), "one for each node"),
        ({"axon": 1.0}, "axon"),
        ("hh.gnabr", "gnabar"),
    ]:
        with pytest.raises(ModelError, match=words):
            sim.shape(colour)
