"""Laws that every release obeys, whatever it does to a vector."""

from __future__ import annotations

import copy
import dataclasses
import json
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from sordino.corpora.split import Part
from sordino.errors import ReleaseError, StorageError
from sordino.nn.fit import Job, Settings, TrainedNetwork, fit, run_plan, run_rounds
from sordino.policy import Policy
from sordino.release import (
    FITTERS,
    ComposedFitter,
    DrawnFitter,
    ErasureFitter,
    MixtureFitter,
    NetworkRelease,
    Release,
    ReplacementFitter,
    RetainingFitter,
    archive,
    load,
)
from sordino.release.array_release import ArrayRelease
from sordino.release.protocol import Fitter
from sordino.testing import POLICY, SyntheticVectors, synthetic_vectors

BRISK = Settings(epochs=8)


def rae(policy: Policy, seed: int, reversal: float = 0.0) -> ReplacementFitter:
    return ReplacementFitter(policy, reversal=reversal, settings=BRISK, seed=seed)


FITS: dict[str, Callable[[Policy, int], Fitter]] = {
    **FITTERS,
    "rae": rae,
    "rae-grl": lambda policy, seed: rae(policy, seed, 0.5),
    "rae-grl+": lambda policy, seed: RetainingFitter(policy, epochs=2, seed=seed),
    "rae-leace": lambda policy, seed: ComposedFitter(
        "rae-leace", rae(policy, seed), ErasureFitter(policy, seed=seed)
    ),
    "drawn+rae-25": lambda policy, seed: MixtureFitter(
        DrawnFitter(policy, seed=seed), rae(policy, seed), 0.25, seed
    ),
}
"""Every release, networks trained for a few epochs."""

NAMES = tuple(FITTERS)
LEARNING = tuple(name for name in NAMES if name != "none")


@cache
def scene() -> SyntheticVectors:
    return synthetic_vectors(speakers=20)


@cache
def fitted(name: str) -> Release:
    data = scene()
    return FITS[name](POLICY, 0).fit(data.z, data.corpus, data.parts.transform)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_it_has_its_name_and_a_config_of_plain_json(name: str) -> None:
    release = fitted(name)
    assert isinstance(release, Release)
    assert release.name == name
    assert json.loads(json.dumps(dict(release.config))) == release.config
    assert release.config["width"] == scene().z.shape[1]


@pytest.mark.parametrize("name", NAMES)
def test_it_gives_finite_float32_vectors_of_the_same_shape(name: str) -> None:
    out = fitted(name)(scene().z)
    assert out.shape == scene().z.shape
    assert out.dtype == np.float32
    assert np.isfinite(out).all()


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_release(name: str) -> None:
    data = scene()
    again = FITS[name](POLICY, 0).fit(data.z, data.corpus, data.parts.transform)
    assert again.hash == fitted(name).hash
    assert np.array_equal(again(data.z), fitted(name)(data.z))


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [name for name in LEARNING if name != "leace"]
)  # which draws nothing
def test_another_seed_gives_another_release(name: str) -> None:
    data = scene()
    other = FITS[name](POLICY, 1).fit(data.z, data.corpus, data.parts.transform)
    assert other.hash != fitted(name).hash
    assert not np.array_equal(other(data.z), fitted(name)(data.z))


@pytest.mark.parametrize("name", NAMES)
def test_the_output_of_a_vector_does_not_depend_on_other_rows(
    name: str,
) -> None:
    release, z = fitted(name), scene().z
    out, order = release(z), np.random.default_rng(0).permutation(len(z))
    assert np.array_equal(release(z), out)
    np.testing.assert_allclose(release(z[order]), out[order], atol=1e-5)
    np.testing.assert_allclose(
        np.concatenate([release(row[None]) for row in z[:10]]), out[:10], atol=1e-5
    )


@pytest.mark.parametrize("name", NAMES)
def test_its_input_is_unchanged_and_shares_no_memory(name: str) -> None:
    z = scene().z.copy()
    out = fitted(name)(z)
    assert np.array_equal(z, scene().z)
    assert not np.shares_memory(out, z)
    z.setflags(write=False)
    assert np.array_equal(fitted(name)(z), out)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_fitting_changes_neither_vectors_nor_corpus_nor_part(name: str) -> None:
    data = scene()
    before = copy.deepcopy(data)
    FITS[name](POLICY, 0).fit(data.z, data.corpus, data.parts.transform)
    assert np.array_equal(data.z, before.z)
    assert data.corpus.table.equals(before.corpus.table)
    assert np.array_equal(data.parts.transform.rows, before.parts.transform.rows)


@pytest.mark.parametrize("name", NAMES)
def test_saved_and_loaded_it_is_exactly_the_same(name: str, tmp_path: Path) -> None:
    release = fitted(name)
    release.save(tmp_path / "one.npz")
    loaded = load(tmp_path / "one.npz", key=0)  # the seed of the fit
    assert (loaded.name, loaded.config, loaded.hash) == (release.name, release.config, release.hash)
    assert np.array_equal(loaded(scene().z), release(scene().z))
    loaded.save(tmp_path / "two.npz")
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()


@pytest.mark.parametrize("name", ["noise-gauss", "drawn+rae-25"])
def test_a_loaded_release_draws_by_a_secret_key(name: str, tmp_path: Path) -> None:
    release, z = fitted(name), scene().z
    release.save(tmp_path / "one.npz")
    first, second = (load(tmp_path / "one.npz")(z) for _ in range(2))
    assert not np.array_equal(first, release(z))
    assert not np.array_equal(first, second)
    known = load(tmp_path / "one.npz", key=7)
    assert np.array_equal(known(z), load(tmp_path / "one.npz", key=7)(z))
    with pytest.raises(ReleaseError, match=r"key -1, expected 0 to 2\^128 - 1"):
        load(tmp_path / "one.npz", key=-1)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("z", "says"),
    [
        (
            np.full((2, 16), np.nan, np.float32),
            r"2 vector\(s\) with NaN or infinity, expected finite numbers: leave",
        ),
        (np.full((1, 16), np.inf, np.float32), r"1 vector\(s\) with NaN or infinity"),
        (np.zeros((3, 15), np.float32), r"shape \(3, 15\), expected \(n, 16\)"),
        (np.zeros(16, np.float32), r"shape \(16,\), expected \(n, 16\)"),
        (np.zeros((0, 16), np.float32), r"shape \(0, 16\), expected \(n, 16\) with one or more"),
    ],
    ids=["NaN", "infinity", "narrow", "flat", "empty"],
)
def test_vectors_that_cannot_be_released_are_refused(name: str, z: np.ndarray, says: str) -> None:
    with pytest.raises(ReleaseError, match=says):
        fitted(name)(z)


@pytest.mark.parametrize("name", NAMES)
def test_vectors_that_cannot_be_learnt_from_are_refused(name: str) -> None:
    data = scene()
    broken = data.z.copy()
    broken[data.parts.transform.rows[0], 3] = np.nan
    with pytest.raises(ReleaseError, match=r"1 vector\(s\) with NaN or infinity"):
        FITS[name](POLICY, 0).fit(broken, data.corpus, data.parts.transform)


@pytest.mark.parametrize("name", LEARNING)
def test_vectors_that_do_not_belong_to_the_corpus_are_refused(name: str) -> None:
    data = scene()
    with pytest.raises(ReleaseError, match="239 vectors for 240 utterances, expected one for each"):
        FITS[name](POLICY, 0).fit(data.z[1:], data.corpus, data.parts.transform)


@pytest.mark.parametrize("name", LEARNING)
@pytest.mark.parametrize("place", range(3))
def test_a_part_without_a_role_is_refused(name: str, place: int) -> None:
    data = scene()
    part = data.parts.transform
    lacking = Part(*(rows[data.role[rows] != place] for rows in (part.train, part.validation)))
    role = ("neutral", "required", "sensitive")[place]
    with pytest.raises(
        ReleaseError,
        match=f"no {role} utterance among .* expected every role: add speakers, or change",
    ):
        FITS[name](POLICY, 0).fit(data.z, data.corpus, lacking)


@pytest.mark.slow
@pytest.mark.parametrize("name", LEARNING)
def test_only_the_rows_of_the_given_part_are_learnt_from(name: str) -> None:
    data = scene()
    others = np.setdiff1d(np.arange(len(data.z)), data.parts.transform.rows)
    changed = data.z.copy()
    changed[others] = np.random.default_rng(9).normal(0, 100, changed[others].shape)
    corpus = dataclasses.replace(data.corpus, table=data.corpus.table.copy())
    corpus.table.loc[others, "emotion"] = "sad"
    corpus.table.loc[others, "gender"] = ""
    again = FITS[name](POLICY, 0).fit(changed, corpus, data.parts.transform)
    assert again.hash == fitted(name).hash


@pytest.mark.slow
@pytest.mark.parametrize("name", LEARNING)
def test_the_rows_of_the_given_part_are_learnt_from(name: str) -> None:
    data = scene()
    changed = data.z.copy()
    changed[data.parts.transform.train[0]] += 1
    assert (
        FITS[name](POLICY, 0).fit(changed, data.corpus, data.parts.transform).hash
        != fitted(name).hash
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", LEARNING)
def test_nothing_that_was_trained_with_it_moves_it_later(name: str) -> None:
    data = scene()
    kept: list[TrainedNetwork] = []

    def train(jobs: Sequence[Job]) -> list[TrainedNetwork]:
        kept.extend(done := [fit(job) for job in jobs])
        return done

    fitter: Fitter = FITS[name](POLICY, 0)
    (release,) = run_rounds([fitter.plan(data.z, data.corpus, data.parts.transform)], train)
    before = release(data.z)
    for one in kept:
        for values in one.module.state_dict().values():
            values.fill_(3.0)
    assert np.array_equal(release(data.z), before)
    assert release.hash == fitted(name).hash


@pytest.mark.parametrize("name", LEARNING)
def test_what_it_hands_out_cannot_change_it(name: str) -> None:
    data = scene()
    release = run_plan(FITS[name](POLICY, 0).plan(data.z, data.corpus, data.parts.transform))
    config = release.config
    assert isinstance(config, dict)
    config["width"] = 3
    if isinstance(release, NetworkRelease):
        for values in release.network.state_dict().values():
            values.fill_(3.0)
    elif isinstance(release, ArrayRelease):
        for array in release.arrays.values():
            with pytest.raises(ValueError, match="read-only"):
                array[...] = 3
    assert release.hash == fitted(name).hash
    assert np.array_equal(release(data.z), fitted(name)(data.z))


def test_a_file_that_is_no_release_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.npz").write_text("not a release")
    (tmp_path / "empty.npz").write_bytes(b"")
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    np.save(tmp_path / "array.npy", np.zeros(3))
    np.savez(tmp_path / "head.npz", sordino=np.array('"x"'))
    for name in ("text.npz", "empty.npz", "other.npz", "array.npy", "head.npz"):
        with pytest.raises(
            ReleaseError,
            match=rf"{name}: not a release, expected a file that `save` wrote: fit it again",
        ):
            load(tmp_path / name)
    with pytest.raises(StorageError, match=r"gone\.npz: No such file"):
        load(tmp_path / "gone.npz")


def test_a_release_of_another_time_or_in_pieces_is_refused(tmp_path: Path) -> None:
    archive.write(tmp_path / "new.npz", "of-tomorrow", {"width": 16}, {})
    with pytest.raises(
        ReleaseError, match=r"new\.npz: release 'of-tomorrow', expected one of none, rae"
    ):
        load(tmp_path / "new.npz")
    archive.write(
        tmp_path / "part.npz", "rae", {"width": 16, "embedding": 4}, {"gender.0.bias": np.zeros(8)}
    )
    archive.write(tmp_path / "bare.npz", "none", {}, {})
    for name in ("part.npz", "bare.npz"):
        with pytest.raises(
            ReleaseError, match=f"{name}: parts of the release are missing or do not fit together"
        ):
            load(tmp_path / name)


def test_a_release_file_that_would_run_something_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "pickle.npz", sordino=np.array([print], dtype=object))
    with pytest.raises(ReleaseError, match="not a release"):
        load(tmp_path / "pickle.npz")
