"""A tiny study: a manifest, short sounds, synthetic vectors, and settings to run it fast.

    speaker 00 (female) -> neutral, happy, sad, angry -> three takes of each
    speaker 01 (male)   -> ...

Each take is 0.1 s of noise and one row of 24 numbers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from sordino import corpora
from sordino.corpora.table import Corpus
from sordino.features import write_vectors
from sordino.nn.fit import Settings
from sordino.policy import Policy
from sordino.release import ReplacementFitter
from sordino.release.autoencoder.retaining import RetainingFitter
from sordino.release.protocol import Fitter
from sordino.signal import audio
from sordino.study import POLICIES, Fitters, Options, compare, feng2021, protocol
from sordino.study.fitting import fit
from sordino.study.protocol import FOUR_EMOTIONS

DIMS: Final = 24
SECONDS: Final = 0.1
SMALL: Final = Options(releases=("rae",), families=("linear",))
"""One release and one family of attackers."""

SETTINGS: Final = Settings(epochs=12, learning_rate=5e-3)

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

    Sounds are noise. The vectors have the information of `planted`, and none at strength 0.
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
    write_vectors(vectors, x, corpus, [f"x{axis}" for axis in range(DIMS)])
    return Made(manifest, vectors, corpus, x)


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
        for emotion in FOUR_EMOTIONS
    ]
    return pd.DataFrame(lines)


def part(corpus: Corpus, name: str) -> Corpus:
    """The utterances of one corpus among several."""
    return Corpus(name, corpus.select(corpus.column("corpus") == name).table)


def planted(corpus: Corpus, strength: float = 1.0, seed: int = 0) -> NDArray[np.float32]:
    """Vectors `(utterances, 24)`: three axes have an emotion against neutral, a fourth the gender,
    all rotated.
    """
    random = np.random.default_rng(seed)
    x = random.normal(0, 0.5, (len(corpus), DIMS))
    names, place = np.unique(corpus.speaker, return_inverse=True)
    x += random.normal(0, 0.2, (len(names), DIMS))[place]
    for axis, emotion in enumerate(FOUR_EMOTIONS[1:]):
        x[:, axis] += 3 * strength * (corpus.column("emotion") == emotion)
    gender = np.select([corpus.genders() == 1, corpus.genders() == 0], [1.0, -1.0], 0.0)
    x[:, 3] += 1.5 * strength * gender
    basis = np.linalg.qr(random.normal(size=(DIMS, DIMS)))[0]
    return np.asarray(x @ basis, dtype=np.float32)


@dataclass(frozen=True)
class Run:
    """A finished study on disk."""

    given: Made
    out: Path

    @property
    def estimates(self) -> pd.DataFrame:
        """Every cell as it is written."""
        return pd.read_csv(self.out / "estimates.csv", dtype=str, keep_default_na=False)

    @property
    def numbers(self) -> pd.DataFrame:
        """The estimates with numbers as such."""
        table = pd.read_csv(self.out / "estimates.csv")
        return table.fillna({"attacker": "", "group": ""})

    @property
    def record(self) -> Any:
        return json.loads((self.out / "run.json").read_text(encoding="utf-8"))

    @property
    def guesses(self) -> pd.DataFrame:
        return pd.concat([pd.read_parquet(path) for path in (self.out / "units").glob("*.parquet")])

    @property
    def page(self) -> str:
        return (self.out / "report.html").read_text(encoding="utf-8")


def rae(policy: Policy, seed: int) -> Fitter:
    return ReplacementFitter(policy, settings=SETTINGS, seed=seed)


def rae_grl(policy: Policy, seed: int) -> Fitter:
    return ReplacementFitter(policy, reversal=0.5, settings=SETTINGS, seed=seed)


def rae_grl_plus(policy: Policy, seed: int) -> Fitter:
    return RetainingFitter(policy, epochs=2, seed=seed)


FITTERS: Final = Fitters(SETTINGS, {"rae": rae, "rae-grl": rae_grl, "rae-grl+": rae_grl_plus})
"""Networks of few epochs: a unit takes a fraction of a second."""


@contextmanager
def brisk(policies: int = 3) -> Iterator[None]:
    """Commands with few epochs, policies and draws, in this process."""
    settings: dict[str, Any] = {"policies": POLICIES[:policies], "fitters": FITTERS}
    with pytest.MonkeyPatch.context() as patch:
        for verb in ("reproduce", "compare_settings", "learning_curves"):
            short = partial(getattr(feng2021, verb), max_draws=2, **settings)
            patch.setattr(feng2021, verb, short)
        patch.setattr(protocol, "POLICIES", POLICIES[:policies])  # `sordino compare` passes them
        patch.setattr(compare, "compare", partial(compare.compare, **settings))
        two_draws = partial(protocol.prepare, max_draws=2)
        patch.setattr("sordino.study.compare.prepare", two_draws)
        patch.setattr(fit, "fit", partial(fit.fit, fitters=FITTERS, max_draws=1))
        yield


def run(
    given: Made,
    out: Path,
    options: Options = SMALL,
    corpus: Corpus | None = None,
    policies: int = 1,
    **settings: Any,
) -> Run:
    """The study with few epochs, in this process."""
    defaults = {"features": str(given.vectors), "cache": None, "jobs": 1}
    feng2021.reproduce(
        corpus or given.corpus,
        out,
        options=options,
        policies=POLICIES[:policies],
        fitters=FITTERS,
        **{**defaults, **settings},
    )
    return Run(given, out)
