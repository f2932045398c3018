"""Policies of one study name the same emotions, and each requires another one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from sordino.cli.options import read_policies
from sordino.errors import PolicyError
from sordino.policy import Policy
from sordino.study.policies import check_required, common_emotions

SAD = Policy("sad", ("happy", "angry"))
HAPPY = Policy("happy", ("sad", "angry"))


def test_policies_have_their_emotions_in_common() -> None:
    assert set(common_emotions([SAD, HAPPY])) == {"neutral", "sad", "happy", "angry"}


@pytest.mark.parametrize(
    ("policies", "message"),
    [
        ([], "no policy, expected at least one"),
        ([SAD, Policy("sad", ("happy",))], "angry: named by some policies and not by all"),
        ([Policy("sad", ("happy",), release="mute")], "'mute', expected one of"),
    ],
)
def test_policies_without_common_emotions(policies: Sequence[Policy], message: str) -> None:
    with pytest.raises(PolicyError, match=message):
        common_emotions(policies)


def test_two_policies_do_not_require_one_emotion() -> None:
    check_required([SAD, HAPPY])
    with pytest.raises(PolicyError, match="two policies require sad"):
        check_required([SAD, HAPPY, SAD])


def test_policy_files_are_named_by_their_stems(tmp_path: Path) -> None:
    file = tmp_path / "sad.toml"
    file.write_text('required = "sad"\nsensitive = ["happy", "angry"]\n')
    assert read_policies([file])["sad"].required == "sad"
    with pytest.raises(PolicyError, match="sad comes twice"):
        read_policies([file, file])
