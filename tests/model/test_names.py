"""Names of nodes, instances and variables, and selections."""

import dataclasses
import time

import numpy as np
import pytest

from heliox.errors import ModelError
from heliox.model.model import Cells
from heliox.model.names import Names, parse
from heliox.model.paths import region, suffixes
from tests.model.sample import cable, sample_model


@pytest.fixture(scope="module")
def names() -> Names:
    return Names(sample_model())


# --- places


def test_every_location_is_read_back(names):
    locations = names.locations(range(len(names.model.nodes)))
    assert len(set(locations)) == len(locations)
    assert [names.node(place) for place in locations] == list(range(len(locations)))


@pytest.mark.parametrize(
    ("place", "node"),
    [
        ("Cell[0].soma(0)", 0),
        ("Cell[0].soma(0.0001)", 2),
        ("Cell[0].soma(0.9999)", 2),
        ("Cell[0].soma(1)", 3),
        ("Cell[0].dend[0](0)", 3),  # its head is the soma's far end
        ("Cell[0].dend[0](0.3333333333333333)", 5),  # NEURON: int(x * nseg), no rounding of x
        ("Cell[0].dend[0](0.66)", 5),
        ("Cell[0].dend[0](1.0)", 7),
        ("Cell[0].dend[1](1)", 5),  # attached with its 1 end: segments run from 1 to 0
        ("Cell[0].dend[1](0.6)", 8),
        ("Cell[0].dend[1](0.5)", 8),
        ("Cell[0].dend[1](0.4)", 9),
        ("Cell[0].dend[1](0)", 10),
        ("Cell[1].dend[0](0)", 1),  # on the soma's 0 end: the root node
        ("axon(0)", 12),
        ("axon[7](0.3)", 19),
        ("Cell[1].axon(1)", 23),
    ],
)
def test_a_place_is_neurons_node(names, place, node):
    assert names.node(place) == node


def test_random_places_follow_neurons_rule(names):
    rng = np.random.default_rng(0)
    nodes, sections = names.model.nodes, names.model.sections
    for x in rng.random(200):
        for s, name in enumerate(sections.name):
            node = names.node(f"{name}({float(x)!r})")
            assert nodes.section[node] == s
            assert nodes.x[node] == pytest.approx((int(x * sections.nseg[s]) + 0.5) / sections.nseg[s])


def test_locations_are_printed_as_neuron_prints_them(names):
    assert names.location(5) == "Cell[0].dend[0](0.5)"
    assert names.location(4) == "Cell[0].dend[0](0.166667)"
    assert names.location(0) == "Cell[0].soma(0)"
    assert names.location(10) == "Cell[0].dend[1](0)"


@pytest.mark.parametrize("name", ["soma", "dend[0]", "dend"])
def test_an_ambiguous_section_is_refused(names, name):
    with pytest.raises(ModelError, match=r"sections: 'Cell\[0\]"):
        names.node(f"{name}(0.5)")


@pytest.mark.parametrize(
    "place", ["soma", "axon(2)", "axon(nan)", "axon(-0.1)", "axon()", "axon(x)", "", "(0.5)", 3, None]
)
def test_what_is_no_place_is_refused(names, place):
    with pytest.raises(ModelError):
        names.node(place)


def test_an_unknown_section_is_refused_with_near_names(names):
    with pytest.raises(ModelError, match="did you mean 'axon'") as e:
        names.node("axxon(0.5)")
    assert e.value.section == "axxon"


@pytest.mark.parametrize("node", [-1, 24])
def test_a_node_that_does_not_exist_is_refused(names, node):
    with pytest.raises(ModelError, match="no node"):
        names.location(node)


def test_equal_section_names_are_refused_by_name_but_keep_their_location():
    model = sample_model()
    twins = dataclasses.replace(model.sections, name=("soma", "dend", "dend", "soma", "dend", "axon"))
    names = Names(model.replace(sections=twins))
    assert names.location(2) == "soma(0.5)"
    with pytest.raises(ModelError, match="name of 2 sections"):
        names.node("soma(0.5)")
    assert names.select("v", "soma").indices.tolist() == [2, 11, 12, 13]


def test_names_of_python_cells_may_hold_dots_and_parentheses():
    model = sample_model()
    odd = tuple(name.replace("Cell[0]", "<pkg.Cell(gid=3) at 0x7f.1>") for name in model.sections.name)
    names = Names(model.replace(sections=dataclasses.replace(model.sections, name=odd)))
    for node in range(len(model.nodes)):
        assert names.node(names.location(node)) == node
        assert names.resolve(names.location(node) + ".v").indices.tolist() == [node]
    assert names.node("dend[1](0)") == 10


def test_a_section_without_its_nodes_is_named():
    model = sample_model()
    wrong = dataclasses.replace(model.sections, nseg=model.sections.nseg + 1)
    with pytest.raises(ModelError, match=r"Cell\[0\].soma.*nseg"):
        Names(model.replace(sections=wrong)).node("axon(0.5)")


def test_regions_and_suffixes():
    assert region("L5PC[0].apic[3]") == "apic"
    assert region("soma") == "soma"
    assert suffixes("A[0].B[1].c[2]") == {"A[0].B[1].c[2]", "A[0].B[1].c", "B[1].c[2]", "B[1].c", "c[2]", "c"}


# --- instances


def test_every_instance_is_read_back(names):
    for m, mechanism in enumerate(names.model.mechanisms):
        all_names = names.instances(m, np.arange(len(mechanism)))
        assert len(set(all_names)) == len(mechanism)
        for k, name in enumerate(all_names):
            numbered = mechanism.kind in ("point", "artificial")
            assert names.find(name, "" if numbered else mechanism.name) == (m, k)
            assert names.instance(m, k) == name


def test_instance_names(names):
    assert names.instance(5, 0) == "ExpSyn[4]"
    assert names.instance(7, 1) == "NetStim[0]"
    assert names.instance(4, 1) == "Cell[1].soma(0.166667)"


@pytest.mark.parametrize(
    ("name", "mechanism", "message"),
    [
        ("ExpSyn[5]", "", r"no ExpSyn\[5\]; it has ExpSyn\[0\]"),
        ("Foo[0]", "", "no mechanism 'Foo'"),
        ("axon(0.5)", "", "name a mechanism"),
        ("axon(0.5)", "hh", "hh is in: soma"),
        ("ExpSyn[0:1]", "hh", "is not a place"),
        (3, "", "name a mechanism"),
    ],
)
def test_an_instance_that_does_not_exist_is_refused(names, name, mechanism, message):
    with pytest.raises(ModelError, match=message):
        names.find(name, mechanism)


def test_an_instance_index_out_of_range_is_refused(names):
    with pytest.raises(ModelError, match="4 instances"):
        names.instance(4, 4)


# --- paths


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("soma[0](0.5).v", ("v", "", "soma[0]", 0.5, None, None)),
        ("soma(.5).hh.m", ("m", "hh", "soma", 0.5, None, None)),
        (" A(b=1).c[2](1).x.y[3] ", ("y", "x", "A(b=1).c[2]", 1.0, None, 3)),
        ("IClamp[0].amp", ("amp", "IClamp", "", None, 0, None)),
        ("NetCon[3].weight[1]", ("weight", "NetCon", "", None, 3, 1)),
        ("hh.gnabar", ("gnabar", "hh", "", None, None, None)),
        ("celsius", ("celsius", "", "", None, None, None)),
    ],
)
def test_parse(path, expected):
    r = parse(path)
    assert (r.variable, r.mechanism, r.section, r.x, r.number, r.element) == expected


@pytest.mark.parametrize(
    "path", ["", "a.b.c", "soma(2).v", "soma(0.5)", "soma(0.5).", "a b", "x[-1]", "1x", None, 3.0]
)
def test_what_is_no_path_is_refused(path):
    with pytest.raises(ModelError):
        parse(path)


@pytest.mark.parametrize(
    ("path", "kind", "mechanism", "name", "index", "element"),
    [
        ("Cell[0].soma(0.5).v", "node", "", "v", 2, 0),
        ("axon(1).area", "node", "", "area", 23, 0),
        ("Cell[0].soma(0.5).hh.m", "mechanism", "hh", "m", 0, 0),
        ("Cell[0].soma(0.5).m_hh", "mechanism", "hh", "m", 0, 0),
        ("Cell[0].soma(0.5).ena", "mechanism", "na_ion", "ena", 0, 0),
        ("Cell[1].soma(0.5).na_ion.ena", "mechanism", "na_ion", "ena", 2, 0),
        ("axon(0.5).cm", "mechanism", "capacitance", "cm", 13, 0),
        ("axon(0.5).i_cap", "mechanism", "capacitance", "i_cap", 13, 0),
        ("Cell[0].soma(0.5).ExpSyn.g", "mechanism", "ExpSyn", "g", 1, 0),
        ("IClamp[0].amp", "mechanism", "IClamp", "amp", 0, 0),
        ("IClamp.amp", "mechanism", "IClamp", "amp", 0, 0),
        ("ExpSyn[4].g", "mechanism", "ExpSyn", "g", 0, 0),
        ("NetStim[0].ranvar[3]", "mechanism", "NetStim", "ranvar", 1, 3),
        ("NetCon[3].weight", "connection", "", "weight", 1, 0),
        ("NetCon[3].weight[1]", "connection", "", "weight", 1, 1),
        ("NetCon[2].delay", "connection", "", "delay", 3, 0),
        ("celsius", "global", "", "celsius", 0, 0),
        ("hh.usetable", "global", "hh", "usetable_hh", 0, 0),
        ("usetable_hh", "global", "hh", "usetable_hh", 0, 0),
        ("na_ion.nai0", "global", "na_ion", "nai0", 0, 0),
        ("nai0_na_ion", "global", "na_ion", "nai0", 0, 0),
        ("NetStim.table[2]", "global", "NetStim", "table", 0, 2),
    ],
)
def test_resolve(names, path, kind, mechanism, name, index, element):
    v = names.resolve(path)
    m = names.model.mechanism_index(mechanism) if mechanism else -1
    assert (v.kind, v.mechanism, v.name, v.indices.tolist(), v.element) == (kind, m, name, [index], element)
    again = names.resolve(v.names[0])
    assert (again.kind, again.mechanism, again.name, again.element) == (
        v.kind,
        v.mechanism,
        v.name,
        v.element,
    )
    assert again.indices.tolist() == v.indices.tolist()


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("axon(0.5).hh.m", r"hh is not at Cell\[1\].axon\[7\]\(0.5\); there is capacitance. hh is in: soma"),
        ("axon(0.5).HHH.m", "no mechanism 'HHH'.*'hh'"),
        (
            "Cell[0].soma(0.5).hh.gnaba",
            "did you mean 'gnabar'.*There are el, gkbar, gl, gna, gnabar, h, m, n",
        ),
        ("Cell[0].soma(0.5).hh.ina", "variable of na_ion: write 'na_ion.ina'"),
        ("Cell[0].soma(0.5).gnabar", "variable of hh: write 'hh.gnabar'"),
        ("Cell[0].soma(0.5).vv", "no variable 'vv' at"),
        ("axon(0.5).ena", "na_ion is not at"),
        ("Cell[0].dend[0](0.5).ExpSyn.g", r"2 ExpSyn at .*ExpSyn\[2\], ExpSyn\[1\]"),
        ("ExpSyn.g", r"5 variables.*ExpSyn\[4\].g"),
        ("ExpSyn[7].g", r"it has ExpSyn\[0\]"),
        ("ExpSyn[1].gg", "did you mean 'g'"),
        ("hh[0].m", "no numbered instances"),
        ("axon[7].v", r"write e.g. 'axon\[7\]\(0.5\).v'"),
        ("Foo[1].x", "'NetCon'"),
        ("NetCon[8].weight", r"it has NetCon\[0\]"),
        ("NetCon[0].weight[1]", "no element 1; it has 1"),
        ("NetCon[2].weight", "no element 0; it has 0"),
        ("NetCon[0].gid", "'delay', 'threshold', 'weight'"),
        ("NetStim[0].ranvar", r"array of 4; name one element, e.g. 'ranvar\[0\]'"),
        ("NetStim[0].ranvar[4]", "no element 4"),
        ("ExpSyn[0].g[1]", "no element 1"),
        ("celcius", "did you mean 'celsius'"),
    ],
)
def test_what_does_not_exist_is_refused_with_what_does(names, path, message):
    with pytest.raises(ModelError, match=message):
        names.resolve(path)


def test_an_ambiguous_bare_name_asks_for_the_mechanism():
    model = sample_model()
    na = model.mechanisms[2]
    k = model.mechanisms[3]
    both = dataclasses.replace(k, values={**k.values, "shared": k.values["ek"]})
    one = dataclasses.replace(na, values={**na.values, "shared": na.values["ena"]})
    names = Names(model.replace(mechanisms=(*model.mechanisms[:2], one, both, *model.mechanisms[4:])))
    with pytest.raises(ModelError, match=r"may be na_ion.shared, k_ion.shared"):
        names.resolve("Cell[0].soma(0.5).shared")
    with pytest.raises(ModelError, match="name the mechanism"):
        names.select("shared")
    assert names.select("na_ion.shared").names[0] == "Cell[0].soma(0.5).na_ion.shared"


# --- selections


@pytest.mark.parametrize(
    ("variable", "where", "indices"),
    [
        ("v", None, list(range(24))),
        ("v", "axon", [18, 19, 20, 21, 22]),
        ("v", "soma(0)", [0, 1]),
        ("v", ["soma", "axon(1)"], [2, 11, 12, 13, 23]),
        ("v", "ExpSyn", [0, 2, 5, 7]),
        ("v", "Cell[0]", [2, 4, 5, 6, 8, 9]),
        ("hh.gnabar", None, [0, 1, 2, 3]),
        ("hh.gnabar", "soma", [0, 1, 2, 3]),
        ("hh.gnabar", "Cell[1].*", [1, 2, 3]),
        ("hh.gnabar", "Cell[1].soma(0.5)", [2]),
        ("hh.gnabar", "Cell[?].s*a", [0, 1, 2, 3]),
        ("gnabar_hh", "Cell[0]", [0]),
        ("ena", None, [0, 1, 2, 3]),
        ("na_ion.ena", "Cell[0].soma", [0]),
        ("cm", "dend[1]", [4, 5]),
        ("cm", "dend*", [1, 2, 3, 4, 5, 9, 10]),
        ("pas.g", "Cell[0].dend*", [0, 1, 2, 3, 4]),
        ("ExpSyn.tau", None, [0, 1, 2, 3, 4]),
        ("ExpSyn.tau", "ExpSyn[2]", [2]),
        ("ExpSyn.tau", "ExpSyn[0:3]", [1, 2, 3]),
        ("ExpSyn.tau", ["ExpSyn[4]", "dend[0](1)"], [0, 4]),
        ("ExpSyn.tau", "soma", [0, 1]),
        ("IClamp.amp", "IClamp", [0]),
        ("NetStim.start", "NetStim[0]", [1]),
        ("NetStim.ranvar[1]", None, [0, 1]),
        ("NetCon.weight", None, [0, 1, 2]),
        ("NetCon.weight[1]", None, [1]),
        ("NetCon.weight", "NetCon[3]", [1]),
        ("NetCon.weight", "ExpSyn", [0, 1]),
        ("NetCon.weight", "ExpSyn[4]", [1]),
        ("NetCon.weight", "NetStim", [2]),
        ("NetCon.delay", None, [0, 1, 2, 3]),
        ("NetCon.delay", "soma", [0, 1]),
        ("hh.gnabar", np.array([True, False, False, True]), [0, 3]),
        ("hh.gnabar", [2, 0], [2, 0]),
        ("hh.gnabar", -1, [3]),
        ("hh.gnabar", slice(1, 3), [1, 2]),
        ("hh.gnabar", lambda names: ["Cell[1]" in name for name in names], [1, 2, 3]),
        ("hh.gnabar", lambda names: np.array([1]), [1]),
        ("celsius", None, [0]),
        ("hh.usetable", None, [0]),
        ("IClamp[0].amp", None, [0]),
    ],
)
def test_select(names, variable, where, indices):
    v = names.select(variable, where)
    assert v.indices.tolist() == indices
    assert len(v.names) == len(v) == len(indices)
    for name, index in zip(v.names, indices):
        one = names.resolve(name)
        assert (one.kind, one.mechanism, one.name, one.element) == (v.kind, v.mechanism, v.name, v.element)
        assert one.indices.tolist() == [index]


@pytest.mark.parametrize(
    ("variable", "where", "message"),
    [
        ("hh.gnabar", "axon", "nothing of hh.gnabar is in 'axon'; it is in: soma"),
        ("hh.gnabar", ["soma", "axon"], "nothing of hh.gnabar is in 'axon'"),
        ("hh.gnabar", "ahon", "no section matches 'ahon'; did you mean 'axon'"),
        ("hh.gnabar", "axon(3)", "from 0 to 1"),
        ("hh.gnabar", [], "nothing of hh.gnabar is selected"),
        ("hh.gnabar", [2, 2], "twice"),
        ("hh.gnabar", [4], "from 0 to 3"),
        ("hh.gnabar", 1.5, "not float"),
        ("hh.gnabar", [["soma"], "axon"], "not list"),
        ("hh.gnabar", [True], "mask has shape"),
        ("hh.gnabar", lambda names: [False] * 4, "nothing"),
        ("hh.gnabar", "NetCon[0]", "selects connections"),
        ("ExpSyn.tau", "ExpSyn[9]", "nothing of ExpSyn.tau"),
        ("NetStim.start", "soma", "nothing of NetStim.start"),
        ("NetCon.weight[1]", "NetCon[0]", "has 1 weights"),
        ("NetCon.weight[2]", None, "no element 2"),
        ("NetCon.gid", None, "'delay', 'threshold', 'weight'"),
        ("celsius", "soma", "whole model"),
        ("IClamp[0].amp", "soma", "leave out"),
        ("gnabar", None, "write 'hh.gnabar'"),
        ("nothing", None, "no variable 'nothing' in the model"),
        ("NetStim.ranvar", None, "array of 4"),
    ],
)
def test_a_selection_of_nothing_is_refused(names, variable, where, message):
    with pytest.raises(ModelError, match=message):
        names.select(variable, where)


def test_wildcards_stay_within_the_last_part_unless_a_dot_is_named(names):
    assert names.places.matching("C*").tolist() == [True] * 6  # no section starts with C: the cells
    assert names.places.matching("?end*").tolist() == [False, True, True, False, True, False]
    assert names.places.matching("Cell[1].*").tolist() == [False] * 3 + [True] * 3
    assert names.places.matching("dend[*]").tolist() == [False, True, True, False, True, False]


def test_a_million_nodes(names):
    count, nseg = 2000, 500
    sections, nodes = cable(
        [(f"C[{k}].dend[{k % 7}]", k, -1, 0.0, 0, nseg, 100.0, 1.0) for k in range(count)], count
    )
    cells = Cells(
        tuple(f"C[{k}]" for k in range(count)), np.arange(count, dtype=np.int32), np.full(count, -1)
    )
    model = names.model.replace(cells=cells, sections=sections, nodes=nodes, mechanisms=(), definitions={})
    start = time.perf_counter()
    big = Names(model)
    assert big.location(big.node("C[1234].dend[2](0.5)")) == "C[1234].dend[2](0.501)"
    assert len(big.select("v", "dend[3]")) == nseg * len(range(3, count, 7))
    with pytest.raises(ModelError, match="no section"):
        big.node("C[5000].dnd(0.5)")
    assert time.perf_counter() - start < 3.0
