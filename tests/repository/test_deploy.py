"""The files of `deploy/` pass the checks of the programs that read them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

DEPLOY = Path(__file__).parents[2] / "deploy"
TOOLS = Path(sys.executable).parent


def check(*command: str | Path) -> str:
    """What a checker printed; an assertion fails where it found a fault."""
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    output = result.stdout + result.stderr
    assert result.returncode == 0, output
    return output


def installed(program: str) -> str:
    """The path of a program of the system; the test is skipped without it."""
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is not installed")
    return path


def test_the_dockerfile_passes_hadolint() -> None:
    assert check(TOOLS / "hadolint", DEPLOY / "Dockerfile") == ""


def test_the_compose_file_fits_its_schema() -> None:
    schema = ("--builtin-schema", "vendor.compose-spec")
    assert "ok" in check(TOOLS / "check-jsonschema", *schema, DEPLOY / "compose.yaml")


def test_the_unit_passes_systemd(tmp_path: Path) -> None:
    analyze = installed("systemd-analyze")
    text = (DEPLOY / "sordino.service").read_text()
    program = text.partition("ExecStart=")[2].split()[0]
    unit = tmp_path / "sordino.service"
    unit.write_text(text.replace(program, "/bin/true"))
    assert check(analyze, "verify", "--man=no", unit).strip() == ""


def test_the_unit_grants_little() -> None:
    analyze = installed("systemd-analyze")
    options = ("security", "--offline=yes", "--no-pager", "--threshold=20")  # of 100
    assert "OK" in check(analyze, *options, DEPLOY / "sordino.service")


def test_the_caddyfile_is_valid() -> None:
    caddy = installed("caddy")
    output = check(caddy, "validate", "--adapter", "caddyfile", "--config", DEPLOY / "Caddyfile")
    assert "Valid configuration" in output


def test_the_site_of_nginx_is_valid(tmp_path: Path) -> None:
    nginx, openssl = installed("nginx"), installed("openssl")
    key, chain = tmp_path / "key.pem", tmp_path / "fullchain.pem"
    check(
        *(
            openssl,
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            "/CN=mute.example.org",
        ),
        *("-days", "2", "-keyout", key, "-out", chain),
    )
    site = (DEPLOY / "nginx.conf").read_text().replace("/etc/ssl/sordino", str(tmp_path))
    whole = tmp_path / "nginx.conf"
    whole.write_text(f"pid {tmp_path}/pid;\nevents {{}}\nhttp {{\n{site}\n}}\n")
    assert "successful" in check(nginx, "-t", "-e", tmp_path / "log", "-c", whole)
