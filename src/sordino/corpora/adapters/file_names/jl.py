"""JL corpus: two women and two men, five primary and five secondary emotions, New Zealand English.

James, Tian and Watson 2018, Interspeech, 2768-2772.
"""

from __future__ import annotations

from typing import Final

from sordino.corpora.adapters.file_names.frame import FileNames, equal_counts
from sordino.corpora.checks.facts import Licence, PublishedCounts

_EMOTIONS: Final = {
    name: name
    for name in (
        *("angry", "excited", "happy", "neutral", "sad"),
        *("anxious", "apologetic", "assertive", "concerned", "encouraging"),
    )
}

JL: Final = FileNames(
    "jl",
    "Raw JL corpus (unchecked and unannotated)/JL(wav+txt)/female1_angry_10a_1.wav ... "
    "(WAV or FLAC)",
    rf"(?P<speaker>(?P<gender>female|male)[12])_(?P<emotion>{'|'.join(_EMOTIONS)})"
    r"_[0-9]+[ab]_[12]",
    _EMOTIONS,
    PublishedCounts(
        "James, Tian and Watson 2018, Interspeech, 2768-2772: 240 recordings of each emotion",
        equal_counts(_EMOTIONS, 240),
        {"female": 2, "male": 2},
        dict.fromkeys(("female1", "female2", "male1", "male2"), 600),
    ),
    Licence("CC0 1.0 (James et al. 2018)", commercial=True),
)
