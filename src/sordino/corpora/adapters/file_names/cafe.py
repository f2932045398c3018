"""CaFE, the Canadian French emotional speech dataset: 12 actors, six sentences, two intensities.

Gournay, Lahaie and Lefebvre 2018, ACM Multimedia Systems Conference, 399-402.
"""

from __future__ import annotations

from typing import Final

from sordino.corpora.adapters.file_names.frame import FileNames, Speaker, equal_counts
from sordino.corpora.checks.facts import Licence, PublishedCounts

_EMOTIONS: Final = {
    "C": "angry",
    "D": "disgust",
    "J": "happy",
    "N": "neutral",
    "P": "fearful",
    "S": "surprised",
    "T": "sad",
}
"""First letters of colère, dégoût, joie, neutre, peur, surprise, tristesse."""

_AGES: Final = (46, 64, 18, 50, 22, 34, 15, 25, 42, 20, 35, 37)

CAFE: Final = FileNames(
    "cafe",
    "Colère/Fort/01-C-2-1.wav ... Neutre/01-N-1-1.wav (CaFE_48k.zip unpacked; WAV or FLAC)",
    r"(?P<speaker>0[1-9]|1[0-2])-(?P<emotion>[CDJNPST])-(?P<intensity>[12])-(?P<sentence>[1-6])",
    _EMOTIONS,
    PublishedCounts(
        "Gournay, Lahaie and Lefebvre 2018, MMSys, 399-402: neutral in one intensity",
        equal_counts(_EMOTIONS, 144, neutral=72),
        {"female": 6, "male": 6},
        {f"{actor:02d}": 78 for actor in range(1, 13)},
    ),
    Licence("CC BY-NC-SA 4.0 (Gournay et al. 2018)", commercial=False),
    {
        f"{actor:02d}": Speaker("male" if actor % 2 else "female", age)
        for actor, age in enumerate(_AGES, 1)
    },
    {"1": "weak", "2": "strong"},
    {
        "1": "Un cheval fou dans mon jardin",
        "2": "Deux ânes aigris au pelage brun",
        "3": "Trois cygnes aveugles au bord du lac",
        "4": "Quatre vieilles truies éléphantesques",
        "5": "Cinq pumas fiers et passionnés",
        "6": "Six ours aimants domestiqués",
    },
)
