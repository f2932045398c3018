"""What is fuzzed, each as one hypothesis test: hypothesis draws its inputs, or atheris does
(`fuzz_one_input`).

    altered     a bundle of which bytes were changed, a file or a folder: refused, or read as it was
    forged      a bundle whose parts were changed and whose checksums are right: refused, or it releases what it may
    models      hostile graphs (external data, functions, subgraphs, bombs), mixed and changed: refused, or it runs
    budget      a file that counts the day, with changed bytes: nothing goes out unless it is as it was
    wav         a changed WAV stream: an error of sordino, or heard to its end
    signature   a changed signature file: refused, and never taken for one that the key made
    floor       a changed floor as TOML: refused, or a floor
    recording   a changed WAV, FLAC, OGG or MP3 file: an error of sordino, or finite samples within the limits
    words       a changed file of word vectors, or a forged pickle: an error of sordino, or words with finite vectors
    labels      tables and manifests of any text or bytes: labels as written, or an error of sordino
    samples     blocks of numbers of any size, rate and number of channels: one result an utterance

    units       files of a finished unit, changed, swapped or forged with right checksums: read as they were, or told

Of release `drawn` nothing but its prototypes may ever come out. Whatever else is raised is a
finding.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from targets.audio import recording, samples, wav_stream
from targets.bundles import altered, budget, floor_file, forged, models, signature
from targets.labels import labels
from targets.units import units
from targets.word_files import word_file

TARGETS: Final[dict[str, Callable[[], None]]] = {
    "altered": altered,
    "forged": forged,
    "models": models,
    "budget": budget,
    "signature": signature,
    "floor": floor_file,
    "wav": wav_stream,
    "recording": recording,
    "words": word_file,
    "labels": labels,
    "samples": samples,
    "units": units,
}
"""Every target by name."""
