"""The memory of `sordino extract --shards` at four points of a long run.

    python benchmarks/large/extraction_memory.py --json memory.json
    python benchmarks/large/extraction_memory.py --utterances 50000 --seconds 4

Synthetic sounds stand in one tar of 1,000, which is read as often as needed: every utterance is
parsed, decoded, computed and written. Printed are the resident sets of this process and of its
workers after each quarter; pages that processes share count in each of them. Memory is flat if the
last figure is close to the second: the first may miss buffers that are filled once. The key
`rss_mb_1e6` has the largest sum of a run with a million utterances or more, else null.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import tarfile
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sordino import parallel
from sordino.cli.processes import descendants
from sordino.features.shards import TarRows, extract_shards
from sordino.features.shards.rows import Needed, SoundRow
from sordino.signal.audio import SAMPLING_RATE
from sordino.signal.decoding import encoded

STORED = 1_000
"""Sounds of the tar."""
QUARTERS = 4


@dataclass(frozen=True)
class MeasuredRows:
    """Rows of tar files, with the memory at each quarter of `utterances`."""

    source: TarRows
    utterances: int
    points: list[dict[str, float]] = field(default_factory=list)
    begin: float = field(default_factory=time.perf_counter)

    @property
    def identity(self) -> dict[str, object]:
        return self.source.identity

    def check_labels(self, labels: Sequence[str]) -> None:
        self.source.check_labels(labels)

    def rows(self, labels: Sequence[str], needed: Needed) -> Iterator[SoundRow | None]:
        for position, row in enumerate(self.source.rows(labels, needed), 1):
            yield row
            if position * QUARTERS // self.utterances > len(self.points):
                self.points.append(self.point(position))

    def point(self, position: int) -> dict[str, float]:
        """The memory now, printed too."""
        workers = [rss_mb(process) for process in descendants()]
        point = {
            "utterances": position,
            "seconds": time.perf_counter() - self.begin,
            "client_mb": rss_mb(os.getpid()),
            "workers_mb": sum(workers),
        }
        print(
            f"{position:10,} utterances {point['seconds']:8.0f} s {point['client_mb']:8.0f} MB "
            f"+ {point['workers_mb']:6.0f} MB in {len(workers)} processes",
            flush=True,
        )
        return point


def rss_mb(process: int) -> float:
    """The resident set of a process in MB, 0 for one that ended."""
    try:
        pages = Path(f"/proc/{process}/statm").read_text().split()[1]
    except OSError:
        return 0.0
    return int(pages) * os.sysconf("SC_PAGE_SIZE") / 1e6


def write_sounds(path: Path, seconds: float) -> Path:
    """A tar of `STORED` sounds of noise."""
    generator = np.random.default_rng(0)
    with tarfile.open(path, "w") as archive:
        for number in range(STORED):
            noise = generator.normal(0, 3000, round(SAMPLING_RATE * seconds)).astype(np.int16)
            content = encoded(noise, SAMPLING_RATE, "WAV")
            header = tarfile.TarInfo(f"{number:04d}.wav")
            header.size = len(content)
            archive.addfile(header, io.BytesIO(content))
    return path


def measured(utterances: int, seconds: float, features: str, jobs: int) -> dict[str, Any]:
    """The memory of a run."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tar = write_sounds(folder / "sounds.tar", seconds)
        rows = MeasuredRows(TarRows((tar,) * -(-utterances // STORED)), utterances)
        summary = extract_shards(features, [rows], folder / "x.shards", jobs=jobs)
        size = sum(path.stat().st_size for path in summary.folder.iterdir())
    largest = max(point["client_mb"] + point["workers_mb"] for point in rows.points)
    return {
        "rss_mb_1e6": largest if summary.utterances >= 1_000_000 else None,
        "rss_mb": largest,
        "utterances": summary.utterances,
        "failures": summary.failures,
        "shards": summary.shards,
        "shard_mb": size / 1e6,
        "seconds_of_sound": seconds,
        "features": features,
        "jobs": parallel.count_workers(jobs),
        "points": rows.points,
    }


def main() -> None:
    """Print the memory, and write it as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--utterances", type=int, default=1_000_000, metavar="N")
    parser.add_argument("--seconds", type=float, default=0.1, help="length of each sound")
    parser.add_argument("--features", default="mel")
    parser.add_argument("--jobs", type=int, default=0)
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    result = measured(options.utterances, options.seconds, options.features, options.jobs)
    print(f"at most {result['rss_mb']:.0f} MB, {result['shard_mb']:.0f} MB of shards")
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
