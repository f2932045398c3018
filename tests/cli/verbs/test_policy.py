"""`sordino policy check`: a policy in words, or one line on what is wrong with it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sordino import cli

GOOD = 'required = "sad"\nsensitive = ["happy", "anger"]\nhide = ["gender", "age"]\n'


def check(
    text: str, folder: Path, capsys: pytest.CaptureFixture[str], *extra: str
) -> tuple[object, str, str]:
    (folder / "policy.toml").write_text(text)
    with pytest.raises(SystemExit) as exit_info:
        cli.main(["policy", "check", str(folder / "policy.toml"), *extra])
    return exit_info.value.code, *capsys.readouterr()


def test_a_policy_is_explained_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = check(GOOD, tmp_path, capsys)
    assert (status, err) == (0, "")
    assert "sad stays recognisable." in out
    assert "happy and angry utterances are released as neutral" in out
    assert "must not infer gender and age" in out


def test_and_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = json.loads(check(GOOD, tmp_path, capsys, "--json", "-")[1])
    assert result["policy"]["sensitive"] == ["happy", "angry"]
    assert len(result["hash"]) == 12


def test_a_release_and_its_knobs_are_explained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, _ = check(GOOD + 'release = "drawn"\n[drawn]\nepsilon = 2.0\n', tmp_path, capsys)
    assert status == 0
    assert "The release is drawn: one decision per utterance" in out
    assert "drawn: epsilon = 2.0: parameter of randomised response" in out


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (GOOD + 'release = "drwan"', "release 'drwan', expected one of none, rae, "),
        (GOOD + "[drwan]\nrate = 0.2", "release 'drwan', expected one of none, rae, "),
        (
            GOOD + "[drawn]\nrates = 0.2",
            "[drawn] rates, expected rate, shrinkage, gap, epsilon, detail",
        ),
        ("required = 3", "sensitive is missing"),
        ('required = "sad"\nsensitive = ["sad"]', "sad has two roles"),
        ('required = "sad"\nsensitive = ["happy"]\ncolour = "red"', "unknown key colour"),
        ("required =", "not a readable TOML file"),
    ],
)
def test_what_is_wrong_is_one_line(
    text: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = check(text, tmp_path, capsys)
    assert (status, out) == (2, "")
    assert says in " ".join(err.split())
    assert len(err.strip().splitlines()) == 1
