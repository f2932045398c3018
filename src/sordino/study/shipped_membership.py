"""Whether the parts of a drawn release that leave the lab remember recordings or speakers.

A game with all speakers of a corpus: half of them are members, and half of the recordings of each
member are fitted on. An attacker has a part that ships and candidate recordings.

    recording   a fitted recording against another one of the same speakers
    speaker     another recording of a member against one of a non-member

There are two games with members of their own, drawn independently. The best of several
similarities between a candidate and the prototypes is selected in one game and measured in the
other, so that neither voices nor the selection move the figure in the mean of many draws; chance is
1/2. The scaled space of the game is fitted on all recordings, so that each part is measured alone:

    none          scaling and principal components, fitted on the members
    scaling       the same with the components of all recordings
    components    the same with the scaling of all recordings
    drawn         prototypes
    drawn+rae-25  prototypes, and the means, the covariance and the network of the autoencoder

The scorer and the threshold, which ship too, are not attacked.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sordino import metrics
from sordino.corpora.split import Part, every_fourth
from sordino.corpora.table import Corpus
from sordino.errors import ReleaseError
from sordino.features import Preprocess
from sordino.nn.fit import run_plan
from sordino.release import Drawn, DrawnFitter, Mixture, MixtureFitter
from sordino.release.array_release import ArrayRelease
from sordino.report.verdict import NONE
from sordino.types import Codes, Matrix, Rows, Vectors

QUESTIONS: Final = ("recording", "speaker")
"""What is inferred."""

SPACE_PARTS: Final = ("scaling", "components")
"""The parts of the scaled space that are also measured alone."""

WHITENED: Final = (128, 512)
"""Principal components that an attacker whitens."""

_LEAST: Final = 1e-6  # variance of a component that is more than a rounding error

Mask = NDArray[np.bool_]
Similarities = dict[str, Matrix]


class Candidates(NamedTuple):
    """Rows that an attacker compares with the parts that ship."""

    z: Vectors
    """In the scaled space, `(n, d)`."""
    white: dict[int, Matrix]
    """The directions of the leading principal components of `z`, by their number in `WHITENED`,
    scaled so that the rows have a deviation of 1 in each: small differences between voices then
    count too.
    """

    @classmethod
    def of(cls, z: Vectors) -> Candidates:
        """Rows `(n, d)` with their whitening."""
        variance, axes = np.linalg.eigh(np.cov(z, rowvar=False))
        white = {k: axes[:, -k:] / np.sqrt(np.maximum(variance[-k:], _LEAST)) for k in WHITENED}
        return cls(z, white)


def shipped_membership(
    fitters: Mapping[str, DrawnFitter | MixtureFitter],
    x: Vectors,
    corpus: Corpus,
    scaling: Callable[[Rows], Preprocess],
    seed: int,
) -> dict[str, dict[str, list[float]]]:
    """The AUC of the best attacker in each game by part and question; two games each.

    `x` has the features of the utterances, `(utterances, d)`; `scaling` fits the scaled space of
    some of its rows. A release that needs more speakers is left out.
    """
    public = scaling(np.arange(len(x)))
    candidates, emotion = Candidates.of(public(x)), corpus.column("emotion")
    games = list(draw_games(corpus.speaker, corpus.genders(), seed))
    parts = [
        space_parts(scaling(np.flatnonzero(game.fitted)), public, x, candidates) for game in games
    ]
    figures = {name: cross_selected(games, [part[name] for part in parts]) for name in parts[0]}
    for name, fitter in fitters.items():
        try:
            measured = []
            for game in games:
                part = _fitting_part(fitter, emotion, game)
                with warnings.catch_warnings():
                    warnings.filterwarnings("ignore", ".* sound like ")
                    release = run_plan(fitter.plan(candidates.z, corpus, part))
                measured.append(_release_game(release, candidates, emotion, game, part))
        except ReleaseError:
            continue
        figures[name] = cross_selected(*map(list, zip(*measured, strict=True)))
    return figures


def _fitting_part(
    fitter: DrawnFitter | MixtureFitter, emotion: NDArray[np.str_], game: Game
) -> Part:
    """The fitted rows of a game; a quarter of them stops the training of an autoencoder."""
    rows = np.flatnonzero(game.fitted)
    return (
        every_fourth(rows, emotion) if isinstance(fitter, MixtureFitter) else Part(rows, rows[:0])
    )


def _release_game(
    release: ArrayRelease,
    candidates: Candidates,
    emotion: NDArray[np.str_],
    game: Game,
    part: Part,
) -> tuple[Game, Similarities]:
    """A game among the rows of which prototypes have the emotion, without those that stopped a
    training, and the similarities in it.
    """
    drawn = release.drawn if isinstance(release, Mixture) else release
    if not isinstance(drawn, Drawn):
        raise TypeError(f"a {type(drawn).__name__}, expected a drawn release")
    among = np.isin(emotion, (drawn.policy.neutral, *drawn.policy.required_emotions))
    among[part.validation] = False
    scores = similarities(candidates, drawn.arrays["prototypes"])
    if isinstance(release, Mixture):
        scores |= _residual_sizes(release, candidates.z)
    return game.among(among), scores


class Game:
    """The rows of one game: those fitted on, further ones of members, and those of non-members."""

    def __init__(self, fitted: Mask, unused: Mask, outside: Mask) -> None:
        self.fitted, self.unused, self.outside = fitted, unused, outside

    def among(self, rows: Mask) -> Game:
        """The same game among some rows."""
        return Game(self.fitted & rows, self.unused & rows, self.outside & rows)

    def auc(self, score: Matrix, question: str) -> float:
        """The AUC of a score for `question`."""
        positive, negative = (
            (self.fitted, self.unused) if question == "recording" else (self.unused, self.outside)
        )
        rows = positive | negative
        return float(metrics.auc(positive[rows], score[rows]))


def draw_games(speaker: NDArray[np.str_], gender: Codes, seed: int) -> Iterator[Game]:
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
        yield Game(member & half, member & ~half, ~member)


def similarities(candidates: Candidates, prototypes: Vectors) -> Similarities:
    """Similarities of candidates to the nearest prototype and to all, raw and whitened."""
    scores: Similarities = {}
    z, white = candidates
    bases = {"raw": np.eye(z.shape[1]), **{f"white {k}": axes for k, axes in white.items()}}
    for basis, directions in bases.items():
        a, b = z @ directions, prototypes @ directions
        product = a @ b.T
        lengths = np.linalg.norm(a, axis=1)[:, None], np.linalg.norm(b, axis=1)
        cosine = product / np.maximum(lengths[0] * lengths[1], np.finfo(np.float32).tiny)
        distance = lengths[0] ** 2 - 2 * product + lengths[1] ** 2
        for kind, similarity in (("product", product), ("cosine", cosine), ("near", -distance)):
            scores[f"{basis} {kind} max"] = similarity.max(axis=1)
            scores[f"{basis} {kind} mean"] = similarity.mean(axis=1)
    return scores


def space_parts(
    fitted: Preprocess, public: Preprocess, x: Vectors, candidates: Candidates
) -> dict[str, Similarities]:
    """The similarities of all rows to the scaled space of the members and to each part of it; the
    candidates are `x` in the public space.
    """
    scaling = replace(public, offset=fitted.offset, factor=fitted.factor, mean=fitted.mean)
    spaces = (fitted, scaling, replace(public, components=fitted.components))
    names = (NONE, *SPACE_PARTS)
    return {
        name: _space_similarities(space, public, x, candidates)
        for name, space in zip(names, spaces, strict=True)
    }


def _space_similarities(
    space: Preprocess, public: Preprocess, x: Vectors, candidates: Candidates
) -> Similarities:
    """Sizes in a scaled space, the share of a recording that its components hold, and the
    similarity to its offset (Homer et al. 2008), raw and whitened, which differ between recordings
    that it was fitted on and others.
    """
    z = space(x)
    deviation = np.maximum(z.std(axis=0), np.finfo(np.float32).tiny)
    scaled = np.clip((x - space.offset) * space.factor, *space.config["clip"]) - space.mean
    raw = np.linalg.norm(z, axis=1)
    whole = np.maximum(np.linalg.norm(scaled, axis=1), np.finfo(np.float32).tiny)
    offset = public(space.offset[None].astype(x.dtype))[0]
    sizes = {
        "raw": raw,
        "scaled": np.linalg.norm(z / deviation, axis=1),
        "share": raw / whole,
        "offset": candidates.z @ offset,
    }
    for count, axes in candidates.white.items():
        sizes[f"offset white {count}"] = (candidates.z @ axes) @ (offset @ axes)
    return sizes | {f"{name} small": -size for name, size in sizes.items()}


def _residual_sizes(release: Mixture, z: Vectors) -> Similarities:
    """Sizes of the residual of the autoencoder, which is smaller for recordings of its fit: by the
    means and the covariance that ship, and from the recording itself.
    """
    out, factor = release.autoencoder(z), np.asarray(release.arrays["factor"], np.float64)
    residual = out - release.arrays["means"][release.drawn.decide(z)]
    position = residual @ (factor / (factor**2).sum(axis=1, keepdims=True)).T
    return {
        "residual": -np.linalg.norm(residual, axis=1),
        "residual scaled": -np.linalg.norm(position, axis=1),
        "residual outside": -np.linalg.norm(residual - position @ factor, axis=1),
        "reconstruction": -np.linalg.norm(out - z, axis=1),
    }


def cross_selected(games: list[Game], scores: list[Similarities]) -> dict[str, list[float]]:
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
