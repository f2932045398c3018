"""Several primary tasks: emotion, speaker and age, alone and in pairs, and what they cost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

from sordino.corpora.dimensions import levels
from sordino.corpora.table import Corpus
from sordino.study.jaiswal2020.draw_means import task_costs
from sordino.study.jaiswal2020.estimates import measure_embeddings
from sordino.study.jaiswal2020.further_tables import tasks_table
from sordino.study.jaiswal2020.inputs import Material
from sordino.study.jaiswal2020.protocol import StudyLabels, draws
from sordino.study.jaiswal2020.study import _ages, _labels, _select
from sordino.study.jaiswal2020.tables import Look
from sordino.study.jaiswal2020.units import guesses as guesses_of
from sordino.study.jaiswal2020.variant_run import VariantRun
from sordino.study.jaiswal2020.variants import Variant, select_variants
from tests.study.synthetic_corpus import QUICK, corpus

ALONE_AND_PAIRS = [
    "",
    "tasks=speaker",
    "tasks=age",
    "tasks=activation+speaker",
    "tasks=activation+age",
    "tasks=speaker+age",
]


def with_ages(planted: Corpus, ages: list[float]) -> Corpus:
    """The corpus with the age of each speaker, in the order of their names."""
    speaker = np.unique(planted.speaker, return_inverse=True)[1]
    return Corpus(planted.name, planted.table.assign(age=np.array(ages)[speaker]))


def test_each_task_is_trained_alone_and_in_pairs() -> None:
    variants = select_variants(("audio",), ("activation",), ("tasks",), ("speaker", "age"))
    assert [variant.condition for variant in variants] == ALONE_AND_PAIRS


def guesses(share: dict[str, float], speakers: int = 10, takes: int = 30) -> pd.DataFrame:
    """Guesses of age by embeddings that are right in a share of the rows."""
    random, tables = np.random.default_rng(0), []
    speaker = np.repeat(np.arange(speakers), takes)
    for condition, right in share.items():
        truth = speaker % 2
        prediction = np.where(random.random(len(truth)) < right, truth, 1 - truth)
        table = pd.DataFrame(
            {"truth": truth, "prediction": prediction, "row": np.arange(len(truth))}
        )
        tables.append(table.assign(condition=condition, speaker=speaker, gender=speaker % 4 // 2))
    return pd.concat(tables, ignore_index=True).assign(
        features="audio",
        task="activation",
        release="general",
        asked="retrained-age",
        draw="0",
        score=np.nan,
    )


def test_the_cost_is_the_difference_to_the_first_task_alone() -> None:
    rows = guesses({"tasks=age": 0.9, "tasks=activation+age": 0.6})
    lines = [line for line in task_costs(rows) if line["split"] == "all"]
    assert [(line["group"], line["target"]) for line in lines] == [("age", "age")]
    assert lines[0]["value"] == pytest.approx(-0.3, abs=0.06)
    assert lines[0]["low"] < lines[0]["value"] < lines[0]["high"] < 0


def test_a_cost_of_age_has_limits_with_four_speakers_a_class() -> None:
    for speakers, limited in ((8, True), (7, False)):
        rows = guesses({"tasks=age": 0.9, "tasks=activation+age": 0.6}, speakers)
        (cost,) = (line for line in task_costs(rows) if line["split"] == "all")
        assert np.isfinite(cost["low"]) == limited


def test_equal_embeddings_cost_nothing() -> None:
    rows = guesses({"tasks=age": 1.0, "tasks=activation+age": 1.0})
    lines = [line for line in task_costs(rows) if line["split"] == "all"]
    assert lines[0]["value"] == 0


class TaskRun(NamedTuple):
    """One fold of section `tasks`."""

    estimates: pd.DataFrame
    units: dict[str, Any]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> TaskRun:
    """One fold: five would take five times as long."""
    planted = corpus(tmp_path_factory.mktemp("sound"), speakers=10, utterances=4, words=False)
    aged = with_ages(planted, [20.0, 21, 30, 31, 22, 23, 32, 33, 24, 34])
    fold = draws(aged, 0, aged.checksums())[:1]
    labels = _labels(aged, {"activation": levels(aged, "activation")}, fold)
    variants = select_variants(("audio",), ("activation",), ("tasks",), ("speaker", "age"))
    table, units = guesses_of(
        variants,
        Material.of(aged, ("audio",), normalise="corpus", cache=None, jobs=1),
        labels,
        tmp_path_factory.mktemp("units"),
        replace(QUICK, epochs=2, shuffles=1, selections=1),
        jobs=1,
    )
    speakers = pd.DataFrame({"speaker": aged.speaker, "gender": aged.genders()})
    return TaskRun(measure_embeddings(table, units, speakers, "planted", 0), units)


def test_every_embedding_has_emotion_speaker_and_age(run: TaskRun) -> None:
    rows = run.estimates[run.estimates["knowledge"] == "semi-informed"]
    for condition in ALONE_AND_PAIRS:
        of_age = f"{condition} age".strip()
        assert set(rows.loc[rows["condition"] == of_age, "target"]) == {"age"}
        at = rows[rows["condition"] == condition]
        assert {"activation uar", "speaker auc"} <= set(at["target"] + " " + at["metric"])


def test_every_pair_has_both_costs(run: TaskRun) -> None:
    costs = run.estimates[run.estimates["metric"] == "cost"]
    pairs = costs[costs["split"] == "all"].groupby("condition")["group"].agg(sorted)
    assert pairs.to_dict() == {
        "tasks=activation+speaker": ["activation", "speaker"],
        "tasks=activation+age": ["activation", "age"],
        "tasks=speaker+age": ["age", "speaker"],
    }
    (rows,) = tasks_table(Look(run.estimates)).groups
    assert [row[1].text for row in rows] == [
        "activation",
        "speaker",
        "age",
        "activation and speaker",
        "activation and age",
        "speaker and age",
    ]
    assert [cell.text == "–" for cell in rows[-1][-3:]] == [True, False, False]


def test_the_embedding_of_the_speaker_stops_on_training_speakers(run: TaskRun) -> None:
    (network,) = run.units["audio-activation-general-tasks=speaker-0"]["networks"]
    assert network["losses"]


def test_too_few_speakers_of_an_age_are_no_task(tmp_path: Path) -> None:
    planted = corpus(tmp_path, speakers=10, utterances=1)
    assert _ages(planted) is None
    assert _ages(with_ages(planted, [20.0] * 7 + [40.0] * 3)) is None
    codes = _ages(with_ages(planted, [20.0] * 6 + [40.0] * 4))
    assert codes is not None
    assert codes.tolist() == [0] * 6 + [1] * 4


def test_ages_are_those_of_the_speakers_that_take_part(tmp_path: Path) -> None:
    planted = with_ages(corpus(tmp_path, utterances=2, speakers=10), [20.0] * 6 + [40.0] * 4)
    rows, variants = _select(planted, ("tasks",))
    assert "tasks=age" in {variant.condition for variant in variants}
    unlabelled = planted.table["emotion"].where(planted.speaker != max(planted.speaker), "other")
    rows, variants = _select(Corpus("few", planted.table.assign(emotion=unlabelled)), ("tasks",))
    assert len(np.unique(rows.speaker)) == 9
    assert {variant.condition for variant in variants} == {
        "",
        "tasks=speaker",
        "tasks=activation+speaker",
        "tasks=valence+speaker",
    }


class TinyStudy(NamedTuple):
    """One fold of ten speakers with two utterances each."""

    material: Material
    labels: StudyLabels

    def run(self, variant: Variant, **changes: Any) -> VariantRun:
        """A variant on the fold, with other labels or speakers."""
        labels = replace(self.labels, **changes)
        return VariantRun(variant, 0, self.material, labels, replace(QUICK, epochs=1))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinyStudy:
    planted = corpus(tmp_path_factory.mktemp("tiny"), speakers=10, utterances=2, words=False)
    fold = draws(planted, 0, planted.checksums())[:1]
    return TinyStudy(
        Material.of(planted, ("audio",), normalise="corpus", cache=None, jobs=1),
        _labels(planted, {"activation": levels(planted, "activation")}, fold),
    )


def test_a_fold_without_an_age_has_no_guess_of_age(tiny: TinyStudy) -> None:
    fold, age = tiny.labels.draws[0], np.arange(20) % 2
    age[fold.test] = -1
    run = tiny.run(
        Variant("audio", "activation", "general"), labels=tiny.labels.labels | {"age": age}
    )
    embedding, _ = run.fit(run.rows, fold.train, fold.stop, 0)
    tables = run.retrained_head(embedding, embedding(run.rows), 0)
    assert [set(table["asked"]) for table in tables] == [{"retrained"}]


def test_a_speaker_with_one_utterance_stops_no_training(tiny: TinyStudy) -> None:
    fold, speaker = tiny.labels.draws[0], np.array(["a", "b"] * 10)
    speaker[fold.train[-1]] = "z"
    assert len(fold.train) == 12, "the last of twelve rows is for validation"
    run = tiny.run(Variant("audio", "activation", "general", tasks=("speaker",)), speaker=speaker)
    embedding, network = run.fit(run.rows, fold.train, fold.stop, 0)
    assert embedding.network.shape.primary == {"speaker": 2}
    assert network.losses
