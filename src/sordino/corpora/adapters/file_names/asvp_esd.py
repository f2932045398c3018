"""ASVP-ESD, the emotional sound database of the audio, speech and vision processing laboratory:
speech and other sounds of the voice from films and videos, several languages.

Landry, He, Yan and Li 2020, Global Scientific Journals 8(5); Zenodo, doi 10.5281/zenodo.7132783.
Odd numbers of folders are women, even ones men.
"""

from __future__ import annotations

from typing import Final

from sordino.corpora.adapters.file_names.frame import FileNames, Speaker
from sordino.corpora.checks.facts import Licence, PublishedCounts

ASVP_ESD: Final = FileNames(
    "asvp_esd",
    "Audio/actor_36/03-01-09-01-06-36-02-02-01-39.wav ... (WAV or FLAC)",
    r"03-0[12]-(?P<emotion>0[1-9]|1[0-37])-(?P<intensity>0[12])-[0-9]+-(?P<speaker>[0-9]+)"
    r"-0[0-9](?:[-_][0-9]+)*",
    {
        "01": "bored",
        "02": "neutral",
        "03": "happy",
        "04": "sad",
        "05": "angry",
        "06": "fearful",
        "07": "disgust",
        "08": "surprised",
        "09": "excited",
        "10": "pleasure",
        "11": "pain",
        "12": "disappointed",
        "13": "breath",
        "17": "other",
    },
    PublishedCounts(
        "Zenodo, doi 10.5281/zenodo.7132783; counts by the file list of EmoBox (Ma et al. 2024)",
        {
            "neutral": 1598,
            "happy": 1868,
            "sad": 2694,
            "angry": 1453,
            "fearful": 1180,
            "disgust": 899,
            "surprised": 1586,
            "bored": 548,
            "excited": 401,
            "pleasure": 365,
            "pain": 834,
            "disappointed": 365,
            "breath": 172,
            "other": 1,
        },
        doubt="the database grows with each version",
    ),
    Licence("see its Zenodo record; sound of films and videos of others (Landry et al. 2020)"),
    {
        text: Speaker("female" if number % 2 else "male")
        for number in range(1, 1000)
        for text in {f"{number:02d}", f"{number:03d}", str(number)}
    },
    {"01": "normal", "02": "strong"},
)
