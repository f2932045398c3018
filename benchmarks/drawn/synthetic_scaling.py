"""Writes the scaling of synthetic speech, which the scaled space of a bundle has.

eSpeak NG speaks 672 utterances in 24 voices (`sordino.corpora.synthetic`). With three copies of
each in other conditions, they have a mean and a standard deviation of each feature, in three
digits. It takes three minutes with `speech`.

    python benchmarks/drawn/synthetic_scaling.py --out src/sordino/features/synthetic_space
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from sordino import storage
from sordino.cli.options import CACHE
from sordino.corpora import synthetic
from sordino.features.copies import COPIES
from sordino.features.synthetic_space import SETS
from sordino.study.vectors import feature_vectors


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
        x = feature_vectors(
            name, corpus, emotions, COPIES, cache=args.cache, jobs=args.jobs
        ).astype(np.float64)
        rows = np.stack([x.mean(axis=0), x.std(axis=0)], axis=1)
        lines = ["mean,deviation", *(f"{mean:.3g},{deviation:.3g}" for mean, deviation in rows)]
        print(storage.write(args.out / f"{name}.csv", "\n".join(lines) + "\n"), x.shape)


if __name__ == "__main__":
    main()
