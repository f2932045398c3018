"""Invalid inputs of an audit are refused with one line that names the fault."""

from __future__ import annotations

import numpy as np
import pytest

from sordino.corpora.table import Corpus
from sordino.errors import AttackError, ReleaseError
from tests.attack.synthetic_scenes import audit, scene
from tests.release.synthetic_releases import speakers_of


def without(column: str, value: str, party: str) -> Corpus:
    """The planted corpus in which a party has another emotion or gender in the place of one."""
    data, replacement = (
        scene(),
        {"sad": "neutral", "happy": "neutral", "angry": "neutral", "female": "male"},
    )
    rows = data.parts.test if party == "test" else data.parts.risk.rows
    table = data.corpus.table.copy()
    table.loc[rows, column] = table.loc[rows, column].replace({value: replacement[value]})
    if column == "gender":  # all rows of a speaker
        chosen = table["speaker"].isin(speakers_of(data.corpus, rows))
        table.loc[chosen, "gender"] = replacement[value]
    return Corpus(data.corpus.name, table)


def test_a_test_part_without_a_role_is_refused() -> None:
    corpus = without("emotion", "sad", "test")
    with pytest.raises(
        AttackError,
        match="no required utterance in the test part, expected neutral, required, sensitive: add",
    ):
        audit(corpus=corpus)


def test_a_test_part_without_a_gender_is_refused() -> None:
    corpus = without("gender", "female", "test")
    with pytest.raises(
        AttackError,
        match="no female utterance in the test part, expected female, male: add speakers",
    ):
        audit(corpus=corpus)


def test_an_attacker_without_speakers_of_both_genders_is_refused() -> None:
    corpus = without("gender", "female", "risk")
    with pytest.raises(AttackError, match="one value among the attacker's speakers, expected two"):
        audit(corpus=corpus)


@pytest.mark.parametrize(
    ("families", "says"),
    [
        (("linear", "oracle"), "attackers oracle, expected some of linear, quadratic, cubic"),
        ((), "attackers none, expected"),
    ],
)
def test_unknown_and_no_families_are_refused(families: tuple[str, ...], says: str) -> None:
    with pytest.raises(AttackError, match=says):
        audit(families=families)


def test_vectors_that_do_not_match_the_corpus_are_refused() -> None:
    broken = scene().z.copy()
    broken[scene().parts.test[0]] = np.nan
    with pytest.raises(AttackError, match="287 vectors for 288 utterances, expected one for each"):
        audit(z=scene().z[1:])
    with pytest.raises(ReleaseError, match=r"1 vector\(s\) with NaN or infinity"):
        audit(z=broken)
