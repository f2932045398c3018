"""A batch on the wire, format 1. Whatever differs from it is refused, with no value repeated."""

from __future__ import annotations

import datetime
from itertools import pairwise
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError

from sordino.device.bundle.families import MOST_PROTOTYPES
from sordino.device.sending.wire import BATCH_FORMAT, MOST_RELEASES
from sordino.server.errors import Problem, invalid

LAST_NUMBER: Final = (1 << 53) - 1
"""The largest number of a release; JSON readers agree on integers up to it."""
LARGEST_INDEX: Final = MOST_PROTOTYPES - 1
"""The largest index of a prototype."""
WIDEST_RELEASE: Final = 1 << 16

Number = Annotated[int, Field(ge=1, le=LAST_NUMBER)]


class WireModel(BaseModel):
    """A part of the contract: no further members, no conversion of types, no NaN."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class PrototypeRelease(WireModel):
    """A release of a drawn or label policy."""

    number: Number
    prototype: Annotated[int, Field(ge=0, le=LARGEST_INDEX)]
    """The row in the array `prototypes` of the policy."""


class VectorRelease(WireModel):
    """A release of any policy; of a drawn or label policy it must be a prototype, bit for bit.

    Each number is the float32 exactly, or the shortest decimal of it; a near number is refused.
    """

    number: Number
    vector: Annotated[list[FiniteFloat], Field(min_length=1, max_length=WIDEST_RELEASE)]


class ReleaseBatch(WireModel):
    """Releases of one device under one policy on one day."""

    format: Annotated[int, Field(ge=BATCH_FORMAT, le=BATCH_FORMAT)]
    bundle: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """SHA-256 of manifest.json."""
    policy: Annotated[str, Field(pattern=r"^[^\x00]{1,200}$")]
    day: Annotated[datetime.date, Field(description="The date of the releases on the device.")]
    releases: Annotated[
        list[PrototypeRelease | VectorRelease], Field(min_length=1, max_length=MOST_RELEASES)
    ]
    """Numbers count the released vectors of the device, from 1, and increase strictly."""


class Stored(WireModel):
    """The answer to a batch that is stored."""

    stored: int
    last_number: int


class DevicePolicy(WireModel):
    """A policy that the device may send."""

    bundle: str
    policy: str
    consent: bool


class DeviceState(WireModel):
    """What the server knows of a device."""

    last_number: int
    policies: list[DevicePolicy]


def parse_batch(body: bytes) -> ReleaseBatch:
    """The batch of a body. Raises `Problem` 422 `invalid`."""
    try:
        batch = ReleaseBatch.model_validate_json(body)
    except ValidationError as error:
        raise invalid(list(error.errors(include_url=False, include_input=False))) from None
    numbers = [release.number for release in batch.releases]
    if any(later <= number for number, later in pairwise(numbers)):
        raise Problem(
            "invalid",
            422,
            "numbers that do not increase within a batch, expected strictly increasing ones: send "
            "each release once, in order",
        )
    return batch
