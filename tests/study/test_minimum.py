"""A corpus at the stated minimum is studied; a corpus below it is refused before any feature."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sordino.corpora import table
from sordino.corpora.table import Corpus
from sordino.errors import CorpusError, SplitError
from sordino.study import POLICIES, compare, minimum, protocol
from sordino.study.protocol import FOUR_EMOTIONS
from sordino.study.units import predictions
from tests.study import synthetic_study
from tests.study.synthetic_study import FITTERS, SMALL

DRAWN = replace(SMALL, releases=("none", "drawn"))


def labels(women: int, men: int, takes: int = 2, lacking: int = 0) -> Corpus:
    """A table of so many speakers, without files; `lacking` speakers are never sad."""
    rows = [
        {
            "file": f"{gender}{speaker}-{emotion}-{take}.wav",
            "speaker": f"{gender}{speaker}",
            "gender": gender,
            "emotion": emotion,
        }
        for gender, count in (("female", women), ("male", men))
        for speaker in range(count)
        for take in range(takes)
        for emotion in FOUR_EMOTIONS
        if emotion != "sad" or speaker >= lacking
    ]
    return table.make("small", pd.DataFrame(rows))


def of(corpus: Corpus) -> minimum.Minimum:
    return minimum.minimum_of(corpus, DRAWN, sums=corpus.column("file"))


def unmet(corpus: Corpus, study: minimum.Study = "compare") -> set[str]:
    few = of(corpus)
    return {need.step for step in (True, False) for need in few.missing(study, optional=step)}


def test_five_women_and_five_men_suffice_for_all_but_the_bound() -> None:
    assert unmet(labels(5, 5)) == {"bound"}
    assert unmet(labels(5, 5), "fit") == set()


def test_ten_of_each_suffice_for_a_bound() -> None:
    assert unmet(labels(9, 9)) == {"bound"}
    assert unmet(labels(10, 10)) == set()


def test_a_bound_given_gender_is_listed_with_eight_of_each() -> None:
    needs = [need for need in of(labels(7, 8)).needs if need.step == minimum.GIVEN_GENDER]
    assert [need.is_met for need in needs if need.studies == ("fit",)] == [False, True]
    assert minimum.GIVEN_GENDER not in unmet(labels(7, 8), "fit")


@pytest.mark.parametrize(("women", "men"), [(4, 5), (5, 4)])
def test_one_speaker_fewer_does_not_suffice(women: int, men: int) -> None:
    assert unmet(labels(women, men)) & {"attack", "release"}


def test_every_emotion_needs_speakers() -> None:
    few = of(labels(5, 5, lacking=4))
    assert not next(need for need in few.needs if need.item == "speakers with sad").is_met


def test_four_utterances_have_no_patient_attacker() -> None:
    assert unmet(labels(5, 5, takes=1)) == {"bound", "patient attacker"}


def test_without_a_draw_the_reason_is_listed() -> None:
    few = of(labels(2, 5))
    assert "small, female: 2 speaker(s) or sessions, expected at least 3" in few.reason
    assert minimum.Need("draw", "speakers or sessions of small, female", 2, 3) in few.needs


def test_a_corpus_at_the_minimum_is_studied(tmp_path: Path) -> None:
    given = synthetic_study.study(tmp_path, speakers=10, takes=2, strength=3.0)
    inputs = protocol.prepare(given.corpus, str(given.vectors), DRAWN, max_draws=1, cache=None)
    guesses, _ = predictions(
        inputs, tmp_path / "units", DRAWN, policies=POLICIES[:1], fitters=FITTERS, jobs=1
    )
    assert {"drawn", "none"} == set(guesses["release"])
    assert {"semi-informed", "patient"} <= set(guesses["knowledge"])


def test_a_corpus_below_it_is_refused_without_features(tmp_path: Path) -> None:
    given = synthetic_study.study(tmp_path, speakers=9, takes=2)
    with pytest.raises(
        SplitError, match=r"too few data for the release: 3 fitting speakers with neutral"
    ):
        compare.compare(given.corpus, tmp_path / "out", features="absent", options=DRAWN)


def test_a_figure_that_will_be_missing_is_a_warning(tmp_path: Path) -> None:
    given = synthetic_study.study(tmp_path, speakers=10, takes=2)
    with pytest.warns(UserWarning, match=r"made: the bound will be missing: 3 fitting speakers"):
        minimum.check_minimum("compare", given.corpus, DRAWN)


def test_a_corpus_without_the_emotions_is_refused() -> None:
    corpus = labels(5, 5)
    corpus.table["emotion"] = "neutral"
    with pytest.raises(
        CorpusError, match=r"no happy, sad or angry utterance, .*: complete the copy"
    ):
        minimum.check_minimum("fit", corpus, DRAWN)
    assert np.unique(corpus.column("emotion")).tolist() == ["neutral"]
