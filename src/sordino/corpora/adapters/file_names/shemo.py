"""ShEMO, the Sharif emotional speech database: radio plays, 87 speakers, Persian.

Mohamad Nezami, Jamshid Lou and Karami 2019, Language Resources and Evaluation 53(1), 1-16.
"""

from __future__ import annotations

from typing import Final

from sordino.corpora.adapters.file_names.frame import FileNames
from sordino.corpora.checks.facts import Licence, PublishedCounts

SHEMO: Final = FileNames(
    "shemo",
    "female/F01A01.wav ... male/M01A01.wav (WAV or FLAC)",
    r"(?P<speaker>(?P<gender>[FM])[0-9]{2})(?P<emotion>[AFHNSW])[0-9]{2,3}",
    {
        "A": "angry",
        "F": "fearful",
        "H": "happy",
        "N": "neutral",
        "S": "sad",
        "W": "surprised",
    },
    PublishedCounts(
        "Mohamad Nezami et al. 2019, Language Resources and Evaluation 53(1), 1-16",
        {
            "neutral": 1028,
            "happy": 201,
            "sad": 449,
            "angry": 1059,
            "fearful": 38,
            "surprised": 225,
        },
        {"female": 31, "male": 56},
    ),
    Licence("free for academic purposes (Mohamad Nezami et al. 2019)", commercial=False),
)
