"""Figures: what is drawn, units at the axes, and what cannot be drawn."""

from types import SimpleNamespace

import numpy as np
import pytest

pyplot = pytest.importorskip("matplotlib.pyplot")

from heliox import plot  # noqa: E402
from heliox.errors import HelioXError  # noqa: E402

T = np.linspace(0.0, 5.0, 11)


@pytest.fixture(autouse=True)
def closed():
    yield
    pyplot.close("all")


def recording(values, names, unit="mV"):
    return SimpleNamespace(t=T, values=np.asarray(values), names=names, unit=unit)


def labels(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_traces_of_recordings():
    one = recording(np.zeros(11), ["soma[0](0.5).v"])
    two = recording(np.ones((2, 11)), ["dend(0.1).v", "dend(0.9).v"])
    ax = plot.traces(one, two)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("t (ms)", "v (mV)")
    assert labels(ax) == ["soma[0](0.5)", "dend(0.1)", "dend(0.9)"]
    assert len({line.get_color() for line in ax.lines}) == 3


def test_traces_of_members():
    ax = plot.traces(recording(np.zeros((3, 11)), ["IClamp[0].i"], "nA"))
    assert ax.get_ylabel() == "i (nA)"
    assert labels(ax) == [f"IClamp[0].i, member {k}" for k in range(3)]
    ax = plot.traces(recording(np.zeros((2, 2, 11)), ["a(0.5).hh.m", "b(0.5).hh.m"], ""))
    assert ax.get_ylabel() == "hh.m"
    assert labels(ax) == ["a(0.5), member 0", "b(0.5), member 0", "a(0.5), member 1", "b(0.5), member 1"]


def test_traces_of_arrays():
    given = pyplot.subplots()[1]
    ax = plot.traces((T, np.zeros((2, 11))), ax=given)
    assert ax is given and ax.get_ylabel() == "v (mV)" and ax.get_legend() is None
    ax = plot.traces((T, T), names=["gate"], unit="1")
    assert ax.get_ylabel() == "v (1)" and labels(ax) == ["gate"]


def test_many_traces_have_no_legend():
    assert plot.traces(recording(np.zeros((9, 11)), [f"d{k}(0.5).v" for k in range(9)])).get_legend() is None


def test_units_are_not_mixed():
    ax = plot.traces(recording(T, ["a(0.5).v"]), recording(T, ["IClamp[0].i"], "nA"))
    assert ax.get_ylabel() == "value (unit of each)"
    assert labels(ax) == ["a(0.5).v (mV)", "IClamp[0].i (nA)"]


def test_variables_are_named_where_they_differ():
    ax = plot.traces(recording(T, ["a(0.5).hh.m"], ""), recording(T, ["a(0.5).hh.h"], ""))
    assert labels(ax) == ["a(0.5).hh.m", "a(0.5).hh.h"] and ax.get_ylabel() == "value"


def test_many_traces_have_a_scale_of_colours():
    shades = [line.get_color() for line in plot.traces((T, np.zeros((30, 11)))).lines]
    assert len(set(shades)) == 30


def test_what_cannot_be_drawn():
    with pytest.raises(HelioXError, match="do not fit t"):
        plot.traces((T, np.zeros(10)))
    with pytest.raises(HelioXError, match="no recording"):
        plot.traces(3.0)
    with pytest.raises(HelioXError, match="holds no spikes"):
        plot.raster(3.0)
    with pytest.raises(HelioXError, match="values must be an array of numbers"):
        plot.traces((T, "abc"))
    for spikes in (([1.0, 2.0], [0]), ([1.0], [-1]), ([1.0], [0.5]), (1.0, 0)):
        with pytest.raises(HelioXError, match="a time and a source"):
            plot.raster(spikes)
    with pytest.raises(HelioXError, match="line 0 must be an array of numbers"):
        plot.shape([["a"]])
    with pytest.raises(HelioXError, match="1 traces and 2 names"):
        plot.traces((T, T), names=["a", "b"])


def test_raster_of_spikes():
    spikes = SimpleNamespace(
        t=np.array([1.0, 2.0, 3.0]), index=np.array([0, 1, 1]), member=np.array([0, 0, 1]), names=("a", "b")
    )
    ax = plot.raster(spikes)
    points = ax.collections[0].get_offsets()
    np.testing.assert_array_equal(points, [[1.0, 0.0], [2.0, 1.0], [3.0, 3.0]])
    assert ax.get_xlabel() == "t (ms)"
    assert [text.get_text() for text in ax.get_yticklabels()] == [
        "a, member 0", "b, member 0", "a, member 1", "b, member 1",
    ]  # fmt: skip


def test_raster_of_arrays_and_of_nothing():
    ax = plot.raster(([1.0, 2.0], [0, 30]))
    assert ax.get_ylabel() == "source" and ax.get_ylim()[1] > 30
    ax = plot.raster(([], []))
    assert len(ax.collections[0].get_offsets()) == 0
    ax = plot.raster(([], []), names=["a"])
    assert [text.get_text() for text in ax.get_yticklabels()] == ["a"]


def test_shape_is_as_thick_as_the_cable():
    line = np.array([[0.0, 0.0, 0.0, 2.0], [10.0, 0.0, 5.0, 4.0]])
    ax = plot.shape([line, line + [0.0, 20.0, 0.0, 0.0]], colours=[0, 1], points=[(5.0, 0.0)])
    outline = ax.collections[0].get_paths()[0].vertices
    assert set(np.abs(outline[:, 1])) == {1.0, 2.0}
    assert len(np.unique(ax.collections[0].get_facecolor(), axis=0)) == 2
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("x (um)", "y (um)")


LINES = np.array(
    [[[0, 0, 0, 2], [10, 0, 5, 4]], [[10, 0, 5, 4], [10, 20, 9, 1]], [[0, 0, 0, 1], [0, -9, 0, 1]]], float
)


def bar_of(ax):
    """Label and ends of the colour bar."""
    bar = ax.figure.axes[1]
    return bar.get_ylabel(), bar.get_ylim()


def test_shape_is_coloured_by_values():
    ax = plot.shape(LINES, [1.0, 3.0, np.nan], name="v", unit="mV")
    assert bar_of(ax) == ("v (mV)", (1.0, 3.0))
    ax.figure.canvas.draw()
    faces = ax.collections[0].get_facecolor()
    assert len(np.unique(faces, axis=0)) == 3
    np.testing.assert_allclose(faces[2], (0.75, 0.75, 0.75, 1.0))
    drawn = SimpleNamespace(lines=LINES, values=np.array([5.0, 5.0, 5.0]), name="hh.gnabar", unit="S/cm2")
    label, (low, high) = bar_of(plot.shape(drawn))
    assert label == "hh.gnabar (S/cm2)" and low < 5.0 < high
    assert bar_of(plot.shape(drawn, name="g", unit="", limits=(0.0, 9.0))) == ("g", (0.0, 9.0))
    assert len(plot.shape(drawn, bar=False).figure.axes) == 1


def test_a_crooked_line_has_one_value():
    bent = [np.array([[0, 0, 0, 1], [5, 0, 0, 1], [5, 5, 0, 1]], float), LINES[0]]
    drawn = plot.shape(bent, [1.0, 2.0]).collections[0]
    assert drawn.get_array().tolist() == [1.0, 1.0, 2.0]


@pytest.mark.parametrize(("view", "spans"), [("xy", (10.0, 29.0)), ("xz", (10.0, 9.0)), ("yz", (29.0, 9.0))])
def test_shape_seen_from_elsewhere(view, spans):
    thin = LINES * [1, 1, 1, 1e-9]
    ax = plot.shape(thin, view=view, points=[(0.0, 0.0, 0.0)])
    corners = np.concatenate([path.vertices for path in ax.collections[0].get_paths()])
    np.testing.assert_allclose(np.ptp(corners, axis=0), spans, atol=1e-6)
    assert (ax.get_xlabel(), ax.get_ylabel()) == (f"{view[0]} (um)", f"{view[1]} (um)")
    assert ax.get_aspect() == 1.0


def test_shape_in_space():
    ax = plot.shape(LINES, [1.0, 2.0, 3.0], view="3d", points=[(0.0, 0.0, 0.0)])
    drawn = ax.collections[0]
    np.testing.assert_array_equal(np.array(drawn._segments3d), LINES[..., :3])
    ax.figure.canvas.draw()
    width = drawn.get_linewidths()
    assert width[0] > width[2] and (ax.get_xlabel(), ax.get_zlabel()) == ("x (um)", "z (um)")
    assert len(np.unique(drawn.get_edgecolor(), axis=0)) == 3
    for lower, upper in (ax.get_xlim(), ax.get_ylim(), ax.get_zlim()):
        assert upper - lower == pytest.approx(29.0)


def test_an_empty_shape():
    ax = plot.shape([])
    assert len(ax.collections[0].get_paths()) == 0
    assert plot.shape(np.empty((0, 2, 4)), view="3d").get_zlabel() == "z (um)"


def test_ten_thousand_segments_are_one_collection():
    rng = np.random.default_rng(0)
    ax = plot.shape(rng.normal(size=(10_000, 2, 4)) ** 2, rng.normal(size=10_000))
    ax.figure.canvas.draw()
    assert len(ax.collections) == 1 and len(ax.collections[0].get_paths()) == 10_000


def test_shapes_that_cannot_be_drawn():
    flat = pyplot.subplots()[1]
    for call, words in [
        (lambda: plot.shape(LINES, [1.0, 2.0]), r"values have the shape \(2,\) and there are 3 lines"),
        (lambda: plot.shape([np.zeros((2, 3))]), r"line 0 has the shape \(2, 3\)"),
        (lambda: plot.shape(LINES, view="top"), "legal are 'xy', 'xz', 'yz' and '3d'"),
        (lambda: plot.shape(LINES, view="3d", ax=flat), "projection='3d'"),
        (lambda: plot.shape(LINES, np.full(3, np.nan)), "no number to show"),
        (lambda: plot.shape(LINES, np.ones(3), limits=(2.0, 1.0)), "limits are 2 and 1"),
        (lambda: plot.shape(LINES, points=[1.0, 2.0]), r"points have the shape \(2,\)"),
        (lambda: plot.shape(3), "int is no shape"),
    ]:
        with pytest.raises(HelioXError, match=words):
            call()


def test_schedule_of_lanes():
    ax = plot.schedule([np.array([3, 4]), np.array([1, 2]), np.array([0])], [0, 1, 1, 2, 2])
    table = ax.collections[0].get_array()
    np.testing.assert_array_equal(table.filled(-1), [[2, 1, 0], [2, 1, -1]])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("step", "lane") and bar_of(ax)[0] == "level"
    assert ax.get_title(loc="left") == "5 nodes in 3 steps: 83 % of the lanes' time"
    plain = plot.schedule([np.array([1]), np.array([0])])
    assert len(plain.figure.axes) == 1
    with pytest.raises(HelioXError, match="there are 5 nodes"):
        plot.schedule([np.array([3, 4]), np.array([0, 1, 2])], [1.0])
    for steps in (3, [1, 2], [[0.5]], ["a"], np.zeros((2, 2))):
        with pytest.raises(HelioXError, match="a schedule is a sequence of steps"):
            plot.schedule(steps)


def test_schedule_of_a_contraction():
    steps = [SimpleNamespace(child=[-1, -1, -1, 4]), SimpleNamespace(child=[-1])]
    ax = plot.schedule(SimpleNamespace(steps=steps))
    assert [bar.get_height() for bar in ax.patches] == [3, 1, 1, 0]
    assert labels(ax) == ["rake", "compress"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("step", "nodes eliminated")


def test_nothing_to_schedule():
    assert plot.schedule([]).get_xlabel() == "step"
    assert plot.schedule(SimpleNamespace(steps=[])).get_xlabel() == "step"


@pytest.mark.parametrize("ending", ["png", "pdf", "svg"])
def test_overview(tmp_path, ending):
    path = tmp_path / f"page.{ending}"
    line = np.array([[0.0, 0.0, 0.0, 2.0], [10.0, 0.0, 5.0, 4.0]])
    plot.overview(
        path, lines=[line], recording=recording(T, ["soma(0.5).v"]), spikes=([1.0], [0]), names=["cell 0"],
        titles=("shape", "traces", "spikes"), heading="a page",
    )  # fmt: skip
    assert path.stat().st_size > 1000


HISTORY = {
    "train_loss": [2.1, 0.9, 0.5],
    "validation_loss": [2.0, 1.0, 0.7],
    "train_accuracy": [0.3, 0.8, 0.9],
    "validation_accuracy": [np.nan, np.nan, 0.85],
}


def test_learning_curves():
    figure = plot.learning(HISTORY)
    loss, accuracy = figure.axes
    assert (loss.get_ylabel(), accuracy.get_ylabel()) == ("loss", "accuracy (%)")
    assert labels(loss) == labels(accuracy) == ["train", "validation"]
    assert accuracy.lines[0].get_ydata().tolist() == [30.0, 80.0, 90.0]
    assert loss.lines[0].get_xdata().tolist() == [1, 2, 3]
    (alone,) = plot.learning(SimpleNamespace(train_loss=[1.0, 0.5], epoch=[4, 5])).axes
    assert labels(alone) == ["train"] and alone.lines[0].get_xdata().tolist() == [4, 5]
    with pytest.raises(HelioXError, match="none of train_loss"):
        plot.learning({"loss": [1.0]})
    with pytest.raises(HelioXError, match="3 epochs and epoch has 2"):
        plot.learning({**HISTORY, "epoch": [1, 2]})
    with pytest.raises(HelioXError, match="one number an epoch"):
        plot.learning({"train_loss": [[1.0]]})


def test_confusion():
    ax = plot.confusion([0, 0, 1, 2, 2, 2], [0, 1, 1, 2, 2, 0], names=["a", "b", "c"])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("predicted", "label")
    found = {text.get_position()[::-1]: text.get_text() for text in ax.texts}
    assert found == {(0, 0): "1", (0, 1): "1", (1, 1): "1", (2, 0): "1", (2, 2): "2"}
    assert ax.get_title(loc="left") == "66.67 % of 6 right"
    with pytest.raises(HelioXError, match="3 classes and 2 names"):
        plot.confusion([0, 2], [0, 1], names=["a", "b"])
    with pytest.raises(HelioXError, match="2 labels and 1 predictions"):
        plot.confusion([0, 1], [0])
    with pytest.raises(HelioXError, match="whole numbers from 0"):
        plot.confusion([0.5], [0])
