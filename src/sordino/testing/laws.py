"""A law, and the check that runs several and lists those that are broken."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Law = Callable[[Any], None]
"""A function of a method that raises an error where the method breaks it; its docstring says it."""


def check_laws(method: Any, laws: Mapping[str, Law]) -> int:
    """Run every law on a method, and return their number.

    Raises `AssertionError` that lists the broken laws.
    """
    broken = []
    for name, law in laws.items():
        try:
            law(method)
        except Exception as error:  # a user's method may raise anything
            reason = f"{type(error).__name__}: {error}".strip().splitlines()[0]
            broken.append(f"  {name}: {(law.__doc__ or '').strip()} ({reason})")
    if broken:
        raise AssertionError(f"{len(broken)} of {len(laws)} laws are broken:\n" + "\n".join(broken))
    return len(laws)
