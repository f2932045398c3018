"""The feature sets by name, for training and for devices."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Protocol, TypeGuard

import numpy as np
from numpy.typing import NDArray

from sordino import storage
from sordino.errors import FeatureError
from sordino.signal.encoder import BASE, TINY_EN, Checkpoint, Speech, SpeechFrames, is_installed
from sordino.signal.encoder.weights import WeightSource
from sordino.signal.filterbank import Filterbank
from sordino.signal.mel import Mel
from sordino.signal.smile import Functionals
from sordino.signal.waveform.voice_print import VoicePrint


class Extractor(Protocol):
    """Samples to values, determined by `name`, `sampling_rate` (Hz) and `config`, which includes
    `recipe`.
    """

    @property
    def name(self) -> str: ...

    @property
    def sampling_rate(self) -> int: ...

    @property
    def recipe(self) -> int: ...

    @property
    def config(self) -> dict[str, object]: ...

    def __call__(self, samples: NDArray[np.float32]) -> NDArray[np.float32]: ...


class BatchExtractor(Extractor, Protocol):
    """An extractor that a GPU computes for several recordings at once."""

    def prepare(self, samples: NDArray[np.float32]) -> list[Any]:
        """The input of one recording; raises the errors of a call."""

    def compute_batch(
        self, recordings: Sequence[list[Any]], device: str
    ) -> list[NDArray[np.float32]]:
        """The values of each recording on `cpu` or `cuda`."""


def computes_batches(extractor: Extractor) -> TypeGuard[BatchExtractor]:
    """Whether a GPU can compute several recordings at once.

    This reads the class alone: properties such as `config` need packages that may be absent.
    """
    return hasattr(type(extractor), "compute_batch")


class FeatureSet(Extractor, Protocol):
    """An extractor of vectors with `dims` values and their names."""

    @property
    def dims(self) -> int: ...

    @property
    def names(self) -> list[str]: ...


class SequenceExtractor(Extractor, Protocol):
    """An extractor of sequences whose steps have `dims` values."""

    @property
    def dims(self) -> int: ...


@dataclass(frozen=True)
class Joined:
    """The values of several feature sets with one sampling rate, one set after the other."""

    parts: tuple[FeatureSet, ...]

    @property
    def name(self) -> str:
        """The names of the parts, such as `speech+mel`."""
        return "+".join(part.name for part in self.parts)

    @property
    def sampling_rate(self) -> int:
        """Hz of the samples."""
        return self.parts[0].sampling_rate

    @property
    def dims(self) -> int:
        """The number of values of all parts."""
        return sum(part.dims for part in self.parts)

    @property
    def names(self) -> list[str]:
        """The names of the values of all parts."""
        return [name for part in self.parts for name in part.names]

    @property
    def recipe(self) -> int:
        """Number of changes of all parts that changed values."""
        return sum(part.recipe for part in self.parts)

    @property
    def config(self) -> dict[str, object]:
        """All settings and versions that determine the values, by part."""
        settings = {"name": self.name, "sampling_rate": self.sampling_rate, "recipe": self.recipe}
        return settings | {"parts": [part.config for part in self.parts]}

    def __call__(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.concatenate([part(samples) for part in self.parts])

    def prepare(self, samples: NDArray[np.float32]) -> list[Any]:
        """The input of each part; the values of a part that no GPU computes."""
        return [
            part.prepare(samples) if computes_batches(part) else part(samples)
            for part in self.parts
        ]

    def compute_batch(
        self, recordings: Sequence[list[Any]], device: str
    ) -> list[NDArray[np.float32]]:
        """The values of recordings, with the parts that a GPU computes on a device."""
        columns = [
            part.compute_batch(column, device) if computes_batches(part) else column
            for part, column in zip(self.parts, zip(*recordings, strict=True), strict=True)
        ]
        return [np.concatenate(values) for values in zip(*columns, strict=True)]


def speech_of(extractor: Extractor) -> Speech | None:
    """The part of a set that needs an encoder, or None."""
    parts = extractor.parts if isinstance(extractor, Joined) else (extractor,)
    return next((part for part in parts if isinstance(part, Speech)), None)


def with_model(extractor: Extractor, content: bytes) -> Extractor:
    """The same set with the encoder of a bundle, in its part that needs one.

    Raises `BundleError` for a file that does more than arithmetic.
    """
    if isinstance(extractor, Joined):
        parts = (
            part.with_model(content) if isinstance(part, Speech) else part
            for part in extractor.parts
        )
        return Joined(tuple(parts))
    return extractor.with_model(content) if isinstance(extractor, Speech) else extractor


_MEL: Final = Mel()
_SPEECH: Final = Speech("speech", BASE)

FEATURE_SETS: Final[dict[str, FeatureSet]] = {
    "mel": _MEL,
    "IS13": Functionals("IS13", 6373),
    "ComParE_2016": Functionals("ComParE_2016", 6373),
    "eGeMAPSv02": Functionals("eGeMAPSv02", 88),
    "speech": _SPEECH,
    "speech-tiny": Speech("speech-tiny", TINY_EN),
    "speech+mel": Joined((_SPEECH, _MEL)),
    "voice-print": VoicePrint(),
}
"""Feature sets by name. `mel` is sordino's own, needs no openSMILE and may be part of a product.
`IS13` is the set of the Interspeech 2013 challenge (Schuller et al. 2013; used by Feng 2021),
`ComParE_2016` its later revision, `eGeMAPSv02` a small set of voice research (Eyben et al. 2016).
`speech` and `speech-tiny` are pretrained encoders and need the extra `speech`; `speech+mel` joins
two sets. `voice-print` is a speaker encoder, the reference for what a voice reveals (extra `reid`).
A new set is one module and one line here.
"""

EARLIER: Final[tuple[FeatureSet, ...]] = (Mel(range_db=None),)
"""Feature sets of earlier recipes, which bundles still run."""

AUTOMATIC: Final = "auto"
"""Stands for `speech` where its weights are installed, and for `mel` otherwise."""

_NAMES: Final = frozenset(FEATURE_SETS)
_REQUIRED: Final = ("name", "sampling_rate", "recipe", "config", "dims", "names")

SEQUENCES: Final[dict[str, SequenceExtractor]] = {
    "filterbank": Filterbank(),
    "speech-frames": SpeechFrames(_SPEECH),
}
"""Samples to a sequence of frames, `(steps, dims)`."""


def check_device(name: str) -> None:
    """Raise `FeatureError` for a set that no device computes and no bundle can name: the frames of
    an encoder, and an encoder of a folder that only the lab runs. Other names pass, such as the
    path of a table.

    >>> check_device("mel")
    """
    if isinstance(SEQUENCES.get(name), SpeechFrames):
        raise FeatureError(
            f"features {name}: no bundle holds frames of an encoder, expected vectors such as "
            "speech, or filterbank for sequences: choose another set"
        )
    if getattr(FEATURE_SETS.get(name), "lab_only", False):
        raise FeatureError(
            f"features {name}: only the lab computes them, expected a set of a device such as "
            "speech or mel: choose one, or extract a table of vectors and fit on it"
        )


def accepted_names() -> str:
    """The names that `resolve` accepts, as a list for messages."""
    return f"{AUTOMATIC}, {', '.join(FEATURE_SETS)}, speech:FOLDER@LAYER, MODULE:NAME of your own"


def has_weights(name: str) -> bool:
    """Whether the weights of a set are installed or in a local file; true for a set without."""
    speech = speech_of(FEATURE_SETS[name])
    source = speech.checkpoint if speech else None
    return is_installed(source) if isinstance(source, Checkpoint) else True


def use_weights(path: str | Path, name: str = AUTOMATIC) -> str:
    """The name of the feature set `name` after its weights were found in a local file: all sets of
    the process with these weights read them there. `AUTOMATIC` is the set of the file.

    Raises the errors of `resolve` and of `sordino.signal.encoder.local.find_weights`, and
    `FeatureError` for a set that has no such weights.
    """
    from sordino.signal.encoder.local import find_weights  # here, as no device needs it

    source = find_weights(path)
    for key, extractor in FEATURE_SETS.items():
        FEATURE_SETS[key] = _with_source(extractor, source)
    for key, sequence in SEQUENCES.items():
        if isinstance(sequence, SpeechFrames):
            SEQUENCES[key] = replace(sequence, speech=_with_source(sequence.speech, source))
    names = [
        key
        for key, extractor in FEATURE_SETS.items()
        if (speech := speech_of(extractor)) and speech.checkpoint == source
    ]
    resolved = names[0] if name == AUTOMATIC else resolve(name)
    if resolved not in names:
        raise FeatureError(
            f"features {name} with the weights of {source.title}, expected {' or '.join(names)}: "
            "leave the file out, or choose one of these sets"
        )
    return resolved


def _with_source(extractor: Any, source: WeightSource) -> Any:
    """The same set with its weights from a source, if it is a set of these weights."""
    if isinstance(extractor, Joined):
        return Joined(tuple(_with_source(part, source) for part in extractor.parts))
    if isinstance(extractor, Speech) and extractor.checkpoint.sha256 == source.sha256:
        return replace(extractor, checkpoint=source)
    return extractor


def resolve(name: str) -> str:
    """The name of a feature set; one of a user's own, `module:object`, is added to `FEATURE_SETS`.

    `AUTOMATIC` is resolved to a set whose weights are installed. `speech:FOLDER@LAYER` is the
    encoder in a local folder, up to this layer (`sordino.signal.encoder.references`), and is added
    as well.

    The object is a `FeatureSet`, or a class that makes one without arguments. Names that are
    neither stay as they are, such as the path of a table. Raises `PluginError` for a reference that
    cannot be imported, and `FeatureError` for an object that is no feature set or has the name of
    one of sordino's, and for a folder without such a model.

    >>> resolve("mel")
    'mel'
    """
    if name in FEATURE_SETS:
        return name
    storage.location(name)  # refuses credentials before a message has the name
    if "://" in name:
        return name
    if name == AUTOMATIC:
        return _SPEECH.name if has_weights(_SPEECH.name) else _MEL.name
    from sordino.signal.encoder.folder import check_layer, is_reference  # no device needs it

    if is_reference(name):
        from sordino.signal.encoder.references import open_reference

        folder_set = open_reference(name)
        FEATURE_SETS[folder_set.name] = folder_set
        return folder_set.name
    check_layer(name)
    from sordino import plugins  # here, as it loads slowly and no device needs it

    if not plugins.has("features", name):
        return name
    extractor = plugins.construct(name, plugins.import_name("features", name))
    missing = [key for key in _REQUIRED if not hasattr(extractor, key)]
    if missing or not callable(extractor):
        raise FeatureError(
            f"{name}: no {', '.join(missing) or 'call'}, expected a feature set: see "
            "sordino.testing.check_extractor"
        )
    if extractor.name in _NAMES:
        raise FeatureError(f"{name}: {extractor.name!r} is one of sordino's: choose another name")
    plugins.check_name(extractor.name, "features")
    try:
        json.dumps(extractor.config)
    except (TypeError, ValueError) as error:
        raise FeatureError(f"{name}: config {error}, expected plain JSON: convert it") from error
    FEATURE_SETS[extractor.name] = extractor
    return str(extractor.name)
