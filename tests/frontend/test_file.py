"""Loading a model: its mechanisms come from their stored text, which is checked and never executed."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from heliox.errors import MechanismError, ModelError
from heliox.frontend.file import load
from heliox.mechanisms import catalogue
from heliox.mechanisms.template import MechTemp
from heliox.model.model import Definition
from tests.model.sample import sample_model


def current(v, g, e):
    i = g * (v - e)
    return i


DECLARED: dict[str, Any] = dict(parameters={"g": 1e-3, "e": -70.0}, assigned=("i",), currents=("i",))
LEAK = MechTemp("leak", "density", (current,), **DECLARED)


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "net.h5"


def with_leak(text: str):
    """The sample model with its mechanism pas under the name leak and a definition of one's own."""
    model = sample_model()
    leak = dataclasses.replace(model.mechanisms[1], name="leak")
    definitions = {k: d for k, d in model.definitions.items() if k != "pas"}
    return model.replace(
        mechanisms=(model.mechanisms[0], leak, *model.mechanisms[2:]),
        definitions={**definitions, "leak": Definition("leak", "python", text)},
    )


def test_a_saved_model_is_loaded(path):
    model = sample_model()
    model.save(path)
    again = load(path)
    assert again.hash == model.hash
    assert catalogue.resolve(again.definitions["na_ion"]).name == "na_ion"


def test_a_mechanism_of_ones_own_is_lowered_from_its_text(path):
    with_leak(LEAK.to_text()).save(path)
    template = catalogue.resolve(load(path).definitions["leak"])
    assert template.to_text() == LEAK.to_text()
    assert "leak" not in catalogue.names()


def changed(**parts: str) -> str:
    declared = json.loads(LEAK.to_text())
    declared["functions"].update(parts)
    return json.dumps(declared)


@pytest.mark.parametrize(
    "text",
    [
        changed(current="def current(v, g, e):\n    i = __import__('os').getpid()\n    return i"),
        changed(current="def current(v, g, e):\n    import os\n    i = g\n    return i"),
        changed(current="def current(v, g, e):\n    i = open('x')\n    return i"),
        changed(current="def current(v, g, e):\n    i = v.real\n    return i"),
        changed(current="raise SystemExit"),
        changed(current="def current(v, g, e:"),
        changed(exploit="def exploit(v):\n    return v"),
        "import os",
        "[]",
        "",
        "[" * 100_000,
    ],
)
def test_text_that_is_no_mechanism_is_refused_with_mechanism_and_file(path, text):
    with_leak(text).save(path)
    with pytest.raises(MechanismError, match=r"net\.h5.*'leak'") as e:
        load(path)
    assert (e.value.mechanism, e.value.path) == ("leak", str(path))


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        (Definition("hh", "library", "not a number"), "not a valence"),
        (Definition("hh", "fortran", ""), "fortran"),
        (Definition("pas", "library", ""), r"'hh' \(density\) is that of 'pas'"),
        (Definition("IClamp", "library", ""), "that of 'IClamp'"),
        (Definition("hhh", "library", ""), "no mechanism 'hhh'"),
    ],
)
def test_a_definition_that_cannot_be_resolved_is_refused(path, definition, message):
    model = sample_model()
    model.replace(definitions={**model.definitions, "hh": definition}).save(path)
    with pytest.raises(MechanismError, match=message) as e:
        load(path)
    assert (e.value.mechanism, e.value.path) == ("hh", str(path))


def test_a_definition_of_another_kind_is_refused(path):
    model = sample_model()
    point = dataclasses.replace(model.mechanisms[4], kind="point")
    model.replace(mechanisms=(*model.mechanisms[:4], point, *model.mechanisms[5:])).save(path)
    with pytest.raises(MechanismError, match=r"'hh' \(point\) is that of 'hh' \(density\)"):
        load(path)


def test_a_mechanism_without_definition_is_refused(path):
    model = sample_model()
    model.replace(definitions={k: d for k, d in model.definitions.items() if k != "hh"}).save(path)
    with pytest.raises(ModelError, match="no definition of mechanism 'hh'"):
        load(path)


def test_a_damaged_file_is_refused(path):
    sample_model().save(path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ModelError, match="cut off"):
        load(path)
