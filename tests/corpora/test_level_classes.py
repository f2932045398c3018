"""A policy that keeps a level: the level is released, and the emotion within it is hidden."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from sordino.corpora import keep_levels, table
from sordino.corpora.level_classes import level_notes
from sordino.corpora.table import Corpus
from sordino.errors import CorpusError, PolicyError
from sordino.policy import REST, Policy, explain
from sordino.release.from_policy import explain_hiding
from sordino.study.policies import resolve_policies

ACTIVATION = Policy("activation", REST)
EMOTIONS = ["neutral", "disgust", "sad", "bored", "angry", "happy", "other", "neutral"]


def speech(**columns: Any) -> Corpus:
    rows = pd.DataFrame(
        {
            "file": [f"{number}.wav" for number in range(8)],
            "speaker": [str(number) for number in range(8)],
            "emotion": EMOTIONS,
        }
    )
    return table.make("made", rows.assign(**columns))


def test_levels_stand_in_the_place_of_emotions() -> None:
    corpus, policy = keep_levels(speech(), ACTIVATION)
    assert corpus.column("emotion").tolist() == [
        "mid activation",
        "other mid activation",
        *["low activation"] * 2,
        *["high activation"] * 2,
        "mid activation",
    ]  # the level of `other` is unknown
    assert policy.required_emotions == ("low activation", "high activation")
    assert set(corpus.column("emotion")) == {*policy.emotions}
    assert level_notes(corpus.notes) == [
        "Levels of activation stand in the place of emotions (derived labels: made)."
    ]


def test_emotions_are_hidden_within_their_level() -> None:
    corpus, policy = keep_levels(speech(), ACTIVATION)
    assert policy.hide == ("gender", "emotion at low", "emotion at mid", "emotion at high")
    secrets = corpus.attributes(policy, np.arange(len(corpus)))
    assert secrets["emotion_at_high=happy"].tolist() == [-1, -1, -1, -1, 0, 1, -1]
    assert secrets["emotion_at_low=sad"].tolist() == [-1, -1, 1, 0, -1, -1, -1]


def test_ratings_decide_the_level_where_there_are_some() -> None:
    ratings = {"activation": [3.0, 3.0, 1.0, 5.0, 5.0, 1.0, 3.0, np.nan], "scale": 5.0}
    corpus, _ = keep_levels(speech(**ratings), ACTIVATION)
    assert corpus.column("emotion")[3] == "high activation"  # a bored utterance, rated high
    assert len(corpus) == 7
    assert "derived" not in level_notes(corpus.notes)[0]


def test_a_class_without_utterances_is_refused() -> None:
    corpus = speech().with_emotions(["neutral", "sad", "angry"])
    with pytest.raises(CorpusError, match="no utterance of other mid activation"):
        keep_levels(corpus, ACTIVATION)


def test_a_policy_that_keeps_a_level_stands_alone() -> None:
    corpus, policies = resolve_policies(speech(), [ACTIVATION])
    assert policies[0].neutral == "mid activation"
    assert len(corpus) == 7
    with pytest.raises(PolicyError, match="expected this policy alone"):
        resolve_policies(corpus, [ACTIVATION, Policy("sad", ("angry",))])
    with pytest.raises(PolicyError, match=r"expected an emotion: call `sordino\.corpora\.keep"):
        ACTIVATION.resolve(EMOTIONS)


def test_a_stored_emotion_of_the_name_of_a_level_is_an_emotion() -> None:
    policy = Policy("activation", ("angry",), stored=True)
    assert not policy.keeps_level
    assert policy.resolve(["x"]) == policy


def test_a_level_policy_is_explained() -> None:
    assert "level of activation stays recognisable" in explain(ACTIVATION)[0]
    _, policy = keep_levels(speech(), ACTIVATION)
    assert not [line for line in explain(policy) if "no corpus of sordino" in line]
    assert "not fitted against emotion at low" in explain_hiding(policy, "drawn")[0]
    assert explain_hiding(policy, "leace") == []
