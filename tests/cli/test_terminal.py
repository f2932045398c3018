"""Text from files reaches the terminal without control characters and without markup."""

from __future__ import annotations

import io
import json
import sys
import unicodedata
import warnings
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table

from sordino import cli
from sordino.cli.output import console, print_table, write_json
from sordino.cli.terminal import Console
from sordino.cli.verbs.bundle import describe
from sordino.device import Bundle, read
from sordino.progress import printable, printable_warnings
from tests.device.synthetic_bundles import bundled

HOSTILE = "\x1b]0;owned\x07\x1b[2J\x9b31m[bold red]x[/]\u202egpj\u200b\x7f\x08\ud800\u2028"
SHOWN = r"\x1b]0;owned\x07\x1b[2J\x9b31m[bold red]x[/]\u202egpj\u200b\x7f\x08\ud800\u2028"


def assert_printable(text: str) -> None:
    assert all(character == "\n" or character.isprintable() for character in text), ascii(text)


def test_control_characters_are_escaped_visibly() -> None:
    assert printable(HOSTILE) == SHOWN
    assert printable("a\r\n\tb") == r"a\r\n\tb"


def test_words_of_any_language_stay() -> None:
    for text in ("größe", "幸せ\u3000です", "злость", "حزن", "a\xa0b", "e\u0301", "😀", "[bold]"):
        assert printable(text) == text


@given(st.text())
def test_nothing_that_controls_a_terminal_is_left(text: str) -> None:
    assert not [
        character
        for character in printable(text)
        if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"}
    ]


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[object, str, str]:
    with pytest.raises(SystemExit) as exit_info:
        cli.main(list(arguments))
    return exit_info.value.code, *capsys.readouterr()


@pytest.mark.parametrize("debug", [(), ("--debug",)])
def test_an_error_that_names_a_hostile_path_is_safe(
    debug: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = HOSTILE.replace("/", "").replace("\ud800", "")
    status, _, errors = run(capsys, *debug, "bundle", "show", str(tmp_path / name))
    assert status == 2
    assert r"\x1b[2J" in errors
    assert_printable(errors)


def test_a_hostile_policy_is_refused_safely(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = 'required = "sad"\nsensitive = ["an\\u001B[2Jgry\\u202E[bold]"]\n'
    (tmp_path / "policy.toml").write_text(text)
    status, out, errors = run(capsys, "policy", "check", str(tmp_path / "policy.toml"))
    assert status == 2
    assert_printable(out + errors)
    assert "[bold]" in errors


def test_a_hostile_card_is_shown_safely_and_adds_no_line(monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = read(bundled("drawn"))
    forged = f"none\ncommercial use  yes {HOSTILE}"
    interval = {"value": 0.5, "low": 0.4, "high": 0.6}
    row = {"release": forged, "utility_auc": interval, "leaks": {forged: interval}}
    audit = {forged: {"verdict": forged, "measured": [row], "bounds": []}}
    card = {
        **bundle.card,
        "name": forged,
        forged: forged,
        "people": {forged: [forged]},
        "audit": audit,
    }
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="utf-8"))
    terminal = console()
    for part in describe(Bundle(bundle.files, card, bundle.policies), "x"):
        terminal.print(part, markup=False, highlight=False)
    sys.stdout.seek(0)
    text = sys.stdout.read()
    assert_printable(text)
    assert "[bold red]" in text
    assert not [line for line in text.splitlines() if line.startswith("commercial use  yes")]


def test_a_table_with_hostile_cells_and_title_is_safe() -> None:
    from rich.table import Table

    rows = Table(HOSTILE, title=HOSTILE, caption=HOSTILE)
    rows.add_row(HOSTILE)
    terminal = Console(file=io.StringIO(), markup=False, width=300)
    terminal.print(rows)
    text = terminal.file.getvalue()  # type: ignore[attr-defined]
    assert_printable(text)
    assert text.count("[bold red]x[/]") == 4


def test_json_keeps_its_meaning_without_control_characters(
    capsys: pytest.CaptureFixture[str],
) -> None:
    content = {HOSTILE: [HOSTILE, "größe 😀"]}
    write_json("-", content)
    out = capsys.readouterr().out
    assert_printable(out)
    assert json.loads(out) == content
    assert "größe 😀" in out


def test_a_warning_that_names_a_label_is_safe() -> None:
    with printable_warnings():
        text = warnings.formatwarning(f"few {HOSTILE}", UserWarning, "file.py", 1)
    assert_printable(text)


def test_a_piped_table_is_whole(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TERM", "dumb")  # rich then takes 80 columns, and FORCE_COLOR a terminal
    monkeypatch.setenv("FORCE_COLOR", "1")
    heads = [f"a long heading {number}" for number in range(12)]
    print_table(Table(*heads), Path("estimates.csv"))
    output = capsys.readouterr().out
    assert all(head in output for head in heads)
    assert "estimates.csv" in output


@pytest.mark.parametrize("width", [20, 60, 200])
def test_a_table_is_whole_at_any_width_of_a_terminal(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sordino.cli.output.console", lambda: Console(width=width))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    table = Table(*(f"heading{number}" for number in range(6)), title="Figures")
    table.add_column("release", no_wrap=True)
    for row in range(3):
        table.add_row(*(f"0.{row}{column}" for column in range(6)), f"release-number-{row}")
    print_table(table, Path("estimates.csv"))
    output = capsys.readouterr().out
    cells = [f"0.{row}{column}" for row in range(3) for column in range(6)]
    names = [f"release-number-{row}" for row in range(3)]
    assert [
        text for text in (*cells, *names, "heading5", "estimates.csv") if text not in output
    ] == []
    assert "…" not in output
