"""Methods of a user's own: a class or function from their file or package, found by its name.

A name is `module:attribute`, or an entry point of an installed package. The groups of entry points
are `sordino.releases`, `sordino.attackers`, `sordino.features` and `sordino.corpora`. Only the
module that the user named is imported. While it is imported, the working folder stands at the end
of the search path, so that no file there can stand in for an installed package.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import inspect
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Final, Literal

from sordino.errors import PluginError, SordinoError

Group = Literal["releases", "attackers", "features", "corpora"]

_REFERENCE: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,59}")


def names(group: Group) -> list[str]:
    """The names of the entry points of a group, sorted. None of them is imported."""
    return sorted({point.name for point in entry_points(group=f"sordino.{group}")})


def has(group: Group, name: str) -> bool:
    """Whether a name has the form of a reference or is an entry point of the group."""
    return ":" in name or name in names(group)


def import_name(group: Group, name: str) -> Any:
    """The class, function or object of this name.

    Raises `PluginError` where the reference is malformed, where its module or attribute is missing,
    and where the import of its module fails.

    >>> import_name("releases", "collections:OrderedDict").__name__
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
    parts = EntryPoint.pattern.match(reference.value)
    if parts is None or not parts["attr"]:
        raise PluginError(
            f"{name}: {reference.value!r} in sordino.{group}, expected MODULE:NAME: correct the "
            "entry point"
        )
    with _working_folder():
        try:
            module = importlib.import_module(parts["module"])
        except (Exception, SystemExit) as error:  # the module may raise anything
            absent = isinstance(error, ModuleNotFoundError)
            step = "install it, or start in its folder" if absent else "correct the module"
            raise PluginError(
                f"{name}: importing {parts['module']} failed with {type(error).__name__}: "
                f"{error}: {step}"
            ) from error
    try:
        method = functools.reduce(getattr, parts["attr"].split("."), module)
    except AttributeError as error:
        raise PluginError(
            f"{name}: {parts['module']} ({getattr(module, '__file__', 'built in')}) has no "
            f"{parts['attr']}: correct the spelling{_shadowed(parts['module'], module)}"
        ) from error
    for neighbour in list(sys.modules.values()):
        if _is_local(neighbour):
            _send_by_value(neighbour)
    return method


def construct(name: str, method: Any) -> Any:
    """The object of a class that takes no arguments; any other object stays as it is.

    Raises `PluginError` where the class raises.
    """
    if not inspect.isclass(method):
        return method
    with errors_of(method, name, PluginError, "correct the class"):
        return method()


@contextmanager
def errors_of(method: Any, label: str, kind: type[SordinoError], step: str) -> Iterator[None]:
    """Raise an error of a user's own method as `kind`, in a message that names the method.

    Errors of sordino pass, and so do errors of methods of sordino and of scikit-learn, and
    `MemoryError`. `label` says what the method is for, `step` what the user can do.

    >>> with errors_of(dict, "release", PluginError, "correct it"):
    ...     {}["key"]
    Traceback (most recent call last):
    sordino.errors.PluginError: release: builtins.dict failed with KeyError: 'key': correct it
    """
    try:
        yield
    except (SordinoError, MemoryError):
        raise
    except Exception as error:  # a user's method may raise anything
        kind_of_method = method if hasattr(method, "__qualname__") else type(method)
        if kind_of_method.__module__.partition(".")[0] in ("sordino", "sklearn"):
            raise
        raise kind(
            f"{label}: {kind_of_method.__module__}.{kind_of_method.__qualname__} failed with "
            f"{type(error).__name__}: {error}: {step}"
        ) from error


def check_name(name: object, kind: str) -> None:
    """Refuse a name that no file name, table or page displays as it is.

    Raises `PluginError`.

    >>> check_name("drawn+rae-25", "release")
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise PluginError(
            f"{kind} {name!r}: expected a name of at most 60 letters, digits and . _ + -, with a "
            "letter or digit first: choose another"
        )


def source(method: Any) -> str:
    """A SHA-256 of the code of a method, in hexadecimal digits.

    It covers the files of its class, of the parents of its class, and of the modules of the same
    package or working folder that these refer to. Saved results depend on it, so they are computed
    again when a file changes. A method of sordino gives the empty string, and so does a method
    without any source, such as an object of a compiled package.
    """
    while isinstance(method, functools.partial):
        method = method.func
    kind = method if inspect.isclass(method) or inspect.isroutine(method) else type(method)
    kinds = [part for part in getattr(kind, "__mro__", [kind]) if part is not object]
    names = [part.__module__ or "" for part in kinds]
    if names[0].partition(".")[0] == "sordino":
        return ""
    texts: dict[str, bytes] = {}
    for part, name in zip(kinds, names, strict=True):
        if name.partition(".")[0] in ("sordino", "builtins", "typing", "abc"):
            continue
        files = _files(name, names[0].partition(".")[0])
        texts |= files or {part.__qualname__: _code(part)}
    if not any(texts.values()):
        return ""
    sha = hashlib.sha256()
    for content in dict(sorted(texts.items())).values():
        sha.update(hashlib.sha256(content).digest())
    return sha.hexdigest()


def _files(name: str, package: str) -> dict[str, bytes]:
    """The content of the file of a module, and of the modules that it refers to, if they are in
    this package or in the working folder.
    """
    files: dict[str, bytes] = {}
    waiting = [name]
    while waiting:
        name = waiting.pop()
        module = sys.modules.get(name)
        path = getattr(module, "__file__", None)
        if name in files or not path or not Path(path).is_file():
            continue
        files[name] = Path(path).read_bytes()
        if name.partition(".")[0] != package and not _is_local(module):
            continue
        others = {_module_name(value) for value in list(vars(module).values())}
        waiting += [
            other
            for other in others
            if other.partition(".")[0] == package or _is_local(sys.modules.get(other))
        ]
    return files


def _module_name(value: Any) -> str:
    """The module that an object is, or that defines it or its class."""
    if inspect.ismodule(value):
        return value.__name__
    if not (inspect.isclass(value) or inspect.isroutine(value)):
        value = type(value)
    name = getattr(value, "__module__", None)
    return name if isinstance(name, str) else ""


def _code(kind: Any) -> bytes:
    """The source of a class or function of an interactive session."""
    parts = [kind]
    if inspect.isclass(kind):
        parts += [value for value in vars(kind).values() if inspect.isfunction(value)]
    texts = []
    for part in parts:
        with suppress(OSError, TypeError):
            texts.append(inspect.getsource(part))
    return "".join(texts).encode()


def _is_local(module: Any) -> bool:
    """Whether a module comes from the working folder itself: worker processes cannot import it."""
    name, path = getattr(module, "__name__", None), getattr(module, "__file__", None)
    if not isinstance(name, str) or not isinstance(path, str) or name == "__main__":
        return False
    stem = Path.cwd().joinpath(*name.split("."))
    files = (stem.with_name(f"{stem.name}.py"), stem / "__init__.py")
    return any(file.is_file() and file.samefile(path) for file in files if Path(path).exists())


def _shadowed(name: str, module: Any) -> str:
    """A hint where a file of the working folder has the name of another module."""
    file = Path.cwd() / f"{name}.py"
    if file.is_file() and not _is_local(module):
        return f", or rename {file.name}, which an installed module of the same name replaces"
    return ""


def _send_by_value(module: Any) -> None:
    """Let worker processes receive the module's classes, since they cannot import the module."""
    for name in ("joblib.externals.cloudpickle", "cloudpickle"):  # joblib had its own before 1.6
        with suppress(ImportError):
            importlib.import_module(name).register_pickle_by_value(module)


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
