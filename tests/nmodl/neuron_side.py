"""Runs cases in NEURON, in a process of its own: mechanisms once loaded never leave one. Called as a
script: specification in, pickle out.
"""

import json
import pickle
import sys


def run(h, case):
    h.celsius = case.get("celsius", 6.3)
    h.dt = dt = case.get("dt", 0.025)
    soma = h.Section(name="soma")
    soma.L = soma.diam = 20.0
    soma.nseg = 1
    points = []
    for name in case["mechanisms"]:
        if name in case.get("points", ()):
            points.append(getattr(h, name)(soma(0.5)))
        else:
            soma.insert(name)
    before = {name: getattr(h, name) for name in case.get("globals", {})}
    for name, number in case.get("globals", {}).items():
        setattr(h, name, number)
    for name, number in case.get("set", {}).items():
        mechanism, variable = name.split(".")
        target = next((p for p in points if p.hname().startswith(mechanism + "[")), None)
        setattr(target if target is not None else getattr(soma(0.5), mechanism), variable, number)
    netcons = []
    for k, weights in enumerate(case.get("connections", ())):
        nc = h.NetCon(None, points[0])
        nc.delay = 0.0
        for j, w in enumerate(weights):
            nc.weight[j] = w
        netcons.append((k, nc))
    h.finitialize(case.get("v", -65.0))
    for k, t in case.get("events", ()):
        netcons[k][1].event(t)

    def value(name):
        if "." not in name:
            return getattr(soma(0.5), name)
        mechanism, variable = name.split(".")
        target = next((p for p in points if p.hname().startswith(mechanism + "[")), None)
        target = target if target is not None else getattr(soma(0.5), mechanism)
        if "[" in variable:
            variable, k = variable[:-1].split("[")
            return getattr(target, variable)[int(k)]
        return getattr(target, variable)

    names = ["v", *case["record"]]
    rows = [[value(n) for n in names]]
    for _ in range(case["steps"]):
        h.fadvance()
        rows.append([value(n) for n in names])
    ions = {}
    for ion in ("na", "k", "ca"):
        if h.ismembrane(f"{ion}_ion", sec=soma):
            ions[ion] = int(h.ion_style(f"{ion}_ion", sec=soma))
    out = {
        "rows": rows,
        "area": soma(0.5).area(),
        "diam": soma(0.5).diam,
        "ri": [soma(0.5).ri(), soma(1.0).ri()],
        "cm": soma(0.5).cm,
        "dt": dt,
        "ions": ions,
    }
    for name, was in before.items():
        setattr(h, name, was)
    h.delete_section(sec=soma)
    return out


if __name__ == "__main__":
    specification, library, result = sys.argv[1:4]
    from neuron import h

    h.nrn_load_dll(library)
    with open(specification) as f:
        cases = json.load(f)
    with open(result, "wb") as out:
        pickle.dump({name: run(h, case) for name, case in cases.items()}, out)
