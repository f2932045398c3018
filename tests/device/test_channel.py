"""The mean of a device: it removes a constant shift, stays on the device, and is never trusted."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from sordino.device import Reason, Released, Runtime, Withheld
from sordino.device.channel import (
    LARGEST_CENTRED,
    MEMORY,
    PRIOR,
    Channel,
    ChannelMean,
    forget,
)
from sordino.device.result import NotCentredError
from sordino.device.serving import VectorServing
from sordino.device.sound.synthesis import synthetic
from sordino.errors import ReleaseError, StorageError
from sordino.types import Vectors
from tests.device import synthetic_bundles
from tests.device.synthetic_bundles import bundled
from tests.device.synthetic_sound_bundle import bundle

SPACE = "0" * 64


def rows(count: int, shift: float = 0.0) -> Vectors:
    random = np.random.default_rng(0)
    return (random.normal(size=(count, 4)) + shift).astype(np.float32)


def centred(channel: Channel, z: Vectors) -> Vectors:
    return np.concatenate([channel.centre(row[None], SPACE) for row in z])


def test_a_constant_shift_fades_as_utterances_come() -> None:
    shifted, plain = (centred(Channel(), rows(200, shift)) for shift in (5.0, 0.0))
    np.testing.assert_allclose(shifted[0] - plain[0], 5)
    np.testing.assert_allclose(shifted[-1] - plain[-1], 5 * PRIOR / (199 + PRIOR), rtol=1e-4)


def test_the_oldest_utterances_fade_beyond_the_memory() -> None:
    mean = ChannelMean(SPACE, 0, (0.0,))
    for value in [np.full(1, 5.0)] * MEMORY + [np.full(1, -5.0)] * 4 * MEMORY:
        mean = mean.plus(value)
    assert mean.count == MEMORY
    assert mean.offset[0] == pytest.approx(-5, abs=0.3)


def test_a_restart_continues_with_the_mean_in_the_file(tmp_path: Path) -> None:
    z, file = rows(12), tmp_path / "state" / "channel.json"
    restarted = np.concatenate([centred(Channel(file), z[:5]), centred(Channel(file), z[5:])])
    np.testing.assert_array_equal(restarted, centred(Channel(), z))
    assert file.stat().st_mode & 0o777 == 0o600
    forget(file)
    forget(file)
    np.testing.assert_array_equal(centred(Channel(file), z[:1]), z[:1])


def test_the_warm_up_withholds_and_still_counts() -> None:
    channel, z = Channel(warm_up=2), rows(3)
    for row in z[:2]:
        with pytest.raises(NotCentredError, match="covers too few utterances"):
            channel.centre(row[None], SPACE)
    expected = centred(Channel(), z)[2:]
    np.testing.assert_array_equal(channel.centre(z[2:], SPACE), expected)
    with pytest.raises(ReleaseError, match="warm_up -1, expected 0 to 500"):
        Channel(warm_up=-1)


VALID = ChannelMean(SPACE, 2, (1.0, 2.0, 3.0, 4.0)).text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "[" * 100_000,
        VALID[:-2],
        VALID + " ",
        VALID.replace("1.0", "NaN"),
        VALID.replace("1.0", "Infinity"),
        VALID.replace("1.0", "1e300"),
        VALID.replace("1.0", "1"),
        VALID.replace("1.0, ", ""),
        VALID.replace('"count": 2', '"count": -2'),
        VALID.replace('"count": 2', '"count": true'),
        VALID.replace('"count": 2', '"count": 1000000'),
        VALID.replace(SPACE, "1" * 64),
        VALID.replace("}", ', "more": 1}'),
        VALID + " " * (1 << 20),
    ],
)
def test_a_file_that_is_no_mean_withholds_and_stays(tmp_path: Path, text: str) -> None:
    file = tmp_path / "channel.json"
    file.touch(0o600)
    file.write_text(text)
    with pytest.raises(NotCentredError, match="remove its file to begin a new one"):
        Channel(file).centre(rows(1), SPACE)
    assert file.read_text() == text


@pytest.mark.parametrize("size", [1e30, np.inf, np.nan])
@pytest.mark.parametrize("stored", [True, False])
def test_numbers_beyond_speech_do_not_enter_the_mean(
    tmp_path: Path, size: float, stored: bool
) -> None:
    channel, plain = Channel(tmp_path / "channel.json" if stored else None), Channel()
    expected = centred(plain, rows(2))
    np.testing.assert_array_equal(channel.centre(rows(2)[:1], SPACE), expected[:1])
    with pytest.raises(NotCentredError):
        channel.centre(np.full((1, 4), size, np.float32), SPACE)
    np.testing.assert_array_equal(channel.centre(rows(2)[1:], SPACE), expected[1:])


def test_links_and_files_of_others_withhold(tmp_path: Path) -> None:
    file = tmp_path / "channel.json"
    os.mkfifo(file, 0o600)
    with pytest.raises(NotCentredError):
        Channel(file).centre(rows(1), SPACE)
    file.unlink()
    file.write_text(VALID)
    file.chmod(0o644)
    with pytest.raises(NotCentredError):
        Channel(file).centre(rows(1), SPACE)
    file.chmod(0o600)
    assert np.isfinite(Channel(file).centre(rows(1), SPACE)).all()


def test_a_symbolic_link_withholds_and_its_target_stays(tmp_path: Path) -> None:
    target, link = tmp_path / "target.json", tmp_path / "channel.json"
    target.touch(0o600)
    target.write_text(VALID)
    link.symlink_to(target)
    with pytest.raises(NotCentredError):
        Channel(link).centre(rows(1), SPACE)
    with pytest.raises(StorageError, match="a link, expected a file"):
        forget(link)
    assert target.read_text() == VALID


@pytest.mark.parametrize("in_file", [False, True])
def test_an_utterance_outside_speech_leaves_the_mean(in_file: bool, tmp_path: Path) -> None:
    channel, z = Channel(tmp_path / "channel.json" if in_file else None), rows(2)
    channel.centre(z[:1], SPACE)
    for value in (2 * LARGEST_CENTRED, np.inf, np.nan):
        with pytest.raises(NotCentredError, match="the model failed"):
            channel.centre(np.full((1, 4), value, np.float32), SPACE)
    np.testing.assert_array_equal(channel.centre(z[1:], SPACE), centred(Channel(), z)[1:])


def test_a_file_of_the_loudest_utterances_is_read_again(tmp_path: Path) -> None:
    loudest, file = np.full((1, 4), LARGEST_CENTRED, np.float32), tmp_path / "channel.json"
    file.touch(0o600)
    file.write_text(ChannelMean(SPACE, MEMORY - 1, ((MEMORY - 1) * LARGEST_CENTRED,) * 4).text)
    for _ in range(3):
        assert np.isfinite(Channel(file).centre(loudest, SPACE)).all()


def test_a_mean_too_wide_for_its_file_is_not_written(tmp_path: Path) -> None:
    wide = np.random.default_rng(0).normal(size=(1, 1 << 16)).astype(np.float32)
    with pytest.raises(NotCentredError):
        Channel(tmp_path / "channel.json").centre(wide, SPACE)
    assert not (tmp_path / "channel.json").exists()


def test_a_runtime_centres_before_the_model() -> None:
    x = np.random.default_rng(1).normal(size=(6, 60)).astype(np.float32)
    plain, channel = Runtime(bundled("leace"), key=1), Channel()
    serving = plain._serving
    assert isinstance(serving, VectorServing)
    expected = [serving.released(channel.centre(serving.scaled(row[None]), SPACE)) for row in x]
    device = Runtime(bundled("leace"), key=1, channel=Channel())
    np.testing.assert_allclose(device.release(x), np.concatenate(expected), rtol=1e-5, atol=1e-6)
    assert not np.allclose(device.release(x), plain.release(x), atol=1e-3)


def test_draws_do_not_follow_the_mean() -> None:
    """A repeated utterance has the same noise, so that its mean over repetitions keeps it."""
    x = np.random.default_rng(1).normal(size=(1, 60)).astype(np.float32)
    device = Runtime(bundled("noise-gauss"), key=1, channel=Channel())
    first, *_, last = (device.release(x)[0] for _ in range(5))
    assert isinstance(device._serving, VectorServing)
    z = device._serving.scaled(x)[0]
    np.testing.assert_allclose(first - last, z * 4 / (4 + PRIOR), rtol=1e-3, atol=1e-4)


def test_a_runtime_withholds_with_the_reason(tmp_path: Path) -> None:
    state, sound = tmp_path / "state" / "channel.json", synthetic(0.6, 16000, 1)
    device = Runtime(bundle(), channel=Channel(state, warm_up=1))
    assert device.utterance(sound, 16000) == Withheld(Reason.WARM_UP)
    assert isinstance(device.utterance(sound, 16000), Released)
    state.write_text("damaged")
    assert device.utterance(sound, 16000) == Withheld(Reason.CHANNEL_UNKNOWN)


def test_a_bundle_of_clips_has_no_channel() -> None:
    with pytest.raises(ReleaseError, match="no scaled space of vectors, expected one for a chan"):
        Runtime(synthetic_bundles.talking(), channel=Channel())


@pytest.mark.parametrize("content", [b"thesis", b"{}", b"[]", b"1", b"\xff", b"[" * 100_000])
def test_a_file_without_a_mean_is_not_forgotten(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "thesis.txt"
    file.write_bytes(content)
    with pytest.raises(StorageError, match="not the mean of a device"):
        forget(file)
    assert file.read_bytes() == content


@pytest.mark.parametrize("content", ["", VALID])
def test_an_empty_file_and_a_readable_mean_are_forgotten(content: str, tmp_path: Path) -> None:
    file = tmp_path / "channel.json"
    file.write_text(content)
    file.chmod(0o644)
    forget(file)
    assert not file.exists()
