"""A small OpenID provider that checks what a client must send: PKCE, redirect address, secret."""

from __future__ import annotations

import base64
import hashlib
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any
from urllib.parse import urlencode

import uvicorn
from fastapi import FastAPI, Form, Request
from fastapi.responses import JSONResponse, RedirectResponse
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

CLIENT, SECRET = "sordino", "client-secret"


class Provider:
    """A provider on the loopback. `claims` change its ID tokens; `issuer_sent` its metadata."""

    def __init__(self, redirect: str, clock) -> None:
        self.redirect, self.clock = redirect, clock
        self.key = ECKey.generate_key("P-256", {"kid": "1"})
        self.signing_key = self.key
        self.issuer = ""
        self.subject = "subject-1"
        self.claims: dict[str, Any] = {}
        self.metadata: dict[str, Any] = {}
        self.codes: dict[str, dict[str, str]] = {}

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.get("/.well-known/openid-configuration")
        def configuration():
            return {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
                **self.metadata,
            }

        @app.get("/authorize")
        def authorize(request: Request):
            query = dict(request.query_params)
            assert query["client_id"] == CLIENT
            assert query["response_type"] == "code"
            assert query["redirect_uri"] == self.redirect
            assert query["code_challenge_method"] == "S256"
            assert query["scope"] == "openid"
            code = secrets.token_urlsafe()
            self.codes[code] = query
            answer = {"code": code, "state": query["state"], "iss": self.issuer}
            return RedirectResponse(f"{self.redirect}?{urlencode(answer)}", 303)

        @app.post("/token")
        def token(
            request: Request,
            code: Annotated[str, Form()],
            code_verifier: Annotated[str, Form()],
            redirect_uri: Annotated[str, Form()],
        ):
            basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
            query = self.codes.pop(code, None)
            digest = hashlib.sha256(code_verifier.encode()).digest()
            challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            if (
                query is None
                or request.headers["authorization"] != f"Basic {basic}"
                or redirect_uri != self.redirect
                or query["code_challenge"] != challenge
            ):
                return JSONResponse({"error": "invalid_grant"}, 400)
            claims = {
                "iss": self.issuer,
                "aud": CLIENT,
                "sub": self.subject,
                "iat": int(self.clock()),
                "exp": int(self.clock()) + 60,
                "nonce": query["nonce"],
                **self.claims,
            }
            claims = {name: value for name, value in claims.items() if value is not None}
            text = jwt.encode({"alg": "ES256", "kid": "1"}, claims, self.signing_key)
            return {"id_token": text, "access_token": "x", "token_type": "Bearer"}

        @app.get("/keys")
        def keys():
            return KeySet([self.key]).as_dict(private=False)

        return app


@contextmanager
def serve(provider: Provider) -> Iterator[None]:
    """Serve a provider on a free port of the loopback, in a thread."""
    config = uvicorn.Config(provider.app(), port=0, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    provider.issuer = f"http://127.0.0.1:{port}"
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()
