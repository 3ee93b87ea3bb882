"""What of a NEURON session as a whole stands in the way of a freeze; `h` is always given, never imported."""

from __future__ import annotations

import sys
from typing import Any

from heliox.frontend.library import library_function
from heliox.frontend.problems import Report
from heliox.frontend.trial import TrialError, attempt, can_try

NEEDS_SPARSE = ("linear mechanism", "extracellular")  # kinds of problems


def check_session(h: Any, report: Report) -> bool:
    """Report what is known before anything is read; false if reading makes no sense then."""
    cvode, pc = h.CVode(), h.ParallelContext()
    if cvode.active():
        report.add(
            "variable step", "CVode is active, and HelioX runs NEURON's fixed step", "call cvode.active(0)"
        )
    if cvode.queue_mode():
        report.add("queue", "the bin queue or the self queue is on", "call cvode.queue_mode(0, 0)")
    if h.secondorder not in (0, 1, 2):
        report.add("secondorder", f"secondorder is {h.secondorder:g}", "set it to 0, 1 or 2")
    if getattr(h, "nrn_netrec_state_adjust", 0):
        report.add("queue", "nrn_netrec_state_adjust is on", "set it to 0")
    linear = int(h.List("LinearMechanism").count())
    if linear:
        report.add(
            "linear mechanism",
            f"there are {linear} LinearMechanism objects, which leave the tree solver",
            "take them out",
        )
    channels = int(h.List("KSChan").count())
    if channels:
        report.add(
            "channel builder",
            f"there are {channels} KSChan objects (ChannelBuilder)",
            "write the channel as a mod file",
        )
    if _has_rxd():
        report.add("rxd", "the session has reaction-diffusion species (neuron.rxd)", "take them out")
    if pc.nhost() > 1:
        report.add("processes", f"the model is spread over {pc.nhost():g} processes", "build it in one")
    if pc.nthread() > 1:
        text = (
            f"NEURON runs {pc.nthread():g} threads, so its nodes are not in the one order that a freeze keeps"
        )
        report.add("threads", text, "call pc.nthread(1) before the freeze; HelioX has threads of its own")
    return pc.nthread() <= 1


def check_random_play(h: Any, report: Report) -> None:
    """Report Random.play: who plays has drawn a number when a copy of the process lets all play."""
    streams, play = h.List("Random"), library_function("nrn_random_play")
    if not streams.count() or play is None or not can_try():
        return

    def drawn() -> list[str]:
        before = [stream.seq() for stream in streams]
        for _ in range(2):  # a normal distribution keeps every second number
            play()
        return [stream.hname() for stream, seq in zip(streams, before) if stream.seq() != seq]

    try:
        playing = attempt(drawn)
    except TrialError as e:
        playing = [f"one of {streams.count()} Random objects ({e})"]
    if playing:
        text = f"Random.play is in force: {', '.join(playing[:4])}{', ...' if len(playing) > 4 else ''}"
        report.add("play", text, "draw the numbers before and use Vector.play, or a mechanism with RANDOM")


def _has_rxd() -> bool:
    species = sys.modules.get("neuron.rxd.species")
    return any(s() is not None for s in getattr(species, "_all_species", ()))


def check_solver(h: Any, report: Report) -> None:
    """Report the general sparse solver where nothing needs it; the structure must be up to date.

    NEURON keeps it on when what needed it is gone. It eliminates in another order, so the last bits of its
    voltages are not those of the tree solver.
    """
    if h.CVode().use_mxb() and not any(p.kind in NEEDS_SPARSE for p in report):
        text = "NEURON's general sparse solver is on, as extracellular and LinearMechanism leave it"
        report.add("solver", text, "call cvode.use_mxb(0)")
