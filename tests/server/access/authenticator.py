"""A passkey in software: ES256, no attestation, as a browser hands it on (WebAuthn level 2)."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


def encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


class Authenticator:
    """One credential. `verified` says that the person unlocked it."""

    def __init__(self, origin: str, host: str) -> None:
        self.origin, self.host = origin, host
        self.key = generate_private_key(SECP256R1())
        self.credential_id = os.urandom(32)
        self.handle = ""
        self.count = 0
        self.verified = True

    def create(self, options) -> dict[str, Any]:
        """The answer of `navigator.credentials.create`."""
        self.handle = options["user"]["id"]
        numbers = self.key.public_key().public_numbers()
        public_key = cbor2.dumps(
            {
                1: 2,
                3: -7,
                -1: 1,
                -2: numbers.x.to_bytes(32, "big"),
                -3: numbers.y.to_bytes(32, "big"),
            }
        )
        data = self._data(ATTESTED) + bytes(16) + len(self.credential_id).to_bytes(2, "big")
        data += self.credential_id + public_key
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        return self._credential(
            clientDataJSON=self._client("webauthn.create", options),
            attestationObject=attestation,
        )

    def get(self, options) -> dict[str, Any]:
        """The answer of `navigator.credentials.get`."""
        self.count += 1
        data, client = self._data(0), self._client("webauthn.get", options)
        signature = self.key.sign(data + hashlib.sha256(client).digest(), ECDSA(SHA256()))
        answer = self._credential(
            clientDataJSON=client, authenticatorData=data, signature=signature
        )
        answer["response"]["userHandle"] = self.handle
        return answer

    def _data(self, flags: int) -> bytes:
        flags |= PRESENT | (VERIFIED if self.verified else 0)
        host = hashlib.sha256(self.host.encode()).digest()
        return host + bytes([flags]) + self.count.to_bytes(4, "big")

    def _client(self, kind: str, options) -> bytes:
        content = {"type": kind, "challenge": options["challenge"], "origin": self.origin}
        return json.dumps(content).encode()

    def _credential(self, **response: bytes) -> dict[str, Any]:
        name = encode(self.credential_id)
        content = {key: encode(value) for key, value in response.items()}
        return {"id": name, "rawId": name, "type": "public-key", "response": content}
