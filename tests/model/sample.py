"""Small models made by hand: two cells, six sections (one attached backwards), all kinds of mechanism."""

import numpy as np

from heliox.model.model import (
    Cells,
    Connections,
    Definition,
    Events,
    Mechanism,
    Model,
    Nodes,
    Sections,
    Settings,
    Sources,
)

# name, cell, parent, parent_x, child_end, nseg, L (um), diam (um); parents before their children
SECTIONS = (
    ("Cell[0].soma", 0, -1, 0.0, 0, 1, 20.0, 20.0),
    ("Cell[0].dend[0]", 0, 0, 1.0, 0, 3, 90.0, 2.0),
    ("Cell[0].dend[1]", 0, 1, 0.5, 1, 2, 40.0, 1.0),
    ("Cell[1].soma", 1, -1, 0.0, 0, 3, 30.0, 15.0),
    ("Cell[1].dend[0]", 1, 3, 0.0, 0, 2, 50.0, 2.0),
    ("Cell[1].axon[7]", 1, 3, 0.5, 0, 5, 100.0, 1.5),
)
RA = 100.0  # ohm cm


def sample_model(origin: str = "a test") -> Model:
    """Two cells with eight mechanisms, four connections and two waiting events."""
    rng = np.random.default_rng(1)
    sections, nodes = cable(SECTIONS, cells=2)
    segments = np.flatnonzero((nodes.section >= 0) & (nodes.x > 0) & (nodes.x < 1)).astype(np.int32)
    somatic = segments[np.isin(nodes.section[segments], [0, 3])]
    dendritic = segments[np.isin(nodes.section[segments], [1, 2, 4])]

    def density(name, node, **values):
        return Mechanism(
            name, "density", node, {k: v + 1e-3 * rng.random(len(node)) for k, v in values.items()}
        )

    def ion(name, e, ci, co):
        values = {f"e{name}": e, f"{name}i": ci, f"{name}o": co, f"i{name}": 0.0, f"di{name}_dv_": 0.0}
        node = somatic
        return Mechanism(
            f"{name}_ion", "ion", node, {k: np.full(len(node), v) for k, v in values.items()},
            globals={f"{name}i0": ci, f"{name}o0": co}, style=np.full(len(node), 5, np.int32),
        )  # fmt: skip

    ends = np.array([sections.head[0], far_end(nodes, 1, 1.0)], np.int32)
    synapses = np.sort(np.array([somatic[0], dendritic[1], dendritic[1], *ends], np.int32))
    hh = density("hh", somatic, gnabar=0.12, gkbar=0.036, gl=3e-4, el=-54.3, m=0.05, h=0.6, n=0.3, gna=0.0)
    hh.values["m"][0] = -0.0
    mechanisms = (
        density("capacitance", segments, cm=1.0, i_cap=0.0),
        density("pas", dendritic, g=1e-3, e=-70.0, i=0.0),
        ion("na", 50.0, 10.0, 140.0),
        ion("k", -77.0, 54.4, 2.5),
        Mechanism(hh.name, hh.kind, hh.node, hh.values, globals={"usetable_hh": 1.0}),
        Mechanism(
            "ExpSyn", "point", synapses,
            {n: v + rng.random(5) for n, v in {"tau": 2.0, "e": 0.0, "g": 0.0, "i": 0.0}.items()},
            number=np.array([4, 0, 2, 1, 3], np.int32),
        ),
        Mechanism(
            "IClamp", "point", somatic[:1],
            {"delay": np.array([5.0]), "dur": np.array([50.0]), "amp": np.array([0.3]), "i": np.zeros(1)},
            number=np.zeros(1, np.int32),
        ),
        Mechanism(
            "NetStim", "artificial", np.full(2, -1, np.int32),
            {n: np.arange(2.0) for n in ("interval", "number", "start", "noise")}
            | {"ranvar": np.ones((2, 4))},
            globals={"table": np.arange(3.0)}, number=np.array([1, 0], np.int32),
        ),
    )  # fmt: skip
    return Model(
        settings=Settings(),
        cells=Cells(("Cell[0]", "Cell[1]"), np.array([0, 1], np.int32), np.array([7, -1], np.int64)),
        sections=sections,
        nodes=nodes,
        mechanisms=mechanisms,
        sources=Sources(
            np.array([-1, 7], np.int32), np.array([somatic[0], 1], np.int32), ("v", ""),
            np.array([10.0, 0.0]), np.array([7, -1], np.int64), np.array([False, False]),
        ),
        connections=Connections(
            np.array([0, 1, 1, -1], np.int32), np.array([5, 5, 7, -1], np.int32),
            np.array([1, 0, 0, -1], np.int32), np.array([1.0, 2.0, 0.5, 1.0]),
            np.array([0, 1, 3, 4, 4], np.int64), np.array([0.01, 0.02, -0.0, 1.0]),
            np.array([True, True, False, True]), np.array([0, 3, 1, 2], np.int32),
        ),
        events=Events(
            np.array([3.0, 4.0]), np.array([1, -1], np.int32), np.array([False, True]),
            np.array([-1, 7], np.int32), np.array([-1, 1], np.int32), np.array([0.0, 3.0]),
        ),
        definitions={
            m.name: Definition(m.name, "library", {"na_ion": "1.0", "k_ion": "1.0"}.get(m.name, ""))
            for m in mechanisms
        },
        origin=origin,
    )  # fmt: skip


def cable(rows, cells: int) -> tuple[Sections, Nodes]:
    """Sections and nodes of cylinders: the roots, then each section from its parent on, with its far end."""
    parent, section, x, area, a, b, diam = ([-1] * cells, [-1] * cells, [0.0] * cells, [100.0] * cells,
                                            [0.0] * cells, [0.0] * cells, [0.0] * cells)  # fmt: skip
    heads: list[int] = []
    first: list[int] = []  # first segment of each section
    for s, (_, cell, up, up_x, child_end, nseg, length, d) in enumerate(rows):
        if up < 0:
            head = cell
        elif up_x == rows[up][4]:
            head = heads[up]
        else:
            up_nseg, backwards = rows[up][5], rows[up][4] == 1
            k = up_nseg if up_x in (0.0, 1.0) else min(int(up_x * up_nseg), up_nseg - 1)
            head = first[up] + (up_nseg - 1 - k if backwards and k < up_nseg else k)
        heads.append(head)
        first.append(len(parent))
        half = 0.01 * RA * (length / nseg / 2) / (np.pi * d * d / 4)  # MOhm of half a segment
        previous, right = head, 0.0
        for k in range(nseg + 1):
            segment = k < nseg
            at = (k + 0.5) / nseg if segment else 1.0
            own = np.pi * d * length / nseg if segment else 100.0
            g = 1.0 / (right + (half if segment else 0.0))
            parent.append(previous)
            section.append(s)
            x.append(1.0 - at if child_end else at)
            area.append(own)
            a.append(-100.0 * g / area[previous])
            b.append(-100.0 * g / own)
            diam.append(d)
            previous, right = len(parent) - 1, half
    sections = Sections(
        name=tuple(row[0] for row in rows),
        cell=np.array([row[1] for row in rows], np.int32),
        parent=np.array([row[2] for row in rows], np.int32),
        parent_x=np.array([row[3] for row in rows]),
        child_end=np.array([row[4] for row in rows], np.int8),
        nseg=np.array([row[5] for row in rows], np.int32),
        head=np.array(heads, np.int32),
        L=np.array([row[6] for row in rows]),
        Ra=np.full(len(rows), RA),
        rallbranch=np.ones(len(rows)),
    )
    nodes = Nodes(
        np.array(parent, np.int32), np.array(section, np.int32), np.array(x), np.array(area), np.array(a),
        np.array(b), np.array(diam), np.full(len(parent), -65.0),
    )  # fmt: skip
    return sections, nodes


def far_end(nodes: Nodes, section: int, x: float) -> int:
    """Node at an end of a section that is a node of its own."""
    return int(np.flatnonzero((nodes.section == section) & (nodes.x == x))[0])
