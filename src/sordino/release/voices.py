"""Voice anonymisation as a release: recordings are changed before features are computed.

    recording -> VoiceTransform -> features -> scaled space -> attackers

Such a release maps recordings and not vectors. A study therefore computes the vectors of the
changed recordings (`voice_vectors`) and attacks these.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import scipy
from numpy.typing import NDArray

from sordino.corpora.split import Part
from sordino.corpora.table import Corpus
from sordino.errors import AudioError, FeatureError, ReleaseError
from sordino.features.extract import CACHE, compute_sounds, refuse
from sordino.features.sounds import Recording, recordings_of
from sordino.nn.fit import Plan, run_plan
from sordino.release.array_release import ArrayRelease
from sordino.release.protocol import as_vectors
from sordino.signal import audio
from sordino.signal.feature_sets import FEATURE_SETS
from sordino.storage import Location
from sordino.types import Samples, Vectors


class VoiceTransform(Protocol):
    """A change of the voice in a recording at 16 kHz, by a key for each speaker."""

    @property
    def name(self) -> str:
        """The name of its releases."""

    @property
    def config(self) -> Mapping[str, Any]:
        """All settings and versions that decide its output, as plain JSON. Raises
        `DependencyError` where its package is absent.
        """

    def __call__(self, samples: Samples, key: str) -> NDArray[np.floating[Any]]:
        """The changed samples `(samples,)`, of the same length; the same key gives the same
        bytes.
        """


@dataclass(frozen=True)
class ChangedRecording:
    """A recording after a `VoiceTransform`, with the key of its speaker."""

    recording: Recording
    transform: VoiceTransform
    speaker_key: str

    @property
    def file(self) -> str:
        """The recording."""
        return self.recording.file

    @property
    def key(self) -> str:
        """The recording and a digest of the key."""
        return f"{self.recording.key} {hashlib.sha256(self.speaker_key.encode()).hexdigest()}"

    def read(self, sampling_rate: int) -> Samples:
        """The changed samples `(samples,)`. Raises `AudioError` where the change fails."""
        samples = self.recording.read()
        try:
            changed = self.transform(samples.copy(), self.speaker_key)
        except Exception as error:  # a package of other people may raise anything
            raise AudioError(
                f"{self.file}: {self.transform.name} failed with {type(error).__name__}: {error}: "
                "leave the recording or the release out"
            ) from error
        if changed.shape != samples.shape or not np.isfinite(changed).all():
            raise AudioError(
                f"{self.file}: {self.transform.name} gives samples of shape {changed.shape}, "
                f"expected {samples.shape} and finite numbers: leave the recording or the release "
                "out"
            )
        resample = audio.resampler(audio.SAMPLING_RATE, sampling_rate)
        return resample(changed.astype(np.float32), True)


def voice_vectors(
    features: str,
    corpus: Corpus,
    transform: VoiceTransform,
    seed: int = 0,
    cache: str | Location | None = CACHE,
    jobs: int = 0,
) -> Vectors:
    """The vector of each utterance after the change of its voice, `(utterances, dims)`.

    The key of a speaker follows from `seed` and the speaker's name: all recordings of a speaker
    are changed alike, whatever the order of rows and the number of jobs. Other arguments and
    errors are those of `sordino.features.extract`.

    Raises `FeatureError` for a table of vectors, which has no recordings.
    """
    if features not in FEATURE_SETS:
        raise FeatureError(
            f"release {transform.name} with {features}: a table of vectors has no recordings to "
            "change, expected a feature set: name one, or leave the release out"
        )
    extractor = FEATURE_SETS[features]
    keys = [f"sordino {seed} {speaker}" for speaker in corpus.speaker]
    sounds = [
        ChangedRecording(recording, transform, key)
        for recording, key in zip(recordings_of(corpus), keys, strict=True)
    ]
    values = compute_sounds(
        extractor,
        (extractor.dims,),
        dict(enumerate(sounds)),
        cache,
        jobs,
        label=f"features {extractor.name} after {transform.name}",
        settings={
            "voice": {"name": transform.name, **transform.config},
            "packages": {"numpy": np.__version__, "scipy": scipy.__version__, **audio.versions()},
        },
    )
    refuse(values.bad, len(corpus))
    return np.stack([values.arrays[sound.key] for sound in sounds])


class ChangedVoice(ArrayRelease):
    """A release of changed recordings. Called with vectors, it raises `ReleaseError`: it cannot
    change the voice in a vector, and unchanged vectors would pass for protected ones.
    """

    def __call__(self, z: Vectors) -> Vectors:
        as_vectors(z, self._config["width"])
        raise ReleaseError(
            f"release {self.name!r} changes recordings, and these are vectors: name it in "
            "`sordino compare`, which computes the features of changed recordings"
        )

    @classmethod
    def restore(
        cls,
        name: str,
        config: Mapping[str, Any],
        arrays: Mapping[str, NDArray[Any]],  # noqa: ARG003
    ) -> ChangedVoice:
        """The release that `save` wrote."""
        config["width"]
        return cls(name, config)


@dataclass(frozen=True)
class VoiceFitter:
    """Nothing is fitted: the settings of the transform are the release."""

    transform: VoiceTransform

    @property
    def name(self) -> str:
        """The name of its releases."""
        return self.transform.name

    def fit(self, z: Vectors, corpus: Corpus, part: Part) -> ChangedVoice:
        """The release."""
        return run_plan(self.plan(z, corpus, part))

    def plan(
        self,
        z: Vectors,
        corpus: Corpus,  # noqa: ARG002
        part: Part,  # noqa: ARG002
    ) -> Plan[ChangedVoice]:
        """The release; no network is trained."""
        yield from ()  # a plan is a generator
        width = as_vectors(z, z.shape[-1]).shape[1]
        return ChangedVoice(self.name, {**self.transform.config, "width": width})
