"""The folder with real speech, and the law that every test asserts something."""

from __future__ import annotations

import functools
import math
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import hypothesis
import numpy.testing  # noqa: F401  # numpy loads it late, and then its checks would not count
import pytest
from _pytest.assertion import util

from sordino import progress

pytest.register_assert_rewrite(  # assertions of the tests' helpers count too
    *(f"tests.{path.stem}" for path in Path(__file__).parent.iterdir() if path.stem[0] not in "._")
)

ASSERTIONS: Counter[str] = Counter()
"""How many assertions held in the test that runs."""

PAUSED: dict[str, Any] = {}
"""The hook that pytest calls for an assertion that holds, while it is switched off."""


CHECKS: Final = {
    "pytest": ("raises", "warns"),
    "numpy.testing": ("assert_allclose", "assert_array_equal", "assert_equal"),
    "pandas.testing": ("assert_frame_equal",),
    "torch.testing": ("assert_close",),
}
"""Functions that assert without the statement."""


hypothesis.settings.register_profile(
    "every", deadline=None, max_examples=40
)  # a busy machine is no failure
hypothesis.settings.register_profile("quick", deadline=None, max_examples=10)
hypothesis.settings.load_profile("every")


@pytest.fixture(autouse=True)
def _no_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    """No lines of progress in a busy machine's output; a test that wants some sets the limits."""
    for name in ("LINE_SECONDS", "SILENT_SECONDS"):
        monkeypatch.setattr(progress, name, math.inf)


def _counted(check: Callable[..., Any]) -> Callable[..., Any]:
    """The same check, counted at each call."""

    @functools.wraps(check)
    def call(*arguments: Any, **options: Any) -> Any:
        ASSERTIONS["held"] += 1
        return check(*arguments, **options)

    return call


def _count_checks() -> None:
    """Count the checks of the libraries that are imported by now."""
    for library, names in CHECKS.items():
        for name in names if library in sys.modules else ():
            check = getattr(sys.modules[library], name)
            if not hasattr(check, "counted"):
                counted = _counted(check)
                counted.counted = True  # type: ignore[attr-defined]
                setattr(sys.modules[library], name, counted)


def pytest_assertion_pass(orig: str) -> None:
    """Count the first assertion that holds; to explain all later ones of a test takes long.

    Hypothesis asserts in the test's place that it is imported.
    """
    if orig == '"hypothesis" in sys.modules':
        return
    ASSERTIONS["held"] += 1
    PAUSED["hook"] = util._assertion_pass
    util._assertion_pass = None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Fail a test that executed no assertion."""
    _count_checks()
    ASSERTIONS.clear()
    util._assertion_pass = util._assertion_pass or PAUSED.get("hook")  # after those of fixtures
    yield
    if isinstance(item, pytest.Function) and not ASSERTIONS["held"]:
        pytest.fail(f"{item.name} executed no assertion: assert what the law says", pytrace=False)


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder with real speech; the test is skipped where there is none."""
    folder = Path(os.environ.get("SORDINO_DATA") or Path(__file__).parents[2] / "shared" / "data")
    if not folder.is_dir():
        pytest.skip("no real speech: set SORDINO_DATA to a folder with ravdess/ and emodb/")
    return folder
