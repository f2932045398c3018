"""What README.md and docs/ show is run: ```python run``` blocks, and the commands of ```console```
blocks are known.

The blocks of one file are run in order, as one program, in an empty folder.
"""

from __future__ import annotations

import re
import shlex
from importlib import import_module
from pathlib import Path

import pytest
import typer

from sordino.cli import VERBS

ROOT = Path(__file__).parents[1]
PAGES = [
    path for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))) if path.exists()
]


def blocks(text: str, kind: str) -> list[tuple[int, str]]:
    """The fenced blocks of one kind (`python run`, `console`), each with the line where it starts."""
    found = re.finditer(rf"^```{kind}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [(text[: match.start(1)].count("\n"), match[1]) for match in found]


def commands(page: Path) -> list[str]:
    """The commands after `$` in the page's console blocks, continued lines joined."""
    lines = "\n".join(
        block for _, block in blocks(page.read_text(encoding="utf-8"), "console")
    ).replace("\\\n", " ")
    return [line[2:] for line in lines.splitlines() if line.startswith("$ ")]


def options_of(words: list[str]) -> set[str]:
    """The options of the verb that the words call. Raises `KeyError` for a verb that there is not."""
    assert words[0] in VERBS, f"sordino {words[0]}: no such verb"
    module = import_module(f"sordino.cli.verbs.{words[0]}")
    if hasattr(module, "app"):
        command = typer.main.get_group(module.app).commands[words[1]]
    else:
        one = typer.Typer(add_completion=False)
        one.command()(getattr(module, words[0]))
        command = typer.main.get_command(one)
    return {"--help", "--debug", *(name for parameter in command.params for name in parameter.opts)}


def test_blocks_are_found_with_their_line() -> None:
    text = "# Title\n```python run\na = 1\n```\n```python\nb\n```\n```python run\na + 1\n```\n"
    assert blocks(text, "python run") == [(2, "a = 1\n"), (8, "a + 1\n")]


def test_an_option_that_a_verb_does_not_have_is_noticed() -> None:
    assert "--partial" in options_of(["corpus", "check"])
    assert "--nonsense" not in options_of(["corpus", "check"])


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if "```python run" in page.read_text()],
    ids=lambda p: str(p.relative_to(ROOT)),
)
def test_the_python_of_a_page_runs(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    program: dict[str, object] = {"__name__": "__main__"}
    for line, block in blocks(page.read_text(encoding="utf-8"), "python run"):
        exec(compile("\n" * line + block, str(page), "exec"), program)


@pytest.mark.parametrize(
    "page", [page for page in PAGES if commands(page)], ids=lambda p: str(p.relative_to(ROOT))
)
def test_the_commands_of_a_page_are_known(page: Path) -> None:
    for command in commands(page):
        words = shlex.split(command, comments=True)
        if words[0].startswith("scripts/"):
            assert (ROOT / words[0]).is_file(), command
        elif Path(words[0]).name == "sordino" and words[1:] != ["--help"]:
            used = {word.split("=")[0] for word in words[1:] if word.startswith("--")}
            assert used <= options_of(words[1:]), command
