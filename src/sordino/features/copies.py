"""The vectors of utterances in other conditions: copies for fitting, and conditions of a test.

A copy holds the voice of its speaker alone. Its babble is made of other utterances of that speaker.
So copies can be cached whatever the split, and a fit that leaves a speaker out leaves out every
copy with that voice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sordino.corpora.table import Corpus
from sordino.errors import FeatureError, SplitError
from sordino.features.extract import CACHE, compute_sounds, refuse
from sordino.features.renderings import STANDARD, NoiseRecording, Rendering, choose, seeded
from sordino.features.sounds import Recording, recordings_of
from sordino.signal.conditions import config
from sordino.signal.feature_sets import FEATURE_SETS
from sordino.storage import Location

COPIES: Final = 3
"""Copies of each recording."""

VOICES: Final = 6
"""Voices of a babble."""


def copy_vectors(
    features: str,
    corpus: Corpus,
    count: int = COPIES,
    *,
    noises: Sequence[NoiseRecording] = (),
    cache: str | Location | None = CACHE,
    jobs: int = 0,
) -> NDArray[np.float32]:
    """The vectors of `count` copies of each utterance, `(count, utterances, dims)`.

    The recipe is `sordino.signal.conditions.standard`. A copy is seeded by the checksum of its
    recording and its number, from 1. `noises` are mixed in beside the synthetic kinds. `features`
    is a name of `FEATURE_SETS`; `cache`, `jobs` and errors are those of
    `sordino.features.extract`.

    Raises `FeatureError` for a table of vectors.
    """
    if features not in FEATURE_SETS:
        raise FeatureError(
            f"conditions standard with {features}: a table of vectors has no recordings to copy, "
            "expected a feature set: name one, or set conditions to none"
        )
    sounds = recordings_of(corpus)
    speaker = corpus.speaker
    of_speaker: dict[str, list[Recording]] = {}
    for name, sound in zip(speaker, sounds, strict=True):
        of_speaker.setdefault(name, []).append(sound)
    voices = [
        choose(of_speaker[name], sound, VOICES) for name, sound in zip(speaker, sounds, strict=True)
    ]
    renderings = [
        Rendering(sound, STANDARD, number, voices[row], tuple(noises))
        for number in range(1, count + 1)
        for row, sound in enumerate(sounds)
    ]
    x = render(features, corpus, renderings, cache=cache, jobs=jobs)
    return x.reshape(count, len(corpus), -1)


def in_conditions(
    features: str,
    corpus: Corpus,
    conditions: Sequence[str],
    group: NDArray[np.intp],
    *,
    noises: Sequence[NoiseRecording] = (),
    cache: str | Location | None = CACHE,
    jobs: int = 0,
) -> NDArray[np.float32]:
    """The vectors of each utterance in each condition of a test, `(conditions, utterances, dims)`.

    `conditions` are names of `sordino.signal.conditions.CONDITIONS`. A babble is of utterances of
    other speakers with the same number in `group`, `(utterances,)`, such as the test speakers of
    one fold. Each utterance has one recording of noise, drawn by its checksum: the order of the
    rows could be that of a label, and noise in turn would then reveal it. Other arguments are those
    of `copy_vectors`.

    Raises `SplitError` for a babble in a group of one speaker, which would be no babble.
    """
    sounds, speaker = recordings_of(corpus), corpus.speaker
    others = {
        (name, number): [
            sounds[row] for row in np.flatnonzero((group == number) & (speaker != name))
        ]
        for name, number in set(zip(speaker.tolist(), group.tolist(), strict=True))
    }
    renderings = []
    for condition in conditions:
        babble, noisy = (condition.startswith(kind) for kind in ("babble", "noise"))
        for row, sound in enumerate(sounds):
            voices = choose(others[speaker[row], group[row]], sound, VOICES) if babble else ()
            if babble and not voices:
                raise SplitError(
                    f"{condition}: no other speaker beside {speaker[row]} in group {group[row]}, "
                    "expected two or more: add speakers, or leave the condition out"
                )
            mixed = _one_noise(noises, sound) if noisy and noises else ()
            renderings.append(Rendering(sound, condition, 0, voices, mixed))
    x = render(features, corpus, renderings, cache=cache, jobs=jobs)
    return x.reshape(len(conditions), len(corpus), -1)


def _one_noise(noises: Sequence[NoiseRecording], sound: Recording) -> tuple[NoiseRecording, ...]:
    """The noise of one utterance, whatever its row."""
    return (noises[seeded(sound.key, "noise").integers(len(noises)).item()],)


def render(
    features: str,
    corpus: Corpus,
    renderings: Sequence[Rendering],
    *,
    cache: str | Location | None,
    jobs: int,
) -> NDArray[np.float32]:
    """The vector of each rendering, `(renderings, dims)`; their order is that of the corpus, once
    or several times.
    """
    extractor = FEATURE_SETS[features]
    values = compute_sounds(
        extractor,
        (extractor.dims,),
        dict(enumerate(renderings)),
        cache,
        jobs,
        label=f"features {extractor.name} in other conditions",
        settings={"conditions": config()},
    )
    refuse(values.bad, len(corpus))
    return np.stack([values.arrays[sound.key] for sound in renderings])
