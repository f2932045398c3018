"""A bundle is whole or refused, the same every time, and holds nobody's row."""

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
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import numpy_helper

from sordino import export
from sordino.device import Bundle, Runtime, read
from sordino.device.bundle import bundle
from sordino.errors import BundleError, ReleaseError
from sordino.features import NormaliseFitter, PreprocessFitter
from sordino.policy import Budget, Policy
from sordino.release import FITTERS, Drawn
from tests.device.bundle.forged import forged
from tests.device.synthetic_bundles import (
    CARD,
    OTHER,
    bundled,
    embedding,
    features,
    fitted,
    preprocess,
    scaled,
    scene,
)
from tests.release.synthetic_vectors import POLICY

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
    one, other = read(folder()), read(bundled("drawn"))
    assert one.files == other.files
    assert one.policies == other.policies
    assert one.policies["mine"].policy == POLICY


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    releases = {"mine": (POLICY, fitted("drawn"))}
    again = export.write(tmp_path / "b.sordino", preprocess(), releases, features="made", card=CARD)
    assert again.read_bytes() == file()
    turned = export.write(
        tmp_path / "c", preprocess(), releases, features="made", card=dict(reversed(CARD.items()))
    )
    assert all((turned / name).read_bytes() == (folder() / name).read_bytes() for name in FILES)


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_a_changed_byte_of_any_file_is_refused(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(FILES))
    whole = (folder() / name).read_bytes()
    place = data.draw(st.integers(0, len(whole) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != whole[place]))
    (folder() / name).write_bytes(whole[:place] + bytes([other]) + whole[place + 1 :])
    try:
        with pytest.raises(BundleError, match=r"changed|format|missing"):
            read(folder())
    finally:
        (folder() / name).write_bytes(whole)


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_a_changed_byte_of_the_one_file_is_refused_and_so_is_a_shorter_or_longer_one(
    data: st.DataObject,
) -> None:
    place = data.draw(st.integers(0, len(file()) - 1))
    byte = bytes([file()[place] ^ data.draw(st.integers(1, 255))])
    broken = data.draw(
        st.sampled_from(
            [file()[:place] + byte + file()[place + 1 :], file()[:place], file() + byte]
        )
    )
    path = folder().parent / "broken.sordino"
    path.write_bytes(broken)
    with pytest.raises(BundleError, match="no bundle, or one that was changed: copy it anew"):
        read(path)


@settings(deadline=None, max_examples=50)
@given(st.binary(max_size=200))
def test_what_is_no_bundle_is_refused_even_with_a_checksum_at_its_end(content: bytes) -> None:
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
    (tmp_path / "linked").symlink_to(folder())  # a path that somebody gives may be one
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
    whole = sum((folder() / name).stat().st_size for name in FILES)
    monkeypatch.setattr(bundle, "LARGEST", whole)
    assert read(folder()).policies["mine"].policy == POLICY
    monkeypatch.setattr(bundle, "LARGEST", whole - 1)
    with pytest.raises(BundleError, match="larger than a bundle may be"):
        read(folder())


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    shutil.copytree(folder(), tmp_path / "b")
    (tmp_path / "b" / "card.json").unlink()
    os.mkfifo(tmp_path / "b" / "card.json")  # whoever opened it would wait for ever
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


def test_another_format_a_path_out_of_it_and_parts_that_do_not_fit_are_refused(
    tmp_path: Path,
) -> None:
    manifest = json.loads((folder() / "manifest.json").read_text())
    with pytest.raises(BundleError, match="format 2, expected 1: update sordino"):
        read(rewritten(tmp_path / "new", {**manifest, "format": 2}))
    with pytest.raises(BundleError, match=r"manifest\.json was changed"):
        read(rewritten(tmp_path / "out", {**manifest, "files": {"../secret": "0" * 64}}))
    fewer = {name: sha for name, sha in manifest["files"].items() if name != "release-0.npz"}
    with pytest.raises(BundleError, match="parts of the bundle are missing or do not fit together"):
        read(rewritten(tmp_path / "few", {**manifest, "files": fewer}))
    with pytest.raises(
        BundleError, match=r"gone: no such bundle, expected a folder or a \.sordino file"
    ):
        read(tmp_path / "gone")


def test_a_compressed_archive_is_a_foreign_one(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "z.sordino", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", b"0" * 10**6)
    with pytest.raises(BundleError, match="no bundle, or one that was changed"):
        read(tmp_path / "z.sordino")


def test_an_archive_whose_files_share_their_bytes_is_a_foreign_one(tmp_path: Path) -> None:
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
    packed, whole = io.BytesIO(), read(bundled("drawn")).files["release-0.npz"]
    np.savez_compressed(packed, prototypes=np.zeros((1000, 1000)))
    shape = whole.replace(b"'shape': (", b"'shape': (9" + b"9" * 9, 1)  # more than any memory holds
    for content in (packed.getvalue(), shape, whole[:-9], b"none"):
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


def numbers(found: Bundle) -> list[np.ndarray]:
    """Every array in a bundle but the test vectors, which are made of synthetic sound."""
    arrays = [
        values
        for name in found.files
        if name.startswith("release") and name.endswith(".npz")
        for values in found.arrays(name).values()
    ]
    for name, content in found.files.items():
        if name.endswith(".onnx"):
            arrays += [
                numpy_helper.to_array(one)
                for one in onnx.load_from_string(content).graph.initializer
            ]
    return arrays


@pytest.mark.parametrize("name", FITTERS)
def test_no_array_holds_the_row_of_anybody(name: str) -> None:
    rows = scene().parts.transform.rows
    for people, least in ((scaled()[rows], 24), (features()[rows], 60)):
        for values in numbers(read(bundled(name))):
            for table in map(np.atleast_2d, (values, values.T)):
                if table.ndim == 2 and table.shape[1] == least:
                    apart = np.abs(table[:, None].astype(np.float64) - people[None]).max(axis=2)
                    assert apart.min() > 1e-4 * np.abs(people).max()


def test_the_row_of_somebody_would_be_found() -> None:
    person = scaled()[scene().parts.transform.rows[3]]
    apart = np.abs(person[None, None] - scaled()[scene().parts.transform.rows][None]).max(axis=2)
    assert apart.min() < 1e-6


def test_nothing_that_could_not_run_is_written(tmp_path: Path) -> None:
    class Foreign:
        pass

    def write(release: object, scale: object = None) -> None:
        export.write(tmp_path, scale, {"mine": (POLICY, release)}, features="made", card=CARD)  # type: ignore[arg-type, dict-item]

    narrow = PreprocessFitter(components=3).fit(features())
    with pytest.raises(ReleaseError, match="a Foreign, expected one of Identity"):
        write(Foreign())
    with pytest.raises(
        ReleaseError, match="leace of 24 dimensions, expected the 3 of the preprocessing"
    ):
        write(fitted("leace"), narrow)
    with pytest.raises(ReleaseError, match="general behind a Preprocess"):
        write(embedding("general", "audio"), preprocess())
    frames = NormaliseFitter("speaker").fit([np.ones((3, 6)), np.zeros((3, 6))])
    with pytest.raises(ReleaseError, match="normalisation 'speaker', expected 'corpus'"):
        write(embedding("general", "audio"), frames)
    with pytest.raises(ReleaseError, match="no release, expected one or more"):
        export.write(tmp_path, preprocess(), {}, features="made", card=CARD)
    both: dict[str, Any] = {
        "mine": (POLICY, fitted("leace")),
        "hers": (OTHER, embedding("general", "audio")),
    }
    with pytest.raises(
        ReleaseError, match="releases of vectors and of sequences came, expected one kind"
    ):
        export.write(tmp_path, None, both, features="made", card=CARD)
    assert not list(tmp_path.iterdir())


def test_a_bundle_that_differs_from_the_lab_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(
        export.FAMILIES, type(fitted("leace")), lambda _release: export.Part(export.AS_IT_IS)
    )
    with pytest.raises(
        BundleError,
        match=r"policy mine: the bundle differs from the lab by up to .*, expected at most",
    ):
        export.write(
            tmp_path / "b",
            preprocess(),
            {"mine": (POLICY, fitted("leace"))},
            features="made",
            card=CARD,
        )
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize("key", [0, 2**63, 2**64 + 7, 2**128 - 1])
def test_test_vectors_let_a_port_prove_itself_under_any_key(key: int, tmp_path: Path) -> None:
    lab = fitted("drawn")
    assert isinstance(lab, Drawn)
    lab = lab.with_key(key)
    found = read(
        export.write(tmp_path, preprocess(), {"mine": (POLICY, lab)}, features="made", card=CARD)
    )
    vectors = found.arrays(bundle.VECTORS)
    assert {"x", "z", "released_0", "key_0", "chance_0"} <= set(vectors)
    np.testing.assert_allclose(preprocess()(vectors["x"]), vectors["z"], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(lab(vectors["z"]), vectors["released_0"])
    digest = hashlib.blake2b(
        vectors["z"][0].tobytes(), digest_size=24, key=vectors["key_0"].tobytes()
    )
    by_hand = [int.from_bytes(digest.digest()[at : at + 8], "little") / 2**64 for at in (0, 8, 16)]
    np.testing.assert_array_equal(vectors["chance_0"][0], by_hand)
    device = Runtime(found, key=int.from_bytes(vectors["key_0"].tobytes(), "little"))
    np.testing.assert_array_equal(device.release(vectors["x"]), vectors["released_0"])
