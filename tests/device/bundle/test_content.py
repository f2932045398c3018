"""The arrays and vectors of a bundle: read-only, of no single speaker, and those of the lab."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from sordino import export
from sordino.device import Bundle, read
from sordino.device.bundle import bundle
from sordino.device.bundle.archive import parse_json
from sordino.device.serving import VectorServing
from sordino.errors import BundleError, ReleaseError
from sordino.features import NormaliseFitter, PreprocessFitter
from sordino.release import FITTERS, Drawn
from sordino.testing import POLICY
from tests.device.synthetic_bundles import (
    CARD,
    OTHER,
    bundled,
    embedding,
    features,
    fitted,
    preprocess,
    scaled,
    scene,
)


def numbers(original: Bundle) -> list[np.ndarray]:
    """Every array in a bundle but the test vectors, which are made of synthetic sound."""
    arrays = [
        values
        for name in original.files
        if name.startswith("release") and name.endswith(".npz")
        for values in original.arrays(name).values()
    ]
    for name, content in original.files.items():
        if name.endswith(".onnx"):
            arrays += [
                numpy_helper.to_array(tensor)
                for tensor in onnx.load_from_string(content).graph.initializer
            ]
    return arrays


def test_arrays_are_parsed_once_and_cannot_be_written_to() -> None:
    bundle = read(bundled("drawn"))
    prototypes = bundle.arrays("release-0.npz")["prototypes"]
    assert bundle.arrays("release-0.npz")["prototypes"] is prototypes
    with pytest.raises(ValueError, match="read-only"):
        prototypes[0] = 0


@pytest.mark.slow
@pytest.mark.parametrize("name", FITTERS)
def test_no_array_contains_the_row_of_a_speaker(name: str) -> None:
    rows = scene().parts.transform.rows
    for people, least in ((scaled()[rows], 24), (features()[rows], 60)):
        for values in numbers(read(bundled(name))):
            for table in map(np.atleast_2d, (values, values.T)):
                if table.ndim == 2 and table.shape[1] == least:
                    apart = np.abs(table[:, None].astype(np.float64) - people[None]).max(axis=2)
                    assert apart.min() > 1e-4 * np.abs(people).max()


def test_the_row_of_a_speaker_is_detected() -> None:
    person = scaled()[scene().parts.transform.rows[3]]
    apart = np.abs(person[None, None] - scaled()[scene().parts.transform.rows][None]).max(axis=2)
    assert apart.min() < 1e-6


def test_nothing_that_could_not_run_is_written(tmp_path: Path) -> None:
    class Foreign:
        pass

    def write(release: Any, scale: Any = None) -> None:
        export.write(tmp_path, scale, {"mine": (POLICY, release)}, features="made", card=CARD)

    narrow = PreprocessFitter(components=3).fit(features())
    with pytest.raises(ReleaseError, match="a Foreign, expected one of Identity"):
        write(Foreign())
    with pytest.raises(
        ReleaseError, match="leace of 24 dimensions, expected the 3 of the preprocessing"
    ):
        write(fitted("leace"), narrow)
    with pytest.raises(ReleaseError, match="general behind a Preprocess"):
        write(embedding("general", "audio"), preprocess())
    frames = NormaliseFitter("speaker").fit([np.ones((3, 6)), np.zeros((3, 6))])
    with pytest.raises(ReleaseError, match="normalisation 'speaker', expected 'corpus'"):
        write(embedding("general", "audio"), frames)
    with pytest.raises(ReleaseError, match="no release, expected one or more"):
        export.write(tmp_path, preprocess(), {}, features="made", card=CARD)
    releases_of_two_kinds: dict[str, Any] = {
        "mine": (POLICY, fitted("leace")),
        "hers": (OTHER, embedding("general", "audio")),
    }
    with pytest.raises(
        ReleaseError, match="releases of vectors and of sequences came, expected one kind"
    ):
        export.write(tmp_path, None, releases_of_two_kinds, features="made", card=CARD)
    assert not list(tmp_path.iterdir())


def test_a_bundle_that_differs_from_the_lab_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(
        export.EXPORTERS,
        type(fitted("leace")),
        lambda _release: export.DeviceRelease(export.DETERMINISTIC),
    )
    with pytest.raises(
        BundleError,
        match=r"policy mine: the bundle differs from the lab by up to .*, expected at most",
    ):
        export.write(
            tmp_path / "b",
            preprocess(),
            {"mine": (POLICY, fitted("leace"))},
            features="made",
            card=CARD,
        )
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize("key", [0, 2**63, 2**64 + 7, 2**128 - 1])
def test_test_vectors_let_a_port_prove_itself_under_any_key(key: int, tmp_path: Path) -> None:
    lab = fitted("drawn")
    assert isinstance(lab, Drawn)
    lab = lab.with_key(key)
    original = read(
        export.write(tmp_path, preprocess(), {"mine": (POLICY, lab)}, features="made", card=CARD)
    )
    vectors = original.arrays(bundle.VECTORS_FILE)
    assert {"x", "z", "released_0", "key_0", "chance_0"} <= set(vectors)
    np.testing.assert_allclose(preprocess()(vectors["x"]), vectors["z"], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(lab(vectors["z"]), vectors["released_0"])
    digest = hashlib.blake2b(
        vectors["z"][0].tobytes(), digest_size=24, key=vectors["key_0"].tobytes()
    )
    by_hand = [int.from_bytes(digest.digest()[at : at + 8], "little") / 2**64 for at in (0, 8, 16)]
    np.testing.assert_array_equal(vectors["chance_0"][0], by_hand)
    key = int.from_bytes(vectors["key_0"].tobytes(), "little")
    device = VectorServing(original, original.policies["mine"], key)
    np.testing.assert_array_equal(device.released(vectors["z"]), vectors["released_0"])


AMBIGUOUS = {
    "infinity": b'{"a": 1e999}',
    "minus infinity": b"[-1E400]",
    "NaN": b"[NaN]",
    "mark": b'\xef\xbb\xbf{"a": 1}',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "UTF-16 without a mark": '{"a": 1}'.encode("utf-16-le"),
    "half a character": b'["\\ud800"]',
    "half a character in a key": b'{"\\udc00": 1}',
    "Latin": b'["\xfc"]',
    "two values": b'{"a": 1, "a": 2}',
}


@pytest.mark.parametrize("content", AMBIGUOUS)
def test_json_that_readers_read_differently_is_refused(content: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_json(AMBIGUOUS[content])


def test_plain_json_is_read_as_it_is() -> None:
    text = '{"a": [1.5, -2e300, 3, null, true], "\\ud83d\\ude00 ü": "€"}'
    assert parse_json(text.encode()) == json.loads(text)
