"""What is drawn depends on an utterance through its bin alone, keeps what is required, and hides
the rest.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from sordino import metrics
from sordino.attack import retrain
from sordino.corpora.split import Part
from sordino.errors import ReleaseError
from sordino.policy import Budget
from sordino.release import Drawn, DrawnFitter, bounds, load
from sordino.release.drawn import fit_scorer
from sordino.release.drawn.prototypes import prototypes
from sordino.signal.keyed_random import uniform
from tests.release.synthetic_vectors import POLICY, Planted, planted, speakers_of


@cache
def scene() -> Planted:
    return planted(speakers=30, rows=24)


@cache
def fitted(detail: bool = False, epsilon: float = float("inf")) -> Drawn:
    given = scene()
    return DrawnFitter(POLICY, detail=detail, epsilon=epsilon).fit(
        given.z, given.corpus, given.parts.transform
    )


def test_the_required_emotion_is_kept_and_neither_gender_nor_sensitive_emotions_are_told() -> None:
    given, release = scene(), fitted()
    out, parts = release(given.z), given.parts
    own, test = parts.risk.rows, parts.test
    secrets = {
        "required": (given.role == 1).astype(np.intp),
        "gender": given.corpus.genders(),
        "sensitive": np.where(given.role == 1, -1, given.role // 2),
    }
    auc = {}
    for vectors, name in ((given.z, "before"), (out, "after")):
        for secret, codes in secrets.items():
            best = retrain(vectors, codes, given.corpus.speaker, own, test).best
            auc[name, secret] = metrics.auc(
                (best["truth"] == 1).to_numpy(), best["score"].to_numpy()
            )
    assert min(auc["before", secret] for secret in secrets) > 0.9
    assert auc["after", "required"] > 0.85
    assert auc["after", "gender"] < 0.65
    assert auc["after", "sensitive"] < 0.65


def test_what_goes_out_is_a_prototype_of_the_bin_and_says_no_more() -> None:
    given, release = scene(), fitted()
    out, bins = release(given.z), release.decide(given.z)
    rows = {row.tobytes() for row in release.arrays["prototypes"]}
    assert {row.tobytes() for row in out} <= rows
    assert (release.read(out) == bins).all()
    other = release.with_key(7)(given.z)  # another device: other draws, the same decisions
    assert (release.read(other) == bins).all()
    assert (out != other).any()
    for one in range(release.bins):  # which prototype of a bin is no matter of who speaks
        drawn = np.unique(out[bins == one], axis=0)
        assert len(drawn) == (release.arrays["bin"] == one).sum()


def test_nobodys_row_is_in_it() -> None:
    given = scene()
    for values in fitted(detail=True).arrays.values():
        if values.shape[-1:] == given.z.shape[1:]:
            for row in values.reshape(-1, given.z.shape[1]):
                assert np.abs(given.z - row).max(axis=1).min() > 1e-3


def test_with_detail_strong_and_weak_utterances_of_the_required_emotion_are_told() -> None:
    given = scene()
    required = given.parts.test[given.role[given.parts.test] == 1]
    strong = (given.corpus.column("intensity")[required] == "strong").astype(int)
    plain, detailed = (
        release.read(release(given.z[required])) for release in (fitted(), fitted(detail=True))
    )
    assert metrics.auc(strong == 1, detailed.astype(float)) > 0.8
    assert metrics.auc(strong == 1, plain.astype(float)) < 0.6


def test_randomised_response_keeps_a_bin_as_often_as_it_promises() -> None:
    given, release = scene(), fitted(epsilon=1.0)
    said = np.concatenate(
        [release.with_key(key).read(release.with_key(key)(given.z)) for key in range(20)]
    )
    kept = np.mean(said == np.tile(release.decide(given.z), 20))
    assert kept == pytest.approx(np.e / (np.e + 1), abs=0.02)


def test_chance_follows_from_vector_and_key_and_is_even() -> None:
    z = np.random.default_rng(0).normal(size=(4000, 3)).astype(np.float32)
    numbers = uniform(z, 5, 3)
    assert np.array_equal(uniform(z[::-1], 5, 3)[::-1], numbers)
    assert abs(np.corrcoef(numbers.T) - np.eye(3)).max() < 0.06
    counts, _ = np.histogram(numbers[:, 0], 10, (0, 1))
    assert abs(counts - 400).max() < 90
    assert abs(np.corrcoef(z[:, 0], numbers[:, 0])[0, 1]) < 0.06


def test_prototypes_are_means_of_disjoint_utterances_of_different_people_and_both_genders() -> None:
    random = np.random.default_rng(0)
    speaker = np.repeat([f"{one:02d}" for one in range(12)], 8)
    gender = np.repeat(np.arange(12) % 2, 8).astype(np.intp)
    z = np.eye(96, dtype=np.float32)  # a row is told by the dimension that it is
    made = prototypes(z, random.random(96), speaker, gender, 0, "calm")
    used = [np.flatnonzero(row) for row in made]
    assert len(made) >= 3
    for rows in used:
        assert len(rows) == 10
        assert len(set(speaker[rows])) == 10
        assert gender[rows].sum() == 5
    assert len(set(np.concatenate(used))) == 10 * len(made)


def test_too_few_people_make_one_prototype_or_none() -> None:
    speaker = np.repeat([f"{one}" for one in range(5)], 4)
    z = np.arange(40, dtype=np.float32).reshape(20, 2)
    with pytest.warns(
        UserWarning, match="5 speakers sound like calm, .* one prototype is the mean of all"
    ):
        made = prototypes(z, np.ones(20), speaker, np.zeros(20, np.intp), 0, "calm")
    np.testing.assert_allclose(made, z.mean(axis=0)[None])
    few = speaker < "3"
    with pytest.raises(ReleaseError, match=r"3 speaker\(s\) sound like calm .* expected 4 or more"):
        prototypes(z[few], np.ones(12), speaker[few], np.zeros(12, np.intp), 0, "calm")


def test_the_bound_of_a_speaker_is_by_what_never_saw_it_the_scaled_space_included() -> None:
    given = scene()
    seen: list[set[str]] = []

    def space(rows: NDArray[np.intp]) -> NDArray[np.float32]:
        seen.append(speakers_of(given.corpus, rows))
        return given.z

    bounds(DrawnFitter(POLICY), space, given.corpus, given.parts.transform)
    everybody = speakers_of(given.corpus, given.parts.transform.rows)
    left_out = [one for others in seen for one in everybody - others]
    assert sorted(left_out) == sorted(everybody)


def test_no_attacker_lies_above_the_bound() -> None:
    given = scene()
    fitter = DrawnFitter(
        POLICY, rate=0.15
    )  # at their own rate these bins are never wrong, and tell nothing at all
    found = bounds(fitter, lambda _: given.z, given.corpus, given.parts.transform)
    assert {key for key, _ in found} == {"gender", "sensitive-vs-neutral"}
    assert {given_ for key, given_ in found if key == "gender"} == {
        "",
        "neutral",
        "required",
        "sensitive",
    }
    release = fitter.fit(given.z, given.corpus, given.parts.transform)
    test = given.parts.test
    bins, gender = release.decide(given.z[test]), given.corpus.genders()[test]
    reached = metrics.auc(gender == 1, bins.astype(float))
    assert max(reached, 1 - reached) <= found["gender", ""].auc_high
    assert found["gender", ""].tv < found["gender", ""].high < 0.3


def test_a_leak_of_the_bins_themselves_shows_in_the_bound() -> None:
    given = planted(speakers=30, gender=0.5, seed=1)
    corpus = given.corpus.table.copy()
    male = (corpus["gender"] == "male") & (corpus["emotion"] == "neutral")
    corpus.loc[male & (np.arange(len(corpus)) % 3 > 0), "emotion"] = (
        "sad"  # men are labelled sad where women are not
    )
    from sordino.corpora.table import Corpus

    labelled = Corpus("planted", corpus)
    z = given.z + 3 * (corpus["emotion"] == "sad").to_numpy()[:, None].astype(np.float32)
    found = bounds(DrawnFitter(POLICY), lambda _: z, labelled, given.parts.transform)
    assert found["gender", ""].tv > 0.08


def test_the_required_emotion_is_missed_as_often_as_others_pass_or_others_pass_at_a_rate() -> None:
    given = planted(speakers=30, emotion=1.2, gender=0.5, voice=0.5)
    rows, role = given.parts.transform.rows, given.role[given.parts.transform.rows]
    missed, passed = {}, {}
    for rate in (None, 0.1, 0.3):
        release = DrawnFitter(POLICY, rate=rate).fit(given.z, given.corpus, given.parts.transform)
        high = release.decide(given.z[rows]) == 1
        missed[rate] = 1 - high[role == 1].mean()
        passed[rate] = max(high[role == 0].mean(), high[role == 2].mean())
    assert missed[0.1] > missed[0.3]
    assert missed[None] == pytest.approx(passed[None], abs=0.1)
    assert passed[0.1] < passed[0.3]


def test_a_scorer_is_scikit_learns_discriminant_where_no_gender_is_told() -> None:
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


def test_gender_is_told_apart_and_takes_no_part_in_what_an_emotion_is() -> None:
    given = planted(speakers=30, gender=2.0)
    gender, emotion = (
        given.corpus.genders(),
        np.array([POLICY.emotions.index(one) for one in given.corpus.column("emotion")]),
    )
    told = fit_scorer.fit(given.z, emotion, given.corpus.speaker, gender)
    pairs = (
        np.tensordot(given.z, told.arrays["scorer.w"], (1, 2)) + told.arrays["scorer.b"]
    )  # (n, emotions, genders)
    assert np.mean(pairs.max(axis=1).argmax(axis=1) == gender) > 0.99
    w, change = told.arrays["scorer.w"], np.diff(told.arrays["scorer.w"], axis=1)
    assert np.abs(change - change[:1]).max() < 1e-9 * np.abs(w).max()  # the same for every emotion


def test_settings_that_cannot_be_are_refused() -> None:
    given = scene()
    with pytest.raises(
        ReleaseError, match=r"shrinkage 0.0, expected a share: more than 0, at most 1"
    ):
        DrawnFitter(POLICY, shrinkage=0.0).fit(given.z, given.corpus, given.parts.transform)
    for fitter in (DrawnFitter(POLICY, rate=0.0), DrawnFitter(POLICY, epsilon=0.0)):
        with pytest.raises(ReleaseError, match="expected 0 < rate < 1 and a positive one"):
            fitter.fit(given.z, given.corpus, given.parts.transform)


def test_an_emotion_of_one_speaker_alone_is_refused() -> None:
    given = scene()
    rows = given.parts.transform.rows
    happy = given.corpus.column("emotion")[rows] == "happy"
    one = given.corpus.speaker[rows] == given.corpus.speaker[rows][0]
    with pytest.raises(
        ReleaseError,
        match="only one speaker has an emotion of the policy, expected more: add speakers",
    ):
        DrawnFitter(POLICY).fit(given.z, given.corpus, Part(rows[~happy | one], rows[:0]))


def test_the_policy_of_a_saved_release_is_the_one_it_was_fitted_for(tmp_path: Path) -> None:
    given = scene()
    policy = replace(POLICY, knobs=(("drawn", (("rate", 0.2),)),), budget=Budget(per_day=100))
    DrawnFitter(policy).fit(given.z, given.corpus, given.parts.transform).save(
        tmp_path / "drawn.npz"
    )
    saved = load(tmp_path / "drawn.npz")
    assert isinstance(saved, Drawn)
    assert saved.policy == policy
