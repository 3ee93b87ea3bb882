"""Runs cases in NEURON, in a process of its own: mechanisms once loaded never leave one. Called as a
script: specification in, pickle out.
"""

import json
import os
import pickle
import signal
import sys


def run(h, case):
    h.celsius = case.get("celsius", 6.3)
    h.dt = dt = case.get("dt", 0.025)
    soma = h.Section(name="soma")
    soma.L = soma.diam = 20.0
    soma.nseg = 1
    points = []
    for name in case["mechanisms"]:
        if name in case.get("artificial", ()):
            points.append(getattr(h, name)())
        elif name in case.get("points", ()):
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
    for name in case.get("pointers", ()):  # all look at the voltage
        mechanism, variable = name.split(".")
        target = next((p for p in points if p.hname().startswith(mechanism + "[")), None)
        target = target if target is not None else getattr(soma(0.5), mechanism)
        h.setpointer(soma(0.5)._ref_v, variable, target)
    played = [h.Vector(numbers) for numbers in case.get("lists", {}).values()]
    for vector in played:
        points[0].play(vector)
    ions = {}
    for ion in case.get("ions", ("na", "k", "ca")):
        if h.ismembrane(f"{ion}_ion", sec=soma):
            ions[ion] = {
                "style": int(h.ion_style(f"{ion}_ion", sec=soma)),
                "valence": h.ion_charge(f"{ion}_ion"),
                "ci": getattr(soma(0.5), f"{ion}i"),
                "co": getattr(soma(0.5), f"{ion}o"),
                "e": getattr(soma(0.5), f"e{ion}"),
            }
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


def run_alone(h, case, seconds=60):
    """`run` in a copy of this process: a case that fails, hangs or crashes leaves the others alone. The text
    of the error if it fails.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(seconds)
        try:
            out = run(h, case)
        except BaseException as e:
            out = f"{type(e).__name__}: {e}"
        with os.fdopen(writer, "wb") as pipe:
            pickle.dump(out, pipe)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        data = pipe.read()
    os.waitpid(child, 0)
    return pickle.loads(data) if data else "NEURON crashed, or took too long"


if __name__ == "__main__":
    specification, libraries, result, *alone = sys.argv[1:]
    from neuron import h

    for library in libraries.split(os.pathsep):
        h.nrn_load_dll(library)
    with open(specification) as f:
        cases = json.load(f)
    one = run_alone if alone else run
    with open(result, "wb") as out:
        pickle.dump({name: one(h, case) for name, case in cases.items()}, out)
