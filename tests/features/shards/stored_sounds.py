"""Tar files and Parquet tables of synthetic sounds, in the layouts of WebDataset and Hugging
Face.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from sordino.features.shards.rows import RowSource, SoundRow
from sordino.signal.decoding import encoded

EMOTIONS = ("sad", "angry", "neutral")


def wav(seed: int, seconds: float = 0.2) -> bytes:
    """A file of noise."""
    noise = np.random.default_rng(seed).normal(0, 3000, int(16000 * seconds))
    return encoded(noise.astype(np.int16), 16000, "WAV")


def samples(count: int) -> dict[str, bytes]:
    """The members of a tar: `0000.wav` and `0000.json`, ..."""
    members = {}
    for number in range(count):
        members[f"{number:04d}.wav"] = wav(number)
        labels: dict[str, object] = {"speaker": f"s{number % 2}", "emotion": EMOTIONS[number % 3]}
        labels |= {"age": 20 + number, "words": ["not", "one"]}
        members[f"{number:04d}.json"] = json.dumps(labels).encode()
    return members


def write_tar(
    path: Path, members: dict[str, bytes], further: Iterable[tarfile.TarInfo] = ()
) -> Path:
    """A tar with these members, and then further headers without content."""
    with tarfile.open(path, "w") as archive:
        for name, content in members.items():
            header = tarfile.TarInfo(name)
            header.size = len(content)
            archive.addfile(header, io.BytesIO(content))
        for header in further:
            archive.addfile(header)
    return path


def audio_column(sounds: Sequence[bytes | None]) -> pa.Array:
    """The column `audio` of a table."""
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    rows = [{"bytes": sound, "path": f"{row}.wav"} for row, sound in enumerate(sounds)]
    return pa.array(rows, kind)


def write_table(path: Path, sounds: Sequence[bytes | None], group: int = 4) -> Path:
    """A Parquet table of sounds with text, and with a ClassLabel."""
    count = len(sounds)
    table = pa.table(
        {
            "audio": audio_column(sounds),
            "speaker": [f"s{row % 2}" for row in range(count)],
            "emotion": pa.array([row % 4 - 1 for row in range(count)], pa.int64()),
        }
    )
    features = {"emotion": {"names": list(EMOTIONS), "_type": "ClassLabel"}}
    content = json.dumps({"info": {"features": features}})
    parquet.write_table(
        table.replace_schema_metadata({"huggingface": content}), path, row_group_size=group
    )
    return path


def rows_of(source: RowSource, labels: Sequence[str] = ()) -> list[SoundRow]:
    """All rows of a source."""
    return [row for row in source.rows(labels, lambda _: True) if row is not None]
