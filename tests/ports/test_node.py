"""The JavaScript port in Node computes what the device computes, and refuses what it refuses."""

from __future__ import annotations

import json
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sordino import export
from sordino.device import Runtime, read
from sordino.errors import BundleError
from sordino.keyed_random import nearest_bins
from sordino.onnx.structure import check_model
from sordino.signal import feature_sets
from sordino.testing import POLICY
from tests.device.bundle import faults
from tests.device.bundle.forged import forged
from tests.device.synthetic_bundles import CARD, bundled, embedding, talking
from tests.device.synthetic_sound_bundle import SECONDS, bundle_path, speech
from tests.onnx import hostile_models
from tests.ports import golden, port

pytestmark = pytest.mark.skipif(bool(port.reason()), reason=port.reason() or "it runs")

VECTORS = ("none", "noise-gauss", "leace", "rae-leace", "drawn", "drawn+rae-25", "label")
CLIPS = (("general", "both"), ("private+", "audio"), ("drawn", "audio"))
KEY = 2**100 + 7


@cache
def paths() -> dict[str, Path]:
    """Bundles of every kind of release and of draw, two of them rounded."""
    files = {name: bundled(name) for name in VECTORS}
    files |= {f"{name} rounded": bundled(name, int8=True) for name in ("leace", "drawn")}
    folder = Path(tempfile.mkdtemp())
    for name, shape in CLIPS:
        releases: Any = {"mine": (POLICY, embedding(name, shape))}
        files[f"{name} of clips"] = export.write(
            folder / f"{name}.sordino", None, releases, features="made", card=CARD
        )
    return files | {"talking": talking(), "listening": bundle_path()}


def test_the_golden_vectors_are_those_of_python() -> None:
    stored: Any = json.loads(golden.FILE.read_text(encoding="utf-8"))
    _agree(golden.golden(), stored)


def _agree(computed: Any, stored: Any) -> None:
    """Assert the same structure, and numbers that differ in their last digits at most."""
    assert type(computed) is type(stored)
    if isinstance(stored, dict):
        assert list(computed) == list(stored)
        computed, stored = list(computed.values()), list(stored.values())
    if isinstance(stored, list):
        assert len(computed) == len(stored)
        for parts in zip(computed, stored, strict=True):
            _agree(*parts)
    elif isinstance(stored, float):
        assert computed == pytest.approx(stored, rel=1e-5, abs=1e-5)
    else:
        assert computed == stored


def test_node_reproduces_the_golden_vectors() -> None:
    port.compiled()
    done = port.run("node", "--test", "--test-reporter=tap", "test/golden.test.mjs")
    assert "# fail 0" in done.stdout


@pytest.mark.slow  # fits a release of every kind
def test_node_releases_the_vectors_of_every_family() -> None:
    answers = port.bundles(list(paths().values()), KEY)
    assert [answer.get("error") for answer in answers] == [None] * len(paths())
    for answer, path in zip(answers, paths().values(), strict=True):
        bundle = read(path)
        assert answer["digest"] == bundle.release_digest("mine")
        vectors, streams = bundle.arrays("vectors.npz"), bundle.card["features"].get("streams")
        features = [{name: vectors[name] for name in streams}] if streams else vectors["x"]
        released = Runtime(bundle, key=KEY).release(features)
        chance = bundle.entry().chance
        kind = chance["kind"]
        if kind in ("drawn", "clip-drawn"):
            np.testing.assert_array_equal(np.array(answer["released"], np.float32), released)
        elif kind == "none":
            np.testing.assert_allclose(answer["released"], released, rtol=1e-4, atol=1e-4)
        else:  # the noise is from another generator, and of the same size
            apart = float(np.std(answer["released"] - released))
            size = chance.get("scale", chance.get("spread", apart / np.sqrt(2)))
            assert apart == pytest.approx(np.sqrt(2) * size, rel=0.5)


@pytest.mark.parametrize("features", ["mel", pytest.param("speech-tiny", marks=pytest.mark.slow)])
def test_node_decides_for_a_sound_as_the_device_does(features: str, tmp_path: Path) -> None:
    if not feature_sets.has_weights(features):
        pytest.skip(f"the weights of {features} are not installed")
    sound, path = speech(), bundle_path(features=features)
    (tmp_path / "sound").write_bytes(sound.tobytes())
    (answer,) = port.bundles([path], KEY, [tmp_path / "sound"])
    runtime = Runtime(path, key=KEY)
    results = [*runtime.push(sound), *runtime.end()]
    vectors = np.array([result.vector for result in results])  # type: ignore[union-attr]
    assert len(vectors) == len(SECONDS)
    arrays = runtime.bundle.arrays("release-0.npz")
    of_device, of_node = (
        nearest_bins(np.array(values, np.float32), arrays["prototypes"], arrays["bin"])
        for values in (vectors, answer["results"][0])
    )
    assert of_node.tolist() == of_device.tolist()


def test_node_refuses_the_models_that_python_refuses(tmp_path: Path) -> None:
    files = [tmp_path / f"{number}.onnx" for number in range(len(hostile_models.CASES))]
    for file, name in zip(files, hostile_models.CASES, strict=True):
        file.write_bytes(hostile_models.content(name))
    answers = port.answers("models.mjs", *files)
    accepted = [
        name
        for name, answer in zip(hostile_models.CASES, answers, strict=True)
        if answer["refused"] is None
    ]
    assert accepted == []


def test_node_judges_a_changed_model_as_python_does(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    model = read(bundle_path()).files["release-0.onnx"]
    files, refused = list[Path](), list[bool]()
    for number in range(300):
        changed = np.frombuffer(model, np.uint8).copy()
        at = random.integers(0, random.choice([400, len(model)]), random.integers(1, 3))
        changed[at] = random.integers(0, 256, len(at))
        files.append(tmp_path / f"{number}.onnx")
        files[-1].write_bytes(changed.tobytes())
        try:
            check_model(changed.tobytes(), "model")
            refused.append(False)
        except BundleError:
            refused.append(True)
    assert 30 < sum(refused) < 290
    answers = port.answers("models.mjs", *files)
    assert [answer["refused"] is not None for answer in answers] == refused


@pytest.mark.slow  # fits a release of every kind
def test_node_refuses_a_structure_that_its_family_has_not(tmp_path: Path) -> None:
    files = [
        forged(bundled(family), tmp_path / f"{number}.sordino", change, policies=None)
        for number, (family, change, _) in enumerate(faults.FAULTS.values())
    ]
    answers = port.bundles(files)
    errors = [answer.get("error", "accepted") for answer in answers]
    assert {error.partition(":")[0] for error in errors} == {"BundleError"}


def test_node_refuses_changed_and_cut_bytes_of_a_bundle(tmp_path: Path) -> None:
    content, random = bundle_path().read_bytes(), np.random.default_rng(0)
    contents = [b"", content[:-1], content + b"0", content[: len(content) // 2]]
    for at in random.integers(0, len(content), 30):
        changed = bytearray(content)
        changed[at] ^= 1
        contents.append(bytes(changed))
    files = [tmp_path / f"{number}.sordino" for number in range(len(contents))]
    for file, changed in zip(files, contents, strict=True):
        file.write_bytes(changed)
    answers = port.bundles(files)
    assert {answer["error"].partition(":")[0] for answer in answers} == {"BundleError"}
