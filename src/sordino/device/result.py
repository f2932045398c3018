"""The result of an utterance on a device: a released vector, or the reason for withholding it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from sordino.errors import ReleaseError


class Reason(StrEnum):
    """Why nothing is released. It describes the recording or the device, never words or speaker.

    It is for the user and stays on the device: a receiver learns nothing of a withheld utterance.
    """

    NO_SAMPLES = "no usable samples, expected floats (n,) or (n, channels)"
    NOT_FINITE = "samples that are NaN or infinite"
    WRONG_RATE = "a sampling rate outside that of recordings: resample first"
    TOO_SHORT = "too short to be an utterance"
    TOO_LONG = "too long to be one utterance"
    CLIPPED = "over half of the samples at full scale: no speech, check the microphone"
    SILENT = "no sound: the microphone is off or not connected"
    FEATURES = "the features could not be computed"
    MODEL = "the model failed"
    WARM_UP = "the mean of the device covers too few utterances yet: more utterances complete it"
    CHANNEL_UNKNOWN = (
        "the mean of the device cannot be read, locked or written, or belongs to another bundle: "
        "remove its file to begin a new one"
    )
    BUDGET_SPENT = "more vectors than the policy still allows today: more tomorrow"
    CLOCK_BEHIND = (
        "the clock is behind a day that the budget has counted: correct the clock, or see `sordino "
        "budget show`"
    )
    UNCOUNTED = (
        "the policy limits vectors a day and none are counted: pass Runtime(..., "
        "budget=DailyBudget(FILE, today))"
    )
    BUDGET_UNKNOWN = "the count of vectors released today cannot be read, locked or written"


@dataclass(frozen=True, eq=False)
class Released:
    """The released vector, the only data of one utterance that leaves the device."""

    vector: NDArray[np.float32]  # (d,)


@dataclass(frozen=True)
class Withheld:
    """No data of this utterance leaves the device."""

    reason: Reason


Result = Released | Withheld
"""One of the two."""


class NotCentredError(ReleaseError):
    """An utterance has no centred vector: it is withheld, for a `reason`."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(str(reason))
        self.reason = reason
