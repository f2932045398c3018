"""`sordino gateway keys`, and `sordino gateway BUNDLE` in place of `gateway run BUNDLE`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sordino.cli import main
from sordino.gateway import GatewayTokens


def run(*arguments: object) -> int | str | None:
    with pytest.raises(SystemExit) as exit_info:
        main([str(argument) for argument in arguments])
    return exit_info.value.code


def test_a_token_is_printed_once_and_can_be_removed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    devices = ("--devices", tmp_path / "tokens.json")
    assert run("gateway", "keys", "kitchen", *devices) == 0
    token = capsys.readouterr().out.strip()
    assert GatewayTokens(tmp_path / "tokens.json").device_of(f"Bearer {token}") == "kitchen"
    assert run("gateway", "keys", *devices, "--json", "-") == 0
    assert json.loads(capsys.readouterr().out) == {"devices": ["kitchen"]}
    assert run("gateway", "keys", "kitchen", *devices) == 2
    assert run("gateway", "keys", "kitchen", "--remove", *devices) == 0
    assert GatewayTokens(tmp_path / "tokens.json").device_of(f"Bearer {token}") is None


@pytest.mark.parametrize("words", [("gateway",), ("gateway", "run")])
def test_a_bundle_after_the_verb_is_run(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*words, "absent.sordino", "--port", "0") == 2
    assert "absent.sordino: no such bundle" in capsys.readouterr().err


def test_half_of_a_certificate_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("gateway", "absent.sordino", "--tls-key", "key.pem") == 2
    assert "expected both" in capsys.readouterr().err
