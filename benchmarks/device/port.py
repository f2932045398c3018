"""How far the features of the JavaScript port are from those of Python, on real recordings.

    python benchmarks/device/port.py FOLDER...     some FLAC files of each folder

Needs Node and the packages of ports/js (scripts/install-ports).
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.ports import port

from sordino.signal import audio
from sordino.signal.encoder.log_mel import speech_log_mel
from sordino.signal.functionals import functionals

RECORDINGS = 30
"""Recordings of each folder, evenly spaced in the order of their names."""


def main(folders: list[str]) -> None:
    """Print the largest differences, and the time of Node."""
    paths = list[Path]()
    for folder in folders:
        files = sorted(Path(folder).rglob("*.flac"))
        paths += files[:: max(1, len(files) // RECORDINGS)][:RECORDINGS]
    sounds = [audio.read(path) for path in paths]
    with tempfile.TemporaryDirectory() as folder:
        names = [Path(folder) / str(number) for number in range(len(sounds))]
        for name, sound in zip(names, sounds, strict=True):
            name.write_bytes(sound.astype("<f4").tobytes())
        *answers, seconds = port.answers("features.mjs", *names)
    length = sum(sound.size for sound in sounds) / audio.SAMPLING_RATE
    print(f"{len(paths)} recordings, {length:.0f} s")
    for feature, compute in (("mel", functionals), ("log_mel", speech_log_mel)):
        apart = [
            np.max(np.abs(answer[feature] - values) / (1 + np.abs(values)))
            for answer, values in zip(
                answers, (compute(sound).ravel() for sound in sounds), strict=True
            )
        ]
        print(
            f"{feature}: differs by at most {max(apart):.1e}, "
            f"{1000 * seconds[feature] / length:.0f} ms of Node for a second of sound"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
