"""One draw under one policy: fitted without its test speakers, kept once, and never taken for
another.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from sordino.corpora.split import Parts
from sordino.corpora.table import Corpus, checksums
from sordino.errors import AttackError, FeatureError, ReleaseError, SordinoError, SplitError
from sordino.study import Options, protocol
from sordino.study.units import PAPER, predictions
from tests.study import synthetic_study
from tests.study.synthetic_study import SMALL, Made

EVERY = replace(SMALL, releases=PAPER)
UNIT = "happy-0"

Vectors = NDArray[np.float32]


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return synthetic_study.study(tmp_path_factory.mktemp("study"))


def dealt(corpus: Corpus, options: Options = SMALL) -> tuple[Parts, ...]:
    return protocol.deal(corpus, options, checksums(corpus))


def first_unit(
    folder: Path,
    x: Vectors,
    corpus: Corpus,
    options: Options = SMALL,
    draws: tuple[Parts, ...] = (),
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Guesses and record of the first draw under the first policy, and of no other."""
    draws = draws or dealt(corpus, options)
    with synthetic_study.brisk(policies=1):
        guesses, records = predictions(x, corpus, draws[:1], folder, options, jobs=1)
    assert list(records) == [UNIT]
    return guesses, records[UNIT]


def hashes(record: dict[str, Any]) -> dict[str, str]:
    return {name: fitted["hash"] for name, fitted in record["releases"].items()}


def with_others(x: Vectors, rows: NDArray[np.intp]) -> Vectors:
    """The vectors, those of these rows replaced by some of another kind."""
    other = x.copy()
    other[rows] = np.random.default_rng(1).normal(2, 4, other[rows].shape)
    return other


@pytest.mark.parametrize(
    "options", [EVERY, replace(SMALL, fit_on="risk"), replace(SMALL, fit_on="both")]
)
def test_nothing_is_fitted_on_the_test(given: Made, tmp_path: Path, options: Options) -> None:
    test = dealt(given.corpus)[0].test
    guesses, record = first_unit(tmp_path / "one", given.x, given.corpus, options)
    others, same = first_unit(tmp_path / "other", with_others(given.x, test), given.corpus, options)
    assert same == record
    assert tuple(hashes(record)) == options.releases
    tested, other = (table[table["target"] != "membership"] for table in (guesses, others))
    assert set(tested["row"]) == set(other["row"]) == set(test)
    assert (tested["score"].dropna() != other["score"].dropna()).all()


def test_no_label_of_the_test_is_looked_at_in_fitting(given: Made, tmp_path: Path) -> None:
    draws = dealt(given.corpus)
    test = draws[0].test
    labels = given.corpus.table.copy()
    random = np.random.default_rng(0)
    labels.loc[test, "emotion"] = random.permutation(labels.loc[test, "emotion"])
    labels.loc[test, "gender"] = labels.loc[test, "gender"].map(
        {"female": "male", "male": "female"}
    )
    guesses, record = first_unit(tmp_path / "one", given.x, given.corpus, SMALL, draws)
    others, same = first_unit(tmp_path / "other", given.x, Corpus("made", labels), SMALL, draws)
    assert same == record
    of_gender = [table[table["target"] == "gender"] for table in (guesses, others)]
    np.testing.assert_array_equal(of_gender[0]["score"], of_gender[1]["score"])
    np.testing.assert_array_equal(of_gender[0]["truth"], 1 - of_gender[1]["truth"])


def test_each_party_teaches_its_own(given: Made, tmp_path: Path) -> None:
    """The other way round: the tests above could see a leak, had there been one."""
    parts = dealt(given.corpus)[0]
    _, record = first_unit(tmp_path / "one", given.x, given.corpus, EVERY)
    _, risk = first_unit(
        tmp_path / "risk", with_others(given.x, parts.risk.rows), given.corpus, EVERY
    )
    assert risk["releases"] == record["releases"]
    assert risk["risk_validation_losses"] != record["risk_validation_losses"]
    assert risk["attackers"] != record["attackers"]
    _, transform = first_unit(
        tmp_path / "transform", with_others(given.x, parts.transform.rows), given.corpus, EVERY
    )
    assert all(hashes(transform)[name] != hashes(record)[name] for name in PAPER if name != "none")


def test_validation_touches_no_test_speaker(given: Made, tmp_path: Path) -> None:
    """Guesses on validation speakers stay the same whatever test speakers said."""
    options = replace(EVERY, measured_on="validation")
    usual, draws = dealt(given.corpus)[0], dealt(given.corpus, options)
    guesses, record = first_unit(tmp_path / "one", given.x, given.corpus, options)
    speakers = given.corpus.speaker
    tested = guesses[guesses["target"] != "membership"]
    assert set(tested["speaker"]) == set(speakers[usual.transform.validation])
    assert not set(guesses["speaker"]) & set(speakers[usual.test])
    parts = draws[0]
    seen = np.concatenate([parts.risk.rows, parts.transform.rows, parts.test])
    assert not set(speakers[seen]) & set(speakers[usual.test])
    assert not set(speakers[parts.transform.rows]) & set(speakers[parts.test])
    others, same = first_unit(
        tmp_path / "other", with_others(given.x, usual.test), given.corpus, options
    )
    assert same == record
    pd.testing.assert_frame_equal(others, guesses)


def test_validation_stops_on_every_emotion_whatever_the_order_of_the_rows(given: Made) -> None:
    """The corpus says its four emotions in turn, so every fourth row of it has the same one."""
    assert list(given.corpus.column("emotion")[:8:4]) == ["angry", "angry"]
    usual, draws = (
        dealt(given.corpus),
        dealt(given.corpus, replace(SMALL, measured_on="validation")),
    )
    for before, parts in zip(usual, draws, strict=True):
        emotions = given.corpus.column("emotion")[parts.transform.validation]
        assert set(emotions) == set(protocol.EMOTIONS)
        assert len(emotions) == pytest.approx(len(before.transform.train) / 4, abs=4)
        np.testing.assert_array_equal(parts.transform.rows, before.transform.train)


def test_validation_by_utterance_has_no_speakers_to_measure_on(given: Made) -> None:
    options = replace(SMALL, measured_on="validation", validation="utterance")
    with pytest.raises(
        SplitError, match=r"measured_on validation with held-out utterances: .* keep whole ones"
    ):
        dealt(given.corpus, options)


def louder(one: Made) -> tuple[Vectors, Corpus, Options]:
    x = one.x.copy()
    x[0, 0] = np.nextafter(x[0, 0], np.float32(np.inf))  # a single last bit
    return x, one.corpus, SMALL


def relabelled(one: Made) -> tuple[Vectors, Corpus, Options]:
    table = one.corpus.table.copy()
    table.loc[:1, "emotion"] = table.loc[1::-1, "emotion"].to_list()
    return one.x, Corpus("made", table), SMALL


def in_sessions(one: Made) -> tuple[Vectors, Corpus, Options]:
    """A man and a woman a session: other speakers go together, so the parts are others."""
    number = one.corpus.table["speaker"].str[-2:].astype(int)
    return (
        one.x,
        Corpus("made", one.corpus.table.assign(session=[f"made/{one // 2}" for one in number])),
        SMALL,
    )


def with_options(**options: Any) -> Callable[[Made], tuple[Vectors, Corpus, Options]]:
    return lambda one: (one.x, one.corpus, replace(SMALL, **options))


CHANGES = {
    "vectors": louder,
    "labels": relabelled,
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
def kept(given: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one finished unit."""
    folder = tmp_path_factory.mktemp("units")
    first_unit(folder, given.x, given.corpus)
    return folder


@pytest.mark.parametrize("change", CHANGES)
def test_what_has_changed_is_computed_anew(
    given: Made, kept: Path, tmp_path: Path, change: str
) -> None:
    x, corpus, options = CHANGES[change](given)
    before = times(kept)
    in_kept, fresh = (first_unit(folder, x, corpus, options) for folder in (kept, tmp_path))
    pd.testing.assert_frame_equal(in_kept[0], fresh[0])
    assert in_kept[1] == fresh[1]
    assert before.items() < times(kept).items()


def times(folder: Path) -> dict[str, int]:
    """The finished units and when each was written."""
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("[!.]*.parquet")}


def test_what_has_not_changed_is_read_again(given: Made, kept: Path) -> None:
    before = times(kept)
    first, again = (first_unit(kept, given.x.copy(), given.corpus) for _ in range(2))
    pd.testing.assert_frame_equal(first[0], again[0])
    assert times(kept) == before


def test_a_unit_that_is_not_finished_is_computed_and_no_other(given: Made, tmp_path: Path) -> None:
    draws = dealt(given.corpus)[:3]
    with synthetic_study.brisk(policies=1):
        guesses, records = predictions(given.x, given.corpus, draws, tmp_path, SMALL, jobs=1)
    before = times(tmp_path)
    lost = next(name for name in before if name.startswith("happy-1-"))
    (tmp_path / f".{lost}").write_bytes(
        (tmp_path / lost).read_bytes()[:100]
    )  # killed while it was written
    (tmp_path / lost).unlink()
    with synthetic_study.brisk(policies=1):
        again, same = predictions(given.x, given.corpus, draws, tmp_path, SMALL, jobs=1)
    pd.testing.assert_frame_equal(again, guesses)
    assert same == records
    after = times(tmp_path)
    assert {name for name in after if after[name] != before[name]} == {lost}


def test_a_unit_does_not_depend_on_its_neighbours(given: Made, tmp_path: Path) -> None:
    draws = dealt(given.corpus)
    with synthetic_study.brisk(policies=2):
        guesses, records = predictions(
            given.x, given.corpus, draws[1::-1], tmp_path / "two", SMALL, jobs=1
        )
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
def test_an_option_that_is_not_known_is_refused(
    options: Any, error: type[SordinoError], line: str
) -> None:
    with pytest.raises(error, match=line):
        Options(**options)
