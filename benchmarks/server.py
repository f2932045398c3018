"""How many vectors a second the central store accepts on this machine, and whether it loses one.

A real `sordino serve` on SQLite or on a PostgreSQL of its own, which syncs every commit. A second
process sends batches of 1,000 devices over connections that stay open, and a batch follows the
answer to the last one of its connection. Then every acknowledged number is looked up in the
database, and 10,000 raw vectors are sent, of which none may be accepted.

    python benchmarks/server.py --database sqlite --seconds 60 --json -
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parents[1]))  # the tests' bundle and cluster

import numpy as np
from sqlalchemy import func, select
from tests.server.postgresql import cluster, find_command
from tests.server.synthetic_bundle import WIDTH, bundle_file, digest

from sordino.server.database.migration import upgrade
from sordino.server.database.tables import BundlePolicy, Purpose, ReleaseRow
from sordino.server.registry.bundles import parse_bundle, register_bundle
from sordino.server.registry.devices import create_device
from sordino.server.registry.studies import create_participant, create_study
from sordino.server.rights.consent import add_decision
from sordino.server.settings import ServerSettings
from sordino.server.store import Store

RAW: Final = 10_000
POLICY: Final = "drawn"
PROTOTYPES: Final = 6


@dataclass
class Device:
    """A device that sends."""

    token: str
    number: int = 0
    """The last number sent."""
    acknowledged: int = 0
    """The last number acknowledged."""


@dataclass
class Load:
    """The answers to all batches of one process."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)  # seconds
    vectors: int = 0
    refused: dict[int, int] = field(default_factory=dict)
    """Answers of another status than 201, by status."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--devices", type=int, default=1000)
    parser.add_argument("--batch", type=int, default=20)
    parser.add_argument("--connections", type=int, default=2)
    parser.add_argument("--json", metavar="FILE", help="- is standard output")
    options = parser.parse_args()
    if options.database == "postgresql" and find_command("initdb") is None:
        sys.exit("no PostgreSQL here, expected initdb: install Debian's package postgresql")
    results = run(options)
    for name, value in results.items():
        print(f"{name:14} {value:>12,}" if isinstance(value, int) else f"{name:14} {value:>12,.1f}")
    if options.json:
        text = json.dumps({"database": options.database, **results}, indent=2)
        if options.json == "-":
            print(text)
        else:
            Path(options.json).write_text(text)


def run(options: argparse.Namespace) -> dict[str, float | int]:
    """Every figure of one run."""
    database = nullcontext(None) if options.database == "sqlite" else cluster(durable=True)
    with tempfile.TemporaryDirectory() as name, database as postgresql:
        url = "" if postgresql is None else postgresql.create("store")
        settings = ServerSettings(Path(name), url)
        store = Store(settings)
        upgrade(store.engine)
        devices = provision(store, options.devices)
        with serving(settings) as port:
            load = send(port, devices, options)
            raw = send_raw(port, devices[0])
        lost, doubled = check(store, devices)
        store.engine.dispose()
    if load.refused:
        print(f"refused, by status: {load.refused}", file=sys.stderr)
    p50, p99 = np.percentile(np.array(load.latencies), [50, 99]) * 1000
    return {
        "vectors_per_s": load.vectors / load.seconds,
        "p50_ms": float(p50),
        "p99_ms": float(p99),
        "lost": lost,
        "doubled": doubled,
        "raw_accepted": raw,
    }


def provision(store: Store, count: int) -> list[Device]:
    """A study with a bundle and users who consent, each with one device."""
    devices = []
    with store.transaction() as session:
        study = create_study(session, store, "load")
        bundle = register_bundle(session, store, study.id, parse_bundle(bundle_file().read_bytes()))
        policy = session.scalar(
            select(BundlePolicy.digest).where(
                BundlePolicy.bundle_id == bundle.id, BundlePolicy.name == POLICY
            )
        )
        assert policy is not None
        for user in range(count):
            participant = create_participant(session, store, study.id, f"user-{user}")
            add_decision(
                session,
                participant,
                Purpose.STORAGE,
                policy,
                given=True,
                time=store.now(),
                actor="",
            )
            devices.append(Device(create_device(session, store, participant.id, "")[1]))
    return devices


@contextmanager
def serving(settings: ServerSettings) -> Iterator[int]:
    """The port of a server in a process of its own."""
    command = [sys.executable, "-m", "sordino", "serve", "--folder", str(settings.folder)]
    if settings.database:
        command += ["--database", settings.database]
    with subprocess.Popen(
        [*command, "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as server:  # fmt: skip
        assert server.stdout is not None
        first = server.stdout.readline()
        address = re.search(r"http://127\.0\.0\.1:(\d+)", first)
        if address is None:
            sys.exit(f"the server printed {first!r}, expected its address: run `sordino serve`")
        try:
            yield int(address[1])
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(30)


def send(port: int, devices: list[Device], options: argparse.Namespace) -> Load:
    """Send from another process, as devices do; `devices` get their last numbers."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        limits = (options.seconds, options.batch, options.connections)
        load, devices[:] = pool.apply(send_all, (port, devices, *limits))
    return load


def send_all(
    port: int, devices: list[Device], seconds: float, size: int, connections: int
) -> tuple[Load, list[Device]]:
    """Send until the time is over."""
    load = Load()
    asyncio.run(_send_all(load, port, devices, seconds, size, connections))
    return load, devices


async def _send_all(
    load: Load, port: int, devices: list[Device], seconds: float, size: int, connections: int
) -> None:
    start = time.perf_counter()
    shares = [devices[first::connections] for first in range(connections)]
    end = start + seconds
    await asyncio.gather(*(_connection(load, port, share, end, size) for share in shares))
    load.seconds = time.perf_counter() - start


async def _connection(load: Load, port: int, devices: list[Device], end: float, size: int) -> None:
    """Send batches of these devices in turn, one at a time."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    turn = 0
    while time.perf_counter() < end:
        device = devices[turn % len(devices)]
        turn += 1
        numbers = range(device.number + 1, device.number + size + 1)
        device.number = numbers[-1]
        body = batch([{"number": number, "prototype": number % PROTOTYPES} for number in numbers])
        sent = time.perf_counter()
        writer.write(_request(device, body))
        status = await _status(reader)
        load.latencies.append(time.perf_counter() - sent)
        if status == 201:
            device.acknowledged = numbers[-1]
            load.vectors += size
        else:
            load.refused[status] = load.refused.get(status, 0) + 1
    writer.close()


def batch(releases: list[dict[str, Any]]) -> bytes:
    """The body of a request."""
    day = datetime.now(UTC).date().isoformat()
    content = {"format": 1, "bundle": _BUNDLE, "policy": POLICY, "day": day, "releases": releases}
    return json.dumps(content, separators=(",", ":")).encode()


_BUNDLE: Final = digest(bundle_file())


def _request(device: Device, body: bytes) -> bytes:
    head = (
        "POST /v1/releases HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Authorization: Bearer {device.token}\r\nIdempotency-Key: {os.urandom(16).hex()}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _status(reader: asyncio.StreamReader) -> int:
    """The status of an answer; its body is read, too."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    await reader.readexactly(int(length[1]) if length else 0)
    return int(head.split(None, 2)[1])


def send_raw(port: int, device: Device) -> int:
    """How many raw vectors are accepted."""
    vectors = np.random.default_rng(0).normal(size=(RAW, WIDTH)).astype(np.float32)
    accepted, size = 0, 100
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    for first in range(0, RAW, size):
        number = device.number + 1 + first
        rows = vectors[first : first + size].tolist()
        body = batch([{"number": number + row, "vector": rows[row]} for row in range(size)])
        headers = {
            "Authorization": f"Bearer {device.token}",
            "Idempotency-Key": os.urandom(16).hex(),
            "Content-Type": "application/json",
        }
        connection.request("POST", "/v1/releases", body, headers)
        answer = connection.getresponse()
        answer.read()
        accepted += size * (answer.status < 300)
    connection.close()
    return accepted


def check(store: Store, devices: list[Device]) -> tuple[int, int]:
    """Acknowledged releases that the database lacks, and releases that it has twice."""
    with store.reading() as session:
        rows = session.execute(
            select(
                ReleaseRow.device_id, func.count(), func.count(ReleaseRow.number.distinct())
            ).group_by(ReleaseRow.device_id)
        ).all()
        stored = {device: (count, distinct) for device, count, distinct in rows}
    lost = doubled = 0
    for row, device in enumerate(devices, 1):  # ids follow the order of provisioning
        count, distinct = stored.get(row, (0, 0))
        lost += max(0, device.acknowledged - distinct)
        doubled += count - distinct
    return lost, doubled


if __name__ == "__main__":
    main()
