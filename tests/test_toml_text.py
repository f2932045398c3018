"""Hostile TOML is refused by the readers of policies and floors, in little time and memory."""

from __future__ import annotations

import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sordino import policy, toml_text
from sordino.device.trust import floor
from sordino.errors import PolicyError

HOSTILE = {
    "dotted key": (".".join("a" * 5000) + " = 1", "dotted key of more than 8 parts"),
    "dotted header": ("[" + " . ".join("a" * 5000) + "]", "dotted key of more than 8 parts"),
    "quoted parts": (".".join(["'.'", '"\\"."'] * 9) + " = 1", "dotted key of more than 8 parts"),
    "dotted key in a table": ("a = {b.c.d.e.f.g.h.i.j = 1}", "dotted key of more than 8 parts"),
    "lists": ("a = " + "[" * 9000 + "]" * 9000, "more than 16 nested"),
    "tables": ("a = " + "{a=" * 9000 + "1" + "}" * 9000, "more than 16 nested"),
    "few lists": ("a = " + "[" * 17 + "]" * 17, "more than 16 nested"),
    "hexadecimal": ("per_day = 0x" + "f" * 5000, "whole number beyond 9,007,199,254,740,992"),
    "decimal": ("per_day = " + "9" * 5000, r"not a readable TOML file \("),
    "number in a list": ("a = [[-9007199254740993]]", "whole number beyond"),
    "long file": ("#" * 70_000, "65,536|0 MB|more than"),
}
READERS: dict[str, Callable[[Path], object]] = {"policy": policy.read, "floor": floor.read}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_toml_is_refused_in_a_sentence(case: str, reader: str, tmp_path: Path) -> None:
    text, message = HOSTILE[case]
    (tmp_path / "p.toml").write_text(text)
    start = time.process_time()
    with pytest.raises(PolicyError, match=message) as caught:
        READERS[reader](tmp_path / "p.toml")
    assert len(str(caught.value)) < len(str(tmp_path)) + 400
    assert time.process_time() - start < 1


FAIR = """
# version 1.2.3 of 10.20.30.40, see a.b.c.d
required = "sad. Or so, and so on. Version 1.2.3. End."
sensitive = ["a.b", 'c.d']
rates = [0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5, 9.5, 1e-3]
largest = 9007199254740992
a.b.c.d.e.f.g.h = 1
[drawn]
bands.low = 0.5
"""


def test_fair_toml_is_read_as_its_parser_reads_it() -> None:
    assert toml_text.loads(FAIR) == tomllib.loads(FAIR)


keys = st.sampled_from(
    ["a", "-", '"."', "'.'", '"\\""', "'\"'", '"', "'", "#", "\n", "[", " ", "="]
)


@given(parts=st.lists(keys, min_size=9, max_size=14), before=st.lists(keys, max_size=6))
def test_no_text_before_it_hides_a_long_key(parts: list[str], before: list[str]) -> None:
    text = "".join(before) + ".".join(parts) + " = 1"
    try:
        content: Any = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    depth = 0
    while isinstance(content, dict) and content:
        depth, content = depth + 1, max(content.values(), key=lambda value: isinstance(value, dict))
    if depth > toml_text.MOST_PARTS:
        with pytest.raises(ValueError, match="dotted key"):
            toml_text.loads(text)


@pytest.mark.slow
@pytest.mark.parametrize("run", ["a", "'", '"', "a.", "a .", '"a', "\\", '"\\', ". ", "'a'."])
def test_the_search_for_long_keys_takes_little_time(run: str) -> None:
    text = "x = 1 " + run * (60_000 // len(run))
    start = time.process_time()
    with pytest.raises(ValueError, match=r"dotted key|line 1"):
        toml_text.loads(text)
    assert time.process_time() - start < 1
