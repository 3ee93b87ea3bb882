"""Values of unit expressions such as ``(faraday)`` or ``(k-mole)``, as NEURON's units database gives them.

Only what mod files use; constants of nature are CODATA 2018. A unit text is a number, then names: ``-`` or
space multiplies, everything after ``/`` divides, a digit behind a name is its power. Names may carry
prefixes and a plural s. Numbers are written ``6.02+23``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

_PREFIX = {
    "atto": 1e-18, "femto": 1e-15, "pico": 1e-12, "nano": 1e-9, "micro": 1e-6, "milli": 1e-3, "centi": 1e-2,
    "deci": 1e-1,
    "deka": 1e1, "hecto": 1e2, "kilo": 1e3, "mega": 1e6, "meg": 1e6, "giga": 1e9, "tera": 1e12,
}  # fmt: skip

# name -> definition; the order of the factors is that of NEURON's database, since products are rounded
_DEFINED = {
    "pi": "3.14159265358979323846", "two": "2", "fuzz": "1", "c": "2.99792458+8 m/sec", "g": "9.80665 m/sec2",
    "mole": "6.02214076+23", "e": "1.602176634-19 coul", "faraday": "e-mole",
    "boltzmann": "1.380649-23 joule/K", "k": "boltzmann", "gasconstant": "k-mole",
    "R": "gasconstant", "avogadro": "mole", "planck": "6.62607015-34 joule-sec", "hbar": "planck/two-pi",
    "radian": ".5 / pi",
    "degree": "1|180 pi-radian",
    "second": "sec", "s": "sec", "minute": "60 sec", "min": "minute", "hour": "60 min", "hr": "hour",
    "day": "24 hr",
    "ms": "millisec", "us": "microsec", "msec": "millisec", "gram": "millikg", "gm": "gram",
    "mg": "milligram",
    "meter": "m", "cm": "centimeter", "mm": "millimeter", "km": "kilometer", "nm": "nanometer",
    "micron": "micrometer",
    "um": "micrometer", "angstrom": "decinanometer", "liter": "kilocc", "l": "liter", "ml": "milliliter",
    "cc": "cm3",
    "newton": "kg-m/sec2", "nt": "newton", "N": "newton", "joule": "nt-m", "cal": "4.1868 joule",
    "calorie": "cal",
    "coulomb": "coul", "C": "coul", "ampere": "coul/sec", "amp": "ampere", "watt": "joule/sec",
    "volt": "watt/amp",
    "ohm": "volt/amp", "mho": "/ohm", "farad": "coul/volt", "henry": "sec2/farad", "weber": "volt-sec",
    "hertz": "/sec", "Hz": "hertz",
    "degC": "K", "kelvin": "K", "degK": "K", "degreeC": "K", "dalton": "1.66044-27 kg", "pascal": "nt/m2",
    "dyne": "cm-gm/sec2", "erg": "cm2-gm/sec2",
    "molar": "mole/liter", "M": "molar", "siemens": "mho", "S": "siemens", "%": "1|100",
    "atm": "1.01325+5 nt/m2", "bar": "1+5 nt/m2",
    "mV": "millivolt", "mA": "milliamp", "nA": "nanoamp", "uA": "microamp", "pA": "picoamp",
    "mM": "millimolar", "uM": "micromolar",
    "uS": "microsiemens", "mS": "millisiemens", "pS": "picosiemens", "nS": "nanosiemens",
    "uF": "microfarad", "V": "volt", "A": "amp",
}  # fmt: skip
_PRIMITIVE = ("m", "kg", "sec", "coul", "candela", "dollar", "bit", "erlang", "K")
_NUMBER = re.compile(r"\s*(\d*\.?\d*)(?:([+-])(\d+))?")
_WORD = re.compile(r"[^-/\s1-9]+")
Value = tuple[float, tuple[int, ...]]


class Units:
    """NEURON's units and those that a mod file defines in its UNITS block."""

    def __init__(self, own: Mapping[str, str] | None = None) -> None:
        self._defined = {**_DEFINED, **{a: b for a, b in (own or {}).items() if a and a not in _PRIMITIVE}}
        self._known: dict[str, Value] = {}
        self._busy: set[str] = set()

    def ratio(self, first: str, second: str) -> float:
        """The factor from `first` to `second`.

        Raises
        ------
        ValueError
            For a name that is not known.
        """
        if len(first) > 200 or len(second) > 200:
            raise ValueError("a unit of more than 200 characters")
        a, b = self.value(first)[0], self.value(second)[0]
        if b == 0.0 or not math.isfinite(a / b):
            raise ValueError("no finite value")
        return a / b

    def value(self, text: str) -> Value:
        """Factor and dimensions of a unit text."""
        factor, at = _number(text)
        dimensions = [0] * len(_PRIMITIVE)
        dividing = False
        while at < len(text):
            c = text[at]
            if c == "/":
                dividing = True
            m = _WORD.match(text, at)
            if m is None:
                at += 1
                continue
            at = m.end()
            power = int(text[at]) if at < len(text) and text[at] in "23456789" else 1
            f, d = self._lookup(m.group())
            for _ in range(power):
                factor = factor / f if dividing else factor * f
                dimensions = [x - y if dividing else x + y for x, y in zip(dimensions, d)]
        return factor, tuple(dimensions)

    def _lookup(self, name: str) -> Value:
        scale, word = 1.0, name
        while True:
            found = self._plain(word)
            if found is not None:
                return found[0] * scale, found[1]
            prefix = next((p for p in _PREFIX if word.startswith(p) and len(word) > len(p)), None)
            if prefix is not None:
                scale *= _PREFIX[prefix]
                word = word[len(prefix) :]
            elif len(word) > 1 and word.endswith("s"):
                word = word[:-1]
            else:
                raise ValueError(
                    f"the unit {name!r} is not known; declare it in UNITS, such as ({name}) = "
                    "(millivolt), or write the number"
                )

    def _plain(self, word: str) -> Value | None:
        if word in self._known:
            return self._known[word]
        if word in _PRIMITIVE:
            k = _PRIMITIVE.index(word)
            return 1.0, tuple(int(j == k) for j in range(len(_PRIMITIVE)))
        if word not in self._defined:
            return None
        if word in self._busy:
            if word in _DEFINED:
                return self._standard(word)
            raise ValueError(f"the unit {word!r} is defined by itself")
        self._busy.add(word)
        try:
            self._known[word] = self.value(self._defined[word])
        finally:
            self._busy.discard(word)
        return self._known[word]

    def _standard(self, word: str) -> Value:
        """``(mV) = (mV)`` and the like: the database's own meaning."""
        return Units().value(_DEFINED[word])


def _number(text: str) -> tuple[float, int]:
    """The number at the start (1 without one) and where it ends."""
    m = _NUMBER.match(text)
    assert m is not None
    if not m.group(1):
        return 1.0, 0
    mantissa = m.group(1) if m.group(1) != "." else "0"
    value = float(f"{mantissa}e{m.group(2)}{m.group(3)[:3]}") if m.group(2) else float(mantissa)
    at = m.end()
    if at < len(text) and text[at] == "|":
        below, used = _number(text[at + 1 :])
        return value / below, at + 1 + used
    return value or 1.0, at
