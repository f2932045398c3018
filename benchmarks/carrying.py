"""What was tried so that a drawn release carries over: fitted on one corpus, each remedy on
another, mean of policies.

Selected on one direction, confirmed on the other; `docs/builder/carrying-over.md` tells what came
of it. Whatever a remedy learns of the other corpus, it learns from other speakers than those it is
measured on.

    python benchmarks/carrying.py --fit-on ravdess=data/ravdess --corpus emodb=data/emodb
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.linalg import sqrtm

from sordino import metrics
from sordino.cli.options import CACHE, corpora_from
from sordino.corpora import table
from sordino.features import PreprocessFitter, extract
from sordino.release.drawn import fit, fit_scorer
from sordino.release.drawn.calibration import calibrate
from sordino.release.drawn.scorer import Scorer, required, weights
from sordino.study import POLICIES, protocol
from sordino.study.adaptation.evaluation import folds_of_rows

Matrix = NDArray[np.float64]
Rows = NDArray[np.intp]
SHRINKAGES = (fit_scorer.SHRINKAGE, 0.8)


def as_it_is(z: Matrix, here: Matrix, there: Matrix) -> Matrix:  # noqa: ARG001
    return z


def centred(z: Matrix, here: Matrix, there: Matrix) -> Matrix:
    moved: Matrix = z - there.mean(axis=0) + here.mean(axis=0)
    return moved


def scaled(z: Matrix, here: Matrix, there: Matrix) -> Matrix:
    moved: Matrix = (z - there.mean(axis=0)) / there.std(axis=0) * here.std(axis=0) + here.mean(
        axis=0
    )
    return moved


def aligned(z: Matrix, here: Matrix, there: Matrix) -> Matrix:
    """CORAL (Sun 2016): whole covariances, shrunk by 0.3 towards a sphere."""
    roots = []
    for one in (there, here):
        covariance = np.cov(one.T)
        sphere = np.trace(covariance) / len(covariance) * np.eye(len(covariance))
        roots.append(np.real(sqrtm(0.7 * covariance + 0.3 * sphere)))
    moved: Matrix = (z - there.mean(axis=0)) @ np.linalg.solve(roots[0], roots[1]) + here.mean(
        axis=0
    )
    return moved


SPACES: dict[str, Callable[[Matrix, Matrix, Matrix], Matrix]] = {
    "as it is": as_it_is,
    "centred": centred,
    "centred and scaled": scaled,
    "covariances aligned": aligned,
}


def main() -> None:
    """Print one row a remedy."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for option in ("--fit-on", "--corpus"):
        parser.add_argument(option, action="append", required=True, metavar="NAME=PATH")
    given = parser.parse_args()
    source, target = (
        corpora_from(some).with_emotions(protocol.FOUR_EMOTIONS)
        for some in (given.fit_on, given.corpus)
    )
    corpus = table.join([source, target])
    x = extract("IS13", corpus, CACHE)
    tried = _Tried(x, corpus, np.arange(len(source)), np.arange(len(source), len(corpus)))
    rows = [row for space in (*SPACES, "centred by speaker") for row in tried.rows(space)]
    rows += [row for space in ("as it is", "centred") for row in tried.pooled(space)]
    print(
        pd.DataFrame(rows)
        .groupby(["space", "shrinkage", "threshold"], sort=False)
        .mean()
        .round(3)
        .to_string()
    )


class _Tried:
    def __init__(
        self, x: NDArray[np.float32], corpus: table.Corpus, source: Rows, target: Rows
    ) -> None:
        self.corpus, self.source, self.target = corpus, source, target
        self.z = PreprocessFitter().fit(x[source])(x).astype(np.float64)
        self.emotion = np.array(
            [protocol.FOUR_EMOTIONS.index(one) for one in corpus.column("emotion")], np.intp
        )
        self.fold = folds_of_rows(corpus, target, 0)

    def codes(self, policy: Any) -> Rows:
        """The emotion of each row as its position in the emotions of a policy."""
        order = [protocol.FOUR_EMOTIONS.index(label) for label in policy.emotions]
        codes: Rows = np.argsort(order)[self.emotion]
        return codes

    def space(self, name: str) -> Matrix:
        z, mean = self.z.copy(), self.z[self.source].mean(axis=0)
        if name == "centred by speaker":  # needs to know who speaks, here and there
            for one in np.unique(self.corpus.speaker):
                rows = self.corpus.speaker == one
                z[rows] += mean - z[rows].mean(axis=0)
            return z
        for one in np.unique(self.fold[self.target]):
            own, test = (self.fold >= 0) & (self.fold != one), self.fold == one
            z[test] = SPACES[name](z[test], self.z[self.source], self.z[own])
        return z

    def rows(self, space: str) -> Iterator[dict[str, Any]]:
        z, gender = self.space(space), self.corpus.genders()
        speaker = self.corpus.speaker
        for shrinkage in (
            SHRINKAGES if space in ("as it is", "centred", "centred by speaker") else SHRINKAGES[:1]
        ):
            here = np.empty((len(self.source), len(protocol.FOUR_EMOTIONS)))
            fold = fit.speaker_folds(speaker[self.source], 0)

            def fitted(rows: Rows, shrinkage: float = shrinkage) -> Scorer:
                return fit_scorer.fit(
                    z[rows], self.emotion[rows], speaker[rows], [gender[rows]], shrinkage
                )

            for one in np.unique(fold):
                here[fold == one] = fitted(self.source[fold != one])(z[self.source[fold == one]])
            there = fitted(self.source)(z[self.target])
            for policy in POLICIES:
                order, role = (
                    [protocol.FOUR_EMOTIONS.index(one) for one in policy.emotions],
                    self.corpus.roles(policy),
                )
                tilt, _ = calibrate(here[:, order], self.codes(policy)[self.source], 0.15)
                score = required(here[:, order], weights(tilt, len(order)))
                home = metrics.auc(role[self.source] == 1, score)
                for name, (score, flag) in self.thresholds(
                    here[:, order], there[:, order], policy
                ).items():
                    figures = self.figures(role[self.target], score, flag)
                    yield {
                        "space": space,
                        "shrinkage": f"{shrinkage:g}",
                        "threshold": name,
                        "AUC where fitted": home,
                        **figures,
                    }

    def pooled(self, space: str) -> Iterator[dict[str, Any]]:
        """Fitted on speakers of both corpora, thresholds chosen on them; what is tested are others
        of the second.
        """
        z, gender = self.space(space), self.corpus.genders()
        fold = np.where(self.fold >= 0, self.fold, folds_of_rows(self.corpus, self.source, 0))
        posterior = np.empty((len(z), len(protocol.FOUR_EMOTIONS)))
        for one in np.unique(fold):
            own, test = fold != one, fold == one
            posterior[test] = fit_scorer.fit(
                z[own], self.emotion[own], self.corpus.speaker[own], [gender[own]]
            )(z[test])
        for policy in POLICIES:
            role, score, flag = (
                self.corpus.roles(policy),
                np.empty(len(z)),
                np.empty(len(z), np.bool_),
            )
            ordered = posterior[:, [protocol.FOUR_EMOTIONS.index(one) for one in policy.emotions]]
            for one in np.unique(fold):
                own, test = fold != one, fold == one
                tilt, threshold = calibrate(ordered[own], self.codes(policy)[own], 0.15)
                score[test] = required(ordered[test], weights(tilt, ordered.shape[1]))
                flag[test] = score[test] > threshold
            figures = self.figures(role[self.target], score[self.target], flag[self.target])
            yield {
                "space": space,
                "shrinkage": f"{SHRINKAGES[0]:g}",
                "threshold": "fitted on both",
                **figures,
            }

    def thresholds(
        self, here: Matrix, there: Matrix, policy: Any
    ) -> dict[str, tuple[Matrix, NDArray[np.bool_]]]:
        emotion = self.codes(policy)
        tilt, threshold = calibrate(here, emotion[self.source], 0.15)
        against = weights(tilt, here.shape[1])
        rate = np.mean(required(here, against) > threshold)
        score = required(there, against)
        by_rate, by_mix, labelled = (np.zeros(len(there), np.bool_) for _ in range(3))
        fold = self.fold[self.target]
        for one in np.unique(fold):
            own, test = fold != one, fold == one
            by_rate[test] = score[test] > np.quantile(score[own], 1 - rate)
            by_mix[test] = (
                required(there[test] * _matching(there[own], here.mean(axis=0)), against)
                > threshold
            )
            anew, at = calibrate(there[own], emotion[self.target][own], 0.15)
            labelled[test] = required(there[test], weights(anew, here.shape[1])) > at
        flags = {
            "as fitted": score > threshold,
            "rate as in fitting": by_rate,
            "mix as in fitting": by_mix,
            "labelled there": labelled,
        }
        return {name: (score, flag) for name, flag in flags.items()}

    def figures(self, role: Rows, score: Matrix, flag: NDArray[np.bool_]) -> dict[str, float]:
        neutral, required, sensitive = (float(flag[role == place].mean()) for place in range(3))
        female, male = (
            float(flag[self.corpus.genders()[self.target] == place].mean()) for place in range(2)
        )
        return {
            "AUC required": metrics.auc(role == 1, score),
            "F1 required": metrics.f1((role == 1).astype(int), flag.astype(int), "required"),
            "passes: required": required,
            "neutral": neutral,
            "sensitive": sensitive,
            "TV sensitive": abs(neutral - sensitive),
            "TV gender": abs(female - male),
        }


def _matching(posterior: Matrix, mix: Matrix) -> Matrix:
    """Factors of the emotions at which mean posteriors are those of the mix (Saerens 2002, turned
    round).
    """
    log = np.zeros(posterior.shape[1])
    for _ in range(300):
        found = posterior * np.exp(log)
        log += 0.5 * (np.log(mix) - np.log((found / found.sum(axis=1, keepdims=True)).mean(axis=0)))
    return np.exp(log)


if __name__ == "__main__":
    main()
