"""The words of the wire between a device and a server: one batch of released vectors.

    POST /v1/releases   one batch: one device, one bundle, one policy, one day
    GET  /v1/device     the last number that the server has of this device

    {"format": 1, "bundle": SHA-256 of manifest.json, "policy": NAME, "day": "2026-11-28",
     "releases": [{"number": 41, "prototype": 3}, {"number": 42, "vector": [0.25, ...]}]}

A release of `drawn` or `label` is the row of its prototype; of any other family it is a vector, and
then the batch is signed (`signed_message`). A `number` counts the released vectors of a device from
1; a batch that is sent again after a refusal may have new ones. Nothing else is in a batch: no
time, no length of a queue, no name of a recording, no count of withheld utterances.

An answer is foreign input. It is at most `LARGEST_ANSWER` bytes of JSON, and is not stored.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sordino.device.bundle.archive import parse_json
from sordino.errors import ReleaseError
from sordino.progress import printable, shorten
from sordino.types import Vectors

RELEASES_PATH: Final = "/v1/releases"
DEVICE_PATH: Final = "/v1/device"

BATCH_FORMAT: Final = 1
"""The version of a batch."""

MOST_RELEASES: Final = 1000
"""The limit of releases in a batch."""

LEAST_BATCH: Final = 20
"""The least size of a full batch. A queue with fewer releases is sent as one smaller batch."""

LARGEST_BODY: Final = 4 << 20
"""The limit of a batch in bytes."""

LARGEST_ANSWER: Final = 1 << 16
"""The limit of an answer in bytes."""

LONGEST_DETAIL: Final = 500
"""Characters of a refusal that are shown."""

LARGEST_STATED_NUMBER: Final = 1 << 52
"""The limit of a number that a server states. Beyond twice of it integers are not exact in every
programming language.
"""

SIGNED_PREFIX: Final = b"sordino releases 1\n"
"""The prefix of signed bytes, so that a signature of other data is never one of a batch."""

BATCH_TYPE: Final = "application/json"
PROBLEM_TYPE: Final = "application/problem+json"

PROBLEM_URN: Final = "urn:sordino:"
"""The prefix of the type of a problem; its code follows."""

_CODE: Final = re.compile(PROBLEM_URN + r"([a-z][a-z-]{0,39})")


class Refusal(NamedTuple):
    """A refusal by a server that speaks this protocol."""

    code: str
    """The reason in one word: `consent`, `number`, `too-large`, ..."""
    detail: str
    """A sentence of the server, printable and short."""
    last_number: int
    """The last number that the server has, for `number`; 0 otherwise."""


def prototype_item(row: int) -> str:
    """The part of a release that names the row of a prototype.

    >>> prototype_item(3)
    '"prototype": 3'
    """
    return f'"prototype": {row}'


def vector_item(vector: Vectors) -> str:
    """The part of a release with a vector, `(k,)`: the shortest numbers that are the same float32.

    >>> import numpy as np
    >>> vector_item(np.array([0.1, -2], np.float32))
    '"vector": [0.1, -2.0]'
    """
    return f'"vector": [{", ".join(map(str, vector))}]'


def batch_start(bundle: str, policy: str, day: str) -> bytes:
    """The bytes of a batch before its releases."""
    stated = {"format": BATCH_FORMAT, "bundle": bundle, "policy": policy, "day": day}
    return json.dumps(stated)[:-1].encode() + b', "releases": ['


def release_bytes(number: int, item: str) -> bytes:
    """The bytes of one release.

    >>> release_bytes(41, prototype_item(3))
    b'{"number": 41, "prototype": 3}'
    """
    return f'{{"number": {number}, {item}}}'.encode()


def batch_body(start: bytes, releases: Sequence[bytes]) -> bytes:
    """The bytes of a batch, from its `batch_start` and its releases."""
    return start + b", ".join(releases) + b"]}"


def renumbered(body: bytes, first: int) -> bytes | None:
    """The bytes of a batch with numbers from `first` on; None for what is no batch.

    >>> release = release_bytes(1, prototype_item(3))
    >>> renumbered(batch_body(batch_start("ab", "sad", "2026-11-28"), [release]), 41)[-35:]
    b' [{"number": 41, "prototype": 3}]}'
    """
    try:
        content = json.loads(body)
        releases = content["releases"]
        for number, release in enumerate(releases, first):
            release["number"] = number
        return json.dumps(content).encode()
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def signed_message(token_sha256: bytes, idempotency_key: str, body: bytes) -> bytes:
    """The bytes that a device or gateway signs for a batch of a continuous family.

    - `token_sha256`: SHA-256 of the token that the batch is sent with, 32 bytes. A token belongs to
      one device, so a signature is valid for no other device, user or study.

    >>> signed_message(bytes(32), "k", b"{}").splitlines()[1:]
    [b'0000000000000000000000000000000000000000000000000000000000000000', b'k', b'{}']
    """
    lines = (token_sha256.hex().encode("ascii"), idempotency_key.encode("ascii"), body)
    return SIGNED_PREFIX + b"\n".join(lines)


def confirms(kind: str, body: bytes, count: int, last: int) -> bool:
    """Whether an answer says that a batch of `count` releases up to number `last` is stored.

    A page of a hotel's network, which may come with status 200 too, does not.

    >>> confirms("application/json", b'{"stored": 20, "last_number": 60}', 20, 60)
    True
    >>> confirms("text/html", b"<p>Please sign in</p>", 20, 60)
    False
    """
    content = _object(kind, BATCH_TYPE, body)
    return content.get("stored") == count and _number(content) >= last


def last_number(kind: str, body: bytes) -> int:
    """The last number in an answer of `DEVICE_PATH`. Raises `ValueError` for any other answer."""
    content = _object(kind, BATCH_TYPE, body)
    number = _number(content)
    if number < 0:
        raise ValueError("no last number")
    return number


def problem(kind: str, body: bytes) -> Refusal | None:
    """The refusal in an answer; None where the answer is not one of this protocol.

    >>> problem("application/problem+json", b'{"type": "urn:sordino:token", "detail": "unknown"}')
    Refusal(code='token', detail='unknown', last_number=0)
    """
    content = _object(kind, PROBLEM_TYPE, body)
    match = _CODE.fullmatch(content["type"]) if isinstance(content.get("type"), str) else None
    if match is None:
        return None
    detail = content.get("detail")
    text = printable(shorten(detail, LONGEST_DETAIL)) if isinstance(detail, str) else ""
    return Refusal(match[1], text, max(0, _number(content)))


def check_batch_size(batch: int) -> None:
    """Raise `ReleaseError` for a size of batches outside the limits."""
    if type(batch) is not int or not LEAST_BATCH <= batch <= MOST_RELEASES:
        raise ReleaseError(
            f"a batch of {batch} releases, expected {LEAST_BATCH} to {MOST_RELEASES}: choose "
            "another number"
        )


def _object(kind: str, expected: str, body: bytes) -> dict[str, Any]:
    """The object in an answer; empty for another media type, and for any other content."""
    if kind != expected or len(body) > LARGEST_ANSWER:
        return {}
    try:
        content = parse_json(body)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _number(content: dict[str, Any]) -> int:
    """The last number in an object, -1 where there is none."""
    number = content.get("last_number")
    valid = type(number) is int and 0 <= number <= LARGEST_STATED_NUMBER
    return number if valid and isinstance(number, int) else -1
