"""Small tables of vectors with labels, as CSV, Parquet and NPZ."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sordino.features.labelled import Labelled, read_labelled

ROWS = 48
RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(ROWS, 4))
NAMES = ["speaker", "gender"]
SPEAKER = np.repeat([f"{index:02d}" for index in range(8)], 6)
GENDER = np.repeat(["female", "male"] * 4, 6)

COUNTS: dict[str, Any] = {
    "label_id": np.arange(ROWS) % 2,
    "label_float": (np.arange(ROWS) % 3).astype(float),
    "truth": np.arange(ROWS) % 2 == 0,
    "speaker_id": np.arange(ROWS) // 6,
    "index": np.arange(ROWS),
    "backwards": -np.arange(ROWS),
    "permuted": np.random.default_rng(1).permutation(ROWS),
    "stamp": 1.6e9 + np.cumsum(np.random.default_rng(1).uniform(1, 9, ROWS)),
    "steps": np.arange(ROWS) // 16 + 0.5,
    "shuffled_stamp": np.random.default_rng(1).integers(1_600_000_000, 1_700_000_000, ROWS),
}


def frame(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame(X, columns=[f"x{index}" for index in range(4)]).assign(
        speaker=SPEAKER, gender=GENDER, **columns
    )


def save(table: pd.DataFrame, path: Path) -> Path:
    if path.suffix == ".csv":
        table.to_csv(path, index=False)
    elif path.suffix == ".parquet":
        table.to_parquet(path)
    else:
        dims = [name for name in map(str, table) if name[0] == "x"]
        text = {
            name: table[name].to_numpy(
                str if table[name].dtype == object or table[name].dtype == "str" else None
            )
            for name in map(str, table)
            if name not in dims
        }
        arrays: dict[str, Any] = {
            f"{name}s" if name == "file" else name: values for name, values in text.items()
        }
        np.savez(path, x=table[dims].to_numpy(), names=np.array(dims), **arrays)
    return path


def read(path: Path, names: list[str] = NAMES, **options: Any) -> Labelled:
    return read_labelled(path, names, **options)
