"""The freeze: a live NEURON session becomes a `Model`, and stays as it was."""

from __future__ import annotations

import contextlib
import gc
import io
import os
import sys
import tempfile
from typing import Any

import numpy as np

from heliox.errors import HelioXError, ModelError
from heliox.frontend import savestate
from heliox.frontend.cells import Anatomy, read_cells, read_points
from heliox.frontend.lists import read_lists
from heliox.frontend.membrane import read_membrane
from heliox.frontend.network import read_network
from heliox.frontend.plays import read_plays
from heliox.frontend.pointers import read_pointers
from heliox.frontend.problems import Report
from heliox.frontend.savestate import SaveState
from heliox.frontend.session import check_random_play, check_session, check_solver
from heliox.frontend.transfers import read_transfers
from heliox.frontend.trial import TrialError, attempt, can_try, nothing_is_collected
from heliox.mechanisms import catalogue
from heliox.model.model import Cells, Model, Settings, Sources
from heliox.model.tree import check


def from_neuron(v_init: float | None = None, *, h: Any = None) -> Model:
    """Freeze the NEURON session.

    Parameters
    ----------
    v_init : float, optional
        Membrane potential (mV) for ``h.finitialize``, called first. Without it the session is frozen as it
        stands, in the middle of a run too.
    h : optional
        NEURON's ``h``; by default that of ``neuron``.

    Returns
    -------
    Model
        In NEURON's own numbers and order. The session goes on as if nothing had happened.

    Raises
    ------
    UnsupportedError
        For everything at once that HelioX cannot run (field ``problems``).
    ModelError
        If there is nothing to freeze, or a number is not finite.
    """
    h = _session(h)
    if not _anything(h):
        raise ModelError(
            "the NEURON session is empty: build a model with h.Section or an artificial cell first"
        )
    if v_init is not None:
        gc.collect()  # a model thrown away would live on in NEURON until Python happens to look
    with nothing_is_collected():
        if v_init is not None:
            h.finitialize(v_init)
        model, report = examine(h)
    report.check()
    assert model is not None  # or there would be a problem
    return check(model)


def examine(h: Any = None) -> tuple[Model | None, Report]:
    """The model as far as it can be read, and all problems of the session."""
    with nothing_is_collected():
        return _examine(_session(h))


def _examine(h: Any) -> tuple[Model | None, Report]:
    report = Report()
    if not _anything(h):
        report.add("empty", "there is neither a section nor an artificial cell", "build a model first")
        return None, report
    if not check_session(h, report):
        return None, report
    sections = list(h.allsec())
    changed = _verify_structure(h, sections)
    if not _readable(h, changed, report):
        return None, report
    state = _save(h, report)
    if state is None:
        return None, report
    model = _read(h, sections, state, report)
    check_solver(h, report)
    check_random_play(h, report)
    return model, report


def _readable(h: Any, changed: bool, report: Report) -> bool:
    """Report what would bring the process down if it were read."""
    uninitialized = (changed or h.t == 0.0) and _artificial(h)
    waiting = _waiting(h)
    if changed and waiting:
        kind, text = "queue", "the model was changed, and events from before still wait in the queue"
    elif not (waiting or uninitialized) or _survives_reading(h):
        return True
    elif waiting:
        kind, text = "queue", "events wait in the queue for objects that are gone"
    else:
        kind, text = "not initialized", "there are artificial cells, and the session was never initialized"
    report.add(kind, text, "call h.finitialize, or pass v_init")
    return False


def _session(h: Any) -> Any:
    if h is None:
        try:
            from neuron import h as session
        except ImportError as e:
            raise HelioXError(
                f"NEURON cannot be imported ({e}); install it with: pip install neuron"
            ) from None
        return session
    return h


def _anything(h: Any) -> bool:
    return next(iter(h.allsec()), None) is not None or _artificial(h)


def _artificial(h: Any) -> bool:
    kinds, name = h.MechanismType(1), h.ref("")
    for k in range(int(kinds.count())):
        if kinds.is_artificial(k):
            kinds.select(k)
            kinds.selected(name)
            if h.List(name[0]).count():
                return True
    return False


def _verify_structure(h: Any, sections: list) -> bool:
    """Bring topology, order and geometry up to date, as the next step would; tell whether anything changed.

    Of what does that in NEURON only psection changes no number and needs no window. What it prints goes
    nowhere; without a section it complains when the work is done.
    """
    count = h.CVode().structure_change_count
    before = count()
    own_stdout = getattr(sys.modules.get("neuron"), "embedded", False)  # nrniv -python prints by itself
    if own_stdout:
        h.hoc_stdout(os.devnull)
    nowhere = io.StringIO()
    try:
        with contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
            if sections:
                h.psection(sec=sections[0])
            else:
                with contextlib.suppress(RuntimeError):
                    h.psection()
    finally:
        if own_stdout:
            h.hoc_stdout()
    return count() != before


def _survives_reading(h: Any) -> bool:
    """Whether NEURON lives on when its state is saved and its queue read.

    It stops the process if there are artificial cells and never was a finitialize, and it follows pointers
    of waiting events to objects that may be gone. Nothing tells beforehand, so a copy of the process tries.
    """

    def read() -> bool:
        h.t = h.ParallelContext().t(0)  # see _save
        h.SaveState().save()
        times, flags, held, targets = h.Vector(), h.Vector(), h.List(), h.List()
        h.CVode().event_queue_info(2, times, held)
        h.CVode().event_queue_info(3, times, flags, targets)
        return set(held) <= set(h.List("NetCon")) and all("[" in target.hname() for target in targets)

    try:
        return not can_try() or attempt(read)
    except TrialError:
        return False


def _waiting(h: Any) -> int:
    """Number of entries in the queue, none of them touched."""
    times = h.Vector()
    h.CVode().print_event_queue(times)
    return len(times)


def _save(h: Any, report: Report) -> SaveState | None:
    """What NEURON's SaveState has to tell."""
    path = os.path.join(tempfile.mkdtemp(prefix="heliox-"), "state")
    # NEURON stops the process if its two clocks differ when it saves, and they do after h.t was set by hand.
    t, clock = h.t, h.ParallelContext().t(0)
    try:
        if t != clock:
            h.t = clock
        saved = h.SaveState()
        saved.save()
        saved.fwrite(h.File(path))
        with open(path, "rb") as f:
            return savestate.parse(f.read())
    except (RuntimeError, OSError) as e:
        report.add("state", f"NEURON cannot save its state ({e})", "call h.finitialize, or pass v_init")
        return None
    finally:
        if t != clock:
            h.t = t
        if os.path.exists(path):
            os.remove(path)
        os.rmdir(os.path.dirname(path))


def _read(h: Any, sections: list, state: SaveState, report: Report) -> Model:
    anatomy = read_cells(h, sections, state)
    membrane = read_membrane(h, anatomy, state, report)
    read_lists(h, membrane, state, report)
    sources, connections, events = read_network(h, anatomy, membrane, state, report)
    plays = read_plays(h, anatomy, membrane, state, report)
    transfers = read_transfers(anatomy, membrane, report)
    pointers = read_pointers(anatomy, membrane, report)
    return Model(
        settings=_settings(h),
        cells=_cells(anatomy, sources),
        sections=anatomy.sections,
        nodes=anatomy.nodes,
        mechanisms=tuple(membrane.mechanisms),
        sources=sources,
        connections=connections,
        events=events,
        definitions={t.name: catalogue.define(t) for t in membrane.templates},
        origin=f"NEURON {h.nrnversion(0)}",
        plays=plays,
        transfers=transfers,
        pointers=pointers,
        points=read_points(sections),
    )


def _settings(h: Any) -> Settings:
    key = int(h.Random().Random123_globalindex())
    return Settings(float(h.t), float(h.dt), float(h.celsius), int(h.secondorder), key)


def _cells(anatomy: Anatomy, sources: Sources) -> Cells:
    """Cells with the gid of their first source that has one."""
    roots = np.array(sorted(anatomy.root_segments), np.int32)
    gid = np.full(len(roots), -1, np.int64)
    cell = np.arange(len(anatomy.nodes)) if not len(roots) else _cell_of_node(anatomy)
    for m, k, g in zip(sources.mechanism.tolist(), sources.index.tolist(), sources.gid.tolist()):
        if m < 0 <= g and gid[cell[k]] < 0:
            gid[cell[k]] = g
    return Cells(anatomy.cell_names, roots, gid)


def _cell_of_node(anatomy: Anatomy) -> np.ndarray:
    section = anatomy.nodes.section
    return np.where(section < 0, np.arange(len(section)), anatomy.sections.cell[section])
