"""A receiver reads released vectors with the bundle alone, and row and wire are the same vector."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from sordino.device import Reader, Runtime, table
from sordino.device.sending import wire
from sordino.errors import ReleaseError
from sordino.release import Drawn
from tests.device.synthetic_bundles import bundled, features, fitted, scaled


@pytest.fixture(params=["drawn", "label", "leace", "noise-gauss"])
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def released(family: str) -> np.ndarray:
    return Runtime(bundled(family), key=4).release(features()[:12])


def test_a_runtime_reads_the_bins_that_the_lab_reads() -> None:
    runtime, vectors, lab = Runtime(bundled("drawn"), key=4), released("drawn"), fitted("drawn")
    assert isinstance(lab, Drawn)
    bins = runtime.read(vectors)
    np.testing.assert_array_equal(bins, lab.read(vectors))
    np.testing.assert_array_equal(bins, lab.decide(scaled()[:12]))
    assert runtime.read(vectors[3]) == bins[3]


@pytest.mark.parametrize("row", [[1], None, "x", 3])
def test_json_that_is_no_object_is_refused(row: Any) -> None:
    with pytest.raises(ReleaseError, match="expected an object with `prototype` or `vector`"):
        Reader(bundled("drawn")).vector(row)


def test_a_row_leads_back_to_its_vector(family: str) -> None:
    reader = Reader(bundled(family))
    for vector in released(family):
        row = json.loads(json.dumps(reader.row(vector)))
        np.testing.assert_array_equal(reader.vector(row), vector)
        np.testing.assert_array_equal(reader.vector({"vector": vector.tolist()}), vector)


def test_a_file_of_rows_is_the_releases_of_a_batch(
    family: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    ingest = pytest.importorskip("sordino.server.ingest.batch")
    path = tmp_path_factory.mktemp("rows") / "x.jsonl"
    rows = table.WireTable(path, Reader(bundled(family)))
    for vector in released(family):
        rows.add("monday.wav", vector)
    rows.close()
    lines = path.read_bytes().splitlines()
    body = wire.batch_body(wire.batch_start("0" * 64, "mine", "2026-11-28"), lines)
    assert [release.number for release in ingest.parse_batch(body).releases] == list(range(1, 13))
    assert path.stat().st_mode & 0o777 == 0o600
    assert "monday" not in path.read_text()


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"prototype": -1},
        {"prototype": 10**6},
        {"prototype": True},
        {"prototype": "0"},
        {"vector": [1.0]},
        {"vector": "abc"},
        {"vector": [True] * 24},
        {"vector": [1e39] * 24},
        {"vector": [10**400] * 24},
        {"vector": [float("nan")] * 24},
    ],
)
def test_a_row_of_no_release_is_refused(row: dict[str, object], family: str) -> None:
    with pytest.raises(ReleaseError, match="expected"):
        Reader(bundled(family)).vector(row)


def test_features_are_no_released_vector() -> None:
    reader, vectors = Reader(bundled("drawn")), released("drawn")
    for wrong in (vectors + np.float32(1e-3), vectors.astype(float), vectors[:, :3]):
        with pytest.raises(ReleaseError, match="never features"):
            reader.read(wrong)
    with pytest.raises(ReleaseError, match="family leace has no bins"):
        Reader(bundled("leace")).read(vectors)


def test_a_reader_loads_no_model_and_no_lab() -> None:
    code = (
        "import sys; from sordino.device import Reader; Reader(sys.argv[1]); "
        "print({'onnxruntime', 'torch', 'pandas', 'sklearn', 'scipy', 'onnx'} & {*sys.modules})"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(bundled("drawn"))],
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == "set()"
