"""TESS, the Toronto emotional speech set: 200 words in a carrier phrase by two women, English.

Pichora-Fuller and Dupuis 2020, doi 10.5683/SP2/E8H2MF. One official name is OA_bite_neutral.
"""

from __future__ import annotations

from typing import Final

from sordino.corpora.adapters.file_names.frame import FileNames, Speaker, equal_counts
from sordino.corpora.checks.facts import Licence, PublishedCounts

_EMOTIONS: Final = {
    "angry": "angry",
    "disgust": "disgust",
    "fear": "fearful",
    "happy": "happy",
    "neutral": "neutral",
    "ps": "surprised",
    "sad": "sad",
}
"""`ps` is pleasant surprise."""

TESS: Final = FileNames(
    "tess",
    "OAF_angry/OAF_back_angry.wav ... YAF_sad/ (WAV or FLAC)",
    rf"(?P<speaker>OA|YA)F?_(?P<word>[a-z]+)_(?P<emotion>{'|'.join(_EMOTIONS)})",
    _EMOTIONS,
    PublishedCounts(
        "Pichora-Fuller and Dupuis 2020, doi 10.5683/SP2/E8H2MF: 200 words, 7 emotions, 2 women",
        equal_counts(_EMOTIONS, 400),
        {"female": 2},
        {"OA": 1400, "YA": 1400},
    ),
    Licence("CC BY-NC-ND 4.0 (Pichora-Fuller & Dupuis 2020)", commercial=False),
    {"OA": Speaker("female", 64), "YA": Speaker("female", 26)},
)
