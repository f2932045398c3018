"""EMOVO: six actors, 14 sentences, seven emotions, Italian.

Costantini, Iaderola, Paoloni and Todisco 2014, LREC, 3501-3504.
"""

from __future__ import annotations

from typing import Final

from sordino.corpora.adapters.file_names.frame import FileNames, Speaker, equal_counts
from sordino.corpora.checks.facts import Licence, PublishedCounts

_EMOTIONS: Final = {
    "dis": "disgust",
    "gio": "happy",
    "neu": "neutral",
    "pau": "fearful",
    "rab": "angry",
    "sor": "surprised",
    "tri": "sad",
}
"""First letters of disgusto, gioia, neutrale, paura, rabbia, sorpresa, tristezza."""

EMOVO: Final = FileNames(
    "emovo",
    "f1/dis-f1-b1.wav ... m3/tri-m3-n5.wav (WAV or FLAC)",
    rf"(?P<emotion>{'|'.join(_EMOTIONS)})-(?P<speaker>[fm][1-3])-(b[1-3]|l[1-4]|n[1-5]|d[12])",
    _EMOTIONS,
    PublishedCounts(
        "Costantini et al. 2014, LREC, 3501-3504: 14 sentences, 7 emotions, 6 actors",
        equal_counts(_EMOTIONS, 84),
        {"female": 3, "male": 3},
        dict.fromkeys(("f1", "f2", "f3", "m1", "m2", "m3"), 98),
    ),
    Licence("no licence stated with the recordings (Costantini et al. 2014)"),
    {
        "f1": Speaker("female", 28),
        "f2": Speaker("female", 23),
        "f3": Speaker("female", 25),
        "m1": Speaker("male", 30),
        "m2": Speaker("male", 27),
        "m3": Speaker("male", 30),
    },
)
