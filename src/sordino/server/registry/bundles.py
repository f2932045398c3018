"""Registered bundles: only releases of their policies are stored."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Final

import numpy as np
from sqlalchemy.orm import Session

from sordino.device import Bundle, PolicyEntry, read
from sordino.device.bundle.archive import sha256
from sordino.device.bundle.bundle import LARGEST_BYTES, SUFFIX
from sordino.errors import BundleError
from sordino.server.database.tables import BundlePolicy, BundleRow
from sordino.server.errors import Problem
from sordino.server.registry.studies import insert
from sordino.server.store import Store

LONGEST_REQUIRED: Final = 64
"""Characters of the required emotions of a policy together, as the database stores them."""

LARGEST_BUNDLE: Final = LARGEST_BYTES

_LONGEST_NAME: Final = 100


def register_bundle(session: Session, store: Store, study_id: int, file: Bundle) -> BundleRow:
    """Register a bundle in a study. Raises `Problem` 409 `exists` for a second time."""
    name = str(file.card.get("name", ""))[:_LONGEST_NAME]
    bundle = BundleRow(
        study_id=study_id,
        digest=sha256(file.manifest),
        name="".join(letter for letter in name if letter.isprintable()),
        created=store.now(),
        card=dict(file.card),
    )
    insert(session, bundle, "bundle")
    session.add_all(_policy(file, entry, bundle.id) for entry in file.policies.values())
    session.flush()
    return bundle


def parse_bundle(content: bytes) -> Bundle:
    """The `.sordino` file of a bundle, parsed outside of a transaction as it takes long; nothing of
    it is executed. Raises `Problem` 422 `bundle` for a file that is no bundle.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"upload{SUFFIX}"
        path.write_bytes(content)
        try:
            file = read(path)
        except BundleError as error:
            fault = str(error).removeprefix(f"{path}: ")
            raise Problem("bundle", 422, fault.replace(folder, "")) from error
    for text in (file.card, *(entry.name for entry in file.policies.values())):
        if "\0" in str(text) or "\\x00" in str(text):  # PostgreSQL stores no such text
            raise Problem(
                "bundle", 422, "a card with a NUL character, expected text: write the bundle again"
            )
    for entry in file.policies.values():
        if len(entry.policy.required_name) > LONGEST_REQUIRED:
            raise Problem(
                "bundle",
                422,
                f"required emotions of {len(entry.policy.required_name)} characters, expected at "
                f"most {LONGEST_REQUIRED} together: use shorter names",
            )
    return file


def _policy(file: Bundle, entry: PolicyEntry, bundle_id: int) -> BundlePolicy:
    prototypes, bins = None, None
    if entry.releases_prototypes and entry.arrays is not None:
        arrays = file.arrays(entry.arrays)
        prototypes = np.ascontiguousarray(arrays["prototypes"], "<f4").tobytes()
        bins = np.ascontiguousarray(arrays["bin"], "<i8").tobytes()
    return BundlePolicy(
        bundle_id=bundle_id,
        name=entry.name,
        digest=entry.policy.digest,
        required=entry.policy.required_name,
        family=entry.family,
        width=entry.width,
        prototypes=prototypes,
        bins=bins,
        rates=_rates(file, entry.name),
    )


def _rates(file: Bundle, name: str) -> dict[str, Any] | None:
    """The rates of a policy from the card; None in a bundle without them."""
    audit = file.card.get("audit")
    entry = audit.get(name) if isinstance(audit, dict) else None
    rates = entry.get("rates") if isinstance(entry, dict) else None
    return rates if isinstance(rates, dict) else None
