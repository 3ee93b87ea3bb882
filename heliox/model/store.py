"""A model in one HDF5 file.

A file is 512 bytes of header, then HDF5 (which allows for such a block). The header is one line of text with
the schema and the SHA-256 of all that follows, so that no damaged byte ever reaches the HDF5 library.

The layout follows the dataclasses of `heliox.model.model`: a dataclass is a group, an array a dataset,
a number or a string an attribute, a tuple of strings a dataset of UTF-8 bytes with a NUL behind each,
a tuple of dataclasses a group with the members 0, 1, ..., a mapping a group with its keys. A new field
of a dataclass needs a default, for files that lack it, the next number for `SCHEMA`, and a line here:

schema 1: as of HelioX 0.1.
schema 2: plays, transfers, pointers, points; lists of mechanisms.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
import os
import re
import secrets
import typing
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from typing import Any, NoReturn

import h5py
import numpy as np
from numpy.typing import NDArray

from heliox._version import __version__
from heliox.errors import ModelError
from heliox.model import tree
from heliox.model.model import Model
from heliox.model.sniff import looks_like

FORMAT = "heliox-model"
SCHEMA = 2
HEADER = 512  # bytes; the smallest block that HDF5 allows before itself
CHUNK = 1 << 20  # bytes of an array that are compressed together
SMALL = 1 << 10  # bytes up to which compressing only costs
LONGEST_CHUNK = 1 << 24  # bytes; no file of ours comes near
DEFLATE_LIMIT = 1032  # zlib never makes anything smaller than by this factor

_LINE = re.compile(
    rb"HelioX model; schema (\d{1,9}); heliox ([!-~]{1,40}); (\d{1,18}) bytes; sha256 ([0-9a-f]{64})\n\0*"
)
_HDF5 = b"\x89HDF\r\n\x1a\n"
_FILTERS = {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE}

# --- writing


def save(model: Model, path: str | os.PathLike[str]) -> None:
    """Write `model` to `path`: all of it, or nothing.

    The file is written beside its place and then renamed, so that a failure leaves an older file as it was.

    Raises
    ------
    ModelError
        If the model is not one that `read` would accept, or the file cannot be written.
    """
    path = os.fspath(path)
    try:
        tree.check(model)
        image = _image(model)
    except ModelError as e:
        raise ModelError(f"{path} is not written: {e}", **{**e.fields, "path": path}) from None
    digest = hashlib.sha256(image).hexdigest()
    line = f"HelioX model; schema {SCHEMA}; heliox {__version__}; {len(image)} bytes; sha256 {digest}\n"
    try:
        write_beside(path, line.encode().ljust(HEADER, b"\0"), image)
    except OSError as e:
        kept = "; the older file is as it was" if os.path.isfile(path) else ""
        raise ModelError(f"{path} cannot be written: {e.strerror or e}{kept}", path=path) from e


def _image(model: Model) -> bytes:
    """The HDF5 file of a model. It is made in memory: HDF5 itself does not survive a disk that fills up."""
    memory = {"driver": "core", "backing_store": False, "block_size": 1 << 22}
    with h5py.File("model", "w", libver=("v110", "v110"), **memory) as file:
        _write_record(file, Model, model, "")
        file.attrs["format"] = FORMAT
        file.attrs["schema"] = SCHEMA
        file.attrs["heliox"] = __version__
        file.attrs["hash"] = model.hash
        file.attrs["bytes"] = _array_bytes(file)
        file.flush()
        return file.id.get_file_image()


def write_beside(path: str, *parts: bytes) -> None:
    target = os.path.realpath(path)  # a link stays a link
    temporary = f"{target}.{secrets.token_hex(4)}.tmp"
    try:
        with open(temporary, "xb") as file:
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


def _write_record(group: h5py.Group, cls: Any, record: object, place: str) -> None:
    for name, hint in _fields(cls).items():
        _write(group, name, hint, getattr(record, name), f"{place}.{name}" if place else name)
    if hasattr(record, "sha"):
        group.attrs["sha"] = record.sha


def _write(group: h5py.Group, name: str, hint: Any, value: Any, place: str) -> None:
    """One field, the way its annotation asks for."""
    if dataclasses.is_dataclass(hint):
        _write_record(group.create_group(name), hint, value, place)
    elif hint in (int, float, bool, str):
        group.attrs[name] = _scalar(value, hint, place)
    elif _is_array(hint):
        _write_array(group, name, _expect(value, _dtype(hint), place))
    elif hint == tuple[str, ...]:
        _write_array(group, name, _encode(value, place))
    elif typing.get_origin(hint) is tuple:
        members = group.create_group(name, track_order=True)
        for k, item in enumerate(value):
            _write(members, str(k), typing.get_args(hint)[0], item, f"{place}[{k}]")
    elif _is_mapping(hint):
        members = group.create_group(name, track_order=True)
        for key, item in value.items():
            if not isinstance(key, str) or not re.fullmatch(r"[^/\0.][^/\0]*", key):
                raise ModelError(f"{place} has the key {key!r}, which no file can hold", variable=str(key))
            _write(members, key, typing.get_args(hint)[1], item, f"{place}[{key}]")
    elif isinstance(value, np.ndarray):  # float | array
        _write_array(group, name, _expect(value, np.dtype(np.float64), place))
    else:
        group.create_dataset(name, data=_scalar(value, float, place))


def _write_array(group: h5py.Group, name: str, array: NDArray) -> None:
    if array.nbytes <= SMALL:
        group.create_dataset(name, data=array)
        return
    rows = min(len(array), max(1, CHUNK // (array.nbytes // len(array))))
    chunk = (rows, *array.shape[1:])
    # level 1: the higher ones take three times as long for a few percent
    group.create_dataset(name, data=array, chunks=chunk, compression="gzip", compression_opts=1, shuffle=True)


def _expect(value: Any, dtype: np.dtype, place: str) -> NDArray:
    if not isinstance(value, np.ndarray) or value.dtype != dtype or value.ndim not in (1, 2):
        what = f"{value.ndim}-d {value.dtype}" if isinstance(value, np.ndarray) else type(value).__name__
        raise ModelError(f"{place} is {what}, and must be an array of {dtype}", variable=place)
    return value


def _scalar(value: Any, hint: type, place: str) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    legal = (int, float, bool) if hint is float else (int,) if hint is int else (hint,)
    if type(value) not in legal:
        raise ModelError(f"{place} is {type(value).__name__}, and must be {hint.__name__}", variable=place)
    if isinstance(value, str):
        _encode((value,), place)
    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ModelError(f"{place} is {value}, which needs more than 64 bits", variable=place)
    return value


def _encode(names: tuple[str, ...], place: str) -> NDArray[np.uint8]:
    try:
        text = "".join(f"{name}\0" for name in names).encode()
    except UnicodeEncodeError as e:
        raise ModelError(f"{place} holds what is not text: {e}", variable=place) from None
    if text.count(0) != len(names):
        raise ModelError(f"{place} holds a NUL character", variable=place)
    return np.frombuffer(text, np.uint8)


def _array_bytes(group: h5py.Group) -> int:
    """Bytes of all datasets of a file that we have just made."""
    return sum(d.nbytes if isinstance(d, h5py.Dataset) else _array_bytes(d) for d in group.values())


# --- reading


def read(path: str | os.PathLike[str]) -> Model:
    """The model in the file `path`. Nothing in it is executed.

    Raises
    ------
    ModelError
        If there is no such file, or it is not a complete and undamaged model that this version can read.
    """
    path = os.fspath(path)
    try:
        size, schema, version = _check_file(path)
    except OSError as e:
        raise ModelError(f"{path} cannot be read: {e.strerror or e}", path=path) from e
    try:
        with h5py.File(path, "r", locking=False) as file:
            model = _Reader(file, path, size).model(schema, version)
    except ModelError:
        raise
    except Exception as e:  # HDF5 and NumPy raise all sorts on what an unkind file may hold
        _refuse(path, f"its contents are not those of a model ({type(e).__name__}: {e})")
    return model


def _check_file(path: str) -> tuple[int, int, str]:
    """(size, schema, version of HelioX) of a file whose header and checksum are right."""
    if not os.path.isfile(path):
        _refuse(path, "it is a folder" if os.path.isdir(path) else "there is no such file")
    with open(path, "rb") as file:
        head = file.read(HEADER)
        line = _LINE.fullmatch(head)
        if line is None or len(head) != HEADER:
            _refuse(path, _what_it_is(path, head))
        schema, version, length = int(line[1]), line[2].decode(), int(line[3])
        size = os.fstat(file.fileno()).st_size
        if size != HEADER + length:
            what = "cut off" if size < HEADER + length else "followed by something else"
            _refuse(path, f"it is {what}: it has {size} bytes and must have {HEADER + length}; copy it again")
        if hashlib.file_digest(file, "sha256").hexdigest() != line[4].decode():
            _refuse(path, "it was changed or damaged after it was written (wrong checksum); copy it again")
    _check_schema(path, schema, version)
    return size, schema, version


def _what_it_is(path: str, head: bytes) -> str:
    """Words for a file without our header."""
    if head.startswith(_HDF5):
        return _describe_hdf5(path)
    with open(path, "rb") as file:
        file.seek(HEADER)
        behind = file.read(len(_HDF5))
    if behind == _HDF5 or head.startswith(b"HelioX model"):
        return "its header is damaged; copy it again"
    return looks_like(path, head)


def _describe_hdf5(path: str) -> str:
    try:
        with h5py.File(path, "r", locking=False) as file:
            if "format" in file.attrs and str(file.attrs["format"]) == FORMAT:
                return "another program has written it anew, without HelioX's header; save it from HelioX"
            if "nodes" in file or "edges" in file:
                return "it is HDF5 of something else; it looks like a SONATA network"
            return f"it is HDF5 of something else; it holds {', '.join(sorted(file)[:6]) or 'nothing'}"
    except Exception:  # all that matters is that it is no model
        return "it begins like HDF5, but HDF5 cannot open it"


def _check_schema(path: str, schema: int, version: str) -> None:
    if schema > SCHEMA:
        _refuse(
            path,
            f"it was written by a newer HelioX, {version} (schema {schema}); HelioX {__version__} reads "
            f"up to schema {SCHEMA}. Update HelioX",
        )
    if schema < 1:
        _refuse(path, f"there is no schema {schema}; this HelioX reads 1 to {SCHEMA}")


def _refuse(path: str, reason: str) -> NoReturn:
    raise ModelError(f"{path} is not a model that can be loaded: {reason}.", path=path)


class _Reader:
    """Reads the datasets that the dataclasses ask for; follows no link and believes no size.

    Parameters
    ----------
    file : h5py.File
    path : str
    size : int
        Bytes of the file: what all datasets together may occupy.
    """

    def __init__(self, file: h5py.File, path: str, size: int) -> None:
        self.file = file
        self.path = path
        self.stored = size
        self.memory = 0

    def model(self, schema: int, version: str) -> Model:
        """The model; `schema` and `version` are those of the header, which its checksum does not cover."""
        found = self.attribute(self.file, "format", "") if "format" in self.file.attrs else None
        if found != FORMAT:
            self.fail(f"its format is {found!r} instead of {FORMAT!r}")
        if (self.attribute(self.file, "schema", 0), self.attribute(self.file, "heliox", "")) != (
            schema,
            version,
        ):
            self.fail("its header is damaged; copy it again")
        self.memory = self.attribute(self.file, "bytes", 0)
        if self.memory > _machine_memory():
            self.fail(f"it needs {self.memory / 2**30:.1f} GiB, more than the memory of this machine")
        try:
            model = self.record(self.file, Model, "", old=schema < SCHEMA)
            tree.check(model)
        except ModelError as e:
            if "path" in e.fields:
                raise
            raise ModelError(f"{self.path}: {e}", **{**e.fields, "path": self.path}) from None
        # a schema with other fields hashes differently; its bytes were checked by the header's sum
        if schema == SCHEMA and self.attribute(self.file, "hash", "") != model.hash:
            self.fail("its contents differ from the model that was saved (wrong hash)")
        return model

    def record(self, group: h5py.Group, cls: Any, place: str, old: bool) -> Any:
        values = {}
        for name, hint in _fields(cls).items():
            found = name in group.attrs if hint in (int, float, bool, str) else self.linked(group, name)
            if not found:
                if old and _has_default(cls, name):
                    continue
                self.fail(f"{place}{name} is missing")
            values[name] = self.value(group, name, hint, f"{place}{name}", old)
        record = cls(**values)
        if hasattr(record, "sha") and self.attribute(group, "sha", "") != record.sha:
            self.fail(f"the text of {place.rstrip('.')} is not the one that was saved (wrong SHA-256)")
        return record

    def value(self, group: h5py.Group, name: str, hint: Any, place: str, old: bool) -> Any:
        """One field, the way its annotation asks for."""
        if dataclasses.is_dataclass(hint):
            return self.record(self.member(group, name, h5py.Group, place), hint, f"{place}.", old)
        if hint in (int, float, bool, str):
            return self.attribute(group, name, hint())
        if _is_array(hint):
            return self.array(group, name, (_dtype(hint),), (1, 2) if "[" in place else (1,), place)
        if hint == tuple[str, ...]:
            return self.strings(group, name, place)
        if typing.get_origin(hint) is tuple:
            members, item = self.member(group, name, h5py.Group, place), typing.get_args(hint)[0]
            count = range(len(members))
            return tuple(self.value(members, str(k), item, f"{place}[{k}]", old) for k in count)
        if _is_mapping(hint):
            members, item = self.member(group, name, h5py.Group, place), typing.get_args(hint)[1]
            return {key: self.value(members, key, item, f"{place}[{key}]", old) for key in members}
        number = self.array(group, name, tuple(map(np.dtype, ("f8", "i8", "?"))), (0, 1), place)
        return number if number.ndim else number.item()

    def strings(self, group: h5py.Group, name: str, place: str) -> tuple[str, ...]:
        *names, rest = self.array(group, name, (np.dtype(np.uint8),), (1,), place).tobytes().split(b"\0")
        if rest:
            self.fail(f"{place} does not end in a NUL")
        return tuple(text.decode() for text in names)

    def array(
        self, group: h5py.Group, name: str, dtypes: tuple[np.dtype, ...], dims: tuple[int, ...], place: str
    ) -> NDArray:
        """A dataset, once its type and its sizes are believable."""
        data = self.member(group, name, h5py.Dataset, place)
        if data.dtype not in dtypes or data.ndim not in dims or data.shape is None:
            self.fail(
                f"{place} is a {data.ndim}-d dataset of {data.dtype}, and must be {dims[0]}-d of {dtypes[0]}"
            )
        self.check_storage(data, place)
        array = data[()] if data.ndim else np.asarray(data[()])
        if array.dtype == bool and (array.view(np.uint8) > 1).any():
            self.fail(f"{place} holds what is neither true nor false")
        return array

    def check_storage(self, data: h5py.Dataset, place: str) -> None:
        """Refuse data from elsewhere, unknown filters, and shapes that the stored bytes cannot fill."""
        how = data.id.get_create_plist()
        filters = {how.get_filter(k)[0] for k in range(how.get_nfilters())}
        if data.is_virtual or how.get_external_count() or not filters <= _FILTERS:
            self.fail(
                f"{place} is stored in a way that HelioX does not write (external, virtual or filtered)"
            )
        need = math.prod(data.shape) * data.dtype.itemsize
        stored = data.id.get_storage_size()
        most = stored * (DEFLATE_LIMIT if filters else 1)
        chunk = math.prod(data.chunks or (1,)) * data.dtype.itemsize
        self.stored -= stored
        self.memory -= need
        if need > most or self.stored < 0 or self.memory < 0 or chunk > LONGEST_CHUNK:
            self.fail(f"{place} claims the shape {data.shape}, too much for its bytes")

    def member(self, group: h5py.Group, name: str, kind: type, place: str) -> Any:
        if not self.linked(group, name):
            self.fail(f"{place} is missing")
        if group.id.links.get_info(name.encode()).type != h5py.h5l.TYPE_HARD:
            self.fail(f"{place} is a link to elsewhere")
        found = group[name]
        if not isinstance(found, kind):
            self.fail(f"{place} is a {type(found).__name__}, and must be a {kind.__name__}")
        return found

    def linked(self, group: h5py.Group, name: str) -> bool:
        """Whether `group` has a member `name`; unlike ``name in group`` it opens nothing elsewhere."""
        return group.id.links.exists(name.encode())

    def attribute(self, group: h5py.Group, name: str, like: Any) -> Any:
        """A number or string, of the type of `like` (an int or bool will do for a float)."""
        if name not in group.attrs:
            self.fail(f"the attribute {name} of {group.name} is missing")
        how = group.attrs.get_id(name)
        if how.shape != () or how.dtype.kind not in "fibO":
            self.fail(f"the attribute {name} of {group.name} is neither a number nor text")
        value = group.attrs[name]
        value = value.item() if isinstance(value, np.generic) else value
        legal = (int, float, bool) if isinstance(like, float) else (type(like),)
        if type(value) not in legal:
            self.fail(
                f"the attribute {name} of {group.name} must be {type(like).__name__}, not {value!r:.40}"
            )
        return value

    def fail(self, reason: str) -> NoReturn:
        _refuse(self.path, reason)


# --- what the dataclasses say


@cache
def _fields(cls: type) -> dict[str, Any]:
    """Field -> annotation of a dataclass, in order."""
    hints = typing.get_type_hints(cls)
    return {f.name: hints[f.name] for f in dataclasses.fields(cls)}


def _has_default(cls: type, name: str) -> bool:
    f = next(f for f in dataclasses.fields(cls) if f.name == name)
    return f.default is not dataclasses.MISSING or f.default_factory is not dataclasses.MISSING


def _is_array(hint: Any) -> bool:
    return typing.get_origin(hint) is np.ndarray


def _is_mapping(hint: Any) -> bool:
    return typing.get_origin(hint) is Mapping


def _dtype(hint: Any) -> np.dtype:
    """The element type of ``NDArray[...]``."""
    return np.dtype(typing.get_args(typing.get_args(hint)[1])[0])


def _machine_memory() -> float:
    """Bytes of main memory; infinite where the system does not say."""
    try:
        return float(os.sysconf("SC_PHYS_PAGES")) * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return math.inf
