"""What every verb promises: the exit status, one line for what goes wrong, an example in its help."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Annotated, NoReturn

import pytest
import typer

import sordino
from sordino import cli
from sordino.errors import CorpusError

Captured = pytest.CaptureFixture[str]
Offer = Callable[[Callable[..., object]], None]


def status(*arguments: str) -> object:
    """The exit status of `sordino` with these arguments."""
    with pytest.raises(SystemExit) as left:
        cli.main(arguments)
    return left.value.code


def process(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The same, as the process that a shell starts."""
    code = "from sordino.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )


@pytest.fixture
def offer(monkeypatch: pytest.MonkeyPatch) -> Offer:
    """Makes a function the verb `trial` for the length of a test."""

    def register(function: Callable[..., object]) -> None:
        module = ModuleType("sordino.cli.verbs.trial")
        module.trial = function  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.setitem(cli.VERBS, "trial", "Try.")

    return register


def refuse() -> NoReturn:
    """A verb that a caller's mistake stops."""
    raise CorpusError("corpus 'x' came,\n   expected ravdess: name it")


def break_down() -> NoReturn:
    """A verb with a bug."""
    raise ZeroDivisionError("division by zero")


def stop() -> NoReturn:
    """A verb that somebody stops with Ctrl-C."""
    raise KeyboardInterrupt


def verbs() -> list[list[str]]:
    """Every verb as the words that call it: `corpus check` is two."""
    found = []
    for name in cli.VERBS:
        module = __import__(f"sordino.cli.verbs.{name}", fromlist=["app"])
        if hasattr(module, "app"):
            below = typer.main.get_group(module.app).commands
            found += [[name, verb] for verb in below]
        else:
            found.append([name])
    return found


def test_the_version_is_that_of_the_package(capsys: Captured) -> None:
    assert status("--version") == 0
    assert capsys.readouterr().out == f"sordino {sordino.__version__}\n"


@pytest.mark.parametrize("arguments", [(), ("--help",)])
def test_the_help_names_every_verb(capsys: Captured, arguments: tuple[str, ...]) -> None:
    assert status(*arguments) == 0
    out = capsys.readouterr().out
    for name, line in cli.VERBS.items():
        assert re.search(rf"^ +{name} +{re.escape(line)}$", out, re.MULTILINE)


@pytest.mark.parametrize("words", verbs(), ids=" ".join)
def test_the_help_of_a_verb_has_an_example_to_copy(capsys: Captured, words: list[str]) -> None:
    assert status(*words, "--help") == 0
    assert re.search(rf"^ +sordino {' '.join(words)}( |$)", capsys.readouterr().out, re.MULTILINE)


def test_the_help_loads_no_verb() -> None:
    code = "import sys; from sordino import cli\ntry: cli.main(['--help'])\nfinally: print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    for name in (*(f"sordino.cli.verbs.{verb}" for verb in cli.VERBS), "numpy", "pandas", "torch"):
        assert f"'{name}'" not in done.stdout
    assert "'sordino.cli'" in done.stdout


def test_a_mistake_is_one_line_and_status_2(capsys: Captured, offer: Offer) -> None:
    offer(refuse)
    assert status("trial") == 2
    assert capsys.readouterr() == ("", "corpus 'x' came, expected ravdess: name it\n")


def test_a_bug_is_one_line_with_a_hint_and_status_2(capsys: Captured, offer: Offer) -> None:
    offer(break_down)
    assert status("trial") == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(r"ZeroDivisionError: division by zero: .* --debug .*\n", err)


@pytest.mark.parametrize("arguments", [("--debug", "trial"), ("trial", "--debug")])
def test_debug_prints_the_traceback_before_the_line(
    capsys: Captured, offer: Offer, arguments: tuple[str, ...]
) -> None:
    offer(break_down)
    assert status(*arguments) == 2
    err = capsys.readouterr().err
    assert err.startswith("Traceback (most recent call last):\n")
    assert "in break_down" in err
    assert err.endswith("\nZeroDivisionError: division by zero\n")


def test_an_interruption_is_one_line_and_status_130(capsys: Captured, offer: Offer) -> None:
    offer(stop)
    assert status("trial") == 130
    assert re.fullmatch(r"interrupted: .*\n", capsys.readouterr().err)


@pytest.mark.parametrize("code", [0, 1])
def test_a_verb_decides_between_fine_and_differs(offer: Offer, code: int) -> None:
    def leave() -> NoReturn:
        raise typer.Exit(code)

    offer(leave)
    assert status("trial") == code


def test_a_verb_that_returns_is_fine(offer: Offer) -> None:
    def count(times: Annotated[int, typer.Option()]) -> None:
        assert times == 3

    offer(count)
    assert status("trial", "--times", "3") == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nonsense"], "No such command 'nonsense': see `sordino --help`"),
        (["--nonsense"], "No such option: --nonsense: see `sordino --help`"),
        (["corpus"], "Missing command: see `sordino corpus --help`"),
        (
            ["corpus", "checks"],
            "No such command 'checks'. Did you mean 'check'?: see `sordino corpus --help`",
        ),
        (["corpus", "check"], "Missing argument 'NAME': see `sordino corpus check --help`"),
    ],
    ids=" ".join,
)
def test_a_wrong_call_is_one_line_and_status_2(
    capsys: Captured, arguments: list[str], says: str
) -> None:
    assert status(*arguments) == 2
    assert capsys.readouterr() == ("", f"{says}\n")


def test_a_pipe_gets_the_line_without_colour(tmp_path: Path) -> None:
    done = process("corpus", "check", "ravdess", str(tmp_path / "nowhere"))
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "\x1b" not in done.stderr
    assert "nowhere" in done.stderr
