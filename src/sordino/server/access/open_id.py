"""Sign-in at an OpenID Connect provider: authorization code, PKCE (RFC 7636), state and nonce.

One provider is in the settings and its issuer is pinned: discovery, keys and ID tokens of another
issuer are refused (OpenID Connect Core 1.0, 3.1.3.7; RFC 9207 where the provider sends `iss`).
An account belongs to a subject, never to an e-mail address, which a provider may reassign.
"""

from __future__ import annotations

import hmac
import math
import threading
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from authlib.common.security import generate_token
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from authlib.oidc.discovery import get_well_known_url
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from sordino.errors import SordinoError
from sordino.server.errors import Problem
from sordino.server.settings import OpenIdProvider

ALGORITHMS: Final = ["RS256", "PS256", "ES256", "Ed25519", "EdDSA"]
"""Signatures of ID tokens that are accepted; `none` and shared secrets are not."""
LEEWAY_SECONDS: Final = 60
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_TIMEOUT_SECONDS: Final = 10.0
_LARGEST: Final = 1 << 20  # bytes of an answer
_CACHE_SECONDS: Final = 3600
_FAILURE_SECONDS: Final = 10
"""Seconds from one question for the metadata to the next: meanwhile no thread waits for them."""
_MOST_REQUESTS: Final = 8
"""The limit of requests to the provider at once, each of which holds a thread."""


class OpenId:
    """A client of the provider. Its metadata are kept for an hour.

    Raises `SordinoError` for an issuer without TLS beyond the loopback.
    """

    def __init__(self, provider: OpenIdProvider, callback: str, http: httpx.Client | None = None):
        parts = urlsplit(provider.issuer)
        if parts.scheme != "https" and parts.hostname not in LOOPBACK:
            raise SordinoError(
                f"issuer {provider.issuer}, expected https://: name the issuer as its metadata do"
            )
        self._provider, self._callback = provider, callback
        self._http = http or httpx.Client(timeout=_TIMEOUT_SECONDS, follow_redirects=False)
        self._metadata: tuple[float, dict[str, Any]] | None = None
        self._asked = -math.inf
        self._requests = threading.BoundedSemaphore(_MOST_REQUESTS)
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """The host of the provider."""
        return urlsplit(self._provider.issuer).hostname or "the provider"

    def begin(self, now: float) -> tuple[str, dict[str, str]]:
        """The address at the provider, and the secrets that the browser keeps until it is back."""
        secrets = {
            "state": generate_token(43),
            "nonce": generate_token(43),
            "verifier": generate_token(64),
        }
        address = prepare_grant_uri(
            self._checked(self._configuration(now).get("authorization_endpoint")),
            self._provider.client_id,
            "code",
            redirect_uri=self._callback,
            scope="openid",
            state=secrets["state"],
            nonce=secrets["nonce"],
            code_challenge=create_s256_code_challenge(secrets["verifier"]),
            code_challenge_method="S256",
        )
        return address, secrets

    def close(self) -> None:
        """Close the connections to the provider."""
        self._http.close()

    def is_answer(self, secrets: dict[str, Any], state: str, issuer: str) -> bool:
        """Whether an answer belongs to a question: its state, and its issuer where it names one."""
        return hmac.compare_digest(secrets["state"].encode(), state.encode()) and (
            issuer in ("", self._provider.issuer)
        )

    def subject(self, code: str, secrets: dict[str, Any], now: int) -> str:
        """The subject of an authorization code. Raises the problem `provider`."""
        configuration = self._configuration(now)
        answer = self._json(
            "POST",
            configuration.get("token_endpoint"),
            data={
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": self._callback,
                "client_id": self._provider.client_id,
                "code_verifier": secrets["verifier"],
            },
            auth=(self._provider.client_id, self._provider.client_secret),
        )
        keys: Any = self._json("GET", configuration.get("jwks_uri"))
        try:
            token = jwt.decode(answer["id_token"], KeySet.import_key_set(keys), ALGORITHMS)
            claims = CodeIDToken(
                token.claims,
                token.header,
                {
                    "iss": {"essential": True, "value": self._provider.issuer},
                    "aud": {"essential": True, "value": self._provider.client_id},
                },
                {"nonce": secrets["nonce"], "client_id": self._provider.client_id},
            )
            claims.validate(now, LEEWAY_SECONDS)
            subject = claims["sub"]
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise refused("an ID token that is not valid") from error
        if not isinstance(subject, str) or not 0 < len(subject) <= 255:
            raise refused("a subject that is no text of 1 to 255 characters")
        return subject

    def _configuration(self, now: float) -> dict[str, Any]:
        """The metadata of the provider, of the pinned issuer."""
        with self._lock:
            known = self._metadata
            if known is not None and now < known[0]:
                return known[1]
            if self._asked <= now < self._asked + _FAILURE_SECONDS:
                if known is not None:
                    return known[1]
                raise refused("no metadata")
            self._asked = now
        found = self._json("GET", get_well_known_url(self._provider.issuer, external=True))
        if found.get("issuer") != self._provider.issuer:
            raise refused("metadata of another issuer")
        with self._lock:
            self._metadata = (now + _CACHE_SECONDS, found)
        return found

    def _checked(self, address: Any) -> str:
        """An address that has the scheme of the issuer, HTTPS outside tests."""
        parts = urlsplit(address if isinstance(address, str) else "")
        if parts.scheme != urlsplit(self._provider.issuer).scheme or not parts.netloc:
            raise refused("an address of another scheme")
        return str(address)

    def _json(self, method: str, address: Any, **arguments: Any) -> dict[str, Any]:
        """A JSON object of the provider."""
        if not self._requests.acquire(blocking=False):
            raise refused("no answer to earlier requests")
        try:
            return self._answer(method, address, **arguments)
        finally:
            self._requests.release()

    def _answer(self, method: str, address: Any, **arguments: Any) -> dict[str, Any]:
        content = bytearray()
        try:
            with self._http.stream(method, self._checked(address), **arguments) as answer:
                for part in answer.iter_bytes():
                    content += part
                    if len(content) > _LARGEST:
                        raise refused("an answer that is too long")
            value = httpx.Response(answer.status_code, content=bytes(content)).json()
        except (httpx.HTTPError, ValueError) as error:
            raise refused("no answer in JSON") from error
        if answer.status_code != 200 or not isinstance(value, dict):
            raise refused(f"status {answer.status_code}")
        return value


def refused(what: str) -> Problem:
    """The problem of a sign-in at the provider that failed."""
    return Problem(
        "provider", 403, f"{what} came from the provider, expected a valid sign-in: try again"
    )
