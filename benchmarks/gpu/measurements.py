"""What is measured: every function yields rows as they are there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

import heliox
from benchmarks.gpu import models
from benchmarks.gpu.timing import Clock, Row, Setting, made, memory, pace, rates, same_bits, say, segments
from heliox.engine.plan import Plan
from heliox.engine.stepwise import StepEngine
from heliox.learn import Problem
from heliox.learn.losses import mse

# NEURON's own microseconds a step of these models on one core, where they were measured; HelioX on one core
# beside NEURON: benchmarks/results/cpu.md
NEURON_US: dict[str, float | None] = {
    "l5pc": None, "l5pc_network": None, "hpc_passive": None, "hpc_active": None, "ring": None,
    "gap_ring": None,
    "class239": 12.1,  # NEURON 9.0.2, the same cell built there, on a core of another Intel Xeon
}  # fmt: skip
CHECKED = 2000  # steps, fewer of large models, after which voltages and spikes are compared


def _beside(
    name: str, model: heliox.Model, setting: Setting, most: int, order: str, cpu_share: float = 0.3
) -> Iterator[Row]:
    """A model on the device, then on one thread of the CPU."""
    row: Row = {
        "measurement": name if order == "neuron" else f"{name}_{order}",
        "segments": segments(model),
        "nodes": len(model.nodes),
        "neuron_us": NEURON_US.get(name),
    }
    most = 40 if setting.tiny else most
    sim, row["first_run_s"] = made(model, setting.there, order=order)
    say(f"{name}: first run on {setting.device} {row['first_run_s']:.1f} s")
    row |= pace(sim, (1.0 - cpu_share) * setting.seconds, most)
    row |= {"spikes": len(sim.spikes), **memory(sim), **rates(sim, row["us_per_step"])}
    yield dict(row)
    cpu, row["cpu_first_run_s"] = made(model, {"device": "cpu"}, threads=1, order=order)
    beside = pace(cpu, cpu_share * setting.seconds, most)
    row |= {"cpu_us_per_step": beside["us_per_step"], "cpu_steps": beside["steps"]}
    row["ratio"] = row["cpu_us_per_step"] / row["us_per_step"]
    checked = 20 if setting.tiny else min(CHECKED, max(20, int(2e6 / row["cpu_us_per_step"])))
    row |= {"same_bits": same_bits(sim, cpu, checked), "checked_steps": checked}
    yield row


def l5pc(setting: Setting, order: str = "neuron") -> Iterator[Row]:
    """One layer-5 cell, which fires."""
    yield from _beside("l5pc", models.l5pc(), setting, 8000, order)


def l5pc_network(setting: Setting, order: str = "neuron") -> Iterator[Row]:
    """Twenty of them with 100 synapses each."""
    yield from _beside("l5pc_network", models.l5pc_network(2 if setting.tiny else 20), setting, 4000, order)


def hpc_passive(setting: Setting, order: str = "neuron") -> Iterator[Row]:
    """500 passive human pyramidal cells."""
    yield from _beside("hpc_passive", models.hpc(4 if setting.tiny else 500), setting, 2000, order)


def hpc_active(setting: Setting, order: str = "neuron") -> Iterator[Row]:
    """500 active ones."""
    yield from _beside("hpc_active", models.hpc(4 if setting.tiny else 500, True), setting, 2000, order)


def ring(setting: Setting) -> Iterator[Row]:
    """1,024 branching cells in a ring."""
    yield from _beside("ring", models.ring(8 if setting.tiny else 1024), setting, 2000, "neuron")


def gap_ring(setting: Setting) -> Iterator[Row]:
    """256 branching cells joined by gap junctions."""
    yield from _beside("gap_ring", models.gap_ring(8 if setting.tiny else 256), setting, 2000, "neuron")


def class239(setting: Setting) -> Iterator[Row]:
    """Batches of one cell of 239 segments; the CPU's figures, of one member and of 64, come first."""
    model, clock = models.class239(), Clock(setting.seconds)
    most = 40 if setting.tiny else 4000
    cpu: Row = {}
    beside: dict[int, heliox.Simulation] = {}
    for members in (1, 4 if setting.tiny else 64):
        sim = beside[members] = models.class239_batch(members, model, device="cpu", threads=1)
        sim.run(2 * sim.dt)
        found = pace(sim, 0.06 * setting.seconds, most)
        key = "one" if members == 1 else "many"
        cpu |= {f"cpu_us_{key}": found["us_per_step"] / members, f"cpu_members_{key}": members}
    say(f"class239: one CPU core {cpu['cpu_us_many']:.2f} us a member-step")
    powers = range(3) if setting.tiny else range(0, 15, 7 if setting.quick else 2)
    for k, power in enumerate(powers):
        members = 2**power
        began = time.perf_counter()
        sim = models.class239_batch(members, model, **setting.there)
        sim.run(2 * sim.dt)
        row: Row = {
            "measurement": "class239", "members": members, "segments": segments(model),
            "nodes": len(model.nodes), "neuron_us": NEURON_US["class239"],
            "first_run_s": time.perf_counter() - began, **cpu,
        }  # fmt: skip
        clock.spare(row["first_run_s"] if k == 0 else 0.0)
        row |= pace(sim, max(0.3, min(3.0, clock.left / (len(powers) - k) - row["first_run_s"])), most)
        row["member_steps_per_s"] = 1e6 * members / row["us_per_step"]
        row["ratio"] = row["cpu_us_many"] * members / row["us_per_step"]
        row["neuron_ratio"] = row["neuron_us"] * members / row["us_per_step"]
        row |= {**memory(sim), **rates(sim, row["us_per_step"])}
        if members in beside:
            row["same_bits"] = same_bits(sim, beside[members], 20 if setting.tiny else CHECKED)
        say(f"class239: {members} members {row['us_per_step']:.1f} us, {row['ratio']:.1f} x one CPU core")
        yield row
        del sim
        if clock.left < 0.0:
            raise TimeoutError(f"no time was left for more than {members} members")


def gradients(setting: Setting) -> Iterator[Row]:
    """Gradients by conductances: a run, and a run with its reverse sweep; one CPU thread beside, up to 64
    members."""
    clock = Clock(setting.seconds)
    batches = (1, 2) if setting.tiny else (1, 64) if setting.quick else (1, 64, 1024)
    cases = [("l5pc", models.l5pc(), 1), *(("class239", models.class239(), n) for n in batches)]
    steps = 8 if setting.tiny else 400
    for k, (name, model, members) in enumerate(cases):
        by = ("NaTa_t.gNaTa_tbar", "SKv3_1.gSKv3_1bar") if name == "l5pc" else models.CLASS239_VARIED
        row: Row = {
            "measurement": "gradients", "model": name, "members": members, "segments": segments(model),
            "nodes": len(model.nodes), "steps": steps,
        }  # fmt: skip
        kept = {}
        for where, options in (("", setting.there), ("cpu_", {"device": "cpu", "threads": 1})):
            if where and members > 64:
                continue
            if name == "l5pc":
                sim = heliox.Simulation(model, progress=False, **options)
            else:
                sim = models.class239_batch(members, model, **options)
            began = time.perf_counter()
            problem = Problem(sim, mse("v", -60.0, where="*soma*"), by, steps * sim.dt, progress=False)
            kept[where] = problem.gradient().gradient
            problem.value()
            row[f"{where}first_run_s"] = time.perf_counter() - began
            clock.spare(row[f"{where}first_run_s"] if k < 2 else 0.0)
            share = 0.3 * clock.left / (len(cases) - k)
            for what, work in (("value", problem.value), ("gradient", problem.gradient)):
                row[f"{where}{what}_us"] = 1e6 * _median(work, share) / steps
        if len(kept) == 2:
            row["same_bits"] = all(np.array_equal(x, kept["cpu_"][n]) for n, x in kept[""].items())
        say(f"gradients: {name}, {members} members {row['gradient_us']:.1f} us a step, there and back")
        yield row


def _median(work: Callable[[], object], seconds: float) -> float:
    """Seconds of one piece of work."""
    found: list[float] = []
    clock = Clock(seconds)
    while len(found) < 3 or (clock.left > 0.0 and len(found) < 20):
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return sorted(found)[len(found) // 2]


def trees(setting: Setting) -> Iterator[Row]:
    """The tree solve alone, and a whole step, of members that are one passive tree each.

    In Hines' order by 16 and by 32 lanes (Dendritic Hierarchical Scheduling), and as a contraction.
    """
    clock = Clock(setting.seconds)
    sizes = (1, 3) if setting.tiny else (1, 30, 3000) if setting.quick else (1, 10, 100, 1000, 3000)
    ways = (("neuron", 16), ("neuron", 32), ("contraction", None))
    for k, (n, (order, lanes)) in enumerate((n, way) for n in sizes for way in ways):
        model = models.trees(1)
        row: Row = {
            "measurement": "trees",
            "trees": n,
            "what": f"DHS-{lanes}" if lanes else order,
            "segments": n * segments(model),
            "nodes": n * len(model.nodes),
        }
        sim, row["first_run_s"] = made(model, setting.there, batch=n, order=order)
        clock.spare(row["first_run_s"] if k < len(ways) else 0.0)
        seconds = max(0.3, min(3.0, clock.left / (len(sizes) * len(ways) - k) - row["first_run_s"]))
        if lanes != 16:  # the step is that of 32
            row |= pace(sim, 0.5 * seconds, 40 if setting.tiny else 4000)
        row |= memory(sim)
        if isinstance(sim.engine, StepEngine):  # a dry run on the CPU has no such kernel
            row["solve_us"] = 1e6 * _each(solver(sim.plan, sim.engine, lanes), 0.5 * seconds)
            say(f"trees: {n}, {row['what']}: the solve alone {row['solve_us']:.1f} us")
        yield row
        del sim
        if clock.left < 0.0:
            raise TimeoutError(f"no time was left for more than {n} trees")


def solver(plan: Plan, engine: StepEngine, lanes: int | None) -> Callable[[int], None]:
    """A function that solves all trees of a plan on a device so many times, and waits."""
    if lanes not in (None, 32):
        engine = StepEngine(plan, engine.backend, lanes=lanes)
    launch, stream = engine.solver(), engine.stream

    def solve(times: int) -> None:
        for _ in range(times):
            launch(stream)
        stream.synchronize()

    return solve


def _each(work: Callable[[int], object], seconds: float) -> float:
    """Seconds of one piece of work of which many are asked for at once."""
    work(2)
    began = time.perf_counter()
    work(8)
    n = max(8, int(seconds / max(1e-6, (time.perf_counter() - began) / 8)))
    began = time.perf_counter()
    work(min(n, 10_000))
    return (time.perf_counter() - began) / min(n, 10_000)


def overheads(setting: Setting) -> Iterator[Row]:
    """What a step and a run cost that have next to nothing to compute."""
    cell = heliox.Cell(dt=models.DT)
    cell.add_section("soma", L=20.0, diam=20.0)
    cell.insert("pas")
    net = heliox.Network()
    net.add(cell, copies=2)
    one = net.model()
    for k in range(2):
        name = net.place("ExpSyn", f"Cell[{k}].soma(0.5)")
        net.connect(f"Cell[{1 - k}].soma(0.5)", name, weight=0.0, delay=2.0)
    for title, model in (("two compartments", one), ("two compartments joined by connections", net.model())):
        sim, first = made(model, setting.there)
        for steps in (1, 8, 64) if setting.tiny else (1, 8, 64, 1024, 8192):
            found: list[float] = []
            clock = Clock(0.1 * setting.seconds / 5.0)
            while len(found) < 5 or (clock.left > 0.0 and len(found) < 100):
                began = time.perf_counter()
                sim.run(steps * sim.dt)
                found.append(time.perf_counter() - began)
            median = sorted(found)[len(found) // 2]
            yield {
                "measurement": "overheads", "what": title, "steps_of_a_run": steps,
                "us_of_a_run": 1e6 * median,
                "us_per_step": 1e6 * median / steps, "first_run_s": first,
            }  # fmt: skip


def zoo(setting: Setting, name: str) -> Iterator[Row]:
    """A model of the tests on both devices: are all bits the same?"""
    from tests.gpu import compare
    from tests.gpu import zoo as cases

    began = time.perf_counter()
    a = cases.run(name)
    cpu = time.perf_counter() - began
    b = cases.run(name, **setting.there)
    row: Row = {
        "measurement": "zoo",
        "model": name,
        "seconds": time.perf_counter() - began,
        "cpu_seconds": cpu,
    }
    try:
        compare.same(a, b)
        row["same_bits"] = True
    except AssertionError as e:
        row |= {"same_bits": False, "difference": " ".join(str(e).split())[:400]}
    yield row


def zoo_names(quick: bool) -> list[str]:
    from tests.gpu import zoo as cases

    few = ("hh_tree", "layer5", "learning", "artificial", "ring", "members")
    return [n for n in cases.CASES if not quick or n in few]


@dataclass(frozen=True)
class Measurement:
    """A function of a setting, its time in seconds, and a title."""

    rows: Callable[[Setting], Iterator[Row]]
    seconds: float
    title: str


def _contracted(rows: Callable[[Setting, str], Iterator[Row]], seconds: float, title: str) -> Measurement:
    """The same model with order="contraction"."""
    return Measurement(lambda setting: rows(setting, "contraction"), seconds, f"{title}, contraction")


MEASUREMENTS = {
    "l5pc": Measurement(l5pc, 9.0, "one layer-5 pyramidal cell"),
    "l5pc_contraction": _contracted(l5pc, 6.0, "one layer-5 pyramidal cell"),
    "l5pc_network": Measurement(l5pc_network, 12.0, "network of 20 layer-5 pyramidal cells"),
    "l5pc_network_contraction": _contracted(l5pc_network, 8.0, "network of 20 layer-5 pyramidal cells"),
    "hpc_passive": Measurement(hpc_passive, 15.0, "500 passive human pyramidal cells"),
    "hpc_passive_contraction": _contracted(hpc_passive, 10.0, "500 passive human pyramidal cells"),
    "hpc_active": Measurement(hpc_active, 15.0, "500 active human pyramidal cells"),
    "hpc_active_contraction": _contracted(hpc_active, 10.0, "500 active human pyramidal cells"),
    "ring": Measurement(ring, 12.0, "ring of 1,024 cells"),
    "gap_ring": Measurement(gap_ring, 10.0, "ring of 256 cells with gap junctions"),
    "class239": Measurement(class239, 75.0, "batches of a cell of 239 segments"),
    "gradients": Measurement(gradients, 25.0, "gradients"),
    "trees": Measurement(trees, 40.0, "passive trees"),
    "overheads": Measurement(overheads, 10.0, "overheads"),
}
