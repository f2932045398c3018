"""What is drawn depends on an utterance through its bin alone, keeps what is required, and hides
the rest.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from sordino import metrics
from sordino.attack import retrain
from sordino.corpora.split import Part
from sordino.corpora.table import Corpus
from sordino.errors import ReleaseError
from sordino.keyed_random import uniform
from sordino.metrics.bound import NO_BOUND
from sordino.policy import Budget
from sordino.release import Drawn, DrawnFitter, bounds, load
from sordino.release.drawn import fit_scorer
from sordino.release.drawn.secret_bounds import secret_bounds
from sordino.study.fitting.card import estimate_and_limit
from sordino.testing import POLICY, SyntheticVectors, synthetic_vectors
from sordino.types import Matrix, Rows
from tests.release.synthetic_releases import speakers_of


@cache
def scene() -> SyntheticVectors:
    return synthetic_vectors(speakers=30, rows=24)


@cache
def fitted(detail: bool = False, epsilon: float = float("inf")) -> Drawn:
    data = scene()
    return DrawnFitter(POLICY, detail=detail, epsilon=epsilon).fit(
        data.z, data.corpus, data.parts.transform
    )


@pytest.mark.slow
def test_the_required_emotion_survives_and_secrets_do_not() -> None:
    data, release = scene(), fitted()
    out, parts = release(data.z), data.parts
    own, test = parts.risk.rows, parts.test
    secrets = {
        "required": (data.role == 1).astype(np.intp),
        "gender": data.corpus.genders(),
        "sensitive": np.where(data.role == 1, -1, data.role // 2),
    }
    auc = {}
    for vectors, name in ((data.z, "before"), (out, "after")):
        for secret, codes in secrets.items():
            best = retrain(vectors, codes, data.corpus.speaker, own, test).best
            auc[name, secret] = metrics.auc(
                (best["truth"] == 1).to_numpy(), best["score"].to_numpy()
            )
    assert min(auc["before", secret] for secret in secrets) > 0.9
    assert auc["after", "required"] > 0.85
    assert auc["after", "gender"] < 0.65
    assert auc["after", "sensitive"] < 0.65


def test_the_output_is_a_prototype_of_the_bin() -> None:
    data, release = scene(), fitted()
    out, bins = release(data.z), release.decide(data.z)
    rows = {row.tobytes() for row in release.arrays["prototypes"]}
    assert {row.tobytes() for row in out} <= rows
    assert (release.read(out) == bins).all()
    other = release.with_key(7)(data.z)  # another device: other draws, the same decisions
    assert (release.read(other) == bins).all()
    assert (out != other).any()
    for one in range(release.bins):  # which prototype of a bin is no matter of who speaks
        drawn = np.unique(out[bins == one], axis=0)
        assert len(drawn) == (release.arrays["bin"] == one).sum()


def test_nobodys_row_is_in_it() -> None:
    data = scene()
    for values in fitted(detail=True).arrays.values():
        if values.shape[-1:] == data.z.shape[1:]:
            for row in values.reshape(-1, data.z.shape[1]):
                assert np.abs(data.z - row).max(axis=1).min() > 1e-3


def test_detail_separates_strong_and_weak_utterances() -> None:
    data = scene()
    required = data.parts.test[data.role[data.parts.test] == 1]
    strong = (data.corpus.column("intensity")[required] == "strong").astype(int)
    plain, detailed = (
        release.read(release(data.z[required])) for release in (fitted(), fitted(detail=True))
    )
    assert metrics.auc(strong == 1, detailed.astype(float)) > 0.8
    assert metrics.auc(strong == 1, plain.astype(float)) < 0.6


def test_randomised_response_keeps_a_bin_as_often_as_it_promises() -> None:
    data, release = scene(), fitted(epsilon=1.0)
    words = np.concatenate(
        [release.with_key(key).read(release.with_key(key)(data.z)) for key in range(20)]
    )
    kept = np.mean(words == np.tile(release.decide(data.z), 20))
    assert kept == pytest.approx(math.e / (math.e + 1), abs=0.02)


def test_chance_follows_from_vector_and_key_and_is_even() -> None:
    z = np.random.default_rng(0).normal(size=(4000, 3)).astype(np.float32)
    numbers = uniform(z, 5, 3)
    assert np.array_equal(uniform(z[::-1], 5, 3)[::-1], numbers)
    assert abs(np.corrcoef(numbers.T) - np.eye(3)).max() < 0.06
    counts, _ = np.histogram(numbers[:, 0], 10, (0, 1))
    assert abs(counts - 400).max() < 90
    assert abs(np.corrcoef(z[:, 0], numbers[:, 0])[0, 1]) < 0.06


def test_the_bound_is_cross_fitted_with_the_scaled_space() -> None:
    data = scene()
    seen: list[set[str]] = []

    def space(rows: NDArray[np.intp]) -> NDArray[np.float32]:
        seen.append(speakers_of(data.corpus, rows))
        return data.z

    bounds(DrawnFitter(POLICY), space, data.corpus, data.parts.transform)
    everybody = speakers_of(data.corpus, data.parts.transform.rows)
    left_out = [one for others in seen for one in everybody - others]
    assert sorted(left_out) == sorted(everybody)


def test_no_attacker_lies_above_the_bound() -> None:
    data = synthetic_vectors(speakers=30, rows=24, emotion=2.0)  # bins of errors and of hits
    fitter = DrawnFitter(POLICY)
    result = bounds(fitter, lambda _: data.z, data.corpus, data.parts.transform)
    assert {key for key, _ in result} == {
        "gender",
        "sensitive-vs-neutral",
        "happy-vs-neutral",
        "angry-vs-neutral",
    }
    assert {given_ for key, given_ in result if key == "gender"} == {
        "",
        "neutral",
        "required",
        "sensitive",
    }
    assert {side for key, side in result if key == "happy-vs-neutral"} == {"", "female", "male"}
    release = fitter.fit(data.z, data.corpus, data.parts.transform)
    test = data.parts.test
    bins, gender = release.decide(data.z[test]), data.corpus.genders()[test]
    reached = metrics.auc(gender == 1, bins.astype(float))
    assert max(reached, 1 - reached) <= result["gender", ""].auc_high
    # of six speakers of each gender, a share of .39 may all be missed
    assert result["gender", ""].tv < result["gender", ""].high < 0.4


def test_a_leak_of_the_bins_themselves_shows_in_the_bound() -> None:
    data = synthetic_vectors(speakers=30, gender=0.5, seed=1)
    corpus = data.corpus.table.copy()
    male = (corpus["gender"] == "male") & (corpus["emotion"] == "neutral")
    corpus.loc[male & (np.arange(len(corpus)) % 3 > 0), "emotion"] = (
        "sad"  # men are labelled sad where women are not
    )
    labelled = Corpus("planted", corpus)
    z = data.z + 3 * (corpus["emotion"] == "sad").to_numpy()[:, None].astype(np.float32)
    result = bounds(DrawnFitter(POLICY), lambda _: z, labelled, data.parts.transform)
    assert result["gender", ""].tv > 0.08


def test_a_secret_of_few_speakers_has_no_bound() -> None:
    data = synthetic_vectors(speakers=12, rows=8)
    rows, bins = np.arange(96), np.zeros(96, np.intp)
    corpus = data.corpus.table.copy()
    few = corpus["speaker"].isin(corpus["speaker"].unique()[:4])
    corpus.loc[(corpus["emotion"] == "happy") & ~few, "emotion"] = "neutral"
    labelled = Corpus("few", corpus)
    secrets = labelled.secrets(POLICY, rows)
    with pytest.warns(UserWarning, match="happy-vs-neutral.*: a secret that varies within"):
        result = secret_bounds(bins, 2, secrets, labelled.speaker, 1.0)
    assert np.isnan(result["happy-vs-neutral", ""].high)
    assert result["angry-vs-neutral", ""].high < 1
    line = estimate_and_limit("happy-vs-neutral", result["happy-vs-neutral", ""])
    assert line == f"happy against neutral: {NO_BOUND}"


def test_the_threshold_has_the_equal_error_rate_or_a_given_rate() -> None:
    data = synthetic_vectors(speakers=30, emotion=1.2, gender=0.5, voice=0.5)
    rows, role = data.parts.transform.rows, data.role[data.parts.transform.rows]
    missed, passed = {}, {}
    for rate in (None, 0.1, 0.3):
        release = DrawnFitter(POLICY, rate=rate).fit(data.z, data.corpus, data.parts.transform)
        high = release.decide(data.z[rows]) == 1
        missed[rate] = 1 - high[role == 1].mean()
        passed[rate] = max(high[role == 0].mean(), high[role == 2].mean())
    assert missed[0.1] > missed[0.3]
    assert missed[None] == pytest.approx(passed[None], abs=0.1)
    assert passed[0.1] < passed[0.3]


def test_a_scorer_without_gender_equals_that_of_scikit_learn() -> None:
    random = np.random.default_rng(0)
    emotion = np.repeat([0, 1, 2], 60)
    z = random.normal(size=(180, 5)) @ random.normal(size=(5, 5)) + emotion[:, None]
    speaker = np.tile(
        np.arange(10), 18
    )  # everyone says as much: a mean over speakers is one over rows
    oracle = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.3, priors=[1 / 3] * 3).fit(
        z, emotion
    )
    posterior = fit_scorer.fit(z, emotion, speaker, shrinkage=0.3)(z)
    np.testing.assert_allclose(posterior, oracle.predict_proba(z), atol=0.02)
    np.testing.assert_allclose(posterior.sum(axis=1), 1)


def test_the_scorer_separates_gender_from_emotion() -> None:
    data = synthetic_vectors(speakers=30, gender=2.0)
    gender, emotion = (
        data.corpus.genders(),
        np.array([POLICY.emotions.index(one) for one in data.corpus.column("emotion")]),
    )
    report = fit_scorer.fit(data.z, emotion, data.corpus.speaker, [gender])
    pairs = (
        np.tensordot(data.z, report.arrays["scorer.w"], (1, 2)) + report.arrays["scorer.b"]
    )  # (n, emotions, genders)
    assert np.mean(pairs.max(axis=1).argmax(axis=1) == gender) > 0.99
    w, change = report.arrays["scorer.w"], np.diff(report.arrays["scorer.w"], axis=1)
    assert np.abs(change - change[:1]).max() < 1e-9 * np.abs(w).max()  # the same for every emotion


def test_settings_that_cannot_be_are_refused() -> None:
    data = scene()
    with pytest.raises(
        ReleaseError, match=r"shrinkage 0.0, expected a share: more than 0, at most 1"
    ):
        DrawnFitter(POLICY, shrinkage=0.0).fit(data.z, data.corpus, data.parts.transform)
    with pytest.raises(ReleaseError, match=r"gap -1.0, expected 0 or more standard errors"):
        DrawnFitter(POLICY, gap=-1.0).fit(data.z, data.corpus, data.parts.transform)
    for fitter in (DrawnFitter(POLICY, rate=0.0), DrawnFitter(POLICY, epsilon=0.0)):
        with pytest.raises(ReleaseError, match="expected 0 < rate < 1 and a positive one"):
            fitter.fit(data.z, data.corpus, data.parts.transform)


def test_an_emotion_of_one_speaker_alone_is_refused() -> None:
    data = scene()
    rows = data.parts.transform.rows
    happy = data.corpus.column("emotion")[rows] == "happy"
    one = data.corpus.speaker[rows] == data.corpus.speaker[rows][0]
    with pytest.raises(
        ReleaseError,
        match="only one speaker has an emotion of the policy, expected more: add speakers",
    ):
        DrawnFitter(POLICY).fit(data.z, data.corpus, Part(rows[~happy | one], rows[:0]))


def test_a_saved_release_has_its_policy(tmp_path: Path) -> None:
    data = scene()
    policy = replace(POLICY, knobs=(("drawn", (("rate", 0.2),)),), budget=Budget(per_day=100))
    DrawnFitter(policy).fit(data.z, data.corpus, data.parts.transform).save(tmp_path / "drawn.npz")
    saved = load(tmp_path / "drawn.npz")
    assert isinstance(saved, Drawn)
    assert saved.policy == policy
    assert saved.config["key"] != 0  # the seed of the fit is public


@pytest.mark.parametrize("column", ["corpus", "emotion"])
def test_repeated_rows_of_a_corpus_change_no_posterior(column: str) -> None:
    random = np.random.default_rng(0)
    labels: dict[str, Any] = {
        "corpus": np.repeat([0, 1], 30),
        "speaker": np.arange(60) // 6,
        "emotion": np.arange(60) % 3,
        "gender": np.arange(60) // 6 % 2,
    }
    z = random.normal(size=(60, 5)) + np.eye(5)[labels["emotion"]] + labels["corpus"][:, None]

    def posterior(rows: Rows) -> Matrix:
        emotion, speaker, gender, corpus = (
            labels[name][rows] for name in ("emotion", "speaker", "gender", "corpus")
        )
        return fit_scorer.fit(z[rows], emotion, speaker, [gender], corpus=corpus)(z)

    every = np.arange(60)
    repeated = np.concatenate([every, *[every[labels[column] == 1]] * 4])
    np.testing.assert_allclose(posterior(repeated), posterior(every), rtol=1e-6)
