"""AESDD, the acted emotional speech dynamic database: 20 utterances, five emotions, Greek.

Vryzas, Kotsakis, Liatsou, Dimoulas and Kalliris 2018, Journal of the Audio Engineering Society
66(6), 457-467. The database grows: it had five actors (three women, two men), and has six. The
authors do not publish which number is whose gender: add a `speakers.csv`.
"""

from __future__ import annotations

from typing import Final

from sordino.corpora.adapters.file_names.frame import FileNames
from sordino.corpora.checks.facts import Licence, PublishedCounts

AESDD: Final = FileNames(
    "aesdd",
    "anger/a01 (1).wav ... sadness/s20 (6).wav (WAV or FLAC)",
    r"(?P<emotion>[adfhs])[0-9]{2} \(0?(?P<speaker>[1-9][0-9]?)\)b?",
    {
        "a": "angry",
        "d": "disgust",
        "f": "fearful",
        "h": "happy",
        "s": "sad",
    },
    PublishedCounts(
        "Vryzas et al. 2018, Journal of the Audio Engineering Society 66(6), 457-467; counts of "
        "the present release by the file list of EmoBox (Ma et al. 2024)",
        {"happy": 119, "sad": 122, "angry": 121, "fearful": 120, "disgust": 122},
        {"unknown": 6},
        doubt="the database grows, and the list leaves out recordings that cannot be opened",
    ),
    Licence("no licence stated with the recordings (Vryzas et al. 2018)"),
)
