"""The contract of the registry's routes."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from sordino.server.database.tables import BundleRow, Device, Participant, SigningKey, StudyRow
from sordino.server.days import LONGEST_RETENTION
from sordino.server.ingest.batch import WireModel
from sordino.server.registry.studies import PSEUDONYM, STUDY_NAME

SMALLEST_GROUP = 10
"""Users that a group statistic needs at least."""


class StudyRequest(WireModel):
    """A new study."""

    name: Annotated[str, Field(pattern=STUDY_NAME)]
    retention_days: Annotated[int, Field(ge=1, le=LONGEST_RETENTION)] = 365
    smallest_group: Annotated[int, Field(ge=SMALLEST_GROUP, le=10_000)] = SMALLEST_GROUP


class StudyInfo(WireModel):
    """A study. Times are UTC, in seconds since 1970."""

    name: str
    created: int
    retention_days: int
    smallest_group: int

    @classmethod
    def of(cls, study: StudyRow) -> StudyInfo:
        """The public part of a row."""
        return cls(
            name=study.name,
            created=study.created,
            retention_days=study.retention_days,
            smallest_group=study.smallest_group,
        )


class PolicyInfo(WireModel):
    """A policy of a bundle."""

    name: str
    digest: str
    """The hash of the policy, which consent is given to."""
    required: str
    family: str
    width: int
    prototypes: int | None
    """How many there are; None for a continuous family, which only signed batches may send."""

    @classmethod
    def of(cls, row: Any) -> PolicyInfo:
        """A policy, from a row in which `prototypes` is their size in bytes, float32."""
        count = None if row.prototypes is None else row.prototypes // (4 * row.width)
        return cls(**row._asdict() | {"prototypes": count})


class BundleInfo(WireModel):
    """A registered bundle."""

    bundle: str
    """SHA-256 of manifest.json."""
    name: str
    created: int
    retired: int | None
    policies: list[PolicyInfo]

    @classmethod
    def of(cls, bundle: BundleRow, policies: list[Any]) -> BundleInfo:
        """The public part of a row, and of rows with its policies and the bytes of their
        prototypes.
        """
        return cls(
            bundle=bundle.digest,
            name=bundle.name,
            created=bundle.created,
            retired=bundle.retired,
            policies=[PolicyInfo.of(policy) for policy in policies],
        )


class ParticipantRequest(WireModel):
    """A new participant."""

    pseudonym: Annotated[str, Field(pattern=PSEUDONYM)]
    cohort: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{0,64}$")] = ""


class ParticipantInfo(WireModel):
    """A participant."""

    pseudonym: str
    created: int
    paused: bool
    cohort: str

    @classmethod
    def of(cls, participant: Participant) -> ParticipantInfo:
        """The public part of a row."""
        return cls(
            pseudonym=participant.pseudonym,
            created=participant.created,
            paused=participant.paused,
            cohort=participant.cohort,
        )


class DeviceRequest(WireModel):
    """A new device."""

    name: Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]{0,64}$")] = ""
    expires: Annotated[int | None, Field(ge=0, le=1 << 40)] = None
    """UTC, in seconds since 1970; None for a token without end."""


class DeviceInfo(WireModel):
    """A device."""

    number: int
    name: str
    created: int
    expires: int | None
    revoked: int | None
    last_number: int

    @classmethod
    def of(cls, device: Device) -> DeviceInfo:
        """The public part of a row."""
        return cls(
            number=device.id,
            name=device.name,
            created=device.created,
            expires=device.expires,
            revoked=device.revoked,
            last_number=device.last_number,
        )


class DeviceToken(WireModel):
    """A device and its token, which the server shows once and does not store."""

    number: int
    token: str


class SigningKeyRequest(WireModel):
    """A key of a runtime or gateway."""

    public_key: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """The 32 bytes of an Ed25519 key, hexadecimal."""


class SigningKeyInfo(WireModel):
    """A registered key."""

    key: str
    """SHA-256 of the public key, the header `Sordino-Key` of a batch."""
    public_key: str
    created: int
    revoked: int | None

    @classmethod
    def of(cls, key: SigningKey) -> SigningKeyInfo:
        """The public part of a row."""
        return cls(
            key=key.key_id,
            public_key=key.public_key.hex(),
            created=key.created,
            revoked=key.revoked,
        )
