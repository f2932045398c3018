"""Inputs of the studies of utterance vectors: options, fitters, utterances, vectors and draws.

corpus -> prepare -> Inputs (corpus, x, checksums, draws) -> units.predictions -> estimates
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from sordino import attack, plugins, release, storage
from sordino.attack import RiskFitter
from sordino.attack.attackers import estimators
from sordino.corpora import split
from sordino.corpora.checks.published import FENG2021_EMOTIONS
from sordino.corpora.copies import part_with_copies, with_copies
from sordino.corpora.split import DRAWS, Part, Parts
from sordino.corpora.table import Corpus
from sordino.define import GENDERS
from sordino.errors import AttackError, FeatureError, ReleaseError, SplitError
from sordino.features import CACHE, FEATURE_SETS, Preprocess, PreprocessFitter, large
from sordino.features.copies import COPIES
from sordino.features.renderings import condition_record
from sordino.features.synthetic_space import SYNTHETIC_SCALE, synthetic_space
from sordino.nn.fit import Settings
from sordino.policy import Policy
from sordino.release import FITTERS, Fitter, ReplacementFitter, voice_vectors
from sordino.storage import Location
from sordino.study.noise import noises_of
from sordino.study.vectors import feature_vectors
from sordino.types import Rows, Vectors

FOUR_EMOTIONS: Final = FENG2021_EMOTIONS
"""The emotions of Feng and Narayanan (2021)."""

POLICIES: Final = (
    Policy(required="happy", sensitive=("sad", "angry")),
    Policy(required="sad", sensitive=("happy", "angry")),
    Policy(required="angry", sensitive=("sad", "happy")),
)
"""The paper's models 1, 2 and 3."""

PAPER: Final = ("none", "rae", "rae-grl", "rae-grl+")
"""The paper's releases, and our variant of them."""


@dataclass(frozen=True)
class Options:
    """Choices that the paper leaves open. `docs/researcher/papers.md` has the reason for each
    default.

    - `scale`, `components`: how features are brought to the scaled space; `fit_on`: the party that
      decides it. `synthetic` is the scaling of synthetic speech with random directions, which no
      party decides (`sordino.features.synthetic_space`); a feature set without one, such as a table
      of vectors, has `zscore`. The other scalings have principal components.
    - `risk_validation`, `validation`: early stopping of the risk model and of the transform uses
      held-out utterances or held-out speakers.
    - `redraw`, `schedule`: of the paper's transforms (`sordino.release.ReplacementFitter`).
    - `measured_on`: `test`, or `validation` to study recipes without any test speaker.
    - `conditions`: `standard` fits the scaled space, the risk model and the releases on recordings
      and `copies` of each in other conditions (`sordino.features.copies`); `none` on recordings.

    Raises the `SordinoError` of the room concerned for an unknown name.
    """

    releases: tuple[str, ...] = PAPER
    families: tuple[str, ...] = attack.QUICK
    scale: Literal["minmax", "zscore", "synthetic"] = "minmax"
    components: int = 256
    fit_on: Literal["transform", "risk", "both"] = "transform"
    risk_validation: split.Validation = "utterance"
    validation: split.Validation = "speaker"
    redraw: Literal["run", "epoch"] = "run"
    schedule: Literal["constant", "dann", "warm-up"] = "constant"
    measured_on: Literal["test", "validation"] = "test"
    seed: int = 0
    conditions: Literal["none", "standard"] = "none"
    copies: int = COPIES

    @property
    def preprocess(self) -> PreprocessFitter:
        """The fitter of the scaled space of recordings."""
        scale = "zscore" if self.scale == SYNTHETIC_SCALE else self.scale
        return PreprocessFitter(scale, self.components)

    def fixed_space(self, features: str) -> Preprocess | None:
        """The scaled space of synthetic speech, or None where recordings decide the space."""
        return synthetic_space(features, self.components) if self.scale == SYNTHETIC_SCALE else None

    @property
    def fitted_copies(self) -> int:
        """Copies of each recording in a fit."""
        return self.copies if self.conditions == "standard" else 0

    def __post_init__(self) -> None:
        if self.copies < 1:
            raise FeatureError(f"{self.copies} copies, expected 1 or more: choose 3, or no copies")
        for option, values, names, error in (
            ("releases", self.releases, tuple(FITTERS), ReleaseError),
            ("families", self.families, attack.available(), AttackError),
            ("fit_on", (self.fit_on,), ("transform", "risk", "both"), FeatureError),
            ("measured_on", (self.measured_on,), ("test", "validation"), SplitError),
            ("conditions", (self.conditions,), ("none", "standard"), FeatureError),
        ):
            unknown = [name for name in values if name not in names]
            if unknown or not values:
                raise error(
                    f"{option} {', '.join(unknown) or 'empty'}, expected some of "
                    f"{', '.join(names)}: choose from these names"
                )


BUNDLE_OPTIONS: Final = Options(scale="synthetic", components=512)
"""The options of a bundle and of the studies of its releases. The scaled space ships, so no
recording decides it. `docs/notes/drawn-choices.md` has the choice of the components.
"""


def bundle_options(features: str) -> Options:
    """`BUNDLE_OPTIONS`, with copies in other conditions if there are recordings: for a feature set,
    not for a table of vectors.
    """
    conditions: Literal["none", "standard"] = "standard" if features in FEATURE_SETS else "none"
    return replace(BUNDLE_OPTIONS, conditions=conditions)


@dataclass(frozen=True)
class Fitters:
    """How the risk model and the releases of a study are fitted.

    - `risk`: settings of the training of the risk model.
    - `releases`: by name, a function from a policy and a seed to a fitter. It stands before that of
      the same name in `sordino.release.FITTERS`.
    - `attackers`: the user's own classifiers by name, which `Options.families` may name.
    """

    risk: Settings = field(default_factory=Settings)
    releases: Mapping[str, Callable[[Policy, int], Fitter]] = field(default_factory=dict)
    attackers: Mapping[str, BaseEstimator] = field(default_factory=dict)

    @classmethod
    def with_registered(cls, fitters: Fitters | None) -> Fitters:
        """These fitters or the default ones, with the families that were registered by now, since
        worker processes do not know them.
        """
        fitters = fitters or cls()
        registered = {family.name: family for family in release.added()}
        return replace(fitters, releases={**registered, **fitters.releases})

    def add_attackers(self) -> None:
        """Add the attackers to the registry of this process."""
        for name, estimator in self.attackers.items():
            estimators.add(name, estimator)

    def risk_model(self, policy: Policy, seed: int) -> RiskFitter:
        """The fitter of the risk model."""
        return RiskFitter(policy, settings=self.risk, seed=seed)

    def release(
        self, policy: Policy, name: str, seed: int, options: Options | None = None
    ) -> Fitter:
        """The fitter of a release, with the knobs of the policy, and `redraw` and `schedule` of
        `options`. Raises `PolicyError` for an unknown name or knob.
        """
        if name in self.releases:
            fitter: Any = self.releases[name](policy, seed)
            knobs = policy.settings(name)
            fitter = replace(fitter, **knobs) if knobs else fitter
        else:
            fitter = release.fitter(policy, name, seed)
        if options is not None and isinstance(fitter, ReplacementFitter):
            fitter = replace(fitter, redraw=options.redraw, schedule=options.schedule)
        result: Fitter = fitter
        return result

    def for_options(self, policy: Policy, seed: int, options: Options) -> list[Fitter]:
        """The fitter of each release of the options, in their order."""
        return [self.release(policy, name, seed, options) for name in options.releases]

    def describe(self, fitters: Sequence[Fitter]) -> str:
        """All settings of the risk model and of these fitters, with the user's own sources."""
        return repr([self.risk, [*fitters], [plugins.source(fitter) for fitter in fitters]])


class Inputs(NamedTuple):
    """Utterances of a study and everything that is derived from them once; rows in one order."""

    corpus: Corpus
    """The utterances."""
    x: Vectors
    """Feature vectors of the recordings and then of their copies, if there are any, `(rows, d)`,
    unscaled: the rows of `fitting`.
    """
    checksums: NDArray[np.str_]
    """Checksum of each recording, `(utterances,)`."""
    draws: tuple[Parts, ...]
    """The division of the speakers in each draw."""
    space: Preprocess | None
    """The scaled space of synthetic speech (`Options.fixed_space`), or of recordings of other
    people; None where each fit has its own.
    """
    noise: tuple[str, ...] = ()
    """Checksums of the user's recordings of noise in the copies."""
    voices: Mapping[str, Vectors] | None = None
    """For each release that changes recordings: the vectors of the changed ones, unscaled,
    `(utterances, d)`.
    """

    def scaling(self, rows: Rows, options: Options) -> Preprocess:
        """The scaled space of the study, or that of these rows of `x`."""
        return self.space or large.fit_space(options.preprocess, self.x, rows)

    @property
    def copies(self) -> int:
        """Copies of each recording."""
        return len(self.x) // len(self.corpus) - 1

    @property
    def fitting(self) -> Corpus:
        """The table of everything that a fit may use (`sordino.corpora.copies`)."""
        return with_copies(self.corpus, self.copies) if self.copies else self.corpus

    def with_copies(self, part: Part) -> Part:
        """A party of recordings together with their copies, as rows of `fitting`."""
        return part_with_copies(part, len(self.corpus), self.copies)

    @property
    def conditions(self) -> dict[str, Any]:
        """The conditions of the fits, for records and cards."""
        return condition_record(self.copies, self.noise)


def prepare(
    corpus: Corpus,
    features: str,
    options: Options,
    *,
    emotions: Sequence[str] = FOUR_EMOTIONS,
    max_draws: int = DRAWS,
    require_validation: bool = False,
    noise: str | Path | None = None,
    public: Corpus | None = None,
    cache: str | Location | None = CACHE,
    jobs: int = 0,
) -> Inputs:
    """The inputs of a study: the utterances with one of `emotions`, and at most `max_draws` draws.

    With `require_validation`, the validation speakers of every draw must also have every emotion
    and both genders. Speakers are checked before features are computed.

    With the conditions `standard`, the copies follow. `noise` is a folder with recordings of noise
    for them. `public` are recordings of other people: they and their copies decide the scaled
    space, with principal components, so that it tells nothing of the speakers of the study.

    Raises `CorpusError` if an emotion or a gender is missing, `SplitError` if a part of a draw
    lacks one of them, or if a recording is public and in the study, `FeatureError` for copies of a
    table of vectors and for noise without copies, and the errors of `sordino.features.extract`.
    """
    sounds = noises_of(options.conditions, noise)
    utterances = corpus.with_every_emotion(emotions)
    sums = utterances.checksums()
    parts = draws(utterances, options, sums, emotions)[:max_draws]
    if require_validation:
        draws(utterances, replace(options, measured_on="validation"), sums, emotions)
    settings = (options.fitted_copies, sounds, cache, jobs)
    space = options.fixed_space(features)
    if public is not None:
        _check_public(public, sums)
        every = sorted(set(public.table["emotion"]))
        space = options.preprocess.fit(feature_vectors(features, public, every, *settings))
    x = feature_vectors(features, corpus, emotions, *settings)
    noises = tuple(sound.checksum for sound in sounds)
    voices = {
        name: voice_vectors(features, utterances, voice, options.seed, cache, jobs)
        for name in options.releases
        if (voice := FITTERS[name].voice) is not None
    }
    return Inputs(utterances, x, sums, parts, space, noises, voices)


def _check_public(public: Corpus, sums: NDArray[np.str_]) -> None:
    """Raise `SplitError` if recordings of the study are among the public ones."""
    shared = np.isin(sums, public.checksums()).sum()
    if shared:
        raise SplitError(
            f"{shared} recordings of the study are among the public ones ({public.name}), which "
            "decide the scaled space: expected recordings of other people: name another corpus"
        )


def draws(
    corpus: Corpus,
    options: Options,
    sums: NDArray[np.str_],
    emotions: Sequence[str] = FOUR_EMOTIONS,
) -> tuple[Parts, ...]:
    """The draws of a study. Every part has every emotion and both genders.

    Raises `SplitError` if a part lacks one.
    """
    if options.measured_on == "validation" and options.validation != "speaker":
        raise SplitError(
            "measured_on validation with held-out utterances: they are of speakers the transform "
            "learns from, expected held-out speakers: set validation to speaker, or measure on the "
            "test part"
        )
    transform = split.draws(corpus, options.seed, options.validation, sums)
    risk = split.draws(corpus, options.seed, options.risk_validation, sums)
    dealt = [
        Parts(a.risk, b.transform, b.test, b.draw) for a, b in zip(risk, transform, strict=True)
    ]
    labels = {name: corpus.column(name) for name in ("emotion", "gender", "speaker")}
    if options.measured_on == "validation":
        dealt = [_measured_on_validation(labels["emotion"], parts) for parts in dealt]
    for parts in dealt:
        rows_of = parties(parts)
        rows_of[options.measured_on] = rows_of.pop("test")
        for party, rows in rows_of.items():
            _require_every("emotion", emotions, party, rows, labels)
            _require_every("gender", GENDERS, party, rows, labels)
        for side, rows in _sides(parts).items():
            _require_every("emotion", emotions, side, rows, labels)
    return tuple(dealt)


def space(
    inputs: Inputs,
    parts: Parts,
    options: Options,
    transform: Rows | None = None,
    x: Vectors | None = None,
) -> Vectors:
    """The vectors of one draw in the scaled space, `(rows, components)`: recordings and copies, or
    those of `x`.

    `options.fit_on` names the party that decides the space, with its copies. `transform` replaces
    the rows of the transform party.
    """
    risk = inputs.with_copies(parts.risk).rows
    if transform is None:
        transform = inputs.with_copies(parts.transform).rows
    rows = {"transform": transform, "risk": risk, "both": np.concatenate([risk, transform])}
    vectors = inputs.x if x is None else x
    return large.scale_vectors(inputs.scaling(rows[options.fit_on], options), vectors)


def parties(parts: Parts) -> dict[str, Rows]:
    """The rows of each party of a draw, by name."""
    return {"risk": parts.risk.rows, "transform": parts.transform.rows, "test": parts.test}


def features_name(features: str) -> str:
    """The name of a feature set, or of a table of vectors without folder and suffix."""
    return features if features in FEATURE_SETS else storage.location(features).stem


def _sides(parts: Parts) -> dict[str, Rows]:
    """The rows of a party that must have every emotion, or a unit would fail during training."""
    return {
        "risk model's training": parts.risk.train,
        "transform's training": parts.transform.train,
        "transform's validation": parts.transform.validation,
    }


def _require_every(
    label: str,
    values: Sequence[str],
    party: str,
    rows: Rows,
    labels: Mapping[str, NDArray[np.str_]],
) -> None:
    """Raise `SplitError` if these rows lack a value of a label."""
    missing = sorted(set(values) - set(labels[label][rows]))
    if missing:
        raise SplitError(
            f"no {', '.join(missing)} among {len(set(labels['speaker'][rows]))} speaker(s) of the "
            f"{party} part, expected every {label}: add speakers, leave a corpus out or try "
            "another seed"
        )


def _measured_on_validation(emotion: NDArray[np.str_], parts: Parts) -> Parts:
    """The draw with the validation speakers of the transform in the place of the test."""
    transform = split.every_fourth(parts.transform.train, emotion)
    return Parts(parts.risk, transform, parts.transform.validation, parts.draw)
