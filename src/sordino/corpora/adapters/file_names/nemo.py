"""nEMO: nine actors, 90 sentences, six emotions, Polish.

Christop 2024, LREC-COLING, 12111-12116.
"""

from __future__ import annotations

from typing import Final

from sordino.corpora.adapters.file_names.frame import FileNames, Speaker
from sordino.corpora.checks.facts import Licence, PublishedCounts

_EMOTIONS: Final = {
    "anger": "angry",
    "fear": "fearful",
    "happiness": "happy",
    "neutral": "neutral",
    "sadness": "sad",
    "surprise": "surprised",
    "surprised": "surprised",
}

NEMO: Final = FileNames(
    "nemo",
    "samples/EB0_anger_11.wav ... (WAV or FLAC)",
    rf"(?P<speaker>[A-Z]{{2}}0)_(?P<emotion>{'|'.join(_EMOTIONS)})_[0-9]+",
    _EMOTIONS,
    PublishedCounts(
        "Christop 2024, LREC-COLING, 12111-12116, and its data card",
        {
            "neutral": 809,
            "happy": 749,
            "sad": 769,
            "angry": 749,
            "fearful": 736,
            "surprised": 669,
        },
        {"female": 4, "male": 5},
    ),
    Licence("CC BY-NC-SA 4.0 (Christop 2024)", commercial=False),
    {
        "EB0": Speaker("female", 27),
        "IC0": Speaker("female", 28),
        "KD0": Speaker("female", 28),
        "KS0": Speaker("male", 23),
        "MK0": Speaker("female", 23),
        "MP0": Speaker("male", 24),
        "SM0": Speaker("male", 24),
        "TP0": Speaker("male", 26),
        "WR0": Speaker("male", 23),
    },
)
