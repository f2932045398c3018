"""Laws of a release: what may be learnt in fitting, and how the frozen map behaves."""

from __future__ import annotations

import copy
import json
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from sordino.errors import ReleaseError
from sordino.policy import Policy
from sordino.release.protocol import Release
from sordino.testing.laws import Law, check_laws
from sordino.testing.synthetic import POLICY, SyntheticVectors, synthetic_vectors

Make = Callable[[Policy, int], Any]


@cache
def _data() -> SyntheticVectors:
    return synthetic_vectors(speakers=20)


def _fit(make: Make, seed: int = 0) -> Release:
    data = _data()
    release: Release = make(POLICY, seed).fit(data.z, data.corpus, data.parts.transform)
    return release


def _named_config(make: Make) -> None:
    """It has a name, a hash of 12 hexadecimal digits and a config of plain JSON."""
    release = _fit(make)
    assert isinstance(release, Release), "lacks one of name, config, hash, save or a call"
    assert release.name, "the name is empty"
    int(release.hash, 16)
    assert len(release.hash) == 12, f"hash {release.hash!r}"
    config = dict(release.config)
    assert json.loads(json.dumps(config)) == config, "the config is not plain JSON"


def _same_shape(make: Make) -> None:
    """Its output is finite, float32 and has the shape of the input."""
    z = _data().z
    output = _fit(make)(z)
    assert output.shape == z.shape, f"{output.shape}, not {z.shape}"
    assert output.dtype == np.float32, f"{output.dtype}"
    assert np.isfinite(output).all(), "NaN or infinity"


def _same_seed(make: Make) -> None:
    """The same seed gives the same release and the same output."""
    first, second = _fit(make), _fit(make)
    assert first.hash == second.hash, "the hash differs"
    assert np.array_equal(first(_data().z), second(_data().z)), "the output differs"


def _row_by_row(make: Make) -> None:
    """The output of a row depends on that row alone."""
    release, z = _fit(make), _data().z
    output, order = release(z), np.random.default_rng(0).permutation(len(z))
    assert np.array_equal(release(z), output), "a second call differs"
    assert np.allclose(release(z[order]), output[order], atol=1e-5), "the order matters"
    alone = np.concatenate([release(row[None]) for row in z[:10]])
    assert np.allclose(alone, output[:10], atol=1e-5), "the other rows matter"


def _input_untouched(make: Make) -> None:
    """It neither changes its input nor shares memory with it."""
    z = _data().z.copy()
    output = _fit(make)(z)
    assert np.array_equal(z, _data().z), "the input changed"
    assert not np.shares_memory(output, z), "the output shares memory with the input"


def _fit_untouched(make: Make) -> None:
    """Fitting changes neither the vectors nor the corpus nor the rows."""
    data = copy.deepcopy(_data())
    make(POLICY, 0).fit(data.z, data.corpus, data.parts.transform)
    assert np.array_equal(data.z, _data().z), "the vectors changed"
    assert data.corpus.table.equals(_data().corpus.table), "the corpus changed"
    rows = data.parts.transform.rows
    assert np.array_equal(rows, _data().parts.transform.rows), "the rows changed"


def _own_rows(make: Make) -> None:
    """It learns from the rows of its party alone."""
    data = _data()
    strangers = np.setdiff1d(np.arange(len(data.z)), data.parts.transform.rows)
    z = data.z.copy()
    z[strangers] = np.random.default_rng(9).normal(0, 100, z[strangers].shape)
    corpus = replace(data.corpus, table=data.corpus.table.copy())
    corpus.table.loc[strangers, "emotion"] = "sad"
    corpus.table.loc[strangers, "gender"] = ""
    other = make(POLICY, 0).fit(z, corpus, data.parts.transform)
    assert other.hash == _fit(make).hash, "rows of another party change the release"


def _refusals(make: Make) -> None:
    """It refuses NaN, infinity, another width and no vectors with a `ReleaseError`."""
    release, width = _fit(make), _data().z.shape[1]
    for z in (
        np.full((2, width), np.nan, np.float32),
        np.full((1, width), np.inf, np.float32),
        np.zeros((3, width - 1), np.float32),
        np.zeros(width, np.float32),
        np.zeros((0, width), np.float32),
    ):
        try:
            release(z)
        except ReleaseError:
            continue
        raise AssertionError(f"vectors of shape {z.shape} and first value {z.flat[:1]} pass")


def _saved(make: Make) -> None:
    """It saves itself to one file, the same bytes each time."""
    release = _fit(make)
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, name) for name in ("first.npz", "second.npz")]
        for path in paths:
            release.save(path)
        assert paths[0].read_bytes() == paths[1].read_bytes(), "the bytes differ"


RELEASE_LAWS: Final[dict[str, Law]] = {
    "named config": _named_config,
    "same shape": _same_shape,
    "same seed": _same_seed,
    "row by row": _row_by_row,
    "input untouched": _input_untouched,
    "fit untouched": _fit_untouched,
    "own rows": _own_rows,
    "refusals": _refusals,
    "saved": _saved,
}
"""Each law by name, a function of the fitter's class (or of any function from policy and seed)."""


def check_release(make: Make) -> int:
    """Run every law of a release on synthetic vectors, 240 utterances of 20 speakers.

    `make` is the class of a fitter, called with a policy and a seed. Returns the number of
    laws that hold. Raises `AssertionError` that lists the broken laws.

    >>> from sordino.release import ErasureFitter
    >>> check_release(ErasureFitter)
    9
    """
    return check_laws(make, RELEASE_LAWS)
