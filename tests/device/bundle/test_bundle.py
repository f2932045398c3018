"""A bundle is complete or refused, and reproducible."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sordino import export
from sordino.device import Bundle, read
from sordino.device.bundle import bundle
from sordino.errors import BundleError
from sordino.policy import Budget, Policy
from sordino.testing import POLICY
from tests.device.bundle.forged import forged
from tests.device.synthetic_bundles import (
    CARD,
    OTHER,
    bundled,
    fitted,
    preprocess,
)

FILES = (
    "card.json",
    "manifest.json",
    "policies.json",
    "preprocess.onnx",
    "release-0.npz",
    "release-0.onnx",
    "vectors.npz",
)


@cache
def folder() -> Path:
    return export.write(
        Path(mkdtemp()) / "one",
        preprocess(),
        {"mine": (POLICY, fitted("drawn"))},
        features="made",
        card=CARD,
    )


@cache
def file() -> bytes:
    return bundled("drawn").read_bytes()


def test_a_folder_and_a_file_hold_the_same() -> None:
    assert tuple(sorted(path.name for path in folder().iterdir())) == FILES
    from_folder, from_file = read(folder()), read(bundled("drawn"))
    assert from_folder.files == from_file.files
    assert from_folder.policies == from_file.policies
    assert from_folder.policies["mine"].policy == POLICY


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    releases = {"mine": (POLICY, fitted("drawn"))}
    second_path = export.write(
        tmp_path / "b.sordino", preprocess(), releases, features="made", card=CARD
    )
    assert second_path.read_bytes() == file()
    turned = export.write(
        tmp_path / "c", preprocess(), releases, features="made", card=dict(reversed(CARD.items()))
    )
    assert all((turned / name).read_bytes() == (folder() / name).read_bytes() for name in FILES)


@pytest.mark.slow
@settings(deadline=None, max_examples=150)
@given(st.data())
def test_a_changed_byte_of_any_file_is_refused(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(FILES))
    content = (folder() / name).read_bytes()
    index = data.draw(st.integers(0, len(content) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != content[index]))
    (folder() / name).write_bytes(content[:index] + bytes([byte]) + content[index + 1 :])
    try:
        with pytest.raises(BundleError, match=r"changed|format|missing"):
            read(folder())
    finally:
        (folder() / name).write_bytes(content)


def test_a_manifest_with_another_key_is_refused() -> None:
    content = (folder() / "manifest.json").read_bytes()
    (folder() / "manifest.json").write_bytes(content.replace(b'"policies"', b'"p licies"'))
    try:
        with pytest.raises(BundleError, match=r"manifest\.json was changed"):
            read(folder())
    finally:
        (folder() / "manifest.json").write_bytes(content)


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_a_file_with_changed_cut_or_added_bytes_is_refused(
    data: st.DataObject,
) -> None:
    index = data.draw(st.integers(0, len(file()) - 1))
    byte = bytes([file()[index] ^ data.draw(st.integers(1, 255))])
    broken = data.draw(
        st.sampled_from(
            [file()[:index] + byte + file()[index + 1 :], file()[:index], file() + byte]
        )
    )
    path = folder().parent / "broken.sordino"
    path.write_bytes(broken)
    with pytest.raises(BundleError, match="no bundle, or one that was changed: copy it anew"):
        read(path)


@settings(deadline=None, max_examples=50)
@given(st.binary(max_size=200))
def test_other_files_are_refused_even_with_a_checksum(content: bytes) -> None:
    path = folder().parent / "foreign.sordino"
    path.write_bytes(content + hashlib.sha256(content).hexdigest().encode())
    with pytest.raises(BundleError, match=r"not a bundle|is missing"):
        read(path)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_refused(name: str, tmp_path: Path) -> None:
    shutil.copytree(folder(), tmp_path / "b")
    (tmp_path / "b" / name).unlink()
    with pytest.raises(BundleError, match=f"{name} is missing, expected a whole bundle"):
        read(tmp_path / "b")


@pytest.mark.parametrize("name", ["manifest.json", "release-0.npz"])
def test_a_link_is_refused_wherever_it_leads(name: str, tmp_path: Path) -> None:
    shutil.copytree(folder(), tmp_path / "b")
    for elsewhere in (
        folder() / name,
        tmp_path / "b" / "card.json",
        Path("/dev/zero"),
        tmp_path / "gone",
    ):
        (tmp_path / "b" / name).unlink()
        (tmp_path / "b" / name).symlink_to(elsewhere)
        with pytest.raises(
            BundleError, match=f"{name} is a link, expected a file: copy the bundle anew"
        ):
            read(tmp_path / "b")
    (tmp_path / "linked").symlink_to(folder())  # the path itself may be a link
    assert read(tmp_path / "linked").files == read(folder()).files


def test_what_is_larger_than_a_bundle_may_be_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(folder(), tmp_path / "b")
    with (tmp_path / "b" / "card.json").open("ab") as file:
        file.truncate(1 << 40)  # nothing but a hole
    shutil.copyfile(tmp_path / "b" / "manifest.json", tmp_path / "one.sordino")
    os.truncate(tmp_path / "one.sordino", 1 << 40)
    for path in (tmp_path / "b", tmp_path / "one.sordino"):
        with pytest.raises(BundleError, match="larger than a bundle may be, 64 MB in all"):
            read(path)
    size = sum((folder() / name).stat().st_size for name in FILES)
    monkeypatch.setattr(bundle, "LARGEST_BYTES", size)
    assert read(folder()).policies["mine"].policy == POLICY
    monkeypatch.setattr(bundle, "LARGEST_BYTES", size - 1)
    with pytest.raises(BundleError, match="larger than a bundle may be"):
        read(folder())


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    shutil.copytree(folder(), tmp_path / "b")
    (tmp_path / "b" / "card.json").unlink()
    os.mkfifo(tmp_path / "b" / "card.json")  # opening it would wait forever
    with pytest.raises(BundleError, match=r"card\.json is missing, expected a whole bundle"):
        read(tmp_path / "b")


def test_other_files_are_ignored_and_an_older_bundle_gives_way(tmp_path: Path) -> None:
    path = export.write(
        tmp_path, preprocess(), {"hers": (OTHER, fitted("leace"))}, features="made", card=CARD
    )
    (path / "notes.txt").write_text("mine")
    assert list(read(path).policies) == ["hers"]
    export.write(
        tmp_path, preprocess(), {"mine": (POLICY, fitted("drawn"))}, features="made", card=CARD
    )
    assert list(read(path).policies) == ["mine"]
    assert "notes.txt" not in read(path).files


BIG = {"card": 60 << 20, "model": 60 << 20}


@pytest.mark.slow
@pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="no /proc to read the peak memory from"
)
@pytest.mark.parametrize("part", BIG)
def test_a_big_bundle_is_refused_in_little_memory(tmp_path: Path, part: str) -> None:
    name = {"card": "card.json", "model": "release-0.onnx"}[part]
    filler = b"[" + b"[]," * (BIG[part] // 3) + b"0]" if part == "card" else bytes(BIG[part])
    path = forged(folder(), tmp_path / "big.sordino", lambda files: files.update({name: filler}))
    code = f"""
from sordino.device import read
from sordino.errors import BundleError
try:
    read({str(path)!r})
except BundleError:
    print(int(open("/proc/self/status").read().split("VmHWM:")[1].split()[0]) // 1024)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 200


def rewritten(path: Path, manifest: dict[str, object]) -> Path:
    shutil.copytree(folder(), path)
    (path / "manifest.json").write_text(json.dumps(manifest, indent=2, sort_keys=True) + "\n")
    return path


def test_another_format_an_outside_path_or_odd_parts_are_refused(
    tmp_path: Path,
) -> None:
    manifest = json.loads((folder() / "manifest.json").read_text())
    with pytest.raises(BundleError, match="format 2, expected 1: update sordino"):
        read(rewritten(tmp_path / "new", {**manifest, "format": 2}))
    with pytest.raises(BundleError, match=r"manifest\.json was changed"):
        read(rewritten(tmp_path / "out", {**manifest, "files": {"../secret": "0" * 64}}))
    for names in (sorted(manifest["files"]), "x"):  # no checksums
        with pytest.raises(BundleError, match=r"manifest\.json was changed"):
            read(rewritten(tmp_path / str(len(names)), {**manifest, "files": names}))
    remaining = {name: sha for name, sha in manifest["files"].items() if name != "release-0.npz"}
    with pytest.raises(BundleError, match="parts of the bundle are missing or do not fit together"):
        read(rewritten(tmp_path / "few", {**manifest, "files": remaining}))
    with pytest.raises(
        BundleError, match=r"gone: no such bundle, expected a folder or a \.sordino file"
    ):
        read(tmp_path / "gone")


def test_a_compressed_archive_is_a_foreign_one(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "z.sordino", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", b"0" * 10**6)
    with pytest.raises(BundleError, match="no bundle, or one that was changed"):
        read(tmp_path / "z.sordino")


def test_an_archive_with_overlapping_files_is_refused(tmp_path: Path) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("manifest.json", b"0" * 10**6)
        archive.filelist *= 3
        archive.comment = b"0" * 64
    forged = content.getvalue()[:-64]
    (tmp_path / "z.sordino").write_bytes(forged + hashlib.sha256(forged).hexdigest().encode())
    with pytest.raises(BundleError, match="not a bundle, expected what `write` wrote"):
        read(tmp_path / "z.sordino")


def test_arrays_that_are_packed_or_torn_are_not_read() -> None:
    packed, npz = io.BytesIO(), read(bundled("drawn")).files["release-0.npz"]
    np.savez_compressed(packed, prototypes=np.zeros((1000, 1000)))
    shape = npz.replace(b"'shape': (", b"'shape': (9" + b"9" * 9, 1)  # more than any memory holds
    for content in (packed.getvalue(), shape, npz[:-9], b"none"):
        with pytest.raises(
            BundleError, match=r"a\.npz: not an array file, expected one: write the bundle again"
        ):
            Bundle({"a.npz": content}, {}, {}).arrays("a.npz")


def test_a_card_says_what_is_known(tmp_path: Path) -> None:
    card = read(bundled("drawn")).card
    assert card["made_on"] == CARD["made_on"]
    assert card["audit"]["gender"]["bound_auc"] is None  # JSON has no NaN
    assert card["features"] == {"set": "made", "dims": 60}
    assert {"sordino", "onnxruntime", "torch"} <= set(card["versions"])
    knobs: Any = {"drawn": {"rate": 0.2}}
    policy = Policy("sad", ("angry",), release="drawn", knobs=knobs, budget=Budget(0.6, 50))
    path = export.write(
        tmp_path, preprocess(), {"mine": (policy, fitted("drawn"))}, features="made", card=CARD
    )
    assert read(path).policies["mine"].policy == policy
