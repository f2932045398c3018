"""ESD, the emotional speech database: ten speakers of Mandarin, ten of English, five emotions.

Zhou, Sisman, Liu and Li 2022, Speech Communication 137, 1-18.
"""

from __future__ import annotations

from typing import Final

from sordino.corpora.adapters.file_names.frame import FileNames, equal_counts, of_gender
from sordino.corpora.checks.facts import Licence, PublishedCounts

_EMOTIONS: Final = {
    "Angry": "angry",
    "Happy": "happy",
    "Neutral": "neutral",
    "Sad": "sad",
    "Surprise": "surprised",
}
_WOMEN: Final = ("0001", "0002", "0003", "0007", "0009", "0015", "0016", "0017", "0018", "0019")
_SPEAKERS: Final = tuple(f"{number:04d}" for number in range(1, 21))

ESD: Final = FileNames(
    "esd",
    "0001/Angry/0001_000351.wav ... 0020/ (WAV or FLAC)",
    rf"[0-9]{{4}}/(?P<emotion>{'|'.join(_EMOTIONS)})/(?:train/|test/|evaluation/)?"
    rf"(?P<speaker>{'|'.join(_SPEAKERS)})_[0-9]{{6}}",
    _EMOTIONS,
    PublishedCounts(
        "Zhou, Sisman, Liu and Li 2022, Speech Communication 137, 1-18",
        equal_counts(_EMOTIONS, 7000),
        {"female": 10, "male": 10},
        dict.fromkeys(_SPEAKERS, 1750),
    ),
    Licence("for research only (Zhou et al. 2022)", commercial=False),
    of_gender("male", *_SPEAKERS) | of_gender("female", *_WOMEN),
)
