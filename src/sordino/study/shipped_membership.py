"""Whether the parts of a drawn release that leave the lab remember recordings or speakers.

A game with all speakers of a corpus: half of them are members, and half of the recordings of each
member are fitted on. An attacker has the prototypes and candidate recordings.

    recording   a fitted recording against another one of the same speakers
    speaker     another recording of a member against one of a non-member

There are two games with members of their own, drawn independently. The best of several
similarities between a candidate and the prototypes is selected in one game and measured in the
other, so that neither voices nor the selection move the figure in the mean of many draws; chance is
1/2. The scaled space of the game is fitted on all recordings, so that prototypes are measured
alone. For the release `none` the space is fitted on the members instead: it measures scaling and
principal components. The scorer and the threshold, which ship too, are not attacked.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from sordino import metrics
from sordino.corpora.split import Part
from sordino.corpora.table import Corpus
from sordino.define import Role
from sordino.errors import ReleaseError
from sordino.features import PreprocessFitter
from sordino.nn.fit import run_plan
from sordino.release import DrawnFitter
from sordino.report.verdict import NONE
from sordino.types import Codes, Matrix, Vectors

QUESTIONS = ("recording", "speaker")
"""What is inferred."""

Mask = NDArray[np.bool_]
Similarities = dict[str, Matrix]


def shipped_membership(
    fitters: Mapping[str, DrawnFitter],
    x: Vectors,
    corpus: Corpus,
    space: PreprocessFitter,
    seed: int,
) -> dict[str, dict[str, list[float]]]:
    """The AUC of the best attacker in each game by release and question; two games each.

    `x` has the features of the utterances, `(utterances, d)`. A release that needs more speakers is
    left out.
    """
    z, games = space.fit(x)(x), list(_games(corpus.speaker, corpus.genders(), seed))
    figures = {NONE: _figures(games, [_norms(space.fit(x[game.fitted])(x)) for game in games])}
    for name, fitter in fitters.items():
        of_bin = np.isin(corpus.roles(fitter.policy), (Role.NEUTRAL, Role.REQUIRED))
        parts = [Part(rows, rows[:0]) for rows in (np.flatnonzero(game.fitted) for game in games)]
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", ".* sound like ")
                releases = [run_plan(fitter.plan(z, corpus, part)) for part in parts]
        except ReleaseError:
            continue
        scores = [_similarities(z, release.arrays["prototypes"]) for release in releases]
        figures[name] = _figures([game.among(of_bin) for game in games], scores)
    return figures


class _Game:
    """The rows of one game: those fitted on, further ones of members, and those of non-members."""

    def __init__(self, fitted: Mask, unused: Mask, outside: Mask) -> None:
        self.fitted, self.unused, self.outside = fitted, unused, outside

    def among(self, rows: Mask) -> _Game:
        """The same game among some rows."""
        return _Game(self.fitted & rows, self.unused & rows, self.outside & rows)

    def auc(self, score: Matrix, question: str) -> float:
        """The AUC of a score for `question`."""
        positive, negative = (
            (self.fitted, self.unused) if question == "recording" else (self.unused, self.outside)
        )
        rows = positive | negative
        return float(metrics.auc(positive[rows], score[rows]))


def _games(speaker: NDArray[np.str_], gender: Codes, seed: int) -> Iterator[_Game]:
    """Two games. In each, half of the speakers of each gender are members, drawn independently: if
    the second game exchanged members and others, a similarity that prefers some voices would win in
    one game and lose in the other, and the figure would lie below chance.
    """
    random = np.random.default_rng(seed)
    for _ in range(2):
        chosen: list[str] = []
        for code in np.unique(gender):
            names = random.permutation(np.unique(speaker[gender == code]))
            chosen += names[: len(names) // 2].tolist()
        member, half = np.isin(speaker, chosen), random.random(len(speaker)) < 0.5
        yield _Game(member & half, member & ~half, ~member)


def _similarities(z: Vectors, prototypes: Vectors) -> Similarities:
    """Similarities of candidates to the nearest prototype and to all, raw and with every dimension
    on one scale.
    """
    scores: Similarities = {}
    deviation = np.maximum(z.std(axis=0), np.finfo(np.float32).tiny)
    for scale, factor in (("raw", np.ones_like(deviation)), ("scaled", 1 / deviation)):
        a, b = z * factor, prototypes * factor
        product = a @ b.T
        lengths = np.linalg.norm(a, axis=1)[:, None], np.linalg.norm(b, axis=1)
        cosine = product / np.maximum(lengths[0] * lengths[1], np.finfo(np.float32).tiny)
        distance = lengths[0] ** 2 - 2 * product + lengths[1] ** 2
        for kind, similarity in (("product", product), ("cosine", cosine), ("near", -distance)):
            scores[f"{scale} {kind} max"] = similarity.max(axis=1)
            scores[f"{scale} {kind} mean"] = similarity.mean(axis=1)
    return scores


def _norms(z: Vectors) -> Similarities:
    """Sizes in a scaled space, which differ between recordings that it was fitted on and others."""
    deviation = np.maximum(z.std(axis=0), np.finfo(np.float32).tiny)
    sizes = {"raw": np.linalg.norm(z, axis=1), "scaled": np.linalg.norm(z / deviation, axis=1)}
    return sizes | {f"{name} small": -size for name, size in sizes.items()}


def _figures(games: list[_Game], scores: list[Similarities]) -> dict[str, list[float]]:
    """For each question, the AUC in each game of the attacker that is the best in the other."""
    figures = {}
    for question in QUESTIONS:
        auc = [
            {name: game.auc(score, question) for name, score in of_game.items()}
            for game, of_game in zip(games, scores, strict=True)
        ]
        best = [max(table, key=table.__getitem__) for table in auc]
        figures[question] = [auc[0][best[1]], auc[1][best[0]]]
    return figures
