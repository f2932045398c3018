"""Draws docs/figures/drawn.svg: what a drawn release does to utterances of speakers whom it never
saw.

python benchmarks/drawn/figure.py --corpus ravdess=data/ravdess --corpus emodb=data/emodb --out
docs/figures/drawn.svg
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from sordino import storage
from sordino.cli.options import CACHE, corpora_from
from sordino.define import GENDERS, ROLES
from sordino.features import PreprocessFitter, extract
from sordino.release import Drawn, DrawnFitter
from sordino.report.figures import drawing
from sordino.study import POLICIES, Options, protocol

COLOURS = ("#0072B2", "#009E73", "#D55E00")
"""Neutral, required, sensitive."""

Values = NDArray[np.float64]
Codes = NDArray[np.intp]


def main() -> None:
    """Fit on the transform speakers of each draw, and draw what becomes of everybody else."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", action="append", required=True, metavar="NAME=PATH")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    corpus = corpora_from(given.corpus).with_emotions(protocol.FOUR_EMOTIONS)
    x, policy = (
        extract("IS13", corpus, CACHE),
        next(one for one in POLICIES if one.required == "sad"),
    )
    found: list[tuple[Values, Codes, Codes, Codes]] = []
    for parts in protocol.draws(corpus, Options(), corpus.checksums()):
        z = PreprocessFitter().fit(x[parts.transform.rows])(x)
        release = DrawnFitter(policy, seed=parts.draw).fit(z, corpus, parts.transform)
        others = np.concatenate([parts.risk.rows, parts.test])
        found.append(
            (
                _margin(release, z[others]),
                release.decide(z[others]),
                corpus.roles(policy)[others],
                corpus.genders()[others],
            )
        )
    margin, bins, role, gender = (np.concatenate(some) for some in zip(*found, strict=True))
    with drawing.appearance():
        figure, axes = drawing.canvas((7.4, 2.9), 1, 2)
        _scores(axes[0, 0], margin, role, policy.required_name)
        _passes(axes[0, 1], bins, role, gender, policy.required_name)
        storage.write(given.out, drawing.svg(figure, "What a drawn release does"))
    shares = [
        [float(np.mean(bins[(role == one) & (gender == value)])) for value in (0, 1)]
        for one in range(3)
    ]
    print(
        "passes, women and men:",
        {str(ROLES[one]): np.round(shares[one], 2).tolist() for one in range(3)},
    )


def _margin(release: Drawn, z: NDArray[np.float32]) -> Values:
    """Scores less the threshold, which every draw has of its own."""
    margin: Values = release.score(z) - release.config["threshold"]
    return margin


def _scores(axis: Axes, margin: Values, role: Codes, required: str) -> None:
    low, high = np.quantile(margin, (0.005, 0.995))
    edges = np.linspace(low, high, 40)
    for place, name in enumerate(ROLES):
        label = required if name == "required" else str(name)
        axis.hist(
            margin[role == place],
            edges.tolist(),
            density=True,
            histtype="step",
            label=label,
            lw=1.6,
            color=COLOURS[place],
            ls=("-", "-", "--")[place],
        )
    axis.axvline(0, color=drawing.INK, lw=1)
    top = axis.get_ylim()[1]
    axis.set_ylim(0, 1.22 * top)
    axis.text(-0.8, 1.15 * top, "a neutral prototype", ha="right", color=drawing.INK)
    axis.text(0.8, 1.15 * top, f"a {required} one", ha="left", color=drawing.INK)
    axis.set(
        title="1. One number, one threshold",
        xlabel=f"how {required} it sounds, less the threshold",
        yticks=[],
    )
    axis.legend(loc="center left")


def _passes(axis: Axes, bins: Codes, role: Codes, gender: Codes, required: str) -> None:
    for place in range(len(ROLES)):
        for value, sex in enumerate(GENDERS):
            share = float(np.mean(bins[(role == place) & (gender == value)]))
            at = place + 0.38 * (value - 0.5)
            axis.bar(
                at,
                share,
                0.34,
                color=COLOURS[place],
                alpha=(1.0, 0.55)[value],
                hatch=(None, "///")[value],
                edgecolor="white",
            )
            axis.text(at, share + 0.02, f"{share:.2f}\n{sex}", ha="center", va="bottom", fontsize=7)
    names = [required if name == "required" else str(name) for name in ROLES]
    axis.set(
        title="2. All that an attacker sees",
        xticks=range(3),
        xticklabels=names,
        ylim=(0, 1.08),
        ylabel=f"share released as {required}",
    )


if __name__ == "__main__":
    main()
