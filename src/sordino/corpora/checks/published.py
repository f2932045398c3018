"""Published counts of utterances and speakers, for a comparison with a copy of a corpus."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sordino.corpora.adapters.file_names.registry import FILE_NAMES
from sordino.corpora.checks.facts import PublishedCounts

FENG2021_EMOTIONS: Final = ("neutral", "happy", "sad", "angry")
"""The emotions that Feng 2021 uses of every corpus."""


PUBLISHED: Final[Mapping[str, PublishedCounts]] = {
    "ravdess": PublishedCounts(
        "Livingstone and Russo 2018, PLoS ONE 13(5), e0196391: speech, audio only",
        {
            "neutral": 96,
            "calm": 192,
            "happy": 192,
            "sad": 192,
            "angry": 192,
            "fearful": 192,
            "disgust": 192,
            "surprised": 192,
        },
        {"female": 12, "male": 12},
        {f"{actor:02d}": 60 for actor in range(1, 25)},
        feng2021=672,
    ),
    "emodb": PublishedCounts(
        "Burkhardt et al. 2005, Interspeech, 1517-1520: the 535 recordings released with it",
        {
            "neutral": 79,
            "happy": 71,
            "sad": 62,
            "angry": 127,
            "fearful": 69,
            "disgust": 46,
            "bored": 81,
        },
        {"female": 5, "male": 5},
        {
            "03": 49,
            "08": 58,
            "09": 43,
            "10": 38,
            "11": 55,
            "12": 35,
            "13": 61,
            "14": 69,
            "15": 56,
            "16": 71,
        },
    ),
    "cremad": PublishedCounts(
        "Cao et al. 2014, IEEE Transactions on Affective Computing 5(4), 377-390, and its "
        "SentenceFilenames.csv: "
        "intended emotions",
        {
            "neutral": 1087,
            "happy": 1271,
            "sad": 1271,
            "angry": 1271,
            "fearful": 1271,
            "disgust": 1271,
        },
        {"female": 43, "male": 48},
        {str(actor): 82 for actor in range(1001, 1092)}
        | {"1002": 81, "1008": 76, "1009": 76, "1019": 76, "1076": 81},
        feng2021=4900,
    ),
    "iemocap": PublishedCounts(
        "Busso et al. 2008, Language Resources and Evaluation 42(4), 335-359, and its label files: "
        "other is xxx (2507) and oth (3)",
        {
            "neutral": 1708,
            "happy": 595,
            "sad": 1084,
            "angry": 1103,
            "fearful": 40,
            "disgust": 2,
            "surprised": 107,
            "excited": 1041,
            "frustrated": 1849,
            "other": 2510,
        },
        {"female": 5, "male": 5},
        feng2021=4490,
    ),
    "muse": PublishedCounts(
        "Jaiswal and Mower Provost 2020, AAAI, 7985-7993, section 3.1: 55 recordings of 28 people",
        utterances_in_all=2648,
        speakers_in_all=28,
        doubt="2648 utterances may be those before or after the selection of 3 to 25 s",
    ),
    "msp_improv": PublishedCounts(
        "Busso et al. 2017, IEEE Transactions on Affective Computing 8(1), 67-80, Table 4: other "
        "is other (85) and no "
        "agreement (555)",
        {"neutral": 3477, "happy": 2644, "sad": 885, "angry": 792, "other": 640},
        {"female": 6, "male": 6},
    ),
    "msp_podcast": PublishedCounts(
        "Jaiswal and Mower Provost 2020, AAAI, 7985-7993, section 3.1: utterances with known "
        "gender",
        with_gender=13555,
        doubt="the corpus grows with each release, and the release with 13555 utterances of known "
        "gender is not named",
    ),
    "meld": PublishedCounts(
        "Poria et al. 2019, ACL, 527-536, and its three tables",
        {
            "neutral": 6436,
            "happy": 2308,
            "sad": 1002,
            "angry": 1607,
            "fearful": 358,
            "disgust": 361,
            "surprised": 1636,
        },
        {"female": 3, "male": 3, "unknown": 298},
        with_gender=11415,
    ),
    "meld_sound": PublishedCounts(
        "Poria et al. 2019, ACL, 527-536: the lines with a readable video, by the file list of "
        "EmoBox (Ma et al. 2024)",
        {
            "neutral": 6434,
            "happy": 2308,
            "sad": 1002,
            "angry": 1607,
            "fearful": 358,
            "disgust": 361,
            "surprised": 1636,
        },
    ),
    **{name: corpus.published for name, corpus in FILE_NAMES.items()},
}
"""Corpus to its counts; the genders of EMO-DB's speakers, the recordings of each, and the speakers
of MELD are those of the releases.
"""
