"""The memory of the scaled space and of a training on vectors that are mapped from a file.

    python benchmarks/large/space_memory.py --json memory.json

A synthetic array stands on disk. Its scaled space is fitted in blocks and compared with the exact
fit on as many rows as `--exact` names; all rows are scaled into a second file; a risk model is
trained on 0.4 of them, batch by batch. Printed are, after each step, the memory of the process
alone (`anonymous`) and with the pages of files, which the system takes back when it needs them.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sordino.features import PreprocessFitter
from sordino.features.large import fit_blocks, map_scaled
from sordino.nn import Job, RiskModel, Settings
from sordino.nn.fit import fit, row_view
from sordino.nn.risk import risk_loss

BLOCK = 10_000
BATCH = 512
PARTY = 0.4
"""The share of the rows that the risk model is trained on."""


def memory_mb() -> dict[str, float]:
    """The resident set of this process now, and the largest so far, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    fields = {
        line.split(":")[0]: line.split()[1] for line in lines if line.startswith(("Rss", "Vm"))
    }
    names = {"anonymous": "RssAnon", "with_files": "VmRSS", "largest_with_files": "VmHWM"}
    return {name: int(fields[field]) * 1024 / 1e6 for name, field in names.items()}


def write(path: Path, rows: int, dims: int) -> np.ndarray:
    """Vectors of correlated dimensions on disk, mapped."""
    random = np.random.default_rng(0)
    mixing = random.normal(size=(dims, dims)) * np.geomspace(1, 0.01, dims) / np.sqrt(dims)
    x = np.lib.format.open_memmap(path, "w+", np.float32, (rows, dims))
    for start in range(0, rows, BLOCK):
        part = x[start : start + BLOCK]
        part[:] = random.standard_normal(part.shape, dtype=np.float32) @ mixing.T
    x.flush()
    array: np.ndarray = np.load(path, mmap_mode="c")
    return array


def main() -> None:
    """Print the memory, and write it as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000, metavar="N")
    parser.add_argument("--dims", type=int, default=384, metavar="D")
    parser.add_argument("--exact", type=int, default=20_000, metavar="N")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    points: list[dict[str, Any]] = []

    def point(step: str, begin: float) -> None:
        points.append({"step": step, "seconds": time.perf_counter() - begin, **memory_mb()})
        figures = ", ".join(
            f"{name} {value:.0f}" for name, value in points[-1].items() if name != "step"
        )
        print(f"{step:14} {figures}", flush=True)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        x = write(folder / "x.npy", options.rows, options.dims)
        part = np.array(x[: options.exact])
        exact, blocked = PreprocessFitter().fit(part)(part), fit_blocks(PreprocessFitter(), part)
        difference = float(np.abs(blocked(part) - exact).max() / np.abs(exact).max())
        print(f"difference to the exact fit on {options.exact:,} rows: {difference:.1e}")
        begin = time.perf_counter()
        space = fit_blocks(PreprocessFitter(), x)
        point("space", begin)
        begin = time.perf_counter()
        z = torch.from_numpy(map_scaled(space, x, folder / "z.npy"))
        point("scaled vectors", begin)
        begin, order = time.perf_counter(), torch.randperm(len(z))
        cut = round(PARTY * len(z))
        batches = []
        for rows in (order[: cut * 4 // 5], order[cut * 4 // 5 : cut]):
            batches.append({"x": row_view(z, rows), "role": rows % 3, "gender": rows % 2})
        settings = Settings(epochs=1, batch=BATCH)
        fit(Job(RiskModel(z.shape[1]), risk_loss, batches[0], batches[1], settings))
        point("risk model", begin)
    if options.json:
        content = {"rows": options.rows, "difference": difference, "points": points}
        options.json.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
