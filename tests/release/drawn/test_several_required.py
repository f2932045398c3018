"""A drawn release with several required emotions: a bin for each, and nothing else."""

from __future__ import annotations

import dataclasses
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from sordino import attack, device, release
from sordino.corpora.split import Part
from sordino.corpora.table import Corpus
from sordino.define import Role
from sordino.export.bundle import write
from sordino.features import PreprocessFitter
from sordino.metrics.bound import bound
from sordino.policy import MOST_REQUIRED, Policy
from sordino.release import Drawn, DrawnFitter
from sordino.release.drawn.factors import combinations
from sordino.release.drawn.fit import bounds_of_decisions, crossfit_decisions
from sordino.release.drawn.secret_bounds import secret_bounds
from sordino.report.estimate_table import Estimates
from sordino.report.estimates import measure
from sordino.testing import SyntheticVectors, synthetic_vectors

TWO = Policy(required=("sad", "happy"), sensitive=("angry",))


@cache
def scene() -> SyntheticVectors:
    return synthetic_vectors(speakers=20, rows=12)


@cache
def fitted(policy: Policy = TWO) -> Drawn:
    data = scene()
    return DrawnFitter(policy).fit(data.z, data.corpus, data.parts.transform)


def test_every_required_emotion_has_a_bin() -> None:
    data, emotion = scene(), scene().corpus.column("emotion")
    bins = fitted().decide(data.z)
    assert fitted().bins == 3
    for code, names in enumerate((("neutral", "angry"), ("sad",), ("happy",))):
        assert np.mean(bins[np.isin(emotion, names)] == code) > 0.95
    assert set(fitted().read(fitted()(data.z)).tolist()) == {0, 1, 2}


def test_the_bins_follow_from_the_scores_and_thresholds() -> None:
    z, drawn = scene().z, fitted()
    margin = drawn.score(z) - np.array(drawn.config["threshold"])
    expected = np.where(margin.max(axis=1) > 0, 1 + margin.argmax(axis=1), 0)
    np.testing.assert_array_equal(drawn.decide(z), expected)


def test_a_saved_release_of_several_emotions_is_the_same(tmp_path: Path) -> None:
    fitted().save(tmp_path / "drawn.npz")
    loaded = release.load(tmp_path / "drawn.npz", key=0)
    np.testing.assert_array_equal(loaded(scene().z), fitted()(scene().z))


def test_a_shift_and_a_calibration_keep_the_bins() -> None:
    data = scene()
    rows = data.parts.test
    calibrated = fitted().calibrate(data.z[rows], data.corpus.select(rows))
    assert calibrated.bins == fitted().bins
    assert (fitted().shift(1e9).decide(data.z) == 0).all()
    np.testing.assert_array_equal(fitted().shift(0.5).decide(data.z), fitted().decide(data.z, 0.5))


@pytest.mark.slow
def test_each_emotion_has_figures_and_the_mean_is_theirs() -> None:
    data = scene()
    result = attack.run(
        fitted(), data.z, data.corpus, data.parts, TWO, families=("linear",), informed=False
    )
    look = Estimates(measure(result.predictions, breakdown=False))
    assert look.required == ["sad+happy"]
    for metric in ("f1", "unchanged"):
        each = [look(metric, "drawn", TWO.required_name, group).value for group in ("sad", "happy")]
        mean = look(metric, "drawn", TWO.required_name, Role.REQUIRED).value
        assert mean == pytest.approx(np.mean(each))
        assert min(each) > 0.8
    retrained = look(
        "utility_auc", "drawn", TWO.required_name, knowledge="semi-informed", target="happy-vs-rest"
    )
    assert retrained.value > 0.9


def test_a_bound_counts_all_bins() -> None:
    data = scene()
    decisions = crossfit_decisions(
        DrawnFitter(TWO), lambda _: data.z, data.corpus, data.parts.transform
    )
    assert decisions.bin_count == 3
    assert {limit.bins for limit in bounds_of_decisions(decisions).values()} == {3}


def test_eight_bins_have_the_bound_of_their_shares() -> None:
    speaker = np.repeat(np.arange(40), 10).astype(str)
    secret = np.repeat(np.arange(40) % 2, 10)
    shares = ([0, 0, *range(8)], [1, 1, *range(8)])
    bins = np.array([shares[value][row % 10] for row, value in enumerate(secret)])
    limit = bound(bins, secret, speaker, 8)
    assert limit.tv == pytest.approx(0.2)
    assert limit.tv < limit.high < 0.4
    assert limit.auc_high == 0.5 + limit.high - limit.high**2 / 2
    assert MOST_REQUIRED == 7


def test_a_swap_among_required_emotions_of_men_has_a_bound() -> None:
    data = synthetic_vectors(speakers=20, rows=20)
    emotion, men = data.corpus.column("emotion"), data.corpus.genders() == 1
    turn = np.arange(len(emotion)) % 20 // 4
    bins = np.where(emotion == "sad", 1, np.where(emotion == "happy", 2, 0))
    bins = np.where(men & (turn < 2) & (bins > 0), 3 - bins, bins)
    secrets = data.corpus.secrets(TWO, np.arange(len(emotion)))
    limits = secret_bounds(bins, 3, secrets, data.corpus.speaker, 1.0)
    assert limits["gender", "required"].tv == pytest.approx(0)
    assert limits["gender", "sad"].tv == pytest.approx(0.4)
    assert limits["gender", "happy"].tv == pytest.approx(0.4)


def test_a_device_tells_which_emotion_was_recognised(tmp_path: Path) -> None:
    data = scene()
    space = PreprocessFitter("zscore", 8).fit(data.z)
    z = space(data.z)
    drawn = DrawnFitter(TWO).fit(z, data.corpus, data.parts.transform)
    path = write(
        tmp_path / "two.sordino", space, {"two": (TWO, drawn)}, features="made", card={"audit": {}}
    )
    runtime = device.Runtime(path, key=1)
    assert runtime.policy == TWO
    vectors = runtime.release(data.z)
    names = np.array(["", "sad", "happy"])[drawn.decide(z)]
    assert runtime.emotions(vectors) == names.tolist()
    row = device.Reader(path).row(vectors[0])
    np.testing.assert_array_equal(device.Reader(path).vector(row), vectors[0])


def test_a_hidden_column_shifts_the_means_of_the_scorer() -> None:
    data = scene()
    number = np.array([int(name.rsplit("/")[-1]) for name in data.corpus.speaker])
    accent = np.array(["a", "b", "c"])[number % 3]
    corpus = Corpus("made", data.corpus.table.assign(accent=accent))
    policy = dataclasses.replace(TWO, hide=("gender", "accent"))
    drawn = DrawnFitter(policy).fit(data.z, corpus, data.parts.transform)
    assert drawn.arrays["scorer.b"].shape == (4, 6)
    alone = dataclasses.replace(TWO, hide=("accent", "gender*accent"))
    drawn = DrawnFitter(alone).fit(data.z, corpus, data.parts.transform)
    assert drawn.arrays["scorer.b"].shape == (4, 6)  # gender is modelled for its intersection


def test_shifts_of_attributes_are_added() -> None:
    shifts = [np.array([[-1.0], [1.0]]), np.array([[0.0], [10.0], [20.0]])]
    assert combinations(shifts).ravel().tolist() == [-1, 9, 19, 1, 11, 21]


def test_too_many_combinations_are_left_out_with_a_warning() -> None:
    data = scene()
    number = np.array([int(name.rsplit("/")[-1]) for name in data.corpus.speaker])
    columns = {"accent": number % 3, "region": number % 7}
    table = data.corpus.table.assign(
        **{name: [f"v{value}" for value in values] for name, values in columns.items()}
    )
    policy, every = dataclasses.replace(TWO, hide=("gender", "accent", "region")), np.arange(240)
    with pytest.warns(UserWarning, match="hide region: the scorer models at most 32"):
        DrawnFitter(policy).fit(data.z, Corpus("made", table), Part(every, every[:0]))
