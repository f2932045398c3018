"""A policy from its TOML file."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

from sordino.errors import PolicyError, StorageError
from sordino.policy.budget import Budget
from sordino.policy.policy import Policy
from sordino.progress import listed, quoted, shorten


def read(path: str | Path) -> Policy:
    """The policy in a TOML file. An unknown key is an error. Tables hold the budget and the
    settings of families.

    Raises `PolicyError`, also beyond the limits of `sordino.toml_text`.
    """
    from sordino import textfile, toml_text  # here: a device reads no policy file

    try:
        text = textfile.read(path, "a TOML file", PolicyError, toml_text.MOST_BYTES)
    except (PolicyError, StorageError) as error:
        reason = str(error).removeprefix(f"{path}: ")
        raise PolicyError(f"{path}: not a readable TOML file ({reason})") from error
    try:
        content = toml_text.loads(text)
    except ValueError as error:
        raise PolicyError(
            f"{path}: not a readable TOML file ({shorten(str(error), 200)}): correct that line; "
            "text is in quotes"
        ) from error
    names = [field.name for field in fields(Policy) if field.name != "knobs"]
    knobs: Any = {
        key: value for key, value in content.items() if isinstance(value, dict) and key not in names
    }
    entries = {key: value for key, value in content.items() if key not in knobs}
    unknown = sorted(set(entries) - set(names))
    if unknown:
        raise PolicyError(
            f"{path}: unknown key {listed(unknown)}, expected {', '.join(names)}, or a table "
            "with the settings of a release"
        )
    missing = [name for name in ("required", "sensitive") if name not in content]
    if missing:
        raise PolicyError(
            f"{path}: {', '.join(missing)} is missing, expected at least `required` and `sensitive`"
        )
    return Policy(**(entries | {"budget": _budget(path, entries.get("budget", {}))}), knobs=knobs)


def _budget(path: str | Path, table: Any) -> Budget:
    names = [field.name for field in fields(Budget)]
    if not isinstance(table, dict) or set(table) - set(names):
        has_keys = isinstance(table, dict)
        came = listed(sorted(set(table) - set(names))) if has_keys else quoted(table)
        raise PolicyError(
            f"{path}: budget {came}, expected a table [budget] with {' and '.join(names)}"
        )
    return Budget(**table)
