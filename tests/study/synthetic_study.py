"""A tiny study: a manifest, short sounds and a table of vectors whose structure is known; and
settings to run it fast.

speaker 00 (female) ── neutral, happy, sad, angry ── three takes each ── 0.1 s of noise and one row of 24 numbers
speaker 01 (male)   ── ...
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from sordino import corpora
from sordino.attack import RiskFitter
from sordino.corpora.table import Corpus
from sordino.features import write_vectors
from sordino.nn.fit import Settings
from sordino.policy import Policy
from sordino.release import FITTERS, ReplacementFitter
from sordino.release.autoencoder.retaining import RetainingFitter
from sordino.release.protocol import Fitter
from sordino.report import Page
from sordino.signal import audio
from sordino.study import Options, feng2021, units
from sordino.study.feng2021 import report
from sordino.study.protocol import EMOTIONS

DIMS: Final = 24
SECONDS: Final = 0.1
SMALL: Final = Options(releases=("rae",), families=("linear",))
"""One release and one family of attackers."""

_UNIT: Final = units._one_unit

Relabel = Callable[[pd.DataFrame], pd.DataFrame]
"""From the rows of a manifest to those that are written: other labels, or fewer rows."""


@dataclass(frozen=True)
class Made:
    """A manifest and a table of vectors, and both as they are read."""

    manifest: Path
    vectors: Path
    corpus: Corpus
    x: NDArray[np.float32]


def study(
    folder: Path,
    *,
    speakers: int = 20,
    takes: int = 3,
    names: Sequence[str] = ("made",),
    relabel: Relabel = lambda rows: rows,
    strength: float = 1.0,
    seed: int = 0,
) -> Made:
    """A corpus of `speakers` for each of `names`, every other one a man, with `takes` of each of
    the four emotions.

    Sounds are noise that says nothing; the vectors say what `planted` lets them, and nothing at
    strength 0.
    """
    rows = relabel(_rows(speakers, takes, names))
    for number, file in enumerate(rows["file"]):
        noise = np.random.default_rng([seed, number]).normal(
            0, 0.1, round(SECONDS * audio.SAMPLING_RATE)
        )
        audio.write(folder / file, noise)
    manifest, vectors = folder / "manifest.csv", folder / "vectors.parquet"
    rows.to_csv(manifest, index=False)
    corpus = corpora.load("manifest", manifest)
    x = planted(corpus, strength, seed)
    return Made(
        manifest, write_vectors(vectors, x, corpus, [f"x{axis}" for axis in range(DIMS)]), corpus, x
    )


def _rows(speakers: int, takes: int, names: Sequence[str]) -> pd.DataFrame:
    lines = [
        {
            "file": f"{name}/{speaker:02d}-{take}-{emotion}.wav",
            "speaker": f"{speaker:02d}",
            "gender": ("female", "male")[speaker % 2],
            "emotion": emotion,
            "corpus": name,
            "session": "",
        }
        for name in names
        for speaker in range(speakers)
        for take in range(takes)
        for emotion in EMOTIONS
    ]
    return pd.DataFrame(lines)


def planted(corpus: Corpus, strength: float = 1.0, seed: int = 0) -> NDArray[np.float32]:
    """Vectors `(utterances, 24)`: three axes tell an emotion from neutral, a fourth the gender, all
    rotated.
    """
    random = np.random.default_rng(seed)
    x = random.normal(0, 0.5, (len(corpus), DIMS))
    names, place = np.unique(corpus.speaker, return_inverse=True)
    x += random.normal(0, 0.2, (len(names), DIMS))[place]
    for axis, emotion in enumerate(EMOTIONS[1:]):
        x[:, axis] += 3 * strength * (corpus.column("emotion") == emotion)
    gender = np.select([corpus.genders() == 1, corpus.genders() == 0], [1.0, -1.0], 0.0)
    x[:, 3] += 1.5 * strength * gender
    basis = np.linalg.qr(random.normal(size=(DIMS, DIMS)))[0]
    return np.asarray(x @ basis, dtype=np.float32)


@dataclass(frozen=True)
class Run:
    """A finished study, as somebody finds it on disk."""

    given: Made
    out: Path

    @property
    def estimates(self) -> pd.DataFrame:
        """Every cell as it is written."""
        return pd.read_csv(self.out / "estimates.csv", dtype=str, keep_default_na=False)

    @property
    def record(self) -> Any:
        return json.loads((self.out / "run.json").read_text(encoding="utf-8"))

    @property
    def guesses(self) -> pd.DataFrame:
        return pd.concat([pd.read_parquet(path) for path in (self.out / "units").glob("*.parquet")])

    @property
    def page(self) -> str:
        return (self.out / "report.html").read_text(encoding="utf-8")


@contextmanager
def few(policies: int) -> Iterator[None]:
    """Only the first of the three policies; all else is as it is, in every process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(units, "POLICIES", units.POLICIES[:policies])
        yield


@contextmanager
def brisk(policies: int = 3) -> Iterator[None]:
    """Few epochs, no grids, few policies, in every process: a unit takes a fraction of a second,
    and is computed.
    """
    settings = Settings(epochs=12, learning_rate=5e-3)
    fitters: dict[str, Callable[..., Fitter]] = {
        "rae": partial(ReplacementFitter, settings=settings),
        "rae-grl": partial(ReplacementFitter, reversal=0.5, settings=settings),
        "rae-grl+": partial(RetainingFitter, epochs=2),
    }
    with few(policies), pytest.MonkeyPatch.context() as patch:
        patch.setattr(units, "_one_unit", _brisk_unit)
        patch.setattr(units, "RiskFitter", partial(RiskFitter, settings=settings))
        for name, fitter in fitters.items():
            quick = replace(FITTERS[name], fitter=partial(_fitter, fitter))
            patch.setitem(FITTERS, name, quick)
        yield


def _brisk_unit(*given: Any) -> Any:
    """A unit in a process that knows nothing of this one's settings."""
    with brisk():
        return _UNIT(*given)


def _fitter(make: Callable[..., Fitter], policy: Policy, seed: int) -> Fitter:
    return make(policy, seed=seed)


def run(
    given: Made, out: Path, options: Options = SMALL, corpus: Corpus | None = None, **more: Any
) -> Run:
    """The study with few epochs, in this process; `page=False` writes an empty page."""
    with brisk(more.pop("policies", 1)), pytest.MonkeyPatch.context() as patch:
        if not more.pop("page", True):
            patch.setattr(report, "page", lambda *_: Page("", "", ()))
        settings = {
            "features": str(given.vectors),
            "options": options,
            "cache": None,
            "jobs": 1,
            **more,
        }
        feng2021.reproduce(corpus or given.corpus, out, **settings)
    return Run(given, out)
