"""The targets of fuzzing, each one hypothesis test: hypothesis draws the inputs, or atheris does
(`fuzz_one_input`).

    altered     a bundle with changed bytes, a file or a folder: refused, or read unchanged
    forged      a bundle with changed parts and right checksums: refused, or a permitted release
    models      hostile graphs (external data, functions, subgraphs, bombs), mixed and changed:
                refused, or run
    encoder     a bundle with a changed or hostile encoder and right checksums: refused, or a
                permitted release
    channel     a changed file of a channel's mean: nothing is released, or a finite vector
    arrays      archives of arrays with forged headers and changed bytes: read, or an error of
                sordino, by every reader
    budget      a budget file with changed bytes: nothing is released unless it is unchanged
    wav         a changed WAV stream: an error of sordino, or read to its end
    signature   a changed signature file: refused, never accepted as a signature of the key
    floor       a changed floor as TOML: refused, or a floor
    recording   a changed WAV, FLAC, OGG or MP3 file: an error of sordino, or finite samples within
                the limits
    words       a changed file of word vectors, or a forged pickle: an error of sordino, or finite
                vectors
    labels      tables and manifests of any text or bytes: labels as written, or an error of sordino
    samples     blocks of any size, rate and number of channels: one result per utterance
    units       files of a finished unit, changed, swapped or forged with right checksums: read
                unchanged, or refused

Release `drawn` may release its prototypes only. Any other error is a finding.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from targets.arrays import arrays
from targets.audio import recording, samples, wav_stream
from targets.bundles import altered, budget, floor_file, forged, models, signature
from targets.encoder import channel, encoder
from targets.labels import labels
from targets.units import units
from targets.word_files import word_file

TARGETS: Final[dict[str, Callable[[], None]]] = {
    "altered": altered,
    "forged": forged,
    "models": models,
    "encoder": encoder,
    "channel": channel,
    "arrays": arrays,
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
