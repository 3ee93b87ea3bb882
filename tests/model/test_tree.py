"""What every model must fulfil, one broken thing at a time."""

import dataclasses

import numpy as np
import pytest

from heliox.errors import ModelError
from heliox.model.model import (
    Cells,
    Connections,
    Events,
    Mechanism,
    Model,
    Nodes,
    Sections,
    Settings,
    Sources,
)
from heliox.model.tree import check, place_of


def model():
    """Two cells: one of two sections with three segments, one of a single segment; a synapse, a stimulus."""
    nodes = Nodes(
        parent=np.array([-1, -1, 0, 2, 3, 4, 5, 1, 7]),
        section=np.array([-1, -1, 0, 0, 1, 1, 1, 2, 2]),
        x=np.array([0, 0, 0.5, 1, 0.25, 0.75, 1, 0.5, 1.0]),
        area=np.array([100, 100, 314, 100, 50, 50, 100, 314, 100.0]),
        a=-np.array([0, 0, 1, 2, 3, 4, 5, 6, 7.0]),
        b=-np.array([0, 0, 1, 2, 3, 4, 5, 6, 7.0]),
        diam=np.array([0, 0, 20, 0, 2, 2, 0, 20, 0.0]),
        v=np.full(9, -65.0),
    )
    sections = Sections(
        name=("a.soma", "a.dend", "b.soma"),
        cell=np.array([0, 0, 1]),
        parent=np.array([-1, 0, -1]),
        parent_x=np.array([0.0, 1.0, 0.0]),
        child_end=np.array([0, 0, 0]),
        nseg=np.array([1, 2, 1]),
        head=np.array([0, 3, 1]),
        L=np.array([20.0, 50.0, 20.0]),
        Ra=np.full(3, 100.0),
        rallbranch=np.ones(3),
    )
    pas = Mechanism(
        "pas",
        "density",
        np.array([2, 4, 5, 7]),
        {"g": np.full(4, 1e-4), "e": np.full(4, -65.0), "i": np.zeros(4)},
    )
    syn = Mechanism("ExpSyn", "point", np.array([4]), {"tau": np.ones(1)}, {}, np.array([0]))
    stim = Mechanism(
        "NetStim", "artificial", np.array([-1]), {"start": np.ones(1)}, {"u": 1.0}, np.array([0])
    )
    return Model(
        settings=Settings(),
        cells=Cells(("a", "b"), np.array([0, 1]), np.array([7, -1])),
        sections=sections,
        nodes=nodes,
        mechanisms=(pas, syn, stim),
        sources=Sources(
            np.array([-1, 2]),
            np.array([2, 0]),
            ("v", ""),
            np.array([10.0, 10.0]),
            np.array([7, -1]),
            np.array([False, False]),
        ),
        connections=Connections(
            source=np.array([0, 1, -1]),
            mechanism=np.array([1, 1, -1]),
            instance=np.array([0, 0, -1]),
            delay=np.array([1.0, 2.0, 1.0]),
            weight_ptr=np.array([0, 1, 3, 3]),
            weights=np.array([0.1, 0.2, 0.3]),
            active=np.array([True, True, True]),
            number=np.array([0, 4, 5]),
        ),
        events=Events(
            np.array([0.5, 1.0]),
            np.array([1, -1]),
            np.array([False, True]),
            np.array([-1, 2]),
            np.array([-1, 0]),
            np.array([0.0, 1.0]),
        ),
        definitions={},
    )


def changed(m, part, **arrays):
    """A model with some arrays of a part replaced: ``name=(index, value)``, or the whole value."""
    old = getattr(m, part)
    new = {}
    for name, change in arrays.items():
        if isinstance(change, tuple) and isinstance(getattr(old, name), np.ndarray):
            new[name] = getattr(old, name).copy()
            new[name][change[0]] = change[1]
        else:
            new[name] = change
    return m.replace(**{part: dataclasses.replace(old, **new)})


def with_mechanism(m, k, **changes):
    mechanisms = list(m.mechanisms)
    mechanisms[k] = dataclasses.replace(mechanisms[k], **changes)
    return m.replace(mechanisms=tuple(mechanisms))


def test_a_good_model_passes_and_comes_back():
    m = model()
    assert check(m) is m


def test_an_empty_model_passes():
    i, n, flag = np.empty(0, np.int32), np.empty(0), np.empty(0, bool)
    long, byte = np.empty(0, np.int64), np.empty(0, np.int8)
    m = Model(
        Settings(),
        Cells((), i, long),
        Sections((), i, i, n, byte, i, i, n, n, n),
        Nodes(i, i, n, n, n, n, n, n),
        (),
        Sources(i, i, (), n, long, flag),
        Connections(i, i, i, n, np.zeros(1, np.int64), n, flag, i),
        Events(n, i, flag, i, i, n),
        {},
    )
    check(m)


@pytest.mark.parametrize(
    ("part", "arrays", "message"),
    [
        ("settings", {"dt": 0.0}, "dt is 0 ms"),
        ("settings", {"t": float("nan")}, "t is nan"),
        ("settings", {"secondorder": 3}, "secondorder is 3"),
        ("sections", {"name": ("x", "y", "x")}, "'x' is the name of more than one section"),
        ("cells", {"name": ("x", "x")}, "'x' is the name of more than one cell"),
        ("nodes", {"parent": (4, 5)}, r"parent is 5 in a.dend\(0.25\), and must be smaller"),
        ("nodes", {"parent": (2, -1)}, "the nodes without parent"),
        ("nodes", {"parent": (2, -2)}, "-1 for a root"),
        ("nodes", {"section": (2, 3)}, "only 3"),
        ("nodes", {"v": np.zeros(3)}, r"nodes.v has 3 entries instead of 9"),
        ("nodes", {"a": (5, np.nan)}, r"a is nan in a.dend\(0.75\), and must be finite"),
        ("nodes", {"b": (5, 0.1)}, r"b is 0.1 in a.dend\(0.75\), and must be negative"),
        ("nodes", {"area": (0, 0.0)}, "area is 0 in the root node of a.soma, and must be positive"),
        ("nodes", {"area": ([4, 5], -1.0)}, r"area is -1 in a.dend\(0.25\) \(and 1 more\)"),
        ("nodes", {"v": (7, np.inf)}, r"v is inf in b.soma\(0.5\)"),
        ("sections", {"parent": (1, 3)}, "only 3"),
        ("sections", {"head": (1, 9)}, "only 9"),
        ("sections", {"cell": (1, -1)}, "sections.cell"),
        ("sections", {"Ra": (1, np.nan)}, "Ra is nan in a.dend"),
        ("sources", {"index": (0, 9)}, "instance 9 of the nodes, which has 9"),
        ("sources", {"index": (1, 1)}, "instance 1 of NetStim, which has 1"),
        ("sources", {"mechanism": (0, 3)}, "only 3"),
        ("sources", {"variable": ("v", "q")}, "watches 'q', which NetStim does not have"),
        ("sources", {"threshold": (0, np.nan)}, "threshold"),
        ("sources", {"gid": (1, 7)}, "gid belongs to more than one source"),
        ("connections", {"source": (0, 2)}, "only 2"),
        ("connections", {"instance": (0, 1)}, "instance 1 of ExpSyn"),
        ("connections", {"instance": (0, -1)}, "instance -1 of ExpSyn"),
        ("connections", {"delay": (1, np.nan)}, r"delay of connection NetCon\[4\] is nan"),
        ("connections", {"delay": (1, -1.0)}, r"delay of connection NetCon\[4\] is -1 ms"),
        ("connections", {"weights": (2, np.inf)}, r"weight of connection NetCon\[4\] is inf"),
        ("connections", {"weight_ptr": (3, 2)}, "weight_ptr"),
        ("events", {"connection": (0, 3)}, "only 3"),
        ("events", {"time": (0, 2.0)}, "in order of their time"),
        ("events", {"time": (0, np.nan)}, "not finite"),
        ("events", {"instance": (1, 5)}, "instance 5 of NetStim"),
    ],
)
def test_what_is_wrong_is_named(part, arrays, message):
    with pytest.raises(ModelError, match=message):
        check(changed(model(), part, **arrays))


def test_errors_carry_their_place_as_fields():
    with pytest.raises(ModelError) as e:
        check(changed(model(), "nodes", a=(5, np.nan)))
    assert (e.value.section, e.value.variable) == ("a.dend", "a")
    g = np.full(4, 1e-4)
    g[2] = np.nan
    m = model()
    with pytest.raises(ModelError, match=r"pas.g is nan in a.dend\(0.75\)") as e:
        check(with_mechanism(m, 0, values={**m.mechanisms[0].values, "g": g}))
    assert (e.value.mechanism, e.value.variable, e.value.section) == ("pas", "g", "a.dend")


def test_arrays_of_an_instance():
    m = model()
    table = np.ones((4, 3))
    check(with_mechanism(m, 0, values={"k": table}))
    table = table.copy()
    table[1, 2] = np.inf
    with pytest.raises(ModelError, match=r"pas.k is inf in a.dend\(0.25\)"):
        check(with_mechanism(m, 0, values={"k": table}))


@pytest.mark.parametrize(
    ("k", "changes", "message"),
    [
        (0, {"node": np.array([2, 5, 4, 7])}, "in order of their nodes"),
        (0, {"node": np.array([2, 4, 5, 9])}, "only 9"),
        (0, {"values": {"g": np.ones(3)}}, "pas.g has 3 entries instead of 4"),
        (0, {"style": np.ones(3, int)}, "pas.style has 3 entries"),
        (2, {"node": np.array([0])}, "artificial cells have no node"),
        (2, {"values": {"start": np.array([np.nan])}}, "NetStim.start is nan of instance 0"),
        (2, {"globals": {"u": np.nan}}, "global u of NetStim is nan"),
        (1, {"name": "pas"}, "'pas' is the name of more than one mechanism"),
    ],
)
def test_what_is_wrong_with_a_mechanism_is_named(k, changes, message):
    with pytest.raises(ModelError, match=message):
        check(with_mechanism(model(), k, **changes))


def test_places_in_words():
    m = model()
    assert place_of(m, 5) == "a.dend(0.75)"
    assert place_of(m, 1) == "the root node of b.soma"
    assert place_of(m, 99) == "node 99"
