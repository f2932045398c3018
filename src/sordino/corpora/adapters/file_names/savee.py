"""SAVEE, the Surrey audio-visual expressed emotion database: four men, English.

Haq and Jackson 2009, International Conference on Auditory-Visual Speech Processing, 53-58.
"""

from __future__ import annotations

from typing import Final

from sordino.corpora.adapters.file_names.frame import FileNames, equal_counts, of_gender
from sordino.corpora.checks.facts import Licence, PublishedCounts

_EMOTIONS: Final = {
    "a": "angry",
    "d": "disgust",
    "f": "fearful",
    "h": "happy",
    "n": "neutral",
    "sa": "sad",
    "su": "surprised",
}

SAVEE: Final = FileNames(
    "savee",
    "AudioData/DC/a01.wav ... or DC_a01.wav ... (WAV or FLAC)",
    r"(?P<speaker>DC|JE|JK|KL)[/_](?P<emotion>sa|su|[adfhn])[0-9]{2}",
    _EMOTIONS,
    PublishedCounts(
        "Haq and Jackson 2009, AVSP, 53-58: 15 sentences for each emotion, 30 for neutral",
        equal_counts(_EMOTIONS, 60, neutral=120),
        {"male": 4},
        dict.fromkeys(("DC", "JE", "JK", "KL"), 120),
    ),
    Licence("for research, on request (Haq & Jackson 2009)", commercial=False),
    of_gender("male", "DC", "JE", "JK", "KL"),
)
