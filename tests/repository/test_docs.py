"""The examples of README.md and docs/: ```python run``` blocks run, and commands in ```console```
blocks exist.

The blocks of a page run in order, as one program, in an empty folder. `scripts/docs` builds the
manual and executes its notebooks.
"""

from __future__ import annotations

import re
import runpy
import shlex
from pathlib import Path

import pytest
import typer

from sordino.cli import VERBS, verb_module

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PAGES = [
    path for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))) if path.exists()
]

to_rst = runpy.run_path(str(ROOT / "docs" / "extensions" / "markdown_docstrings.py"))["to_rst"]


def blocks(text: str, kind: str) -> list[tuple[int, str]]:
    """The fenced blocks of one kind (`python run`, `console`), each with its first line."""
    matches = re.finditer(rf"^```{kind}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [(text[: match.start(1)].count("\n"), match[1]) for match in matches]


def commands(page: Path) -> list[str]:
    """The commands after `$` in the page's console blocks, continued lines joined."""
    lines = "\n".join(
        block for _, block in blocks(page.read_text(encoding="utf-8"), "console")
    ).replace("\\\n", " ")
    return [line[2:] for line in lines.splitlines() if line.startswith("$ ")]


def options_of(words: list[str]) -> set[str]:
    """The options of the verb that the words call. Raises `AssertionError` for an unknown verb."""
    assert words[0] in VERBS, f"sordino {words[0]}: unknown verb"
    module = verb_module(words[0])
    if hasattr(module, "app"):
        verbs = typer.main.get_group(module.app).commands
        command = verbs.get(words[1]) or verbs["run"]  # `gateway BUNDLE` is `gateway run`
    else:
        application = typer.Typer(add_completion=False)
        application.command()(getattr(module, words[0]))
        command = typer.main.get_command(application)
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
    programs = blocks(page.read_text(encoding="utf-8"), "python run")
    assert programs
    for line, block in programs:
        exec(compile("\n" * line + block, str(page), "exec"), program)


@pytest.mark.parametrize(
    "page", [page for page in PAGES if commands(page)], ids=lambda p: str(p.relative_to(ROOT))
)
def test_the_commands_of_a_page_are_known(page: Path) -> None:
    for command in commands(page):
        words = shlex.split(command, comments=True)
        assert words, f"{page.name}: a prompt without a command"
        if words[0].startswith("scripts/"):
            assert (ROOT / words[0]).is_file(), command
        elif Path(words[0]).name == "sordino" and not words[1].startswith("--"):
            options = {word.split("=")[0] for word in words[1:] if word.startswith("--")}
            assert options <= options_of(words[1:]), command


def links(page: Path) -> list[Path]:
    """The files that the links of a page point to."""
    prose = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.DOTALL)
    targets = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", prose)
    return [(page.parent / target).resolve() for target in targets]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_link_of_a_page_has_a_target(page: Path) -> None:
    assert [target for target in links(page) if not target.exists()] == []


def test_backticks_become_literals_or_links() -> None:
    lines = to_rst(["Uses `x` and `Audit`s, a_ * b."], {"Audit": "sordino.attack.Audit"})
    link = ":py:obj:`Audit <sordino.attack.Audit>`"
    assert lines == [rf"Uses ``x`` and {link}\ s, a\_ \* b.", ""]


def test_aligned_lines_stay_as_they_are() -> None:
    assert to_rst(["x    a vector", "y    a label"], {}) == [
        "::",
        "",
        "    x    a vector",
        "    y    a label",
        "",
    ]


def test_a_list_starts_a_block_of_its_own() -> None:
    assert to_rst(["Settings:", "- `a`: one", "- `b`: two"], {}) == [
        "Settings:",
        "",
        "- ``a``: one",
        "- ``b``: two",
        "",
    ]


def glossary() -> tuple[list[str], str, list[str]]:
    """The terms of the glossary, all their definitions, and the sources at its end."""
    text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    definitions, sources = text.split("## Sources")
    row = re.compile(r"^\| ([^|]+) \|", re.MULTILINE)
    terms = [term for cell in row.findall(definitions) for term in cell.split(", ")]
    return (
        [term for term in terms if term not in ("term", "---")],
        definitions,
        row.findall(sources),
    )


def test_the_glossary_defines_each_term_once() -> None:
    terms, _, _ = glossary()
    assert len(terms) > 90
    assert sorted(terms) == sorted(set(terms))


def test_the_glossary_lists_each_source_that_it_cites() -> None:
    _, definitions, sources = glossary()
    author = r"[A-Z]\w+(?: et al\.| and (?:Mower )?[A-Z]\w+)?"
    citations = set(re.findall(rf"({author} \d{{4}}|RFC \d{{4}})", definitions))
    assert len(citations) > 15
    assert citations <= set(sources)
