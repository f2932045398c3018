"""A policy is either clear, or refused with a line that says why."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sordino.define import Role
from sordino.errors import PolicyError
from sordino.policy import (
    ATTRIBUTES,
    REST,
    Budget,
    Policy,
    explain,
    from_dict,
    hidden_columns,
    read,
)

SAD = Policy(required="sad", sensitive=("happy", "angry"))


def test_every_emotion_has_the_role_that_the_policy_gives_it() -> None:
    assert [SAD.role(label) for label in SAD.emotions] == [*Role, Role.SENSITIVE]
    assert SAD.emotions == ("neutral", "sad", "happy", "angry")


def test_an_emotion_without_a_role_is_refused() -> None:
    with pytest.raises(
        PolicyError, match=r"emotion 'bored' has no role .* neutral, sad, happy, angry"
    ):
        SAD.role("bored")


def test_aliases_of_an_emotion_make_the_same_policy() -> None:
    policy = Policy(required="Sadness", neutral="NEU", sensitive=("joy", "W"))
    assert policy == SAD
    assert policy.hash == SAD.hash


def test_every_known_attribute_may_be_hidden() -> None:
    assert Policy("sad", ("angry",), hide=("gender", "speaker", "age")).hide == ATTRIBUTES


def test_entries_of_hide_have_one_spelling() -> None:
    hide = ("gender", "Accent", "Age: 30, 50.0", "gender * First  language")
    policy = Policy("sad", ("angry",), hide=hide)
    assert policy.hide == ("gender", "accent", "age:30,50", "gender*first language")
    assert policy.columns == policy.hide[1:]


@pytest.mark.parametrize(
    "edges", ["1234567.5", "0.1", "1e+300", "1,2,3,4,5,6,7", "1000000", "0", "-5"]
)
def test_edges_stay_the_same_number(edges: str) -> None:
    (entry,) = Policy("sad", ("angry",), hide=(f"weight:{edges}",)).hide
    assert entry == f"weight:{edges}"
    assert hidden_columns(entry)[0].edges == tuple(map(float, edges.split(",")))


def test_the_rest_has_any_case() -> None:
    assert Policy("sad", " REST ") == Policy("sad", REST)  # type: ignore[arg-type]


def test_a_stored_policy_keeps_the_names_of_its_time() -> None:
    content = dataclasses.asdict(SAD) | {"required": "a+b", "sensitive": ["größe", "x/y"]}
    content |= {"hide": ["gender", "gender"]}
    policy = from_dict(json.loads(json.dumps(content)))
    assert policy.emotions == ("neutral", "a+b", "größe", "x/y")
    assert from_dict(dataclasses.asdict(policy)).digest == policy.digest
    with pytest.raises(PolicyError, match=r"emotion 'a\+b'"):
        dataclasses.replace(policy)


def test_one_required_emotion_in_a_list_is_that_emotion() -> None:
    assert Policy(("sadness",), ("happy", "angry")) == SAD
    assert Policy(("sadness",), ("happy", "angry")).digest == SAD.digest


def test_several_required_emotions_have_the_required_role() -> None:
    policy = Policy(("sad", "fear"), ("angry",))
    assert policy.emotions == ("neutral", "sad", "fearful", "angry")
    assert [policy.role(label) for label in policy.emotions] == [
        Role.NEUTRAL,
        Role.REQUIRED,
        Role.REQUIRED,
        Role.SENSITIVE,
    ]
    assert policy.required_name == "sad+fearful"
    assert from_dict(json.loads(json.dumps(dataclasses.asdict(policy)))) == policy
    assert policy.hash != Policy(("fearful", "sad"), ("angry",)).hash  # the bins are in this order


def test_the_rest_is_every_emotion_without_another_role() -> None:
    policy = Policy("sad", REST)
    assert not policy.is_resolved
    resolved = policy.resolve(["zest", "sad", "angry", "neutral", "calm", "angry"])
    assert resolved == Policy("sad", ("calm", "angry", "zest"))
    assert resolved.resolve(["bored"]) == resolved
    with pytest.raises(PolicyError, match="no emotion without another role"):
        policy.resolve(["sad", "neutral"])


def test_the_rest_is_explained_without_a_corpus(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text('required = ["sad", "fear"]\nsensitive = "rest"\nhide = ["accent"]\n')
    text = " ".join(explain(read(file)))
    assert "sad and fearful stay recognisable" in text
    assert "has 3 bins" in text
    assert "every emotion of the corpus without another role" in text
    assert "accent: every value is audited and bounded" in text
    assert "no corpus of sordino" not in text


def test_lists_and_tuples_make_the_same_policy() -> None:
    lists: dict[str, Any] = {"sensitive": ["happy", "angry"], "hide": ["gender"]}
    assert Policy(required="sad", **lists) == SAD


@pytest.mark.parametrize(
    "change",
    [{"required": "fearful"}, {"neutral": "calm"}, {"sensitive": ("happy",)}, {"hide": ()}],
    ids=lambda change: next(iter(change)),
)
def test_another_policy_has_another_hash(change: dict[str, Any]) -> None:
    assert dataclasses.replace(SAD, **change).hash != SAD.hash


@pytest.mark.parametrize("seed", ["1", "2"])
def test_the_hash_is_the_same_in_every_process(seed: str) -> None:
    code = "from sordino.policy import Policy; print(Policy('sad', ('happy', 'angry')).hash)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == SAD.hash
    assert len(SAD.hash) == 12


def test_keys_that_are_not_set_change_no_hash() -> None:
    """Whoever kept the hash of a policy finds it again: it is that of the four keys that there were
    at first.
    """
    assert SAD.hash == "cba4f2312535"
    for later in (
        {"release": "drawn"},
        {"knobs": {"drawn": {"rate": 0.2}}},
        {"budget": Budget(auc=0.6)},
    ):
        assert dataclasses.replace(SAD, **later).hash != SAD.hash


def test_knobs_are_in_no_order() -> None:
    first: Any = {"rae": {"alpha": 0.1}, "drawn": {"rate": 0.2, "epsilon": 2}}
    second: Any = {"drawn": {"epsilon": 2, "rate": 0.2}, "rae": {"alpha": 0.1}}
    policy, reordered = (Policy("sad", ("angry",), knobs=knobs) for knobs in (first, second))
    assert policy == reordered
    assert hash(policy) == hash(reordered)
    assert policy.settings("drawn") == {"rate": 0.2, "epsilon": 2}
    assert policy.settings("leace") == {}


def test_a_policy_does_not_change() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError, match="required"):
        SAD.required = "happy"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"required": "sad", "sensitive": ()}, "no emotion is sensitive, expected at least one"),
        ({"required": "sad", "sensitive": ("sad", "angry")}, "sad has two roles, expected one"),
        ({"required": "sad", "sensitive": ("sadness",)}, "sad has two roles, expected one"),
        (
            {"required": "sad", "sensitive": ("happy", "neutral")},
            "neutral has two roles, expected one",
        ),
        ({"required": "sad", "sensitive": ("happy", "joy")}, "happy has two roles, expected one"),
        ({"required": "neutral", "sensitive": ("happy",)}, "neutral has two roles, expected one"),
        ({"required": "sad", "sensitive": "angry"}, "are lists, 'angry' came"),
        (
            {"required": "sad", "sensitive": ("angry",), "hide": "gender"},
            "are lists, 'gender' came",
        ),
        ({"required": "sad", "sensitive": 3}, "are lists, 3 came"),
        ({"required": 3, "sensitive": ("angry",)}, "3 came, expected text"),
        ({"required": "sad", "sensitive": ("angry", 1.5)}, "1.5 came, expected text"),
        ({"required": "sad", "sensitive": ("angry",), "hide": (True,)}, "True came, expected text"),
        ({"required": "sad", "sensitive": ("angry",), "release": 3}, "3 came, expected text"),
        (
            {"required": "sad", "sensitive": ("angry",), "knobs": {"rae": {"alpha": None}}},
            "alpha = None, expected a finite",
        ),
        (
            {
                "required": "sad",
                "sensitive": ("angry",),
                "knobs": {"drawn": {"epsilon": float("inf")}},
            },
            "epsilon = inf, expected a finite number",
        ),
        (
            {"required": "sad", "sensitive": ("angry",), "knobs": {"rae": {"embeddings": []}}},
            r"embeddings = \[\], expected",
        ),
        (
            {"required": "sad", "sensitive": ("angry",), "hide": ("gender", "emotion")},
            "hide 'emotion': emotion is no attribute",
        ),
        (
            {"required": "sad", "sensitive": ("angry",), "hide": ("accent=scottish",)},
            "hide 'accent=scottish', expected a column",
        ),
        (
            {"required": "sad", "sensitive": ("angry",), "hide": ("age:50,30",)},
            "expected 1 to 7 ascending edges",
        ),
        (
            {"required": "sad", "sensitive": ("angry",), "hide": ("gender*speaker",)},
            "expected `speaker` alone",
        ),
        (
            {"required": "sad", "sensitive": ("angry",), "hide": ("a*b*c*d",)},
            "expected at most 3 different columns",
        ),
        (
            {"required": "sad", "sensitive": ("angry",), "hide": tuple("abcdefghijklmnopq")},
            "hide has 17 entries, expected at most 16",
        ),
        ({"required": (), "sensitive": ("angry",)}, "0 emotions are required, expected 1 to 7"),
        (
            {"required": tuple("abcdefgh"), "sensitive": ("angry",)},
            "8 emotions are required, expected 1 to 7",
        ),
        ({"required": ("sad", "angry"), "sensitive": ("anger",)}, "angry has two roles"),
        ({"required": ("sad", "sadness"), "sensitive": ("angry",)}, "sad has two roles"),
        ({"required": ("a+b",), "sensitive": ("angry",)}, r"emotion 'a\+b', expected 1 to 40"),
        ({"required": ("", "b"), "sensitive": ("angry",)}, "an emotion is empty, expected a name"),
        ({"required": "sad", "sensitive": ("an\x1bgry",)}, r"emotion 'an\\x1bgry', expected"),
        ({"required": "s\u0430d", "sensitive": ("angry",)}, r"emotion 's\\u0430d', expected"),
        ({"required": "sad", "sensitive": ("a" * 41,)}, "emotion 'a+', expected 1 to 40"),
        ({"required": "rest", "sensitive": ("sad",)}, '"rest" stands for sensitive emotions'),
        ({"required": ("rest", "sad"), "sensitive": ("angry",)}, '"rest" stands for sensitive'),
        ({"required": "sad", "sensitive": ("angry",), "neutral": "rest"}, '"rest" stands for'),
        (
            {"required": "activation", "sensitive": ("angry",)},
            'expected required = "activation" and sensitive = "rest"',
        ),
        (
            {"required": ("valence", "activation"), "sensitive": "rest"},
            'expected required = "valence" and sensitive = "rest"',
        ),
        (
            {"required": "sad", "sensitive": tuple(f"e{number}" for number in range(101))},
            "101 emotions are sensitive, expected at most 100",
        ),
        (
            {"required": "sad", "sensitive": ("angry",), "hide": ("accent", "ACCENT")},
            "hide has 'accent' and 'accent', expected each once",
        ),
        (
            {"required": "sad", "sensitive": ("angry",), "hide": ("gender*age", "age*gender")},
            r"hide has 'gender\*age' and 'age\*gender', expected each once",
        ),
        (
            {"required": "sad", "sensitive": ("angry",), "hide": ("gender:1",)},
            "hide 'gender:1': gender has no numbers",
        ),
        (
            {"required": "sad", "sensitive": ("angry",), "hide": ("age:1,2,3,4,5,6,7,8",)},
            "expected 1 to 7 ascending edges",
        ),
        (
            {"required": "sad", "sensitive": ("angry",), "hide": ("age:1_0",)},
            "expected 1 to 7 ascending edges",
        ),
        ({"required": "sad", "sensitive": ("rest", "angry")}, 'has "rest" beside other emotions'),
    ],
)
def test_a_policy_that_cannot_be_is_refused(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(PolicyError, match=says):
        Policy(**arguments)


def test_a_corpus_that_lacks_an_emotion_of_the_policy_is_refused() -> None:
    SAD.check_against(["angry", "bored", "happy", "neutral", "sad"])
    with pytest.raises(
        PolicyError, match="sad, angry: not in the corpus, which has happy, neutral: change"
    ):
        SAD.check_against(["neutral", "happy", "happy"])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"auc": 0.4}, "budget auc 0.4, expected 0.5"),
        ({"auc": 1.2}, "budget auc 1.2, expected 0.5"),
        ({"auc": True}, "budget auc True, expected 0.5"),
        ({"auc": "low"}, "budget auc 'low', expected 0.5"),
        ({"per_day": 0}, "budget per_day 0, expected a whole number from 1"),
        ({"per_day": 1.5}, "budget per_day 1.5, expected a whole number from 1"),
    ],
)
def test_a_budget_that_cannot_be_is_refused(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(PolicyError, match=says):
        Budget(**arguments)


def test_it_is_told_what_a_budget_costs_and_what_no_budget_does() -> None:
    free, bound = (
        " ".join(explain(dataclasses.replace(SAD, budget=budget)))
        for budget in (Budget(), Budget(0.55, 100))
    )
    assert "no fit is refused" in free
    assert "No limit on vectors a day" in free
    assert "above 0.55 on validation speakers" in bound
    assert "at most 100 vectors a day" in bound
    assert "or for sensitive against neutral" in bound
    assert "No release is named" in free
    assert "No release is named" not in " ".join(explain(dataclasses.replace(SAD, release="drawn")))


def test_the_policy_of_a_fitted_release_names_no_choice() -> None:
    lines = explain(SAD, fitted=True)
    assert not [line for line in lines if "No release is named" in line or "no fit" in line]
    assert set(lines) < set(explain(SAD))


def test_an_emotion_that_no_corpus_has_is_told() -> None:
    text = " ".join(explain(Policy(required="sadd", sensitive=("happy",))))
    assert "sadd: no corpus of sordino has this emotion" in text
    assert "no corpus" not in " ".join(explain(SAD))


def test_it_is_told_what_hiding_an_attribute_means() -> None:
    text = " ".join(explain(dataclasses.replace(SAD, hide=("speaker", "age"))))
    assert "must not infer speaker and age" in text
    assert "older or younger than the median" in text
    assert "No release is fitted against it" in text
