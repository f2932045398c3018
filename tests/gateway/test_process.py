"""A real gateway process: nothing of a recording is in a file, a log or a core dump."""

from __future__ import annotations

import contextlib
import os
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Final

import httpx
import numpy as np
import pytest

from sordino.device import Sender, SenderToken
from sordino.gateway import GatewayTokens
from tests.device.sending.receiver import TOKEN, serving
from tests.device.synthetic_sound_bundle import RATE, bundle_path, speech
from tests.gateway.conftest import recording

pytestmark = pytest.mark.slow

MAIN: Final = "from sordino.cli import main; main()"
DAY: Final = date(2026, 11, 28)
WINDOW: Final = 16
"""Bytes of a part of a recording that is searched for."""


def environment(folder: Path) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": str(folder / "home"),
        "TMPDIR": str(folder / "temporary"),
        "XDG_STATE_HOME": str(folder / "state"),
    }


def with_core_dumps() -> None:
    most = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (most, most))


@contextlib.contextmanager
def running(folder: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], httpx.Client]]:
    """A gateway and a client with a token."""
    (folder / "temporary").mkdir()
    tokens = GatewayTokens(folder / "state" / "sordino" / "gateway-tokens.json")
    token = tokens.create("kitchen")
    with subprocess.Popen(
        [sys.executable, "-c", MAIN, "gateway", str(bundle_path()), "--port", "0", *arguments],
        cwd=folder,
        env=environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=with_core_dumps,
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            match = re.fullmatch(r"gateway on (http://127\.0\.0\.1:\d+), policy mine, .*\n", line)
            assert match, line
            headers = {"Authorization": f"Bearer {token}"}
            with httpx.Client(base_url=match[1], headers=headers, timeout=20) as client:
                yield process, client
        finally:
            process.kill()


def everything(client: httpx.Client) -> list[bytes]:
    """Send recordings in every way; the bytes that no file may hold."""
    steps = np.round(speech(seed=3) * 32768).astype("<i2")
    block = steps[: 4 * RATE].tobytes()
    path = "/v1/streams/" + client.post("/v1/streams").json()["stream"]
    raw = {"Content-Type": "application/octet-stream"}
    statuses = [client.post(path, content=block, headers=raw).status_code]
    features = np.random.default_rng(5).normal(
        size=client.get("/v1/gateway").json()["features"]["dims"]
    )
    text = ('{"features": ' + str(features.round(6).tolist()) + "}").encode()
    bodies = {"audio/wav": recording(), "audio/flac": recording("FLAC"), "application/json": text}
    for kind, body in bodies.items():
        for content in (body, body[: len(body) // 2]):
            answer = client.post("/v1/utterance", content=content, headers={"Content-Type": kind})
            statuses.append(answer.status_code)
    assert statuses[1::2] == [200, 200, 200]
    assert statuses[2::2] == [204, 204, 422]  # the form of features tells nothing of speech
    floats = (steps[:RATE] / np.float32(32768)).astype("<f4").tobytes()
    return [block, *bodies.values(), floats]


def windows(secret: bytes) -> list[bytes]:
    """Parts of a recording that occur nowhere by chance."""
    parts = [secret[at : at + WINDOW] for at in range(64, len(secret) - WINDOW, len(secret) // 50)]
    return [part for part in parts if len(set(part)) > 6]


def test_nothing_of_a_recording_is_stored_or_logged(tmp_path: Path) -> None:
    with running(tmp_path) as (process, client):
        secrets = everything(client)
        limits = Path(f"/proc/{process.pid}/limits")
        assert re.search(r"Max core file size +0 +0 ", limits.read_text())
        os.kill(process.pid, signal.SIGABRT)
        status = os.waitpid(process.pid, 0)[1]
        process.returncode = -os.WTERMSIG(status)
        assert process.stderr is not None
        written = {"log": process.stderr.read().encode()}
    assert (os.WTERMSIG(status), os.WCOREDUMP(status)) == (signal.SIGABRT, False)
    written |= {
        str(path.relative_to(tmp_path)): path.read_bytes()
        for path in tmp_path.rglob("*")
        if path.is_file()
    }
    assert set(written) == {"log", "state/sordino/key", "state/sordino/gateway-tokens.json"}
    for name, content in written.items():
        for secret in secrets:
            assert not [part for part in windows(secret) if part in content], name
    assert all(len(windows(secret)) > 20 for secret in secrets)
    assert written["log"].count(b"\n") <= 1  # the line on the new key


def memory(process: int) -> Iterator[bytes]:
    """The memory of a process that no file backs, region by region. Raises `PermissionError`."""
    with open(f"/proc/{process}/mem", "rb", 0) as content:  # noqa: PTH123
        for line in Path(f"/proc/{process}/maps").read_text().splitlines():
            addresses, rights, *_, name = line.split(maxsplit=5) + [""] * (len(line.split()) < 6)
            if rights[0] != "r" or name.startswith(("/", "[v")):
                continue
            first, last = (int(address, 16) for address in addresses.split("-"))
            content.seek(first)
            with contextlib.suppress(OSError):
                yield content.read(last - first)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_no_sample_stays_in_memory(tmp_path: Path) -> None:
    sound = recording()
    samples = (np.frombuffer(sound[44:], "<i2") / np.float32(32768)).astype("<f4").tobytes()
    parts = [secret[at : at + WINDOW] for secret in (sound, samples) for at in (8000, 16000, 24000)]
    with running(tmp_path) as (process, client):
        wav = {"Content-Type": "audio/wav"}
        assert client.post("/v1/utterance", content=sound, headers=wav).status_code == 200
        try:
            regions = list(memory(process.pid))
        except PermissionError:
            pytest.skip("another process may not read the memory of a gateway; root may")
    assert sum(map(len, regions)) > 1 << 22
    assert [part for part in parts for region in regions if part in region] == []


def test_a_gateway_sends_what_it_released(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "token").chmod(0o600)
    with serving(tmp_path / "server") as receiver:
        sending = ("--send", receiver.url, "--token-file", str(tmp_path / "token"))
        with running(tmp_path, *sending) as (process, client):
            wav = {"Content-Type": "audio/wav"}
            assert client.post("/v1/utterance", content=recording(), headers=wav).status_code == 200
            client.close()
            process.send_signal(signal.SIGINT)
            assert process.wait(10) == 0
        queue = tmp_path / "state" / "sordino" / "queue"
        token = SenderToken(TOKEN)
        assert Sender(queue, receiver.url, token, day=lambda: DAY).send().stored == 1
        assert len(receiver.store.rows()) == 1
