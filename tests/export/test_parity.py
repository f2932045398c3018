"""A bundle gives the vectors of the lab, for every release, at sizes and lengths that no fit
exported it at.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sordino import export
from sordino.device import Runtime, read
from sordino.device.channel import Channel
from sordino.device.serving import ClipServing, VectorServing
from sordino.errors import BundleError, ReleaseError
from sordino.export.networks import decision
from sordino.features import NormaliseFitter
from sordino.keyed_random import release_key
from sordino.nn.sequences import Sequences
from sordino.onnx.model import Model
from sordino.release import EMBEDDINGS, FITTERS, RIVALS, DrawnFitter
from sordino.testing import POLICY
from tests.device.synthetic_bundles import (
    CARD,
    OTHER,
    SHAPES,
    bundled,
    clips,
    embedding,
    features,
    fitted,
    preprocess,
    scaled,
    scene,
)

NAMES = tuple(FITTERS)
CERTAIN = ("none", "rae", "rae-grl", "rae-grl+", "rae-leace", "leace")


def served(name: str) -> VectorServing:
    bundle = read(bundled(name))
    return VectorServing(bundle, bundle.policies["mine"], key=0)


def close(device: np.ndarray, lab: np.ndarray) -> None:
    np.testing.assert_allclose(device, lab, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("rows", [1, 2, 131])
def test_what_goes_out_is_what_the_lab_lets_out(name: str, rows: int) -> None:
    close(served(name).released(scaled()[:rows]), fitted(name)(scaled()[:rows]))


@pytest.mark.parametrize("rows", [1, 2, 131])
def test_the_scaled_space_matches_the_lab_over_nine_orders(
    rows: int,
) -> None:
    close(served("none").scaled(features()[:rows]), scaled()[:rows])


@pytest.mark.parametrize("name", CERTAIN)
def test_released_vectors_of_features_match_the_lab(name: str) -> None:
    close(Runtime(bundled(name)).release(features()[:50]), fitted(name)(scaled()[:50]))


@pytest.mark.parametrize("name", [name for name in NAMES if name not in CERTAIN])
def test_draws_follow_from_the_key_or_the_operating_system(
    name: str,
) -> None:
    x, bundle = features()[:40], read(bundled(name))
    runtime = Runtime(bundle, key=5)
    np.testing.assert_array_equal(runtime.release(x), Runtime(bundle, key=5).release(x))
    if name != "label":  # which has one vector a bin
        assert not np.array_equal(runtime.release(x), Runtime(bundle, key=6).release(x))
        assert not np.array_equal(Runtime(bundle).release(x), Runtime(bundle).release(x))


def test_two_bundles_of_one_name_flip_independently(tmp_path: Path) -> None:
    x, bins, flips = features(), [], []
    for seed in (0, 1):
        part, folder = scene().parts.transform, tmp_path / str(seed)
        lab = DrawnFitter(POLICY, epsilon=0.5, seed=seed).fit(scaled(), scene().corpus, part)
        releases = {"mine": (POLICY, lab)}
        path = export.write(
            folder / "one.sordino", preprocess(), releases, features="made", card=CARD
        )
        runtime = Runtime(path, key=5)
        z = VectorServing(runtime.bundle, runtime.bundle.policies["mine"], key=0).scaled(x)
        bins.append(lab.decide(z))
        flips.append(lab.read(runtime.release(x)) != bins[-1])
        assert np.array_equal(Runtime(path, "mine", 5).release(x), runtime.release(x))
        with pytest.raises(ReleaseError, match="a finite epsilon, which does not hold beside a"):
            Runtime(path, channel=Channel())
    assert 0.3 < np.mean(flips) < 0.45  # 1 / (1 + exp(0.5)) is 0.38
    # with one key for both, the exclusive-or of the bins is that of the decisions: 1.00
    assert 0.43 < np.mean(flips[0] == flips[1]) < 0.63  # independent flips agree in 0.53


@pytest.mark.parametrize("name", NAMES)
def test_a_row_comes_out_the_same_bits_whatever_comes_with_it(name: str) -> None:
    x, runtime = features()[:30], Runtime(bundled(name), key=1)
    out, order = runtime.release(x), np.random.default_rng(0).permutation(30)
    np.testing.assert_array_equal(runtime.release(x[order]), out[order])
    np.testing.assert_array_equal(runtime.release(x[4:5]), out[4:5])


@pytest.mark.parametrize("name", [name for name in EMBEDDINGS if name not in RIVALS])
def test_embeddings_of_any_length_are_those_of_the_lab(name: str, tmp_path: Path) -> None:
    lab, sequences = embedding(name, "both"), clips(12, 3, text=True)
    path = export.write(tmp_path, None, {"mine": (POLICY, lab)}, features="made", card=CARD)
    runtime = Runtime(path, key=3)
    key = release_key(3, runtime.bundle.release_digest("mine"))
    close(runtime.release(as_clips(sequences)), lab(sequences, key=key))


@pytest.mark.parametrize("shape", SHAPES)
def test_an_embedding_is_exported_at_no_length_and_no_batch_size(
    shape: str, tmp_path: Path
) -> None:
    lab, sequences = embedding("general", shape), clips(9, 5, text=shape == "both")
    path = export.write(tmp_path, None, {"mine": (POLICY, lab)}, features="made", card=CARD)
    model = Model(read(path).files["release-0.onnx"], "release-0.onnx")
    padded = {name: values.numpy() for name, values in sequences.pad(range(9)).items()}
    close(model(**padded)["out"], lab(sequences))
    padded = {
        name: np.pad(v, ((0, 0), (0, 7), (0, 0))) if v.ndim == 3 else v
        for name, v in padded.items()
    }
    close(model(**padded)["out"], lab(sequences))  # more padding than necessary


def test_frames_are_brought_to_one_scale_on_the_device(tmp_path: Path) -> None:
    lab, sequences = embedding("private+", "audio"), clips(8, 7)
    frames = [row.numpy() for row in sequences.streams["audio"]]
    fitted_scale = NormaliseFitter("corpus").fit([row.numpy() for row in clips().streams["audio"]])
    path = export.write(tmp_path, fitted_scale, {"mine": (POLICY, lab)}, features="made", card=CARD)
    lab_out = lab(Sequences.of(audio=fitted_scale(frames)), key=2)
    bundle = read(path)
    serving = ClipServing(bundle, bundle.policies["mine"], key=2)
    scaled_clips = [serving.scaled({"audio": row}) for row in frames]
    close(np.concatenate([serving.released(clip) for clip in scaled_clips]), lab_out)
    clip = {"audio": frames[0]}
    np.testing.assert_array_equal(
        serving([clip]), serving.released(scaled_clips[0], clip)
    )  # on the device the draw follows from the frames before their scale


def test_one_bundle_serves_several_policies(tmp_path: Path) -> None:
    releases = {"mine": (POLICY, fitted("leace")), "hers": (OTHER, fitted("drawn", OTHER))}
    path = export.write(tmp_path, preprocess(), releases, features="made", card=CARD)
    x = features()[:20]
    for name, (policy, release) in releases.items():
        runtime = Runtime(path, name, key=0)
        assert (runtime.name, runtime.policy) == (name, policy)
        if name == "mine":
            close(runtime.release(x), release(scaled()[:20]))
    with pytest.raises(BundleError, match="policies mine, hers, expected the name of one of them"):
        Runtime(path)
    with pytest.raises(BundleError, match="policy 'theirs', expected one of mine, hers"):
        Runtime(path, "theirs")


@pytest.mark.parametrize(
    ("x", "says"),
    [
        (np.zeros((2, 59), np.float32), r"shape \(2, 59\).*expected floats \(n, 60\)"),
        (np.zeros((0, 60), np.float32), r"shape \(0, 60\)"),
        (np.zeros(60, np.float32), r"shape \(60,\)"),
        (np.zeros((2, 60), np.int64), "type int64"),
        (np.full((1, 60), np.nan, np.float32), "NaN or infinity"),
        (np.full((1, 60), 1e300), "NaN or infinity"),
    ],
)
def test_features_that_are_none_are_refused(x: np.ndarray, says: str) -> None:
    with pytest.raises(ReleaseError, match=says):
        Runtime(bundled("rae")).release(x)


@pytest.mark.parametrize(
    "clip",
    [
        {"audio": np.zeros((4, 5))},
        {"audio": np.zeros((0, 6))},
        {"audio": np.full((4, 6), np.inf)},
        {"audio": np.zeros((4, 6)), "text": np.zeros((4, 6))},
    ],
)
def test_clips_that_are_none_are_refused(clip: dict[str, np.ndarray], tmp_path: Path) -> None:
    lab = embedding("general", "audio")
    runtime = Runtime(
        export.write(tmp_path, None, {"mine": (POLICY, lab)}, features="made", card=CARD)
    )
    with pytest.raises(ReleaseError, match=r"streams|NaN or infinity"):
        runtime.release([clip])


def test_where_a_network_says_no_number_nothing_is_drawn(tmp_path: Path) -> None:
    lab = embedding("drawn", "audio")
    runtime = Runtime(
        export.write(tmp_path, None, {"mine": (POLICY, lab)}, features="made", card=CARD)
    )
    loud = (3e38 * np.random.default_rng(0).choice([-1, 1], (10, 6))).astype(np.float32)
    with pytest.raises(
        ReleaseError, match=r"a clip with numbers beyond 1e\+09, expected speech: leave it out"
    ):
        runtime.release([{"audio": loud}])
    network = lab.network
    network.primary["activation"][-1].bias.fill_(np.nan)  # type: ignore[index]
    model = Model(decision(network, "activation", lab.arrays["bias"]), "torn.onnx")
    with pytest.raises(
        ReleaseError, match=r"torn\.onnx: the model gave NaN or infinity: nothing is released"
    ):
        model(audio=np.ones((1, 10, 6), np.float32), audio_length=np.array([10]))
    with pytest.raises(
        ReleaseError, match="the network gave NaN or infinity, expected finite numbers"
    ):
        lab(Sequences.of(audio=[loud]))


@pytest.mark.parametrize("key", [-1, 2**128])
def test_a_key_that_is_none_is_refused(key: int) -> None:
    with pytest.raises(ReleaseError, match=rf"key {key}, expected 0 to 2\^128 - 1"):
        Runtime(bundled("none"), key=key)


def as_clips(rows: Sequences) -> list[dict[str, np.ndarray]]:
    return [
        {name: values[row].numpy() for name, values in rows.streams.items()}
        for row in range(len(rows))
    ]
