"""Every feature set by name: what training computes of a recording, and a device of what it hears."""

from __future__ import annotations

from typing import Final

from sordino.signal.filterbank import Filterbank
from sordino.signal.smile import Functionals

FEATURE_SETS: Final = {
    "IS13": Functionals("IS13", 6373),
    "ComParE_2016": Functionals("ComParE_2016", 6373),
    "eGeMAPSv02": Functionals("eGeMAPSv02", 88),
}
"""Samples to one vector: `IS13` of the Interspeech 2013 challenge (Schuller et al. 2013; Feng 2021 uses it),
`ComParE_2016` its later revision, `eGeMAPSv02` a small set chosen by voice researchers (Eyben et al. 2016). A new set
is one module and one line here."""

SEQUENCES: Final = {"filterbank": Filterbank()}
"""Samples to a sequence of frames, `(steps, width)`."""
