"""A signature tells who made a bundle; a device runs no other, none that has expired, and none that
is older.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sordino.device import Bundle, Runtime, read
from sordino.device.bundle import archive, bundle
from sordino.device.trust import ed25519, signature
from sordino.device.trust.signature import PublicKey, Trust
from sordino.errors import BundleError, ReleaseError, SignatureError, StorageError
from tests.device.bundle.forged import chance, forged
from tests.device.synthetic_bundles import bundled, features
from tests.device.trust.synthetic_keys import TODAY, keys, signed, trusting


def test_a_signed_bundle_runs_where_its_key_is_trusted(tmp_path: Path) -> None:
    path, public = signed(tmp_path / "b.sordino"), keys("maker")[1]
    x = features()[:2]
    for trusted in (
        public,
        str(public),
        [public],
        (PublicKey.read(public),),
        trusting(),
        [keys("other")[1], public],
    ):
        runtime = Runtime(path, key=1, trusted=trusted)
        assert runtime.signature is not None
        assert runtime.signature.version == 1
        np.testing.assert_array_equal(
            runtime.release(x), Runtime(bundled("drawn"), key=1).release(x)
        )
    assert Runtime(path, key=1).signature is None


def test_an_unsigned_bundle_runs_only_without_trusted_keys() -> None:
    assert Runtime(bundled("drawn"), key=1).release(features()[:1]).shape == (1, 24)
    with pytest.raises(
        SignatureError, match="the bundle is unsigned, expected a signature by a trusted key"
    ):
        Runtime(bundled("drawn"), trusted=keys("maker")[1])


def test_a_key_that_is_not_trusted_is_refused(tmp_path: Path) -> None:
    path = signed(tmp_path / "b.sordino", "stranger")
    with pytest.raises(
        SignatureError, match=r"key [0-9a-f]{16} is not trusted, expected [0-9a-f]{16}"
    ):
        Runtime(path, trusted=keys("maker")[1])


def test_no_key_is_not_the_same_as_no_question() -> None:
    nothing: list[Any] = [[], (), Path()]
    for empty in nothing:
        with pytest.raises((SignatureError, StorageError)):
            Runtime(bundled("drawn"), trusted=empty)


def test_signing_changes_no_other_byte(tmp_path: Path) -> None:
    path = signed(tmp_path / "b.sordino")
    plain, stored = read(bundled("drawn")), read(path)
    assert (stored.files, stored.manifest) == (plain.files, plain.manifest)
    bundle.put(tmp_path / "again.sordino", {**stored.files, "manifest.json": stored.manifest})
    assert (tmp_path / "again.sordino").read_bytes() == bundled("drawn").read_bytes()
    folder = bundle.put(tmp_path / "folder", {**stored.files, "manifest.json": stored.manifest})
    before = {part.name: part.read_bytes() for part in folder.iterdir()}
    signature.sign(folder, keys("maker")[0], version=3)
    after = {part.name: part.read_bytes() for part in folder.iterdir()}
    assert set(after) - set(before) == {"signature.json"}
    assert {name: after[name] for name in before} == before
    assert trusting().verify(read(folder)).version == 3


def test_a_bundle_that_is_written_anew_is_unsigned_again(tmp_path: Path) -> None:
    folder = bundle.put(
        tmp_path / "b",
        {**read(bundled("drawn")).files, "manifest.json": read(bundled("drawn")).manifest},
    )
    signature.sign(folder, keys("maker")[0], version=1)
    bundle.put(folder, {**read(folder).files, "manifest.json": read(folder).manifest})
    assert read(folder).signature is None


def moved(path: Path, **changes: Any) -> Path:
    """The same bundle, its signature file with other values."""
    stored = read(path)
    assert stored.signature is not None
    content = archive.json_bytes({**json.loads(stored.signature), **changes})
    return bundle.put(
        path, {**stored.files, "manifest.json": stored.manifest, "signature.json": content}
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 2},
        {"expires": "2099-01-01"},
        {"manifest": "0" * 64},
        {"signature": "00" * 64},
        {"signature": "ff" * 64},
    ],
    ids=str,
)
def test_a_changed_statement_is_refused(changes: dict[str, Any], tmp_path: Path) -> None:
    path = moved(signed(tmp_path / "b.sordino", expires=date(2026, 12, 31)), **changes)
    with pytest.raises(SignatureError, match="the signature is not that of this bundle by key"):
        Runtime(path, trusted=trusting(today=lambda: TODAY))


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 0},
        {"version": -1},
        {"version": True},
        {"version": 1.0},
        {"version": 2**60},
        {"version": "1"},
        {"expires": "soon"},
        {"expires": 20260101},
        {"expires": "20270101"},
        {"key": "0" * 15},
        {"key": "G" * 16},
        {"key": None},
        {"manifest": "0" * 63},
        {"manifest": "x" * 64},
        {"signature": ""},
        {"signature": "00" * 65},
        {"signature": 7},
        {"more": 1},
        {"signature": "0 " * 64},
    ],
    ids=str,
)
def test_a_signature_file_of_another_form_is_refused(
    changes: dict[str, Any], tmp_path: Path
) -> None:
    path = moved(signed(tmp_path / "b.sordino"), **changes)
    with pytest.raises(SignatureError, match=r"signature\.json is damaged"):
        Runtime(path, trusted=trusting())
    assert signature.describe_signature(read(path)) == "signature damaged, not checked"


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"9" * 5000, b"[" * 100000], ids=len
)
def test_a_signature_file_that_is_none_is_refused(content: bytes) -> None:
    with pytest.raises(SignatureError, match=r"signature\.json is damaged"):
        signature.parse_signature(content)


def test_a_signature_is_that_of_one_bundle(tmp_path: Path) -> None:
    original, replacement = read(signed(tmp_path / "b.sordino")), read(bundled("label"))
    assert original.signature is not None
    path = tmp_path / "c.sordino"
    bundle.put(
        path,
        {
            **replacement.files,
            "manifest.json": replacement.manifest,
            "signature.json": original.signature,
        },
    )
    with pytest.raises(SignatureError, match="the signature is not that of this bundle"):
        Runtime(path, trusted=trusting())


def test_a_forged_bundle_with_right_checksums_is_refused(tmp_path: Path) -> None:
    original = read(signed(tmp_path / "b.sordino"))
    assert original.signature is not None
    stored = read(forged(bundled("drawn"), tmp_path / "c.sordino", chance(epsilon="3.0")))
    assert Runtime(bundled("drawn"), trusted=None)
    with pytest.raises(SignatureError, match="the signature is not that of this bundle"):
        trusting().verify(replace(stored, signature=original.signature))
    with pytest.raises(
        SignatureError, match="the signature is not that of this bundle"
    ):  # its manifest, other files
        trusting().verify(replace(original, files=stored.files))


def test_a_manifest_cannot_list_the_signature(tmp_path: Path) -> None:
    def listed(files: dict[str, bytes]) -> None:
        files["signature.json"] = b"{}"

    with pytest.raises(BundleError, match=r"manifest\.json was changed"):
        read(forged(bundled("drawn"), tmp_path / "b.sordino", listed))


def test_a_signature_that_is_a_link_is_refused(tmp_path: Path) -> None:
    stored = read(bundled("drawn"))
    folder = bundle.put(tmp_path / "b", {**stored.files, "manifest.json": stored.manifest})
    (folder / "signature.json").symlink_to(tmp_path / "gone")
    with pytest.raises(BundleError, match=r"signature\.json is a link"):
        read(folder)


def test_what_is_signed_is_no_other_message() -> None:
    stated = signature.Signature("0" * 16, 7, date(2027, 1, 31), "a" * 64)
    key, manifest = b"0" * 16, b"a" * 64
    text = (
        b'{"expires":"2027-01-31","key":"' + key + b'","manifest":"' + manifest + b'","version":7}'
    )
    assert stated.message() == b"sordino bundle v1\0" + text


@pytest.mark.parametrize(
    ("today", "runs"), [(date(2026, 1, 30), True), (TODAY, True), (date(2026, 2, 1), False)]
)
def test_a_bundle_runs_until_its_last_day(today: date, runs: bool, tmp_path: Path) -> None:
    path = signed(tmp_path / "b.sordino", expires=TODAY)
    if runs:
        assert Runtime(path, trusted=trusting(today=lambda: today)).signature
    else:
        with pytest.raises(SignatureError, match="expired on 2026-01-31, today is 2026-02-01"):
            Runtime(path, trusted=trusting(today=lambda: today))


def test_without_a_clock_a_bundle_that_expires_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        SignatureError, match=r"expires on 2026-01-31 and no clock is given: pass Trust"
    ):
        Runtime(signed(tmp_path / "b.sordino", expires=TODAY), trusted=keys("maker")[1])


def test_a_revoked_key_is_refused(tmp_path: Path) -> None:
    path, public = signed(tmp_path / "b.sordino"), PublicKey.read(keys("maker")[1])
    (tmp_path / "revoked").write_text(f"# lost in May\n{public.id}  # laptop\n\n")
    ids = signature.read_revoked(tmp_path / "revoked")
    with pytest.raises(SignatureError, match=rf"key {public.id} is revoked, expected another"):
        Runtime(path, trusted=trusting("maker", "other", revoked=ids))
    (tmp_path / "revoked").write_text("all of them\n")
    with pytest.raises(
        SignatureError, match=r"'all of them', expected 16 hexadecimal digits a line"
    ):
        signature.read_revoked(tmp_path / "revoked")


@pytest.mark.parametrize("revoked", ["0123456789abcdef", {"0123456789ABCDEF"}, {"0123"}, {7}])
def test_revoked_keys_that_are_no_ids_are_refused(revoked: Any) -> None:
    """A text would be a set of its letters, and an id in capitals that of no key: nothing would be
    revoked.
    """
    with pytest.raises(SignatureError, match="expected a set of key ids of 16 hexadecimal digits"):
        Trust((keys("maker")[1],), revoked=revoked)


def test_a_list_of_revoked_keys_is_not_cut(tmp_path: Path) -> None:
    (tmp_path / "revoked").write_text(f"#{'x' * 1022}\n" * 1024 + "0123456789abcdef\n")
    with pytest.raises(SignatureError, match="larger than 1 MB"):
        signature.read_revoked(tmp_path / "revoked")


PEM = "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not a public key of Ed25519"),
        ("none", "not a public key"),
        (PEM.format("AAAA"), "not a public key"),
        (PEM.format("MCowBQYDK2VwAyEA"), "not a public key"),
        (PEM.format("*" * 60), "not a public key"),
        ("x" * 20000, "not a public key"),
        ("é", "not a public key"),
    ],
    ids=["nothing", "words", "short", "no bytes", "no base64", "large", "other letters"],
)
def test_a_file_that_is_no_public_key_is_refused(text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "k").write_text(text, encoding="utf-8")
    with pytest.raises(SignatureError, match=says):
        PublicKey.read(tmp_path / "k")


def test_a_private_key_is_no_trusted_one() -> None:
    with pytest.raises(
        SignatureError, match="a private key, expected a public one: keep it off devices"
    ):
        Runtime(bundled("drawn"), trusted=keys("maker")[0])


def test_a_key_of_another_kind_signs_nothing(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization as to
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

    replacement = generate_private_key(SECP256R1())
    (tmp_path / "k.pem").write_bytes(
        replacement.private_bytes(to.Encoding.PEM, to.PrivateFormat.PKCS8, to.NoEncryption())
    )
    (tmp_path / "k.pub").write_bytes(
        replacement.public_key().public_bytes(to.Encoding.PEM, to.PublicFormat.SubjectPublicKeyInfo)
    )
    shutil.copyfile(bundled("drawn"), tmp_path / "b.sordino")
    with pytest.raises(SignatureError, match="not a private key of Ed25519"):
        signature.sign(tmp_path / "b.sordino", tmp_path / "k.pem", version=1)
    with pytest.raises(SignatureError, match="not a public key of Ed25519"):
        PublicKey.read(tmp_path / "k.pub")
    assert (tmp_path / "b.sordino").read_bytes() == bundled("drawn").read_bytes()


def test_a_key_with_a_passphrase_says_what_to_do(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization as to
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    locked = to.BestAvailableEncryption(b"secret")
    content = Ed25519PrivateKey.generate().private_bytes(
        to.Encoding.PEM, to.PrivateFormat.PKCS8, locked
    )
    (tmp_path / "k.pem").write_bytes(content)
    with pytest.raises(SignatureError, match="a key with a passphrase, expected one without"):
        ed25519.public_of(tmp_path / "k.pem")


RFC8032 = [  # section 7.1, tests 1 to 3: public key, message, signature
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
        "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
        "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
]


@pytest.mark.parametrize(
    "check", [ed25519.verifies, ed25519._verifies], ids=["PyNaCl", "cryptography"]
)
@pytest.mark.parametrize(("public", "message", "expected"), RFC8032, ids=["1", "2", "3"])
def test_both_libraries_agree_with_the_standard(
    check: Callable[..., bool], public: str, message: str, expected: str
) -> None:
    key, text, right = (bytes.fromhex(value) for value in (public, message, expected))
    assert check(key, right, text)
    assert not check(key, right, text + b"x")
    assert not check(key, bytes([right[0] ^ 1]) + right[1:], text)
    assert not check(key, right[:-1], text)


def test_a_bundle_made_by_hand_has_no_manifest_to_trust(tmp_path: Path) -> None:
    original = read(signed(tmp_path / "b.sordino"))
    bare = Bundle(original.files, original.card, original.policies, signature=original.signature)
    with pytest.raises(SignatureError, match="the signature is not that of this bundle"):
        Runtime(bare, trusted=trusting())


@pytest.mark.parametrize("missing", ["nacl", "cryptography"])
def test_a_device_needs_one_of_the_two_libraries(missing: str, tmp_path: Path) -> None:
    path = signed(tmp_path / "b.sordino")
    code = f"""
import sys
sys.modules[{missing!r}] = None
from sordino.device import Runtime
print(Runtime({str(path)!r}, trusted={str(keys("maker")[1])!r}).signature.version)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"


def test_a_device_that_asks_for_no_signature_loads_neither() -> None:
    code = f"""
import sys
from sordino.device import Runtime
Runtime({str(bundled("drawn"))!r})
print(*sorted(set(sys.modules) & {{"nacl", "cryptography", "sordino.device.trust.signature"}}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_a_key_of_a_runtime_is_still_checked(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="key -1, expected 0 to"):
        Runtime(signed(tmp_path / "b.sordino"), key=-1, trusted=trusting())
