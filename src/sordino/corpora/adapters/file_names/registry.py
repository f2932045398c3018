"""The corpora whose labels are in the names of their recordings, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sordino.corpora.adapters.file_names.aesdd import AESDD
from sordino.corpora.adapters.file_names.asvp_esd import ASVP_ESD
from sordino.corpora.adapters.file_names.cafe import CAFE
from sordino.corpora.adapters.file_names.emov_db import EMOV_DB
from sordino.corpora.adapters.file_names.emovo import EMOVO
from sordino.corpora.adapters.file_names.esd import ESD
from sordino.corpora.adapters.file_names.frame import FileNames
from sordino.corpora.adapters.file_names.jl import JL
from sordino.corpora.adapters.file_names.nemo import NEMO
from sordino.corpora.adapters.file_names.savee import SAVEE
from sordino.corpora.adapters.file_names.shemo import SHEMO
from sordino.corpora.adapters.file_names.subesco import SUBESCO
from sordino.corpora.adapters.file_names.tess import TESS

FILE_NAMES: Final[Mapping[str, FileNames]] = {
    corpus.name: corpus
    for corpus in (
        *(SAVEE, TESS, NEMO, JL, CAFE, EMOVO),
        *(SHEMO, AESDD, SUBESCO, ESD, EMOV_DB, ASVP_ESD),
    )
}
"""Name to corpus. A new one needs one file and its name here."""
