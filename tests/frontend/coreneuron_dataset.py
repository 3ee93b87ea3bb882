"""Reader of the dataset that NEURON writes for CoreNEURON: a second opinion on what a session holds."""

from pathlib import Path

import numpy as np


class _File:
    def __init__(self, path):
        self.data, self.at = path.read_bytes(), 0

    def line(self):
        end = self.data.index(b"\n", self.at)
        text, self.at = self.data[self.at : end].decode().strip(), end + 1
        return text

    def number(self):
        return int(self.line().split()[0])

    def array(self, n, dtype):
        assert self.line().startswith("chkpnt")
        out = np.frombuffer(self.data, dtype, n, self.at)
        self.at += out.nbytes
        return out


def mechanism_types(folder):
    """type -> (name, artificial, number of variables, number of Datum, charge or None)."""
    lines = iter((folder / "bbcore_mech.dat").read_text().split("\n")[2:])
    types = {}
    for line in lines:
        words = line.split()
        if not words:
            break
        kind, _point, artificial, ion, size, datums, _ = map(int, words[1:8])
        types[kind] = (words[0], bool(artificial), size, datums, float(next(lines)) if ion else None)
    return types


def read(folder, gid):
    """The part of the dataset that the tests compare, of the cell group named by `gid`."""
    folder = Path(folder)
    types = mechanism_types(folder)
    f = _File(folder / f"{gid}_1.dat")
    f.line()
    sources, connections = f.number(), f.number()
    out = {"gids": f.array(sources, "<i4"), "source_gid": f.array(connections, "<i4")}
    f = _File(folder / f"{gid}_2.dat")
    f.line()
    _cells, _gids, real, nodes, diams, n_mechanisms = (f.number() for _ in range(6))
    counts = [(f.number(), f.number()) for _ in range(n_mechanisms)]
    f.number(), f.number(), f.number()
    out["parent"] = f.array(nodes, "<i4")
    for name in ("a", "b", "area", "v"):
        out[name] = f.array(nodes, "<f8")
    if diams:
        out["diam"] = f.array(nodes, "<f8")
    out["mechanisms"] = []
    for kind, n in counts:
        name, artificial, size, datums, charge = types[kind]
        m = {"name": name, "charge": charge}
        m["node"] = np.full(n, -1) if artificial else f.array(n, "<i4")
        m["data"] = f.array(n * size, "<f8").reshape(n, size)
        if datums:
            m["datum"] = f.array(n * datums, "<i4").reshape(n, datums)
            for _ in range(2):  # pointer types, random ids
                k = f.number()
                if k:
                    m["random"] = f.array(k, "<u4")
        out["mechanisms"].append(m)
    out["threshold_node"], out["threshold"] = f.array(sources, "<i4"), f.array(real, "<f8")
    return out
