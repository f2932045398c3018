"""Run bundles as other processors run them, and compare what comes out.

    python benchmarks/device/processors.py [BUNDLE...]

Without a bundle, one of each family is written for made-up speakers, in 32 and in 8 bits. Each is
run here and in `qemu-x86_64` (Debian: qemu-user) as a Nehalem (SSE4.2 alone), a Haswell (AVX2, FMA)
and as all that the emulator knows. Nothing runs in it that wants AVX-512: the emulator has none of
it, VNNI included.

    features   of one second of synthetic speech; with an encoder, its output is among them
    scaled     the scaled space, from the features of the bundle's test vectors
    model      the output of the release's model on the stored scaled vectors: vectors or decisions

Figures are the largest difference from this machine, in units of the largest number; status 1 where
one is above 1e-5.
"""

from __future__ import annotations

import argparse
import io
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

EMULATOR = "qemu-x86_64"
PROCESSORS = ("Nehalem", "Haswell", "max")
MOST = 1e-5
FAMILIES = ("none", "noise-gauss", "rae-grl", "leace", "rae-leace", "drawn", "drawn+rae-25")

RUN = """
import io, sys
import numpy as np
from sordino.device import read
from sordino.device.extractors import extractor
from sordino.device.serving import VectorServing
from sordino.device.sound.synthesis import synthetic
for path in sys.argv[1:]:
    bundle = read(path)
    vectors = bundle.arrays("vectors.npz")
    sounds = {}
    if bundle.card["features"].get("recipe") is not None:
        extract = extractor(bundle)
        sounds["features"] = extract(synthetic(1.0, extract.sampling_rate, seed=1))
    for served in bundle.policies.values():
        table = VectorServing(bundle, served, 0)
        scaled = np.concatenate([table.scaled(row[None]) for row in vectors["x"]])
        found = sounds | {"scaled": scaled}
        if table.model:
            outputs = [table.model(z=row[None]) for row in vectors["z"]]
            found |= {
                f"model {name}": np.concatenate([output[name] for output in outputs])
                for name in outputs[0]
            }
        content = io.BytesIO()
        np.savez(content, **found)
        sys.stdout.buffer.write(len(content.getvalue()).to_bytes(8, "little") + content.getvalue())
"""
"""The program of each processor: one archive of arrays a policy, each after its length."""


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("bundles", nargs="*", type=Path, metavar="BUNDLE")
    paths = parser.parse_args().bundles
    if shutil.which(EMULATOR) is None:
        print(
            f"{EMULATOR} is not installed, expected it to run other processors: apt install "
            "qemu-user"
        )
        return 0
    with tempfile.TemporaryDirectory() as folder:
        paths = paths or list(written(Path(folder)))
        here = outputs([], paths)
        print(f"{'bundle':24}{'output':12}" + "".join(f"{name:>12}" for name in PROCESSORS))
        others = [outputs([EMULATOR, "-cpu", name], paths) for name in PROCESSORS]
    worst = 0.0
    for place, path in enumerate(paths):
        for name, expected in here[place].items():
            apart = [difference(other[place][name], expected) for other in others]
            print(f"{path.name:24}{name:12}" + "".join(f"{value:12.1e}" for value in apart))
            worst = max(worst, *apart)
    print(f"largest difference {worst:.1e}, at most {MOST:g} is accepted")
    return int(worst > MOST)


def outputs(before: list[str], paths: list[Path]) -> list[dict[str, NDArray[Any]]]:
    """The arrays of each policy of each bundle, from a process that `before` starts."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "ORT_DISABLE_TELEMETRY": "1"}
    command = [*before, sys.executable, "-c", RUN, *map(str, paths)]
    done = subprocess.run(command, capture_output=True, check=False, env=environment)
    if done.returncode:
        sys.exit(f"{' '.join(before) or 'here'}: {done.stderr.decode().strip().splitlines()[-1:]}")
    return list(parts(done.stdout))


def parts(content: bytes) -> Iterator[dict[str, NDArray[Any]]]:
    stream = io.BytesIO(content)
    while size := stream.read(8):
        with np.load(io.BytesIO(stream.read(int.from_bytes(size, "little")))) as file:
            yield dict(file)


def difference(output: NDArray[Any], expected: NDArray[Any]) -> float:
    """The largest difference relative to the largest number; the share of decisions that differ."""
    if expected.dtype.kind in "iu":
        return float((output != expected).mean())
    apart = np.abs(output.astype(np.float64) - expected).max()
    return float(apart / max(np.abs(expected).max(), np.finfo(np.float32).tiny))


def written(folder: Path) -> Iterator[Path]:
    """A bundle of each family, in 32 and in 8 bits, fitted on numbers that stand for the features
    `mel`.
    """
    import pandas as pd

    from sordino import export
    from sordino.corpora import split, table
    from sordino.features import PreprocessFitter
    from sordino.policy import Policy
    from sordino.release import fitter

    random, emotions = np.random.default_rng(0), ("neutral", "sad", "happy", "angry")
    people, takes = np.divmod(np.arange(480), 12)
    lines = {
        "file": [f"{speaker}-{take}.wav" for speaker, take in zip(people, takes, strict=True)],
        "speaker": [f"{speaker:02d}" for speaker in people],
        "gender": [("female", "male")[speaker % 2] for speaker in people],
        "emotion": [emotions[take % 4] for take in takes],
    }
    corpus = table.make("made", pd.DataFrame(lines))
    x = random.normal(size=(480, 2000)).astype(np.float32)
    x[np.arange(480), takes % 4] += 6
    policy = Policy(required="sad", sensitive=("happy", "angry"), hide=("gender",))
    parts = split.three_party(corpus, seed=0, sums=corpus.column("file"))
    scaled = PreprocessFitter("zscore", 128).fit(x[parts.transform.rows])
    for family in FAMILIES:
        release = fitter(policy, family, 0).fit(scaled(x), corpus, parts.transform)
        for int8 in (False, True):
            path = folder / f"{family}-{8 if int8 else 32}.sordino"
            yield export.write(
                path, scaled, {"sad": (policy, release)}, features="made-up", card={}, int8=int8
            )


if __name__ == "__main__":
    sys.exit(main())
