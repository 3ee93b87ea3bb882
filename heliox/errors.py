"""The exceptions of HelioX.

Every error carries what it is about as fields (``section``, ``mechanism``, ``variable``, ...), so that a
program can read what the message says in words.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class HelioXError(Exception):
    """Base of all errors raised on purpose by HelioX.

    Parameters
    ----------
    message : str
        What is wrong, and what would be legal.
    **fields
        Identifiers of the place: section, mechanism, variable, file, line, time, cell, member, ...
    """

    def __init__(self, message: str, **fields: object) -> None:
        super().__init__(message)
        self.fields = fields

    def __getattr__(self, name: str) -> object:
        try:
            return self.__dict__["fields"][name]
        except KeyError:
            raise AttributeError(name) from None


class ModelError(HelioXError):
    """The model, a name in it, or a model file is not what it must be."""


class MechanismError(HelioXError):
    """A mechanism's text or declaration is not legal; fields ``file`` and ``line`` say where."""


class UnsupportedError(HelioXError):
    """The model uses something HelioX cannot run; field ``problems`` lists all of it."""


class NumericalError(HelioXError):
    """A variable left the finite numbers.

    Fields ``time``, ``cell``, ``section``, ``variable``, ``member`` say where.
    """


class DeviceError(HelioXError):
    """The device asked for is missing, too small, or failed."""


def nearest(name: str, legal: Iterable[str], count: int = 4) -> str:
    """Words for an error message: the legal names closest to `name`."""
    names = sorted({str(x) for x in legal})
    close = difflib.get_close_matches(name, names, n=count, cutoff=0.5)
    if close:
        return "did you mean " + ", ".join(repr(x) for x in close) + "?"
    if not names:
        return "there are none."
    shown = ", ".join(repr(x) for x in names[:12])
    return f"legal are {shown}" + (f", ... ({len(names)} in all)." if len(names) > 12 else ".")
