"""The floor of a device holds for every bundle, and the test vectors of a bundle for a device."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from sordino import export
from sordino.device import Floor, Runtime, read
from sordino.device.serving import VectorServing
from sordino.device.trust import floor
from sordino.errors import BundleError, PolicyError, ReleaseError, StorageError
from sordino.policy import Budget, Policy
from sordino.testing import POLICY
from tests.device.bundle.faults import model
from tests.device.bundle.forged import arrays, chance, forged
from tests.device.synthetic_bundles import CARD, bundled, features, fitted, preprocess, talking


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        (
            Floor(families=("label", "none")),
            r"policy mine: family 'drawn', the floor of this device asks label or none",
        ),
        (
            Floor(width=23),
            r"policy mine: 24 numbers a vector, the floor of this device asks at most 23",
        ),
        (
            Floor(per_day=100),
            r"policy mine: no `per_day`, the floor .* asks at most 100 vectors a day: use a",
        ),
        (
            Floor(policies=("0" * 64,)),
            rf"a policy of hash {POLICY.digest}, the floor .* asks one of 0000",
        ),
    ],
    ids=["families", "width", "per_day", "policies"],
)
def test_a_policy_below_the_floor_is_refused(limits: Floor, says: str) -> None:
    with pytest.raises(BundleError, match=says):
        Runtime(bundled("drawn"), floor=limits)


def test_a_policy_that_reaches_the_floor_runs(tmp_path: Path) -> None:
    policy = Policy("sad", ("happy", "angry"), budget=Budget(per_day=100))
    path = export.write(
        tmp_path, preprocess(), {"mine": (policy, fitted("drawn"))}, features="made", card=CARD
    )
    assert Runtime(path, floor=Floor(("drawn",), 24, 100, (policy.digest,)))
    assert Runtime(path, floor=Floor(policies=(POLICY.digest, policy.hash)))
    with pytest.raises(
        BundleError, match="100 vectors a day, the floor of this device asks at most 99"
    ):
        Runtime(path, floor=Floor(per_day=99))


def test_a_floor_is_read_from_its_file(tmp_path: Path) -> None:
    text = 'families = ["drawn", "drawn+rae-25"]\nwidth = 512\nper_day = 100\n'
    text += f'policies = ["{POLICY.digest}"]\n'
    (tmp_path / "floor.toml").write_bytes(
        b"\xef\xbb\xbf" + text.encode()
    )  # editors write such a mark
    loaded = floor.read(tmp_path / "floor.toml")
    assert loaded == Floor(("drawn", "drawn+rae-25"), 512, 100, (POLICY.digest,))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("perday = 100", "unknown key perday, expected families, width, per_day, policies"),
        ("[drawn]\nwidth = 3", "unknown key drawn"),
        ("", "an empty floor"),
        ("# nothing", "an empty floor"),
        ('families = "drawn"', r"floor families 'drawn', expected a list"),
        ("families = []", r"floor families \[\], expected a list of one or more"),
        ("families = [1]", r"floor families \[1\], expected texts"),
        ('families = ["dawn"]', "floor families dawn, expected names of families"),
        ("width = 0", "floor width 0, expected a whole number from 1"),
        ("width = true", "floor width True, expected a whole number"),
        ("per_day = 1.5", "floor per_day 1.5, expected a whole number"),
        ('per_day = "all"', "floor per_day 'all', expected a whole number"),
        ('policies = ["abc"]', r"floor policies 'abc', expected 64 \(or 12\) hexadecimal digits"),
        ('policies = [""]', "floor policies ''"),
        ("width", "not a readable TOML file"),
        ("width = 1\nwidth = 2", "not a readable TOML file"),
        ("\x00", "not a readable TOML file"),
        ("x = " + "[" * 100000, "not a readable TOML file"),
    ],
)
def test_a_floor_that_is_none_is_refused(text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "floor.toml").write_text(text)
    with pytest.raises(PolicyError, match=says):
        floor.read(tmp_path / "floor.toml")


def test_a_floor_that_is_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"floor\.toml"):
        floor.read(tmp_path / "floor.toml")


def without_vectors(files: dict[str, bytes]) -> None:
    del files["vectors.npz"]


def test_a_bundle_without_test_vectors_is_refused(tmp_path: Path) -> None:
    path = forged(bundled("drawn"), tmp_path / "b", without_vectors)
    with pytest.raises(BundleError, match=r"vectors\.npz is missing, expected the test vectors"):
        Runtime(path)


@pytest.mark.parametrize("name", ["x", "z", "key_0", "released_0"])
def test_test_vectors_that_lack_a_part_are_refused(name: str, tmp_path: Path) -> None:
    path = forged(
        bundled("drawn"),
        tmp_path / "b",
        arrays("vectors.npz", lambda stored: stored.pop(name).fill(0)),
    )
    with pytest.raises(
        BundleError, match=f"{name} is missing for policy mine, expected test vectors"
    ):
        Runtime(path)


def altered(name: str, change: Any) -> Any:
    return arrays("vectors.npz", lambda stored: stored.update({name: change(stored[name])}))


WRONG: dict[str, tuple[str, Any, str]] = {
    "another scaled space": (
        "leace",
        altered("z", lambda z: z + 0.01),
        "scaled space differ from the bundle's test vect",
    ),
    "another input": ("leace", altered("x", lambda x: 2 * x), "scaled space differ"),
    "other outputs": (
        "rae",
        altered("released_0", lambda out: out + 0.01),
        "released vectors differ",
    ),
    "other prototypes": (
        "drawn",
        altered("released_0", lambda out: -out),
        "released vectors differ",
    ),
    "another key": (
        "noise-gauss",
        altered("key_0", lambda key: key + np.uint8(1)),
        "released vectors differ",
    ),
    "another model": (
        "drawn",
        arrays("release-0.npz", lambda a: a.update(bin=1 - a["bin"])),
        "released vectors differ",
    ),
    "no rows": ("drawn", altered("released_0", lambda out: out[:0]), "a key or rows that are none"),
    "a million rows": (
        "drawn",
        altered("released_0", lambda out: np.tile(out, (10**4, 1))),
        "a key or rows that are none",
    ),
    "a longer key": (
        "drawn",
        altered("key_0", lambda key: np.tile(key, 2)),
        "a key or rows that are none",
    ),
    "numbers of 64 bits": (
        "drawn",
        altered("x", lambda x: x.astype(np.float64)),
        "x of shape .* and type float64",
    ),
    "no numbers": ("drawn", altered("x", lambda x: x * np.nan), "x of shape"),
    "another width": ("drawn", altered("z", lambda z: z[:, :5]), r"z of shape \(8, 5\)"),
    "a row less": ("drawn", altered("x", lambda x: x[:5]), r"x of shape \(5, 60\)"),
    "noise that hides nothing": (
        "noise-gauss",
        chance(scale=1e-9),
        "noise of scale 1e-09 on numbers of spread",
    ),
}


@pytest.mark.parametrize("fault", WRONG)
def test_a_bundle_that_differs_from_its_test_vectors_is_refused(fault: str, tmp_path: Path) -> None:
    family, change, says = WRONG[fault]
    path = forged(bundled(family), tmp_path / "b.sordino", change)
    with pytest.raises(BundleError, match=says):
        Runtime(path, key=1)


def test_an_identity_in_a_model_of_another_family_is_refused(tmp_path: Path) -> None:
    def identity(files: dict[str, bytes]) -> None:
        files["release-0.onnx"] = model(out=lambda z: z * 1.0)

    path = forged(bundled("leace"), tmp_path / "b", identity)
    with pytest.raises(
        BundleError,
        match="of family 'leace' releases its input as it is, expected that of 'none' alone",
    ):
        Runtime(path)


def test_test_vectors_of_sound_are_run(tmp_path: Path) -> None:
    path = forged(talking(), tmp_path / "b.sordino", altered("released_0", lambda out: out + 0.1))
    with pytest.raises(BundleError, match="released vectors differ from the bundle's test vectors"):
        Runtime(path)
    path = forged(talking(), tmp_path / "c.sordino", altered("audio", lambda frames: frames[:, :3]))
    with pytest.raises(BundleError, match="fails on its own test vectors: streams"):
        Runtime(path)


def test_an_embedding_that_is_loud_beside_its_noise_is_refused(tmp_path: Path) -> None:
    def amplify(files: dict[str, bytes]) -> None:
        network = onnx.load_model_from_string(files["release-0.onnx"])
        nodes, gain = network.graph.node, np.array(1000, np.float32)
        nodes[-1].output[0] = "quiet"
        nodes.append(onnx.helper.make_node("Mul", ["quiet", "gain"], ["out"]))
        network.graph.initializer.append(onnx.numpy_helper.from_array(gain, "gain"))
        files["release-0.onnx"] = network.SerializeToString()

    path = forged(talking(), tmp_path / "b.sordino", amplify)
    with pytest.raises(BundleError, match=r"noise of spread 0.5 on numbers of size 1e\+03"):
        Runtime(path)


@pytest.mark.parametrize("name", ["drawn", "rae", "noise-gauss", "leace", "none", "label"])
def test_a_bundle_of_8_bits_proves_itself_less_closely(name: str) -> None:
    assert Runtime(bundled(name, int8=True), key=1).release(features()[:2]).shape == (2, 24)


def test_a_decision_without_a_prototype_releases_nothing() -> None:
    bundle = read(bundled("drawn"))
    serving = VectorServing(bundle, bundle.policies["mine"], key=1)
    z = serving.scaled(features()[:1])
    assert serving.draw(z, {"bin": np.array([1])}, 1).shape == (1, 24)
    with pytest.raises(ReleaseError, match="expected one of 2 bins for each row: nothing is rele"):
        serving.draw(z, {"bin": np.array([7])}, 1)
