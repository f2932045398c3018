"""Units of a study: fitted without test speakers, stored once, and never mistaken for another."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from sordino import plugins
from sordino.corpora.split import Parts
from sordino.corpora.table import Corpus
from sordino.errors import AttackError, FeatureError, ReleaseError, SordinoError, SplitError
from sordino.nn.fit import Settings
from sordino.study import POLICIES, Options, protocol
from sordino.study.protocol import PAPER, Fitters, Inputs
from sordino.study.units import _Study, _Unit, inputs_digest, predictions
from sordino.types import Rows, Vectors
from tests.study import synthetic_study
from tests.study.synthetic_study import FITTERS, SMALL, Made

PAPER_RELEASES = replace(SMALL, releases=PAPER)
UNIT = "happy-0"


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return synthetic_study.study(tmp_path_factory.mktemp("study"), speakers=16, takes=2)


def draws(corpus: Corpus, options: Options = SMALL) -> tuple[Parts, ...]:
    return protocol.draws(corpus, options, corpus.checksums())


def units(
    folder: Path,
    x: Vectors,
    corpus: Corpus,
    parts: tuple[Parts, ...],
    options: Options = SMALL,
    **settings: Any,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Guesses and records of some draws; by default under the first policy."""
    inputs = Inputs(corpus, x, corpus.checksums(), parts, None)
    defaults = {"policies": POLICIES[:1], "fitters": FITTERS}
    return predictions(inputs, folder, options, jobs=1, **{**defaults, **settings})


def first_unit(
    folder: Path,
    x: Vectors,
    corpus: Corpus,
    options: Options = SMALL,
    parts: tuple[Parts, ...] = (),
    **settings: Any,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Guesses and record of the first draw under the first policy."""
    parts = parts or draws(corpus, options)
    guesses, records = units(folder, x, corpus, parts[:1], options, **settings)
    assert list(records) == [UNIT]
    return guesses, records[UNIT]


def hashes(record: dict[str, Any]) -> dict[str, str]:
    return {name: release["hash"] for name, release in record["releases"].items()}


def of_fits(record: dict[str, Any]) -> dict[str, Any]:
    """The record without the null of the patient attacker, which is measured on the test."""
    assert record["patient_null"]
    return {name: value for name, value in record.items() if name != "patient_null"}


def replaced(x: Vectors, rows: Rows) -> Vectors:
    """The vectors, with other ones in these rows."""
    x = x.copy()
    x[rows] = np.random.default_rng(1).normal(2, 4, x[rows].shape)
    return x


@pytest.mark.parametrize(
    "options", [PAPER_RELEASES, replace(SMALL, fit_on="risk"), replace(SMALL, fit_on="both")]
)
def test_nothing_is_fitted_on_the_test(given: Made, tmp_path: Path, options: Options) -> None:
    test = draws(given.corpus)[0].test
    before, record = first_unit(tmp_path / "before", given.x, given.corpus, options)
    x = replaced(given.x, test)
    after, same = first_unit(tmp_path / "after", x, given.corpus, options)
    assert of_fits(same) == of_fits(record)
    assert tuple(hashes(record)) == options.releases
    before, after = (table[table["target"] != "membership"] for table in (before, after))
    assert set(before["row"]) == set(after["row"]) == set(test)
    assert (before["score"].dropna() != after["score"].dropna()).all()


def test_no_label_of_the_test_is_used_in_fitting(given: Made, tmp_path: Path) -> None:
    parts = draws(given.corpus)
    test = parts[0].test
    labels = given.corpus.table.copy()
    random = np.random.default_rng(0)
    labels.loc[test, "emotion"] = random.permutation(labels.loc[test, "emotion"])
    genders = {"female": "male", "male": "female"}
    labels.loc[test, "gender"] = labels.loc[test, "gender"].map(genders)
    before, record = first_unit(tmp_path / "before", given.x, given.corpus, SMALL, parts)
    corpus = Corpus("made", labels)
    after, same = first_unit(tmp_path / "after", given.x, corpus, SMALL, parts)
    assert of_fits(same) == of_fits(record)
    before, after = (table[table["target"] == "gender"] for table in (before, after))
    np.testing.assert_array_equal(before["score"], after["score"])
    np.testing.assert_array_equal(before["truth"], 1 - after["truth"])


def test_each_party_changes_its_own_models(given: Made, tmp_path: Path) -> None:
    """The two tests before could see a leak."""
    parts = draws(given.corpus)[0]
    _, record = first_unit(tmp_path / "one", given.x, given.corpus, PAPER_RELEASES)
    x = replaced(given.x, parts.risk.rows)
    _, risk = first_unit(tmp_path / "risk", x, given.corpus, PAPER_RELEASES)
    assert risk["releases"] == record["releases"]
    assert risk["risk_validation_losses"] != record["risk_validation_losses"]
    assert risk["attackers"] != record["attackers"]
    x = replaced(given.x, parts.transform.rows)
    _, transform = first_unit(tmp_path / "transform", x, given.corpus, PAPER_RELEASES)
    assert all(hashes(transform)[name] != hashes(record)[name] for name in PAPER if name != "none")


def test_validation_uses_no_test_speaker(given: Made, tmp_path: Path) -> None:
    """Guesses on validation speakers do not depend on the vectors of test speakers."""
    options = replace(SMALL, releases=("none", "rae"), measured_on="validation")
    usual, (parts, *_) = draws(given.corpus)[0], draws(given.corpus, options)
    before, record = first_unit(tmp_path / "before", given.x, given.corpus, options)
    speakers = given.corpus.speaker
    tested = before[before["target"] != "membership"]
    assert set(tested["speaker"]) == set(speakers[usual.transform.validation])
    assert not set(before["speaker"]) & set(speakers[usual.test])
    rows = np.concatenate([parts.risk.rows, parts.transform.rows, parts.test])
    assert not set(speakers[rows]) & set(speakers[usual.test])
    assert not set(speakers[parts.transform.rows]) & set(speakers[parts.test])
    x = replaced(given.x, usual.test)
    after, same = first_unit(tmp_path / "after", x, given.corpus, options)
    assert of_fits(same) == of_fits(record)
    pd.testing.assert_frame_equal(after, before)


def test_early_stopping_has_every_emotion(given: Made) -> None:
    """The four emotions take turns in the corpus, so every fourth row has the same one."""
    assert list(given.corpus.column("emotion")[:8:4]) == ["angry", "angry"]
    usual = draws(given.corpus)
    validation = draws(given.corpus, replace(SMALL, measured_on="validation"))
    for before, parts in zip(usual, validation, strict=True):
        emotions = given.corpus.column("emotion")[parts.transform.validation]
        assert set(emotions) == set(protocol.FOUR_EMOTIONS)
        assert len(emotions) == pytest.approx(len(before.transform.train) / 4, abs=4)
        np.testing.assert_array_equal(parts.transform.rows, before.transform.train)


def test_held_out_utterances_cannot_be_measured_on(given: Made) -> None:
    options = replace(SMALL, measured_on="validation", validation="utterance")
    with pytest.raises(SplitError, match="measured_on validation with held-out utterances: "):
        draws(given.corpus, options)


Change = tuple[Vectors, Corpus, Options]


def one_bit(study: Made) -> Change:
    x = study.x.copy()
    x[0, 0] = np.nextafter(x[0, 0], np.float32(np.inf))
    return x, study.corpus, SMALL


def other_labels(study: Made) -> Change:
    table = study.corpus.table.copy()
    table.loc[:1, "emotion"] = table.loc[1::-1, "emotion"].to_list()
    return study.x, Corpus("made", table), SMALL


def in_sessions(study: Made) -> Change:
    """One man and one woman per session: other speakers stay together, so the parts differ."""
    number = study.corpus.table["speaker"].str[-2:].astype(int)
    sessions = [f"made/{speaker // 2}" for speaker in number]
    return study.x, Corpus("made", study.corpus.table.assign(session=sessions)), SMALL


def with_options(**options: Any) -> Callable[[Made], Change]:
    return lambda study: (study.x, study.corpus, replace(SMALL, **options))


CHANGES = {
    "vectors": one_bit,
    "labels": other_labels,
    "sessions": in_sessions,
    "seed": with_options(seed=1),
    "releases": with_options(releases=("none",)),
    "families": with_options(families=("rbf",)),
    "scale": with_options(scale="zscore"),
    "components": with_options(components=8),
    "fit_on": with_options(fit_on="both"),
    "validation": with_options(validation="utterance"),
    "risk_validation": with_options(risk_validation="speaker"),
    "redraw": with_options(redraw="epoch"),
    "measured_on": with_options(measured_on="validation"),
}


@pytest.fixture(scope="module")
def stored(given: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one finished unit."""
    folder = tmp_path_factory.mktemp("units")
    first_unit(folder, given.x, given.corpus)
    return folder


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_input_is_computed_again(
    given: Made, stored: Path, tmp_path: Path, change: str
) -> None:
    x, corpus, options = CHANGES[change](given)
    before = times(stored)
    (guesses, record), fresh = (
        first_unit(folder, x, corpus, options) for folder in (stored, tmp_path)
    )
    pd.testing.assert_frame_equal(guesses, fresh[0])
    assert record == fresh[1]
    assert before.items() < times(stored).items()


def test_a_changed_fitter_is_computed_again(given: Made, stored: Path) -> None:
    before = times(stored)
    fitters = replace(FITTERS, risk=Settings(epochs=2))
    first_unit(stored, given.x, given.corpus, fitters=fitters)
    assert before.items() < times(stored).items()


def times(folder: Path) -> dict[str, int]:
    """The finished units and the time of writing of each."""
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("[!.]*.parquet")}


def test_an_unchanged_unit_is_read_again(given: Made, stored: Path) -> None:
    before = times(stored)
    first, again = (first_unit(stored, given.x.copy(), given.corpus) for _ in range(2))
    pd.testing.assert_frame_equal(first[0], again[0])
    assert times(stored) == before


def test_only_an_unfinished_unit_is_computed(given: Made, tmp_path: Path) -> None:
    parts = draws(given.corpus)[:3]
    guesses, records = units(tmp_path, given.x, given.corpus, parts)
    before = times(tmp_path)
    lost = next(name for name in before if name.startswith("happy-1-"))
    cut = (tmp_path / lost).read_bytes()[:100]  # as a kill during the writing leaves it
    (tmp_path / f".{lost}").write_bytes(cut)
    (tmp_path / lost).unlink()
    again, same = units(tmp_path, given.x, given.corpus, parts)
    pd.testing.assert_frame_equal(again, guesses)
    assert same == records
    after = times(tmp_path)
    assert {name for name in after if after[name] != before[name]} == {lost}


def test_a_unit_does_not_depend_on_its_neighbours(given: Made, tmp_path: Path) -> None:
    parts = draws(given.corpus)[1::-1]
    guesses, records = units(tmp_path / "two", given.x, given.corpus, parts, policies=POLICIES[:2])
    alone, record = first_unit(tmp_path / "one", given.x, given.corpus)
    assert list(records) == ["happy-1", "sad-1", "happy-0", "sad-0"]
    assert records[UNIT] == record
    chosen = (guesses["draw"] == 0) & (guesses["required"] == "happy")
    pd.testing.assert_frame_equal(guesses[chosen].reset_index(drop=True), alone)


@pytest.mark.parametrize(
    ("options", "error", "line"),
    [
        (
            {"releases": ("rae", "mute")},
            ReleaseError,
            "releases mute, expected some of none, rae, ",
        ),
        ({"releases": ()}, ReleaseError, "releases empty, expected some of none, rae, "),
        ({"families": ("oracle",)}, AttackError, "families oracle, expected some of linear, "),
        ({"fit_on": "test"}, FeatureError, "fit_on test, expected some of transform, risk, both"),
        (
            {"measured_on": "train"},
            SplitError,
            "measured_on train, expected some of test, validation",
        ),
    ],
)
def test_an_unknown_option_is_refused(options: Any, error: type[SordinoError], line: str) -> None:
    with pytest.raises(error, match=line):
        Options(**options)


def test_a_unit_depends_on_the_file_of_a_users_fitter(
    given: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_fitter.py").write_text(
        "from dataclasses import dataclass\n@dataclass\nclass Fitter:\n    seed: int = 0\n"
    )
    monkeypatch.chdir(tmp_path)
    kind = plugins.import_name("releases", "my_fitter:Fitter")
    fitters = Fitters(releases={"rae": lambda _policy, seed: kind(seed)})
    inputs = Inputs(given.corpus, given.x, given.corpus.checksums(), (), None)
    unit = _Unit(_Study(inputs, SMALL, fitters), draws(given.corpus)[0], POLICIES[0])
    before = unit.key("")
    (tmp_path / "my_fitter.py").write_text("changed")
    assert unit.key("") != before
    del sys.modules["my_fitter"]


def test_a_unit_depends_on_the_file_of_a_step_of_a_pipeline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: Made
) -> None:
    (tmp_path / "my_step.py").write_text(
        "from sklearn.base import BaseEstimator\nclass Step(BaseEstimator):\n"
        "    def fit(self, x, y=None): return self\n    def transform(self, x): return x\n"
    )
    monkeypatch.chdir(tmp_path)
    pipeline = make_pipeline(
        plugins.import_name("attackers", "my_step:Step")(), LogisticRegression()
    )
    inputs = Inputs(given.corpus, given.x, given.corpus.checksums(), (), None)
    fitters = Fitters(attackers={"mine": pipeline})
    before = inputs_digest(inputs, SMALL, fitters)
    (tmp_path / "my_step.py").write_text("changed")
    assert inputs_digest(inputs, SMALL, fitters) != before
    del sys.modules["my_step"]
