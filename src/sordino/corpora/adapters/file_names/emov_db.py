"""EmoV-DB, the emotional voices database: two women and two men, five styles, English.

Adigwe, Tits, El Haddad, Ostadabbas and Dutoit 2018, arXiv 1806.09514. The French speaker of the
paper is not in the release.
"""

from __future__ import annotations

from typing import Final

from sordino.corpora.adapters.file_names.frame import FileNames, of_gender
from sordino.corpora.checks.facts import Licence, PublishedCounts

_EMOTIONS: Final = {
    "Amused": "amused",
    "Angry": "angry",
    "Disgusted": "disgust",
    "Neutral": "neutral",
    "Sleepy": "sleepy",
}

EMOV_DB: Final = FileNames(
    "emov_db",
    "bea_Amused/amused_1-15_0001.wav ... or bea/Amused/ ... (WAV or FLAC)",
    rf"(?P<speaker>bea|jenie|josh|sam)[_/](?P<emotion>{'|'.join(_EMOTIONS)})/[^/]+_[0-9]{{4}}",
    _EMOTIONS,
    PublishedCounts(
        "Adigwe et al. 2018, arXiv 1806.09514, and the list of its release",
        {"neutral": 1585, "angry": 1308, "disgust": 1033, "amused": 1330, "sleepy": 1744},
        {"female": 2, "male": 2},
        {"bea": 1866, "jenie": 1817, "josh": 863, "sam": 2454},
        doubt="the file list of EmoBox (Ma et al. 2024) has 6887 of the 7000 recordings",
    ),
    Licence("licence of its authors, in the release (Adigwe et al. 2018)"),
    of_gender("female", "bea", "jenie") | of_gender("male", "josh", "sam"),
)
