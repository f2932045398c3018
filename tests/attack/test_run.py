"""An audit measures test speakers only, with attackers that were trained on others."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from sordino import attack, metrics
from sordino.attack import QUICK, RiskFitter, row_sampling
from sordino.corpora.table import Corpus
from sordino.release import FITTERS, Identity
from sordino.testing import POLICY
from tests.attack.synthetic_scenes import Constant, audit, risk, scene
from tests.release.synthetic_releases import speakers_of

SEMI = "semi-informed"


@cache
def guesses_on(name: str) -> pd.DataFrame:
    """Guesses of all quick attackers on a release."""
    data = scene()
    release = (
        Constant()
        if name == "constant"
        else FITTERS[name](POLICY, 0).fit(data.z, data.corpus, data.parts.transform)
    )
    return audit(release, families=QUICK).predictions


def auc(table: pd.DataFrame, **where: Any) -> float:
    for column, value in where.items():
        table = table[table[column] == value]
    return metrics.auc((table["truth"] == 1).to_numpy(), table["score"].to_numpy())


@pytest.mark.slow
def test_every_attacker_guesses_exactly_the_test_utterances() -> None:
    table, test, role = guesses_on("none"), scene().parts.test, scene().role
    assert list(table.columns) == list(attack.PREDICTION_COLUMNS)
    everyone = np.concatenate([scene().parts.risk.rows, scene().parts.transform.rows, test])
    expected = {
        "emotion": test,
        "gender": test,
        "sensitive-vs-neutral": test[role[test] != 1],
        "membership": everyone,
    }
    single = table[table["target"].isin(expected) & (table["knowledge"] != "patient")]
    for (target, _, _), rows in single.groupby(["target", "knowledge", "attacker"]):
        assert sorted(rows["row"]) == sorted(expected[str(target)])
    for knowledge in (SEMI, "informed"):
        retrained = single[(single["knowledge"] == knowledge) & (single["target"] != "membership")]
        assert set(retrained["attacker"]) == set(QUICK)
        assert set(retrained["target"]) == {"gender", "sensitive-vs-neutral"}
        chosen = retrained[retrained["best"]].groupby("target")["attacker"].nunique()
        assert chosen.tolist() == [1, 1]
    assert set(table.loc[table["target"] != "membership", "speaker"]) == speakers_of(
        scene().corpus, test
    )


@pytest.mark.slow
def test_each_sensitive_emotion_is_attacked_against_neutral() -> None:
    table, data = guesses_on("rae"), scene()
    emotion = data.corpus.column("emotion")
    for name in POLICY.sensitive:
        rows = table[(table["target"] == f"{name}-vs-neutral") & table["best"]]
        test = data.parts.test[np.isin(emotion[data.parts.test], [name, "neutral"])]
        assert sorted(rows["row"]) == test.tolist()
        assert set(rows["knowledge"]) == {SEMI}
        assert ((emotion[rows["row"]] == name) == (rows["truth"] == 1)).all()


@pytest.mark.slow
def test_patient_attackers_recover_more_than_single_utterances() -> None:
    patient = guesses_on("rae-grl").query("knowledge == 'patient'")
    assert set(patient["target"]) == {"gender"}
    assert set(patient["k"]) == {5}  # no speaker has twenty utterances here
    assert set(patient["attacker"]) == {"pooled scores", "pooled vectors"}
    sizes = patient.groupby("attacker").size()
    assert sizes.nunique() == 1
    assert auc(guesses_on("rae-grl"), knowledge="patient", best=True) > auc(
        guesses_on("rae-grl"), knowledge=SEMI, target="gender", best=True
    )


@dataclass(frozen=True)
class GenderedPrototypes(Constant):
    """A wrong release: in either bin, the prototype follows from the voice and not from a key."""

    bins: int = 2

    def __call__(self, z: NDArray[np.float32]) -> NDArray[np.float32]:
        data = scene()
        gender = data.corpus.genders()
        means = [data.z[gender == code].mean(axis=0) for code in (0, 1)]
        male = (z - np.mean(means, axis=0)) @ (means[1] - means[0]) > 0
        out = np.zeros_like(z)
        out[:, 0] = z[:, 0] > np.median(data.z[:, 0])
        out[:, 1] = out[:, 0] != male  # neither number alone carries gender
        return out

    def read(self, out: NDArray[np.float32]) -> NDArray[np.intp]:
        return out[:, 0].astype(np.intp)


def test_a_patient_attacker_counts_prototypes() -> None:
    patient = audit(GenderedPrototypes()).predictions.query("knowledge == 'patient'")
    assert set(patient["attacker"]) == {
        "pooled scores",
        "pooled vectors",
        "bin, pooled",
        "prototype, pooled",
    }
    assert auc(patient, attacker="prototype, pooled") > 0.95
    assert auc(patient, best=True) > 0.95
    assert auc(patient, attacker="bin, pooled") < 0.8


def test_only_informed_attackers_train_on_fitting_speakers() -> None:
    data = scene()
    z = data.z.copy()
    fitting = data.parts.transform.rows
    z[fitting] = np.random.default_rng(0).normal(0, 50, z[fitting].shape)
    first, second = (audit(z=vectors).predictions for vectors in (data.z, z))
    for knowledge, same in ((SEMI, True), ("informed", False)):
        first_table, second_table = (
            table.loc[
                (table["knowledge"] == knowledge) & (table["target"] == "gender"), "score"
            ].tolist()
            for table in (first, second)
        )
        assert (first_table == second_table) is same


@pytest.mark.slow
def test_membership_is_found_if_the_release_memorises_only() -> None:
    data = scene()
    fitting = data.parts.transform.rows

    class Remembers(Constant):
        """Marks every vector of those it was fitted on."""

        def __call__(self, z: NDArray[np.float32]) -> NDArray[np.float32]:
            members = (z[:, None, :] == data.z[None, fitting, :]).all(axis=2).any(axis=1)
            out = np.random.default_rng(0).normal(size=z.shape)
            out[:, 0] += 6 * members
            return out.astype(np.float32)

    assert auc(audit(Remembers()).predictions, target="membership", best=True) > 0.95
    assert auc(guesses_on("constant"), target="membership", best=True) == pytest.approx(
        0.5, abs=0.05
    )


def test_truth_and_labels_are_those_of_the_utterance() -> None:
    table, data = guesses_on("none"), scene()
    assert (table["role"] == data.role[table["row"]]).all()
    assert (table["gender"] == data.corpus.genders()[table["row"]]).all()
    by_target = dict(iter(table.groupby("target")))
    assert (by_target["emotion"]["truth"] == by_target["emotion"]["role"]).all()
    assert (by_target["gender"]["truth"] == by_target["gender"]["gender"]).all()
    distinguish = by_target["sensitive-vs-neutral"]
    assert ((distinguish["truth"] == 1) == (distinguish["role"] == 2)).all()


@pytest.mark.slow
def test_the_ignorant_attacker_is_the_risk_model() -> None:
    table, test = guesses_on("rae-grl"), scene().parts.test
    release = FITTERS["rae-grl"](POLICY, 0).fit(scene().z, scene().corpus, scene().parts.transform)
    before, after = risk()(scene().z[test]), risk()(release(scene().z[test]))
    table = table[table["knowledge"] == "ignorant"]
    emotion, gender = table[table["target"] == "emotion"], table[table["target"] == "gender"]
    assert emotion["before"].tolist() == before.role.argmax(axis=1).tolist()
    assert emotion["prediction"].tolist() == after.role.argmax(axis=1).tolist()
    assert gender["prediction"].tolist() == after.gender.argmax(axis=1).tolist()
    assert gender["score"].to_numpy() == pytest.approx(after.gender[:, 1])


@pytest.mark.parametrize("family", QUICK)
@pytest.mark.parametrize("target", ["gender", "sensitive-vs-neutral"])
def test_a_planted_leak_is_found_by_each_family(family: str, target: str) -> None:
    assert auc(guesses_on("none"), knowledge=SEMI, target=target, attacker=family) > 0.95


@pytest.mark.parametrize("target", ["gender", "sensitive-vs-neutral"])
def test_a_constant_release_leaks_nothing(target: str) -> None:
    for family in QUICK:
        assert auc(guesses_on("constant"), knowledge=SEMI, target=target, attacker=family) == 0.5
    assert auc(guesses_on("constant"), knowledge="ignorant", target=target) == 0.5


@pytest.mark.slow
def test_retrained_attackers_recover_what_ignorant_ones_do_not() -> None:
    emotion = guesses_on("rae-grl").query("target == 'emotion'")
    assert (emotion.loc[emotion["role"] == 2, "prediction"] == 2).mean() < 0.25
    assert auc(guesses_on("rae-grl"), target="sensitive-vs-neutral", knowledge="ignorant") < 0.6
    assert (
        auc(guesses_on("rae-grl"), target="sensitive-vs-neutral", knowledge=SEMI, best=True) > 0.8
    )
    assert auc(guesses_on("rae-grl"), target="gender", knowledge=SEMI, best=True) > 0.75


@pytest.mark.slow
def test_semi_informed_attackers_learn_from_the_risk_party_only() -> None:
    data = scene()
    half = data.parts.test[::2]
    z = data.z.copy()
    outside = np.concatenate([data.parts.transform.rows, np.setdiff1d(data.parts.test, half)])
    z[outside] = np.random.default_rng(0).normal(0, 50, z[outside].shape)
    first, second = (audit(z=vectors, families=("linear", "rbf")) for vectors in (data.z, z))
    assert first.config["chosen"] == second.config["chosen"]
    columns = ["attacker", "best", "target", "row", "prediction", "score"]
    first_table, second_table = (
        table.loc[
            (table["knowledge"] == SEMI)
            & (table["target"] != "membership")
            & table["row"].isin(half),
            columns,
        ].reset_index(drop=True)
        for table in (first.predictions, second.predictions)
    )
    pd.testing.assert_frame_equal(first_table, second_table)


@pytest.mark.slow
def test_test_labels_do_not_change_the_selection() -> None:
    data = scene()
    corpus = Corpus(data.corpus.name, data.corpus.table.copy())
    test = data.parts.test
    corpus.table.loc[test, "emotion"] = np.random.default_rng(0).permutation(
        corpus.table.loc[test, "emotion"]
    )
    swapped = {"female": "male", "male": "female"}
    corpus.table.loc[test, "gender"] = corpus.table.loc[test, "gender"].map(swapped)
    first, second = (
        audit(corpus=labels, families=("linear", "rbf")) for labels in (data.corpus, corpus)
    )
    assert first.config["chosen"] == second.config["chosen"]
    scores = [
        table.loc[(table["knowledge"] == SEMI) & (table["target"] == "gender"), "score"]
        for table in (first.predictions, second.predictions)
    ]
    assert scores[0].tolist() == scores[1].tolist()


@pytest.mark.slow
def test_an_audit_changes_nothing_and_is_the_same_again() -> None:
    data, before = scene(), copy.deepcopy(scene())
    first, second = audit(families=("rbf",)), audit(families=("rbf",))
    pd.testing.assert_frame_equal(first.predictions, second.predictions)
    assert np.array_equal(data.z, before.z)
    assert data.corpus.table.equals(before.corpus.table)


@pytest.mark.slow
def test_the_default_risk_model_is_fitted_on_the_risk_party() -> None:
    data = scene()
    table = attack.run(
        Identity(16), data.z, data.corpus, data.parts, POLICY, families=("linear",)
    ).predictions
    judgement = RiskFitter(POLICY).fit(data.z, data.corpus, data.parts.risk)(
        data.z[data.parts.test]
    )
    assert (
        table.loc[table["target"] == "emotion", "prediction"].tolist()
        == judgement.role.argmax(axis=1).tolist()
    )
    assert table.loc[table["target"] == "gender", "score"][:60].to_numpy() == pytest.approx(
        judgement.gender[:, 1]
    )


def test_speakers_of_unknown_gender_count_for_emotion_only() -> None:
    data = scene()
    corpus = Corpus(data.corpus.name, data.corpus.table.copy())
    unlabelled = sorted(speakers_of(corpus, data.parts.test))[0]
    corpus.table.loc[corpus.speaker == unlabelled, "gender"] = ""
    table = audit(corpus=corpus).predictions
    assert unlabelled in set(table.loc[table["target"] == "emotion", "speaker"])
    assert unlabelled in set(table.loc[table["target"] == "sensitive-vs-neutral", "speaker"])
    assert unlabelled not in set(table.loc[table["target"] == "gender", "speaker"])


def test_detail_is_complete_without_a_release_and_else_lower() -> None:
    def detail(name: str) -> tuple[float, float]:
        table = guesses_on(name)
        intensity, back = (
            table[table["target"] == kind] for kind in ("intensity", "reconstruction")
        )
        assert set(intensity["role"]) == set(back["role"]) == {1}
        recall = metrics.uar(
            intensity["truth"].to_numpy().astype(int),
            intensity["prediction"].to_numpy().astype(int),
        )
        ranked = metrics.auc(
            (intensity["truth"] == intensity["truth"].max()).to_numpy(),
            intensity["score"].to_numpy(),
        )
        assert ranked == pytest.approx(recall, abs=0.1)
        return recall, float(1 - back["prediction"].sum() / back["truth"].sum())

    np.testing.assert_allclose(detail("none"), (1, 1), atol=0.1)
    np.testing.assert_allclose(detail("constant"), (0.5, 0), atol=1e-3)
    assert detail("rae-grl")[1] < 0.7


def test_without_labelled_intensity_there_is_no_such_detail() -> None:
    data = scene()
    corpus = Corpus(data.corpus.name, data.corpus.table.assign(intensity=""))
    assert set(audit(corpus=corpus).predictions["target"]) == {
        "emotion",
        "gender",
        "sensitive-vs-neutral",
        "happy-vs-neutral",
        "angry-vs-neutral",
        "required-vs-rest",
        "membership",
        "reconstruction",
    }


def test_attackers_of_large_parties_have_drawn_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    data = scene()
    monkeypatch.setattr(row_sampling, "COMPLETE_ROWS", 50)
    monkeypatch.setattr(row_sampling, "PARTY_ROWS", 48)
    drawn = audit()
    counts = row_sampling.drawn_counts(data.parts)
    assert counts["test"] == (48, len(data.parts.test))
    assert drawn.config["drawn_rows"] == {name: [*sizes] for name, sizes in counts.items()}
    table = drawn.predictions
    test = table[table["target"] == "emotion"]
    assert set(test["row"]) <= set(data.parts.test)
    assert len(test) == 48
    assert (data.corpus.speaker[test["row"]] == test["speaker"]).all()
    assert (data.corpus.genders()[table["row"]] == table["gender"]).all()
    assert np.ptp(test.groupby("speaker").size()) <= 1
