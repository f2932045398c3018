"""Vectors of any number of utterances, in a folder of Parquet shards.

`extract_shards` writes the folder from a corpus, a table of paths, tar files or Parquet tables of
sounds; `read_shards` reads it shard by shard.
"""

from __future__ import annotations

from sordino.features.shards.extraction import ShardSummary, extract_shards
from sordino.features.shards.parquet_rows import ParquetRows
from sordino.features.shards.path_rows import PathRows
from sordino.features.shards.rows import CorpusRows, RowSource
from sordino.features.shards.tar_rows import TarRows
from sordino.features.tables import read_shards

__all__ = [
    "CorpusRows",
    "ParquetRows",
    "PathRows",
    "RowSource",
    "ShardSummary",
    "TarRows",
    "extract_shards",
    "read_shards",
]
