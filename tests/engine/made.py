"""Networks made by hand, without NEURON: cells of one or more sections, synapses, stimuli, connections."""

from collections.abc import Sequence

import numpy as np

from heliox.mechanisms import catalogue
from heliox.model.model import Cells, Connections, Events, Mechanism, Model, Settings, Sources
from tests.model.sample import cable


def network(
    segments: Sequence[int],
    edges: Sequence[tuple[int, int, float]] = (),
    stims: int = 0,
    extra: Sequence[tuple] = (),
) -> Model:
    """A model of ``len(segments)`` unbranched cells with one ExpSyn each, and `stims` NetStims.

    Parameters
    ----------
    segments : segments of each cell
    edges : (source unit, target unit, delay in ms)
        Units are cells, then stimuli.
    extra : (template, nodes, values)
        More mechanisms; the node of an instance is counted among the segments.
    """
    n = len(segments)
    rows = [(f"cell{k}", k, -1, 0.0, 0, nseg, 30.0 * nseg, 20.0) for k, nseg in enumerate(segments)]
    sections, nodes = cable(rows, n)
    inner = np.flatnonzero((nodes.section >= 0) & (nodes.x > 0) & (nodes.x < 1)).astype(np.int32)
    first = np.array([inner[nodes.section[inner] == k][0] for k in range(n)], np.int32)
    stream = np.stack([np.ones(stims), np.arange(stims), np.zeros(stims), np.zeros(stims)], 1)
    made = [
        (catalogue.get("capacitance"), inner, {}),
        (catalogue.get("pas"), inner, {}),
        (catalogue.get("ExpSyn"), first, {}),
        *[(t, inner[np.asarray(at, int)], values) for t, at, values in extra],
        (catalogue.get("NetStim"), np.full(stims, -1, np.int32), {"ranvar": stream.reshape(stims, 4)}),
    ]
    mechanisms = []
    for template, node, values in made:
        full = {}
        for name, var in template.instance_names.items():
            shape = (len(node),) if var.size == 1 else (len(node), var.size)
            full[name] = np.asarray(values.get(name, np.full(shape, var.default)), float)
        objects = template.kind in ("point", "artificial")
        number = np.arange(len(node) if objects else 0, dtype=np.int32)
        defaults = {
            name: np.full(var.size, var.default) if var.size > 1 else var.default
            for name, var in template.globals_.items()
        }
        mechanisms.append(Mechanism(template.name, template.kind, node, full, defaults, number))
    last = len(mechanisms) - 1
    mechanism = [-1] * n + [last] * stims
    index = [*first.tolist(), *range(stims)]
    to = [(2, b) if b < n else (last, b - n) for _, b, _ in edges]
    return Model(
        settings=Settings(),
        cells=Cells(tuple(f"cell{k}" for k in range(n)), np.arange(n, dtype=np.int32), np.full(n, -1)),
        sections=sections,
        nodes=nodes,
        mechanisms=tuple(mechanisms),
        sources=Sources(
            np.array(mechanism, np.int32),
            np.array(index, np.int32),
            ("v",) * n + ("",) * stims,
            np.full(n + stims, 10.0),
            np.full(n + stims, -1),
            np.zeros(n + stims, bool),
        ),
        connections=Connections(
            np.array([a for a, _, _ in edges], np.int32),
            np.array([m for m, _ in to], np.int32),
            np.array([k for _, k in to], np.int32),
            np.array([d for _, _, d in edges], float),
            np.arange(len(edges) + 1),
            np.ones(len(edges)),
            np.ones(len(edges), bool),
            np.arange(len(edges), dtype=np.int32),
        ),
        events=Events(
            np.empty(0),
            np.empty(0, np.int32),
            np.empty(0, bool),
            np.empty(0, np.int32),
            np.empty(0, np.int32),
            np.empty(0),
        ),
        definitions={t.name: catalogue.define(t) for t, _, _ in made},
    )
