"""A policy file is read, or refused with a line that says why."""

from __future__ import annotations

from pathlib import Path

import pytest

from sordino.errors import PolicyError
from sordino.policy import Budget, Policy, read

SAD = Policy(required="sad", sensitive=("happy", "angry"))


def test_a_policy_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(
        'required = "sad"\nneutral = "neutral"\nsensitive = ["happy", "angry"]\nhide = ["gender"]\n'
    )
    assert read(file) == SAD


def test_a_policy_file_says_the_release_its_knobs_and_the_budget(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(
        'required = "sad"\nsensitive = ["happy", "angry"]\nrelease = "drawn"\n'
        "[drawn]\nrate = 0.2\n[rae]\nembeddings = [8, 16]\n[budget]\nauc = 0.55\nper_day = 100\n"
    )
    policy = read(file)
    assert policy.release == "drawn"
    assert policy.settings("drawn") == {"rate": 0.2}
    assert policy.settings("rae") == {"embeddings": (8, 16)}
    assert policy.budget == Budget(0.55, 100)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            'required = "sad"\nsensible = ["happy"]\n',
            "unknown key sensible, expected required, sensitive, neutral, hide, release, budget, "
            "or a table",
        ),
        ('required = "sad"\nsensitive = ["angry"]\nknobs = 3\n', "unknown key knobs"),
        (
            'required = "sad"\nsensitive = ["angry"]\nbudget = 0.55\n',
            r"budget 0.55, expected a table \[budget\] with auc",
        ),
        (
            'required = "sad"\nsensitive = ["angry"]\n[budget]\nacu = 0.55\n',
            r"budget acu, expected a table \[budget\] with auc and per_day",
        ),
        ('required = "sad"\n', "sensitive is missing"),
        ("", "required, sensitive is missing"),
        ("required = sad\n", "not a readable TOML file"),
        ('required = "sad"\nsensitive = ["sad"]\n', "sad has two roles"),
        ('required = 1\nsensitive = ["sad"]\n', "1 came, expected text"),
        (
            'required = "sad"\nsensitive = ["angry"]\nhide = ["file"]\n',
            "hide 'file': file is no attribute",
        ),
        ('required = []\nsensitive = ["angry"]\n', "0 emotions are required"),
    ],
)
def test_a_policy_file_that_cannot_be_is_refused(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(text)
    with pytest.raises(PolicyError, match=says):
        read(file)


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"], ids=["absent", "not text"])
def test_a_policy_file_that_cannot_be_read_is_refused(
    tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "policy.toml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(PolicyError, match=r"policy\.toml: not a readable TOML file"):
        read(file)


@pytest.mark.parametrize(
    "text",
    [
        'required = "sad"\nsensitive = "{}"',
        'required = "sad"\nsensitive = ["{}", "{}"]',
        'required = "sad"\nsensitive = ["angry"]\nhide = ["{}"]',
        'required = "sad"\nsensitive = ["angry"]\n{} = 1',
        'required = "sad"\nsensitive = ["angry"]\nbudget = "{}"',
        'required = "sad"\nsensitive = ["angry"]\n[budget]\nauc = "{}"',
        'required = "sad"\nsensitive = ["angry"]\n[drawn]\nrate = [["{}"]]',
    ],
)
def test_a_message_quotes_the_start_of_a_long_value(tmp_path: Path, text: str) -> None:
    path = tmp_path / "p.toml"
    path.write_text(text.replace("{}", "x" * 30_000))
    with pytest.raises(PolicyError, match="x…") as error_info:
        read(path)
    assert len(str(error_info.value)) < len(str(path)) + 400
