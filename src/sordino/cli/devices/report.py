"""What a release tells its user: the result of each recording, and the counts at the end."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import typer

from sordino import storage
from sordino.cli.output import write_json
from sordino.progress import printable

if TYPE_CHECKING:
    from sordino.device import Bundle, Delivery, Released, Sender
    from sordino.types import Vectors


class Sink(Protocol):
    """Takes released vectors: a table."""

    def add(self, name: str, vector: Vectors) -> None: ...

    def close(self) -> None: ...


class Sinks:
    """Queues each vector for a server, writes it to a table, or both."""

    def __init__(self, sender: Sender | None, table: Sink | None) -> None:
        self._sender, self._table, self.count = sender, table, 0

    def add(self, name: str, vector: Vectors) -> None:
        if self._sender is not None:
            self._sender.add(vector)
        if self._table is not None:
            self._table.add(name, vector)
        self.count += 1

    def close(self) -> None:
        if self._table is not None:
            self._table.close()


@dataclass
class ReleaseReport:
    """The result of each recording, for the terminal and for JSON."""

    bundle: Bundle
    policy: str
    verified: bool
    out: Path | None
    lists_recordings: bool
    recordings: dict[str, str] = field(default_factory=dict)
    """The recording of each row id, if `lists_recordings`."""
    withheld: dict[str, Counter[str]] = field(default_factory=dict)
    """The reasons of utterances without a vector, by recording."""

    def add(self, recording: str, result: Released | str, rows: Sinks, id_key: int | None) -> None:
        """Write a vector to the table, named by an opaque id if there is a key for it, or print
        the reason why there is none.
        """
        from sordino.device import table

        if isinstance(result, str):
            self.withheld.setdefault(recording, Counter())[result] += 1
            line = f"{recording}: nothing released: {result}"
            typer.secho(printable(line), fg="yellow", err=True)
            return
        name = recording
        if id_key is not None:
            name = table.utterance_id(id_key, recording, rows.count, result.vector)
        rows.add(name, result.vector)
        if self.lists_recordings:
            self.recordings[name] = recording

    def write(self, count: int, json: str | None, delivery: Delivery | None) -> None:
        """Print the number of vectors and their delivery; optionally write JSON."""
        from sordino.device.trust.signature import describe_signature, report

        if json != "-":
            withheld = sum(map(Counter.total, self.withheld.values()))
            vectors = "vector" if count == 1 else "vectors"
            line = (
                f"{'' if self.out is None else f'{self.out}: '}{count} {vectors} released, "
                f"{withheld} withheld, under policy {self.policy} "
                f"({describe_signature(self.bundle, self.verified)})"
            )
            print(printable(line))
            print_delivery(delivery)
        if json:
            result: dict[str, Any] = {
                "policy": self.policy,
                "released": count,
                "withheld": {name: ", ".join(reasons) for name, reasons in self.withheld.items()},
                "out": None if self.out is None else str(self.out),
                "signature": report(self.bundle, self.verified),
            }
            if self.lists_recordings:
                result["utterances"] = self.recordings
            if delivery is not None:
                result["delivery"] = as_json(delivery)
            write_json(json, result, storage.PRIVATE)  # it may name the recording of each id


def as_json(delivery: Delivery) -> dict[str, Any]:
    """A delivery for the user of the device."""
    return {
        "stored": delivery.stored,
        "pending": delivery.pending,
        "aside": delivery.aside,
        "refused": delivery.refused,
        "reason": delivery.reason,
    }


def print_delivery(delivery: Delivery | None) -> None:
    """Print the counts of a delivery, and why releases still wait."""
    if delivery is None:
        return
    aside = f", {delivery.aside} set aside" if delivery.aside else ""
    print(f"{delivery.stored} stored by the server, {delivery.pending} pending{aside}")
    if delivery.refused:
        line = (
            f"{delivery.refused} refused by the server: they stay in the queue; once its clock and "
            "its bundles are right, add --resend"
        )
        typer.secho(line, fg="yellow", err=True)
    if delivery.reason:
        line = f"{delivery.pending} pending: {delivery.reason}"
        typer.secho(printable(line), fg="yellow", err=True)
