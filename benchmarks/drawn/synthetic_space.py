"""Writes the models of synthetic speech, which the scaled space of a bundle has.

eSpeak NG speaks 672 utterances in 24 voices (`sordino.corpora.synthetic`). With three copies of
each in other conditions, they have a mean, a standard deviation and loadings of principal
components of each feature, in three digits. It takes ten minutes.

    python benchmarks/drawn/synthetic_space.py --out src/sordino/features/synthetic_space
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from sordino import storage
from sordino.cli.options import CACHE
from sordino.corpora import synthetic
from sordino.features.copies import COPIES
from sordino.features.preprocess import SCALE_RANGES
from sordino.features.synthetic_space import SETS, SPEECH_COMPONENTS
from sordino.study.vectors import feature_vectors
from sordino.types import Matrix


def main() -> None:
    """Write one file per feature set."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--features", action="append", help="a feature set; again for more")
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--jobs", type=int, default=-1)
    args = parser.parse_args()
    corpus = synthetic.make(args.cache / "synthetic", jobs=args.jobs)
    emotions = sorted(set(corpus.table["emotion"]))
    for name in args.features or SETS:
        x = feature_vectors(name, corpus, emotions, COPIES, cache=args.cache, jobs=args.jobs)
        model = model_of(x.astype(np.float64))
        content = io.BytesIO()
        np.save(content, model)
        print(storage.write(args.out / f"{name}.npy", content.getvalue()), model.shape)


def model_of(x: Matrix) -> NDArray[np.float16]:
    """The mean, the deviation and the loadings of each feature, `(d, 2 + SPEECH_COMPONENTS)`."""
    mean, deviation = x.mean(axis=0), x.std(axis=0)
    scaled = np.clip((x - mean) / deviation, *SCALE_RANGES["zscore"])
    loadings = PCA(SPEECH_COMPONENTS, svd_solver="full").fit(scaled).components_.T
    return np.column_stack([mean, deviation, loadings]).astype(np.float16)


if __name__ == "__main__":
    main()
