"""How many functions a corpus is handed to on its way through `compare`, `attack.run` and `fit`.

    python benchmarks/data_trips.py

The corpus is synthetic: 14 speakers, 8 utterances each, and vectors that carry emotion and gender.
These are the fewest speakers with a bound. Each of the three runs once, in one process, under
`sys.settrace`. A function counts once if any
of its arguments is a `Corpus`. Methods of `Corpus` itself do not count: they answer questions and
pass the corpus no further. Prints the number and the names, and ends with 1 if a number exceeds
`LIMIT`.
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any, Final

import numpy as np
import pandas as pd

from sordino import attack
from sordino.corpora import split, table
from sordino.corpora.table import Corpus
from sordino.features import write_vectors
from sordino.nn.fit import Settings
from sordino.policy import Policy
from sordino.release import IdentityFitter
from sordino.study import POLICIES, Fitters, Options, compare, protocol
from sordino.study.fitting import fit
from sordino.types import Vectors

LIMIT: Final = 19
EMOTIONS: Final = ("neutral", "happy", "sad", "angry")
DIMS: Final = 12


def functions(call: Callable[[], object]) -> list[str]:
    """The functions of sordino that are handed a corpus by `call`, in order of first call."""
    names: dict[str, None] = {}

    def trace(frame: FrameType, event: str, _: object) -> None:
        module = frame.f_globals.get("__name__", "")
        if event != "call" or not module.startswith("sordino."):
            return
        code = frame.f_code
        count = code.co_argcount + code.co_kwonlyargcount
        arguments = [frame.f_locals.get(name) for name in code.co_varnames[:count]]
        if isinstance(arguments[0] if arguments else None, Corpus) and "self" in code.co_varnames:
            return
        if any(isinstance(argument, Corpus) for argument in arguments):
            names[f"{module}.{code.co_qualname}"] = None

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return list(names)


def synthetic(folder: Path) -> tuple[Corpus, Vectors, Path]:
    """A corpus of 14 speakers, its vectors `(112, 12)`, and the table that holds them."""
    random = np.random.default_rng(0)
    rows = pd.DataFrame(
        [
            {
                "file": str(folder / f"{speaker:02d}-{take}-{emotion}.wav"),
                "speaker": f"{speaker:02d}",
                "gender": ("female", "male")[speaker % 2],
                "emotion": emotion,
            }
            for speaker in range(14)
            for take in range(2)
            for emotion in EMOTIONS
        ]
    )
    for number, file in enumerate(rows["file"]):
        Path(file).write_bytes(random.bytes(64) + number.to_bytes(4, "big"))
    corpus = table.make("synthetic", rows)
    noise = random.normal(0, 0.5, (len(corpus), DIMS))
    for axis, emotion in enumerate(EMOTIONS[1:]):
        noise[:, axis] += 3 * (corpus.column("emotion") == emotion)
    noise[:, 3] += 1.5 * corpus.genders()
    x = noise.astype(np.float32)
    axes = [f"x{axis}" for axis in range(DIMS)]
    write_vectors(folder / "vectors.parquet", x, corpus, axes)
    return corpus, x, folder / "vectors.parquet"


def runs(folder: Path) -> dict[str, Callable[[], object]]:
    """The three runs, by name."""
    corpus, x, vectors = synthetic(folder)
    fitters = Fitters(risk=Settings(epochs=2))
    common: dict[str, Any] = {
        "features": str(vectors),
        "cache": None,
        "jobs": 1,
        "fitters": fitters,
    }
    policy = Policy("sad", ("happy", "angry"), release="drawn")
    options = Options(releases=("none", "drawn"), families=("linear",))
    bundle_options = replace(protocol.BUNDLE_OPTIONS, families=("linear",))
    parts = split.three_party(corpus)
    release = IdentityFitter().fit(x, corpus, parts.transform)
    return {
        "compare": lambda: compare.compare(
            corpus, folder / "compare", options=options, policies=POLICIES[:1], **common
        ),
        "attack.run": lambda: attack.run(release, x, corpus, parts, policy, families=("linear",)),
        "fit": lambda: fit.fit(
            corpus, {"sad": policy}, options=bundle_options, max_draws=1, **common
        ),
    }


def main() -> int:
    """Print the three numbers and the names; 1 where one exceeds the limit."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trips = {name: functions(call) for name, call in runs(Path(folder)).items()}
    for name, handed in trips.items():
        print(f"{name}: {len(handed)} (limit {LIMIT})", *handed, sep="\n  ")
    return int(any(len(handed) > LIMIT for handed in trips.values()))


if __name__ == "__main__":
    sys.exit(main())
