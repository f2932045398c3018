"""A table in blocks is the same table: it has the same columns, labels, vectors and refusals."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sordino.attack import Audit
from sordino.errors import FeatureError
from sordino.features.formats import blocks, csv_table
from sordino.features.labelled import read_labelled
from sordino.features.large import BlockTable, MemoryTable, VectorRows, map_vectors, open_vectors
from sordino.features.shards.folder import ShardContent, write_manifest, write_shard

ROWS, DIMS = 600, 70
NAMES = [f"x{number}" for number in range(DIMS)]
X = np.random.default_rng(0).normal(size=(ROWS, DIMS)).astype(np.float32)
SPEAKER = [f"s{row % 30:02d}" for row in range(ROWS)]
GENDER = [("female", "male")[row % 2] for row in range(ROWS)]
KINDS = ("a.parquet", "list.parquet", "a.shards", "a.csv", "a.npz", "columns.npz", "a.npy")


def save(folder: Path, x: np.ndarray = X) -> Path:
    """The same table in files of all kinds."""
    labels = pd.DataFrame({"Speaker": SPEAKER, "gender": GENDER})
    frame = pd.concat([pd.DataFrame(x, columns=NAMES), labels], axis=1)
    frame.to_parquet(folder / "a.parquet", row_group_size=250)
    labels.assign(x=list(x)).to_parquet(folder / "list.parquet")
    frame.to_csv(folder / "a.csv", index=False)
    arrays: dict[str, Any] = {name: labels[name].to_numpy(str) for name in ("Speaker", "gender")}
    np.savez(folder / "a.npz", x=x, **arrays)
    np.savez(folder / "columns.npz", x=np.asfortranarray(x), **arrays)
    np.savez_compressed(folder / "packed.npz", x=x, **arrays)
    np.save(folder / "a.npy", x)
    labels.to_csv(folder / "labels.csv", index=False)
    save_shards(folder / "a.shards", x)
    return folder


def save_shards(folder: Path, x: np.ndarray, names: tuple[list[str], ...] = (NAMES, NAMES)) -> None:
    half, entries = ROWS // 2, []
    for number in range(2):
        rows = slice(number * half, (number + 1) * half)
        keys = [(f"{row}.wav", 0.0, 1.0) for row in range(half)]
        labels = {"Speaker": SPEAKER[rows], "gender": GENDER[rows]}
        columns = np.ascontiguousarray(x[rows].T)
        content = ShardContent(keys, labels, columns, names[number], [])
        entries.append(write_shard(folder, number, half, content))
    write_manifest(folder, {}, entries, complete=True)


def opened(folder: Path, kind: str) -> MemoryTable | BlockTable:
    labels = folder / "labels.csv" if kind == "a.npy" else None
    return open_vectors(folder / kind, ("Speaker", "gender"), labels, largest=0)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table of 600 rows has several blocks."""
    monkeypatch.setattr(blocks, "BLOCK_CELLS", 100 * DIMS)
    monkeypatch.setattr(csv_table, "_BLOCK", 1 << 17)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("tables"))


@pytest.mark.parametrize("kind", KINDS)
def test_blocks_have_the_cells_of_the_table(files: Path, kind: str) -> None:
    table = opened(files, kind)
    assert isinstance(table, BlockTable)
    names = [name for name in table.sample.columns if name.startswith("x")]
    rows = np.array([5, ROWS - 1, 17, 0, 17])
    vectors = table.vectors(names)
    assert isinstance(vectors, VectorRows)
    assert vectors.shape == (ROWS, DIMS)
    assert len(table) == ROWS
    np.testing.assert_allclose(vectors.read_rows(rows), X[rows], rtol=0, atol=1e-6)
    cells = table.cells(["gender", "Speaker"])
    assert cells["gender"].tolist() == GENDER
    assert cells["Speaker"].tolist() == SPEAKER


@pytest.mark.parametrize("kind", KINDS)
def test_a_sample_of_all_rows_is_the_table(files: Path, kind: str) -> None:
    table = opened(files, kind)
    frame = table.sample
    assert len(frame) == ROWS
    assert frame["gender"].tolist() == GENDER
    np.testing.assert_allclose(frame.filter(regex="^x").to_numpy(), X, rtol=0, atol=1e-6)


def test_a_small_table_and_a_packed_one_are_read_whole(files: Path) -> None:
    assert isinstance(open_vectors(files / "a.parquet"), MemoryTable)
    assert isinstance(open_vectors(files / "packed.npz", largest=0), MemoryTable)


def test_an_audit_by_blocks_is_that_in_memory(files: Path) -> None:
    table = opened(files, "a.parquet")
    audit = Audit(("linear",), shuffles=3, rows=60)
    results = [
        audit.run(vectors, np.array(GENDER), np.array(SPEAKER))
        for vectors in (X.astype(np.float64), table.vectors(NAMES))
    ]
    pd.testing.assert_frame_equal(results[0].guesses, results[1].guesses)
    assert results[1].available == ROWS


def test_a_bad_number_in_any_row_is_refused(tmp_path: Path) -> None:
    x = X.copy()
    x[-1, 3] = np.nan
    save(tmp_path, x)
    for kind in ("a.parquet", "a.csv", "a.npy"):
        vectors = opened(tmp_path, kind).vectors(NAMES)
        assert isinstance(vectors, VectorRows)
        with pytest.raises(FeatureError, match=r"1 of the rows from .* are not finite"):
            vectors.read_rows(np.arange(3))


def test_text_in_a_later_block_of_numbers_is_refused(files: Path, tmp_path: Path) -> None:
    lines = (files / "a.csv").read_text().splitlines()
    lines[-1] = "secret" + lines[-1][lines[-1].index(",") :]
    (tmp_path / "a.csv").write_text("\n".join(lines) + "\n")
    table = opened(tmp_path, "a.csv")
    with pytest.raises(FeatureError, match="column 1 has a cell that is no number") as error:
        table.cells(["x0"])
    assert "secret" not in str(error.value)


def test_shards_of_other_columns_are_refused(tmp_path: Path) -> None:
    save_shards(tmp_path / "a.shards", X, (NAMES, [*NAMES[1:], NAMES[0]]))
    with pytest.raises(FeatureError, match="other columns than in the first table"):
        opened(tmp_path, "a.shards")


def test_a_changed_shard_is_refused(tmp_path: Path) -> None:
    save_shards(tmp_path / "a.shards", X)
    table = opened(tmp_path, "a.shards")
    with (tmp_path / "a.shards" / "shard-000001.parquet").open("ab") as file:
        file.write(b"x")
    with pytest.raises(FeatureError, match="changed after it was written"):
        table.cells(["gender"])


def test_lists_of_another_length_in_a_later_block_are_refused(tmp_path: Path) -> None:
    lists = [row[: 70 - (number > 500)] for number, row in enumerate(X)]
    pd.DataFrame({"x": lists}).to_parquet(tmp_path / "a.parquet")
    table = open_vectors(tmp_path / "a.parquet", largest=0)
    with pytest.raises(FeatureError, match="lists of several lengths"):
        table.vectors(["x[0]"]).read_rows(np.arange(3))  # type: ignore[union-attr]


@pytest.mark.parametrize("change", ["fewer rows", "more rows", "other columns", "other numbers"])
def test_a_table_that_changes_is_refused(files: Path, tmp_path: Path, change: str) -> None:
    lines = (files / "a.csv").read_text().splitlines()
    head, last = lines[0].replace("x0,x1,", "x1,x0,"), f"9{lines[-1][1:]}"
    changed = {
        "fewer rows": lines[:-9],
        "more rows": [*lines, *lines[1:]],
        "other columns": [head, *lines[1:]],
        "other numbers": [*lines[:-1], last],
    }
    path = tmp_path / "a.csv"
    path.write_text("\n".join(lines) + "\n")
    table = opened(tmp_path, "a.csv")
    path.write_text("\n".join(changed[change]) + "\n")
    with pytest.raises(FeatureError, match="it changed while it was read; repeat"):
        map_vectors(table.vectors(NAMES), tmp_path / "x.npy")  # type: ignore[arg-type]
    assert not (tmp_path / "x.npy").exists()


def test_a_flipped_bit_of_a_mapped_archive_is_refused(files: Path, tmp_path: Path) -> None:
    content = bytearray((files / "a.npz").read_bytes())
    content[content.index(b"\x93NUMPY") + 5000] ^= 0x40
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(FeatureError, match="not a readable"):
        opened(tmp_path, "a.npz")


@pytest.mark.parametrize("kind", ["a.npy", "a.npz"])
def test_an_array_that_is_cut_short_is_refused(files: Path, kind: str, tmp_path: Path) -> None:
    content = (files / kind).read_bytes()
    (tmp_path / kind).write_bytes(content[: len(content) // 2])
    (tmp_path / "labels.csv").write_bytes((files / "labels.csv").read_bytes())
    with pytest.raises(FeatureError, match="not a readable"):
        opened(tmp_path, kind)


@pytest.mark.parametrize("shape", [(-5, -3), (-1, 4), (5, 0), (0, 0), (3, -1)])
def test_an_array_of_an_odd_shape_is_refused(shape: tuple[int, int], tmp_path: Path) -> None:
    content = io.BytesIO()
    header = {"descr": "<f8", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(content, header)
    (tmp_path / "a.npy").write_bytes(content.getvalue() + bytes(400))
    with pytest.raises(FeatureError, match=r"shape \("):
        open_vectors(tmp_path / "a.npy")


@pytest.mark.parametrize("suffix", [".parquet", ".npy", ".shards"])
def test_a_name_that_is_not_utf8_is_refused(suffix: str, tmp_path: Path) -> None:
    with pytest.raises(FeatureError, match=r"bad\\udcff.*a name that is not UTF-8"):
        open_vectors(tmp_path / f"bad\udcff{suffix}")


def test_objects_in_an_array_are_never_unpickled(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([[None]]), allow_pickle=True)
    with pytest.raises(FeatureError, match="never unpickled"):
        open_vectors(tmp_path / "a.npy")


def test_labels_belong_to_an_array_of_as_many_rows(files: Path, tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("speaker,gender\ns1,female\n")
    with pytest.raises(FeatureError, match="1 rows, expected the 600 of"):
        open_vectors(files / "a.npy", labels=tmp_path / "labels.csv")
    with pytest.raises(FeatureError, match="leave out --array-labels"):
        open_vectors(files / "a.parquet", labels=tmp_path / "labels.csv")


def test_an_array_with_labels_is_read_for_an_audit(files: Path) -> None:
    table = read_labelled(files / "a.npy", ["Speaker", "gender"], array_labels=files / "labels.csv")
    assert table.choice.dimensions == tuple(NAMES)
    assert table.labels["gender"].tolist() == GENDER
