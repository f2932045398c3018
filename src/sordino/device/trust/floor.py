"""The limits of a device, which hold for every bundle and every maker.

    families = ["drawn", "label"]     # families that may release
    width    = 512                    # the most numbers in a released vector
    per_day  = 100                    # the most vectors that a policy may release a day
    policies = ["0f3c..."]            # the only policies, by hash (`sordino bundle show`)

A key that is absent sets no limit. A bundle cannot state a floor: it belongs to the device.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

from sordino import storage, toml_text
from sordino.device.bundle import families
from sordino.device.bundle.bundle import PolicyEntry
from sordino.errors import BundleError, PolicyError
from sordino.progress import shorten

_HASH: Final = re.compile(r"[0-9a-f]{12}|[0-9a-f]{64}")


@dataclass(frozen=True)
class Floor:
    """The limits that a policy must meet before it runs; None is no limit.

    - `families`: names of families that may release.
    - `width`: the most numbers in a released vector.
    - `per_day`: the most vectors a day that a policy may allow; a policy without a limit is then
      refused.
    - `policies`: the hashes of policies that may run, 64 hexadecimal digits or the first 12. With
      much time, an attacker can construct another policy with the same 12.

    Raises `PolicyError` for an invalid value.

    >>> Floor(families=("drawn",), per_day=100).per_day
    100
    """

    families: tuple[str, ...] | None = None
    width: int | None = None
    per_day: int | None = None
    policies: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        for name in ("width", "per_day"):
            value = getattr(self, name)
            if value is not None and not (type(value) is int and value >= 1):
                raise PolicyError(
                    f"floor {name} {value!r}, expected a whole number from 1: correct it"
                )
        for name in ("families", "policies"):
            value = getattr(self, name)
            if value is None:
                continue
            if not isinstance(value, list | tuple | set | frozenset) or not value:
                raise PolicyError(
                    f'floor {name} {value!r}, expected a list of one or more: write ["drawn"]'
                )
            if not all(isinstance(item, str) for item in value):
                raise PolicyError(f"floor {name} {value!r}, expected texts: write them in quotes")
            object.__setattr__(self, name, tuple(value))
        if unknown := [name for name in self.families or () if not families.is_family(name)]:
            raise PolicyError(
                f"floor families {', '.join(unknown)}, expected names of families: correct the "
                "spelling"
            )
        if wrong := [text for text in self.policies or () if not _HASH.fullmatch(text)]:
            raise PolicyError(
                f"floor policies {wrong[0]!r}, expected 64 (or 12) hexadecimal digits: see sordino "
                "bundle show"
            )

    def check(self, entry: PolicyEntry) -> None:
        """Raise `BundleError` for a policy below the floor; the message names the limit."""
        per_day, digest = entry.policy.budget.per_day, entry.policy.digest
        if self.families is not None and entry.family not in self.families:
            raise _below(entry, f"family {entry.family!r}", " or ".join(self.families))
        if self.width is not None and entry.width > self.width:
            raise _below(entry, f"{entry.width} numbers a vector", f"at most {self.width}")
        if self.per_day is not None and (per_day is None or per_day > self.per_day):
            came = "no `per_day`" if per_day is None else f"{per_day} vectors a day"
            step = f"use a bundle with `per_day = {self.per_day}` or less in this policy"
            raise _below(entry, came, f"at most {self.per_day} vectors a day", step)
        if self.policies is not None and not any(digest.startswith(text) for text in self.policies):
            raise _below(entry, f"a policy of hash {digest}", f"one of {', '.join(self.policies)}")


def _below(
    entry: PolicyEntry, came: str, expected: str, step: str = "use a bundle that reaches it"
) -> BundleError:
    return BundleError(
        f"policy {entry.name}: {came}, the floor of this device asks {expected}: {step}"
    )


def read(path: str | Path) -> Floor:
    """The floor in a TOML file.

    Raises `PolicyError` for an unknown key or an invalid value and beyond the limits of
    `sordino.toml_text`, `StorageError`.
    """
    content = storage.read_regular(path, toml_text.MOST_BYTES + 1)
    try:
        if len(content) > toml_text.MOST_BYTES:
            raise ValueError(f"more than {toml_text.MOST_BYTES:,} bytes")
        stated = toml_text.loads(content.decode("utf-8-sig"))
    except ValueError as error:
        raise PolicyError(
            f"{path}: not a readable TOML file ({shorten(str(error), 200)}): correct it; text is "
            "in quotes"
        ) from error
    names = [field.name for field in fields(Floor)]
    if unknown := sorted(set(stated) - set(names)):
        raise PolicyError(
            f"{path}: unknown key {', '.join(unknown)}, expected {', '.join(names)}: correct the "
            "spelling"
        )
    if not stated:
        raise PolicyError(
            f"{path}: an empty floor, expected one or more of {', '.join(names)}: set one"
        )
    try:
        return Floor(**stated)
    except PolicyError as error:
        raise PolicyError(f"{path}: {error}") from error
