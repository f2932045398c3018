"""The memory of a study on a large table of vectors, step by step.

    python benchmarks/large/compare_memory.py
    python benchmarks/large/compare_memory.py --rows 50000 --no-attack

A Parquet table has vectors of a fixed seed, in which gender and emotion shift the mean; its corpus
is one recording with a cut for each row. The steps are those of a unit of `compare` and of `fit`:
the vectors of the table, the scaled space, the risk model (one epoch), a drawn release, and the
attack. For each step the largest resident set in this step is printed, and the memory after it
without the pages of mapped files.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import wave
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from threadpoolctl import threadpool_limits

from sordino import attack
from sordino.corpora import table
from sordino.corpora.table import Corpus
from sordino.nn.fit import Settings, run_plan
from sordino.study.protocol import POLICIES, Fitters, bundle_options, prepare, space

BLOCK = 10_000
CUT_SECONDS = 0.01
EMOTIONS = ("neutral", "happy", "sad", "angry")


def memory_mb() -> dict[str, float]:
    """The largest resident set since the last call, and the memory of this process now."""
    lines = Path("/proc/self/status").read_text().splitlines()
    fields = {
        line.split(":")[0]: line.split()[1] for line in lines if line.startswith(("Rss", "Vm"))
    }
    Path("/proc/self/clear_refs").write_text("5")
    names = {"largest": "VmHWM", "own": "RssAnon"}
    return {name: int(fields[field]) * 1024 / 1e6 for name, field in names.items()}


def synthetic_corpus(folder: Path, rows: int, speakers: int) -> Corpus:
    """One row a cut of a recording of silence."""
    sound = folder / "sound.wav"
    with wave.open(str(sound), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", "not compressed"))
        file.writeframes(b"\0\0" * round(16000 * CUT_SECONDS * rows))
    row = np.arange(rows)
    speaker = row * speakers // rows
    starts = (row * CUT_SECONDS).round(3)
    frame = pd.DataFrame(
        {
            "file": str(sound),
            "start": starts,
            "end": (starts + CUT_SECONDS).round(3),
            "speaker": [f"s{number:04}" for number in speaker],
            "gender": np.where(speaker % 2, "male", "female"),
            "emotion": np.array(EMOTIONS)[row % len(EMOTIONS)],
        }
    )
    return table.make("synthetic", frame)


def write_table(path: Path, corpus: Corpus, dims: int) -> None:
    """The vectors of a corpus, in row groups."""
    random = np.random.default_rng(0)
    shifts = random.normal(0, 0.1, (2, dims))
    voices = random.normal(0, 0.5, (len(set(corpus.speaker)), dims))
    speaker = pd.factorize(corpus.speaker)[0]

    def blocks() -> Iterator[pa.Table]:
        for start in range(0, len(corpus), BLOCK):
            rows = slice(start, start + BLOCK)
            labels = corpus.table.iloc[rows]
            x = random.normal(size=(len(labels), dims)) + voices[speaker[rows]]
            for column, value, shift in zip(
                ("gender", "emotion"), ("male", "sad"), shifts, strict=True
            ):
                x += (labels[column] == value).to_numpy()[:, None] * shift
            columns = {name: labels[name].to_numpy() for name in ("file", "start")}
            columns |= {f"x{number}": x[:, number].astype(np.float32) for number in range(dims)}
            yield pa.table(columns)

    writer = None
    for block in blocks():
        writer = writer or pq.ParquetWriter(path, block.schema)
        writer.write_table(block)
    assert writer is not None
    writer.close()


def main() -> None:
    """Print the memory of each step, and write it as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=200_000, metavar="N")
    parser.add_argument("--dims", type=int, default=384, metavar="D")
    parser.add_argument("--speakers", type=int, default=400, metavar="N")
    parser.add_argument("--no-attack", action="store_true", help="leave out the attack")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    points: list[dict[str, Any]] = []

    with tempfile.TemporaryDirectory() as name, threadpool_limits(1):
        folder = Path(name)
        begin = time.perf_counter()

        def point(step: str) -> None:
            nonlocal begin
            points.append({"step": step, "seconds": time.perf_counter() - begin, **memory_mb()})
            figures = ", ".join(f"{k} {v:.0f}" for k, v in points[-1].items() if k != "step")
            print(f"{step:16} {figures}", flush=True)
            begin = time.perf_counter()

        corpus = synthetic_corpus(folder, options.rows, options.speakers)
        features = str(folder / "vectors.parquet")
        write_table(Path(features), corpus, options.dims)
        point("table written")
        study = replace(bundle_options(features), releases=("none", "drawn"))
        inputs = prepare(corpus, features, study, max_draws=1, jobs=1)
        point("vectors")
        (parts,), policy = inputs.draws, POLICIES[0]
        z = space(inputs, parts, study)
        point("scaled space")
        fitters = Fitters(risk=Settings(epochs=1, batch=512))
        risk = inputs.with_copies(parts.risk)
        ignorant = run_plan(fitters.risk_model(policy, 0).plan(z, inputs.fitting, risk))
        point("risk model")
        for fitter in fitters.for_options(policy, 0, study):
            release = run_plan(fitter.plan(z, inputs.fitting, inputs.with_copies(parts.transform)))
            point(f"release {release.name}")
        if not options.no_attack:
            attack.run(release, z, inputs.corpus, parts, policy, ignorant=ignorant, informed=False)
            point("attack")
    if options.json:
        content = {"rows": options.rows, "dims": options.dims, "points": points}
        options.json.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
