"""Results as tables of pandas and arrays of xarray, which are imported here and when asked for only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from heliox.errors import HelioXError

MISSING = "{} is not installed; get it with: python -m pip install 'heliox[data]'"


class Sampled(Protocol):
    """Samples over time of one or more variables.

    ``t`` (samples,) ms; ``values`` (samples,), (n, samples), or either with a leading axis of members;
    ``names`` (n,) and ``unit`` of the variables.
    """

    @property
    def t(self) -> NDArray[np.float64]: ...

    @property
    def values(self) -> NDArray[np.float64]: ...

    @property
    def names(self) -> Sequence[str]: ...

    @property
    def unit(self) -> str: ...


def frame(samples: Sampled) -> Any:
    """A DataFrame: rows by t (ms), columns by name, or by (member, name) for a batch.

    Raises
    ------
    HelioXError
        If pandas is not installed.
    """
    pandas = _pandas()
    names, values = list(samples.names), samples.values
    columns: Any = names
    if _has_members(samples):
        columns = pandas.MultiIndex.from_product([range(len(values)), names], names=["member", "name"])
    index = pandas.Index(samples.t, name="t")
    table = pandas.DataFrame(values.reshape(len(columns), len(index)).T, index=index, columns=columns)
    table.attrs.update(unit=samples.unit, t_unit="ms")
    return table


def labelled(samples: Sampled) -> Any:
    """A DataArray with the dimensions that `values` has, of ``member``, ``place`` and ``t`` (ms).

    Raises
    ------
    HelioXError
        If xarray is not installed.
    """
    xarray = _xarray()
    names, values = list(samples.names), samples.values
    dimensions = ["member"] * _has_members(samples) + ["place"] * (len(names) != 1) + ["t"]
    coordinates: dict[str, Any] = {"t": ("t", samples.t, {"units": "ms"})}
    coordinates["place"] = ("place", names) if "place" in dimensions else names[0]
    if "member" in dimensions:
        coordinates["member"] = np.arange(len(values))
    return xarray.DataArray(
        values, coordinates, dimensions, variable_of(names), attrs={"units": samples.unit}
    )


def spike_frame(columns: dict[str, NDArray]) -> Any:
    """A DataFrame with a row for each spike; HelioXError if pandas is not installed."""
    table = _pandas().DataFrame(columns)
    table.attrs.update(t_unit="ms")
    return table


def spike_dataset(columns: dict[str, NDArray]) -> Any:
    """A Dataset with the dimension ``spike``; HelioXError if xarray is not installed."""
    units = {"t": {"units": "ms"}}
    variables = {name: ("spike", column, units.get(name, {})) for name, column in columns.items()}
    return _xarray().Dataset(variables)


def variable_of(names: list[str]) -> str:
    """``"hh.m"`` of ``soma[0](0.5).hh.m``, ``"i"`` of ``IClamp[0].i``; "" where they differ."""
    found = {name.rpartition(").")[2].rpartition("].")[2] for name in names}
    return found.pop() if len(found) == 1 else ""


def _has_members(samples: Sampled) -> bool:
    return samples.values.ndim == 2 + (len(samples.names) != 1)


def _pandas() -> Any:
    try:
        import pandas
    except ImportError:
        raise HelioXError(MISSING.format("pandas")) from None
    return pandas


def _xarray() -> Any:
    try:
        import xarray
    except ImportError:
        raise HelioXError(MISSING.format("xarray")) from None
    return xarray
