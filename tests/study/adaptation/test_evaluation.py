"""The studies of adapted releases, on synthetic vectors of two corpora."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sordino import cli
from sordino.corpora import table
from sordino.corpora.table import Corpus
from sordino.define import Knowledge
from sordino.errors import CorpusError
from sordino.features import write_vectors
from sordino.release import DrawnFitter
from sordino.report import COLUMNS
from sordino.study import POLICIES, Options
from sordino.study.adaptation import cross_corpus, evaluation, personalisation
from tests.study import synthetic_study
from tests.study.synthetic_study import FITTERS

OPTIONS = Options(families=("linear",))


@dataclass(frozen=True)
class Places:
    """Two corpora of 14 speakers each, their manifests, and one table of vectors, with an offset in
    the second corpus.
    """

    here: Corpus
    there: Corpus
    folder: Path

    @property
    def vectors(self) -> str:
        return str(self.folder / "vectors.parquet")


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Places:
    folder = tmp_path_factory.mktemp("places")
    given = synthetic_study.study(folder, speakers=14, takes=3, names=("here", "there"))
    corpus = given.corpus.column("corpus")
    x = given.x + 2.0 * (corpus == "there")[:, None] * np.random.default_rng(0).normal(
        size=synthetic_study.DIMS
    )
    write_vectors(
        folder / "vectors.parquet",
        x.astype(np.float32),
        given.corpus,
        [f"x{i}" for i in range(synthetic_study.DIMS)],
    )
    rows = pd.read_csv(given.manifest)
    for name in ("here", "there"):
        rows[rows["corpus"] == name].to_csv(folder / f"{name}.csv", index=False)
    here, there = (
        Corpus(name, given.corpus.select(corpus == name).table) for name in ("here", "there")
    )
    return Places(here, there, folder)


HISTORIES = tuple(personalisation.HISTORIES[index] for index in (1, 4, 7))
QUICK: dict[str, Any] = {
    "options": OPTIONS,
    "policies": POLICIES[:1],
    "fitters": FITTERS,
    "jobs": 1,
}
"""One policy, one family of attackers, and few epochs."""


@pytest.fixture(autouse=True)
def without_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # few prototypes
        yield


def values(guesses: pd.DataFrame, figure: str) -> dict[tuple[str, str], float]:
    return {key: row[figure].value for key, row in evaluation.mean_figures(guesses).items()}


def test_a_centred_space_transfers(places: Places, tmp_path: Path) -> None:
    estimates, guesses, absent = cross_corpus.carry(
        places.here,
        places.there,
        tmp_path,
        features=places.vectors,
        releases=("none", "drawn"),
        **QUICK,
    )
    assert (tuple(estimates.columns), absent) == (COLUMNS, [])
    keys = [
        "release",
        "condition",
        "required",
        "knowledge",
        "attacker",
        "target",
        "metric",
        "group",
        "k",
        "split",
    ]
    assert not estimates.duplicated(keys).any()
    assert set(guesses["corpus"]) == {"there"}
    assert set(guesses.loc[guesses["target"] == "emotion", "speaker"]) == set(places.there.speaker)
    f1 = values(guesses, "F1 required")
    assert f1["drawn", cross_corpus.CENTRED_SPACE] > f1["drawn", cross_corpus.AS_FITTED] + 0.2
    assert f1["none", cross_corpus.CENTRED_SPACE] > f1["none", cross_corpus.AS_FITTED]
    assert set(f1) >= {
        ("drawn", condition) for condition in (*cross_corpus.CALIBRATED, cross_corpus.KNOWN_USER)
    }
    assert values(guesses, "gender AUC")["none", cross_corpus.CENTRED_SPACE] > 0.9
    assert json.loads((tmp_path / "run.json").read_text())["config"]["fitted_on"] == "here"
    assert (tmp_path / "estimates.csv").is_file()


def test_target_labels_change_calibrated_releases_only(places: Places, tmp_path: Path) -> None:
    shuffled = places.there.table.copy()
    shuffled["emotion"] = np.roll(shuffled["emotion"], 1)
    predictions = []
    for number, corpus in enumerate((places.there, Corpus("there", shuffled))):
        guesses = cross_corpus.carry(
            places.here,
            corpus,
            tmp_path / str(number),
            features=places.vectors,
            releases=("drawn",),
            **QUICK,
        ).guesses
        predictions.append(
            guesses[guesses["target"] == "emotion"].pivot(
                index="row", columns="condition", values="prediction"
            )
        )
    same = (predictions[0] == predictions[1]).all()
    assert {condition for condition in same.index if same[condition]} == {
        cross_corpus.AS_FITTED,
        cross_corpus.CENTRED_SPACE,
        cross_corpus.KNOWN_USER,
    }


def test_a_fold_without_a_role_ends_its_condition_alone(places: Places, tmp_path: Path) -> None:
    first, second = sorted(set(places.there.speaker))[:2]
    happy = places.there.column("emotion") == "happy"
    rare = ~happy | np.isin(places.there.speaker, [first, second])
    result = cross_corpus.carry(
        places.here,
        places.there.select(rare),
        tmp_path,
        features=places.vectors,
        releases=("drawn",),
        **QUICK,
    )
    conditions = set(result.guesses["condition"])
    assert {cross_corpus.AS_FITTED, cross_corpus.KNOWN_USER} <= conditions
    assert result.absent
    for absence in result.absent:
        assert absence.condition in cross_corpus.CALIBRATED
        assert absence.condition not in conditions
        assert "label more" in absence.reason
    record = json.loads((tmp_path / "run.json").read_text())
    assert record["config"]["absent"] == [absence._asdict() for absence in result.absent]


def test_a_release_of_one_corpus_is_shrunk_more(places: Places) -> None:
    both = table.join([places.here, places.there])
    assert cross_corpus.unseen_knobs(both) == cross_corpus.UNSEEN
    assert cross_corpus.unseen_knobs(places.here)["shrinkage"] > DrawnFitter(POLICIES[0]).shrinkage


def leak(*scores: tuple[str, str, float]) -> pd.DataFrame:
    """Guesses about four women and four men under policies and on corpora: `score` is that of the
    men.
    """
    return pd.DataFrame(
        [
            {
                "knowledge": "patient",
                "target": "gender",
                "best": True,
                "required": required,
                "corpus": corpus,
                "draw": 0,
                "speaker": f"{corpus}/{speaker}",
                "gender": speaker % 2,
                "truth": speaker % 2,
                "score": score * (speaker % 2),
            }
            for required, corpus, score in scores
            for speaker in range(8)
        ]
    )


def test_opposite_directions_do_not_average_to_chance() -> None:
    for flipped in (
        leak(("sad", "x", 1.0), ("happy", "x", -1.0)),
        leak(("sad", "x", 1.0), ("sad", "y", -1.0)),
    ):
        assert evaluation.folded_leak(flipped, "auc", Knowledge.PATIENT).value == 1.0
    none = evaluation.folded_leak(leak(("sad", "x", 0.0)), "auc", Knowledge.PATIENT)
    assert (none.value, none.chance) == (0.5, 0.5)
    assert np.isnan(evaluation.folded_leak(flipped, "distinguish", Knowledge.PATIENT).value)


def test_source_and_target_are_different_corpora(places: Places, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="corpus here comes twice"):
        cross_corpus.carry(places.here, places.here, tmp_path, features=places.vectors, jobs=1)


def test_a_user_is_adapted_to_by_other_utterances(places: Places, tmp_path: Path) -> None:
    estimates, guesses = personalisation.personalise(
        places.here, tmp_path, features=places.vectors, histories=HISTORIES, **QUICK
    )
    conditions = [personalisation.NO_HISTORY, *(history.name for history in HISTORIES)]
    assert list(dict.fromkeys(estimates["condition"])) == conditions
    emotions = guesses[guesses["target"] == "emotion"]
    for _, rows in emotions.groupby("condition"):
        assert sorted(rows["row"]) == sorted(
            np.arange(len(places.here))
        )  # every speaker is tested once
    f1, gender = (values(guesses, figure) for figure in ("F1 required", "gender AUC"))
    assert f1["drawn", "20 utterances"] > f1["drawn", personalisation.NO_HISTORY] - 0.1
    flagged = emotions["prediction"].eq(1).groupby(emotions["condition"]).mean()
    assert flagged["required alone, not labelled"] <= flagged["3 labelled of each emotion"]
    assert max(gender.values()) < 0.75


def test_the_commands_print_a_table_and_write_json(
    places: Places,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    quick: dict[str, Any] = {"policies": POLICIES[:1], "fitters": FITTERS}
    monkeypatch.setattr(cross_corpus, "carry", partial(cross_corpus.carry, **quick))
    monkeypatch.setattr(
        personalisation, "personalise", partial(personalisation.personalise, **quick)
    )
    monkeypatch.setattr("sordino.attack.QUICK", ("linear",))
    common = ["--features", places.vectors, "--jobs", "1", "--release", "none"]
    here, there = (f"manifest={places.folder / name}.csv" for name in ("here", "there"))
    runs = [
        ["study", "cross-corpus", "--fit-on", here, "--corpus", there],
        ["study", "personalisation", "--corpus", here],
    ]
    for run in runs:
        with pytest.raises(SystemExit) as ended:
            cli.main(
                [
                    *run,
                    *common,
                    "--out",
                    str(tmp_path / run[1]),
                    "--json",
                    str(tmp_path / "means.json"),
                ]
            )
        assert ended.value.code == 0
        output = capsys.readouterr().out
        assert "mean of three policies" in " ".join(output.split())
        assert all(name in " ".join(output.split()) for name in ("patient, worst", "U neutral"))
        means = json.loads((tmp_path / "means.json").read_text())["mean_of_policies"]
        assert all(len(figure) == 3 for row in means.values() for figure in row.values())
