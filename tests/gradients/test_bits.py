"""The bits of a gradient depend on neither memory, threads nor place in a batch."""

import numpy as np
import pytest

from heliox.engine.adjoint import Schedule
from heliox.errors import ModelError
from tests.gradients import models
from tests.gradients.models import SYNAPSES
from tests.gradients.sweeps import Sweeps


def test_checkpoints_give_the_bits_of_the_whole_tape():
    model = models.with_synapses()
    whole = Sweeps(model, SYNAPSES, geometry=True, v_init=-65.0, tstop=50.0)
    found = whole.reverse()
    row, saved = whole.d.row_bytes, whole.sim.engine.state_bytes
    for one_level in (True, False):
        s = Schedule(whole.steps, 500 if one_level else 125, row, saved, bisect=not one_level)
        memory = s.bytes
        s = Sweeps(model, SYNAPSES, geometry=True, v_init=-65.0, tstop=50.0, memory=memory)
        assert s.d.schedule.pieces > 1
        assert s.d.schedule.bisect != one_level
        assert s.d.schedule.bytes <= memory
        assert np.array_equal(s.R, whole.R)
        assert np.array_equal(s.reverse(), found)
    with pytest.raises(ModelError, match="needs at least"):
        Sweeps(model, SYNAPSES, geometry=True, v_init=-65.0, tstop=50.0, memory=row)


def test_members_and_threads_give_the_bits_of_a_run_alone():
    model = models.with_synapses()
    alone = Sweeps(model, SYNAPSES, geometry=True, v_init=-65.0)
    found = alone.reverse()
    for threads in (1, 2):
        s = Sweeps(model, SYNAPSES, geometry=True, v_init=-65.0, batch=3, threads=threads)
        n = alone.R.shape[1]
        s.W = np.concatenate([0.5 * alone.W, alone.W, -alone.W], axis=1)
        B = s.reverse()[:-1].reshape(3, -1)
        assert np.array_equal(s.R[:, n : 2 * n], alone.R)
        for name in SYNAPSES:
            at = alone.places(name)
            assert np.array_equal(B[1][at], found[at])
