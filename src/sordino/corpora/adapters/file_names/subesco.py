"""SUBESCO, the SUST Bangla emotional speech corpus: 20 actors, ten sentences, five takes.

Sultana, Rahman, Selim and Iqbal 2021, PLoS ONE 16(4), e0250173.
"""

from __future__ import annotations

from typing import Final

from sordino.corpora.adapters.file_names.frame import FileNames, equal_counts
from sordino.corpora.checks.facts import Licence, PublishedCounts

_EMOTIONS: Final = {
    "ANGRY": "angry",
    "DISGUST": "disgust",
    "FEAR": "fearful",
    "HAPPY": "happy",
    "NEUTRAL": "neutral",
    "SAD": "sad",
    "SURPRISE": "surprised",
}

SUBESCO: Final = FileNames(
    "subesco",
    "F_01_OISHI_S_1_ANGRY_1.wav ... M_10_EVAN_S_10_SURPRISE_5.wav (WAV or FLAC)",
    r"(?P<speaker>(?P<gender>[FM])_(?:0[1-9]|10))_[A-Z]+_S_(?:[1-9]|10)"
    rf"_(?P<emotion>{'|'.join(_EMOTIONS)})_[1-5]",
    _EMOTIONS,
    PublishedCounts(
        "Sultana et al. 2021, PLoS ONE 16(4), e0250173",
        equal_counts(_EMOTIONS, 1000),
        {"female": 10, "male": 10},
        {f"{letter}_{number:02d}": 350 for letter in "FM" for number in range(1, 11)},
    ),
    Licence("CC BY 4.0 (Sultana et al. 2021)", commercial=True),
)
