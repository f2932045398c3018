"""The memory of `sordino audit` on a table that is larger than it, and if it finds a planted leak.

    python benchmarks/large/audit_memory.py --json memory.json
    python benchmarks/large/audit_memory.py --rows 100000 --kinds parquet csv

The table is synthetic: normal vectors with a part of each speaker. The gender of a speaker shifts
them by one standard deviation in one direction (an AUC of 0.76 if the direction is known), and the
region has no effect. So the audit should report a leak of gender and none of region. Printed are
the resident sets of the command and its workers after each quarter of its time, and the largest;
pages that processes share, and pages of a mapped file, count in each of them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sordino.cli.processes import descendants
from sordino.features.shards.folder import ShardContent, write_manifest, write_shard

KINDS = ("parquet", "one-group", "shards", "npy", "npz", "csv")
ROWS_PER_SPEAKER = 500
BLOCK = 10_000
SHIFT = 1.0
"""The distance between the means of both genders, in standard deviations."""
SPEAKER_DEVIATION = 0.2
INTERVAL_SECONDS = 0.1
QUARTERS = 4


def blocks(rows: int, dims: int) -> Iterator[tuple[np.ndarray, pd.DataFrame]]:
    """The vectors and the labels of a table, 10,000 rows at a time."""
    random = np.random.default_rng(0)
    direction = random.normal(size=dims)
    direction *= SHIFT / np.linalg.norm(direction)
    people = -(-rows // ROWS_PER_SPEAKER)
    offset = SPEAKER_DEVIATION * random.standard_normal((people, dims), dtype=np.float32)
    for start in range(0, rows, BLOCK):
        speaker = np.arange(start, min(start + BLOCK, rows)) // ROWS_PER_SPEAKER
        x = random.standard_normal((len(speaker), dims), dtype=np.float32) + offset[speaker]
        x += np.where(speaker % 2, 0.5, -0.5)[:, None] * direction
        labels = {
            "speaker": [f"speaker {number:06d}" for number in speaker],
            "gender": np.where(speaker % 2, "male", "female"),
            "region": np.where(speaker // 2 % 2, "north", "south"),
        }
        yield x.astype(np.float32), pd.DataFrame(labels)


def write(kind: str, folder: Path, rows: int, dims: int) -> list[str]:
    """Write a table; the arguments of the command that name it."""
    names = [f"x{number}" for number in range(dims)]
    writers = {"shards": write_shards, "npy": write_array, "npz": write_archive, "csv": write_csv}
    return writers.get(kind, write_parquet)(kind, folder, names, rows)


def write_parquet(kind: str, folder: Path, names: Sequence[str], rows: int) -> list[str]:
    import pyarrow as pa
    from pyarrow import parquet

    path = folder / "vectors.parquet"
    frames = (
        pd.concat([pd.DataFrame(x, columns=list(names)), labels], axis=1)
        for x, labels in blocks(rows, len(names))
    )
    if kind == "one-group":
        table = pa.concat_tables(pa.Table.from_pandas(frame) for frame in frames)
        parquet.write_table(table, path, row_group_size=rows)
        return [str(path)]
    writer = None
    for frame in frames:
        table = pa.Table.from_pandas(frame)
        writer = writer or parquet.ParquetWriter(path, table.schema)
        writer.write_table(table)
    if writer:
        writer.close()
    return [str(path)]


def write_shards(_: str, folder: Path, names: Sequence[str], rows: int) -> list[str]:
    shards, entries = folder / "vectors.shards", []
    for number, (x, labels) in enumerate(blocks(rows, len(names))):
        keys = [(f"{number}-{row}.wav", 0.0, 1.0) for row in range(len(x))]
        columns = {str(name): labels[name].tolist() for name in labels}
        content = ShardContent(keys, columns, np.ascontiguousarray(x.T), names, [])
        entries.append(write_shard(shards, number, len(x), content))
    write_manifest(shards, {}, entries, complete=True)
    return [str(shards)]


def write_csv(_: str, folder: Path, names: Sequence[str], rows: int) -> list[str]:
    import pyarrow as pa
    from pyarrow import csv

    path, writer = folder / "vectors.csv", None
    for x, labels in blocks(rows, len(names)):
        frame = pd.concat([pd.DataFrame(x.round(4), columns=list(names)), labels], axis=1)
        table = pa.Table.from_pandas(frame)
        writer = writer or csv.CSVWriter(path, table.schema)
        writer.write_table(table)
    if writer:
        writer.close()
    return [str(path)]


def write_array(_: str, folder: Path, names: Sequence[str], rows: int) -> list[str]:
    path, labels = folder / "vectors.npy", folder / "labels.csv"
    array = np.lib.format.open_memmap(path, "w+", np.float32, (rows, len(names)))
    for number, (x, columns) in enumerate(blocks(rows, len(names))):
        array[number * BLOCK : number * BLOCK + len(x)] = x
        columns.to_csv(labels, mode="a", header=not number, index=False)
    array.flush()
    return [str(path), "--array-labels", str(labels)]


def write_archive(_: str, folder: Path, names: Sequence[str], rows: int) -> list[str]:
    path, array = folder / "vectors.npz", Path(write_array("", folder, names, rows)[0])
    labels = pd.concat([labels for _, labels in blocks(rows, 1)])
    columns: dict[str, Any] = {str(name): labels[name].to_numpy(str) for name in labels}
    np.savez(path, x=np.load(array, mmap_mode="r"), **columns)
    array.unlink()
    return [str(path)]


def measured(kind: str, rows: int, dims: int, jobs: int, audited: int | None) -> dict[str, Any]:
    """The memory, the time and the verdicts of an audit."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table = write(kind, folder, rows, dims)
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        secrets = ("--secret", "gender", "--secret", "region")
        limit = () if audited is None else ("--rows", str(audited))
        options = (
            *limit,
            "--attackers",
            "quick",
            "--jobs",
            str(jobs),
            "--out",
            str(folder / "audit"),
        )
        command = [sys.executable, "-m", "sordino", "audit", *table, *secrets, *options]
        begin, points = time.perf_counter(), list[float]()
        with (folder / "result.json").open("w") as output:
            process = subprocess.Popen([*command, "--json", "-"], stdout=output)
            while process.poll() is None:
                if rss := tree_rss_mb(process.pid):
                    points.append(rss)
                time.sleep(INTERVAL_SECONDS)
        seconds = time.perf_counter() - begin
        if process.returncode:
            raise SystemExit(f"{kind}: the audit ended with {process.returncode}")
        result = json.loads((folder / "result.json").read_text())
    quarters = [
        points[(len(points) - 1) * quarter // QUARTERS] for quarter in range(1, 1 + QUARTERS)
    ]
    return {
        "kind": kind,
        "rows": rows,
        "dims": dims,
        "file_mb": size / 1e6,
        "seconds": seconds,
        "rss_mb": max(points),
        "rss_mb_quarters": quarters,
        "verdict": {name: verdict["verdict"] for name, verdict in result["verdict"].items()},
        "p": {name: verdict["p"] for name, verdict in result["verdict"].items()},
        "audited": result["rows"],
    }


def tree_rss_mb(process: int) -> float:
    """The resident sets of a process and of all that it started, in MB."""
    total = 0
    for number in (process, *descendants(process)):
        try:
            status = Path(f"/proc/{number}/status").read_text()
        except OSError:  # the process ended
            continue
        total += sum(
            int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")
        )
    return total * 1024 / 1e6


def main() -> None:
    """Print the memory and the verdicts, and write them as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000, metavar="N")
    parser.add_argument("--dims", type=int, default=384, metavar="D")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=["parquet"])
    parser.add_argument("--audited", type=int, help="rows of the audit; default: that of the verb")
    parser.add_argument("--jobs", type=int, default=0)
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    results = []
    for kind in options.kinds:
        result = measured(kind, options.rows, options.dims, options.jobs, options.audited)
        quarters = ", ".join(f"{rss:.0f}" for rss in result["rss_mb_quarters"])
        print(
            f"{kind:9} {result['file_mb']:6.0f} MB {result['seconds']:5.0f} s  at most "
            f"{result['rss_mb']:.0f} MB (quarters: {quarters})  {result['verdict']} {result['p']}",
            flush=True,
        )
        results.append(result)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
