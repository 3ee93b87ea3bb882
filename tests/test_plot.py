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


def test_what_cannot_be_drawn():
    with pytest.raises(HelioXError, match="do not fit t"):
        plot.traces((T, np.zeros(10)))
    with pytest.raises(HelioXError, match="no recording"):
        plot.traces(3.0)
    with pytest.raises(HelioXError, match="holds no spikes"):
        plot.raster(3.0)
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


@pytest.mark.parametrize("ending", ["png", "pdf", "svg"])
def test_overview(tmp_path, ending):
    path = tmp_path / f"page.{ending}"
    line = np.array([[0.0, 0.0, 0.0, 2.0], [10.0, 0.0, 5.0, 4.0]])
    plot.overview(
        path, lines=[line], recording=recording(T, ["soma(0.5).v"]), spikes=([1.0], [0]), names=["cell 0"],
        titles=("shape", "traces", "spikes"), heading="a page",
    )  # fmt: skip
    assert path.stat().st_size > 1000
