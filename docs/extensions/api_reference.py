"""The reference of the Python names: one page per room or module, from `__all__` and docstrings.

Before Sphinx reads a page, `write_pages` lists the public names in `reference/api/`, and autodoc
documents them. A class or type of sordino that a public signature mentions is documented too.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from docutils import nodes
from markdown_docstrings import to_rst
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError
from sphinx.pycode import ModuleAnalyzer

import sordino

MODULES = ("sordino.define", "sordino.errors", "sordino.policy", "sordino.types")
"""The modules beside the rooms: every name that they define is public."""

ARRAY = re.compile(r"~numpy\.ndarray\[tuple\[~typing\.Any, \.\.\.\], ~numpy\.dtype\[([^][]*)\]\]")
ALIAS = re.compile(r"TypeAliasForwardRef\('([\w.]+)'\)")
OBJECT = re.compile(r"=\s*<[^<>]*>")  # a default that is no Python, such as <factory>
WORD = re.compile(r"[A-Za-z_][\w.]*")


@cache
def pages() -> dict[str, dict[str, Any]]:
    """The public names and their values, by the module that offers them."""
    modules: dict[str, dict[str, Any]] = {}
    for entry in pkgutil.walk_packages(sordino.__path__, "sordino."):
        if not entry.name.startswith(("sordino.cli", "sordino.__main__")):
            module = importlib.import_module(entry.name)
            if names := getattr(module, "__all__", ()) if entry.ispkg else ():
                modules[entry.name] = {name: getattr(module, name) for name in names}
    values = [value for names in list(modules.values()) for value in names.values()]
    offered = [value.__name__ for value in values if inspect.ismodule(value)]
    for name in {*MODULES, *offered} - {*modules}:
        modules[name] = dict(_defined(importlib.import_module(name)))
    return dict(sorted(modules.items()))


def _defined(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """The public classes, functions and explained constants of a module without `__all__`."""
    explained = {name for _, name in ModuleAnalyzer.for_module(module.__name__).find_attr_docs()}
    for name, value in vars(module).items():
        local = getattr(value, "__module__", "") == module.__name__
        code = local and (inspect.isclass(value) or inspect.isroutine(value))
        if not name.startswith("_") and (code or name in explained):
            yield name, value


def text_below(name: str, value: Any) -> tuple[str, list[str]] | None:
    """The module that defines a constant or a type, and the text below it there."""
    for module_name, module in sorted(sys.modules.items()):
        if module_name.startswith("sordino.") and vars(module).get(name) is value:
            text = ModuleAnalyzer.for_module(module_name).find_attr_docs().get(("", name))
            if text:
                return module_name, text
    return None


@cache
def links() -> dict[str, str]:
    """The targets of texts between backticks: `room.name`, and the name of a class if unique."""
    targets: dict[str, str] = {}
    for module, names in pages().items():
        for name, value in names.items():
            if inspect.ismodule(value):
                continue
            full = f"{module}.{name}"
            targets |= {full: full, full.removeprefix("sordino."): full}
            if inspect.isclass(value):
                targets[name] = "" if targets.get(name, full) != full else full
    return {text: target for text, target in targets.items() if target}


def mentioned() -> dict[str, dict[str, Any]]:
    """What annotations of public names mention and no page offers, by module and name."""
    queue = [value for names in pages().values() for value in names.values()]
    seen = {id(value) for value in queue}
    others: dict[str, dict[str, Any]] = {}
    while queue:
        for name, value in _mentions(queue.pop()):
            if id(value) in seen:
                continue
            seen.add(id(value))
            if inspect.isclass(value):
                others.setdefault(value.__module__, {})[value.__qualname__] = value
                queue.append(value)
            elif origin := text_below(name, value):
                others.setdefault(origin[0], {})[name] = value
    return others


def _mentions(value: Any) -> Iterator[tuple[str, Any]]:
    """Classes and types of sordino that the annotations of a function or a class name."""
    members = [value]
    if inspect.isclass(value):
        members += [member for name, member in vars(value).items() if name[0] != "_"]
        members += [vars(value).get("__init__")]
    for member in members:
        wrapped = (getattr(member, name, None) for name in ("fget", "func", "__func__"))
        function = next((function for function in wrapped if function), member)
        module_name = getattr(function, "__module__", "")
        names = vars(sys.modules.get(module_name, sordino))
        annotations = list(getattr(function, "__annotations__", {}).values())
        if inspect.isclass(member) and module_name.startswith("sordino."):
            analyzer = ModuleAnalyzer.for_module(module_name)
            analyzer.analyze()
            texts = analyzer.annotations.items()
            annotations += [text for (owner, _), text in texts if owner == member.__name__]
        for annotation in annotations:
            for word in WORD.findall(str(annotation)):
                mention = _look_up(word, names)
                module = getattr(mention, "__module__", "")
                alias = mention is not None and not inspect.isclass(mention) and word[0].isupper()
                if module.startswith("sordino.") or (alias and "." not in word):
                    yield word.rpartition(".")[2], mention


def _look_up(word: str, names: Mapping[str, Any]) -> Any:
    first, *attributes = word.split(".")
    value = names.get(first)
    if value is None and word[0].isupper():  # imported for the type checker alone
        modules = [sys.modules[name] for name in sorted(sys.modules) if name.startswith("sordino.")]
        value = next((vars(module)[word] for module in modules if word in vars(module)), None)
    for attribute in attributes:
        value = getattr(value, attribute, None)
    return value


def page_of(module: str, names: dict[str, Any], others: dict[str, Any]) -> str:
    """The page of a module: its text, its public names, then the types that they mention."""
    lines = [module, "=" * len(module), "", f".. automodule:: {module}", ""]
    for name, value in sorted(names.items(), key=lambda item: item[0].lower()):
        lines += _directive(module, name, value)
    for name, value in sorted(others.items()):
        lines += _directive(*name.rsplit(".", 1), value)
    return "\n".join(lines)


def _directive(module: str, name: str, value: Any) -> list[str]:
    if inspect.ismodule(value):
        return [f"Module :py:mod:`{value.__name__}`", ""]
    if inspect.isclass(value):
        return [f".. autoclass:: {module}.{name}", "   :members:", ""]
    if inspect.isroutine(value):
        return [f".. autofunction:: {module}.{name}", ""]
    origin = text_below(name, value)
    if origin is None:
        raise ExtensionError(f"{module}.{name} has no text below it, expected an explanation")
    text = to_rst(origin[1], links())
    return [f".. py:data:: {name}", f"   :module: {module}", "", *(f"   {line}" for line in text)]


def write_pages(app: Sphinx) -> None:
    """Write the page of each room and of each public module."""
    folder = Path(app.srcdir) / "reference" / "api"
    folder.mkdir(parents=True, exist_ok=True)
    types: dict[str, dict[str, Any]] = {}
    for module, names in mentioned().items():
        above = (page for page in pages() if f"{module}.".startswith(f"{page}."))
        page = max(above, key=len, default=MODULES[-1])  # a module of no room
        types.setdefault(page, {}).update({f"{module}.{name}": names[name] for name in names})
    for module, names in pages().items():
        text = page_of(module, names, types.get(module, {}))
        (folder / f"{module}.rst").write_text(text, encoding="utf-8")


def render(
    _app: Sphinx, _what: str, _name: str, _value: Any, _options: Any, lines: list[str]
) -> None:
    """Turn the Markdown of a docstring into the markup that autodoc reads."""
    lines[:] = to_rst(lines, links())


def shorten(
    _app: Sphinx,
    _what: str,
    _name: str,
    _value: Any,
    _options: Any,
    signature: str | None,
    result: str | None,
) -> tuple[str | None, str | None]:
    """Write arrays as the code does, `NDArray[float32]`."""
    return _short(signature), _short(result)


def _short(text: str | None) -> str | None:
    if text is None:
        return None
    text = OBJECT.sub("=...", ARRAY.sub(r"~numpy.typing.NDArray[\1]", text))
    return ALIAS.sub(r"~\1", text)


def resolve(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.TextElement
) -> nodes.Element | None:
    """Link a type that an annotation names without its module, if only one has this name.

    A type variable stays text.
    """
    if node.get("refdomain") != "py":
        return None
    module, _, name = node["reftarget"].rpartition(".")
    if isinstance(vars(sys.modules.get(module, sordino)).get(name), TypeVar):
        return content
    if module:
        return None
    domain = env.domains.python_domain
    ends = [name for name in domain.objects if name.endswith(f".{node['reftarget']}")]
    if len({domain.objects[name].node_id for name in ends}) != 1:
        return None
    return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", ends[0], node, content)


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the steps to the build."""
    types = pages()["sordino.types"]
    app.config.autodoc_type_aliases = {name: f"sordino.types.{name}" for name in types}
    app.config.autodoc_type_aliases["ArrayLike"] = "numpy.typing.ArrayLike"
    app.connect("builder-inited", write_pages)
    app.connect("autodoc-process-docstring", render)
    app.connect("autodoc-process-signature", shorten)
    app.connect("missing-reference", resolve)
    return {"parallel_read_safe": True}
