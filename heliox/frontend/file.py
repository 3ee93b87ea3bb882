"""A model from its file: the arrays, and its mechanisms lowered again from the stored text."""

from __future__ import annotations

import os
from pathlib import Path

from heliox.errors import MechanismError, ModelError, nearest
from heliox.mechanisms import catalogue
from heliox.mechanisms.template import MechTemp
from heliox.model import store
from heliox.model.model import Model
from heliox.nmodl.translate import translate


def load(path: str | os.PathLike[str]) -> Model:
    """Read a model that `Model.save` wrote. NEURON is not needed, and nothing in the file is executed.

    Parameters
    ----------
    path : str or path
        An HDF5 file of HelioX.

    Returns
    -------
    Model
        Equal to the saved one, to the last bit.

    Raises
    ------
    ModelError
        If the file is missing, damaged, from a newer HelioX, or no model.
    MechanismError
        If the text of a mechanism is not legal, or the library has no such mechanism; fields ``mechanism``,
        ``path``.
    """
    path = os.fspath(path)
    model = store.read(path)
    for mechanism in model.mechanisms:
        if mechanism.name not in model.definitions:
            raise ModelError(
                f"{path} has no definition of mechanism {mechanism.name!r}; "
                + nearest(mechanism.name, model.definitions),
                path=path, mechanism=mechanism.name,
            )  # fmt: skip
    kinds = {m.name: m.kind for m in model.mechanisms}
    for name in model.definitions:
        check_definition(model, name, kinds.get(name, ""), path)
    return model


def load_mod(path: str | Path) -> MechTemp:
    """A mechanism from mod text, without a compiler, registered for models of this process.

    Raises
    ------
    MechanismError
        With file, line, column and the offending text.
    """
    path = Path(path)
    try:
        text = path.read_bytes().decode("utf-8", errors="replace")
    except OSError as e:
        raise MechanismError(f"{path}: {e.strerror or e}", file=str(path)) from None
    template = translate(text, str(path), [path.parent])
    catalogue.register(template)
    return template


def check_definition(model: Model, name: str, kind: str, path: str) -> None:
    """Lower the definition of mechanism `name`; `kind` is that of its instances, ``""`` if there are none.

    Raises
    ------
    MechanismError
        Naming mechanism and file, if the text is not legal or is that of another mechanism.
    """
    try:
        template = catalogue.resolve(model.definitions[name])
    except MechanismError as e:
        message = f"{path}: mechanism {name!r} cannot be read: {e}"
        raise MechanismError(message, **{**e.fields, "path": path, "mechanism": name}) from None
    if template.name != name or kind not in ("", template.kind):
        raise MechanismError(
            f"{path}: the text of mechanism {name!r} ({kind or 'no instances'}) is that of {template.name!r} "
            f"({template.kind})",
            path=path, mechanism=name,
        )  # fmt: skip
