"""The columns of a manifest that a policy hides become secrets, or a line says why not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sordino.corpora import table
from sordino.corpora.adapters import manifest
from sordino.corpora.formats.foreign_rows import ForeignRow, Reading
from sordino.corpora.hidden import (
    check_hidden_columns,
    columns_with_labels,
    entry_codes,
    unlabelled_entries,
    value_name,
)
from sordino.corpora.table import Corpus
from sordino.errors import PolicyError
from sordino.policy import Policy

EVERY = np.arange(8)


def people(**columns: Any) -> Corpus:
    """Eight speakers of one utterance each, half of them women."""
    rows = pd.DataFrame(
        {
            "file": [f"{number}.wav" for number in range(8)],
            "speaker": [str(number) for number in range(8)],
            "gender": ["f", "m"] * 4,
            "emotion": ["neutral", "neutral", "sad", "sad", "angry", "angry", "happy", "happy"],
        }
    ).assign(**columns)
    return table.make("made", rows, [name for name in columns if name != "age"])


def secrets(corpus: Corpus, *hide: str) -> dict[str, list[int]]:
    policy = Policy("sad", ("angry", "happy"), hide=hide)
    return {name: codes.tolist() for name, codes in corpus.attributes(policy, EVERY).items()}


def test_a_column_of_two_values_is_one_secret() -> None:
    corpus = people(health=["ill", "well", "", "ill", "well", "well", "ill", "ill"])
    assert secrets(corpus, "health") == {"health=well": [0, 1, -1, 0, 1, 1, 0, 0]}


def test_every_value_of_a_column_is_a_secret() -> None:
    corpus = people(accent=["Scots", "Welsh", "Irish English", "Scots", "", "Welsh", "Scots", "x"])
    found = secrets(corpus, "accent")
    assert list(found) == [
        "accent=irish_english",
        "accent=scots",
        "accent=welsh",
        "accent=x",
    ]
    assert found["accent=scots"] == [1, 0, 0, 1, -1, 0, 1, 0]


@pytest.mark.parametrize(
    "labels",
    [
        ["HIV+", "HIV-"],
        ["+", "-"],
        ["<30", ">30"],
        ["C", "C++", "C#"],
        ["x" * 50 + "a", "x" * 50 + "b"],
        ["हिन्दी", "हन्दी"],
        ["a-", "a", "-a"],
    ],
    ids=lambda labels: labels[0][:5],
)
def test_labels_that_differ_in_a_sign_are_different_values(labels: list[str]) -> None:
    corpus = people(status=[labels[number % len(labels)] for number in range(8)])
    names, codes = entry_codes(corpus.table, "status", EVERY)
    assert len({*names}) == len(labels)
    assert [codes[number] == codes[0] for number in range(len(labels))] == [
        number == 0 for number in range(len(labels))
    ]
    assert unlabelled_entries(corpus.table, Policy("sad", ("angry",), hide=("status",))) == []


def test_the_name_of_a_value_depends_on_its_label_alone() -> None:
    assert value_name("HIV+") == "hiv_plus_sign"
    assert value_name("HIV-") == "hiv_hyphen_minus"
    assert value_name("<30") == "less_than_sign_30"


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        (["Well", "well"], "'Well' .* and 'well' .* look like one label in two spellings"),
        (["a b", "a_b"], "'a b' and 'a_b' have the name a_b, expected a name for each value"),
    ],
)
def test_two_spellings_of_a_value_are_refused(labels: list[str], says: str) -> None:
    corpus = people(status=labels * 4)
    with pytest.raises(PolicyError, match=f"hide status: column status: {says}"):
        check_hidden_columns(corpus.table, [Policy("sad", ("angry",), hide=("status",))])


def test_two_columns_of_one_title_are_refused() -> None:
    corpus = people(**{"first language": ["a", "b"] * 4, "first_language": ["a"] * 4 + ["b"] * 4})
    policy = Policy("sad", ("angry",), hide=("first language", "gender*first_language"))
    says = "hide has 'first language', 'first_language', whose secrets have one name"
    with pytest.raises(PolicyError, match=says):
        check_hidden_columns(corpus.table, [policy])
    with pytest.raises(PolicyError, match=says):
        corpus.attributes(policy, EVERY)


def test_an_intersection_is_every_combination_of_values() -> None:
    corpus = people(health=["ill", "ill", "well", "well", "ill", "ill", "", "well"])
    found = secrets(corpus, "gender*health")
    assert list(found) == [
        "gender*health=female*ill",
        "gender*health=female*well",
        "gender*health=male*ill",
        "gender*health=male*well",
    ]
    assert found["gender*health=male*ill"] == [0, 1, 0, 0, 0, 1, -1, 0]
    assert np.sum(list(found.values()), axis=0).tolist() == [1] * 6 + [-4, 1]


def test_numbers_are_split_at_edges_or_at_the_median() -> None:
    ages = [20.0, 30.0, 31.0, 40.0, 49.0, 50.0, np.nan, 70.0]
    found = secrets(people(age=ages), "age:30,50")
    assert found == {
        "age=under_30": [1, 0, 0, 0, 0, 0, -1, 0],
        "age=30_to_50": [0, 1, 1, 1, 1, 0, -1, 0],
        "age=50_or_more": [0, 0, 0, 0, 0, 1, -1, 1],
    }
    older = secrets(people(age=ages), "age")
    assert older == {"age": [0, 0, 0, 0, 1, 1, -1, 1]}
    both = secrets(people(age=ages), "gender*age")
    assert both["gender*age=male*above_median"] == [0, 0, 0, 0, 0, 1, -1, 1]


def test_text_of_many_numbers_is_split_at_its_median() -> None:
    rows = pd.DataFrame(
        {
            "file": [f"{number}.wav" for number in range(12)],
            "speaker": [str(number) for number in range(12)],
            "weight": [str(50 + number) for number in range(12)],
        }
    )
    corpus = table.make("made", rows, ["weight"])
    codes = corpus.attributes(Policy("sad", ("angry",), hide=("weight",)), np.arange(12))
    assert {name: values.tolist() for name, values in codes.items()} == {
        "weight=above_median": [0] * 6 + [1] * 6
    }


def test_a_column_that_the_corpus_lacks_is_refused() -> None:
    corpus = people(accent=["a"] * 8)
    with pytest.raises(
        PolicyError,
        match=r"no column akzent, .* which has speaker, gender, corpus, accent",
    ):
        check_hidden_columns(corpus.table, [Policy("sad", ("angry",), hide=("akzent",))])
    assert "accent" in columns_with_labels(corpus.table)
    assert "emotion" not in columns_with_labels(corpus.table)


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ("name", "column name has 13 values, expected at most 12"),
        ("gender*letter*half", "36 combinations of values, expected at most 24"),
        ("half:3", "column half has labels that are no numbers"),
    ],
)
def test_too_many_values_and_edges_of_text_are_refused(entry: str, says: str) -> None:
    number = np.arange(13)
    rows = pd.DataFrame({"file": [f"{n}.wav" for n in number], "speaker": number.astype(str)})
    rows = rows.assign(
        gender=np.where(number % 2, "m", "f"),
        name=[f"n{n}" for n in number],
        letter=[f"l{n % 9}" for n in number],
        half=np.where(number < 6, "low", "high"),
    )
    corpus = table.make("made", rows, ["name", "letter", "half"])
    with pytest.raises(PolicyError, match=says):
        check_hidden_columns(corpus.table, [Policy("sad", ("angry",), hide=(entry,))])


def test_a_column_of_one_value_is_not_labelled() -> None:
    corpus = people(accent=["scots"] * 7 + [""])
    policy = Policy("sad", ("angry", "happy"), hide=("accent",))
    assert unlabelled_entries(corpus.table, policy) == ["accent"]
    assert corpus.attributes(policy, EVERY) == {}


def test_secrets_of_a_column_have_bounds_given_the_role() -> None:
    corpus = people(health=["ill", "well"] * 4)
    keys = corpus.secrets(Policy("sad", ("angry", "happy"), hide=("health",)), EVERY)
    sides = [side for secret, side in keys if secret == "health=well"]
    assert sides == ["", "neutral", "required", "sensitive"]


def test_each_of_several_required_emotions_is_side_information() -> None:
    emotions = ["neutral", "neutral", "sad", "sad", "angry", "angry", "fearful", "fearful"]
    made = people(health=["ill", "well"] * 4)
    corpus = Corpus("made", made.table.assign(emotion=emotions))
    keys = corpus.secrets(Policy(("sad", "fearful"), ("angry",), hide=("health",)), EVERY)
    for target in ("gender", "health=well"):
        sides = [side for secret, side in keys if secret == target]
        assert sides == ["", "neutral", "required", "sensitive", "sad", "fearful"]
        assert keys[target, "fearful"].tolist() == [-1] * 6 + [0, 1]


def test_an_emotion_with_the_name_of_a_role_hides_no_role() -> None:
    emotions = np.repeat(["calm", "neutral", "sad", "angry"], 2)
    corpus = Corpus("made", people().table.assign(emotion=emotions))
    keys = corpus.secrets(Policy(("neutral", "sad"), ("angry",), "calm"), EVERY)
    assert keys["gender", "neutral"].tolist() == [0, 1] + [-1] * 6
    assert keys["gender", "required neutral"].tolist() == [-1, -1, 0, 1] + [-1] * 4


def test_hostile_labels_cannot_imitate_other_secrets() -> None:
    labels = ["x-vs-neutral", " given male", "a=b", "*", "ﬁ", "-", "x" * 99, "é"]
    for name in secrets(people(accent=labels), "accent"):
        value = name.removeprefix("accent=")
        assert value.replace("_", "").isalnum()
        assert len(value) <= 40


def test_a_table_of_another_tool_keeps_its_further_labels(tmp_path: Path) -> None:
    for name in ("a.wav", "b.wav"):
        (tmp_path / name).touch()
    cells = {"speaker": "1", "gender": "f", "emotion": "sad"}
    rows = [
        ForeignRow("row 1", "a.wav", {**cells, "Accent": "Scots", "ill": True, "list": [1]}),
        ForeignRow("row 2", "b.wav", {**cells, "Accent": "x" * 201, "ill": None, "copy": 1}),
    ]
    corpus = Reading().corpus("made", tmp_path, rows, "made")
    assert corpus.column("accent").tolist() == ["Scots", ""]
    assert corpus.column("ill").tolist() == ["true", ""]
    assert columns_with_labels(corpus.table) == ["speaker", "gender", "corpus", "accent", "ill"]


def test_a_manifest_keeps_its_further_columns(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.wav").touch()
    text = (
        "file,speaker,gender,emotion,Accent,copy,a*b\na.wav,1,f,sad,Scots,1,2\nb.wav,2,m,sad,,1,2\n"
    )
    (tmp_path / "m.csv").write_text(text)
    corpus = manifest.load(tmp_path / "m.csv")
    assert corpus.column("accent").tolist() == ["Scots", ""]
    assert not {"copy", "a*b"} & {*corpus.table.columns}
    joined = table.join([corpus, people()])
    assert joined.column("accent").tolist() == ["Scots", *[""] * 9]
    written = manifest.write(corpus, tmp_path / "again.csv")
    assert manifest.load(written).column("accent").tolist() == ["Scots", ""]
