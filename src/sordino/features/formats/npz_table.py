"""NPZ and NPY tables: read whole, or mapped into memory and copied block by block.

No array is unpickled.
"""

from __future__ import annotations

import zipfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import IO, Any, Final, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sordino.errors import FeatureError
from sordino.features import table_size
from sordino.features.formats.blocks import TableBlock, TableBlocks, block_rows
from sordino.features.formats.names import KEY_COLUMNS, key_names

_LOCAL_HEADER: Final = 30  # bytes of a ZIP before the name of a member
_SUFFIX: Final = ".npy"
_PART: Final = 1 << 20  # bytes that are read at a time


@dataclass(frozen=True)
class MappedArray:
    """An array `(rows, dims)` in a file, without its content."""

    path: Path
    offset: int
    shape: tuple[int, int]
    kind: np.dtype[Any]
    fortran: bool

    def rows(self, start: int, stop: int) -> NDArray[Any]:
        """A copy of some rows, `(stop - start, dims)`. No page stays mapped."""
        order: Literal["C", "F"] = "F" if self.fortran else "C"
        content = np.memmap(self.path, self.kind, "r", self.offset, self.shape, order)
        return np.array(content[start:stop])


def read_npz(path: Path, _: Collection[str]) -> pd.DataFrame:
    """The columns of a table; `attrs` has the names of its labels and of unused arrays."""
    with zipfile.ZipFile(path) as archive:
        members = _members(path, archive)
        arrays = {name: _array(path, archive, name) for name in members}
    x = _require_x(path, arrays)
    if x.ndim != 2 or x.dtype.kind not in "fiub":
        raise _no_matrix(path, x.dtype, x.shape)
    names, labels, attrs = _columns(path, x.shape, arrays)
    frame = pd.concat([pd.DataFrame(x, columns=names), labels], axis=1)
    frame.attrs.update(attrs)
    return frame


def npz_blocks(path: Path) -> TableBlocks | None:
    """A table in blocks; None if its `x` is compressed, and so cannot be mapped.

    The checksum of `x` is checked here, once.
    """
    with zipfile.ZipFile(path) as archive:
        members = _members(path, archive)
        if "x" not in members:
            _require_x(path, {name: _array(path, archive, name) for name in members})
        member = archive.getinfo(_member(archive, "x"))
        if member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 1:
            return None
        arrays: dict[str, Any] = {
            name: _array(path, archive, name) for name in members if name != "x"
        }
        with archive.open(member) as file:  # its end raises for another checksum
            while file.read(_PART):
                pass
    with path.open("rb") as file:
        file.seek(member.header_offset)
        header = file.read(_LOCAL_HEADER)
        name, extra = (int.from_bytes(header[at : at + 2], "little") for at in (26, 28))
        start = member.header_offset + _LOCAL_HEADER + name + extra
        file.seek(start)
        x = _mapped(path, file, start + member.file_size)
    names, labels, attrs = _columns(path, x.shape, arrays)
    return _array_blocks(x, names, labels, attrs)


def npy_blocks(path: Path) -> TableBlocks:
    """An array `(rows, dims)` in blocks; its columns are `x0`, `x1` and so on."""
    with path.open("rb") as file:
        x = _mapped(path, file)
    return _array_blocks(x, _numbered(x.shape[1]), pd.DataFrame(), {})


def _array_blocks(
    x: MappedArray, dims: Sequence[str], labels: pd.DataFrame, attrs: Mapping[str, Any]
) -> TableBlocks:
    position = {name: column for column, name in enumerate(dims)}

    def read(names: Sequence[str]) -> Iterator[TableBlock]:
        wanted = [name for name in names if name in position]
        others = [name for name in names if name not in position]
        columns = [position[name] for name in wanted]
        size = block_rows(x.shape[1])
        for start in range(0, x.shape[0], size):
            rows = slice(start, min(start + size, x.shape[0]))
            frame = labels[others].iloc[rows].reset_index(drop=True)
            if wanted:
                content = x.rows(rows.start, rows.stop)[:, columns]
                frame = pd.concat([pd.DataFrame(content, columns=wanted), frame], axis=1)
            yield TableBlock(start, frame)

    return TableBlocks((*dims, *map(str, labels.columns)), x.shape[0], read, attrs)


def _members(path: Path, archive: zipfile.ZipFile) -> list[str]:
    names = [member.removesuffix(_SUFFIX) for member in archive.namelist()]
    key_names(path, names)
    return names


def _require_x(path: Path, arrays: dict[str, NDArray[Any]]) -> NDArray[Any]:
    if "x" not in arrays:
        members_text = ", ".join(list(arrays)[:8]) or "none"
        raise FeatureError(
            f"{path}: not a readable .npz table with an array `x` (rows, dims), its arrays: "
            f"{members_text}: write it anew"
        )
    return arrays.pop("x")


def _no_matrix(path: Path, kind: np.dtype[Any], shape: tuple[int, ...]) -> FeatureError:
    return FeatureError(
        f"{path}: not a readable .npz table with an array `x` (rows, dims), its `x` is "
        f"{kind} of shape {shape}: write it anew"
    )


def _columns(
    path: Path, shape: tuple[int, int], arrays: dict[str, NDArray[Any]]
) -> tuple[list[str], pd.DataFrame, dict[str, Any]]:
    """The names of dimensions, the labels, and the names of labels and of unused arrays."""
    rows, dims = shape
    titles = arrays.pop("names", None)
    names = _numbered(dims) if titles is None else list(map(str, titles.ravel().tolist()))
    if len(names) != dims:
        raise FeatureError(
            f"{path}: {len(names)} names for {dims} dimensions of `x`, expected one each: mend it"
        )
    labels = {_singular(name): values for name, values in arrays.items()}
    key_names(path, [*names, *labels])
    sized = {
        name: values for name, values in labels.items() if values.shape in ((rows,), (rows, 1))
    }
    columns = {name: _labels(values) for name, values in sized.items()}
    attrs = {
        "labels": tuple(sized),
        "unused": tuple(name for name in labels if name not in sized),
    }
    return names, pd.DataFrame(columns, index=range(rows)), attrs


def _numbered(dims: int) -> list[str]:
    """The names of dimensions without names."""
    return [f"x{column}" for column in range(dims)]


def _labels(values: NDArray[Any]) -> pd.Series:
    """An array of one label per row; text becomes Python text."""
    flat = values.reshape(-1)
    return pd.Series(flat, dtype=object if flat.dtype.kind in "SU" else flat.dtype)


def _singular(name: str) -> str:
    return name[:-1] if name in {f"{key}s" for key in KEY_COLUMNS} else name


def _member(archive: zipfile.ZipFile, name: str) -> str:
    """The file of an array in an archive."""
    return f"{name}{_SUFFIX}" if f"{name}{_SUFFIX}" in archive.namelist() else name


def _array(path: Path, archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    """One array of an archive. Objects are refused and never unpickled, and so is a header that
    promises more than the file has.
    """
    member = _member(archive, name)
    with archive.open(member) as file:
        shape, _, kind = _header(path, file, name)
        _check_bytes(name, shape, kind, archive.getinfo(member).file_size)
        table_size.check_shape(path, *[*shape[:2], 1, 1][:2])
        if kind.kind in "fiub":
            table_size.check_bytes(path, 8 * int(np.prod(shape, dtype=object)))
    with archive.open(member) as file:
        array: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
    return array


def _check_bytes(name: str, shape: Sequence[int], kind: np.dtype[Any], available: float) -> None:
    """Raise `ValueError` for an array with more bytes than are `available`."""
    if int(np.prod(shape, dtype=object)) * kind.itemsize > available:
        raise ValueError(f"{name} is cut short")


def _mapped(path: Path, file: IO[bytes], end: float = inf) -> MappedArray:
    """The array at this position of a file. Raises `FeatureError` for no matrix of numbers, and
    `ValueError` for one that passes `end` or the end of the file.
    """
    shape, fortran, kind = _header(path, file, "x")
    if len(shape) != 2 or kind.kind not in "fiub" or shape[1] == 0:
        raise _no_matrix(path, kind, shape)
    table_size.check_shape(path, *shape)
    offset = file.tell()
    _check_bytes("x", shape, kind, min(end, path.stat().st_size) - offset)
    return MappedArray(path, offset, (shape[0], shape[1]), kind, fortran)


def _header(path: Path, file: IO[bytes], name: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, order and type of an array."""
    version = np.lib.format.read_magic(file)
    header = (
        np.lib.format.read_array_header_1_0
        if version == (1, 0)
        else np.lib.format.read_array_header_2_0
    )
    try:
        shape, fortran, kind = header(file)
    except MemoryError as error:  # Python's parser has no other error for deep nesting
        raise ValueError(f"{name} has a nested header") from error
    if min(shape, default=0) < 0:
        raise FeatureError(
            f"{path}: array `{name}` has the shape {shape}, expected none negative: write it anew"
        )
    if kind.hasobject:
        raise FeatureError(
            f"{path}: array `{name}` holds Python objects, which are never unpickled, expected "
            f"text or numbers: save it as `{name}.astype({'float' if name == 'x' else 'str'})`"
        )
    return shape, fortran, kind
