"""A small corpus of seeded sound."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sordino.corpora import table
from sordino.corpora.table import Corpus
from sordino.signal import audio


@pytest.fixture
def noises(tmp_path: Path) -> Callable[..., Corpus]:
    """`noises(count)`: a corpus of that many different half seconds of noise, its files in
    `tmp_path/sound`.
    """

    def make(count: int, extra: Sequence[Path] = ()) -> Corpus:
        files = [tmp_path / "sound" / f"{number:03d}.wav" for number in range(count)]
        for number, file in enumerate(files):
            audio.write(file, np.random.default_rng(number).normal(0, 0.1, 8000))
        rows = pd.DataFrame({"file": [str(file) for file in (*files, *extra)]})
        rows["speaker"] = [str(row % 2) for row in range(len(rows))]
        return table.make("noise", rows)

    return make
