"""The JavaScript port in Node computes what the device computes, and refuses what it refuses."""

from __future__ import annotations

import io
import tempfile
import zipfile
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sordino import export
from sordino.device import Runtime, read
from sordino.device.bundle.archive import pack
from sordino.device.trust import ed25519
from sordino.device.trust.signature import sign
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
from tests.ports import port

pytestmark = [
    pytest.mark.slow,  # fits releases, compiles the package
    pytest.mark.skipif(bool(port.reason()), reason=port.reason() or "it runs"),
]

VECTORS = ("none", "noise-gauss", "leace", "drawn", "drawn+rae-25", "label")
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


def test_node_reproduces_the_golden_vectors() -> None:
    port.compiled()
    done = port.run("node", "--test", "--test-reporter=tap", "test/golden.test.mjs")
    assert "# fail 0" in done.stdout


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


@pytest.mark.parametrize("features", ["mel", "speech-tiny"])
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
    for file, part in zip(files, contents, strict=True):
        file.write_bytes(part)
    answers = port.bundles(files)
    assert {answer["error"].partition(":")[0] for answer in answers} == {"BundleError"}


def test_node_leaves_no_trace_in_the_home_folder(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (answer,) = port.bundles([bundle_path()], home=home)
    assert "error" not in answer
    assert list(home.rglob("*")) == []


def test_node_verifies_the_maker_of_a_bundle(tmp_path: Path) -> None:
    secret, public = ed25519.generate()
    (tmp_path / "key.pem").write_bytes(secret)
    (tmp_path / "key.pub.pem").write_bytes(public)
    names = ("signed", "expired", "unsigned", "other", "forged")
    files = {name: tmp_path / f"{name}.sordino" for name in names}
    for path in files.values():
        path.write_bytes(bundle_path().read_bytes())
    (tmp_path / "other.pem").write_bytes(ed25519.generate()[0])
    sign(files["signed"], tmp_path / "key.pem", version=3)
    sign(files["expired"], tmp_path / "key.pem", version=1, expires=date(2026, 1, 1))
    sign(files["other"], tmp_path / "other.pem", version=1)
    sign(files["forged"], tmp_path / "key.pem", version=1)
    content = files["forged"].read_bytes().replace(b'"version": 1\n', b'"version": 9\n')
    with zipfile.ZipFile(io.BytesIO(content)) as archive:  # its sums do not fit any more
        parts = {part.filename: _part(content, part) for part in archive.infolist()}
    files["forged"].write_bytes(pack(parts))
    key = tmp_path / "key.pub.pem"
    answers = port.answers("signatures.mjs", key, "2026-01-01T23:59:00Z", *files.values())
    assert answers[0]["version"] == 3
    assert answers[1]["expires"] == "2026-01-01"
    says = ("unsigned", "not trusted", "not that of this bundle")
    for answer, words in zip(answers[2:], says, strict=True):
        assert words in answer["error"]
    (late,) = port.answers("signatures.mjs", key, "2026-01-02T00:00:00Z", files["expired"])
    assert late["error"].startswith("SignatureError: the bundle expired on 2026-01-01")


def _part(content: bytes, part: zipfile.ZipInfo) -> bytes:
    """The bytes of a part without compression, whatever its checksum is."""
    start = part.header_offset + 30 + len(part.filename.encode())
    return content[start : start + part.file_size]
