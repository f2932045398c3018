"""Two finished studies that the tests of this folder share."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sordino import corpora
from tests.study import synthetic_study
from tests.study.synthetic_study import SMALL, Run, part, run


@pytest.fixture(scope="session")
def two_corpora(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Three policies on two corpora in reverse alphabetical order, with two notices."""
    folder = tmp_path_factory.mktemp("two")
    given = synthetic_study.study(folder, speakers=10, takes=1, names=("ape", "zoo"))
    joined = corpora.join([part(given.corpus, name) for name in ("zoo", "ape")])
    options = replace(SMALL, releases=("none", "rae"))
    return run(
        given,
        folder / "out",
        options,
        joined,
        policies=3,
        notices=["A first notice.", "A second notice."],
    )


@pytest.fixture(scope="session")
def one_policy(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One policy on one corpus."""
    folder = tmp_path_factory.mktemp("one")
    return run(synthetic_study.study(folder, takes=1), folder / "out")
