"""Keys, signatures and floors from the command line, and what every screen says of them."""

from __future__ import annotations

import json
import shutil
import subprocess
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from sordino.cli import main
from sordino.device.sound.synthesis import synthetic
from sordino.device.trust import signature
from sordino.signal import audio
from tests.device.bundle.forged import chance, forged
from tests.device.synthetic_bundles import bundled, talking

OPENSSL = shutil.which("openssl")


def run(*arguments: object) -> int | str | None:
    with pytest.raises(SystemExit) as exit_info:
        main([str(argument) for argument in arguments])
    return exit_info.value.code


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a device keeps stays within the test."""
    monkeypatch.setattr("sordino.cli.verbs.release.STATE", tmp_path / "state")


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    assert run("bundle", "key", "--out", tmp_path / "maker") == 0
    return tmp_path / "maker.pem", tmp_path / "maker.pub.pem"


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    return audio.write(tmp_path / "recording.wav", synthetic(0.5, 16000, 1), 16000)


def copied(path: Path, source: Path) -> Path:
    shutil.copyfile(source, path)
    return path


def test_a_pair_of_keys_is_made_once(
    keys: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    private, public = keys
    assert private.stat().st_mode & 0o777 == 0o600
    before = private.read_bytes(), public.read_bytes()
    assert run("bundle", "key", "--out", tmp_path / "maker") == 2
    assert "the key exists, expected no file" in capsys.readouterr().err
    assert (private.read_bytes(), public.read_bytes()) == before
    assert run("bundle", "key", "--out", tmp_path / "new" / "other", "--json", "-") == 0
    assert set(json.loads(capsys.readouterr().out)) == {"private", "public", "id"}


@pytest.mark.skipif(OPENSSL is None, reason="openssl is not installed")
def test_openssl_reads_these_keys_and_makes_others(keys: tuple[Path, Path], tmp_path: Path) -> None:
    def openssl(*words: object) -> bytes:
        return subprocess.run(
            [str(OPENSSL), *map(str, words)], check=True, capture_output=True
        ).stdout

    assert openssl("pkey", "-in", keys[0], "-pubout") == keys[1].read_bytes()
    openssl("genpkey", "-algorithm", "ed25519", "-out", tmp_path / "o.pem")
    openssl("pkey", "-in", tmp_path / "o.pem", "-pubout", "-out", tmp_path / "o.pub.pem")
    path = copied(tmp_path / "b.sordino", bundled("drawn"))
    assert run("bundle", "sign", path, "--key", tmp_path / "o.pem") == 0
    assert run("bundle", "verify", path, "--trusted", tmp_path / "o.pub.pem") == 0
    assert run("bundle", "verify", path, "--trusted", keys[1]) == 1


def test_verifying_says_why_not_by_its_status(
    keys: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    private, public = keys
    path = copied(tmp_path / "b.sordino", bundled("drawn"))
    assert run("bundle", "key", "--out", tmp_path / "other") == 0
    assert run("bundle", "verify", path, "--trusted", public) == 1
    assert "not verified: the bundle is unsigned" in capsys.readouterr().out
    assert run("bundle", "sign", path, "--key", private, "--bundle-version", 3) == 0
    assert (
        run("bundle", "verify", path, "--trusted", tmp_path / "other.pub.pem", "--trusted", public)
        == 0
    )
    assert "version 3, verified" in capsys.readouterr().out
    assert (
        run("bundle", "verify", path, "--trusted", tmp_path / "other.pub.pem", "--json", "-") == 1
    )
    result = json.loads(capsys.readouterr().out)
    assert (result["verified"], result["signature"]["verified"]) == (False, False)
    assert "is not trusted" in result["reason"]
    before = path.read_bytes()
    assert run("bundle", "sign", path, "--key", private, "--expires", "2020-01-01") == 2
    assert "--expires 2020-01-01, expected today, " in capsys.readouterr().err
    assert path.read_bytes() == before
    signature.sign(path, private, version=4, expires=date(2020, 1, 1))
    assert run("bundle", "verify", path, "--trusted", public) == 1
    assert "expired on 2020-01-01" in capsys.readouterr().out


def test_a_bundle_that_was_changed_or_forged_is_not_verified(
    keys: tuple[Path, Path], tmp_path: Path
) -> None:
    private, public = keys
    path = copied(tmp_path / "b.sordino", bundled("drawn"))
    assert run("bundle", "sign", path, "--key", private) == 0
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "changed.sordino").write_bytes(content)
    assert run("bundle", "verify", tmp_path / "changed.sordino", "--trusted", public) == 1
    assert (
        run(
            "bundle",
            "verify",
            forged(path, tmp_path / "f", chance(kind="none")),
            "--trusted",
            public,
        )
        == 1
    )


def test_what_cannot_be_told_is_status_2(keys: tuple[Path, Path], tmp_path: Path) -> None:
    private, public = keys
    assert run("bundle", "verify", tmp_path / "gone", "--trusted", public) == 2
    assert run("bundle", "verify", bundled("drawn"), "--trusted", tmp_path / "gone.pub.pem") == 2
    assert run("bundle", "verify", bundled("drawn"), "--trusted", private) == 2
    assert run("bundle", "verify", bundled("drawn")) == 2
    assert run("bundle", "sign", bundled("drawn"), "--key", public) == 2
    assert run("bundle", "sign", bundled("drawn"), "--key", private, "--expires", "soon") == 2


def test_a_release_asks_for_a_signature_where_it_is_told_to(
    keys: tuple[Path, Path], recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    private, public = keys
    path, out = copied(tmp_path / "b.sordino", talking()), tmp_path / "out.npz"
    assert run("release", path, recording, "--out", out, "--trusted", public) == 2
    assert "the bundle is unsigned, expected a signature" in capsys.readouterr().err
    assert not out.exists()
    assert run("release", path, recording, "--out", out) == 0
    assert "under policy mine (unsigned)" in capsys.readouterr().out
    assert run("bundle", "sign", path, "--key", private, "--bundle-version", 2) == 0
    assert run("release", path, recording, "--out", out, "--replace") == 0
    assert "version 2, signature not checked)" in capsys.readouterr().out
    again = ("--out", out, "--replace", "--trusted", public, "--json", "-")
    assert run("release", path, recording, *again) == 0
    assert json.loads(capsys.readouterr().out)["signature"]["verified"] is True
    assert np.load(out)["x"].shape == (1, 8)


def test_a_release_takes_no_older_bundle_and_no_revoked_key(
    keys: tuple[Path, Path], recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    private, public = keys
    old, new = (copied(tmp_path / f"{version}.sordino", talking()) for version in (1, 2))
    for version, path in ((1, old), (2, new)):
        assert run("bundle", "sign", path, "--key", private, "--bundle-version", version) == 0
    options = ("--out", tmp_path / "out.npz", "--replace", "--trusted", public)
    assert run("release", new, recording, *options) == 0
    assert run("release", old, recording, *options) == 2
    error = capsys.readouterr().err
    assert "version 1 of policy mine, expected 2 or more" in error
    capsys.readouterr()
    run("bundle", "verify", new, "--trusted", public, "--json", "-")
    (tmp_path / "revoked").write_text(
        json.loads(capsys.readouterr().out)["signature"]["key"] + "\n"
    )
    assert run("release", new, recording, *options, "--revoked", tmp_path / "revoked") == 2
    assert "is revoked" in capsys.readouterr().err
    assert (
        run(
            "release",
            new,
            recording,
            "--out",
            tmp_path / "x.npz",
            "--revoked",
            tmp_path / "revoked",
        )
        == 2
    )


def test_a_release_keeps_to_the_floor_of_the_device(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "floor.toml").write_text('families = ["drawn"]\n')
    out = tmp_path / "out.npz"
    assert (
        run("release", talking(), recording, "--out", out, "--floor", tmp_path / "floor.toml") == 2
    )
    assert (
        "policy mine: family 'private+', the floor of this device asks drawn"
        in capsys.readouterr().err
    )
    (tmp_path / "floor.toml").write_text("width = 8\n")
    assert (
        run("release", talking(), recording, "--out", out, "--floor", tmp_path / "floor.toml") == 0
    )
    (tmp_path / "floor.toml").write_text("widht = 8\n")
    out.unlink()
    assert (
        run("release", talking(), recording, "--out", out, "--floor", tmp_path / "floor.toml") == 2
    )


def test_a_card_says_whether_the_bundle_is_signed(
    keys: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = copied(tmp_path / "b.sordino", bundled("drawn"))
    assert run("bundle", "show", path) == 0
    assert "\nunsigned" in capsys.readouterr().out
    assert run("bundle", "sign", path, "--key", keys[0], "--bundle-version", 1, "--json", "-") == 0
    key = json.loads(capsys.readouterr().out)["signature"]["key"]
    assert run("bundle", "show", path) == 0
    assert f"signed by key {key}, version 1, signature not checked" in capsys.readouterr().out
    assert run("bundle", "show", path, "--json", "-") == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["signature"]["signed"], result["signature"]["verified"]) == (True, False)
    assert len(result["hashes"]["mine"]) == 64
