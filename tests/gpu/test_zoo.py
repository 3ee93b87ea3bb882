"""The models of the zoo do something, on the CPU: no GPU is needed here."""

import numpy as np
import pytest

from heliox.engine.layout import make_plan
from heliox.engine.portable import places
from heliox.kernels.codegen import module_text
from heliox.model.names import Names
from tests.gpu import zoo
from tests.gpu.compare import differences, lives, same

# Each model is a module of its own that takes its seconds to compile. Where there is a GPU test_bits runs all
# of them; here those run whose mechanisms only the zoo has.
HERE = ["artificial", "learning", "streams", "pumps", "pointers"]


@pytest.mark.parametrize("name", HERE)
def test_it_lives(name):
    lives(name, zoo.run(name))


@pytest.mark.parametrize("name", zoo.CASES)
def test_it_can_be_made(name):
    """All but the compilation: the model, its plan, the text of its module, names of what is watched."""
    case = zoo.CASES[name]
    plan = make_plan(case.build(), dt=0.025, batch=case.options.get("batch", 1))
    compile(module_text(plan.program), name, "exec")
    assert all(len(at) == len(np.unique(at)) for at in places(plan).values())
    names = Names(plan.model)
    assert all(len(names.select(variable)) for variable in case.watch)


@pytest.mark.parametrize("name", ["artificial", "learning"])
def test_a_run_equals_itself_in_pieces(name):
    same(zoo.run(name), zoo.run(name, pieces=(0.3, 0.05, 0.65)))


def test_members_differ():
    v = zoo.run("members").values["v"]
    assert len({v[m].tobytes() for m in range(7)}) == 7


def test_what_differs_is_named():
    a, b = {"v": np.zeros((2, 3)), "w": np.zeros(2)}, {"v": np.zeros((2, 3)), "w": np.zeros(2)}
    assert differences(a, b) == []
    b["v"][1, 2] = 0.5
    (line,) = differences(a, b)
    assert line.startswith("v: 1 of 6 differ, first at (1, 2)") and line.endswith("by 0.5 at most")
    assert differences({"v": np.array([np.nan])}, {"v": np.array([np.nan])}) == []
    assert len(differences({"v": np.zeros(2)}, {"w": np.zeros(2)})) == 1
