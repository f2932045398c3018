"""Methods of a user's own: a class or function from their file or package, found by its name.

A name is `module:attribute`, or an entry point of an installed package. The groups of entry points
are `sordino.releases`, `sordino.attackers`, `sordino.features` and `sordino.corpora`. Only the
module that the user named is imported. While it is imported, the working folder stands at the end
of the search path, so that no file there can stand in for an installed package.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Final, Literal

from sordino.errors import PluginError

Group = Literal["releases", "attackers", "features", "corpora"]

_REFERENCE: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")


def names(group: Group) -> list[str]:
    """The names of the entry points of a group, sorted. None of them is imported."""
    return sorted({point.name for point in entry_points(group=f"sordino.{group}")})


def has(group: Group, name: str) -> bool:
    """Whether a name has the form of a reference or is an entry point of the group."""
    return ":" in name or name in names(group)


def load(group: Group, name: str) -> Any:
    """The class, function or object of this name.

    Raises `PluginError` where the reference is malformed, where its module or attribute is missing,
    and where the import of its module fails.

    >>> load("releases", "collections:OrderedDict").__name__
    'OrderedDict'
    """
    if ":" in name:
        if not _REFERENCE.fullmatch(name):
            raise PluginError(
                f"{name!r}: expected MODULE:NAME, such as mymodule:MyFitter: correct it"
            )
        reference = EntryPoint(name, name, f"sordino.{group}")
    else:
        points = [point for point in entry_points(group=f"sordino.{group}") if point.name == name]
        if not points:
            raise PluginError(
                f"{name!r}: expected MODULE:NAME or an entry point of sordino.{group}: install "
                "its package"
            )
        reference = points[0]
    with _working_folder():
        try:
            module = importlib.import_module(reference.module)
        except Exception as error:  # the module may raise anything
            absent = isinstance(error, ModuleNotFoundError)
            step = "install it, or start in its folder" if absent else "correct the module"
            raise PluginError(
                f"{name}: importing {reference.module} failed with {type(error).__name__}: "
                f"{error}: {step}"
            ) from error
    if not hasattr(module, reference.attr):
        raise PluginError(
            f"{name}: {reference.module} ({getattr(module, '__file__', 'built in')}) has no "
            f"{reference.attr}: correct the spelling"
        )
    if Path(getattr(module, "__file__", None) or "/").resolve().parent == Path.cwd():
        _send_by_value(module)
    return getattr(module, reference.attr)


def source(method: Any) -> str:
    """The SHA-256 of the file that defines a method, in hexadecimal digits.

    Saved results depend on it, so they are computed again when the file changes. A method of
    sordino, or one without a file, gives the empty string.
    """
    kind = method if inspect.isclass(method) or inspect.isfunction(method) else type(method)
    if kind.__module__.partition(".")[0] == "sordino":
        return ""
    try:
        path = Path(inspect.getfile(kind))
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except (OSError, TypeError):
        return ""


def _send_by_value(module: Any) -> None:
    """Let worker processes receive the module's classes, since they cannot import the module."""
    try:
        import cloudpickle
    except ImportError:  # joblib brings its own before version 1.6
        from joblib.externals import cloudpickle

    cloudpickle.register_pickle_by_value(module)


@contextmanager
def _working_folder() -> Iterator[None]:
    """Search for modules in the working folder too, after every installed package."""
    folder, before = str(Path.cwd()), list(sys.path)
    sys.path = [*(path for path in before if path not in ("", folder)), folder]
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path = before
