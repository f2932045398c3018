"""`sordino release --send`: what is queued, what arrives, and what the user reads."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import numpy as np
import pytest

from sordino.cli import main
from sordino.device import read
from sordino.device.sound.synthesis import synthetic
from sordino.signal import audio
from tests.cli.test_stream import wav
from tests.device.sending.receiver import TOKEN, Receiver, Request, problem, reply, serving
from tests.device.synthetic_sound_bundle import bundle_path


@pytest.fixture(autouse=True)
def device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the state of a device, and its token in the default file."""
    state = tmp_path / "state"
    state.mkdir()
    monkeypatch.setattr("sordino.cli.verbs.release.STATE", state)
    monkeypatch.delenv("SORDINO_DEVICE_TOKEN", raising=False)
    (state / "token").write_text(TOKEN)
    (state / "token").chmod(0o600)
    return state


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    with serving(tmp_path / "server") as running:
        yield running


def run(*arguments: object) -> int | str | None:
    with pytest.raises(SystemExit) as exit_info:
        main([str(argument) for argument in arguments])
    return exit_info.value.code


def recordings(folder: Path) -> list[Path]:
    return [
        audio.write(folder / f"{seed}.wav", synthetic(0.5, 16000, seed), 16000) for seed in (1, 2)
    ]


def test_released_vectors_arrive_and_need_no_table(
    receiver: Receiver, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sounds, out = recordings(tmp_path), tmp_path / "x.npz"
    assert run("release", bundle_path(), *sounds, "--out", out, "--send", receiver.url) == 0
    assert "2 stored by the server, 0 pending" in capsys.readouterr().out
    assert run("release", bundle_path(), *sounds, "--send", receiver.url, "--json", "-") == 0
    result = json.loads(capsys.readouterr().out)
    assert result["delivery"] == {
        "stored": 2,
        "pending": 0,
        "aside": 0,
        "refused": 0,
        "reason": "",
    }
    assert result["out"] is None
    rows = [row for _, row in receiver.store.rows()]
    prototypes = read(bundle_path()).arrays("release-0.npz")["prototypes"]
    assert sorted(rows[:2]) == sorted(rows[2:])
    np.testing.assert_array_equal(
        np.unique(prototypes[rows[:2]], axis=0), np.unique(np.load(out)["x"], axis=0)
    )


def test_an_offline_device_queues_and_sends_later(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sordino.device.sending.sender.FIRST_WAIT_SECONDS", 0.001)
    sounds, offline = recordings(tmp_path), "http://127.0.0.1:9"
    assert run("release", bundle_path(), *sounds, "--send", offline) == 0
    captured = capsys.readouterr()
    assert "0 stored by the server, 2 pending" in captured.out
    assert "2 pending: the server cannot be reached" in captured.err
    assert run("release", "--send", offline) == 1
    with serving(tmp_path / "server") as receiver:
        assert run("release", "--send", receiver.url, "--json", "-") == 0
        assert len(receiver.store.rows()) == 2
        assert run("release", "--send", receiver.url) == 0


def test_a_stream_is_sent_too(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(wav())))
    assert run("release", bundle_path(), "-", "--send", receiver.url) == 0
    assert len(receiver.store.rows()) == 4


def test_a_refused_device_is_told_and_keeps_its_queue(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(request: Request, handler: BaseHTTPRequestHandler) -> bool:
        return bool(request.body) and reply(handler, *problem(403, "consent", detail="paused"))

    secret = "sordino_device_" + 43 * "s"
    monkeypatch.setenv("SORDINO_DEVICE_TOKEN", secret)
    with serving(tmp_path / "server", refuse) as receiver:
        status = run("release", bundle_path(), *recordings(tmp_path), "--send", receiver.url)
        sent = {request.headers["Authorization"] for request in receiver.requests}
    captured = capsys.readouterr()
    assert (status, sent) == (2, {f"Bearer {secret}"})
    assert "withdrawn or paused it (consent: paused)" in captured.err
    assert secret not in captured.out + captured.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("BUNDLE", "a.wav"), "no table, expected --out PATH or --send URL"),
        ((), "no bundle, expected BUNDLE, or --send URL alone"),
        (("BUNDLE", "a.wav", "--out", "x.npz", "--queue", "q"), "expected --send URL: add it"),
        (("--send", "http://example.org"), "expected https"),
    ],
)
def test_contradictory_options_say_what_to_add(
    arguments: tuple[str, ...],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    words = [str(bundle_path()) if word == "BUNDLE" else word for word in arguments]
    assert run("release", *words) == 2
    assert message in capsys.readouterr().err


def test_a_token_that_others_may_read_is_refused(
    device: Path, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    (device / "token").chmod(0o644)
    assert run("release", "--send", receiver.url) == 2
    assert "other users may read the token" in capsys.readouterr().err


def test_an_absent_token_names_the_next_step(
    device: Path, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    (device / "token").unlink()
    assert run("release", "--send", receiver.url) == 2
    assert "put it into the variable SORDINO_DEVICE_TOKEN" in capsys.readouterr().err
