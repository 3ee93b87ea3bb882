"""What the readers of morphology files share: the bytes of a file, and errors that name file and line."""

from __future__ import annotations

import os
import re
from decimal import Decimal

import numpy as np

from heliox.errors import ModelError

NUMBER = rb"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
# what a text of any one-byte encoding or UTF-8 does not hold
_NOT_TEXT = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f]")
_EPSILON = 1e-11  # hoc compares numbers with this absolute tolerance


def error(path: str, line: int | None, message: str) -> ModelError:
    """A ModelError with the fields ``path`` and, where there is one, ``line``."""
    if line is None:
        return ModelError(f"{path}: {message}", path=path)
    return ModelError(f"{path}, line {line}: {message}", path=path, line=line)


def text_of(path: str | os.PathLike[str]) -> bytes:
    """The bytes of a text file with ``\\n`` as its only line end; no encoding is assumed above ASCII.

    Descriptions and comments of real files hold bytes of many encodings; all that is read is ASCII.

    Raises
    ------
    ModelError
        If there is no such file, or it is empty, binary or UTF-16.
    """
    name = os.fspath(path)
    try:
        with open(path, "rb") as file:
            data = file.read()
    except (OSError, ValueError) as e:  # ValueError: a null character in the name
        raise error(str(name), None, f"the file cannot be read ({e})") from None
    data = data.removeprefix(b"\xef\xbb\xbf")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise error(name, 1, "the text is UTF-16; save it as UTF-8 or plain ASCII")
    data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    strange = _NOT_TEXT.search(data)
    if strange is not None:
        line = data.count(b"\n", 0, strange.start()) + 1
        raise error(name, line, f"this is no text file: it holds the byte 0x{strange.group()[0]:02x}")
    if not data.strip():
        raise error(name, None, "the file is empty")
    return data


def shown(text: bytes, longest: int = 60) -> str:
    """A piece of a file for an error message."""
    words = text.decode("latin-1").strip()
    return repr(words if len(words) <= longest else words[:longest] + "...")


def equal(a: float, b: float) -> bool:
    """hoc's ``==``."""
    return b - _EPSILON <= a <= b + _EPSILON


def less(a: float, b: float) -> bool:
    """hoc's ``<``."""
    return a < b - _EPSILON


def to_single(values: np.ndarray, texts: list[bytes]) -> np.ndarray:
    """Numbers rounded to single precision as C's ``strtof`` does: once, from the decimal text.

    Parameters
    ----------
    values : (n,) float64
        The numbers in double precision.
    texts : list of bytes
        Their texts. They decide where the double lies half way between two singles.

    Returns
    -------
    (n,) float32
    """
    with np.errstate(over="ignore", under="ignore"):
        single = values.astype(np.float32)
    half_way = (np.ascontiguousarray(values).view(np.int64) & 0x1FFFFFFF) == 0x10000000
    for i in np.flatnonzero(half_way & np.isfinite(single)):
        exact, rounded = Decimal(texts[i].decode()), Decimal(float(values[i]))
        if exact != rounded:
            single[i] = _towards(values[i], exact > rounded)
    return single


def _towards(value: np.float64, up: bool) -> np.float32:
    """The single next to a double that lies half way between two."""
    near = np.float32(value)
    is_above = float(near) > float(value)
    if is_above == up:
        return near
    return np.nextafter(near, np.float32(np.inf if up else -np.inf))
