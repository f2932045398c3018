"""The contract of every verb: exit status, one-line errors, help with an example."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Annotated, Literal, NoReturn, get_args, get_origin

import pytest
import typer

import sordino
from sordino import cli
from sordino.errors import CorpusError
from sordino.storage import Location
from tests.cli.commands import commands, examples

Captured = pytest.CaptureFixture[str]
Offer = Callable[[Callable[..., object]], None]
COMMANDS = commands()
OPTIONS = [
    parameter
    for command in COMMANDS.values()
    for parameter in command.params
    if parameter.opts[0].startswith("--") and not parameter.hidden
]


def status(*arguments: str) -> object:
    """The exit status of `sordino` with these arguments."""
    with pytest.raises(SystemExit) as exit_info:
        cli.main(arguments)
    return exit_info.value.code


def process(
    *arguments: str, environment: Mapping[str, str] = MappingProxyType({})
) -> subprocess.CompletedProcess[str]:
    """`sordino` with these arguments as a process."""
    return subprocess.run(
        [sys.executable, "-m", "sordino", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | environment,
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
    """A verb with an error of the caller."""
    raise CorpusError("corpus 'x' came,\n   expected ravdess: name it")


def break_down() -> NoReturn:
    """A verb with a bug."""
    raise ZeroDivisionError("division by zero")


def stop() -> NoReturn:
    """A verb that Ctrl-C stops."""
    raise KeyboardInterrupt


def test_the_version_is_that_of_the_package(capsys: Captured) -> None:
    assert status("--version") == 0
    assert capsys.readouterr().out == f"sordino {sordino.__version__}\n"


@pytest.mark.parametrize("arguments", [(), ("--help",)])
def test_the_help_lists_every_verb_by_user(
    capsys: Captured, arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    assert status(*arguments) == 0
    panels = re.split(r"^╭─ (\w+) ─+╮$", capsys.readouterr().out, flags=re.MULTILINE)
    text = dict(zip(panels[1::2], panels[2::2], strict=True))
    for user, names in cli.USERS.items():
        rows = re.findall(r"^│ (\S+) +(.+?) +│$", text[user], re.MULTILINE)
        assert rows == [(name, cli.VERBS[name]) for name in names]


def test_every_verb_has_one_user() -> None:
    names = [name for verbs in cli.USERS.values() for name in verbs]
    assert sorted(names) == sorted(cli.VERBS)
    assert len(names) <= 18


@pytest.mark.parametrize("words", [name.split() for name in COMMANDS], ids=" ".join)
def test_the_help_of_a_command_ends_with_its_examples(
    capsys: Captured, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert status(*words, "--help") == 0
    _, _, text = capsys.readouterr().out.partition("Example:")
    lines = "\n".join(line.rstrip() for line in text.splitlines()).replace("\\\n", " ")
    printed = [" ".join(line.split()) for line in lines.splitlines() if line.strip()]
    assert printed == [" ".join(line.split()) for line in examples(COMMANDS[" ".join(words)])]
    assert any(f"sordino {' '.join(words)}" in line for line in printed)


@pytest.mark.parametrize("verb", [name for name in cli.VERBS if name not in COMMANDS])
def test_a_list_of_commands_cuts_no_sentence_off(capsys: Captured, verb: str) -> None:
    assert status(verb, "--help") == 0
    out = " ".join(re.sub("[│╭╮╰╯─]", "", capsys.readouterr().out).split())
    sentences = [
        command.help.split("\n\n")[0] for name, command in COMMANDS.items() if name.startswith(verb)
    ]
    assert all(sentence in out for sentence in sentences)
    assert re.search(rf"Example: sordino {verb} .*$", out)


def test_an_option_has_one_meaning_in_all_commands() -> None:
    kinds: dict[str, set[str]] = {}
    for parameter in OPTIONS:
        annotation = parameter.type_descriptor.annotation
        kind = Path if annotation is Location else annotation  # some paths may be URLs
        if get_origin(kind) is list:  # a repeatable option means what one value means
            (kind,) = get_args(kind)
        choices = get_args(kind) if get_origin(kind) is Literal else ()
        words = parameter.metavar or "|".join(choices)
        kinds.setdefault(parameter.opts[0], set()).add(f"{words} {str if choices else kind}")
    assert {name: values for name, values in kinds.items() if len(values) > 1} == {}


def test_an_option_has_one_help_in_all_commands() -> None:
    texts: dict[str, set[str]] = {}
    for parameter in OPTIONS:
        texts.setdefault(parameter.opts[0], set()).add(parameter.help)
    differing = {name for name, values in texts.items() if len(values) > 1}
    assert differing <= {
        "--out",
        "--corpus",
        "--features",
        "--conditions",
    }  # the kind of file, the default


@pytest.mark.parametrize(("verb", "name"), cli.RENAMED.items())
def test_an_old_verb_is_an_error_with_its_new_name(capsys: Captured, verb: str, name: str) -> None:
    assert status(verb, "--out", "x") == 2
    line = f"`sordino {verb}` is now `sordino {name}`: see `sordino --help`\n"
    assert capsys.readouterr() == ("", line)
    assert name in COMMANDS


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("sordino com", "compare"),
        ("sordino bundle ver", "verify"),
        ("sordino fit --pol", "--policy"),
    ],
)
def test_a_shell_completes_verbs_and_options(line: str, word: str) -> None:
    words = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split()) - 1)}
    done = process(environment={"_SORDINO_COMPLETE": "complete_bash", **words})
    assert (done.returncode, done.stderr) == (0, "")
    assert word in done.stdout.split()


def test_the_help_loads_no_verb() -> None:
    code = (
        "import sys; from sordino import cli\n"
        "try: cli.main(['--help'])\nfinally: print(sorted(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    for name in (
        *(f"{folder}.{verb}" for folder in ("verbs", "servers") for verb in cli.VERBS),
        "numpy",
        "pandas",
        "torch",
    ):
        assert f"'sordino.cli.{name}'" not in done.stdout
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


@pytest.mark.parametrize("resumes", [True, False])
def test_only_a_verb_with_stored_parts_resumes(
    capsys: Captured, offer: Offer, monkeypatch: pytest.MonkeyPatch, resumes: bool
) -> None:
    offer(stop)
    monkeypatch.setattr(cli, "RESUMING", ("trial",) if resumes else ())
    assert status("trial") == 130
    error = capsys.readouterr().err
    assert ("which reuses the parts that it stored" in error) == resumes
    assert ("which starts from the beginning" in error) != resumes


def test_a_server_that_stops_asks_for_no_repetition(
    capsys: Captured, offer: Offer, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer(stop)
    monkeypatch.setattr(cli, "SERVING", ("trial",))
    assert status("trial") == 130
    assert capsys.readouterr().err == "interrupted: stopped, and what was stored stays\n"


def test_resuming_and_serving_verbs_exist() -> None:
    assert set(cli.RESUMING) | set(cli.SERVING) < set(cli.VERBS)


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
    ("arguments", "message"),
    [
        (["nonsense"], "No such command 'nonsense': see `sordino --help`"),
        (["--nonsense"], "No such option: --nonsense: see `sordino --help`"),
        (
            ["reproduce", "feng2021", "--fit-on", "x"],
            "No such option: --fit-on: see `sordino reproduce feng2021 --help`",
        ),
        (
            ["reproduce", "feng2021", "--validate", "x"],
            "No such option: --validate (Possible options: --latex, --validation): see "
            "`sordino reproduce feng2021 --help`",
        ),
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
    capsys: Captured, arguments: list[str], message: str
) -> None:
    assert status(*arguments) == 2
    assert capsys.readouterr() == ("", f"{message}\n")


@pytest.mark.slow
def test_a_pipe_gets_the_line_without_colour(tmp_path: Path) -> None:
    done = process("--quiet", "corpus", "check", "ravdess", str(tmp_path / "nowhere"))
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "\x1b" not in done.stderr
    assert "nowhere" in done.stderr


@pytest.mark.slow
def test_a_backend_of_jupyter_does_not_reach_matplotlib() -> None:
    code = "from sordino import cli; import atexit; atexit.register(lambda: print(*figure()))\n"
    code += "def figure(): import matplotlib; yield matplotlib.get_backend()\n"
    code += "cli.main(['policy', '--help'])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"MPLBACKEND": "module://absent.backend"},
    )
    assert done.stdout.splitlines()[-1:] == ["agg"], done.stderr


@pytest.mark.parametrize(
    ("line", "first"),
    [
        ("compare --corpus manifest=absent.csv --out x", "compares releases on manifest="),
        ("corpus check manifest absent.csv", "checks manifest in absent.csv"),
    ],
)
def test_a_slow_command_says_at_once_what_it_does(
    line: str, first: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.chdir(tmp_path)
    assert status(*line.split()) == 2
    assert capsys.readouterr().err.startswith(first)
    assert status(*line.split(), "--quiet") == 2
    assert first not in capsys.readouterr().err
