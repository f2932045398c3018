"""A unit is read as it was kept, or computed anew: nothing in its files is trusted, executed or
mixed with another.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import pickle
import warnings
from collections.abc import Callable, Iterable, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import sordino
from sordino import checkpoints
from sordino.checkpoints import Checkpoints, Finished, identity

KEYS = {"happy-0": "inputs of the first", "sad-0": "inputs of the second"}


def unit(name: str) -> Finished:
    random = np.random.default_rng(len(name))
    table = pd.DataFrame(
        {"row": np.arange(50), "score": random.normal(size=50), "speaker": [name] * 50}
    )
    return name, table, {"name": name, "nothing": float("nan"), "list": [1, 2.5]}


class Computed:
    """Computes units, and remembers which."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def __call__(self, names: Sequence[str]) -> Iterable[Finished]:
        for name in names:
            self.names.append(name)
            yield unit(name)


def gathered(
    folder: Path, keys: dict[str, str] | None = None
) -> tuple[list[str], dict[str, checkpoints.Unit]]:
    """Which units were computed, and all of them."""
    computed = Computed()
    return computed.names, Checkpoints(keys or KEYS, folder, "units").gather(computed)


@pytest.fixture
def units_folder(tmp_path: Path) -> Path:
    gathered(tmp_path)
    return tmp_path


def table_of(folder: Path, name: str) -> Path:
    return Path(str(Checkpoints(KEYS, folder, "units").path(name)))


def test_a_kept_unit_is_read_as_it_was_computed(units_folder: Path) -> None:
    computed, units = gathered(units_folder)
    assert computed == []
    for name in KEYS:
        pd.testing.assert_frame_equal(units[name][0], unit(name)[1])
        assert repr(units[name][1]) == repr(unit(name)[2])


def swap(first: Path, second: Path) -> None:
    spare = first.with_name("spare")
    first.rename(spare)
    second.rename(first)
    spare.rename(second)


def bomb(path: Path) -> None:
    """A table of 1.5 · 10⁸ values in a few bytes, whose record fits."""
    stream = pa.BufferOutputStream()
    with pq.ParquetWriter(stream, pa.schema([("row", pa.bool_())]), compression="zstd") as writer:
        batch = pa.table({"row": pa.array(np.zeros(1 << 24, bool))})
        for _ in range(9):
            writer.write_table(batch)
    forge(path, stream.getvalue().to_pybytes())


def long_text(path: Path) -> None:
    """A dictionary of one text of a megabyte that 100,000 rows repeat, whose record fits."""
    column = pa.DictionaryArray.from_arrays(
        pa.array(np.zeros(100_000, np.int32)), pa.array(["x" * (1 << 20)])
    )
    stream = pa.BufferOutputStream()
    pq.write_table(pa.table({"row": column}), stream, store_schema=False)
    forge(path, stream.getvalue().to_pybytes())


def forge(path: Path, table: bytes) -> None:
    """Write another table, and a record that says it is the right one."""
    beside = path.with_suffix(".json")
    content = json.loads(beside.read_text())
    content.pop("checksum")
    content |= {"bytes": len(table), "table": hashlib.sha256(table).hexdigest()}
    content["checksum"] = hashlib.sha256(json.dumps(content).encode()).hexdigest()
    path.write_bytes(table)
    beside.write_text(json.dumps(content))


class Bomb:
    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return os.mkdir, ("executed",)


def replaced(path: Path, make: Callable[[], object]) -> None:
    path.unlink()
    make()


def linked(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


def nested(path: Path) -> None:
    column = pa.array([[1], [2]])
    stream = pa.BufferOutputStream()
    pq.write_table(pa.table({"row": column}), stream)
    forge(path, stream.getvalue().to_pybytes())


DAMAGES: dict[str, Callable[[Path, Path], object]] = {
    "the table cut short": lambda path, _: path.write_bytes(path.read_bytes()[:100]),
    "an empty table": lambda path, _: path.write_bytes(b""),
    "one bit of the table": lambda path, _: path.write_bytes(b"\xff" + path.read_bytes()[1:]),
    "no record": lambda path, _: path.with_suffix(".json").unlink(),
    "the record cut short": lambda path, _: path.with_suffix(".json").write_bytes(
        b'{"unit": "happy-0"'
    ),
    "a record of another form": lambda path, _: path.with_suffix(".json").write_text("[]"),
    "a record nested without end": lambda path, _: path.with_suffix(".json").write_text(
        "[" * 100_000
    ),
    "a number changed in the record": lambda path, _: path.with_suffix(".json").write_text(
        path.with_suffix(".json").read_text().replace("2.5", "2.6")
    ),
    "tables swapped": lambda path, second_path: swap(path, second_path),
    "both files of another unit": lambda path, second_path: (
        path.write_bytes(second_path.read_bytes()),
        path.with_suffix(".json").write_bytes(second_path.with_suffix(".json").read_bytes()),
    ),
    "a pickle for a table": lambda path, _: path.write_bytes(pickle.dumps(Bomb())),
    "a pickle for a record": lambda path, _: path.with_suffix(".json").write_bytes(
        pickle.dumps(Bomb())
    ),
    "a pickle with its checksum": lambda path, _: forge(path, pickle.dumps(Bomb())),
    "a link for a table": lambda path, _: linked(path),
    "a link for a record": lambda path, _: linked(path.with_suffix(".json")),
    "an endless device": lambda path, _: replaced(path, lambda: path.symlink_to("/dev/zero")),
    "an endless device for a record": lambda path, _: replaced(
        path.with_suffix(".json"), lambda: path.with_suffix(".json").symlink_to("/dev/zero")
    ),
    "a pipe without a writer": lambda path, _: replaced(path, lambda: os.mkfifo(path)),
    "a table that unfolds": lambda path, _: bomb(path),
    "a text that unfolds": lambda path, _: long_text(path),
    "a column of lists": lambda path, _: nested(path),
}


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_unit_that_does_not_fit_is_told_and_computed(
    units_folder: Path, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(units_folder)
    expected = {name: unit(name) for name in KEYS}
    DAMAGES[damage](*(table_of(units_folder, name) for name in KEYS))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        computed, units = gathered(units_folder)
    assert "happy-0" in computed
    assert len(caught) == len(computed)
    assert all(
        "computed anew" in str(warning.message) and "\n" not in str(warning.message)
        for warning in caught
    )
    assert not (units_folder / "executed").exists()
    for name, (table, record) in units.items():
        pd.testing.assert_frame_equal(table, expected[name][1])
        assert repr(record) == repr(expected[name][2])
    assert gathered(units_folder)[0] == []


@pytest.mark.parametrize("suffix", [".json", ".parquet"])
@pytest.mark.parametrize("single", [False, True])
def test_a_folder_in_place_of_a_file_is_renamed(
    units_folder: Path, suffix: str, single: bool
) -> None:
    path, beside = (
        table_of(units_folder, "happy-0"),
        table_of(units_folder, "happy-0").with_suffix(".json"),
    )
    path, beside = (beside, path) if suffix == ".json" else (path, beside)
    path.unlink()
    (path / "inside").mkdir(parents=True)
    if single:
        beside.unlink()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert gathered(units_folder)[0] == ["happy-0"]
    assert (
        str(caught[-1].message)
        == f"{path}: a folder, expected a file: renamed to {path.name}.unusable"
    )
    assert (path.with_name(f"{path.name}.unusable") / "inside").is_dir()
    assert gathered(units_folder)[0] == []


def test_a_large_file_is_not_read(units_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "TABLE_BYTES", 1000)
    with pytest.warns(
        UserWarning, match="more than 1,000: computed anew|more than 1,000, expected"
    ):
        assert Checkpoints(KEYS, units_folder, "units").find("happy-0") is None


def test_other_inputs_and_another_version_are_other_units(
    units_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert gathered(units_folder, {**KEYS, "sad-0": "other inputs"})[0] == ["sad-0"]
    monkeypatch.setattr(sordino, "__version__", "0.0.0")
    assert gathered(units_folder)[0] == [*KEYS]


def test_what_a_reader_refuses_is_computed_anew(units_folder: Path) -> None:
    def check(_: pd.DataFrame, record: dict[str, Any]) -> None:
        if record["name"] == "sad-0":
            raise ValueError("its table has other columns")

    computed = Computed()
    with pytest.warns(UserWarning, match="its table has other columns, expected the unit sad-0"):
        Checkpoints(KEYS, units_folder, "units", check).gather(computed)
    assert computed.names == ["sad-0"]


def test_a_unit_is_on_disk_before_the_next_is_computed(tmp_path: Path) -> None:
    def killed(names: Sequence[str]) -> Iterable[Finished]:
        yield unit(names[0])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Checkpoints(KEYS, tmp_path, "units").gather(killed)
    assert gathered(tmp_path)[0] == ["sad-0"]


def test_the_name_of_a_unit_leaves_its_folder_never(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    keys = {"../../escaped": "", "..": "", "/tmp/x": "", "a/b": "", "a_b": ""}
    gathered(folder, keys)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert len([*folder.glob("*.parquet")]) == len(keys)
    assert gathered(folder, keys)[0] == []


def test_two_processes_may_share_a_folder(tmp_path: Path) -> None:
    with multiprocessing.get_context("fork").Pool(2) as pool:
        results = pool.starmap(gathered, [(tmp_path,)] * 4)
    for _, units in results:
        pd.testing.assert_frame_equal(units["sad-0"][0], unit("sad-0")[1])
    assert gathered(tmp_path)[0] == []


def test_identity_knows_code_and_packages() -> None:
    assert identity(("attack",)) == identity(("attack",))
    assert (
        len({identity(("attack",)), identity(("metrics",)), identity(("attack",), ("numpy",))}) == 3
    )


def test_identity_knows_the_modules_beside_rooms(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as the keyed random draws."""
    (tmp_path / "attack").mkdir()
    monkeypatch.setattr(resources, "files", lambda _: tmp_path)
    codes = []
    for text in ("", "changed = True"):
        (tmp_path / "keyed_random.py").write_text(text)
        checkpoints._code.cache_clear()
        codes.append(identity(("attack",)))
    monkeypatch.undo()
    checkpoints._code.cache_clear()
    assert codes[0] != codes[1]
