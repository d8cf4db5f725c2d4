"""A small OpenID Connect provider on the loopback: strict with its clients, at fault when told to be."""

import base64
import contextlib
import functools
import hashlib
import json
import secrets
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

CLIENT_ID, SECRET = "callbot-console", "un-secret-de-quarante-signes"


@functools.cache
def _rsa_key(_whose: str) -> RSAKey:
    """Made once: that takes its time."""
    return RSAKey.generate_key(2048, {"kid": "one"}, private=True)


class Provider:
    """Its one user is always logged in, so that who is sent to it comes straight back.

    Attributes:
        claims: what it says of the user.
        fault: "" or the one thing that it does wrong.
    """

    def __init__(self) -> None:
        self.claims: dict[str, Any] = {"sub": "u-1", "preferred_username": "anne"}
        self.fault = ""
        self.asked: list[dict[str, str]] = []
        """The authorization requests it got."""
        self._key = _rsa_key("its own")
        self._codes: dict[str, dict[str, str]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        # The console is at 127.0.0.1: to a browser these are two sites.
        self.issuer = f"http://localhost:{self._server.server_port}"

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Serve."""
        thread = Thread(target=self._server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    def metadata(self) -> dict[str, Any]:
        """What it says of itself."""
        return {
            "issuer": "https://other.example" if self.fault == "issuer of metadata" else self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
        }

    def keys(self) -> dict[str, Any]:
        """Its public keys."""
        return {"keys": [self._key.as_dict(private=False)]}

    def authorize(self, asked: dict[str, str]) -> str:
        """Where the browser goes back to."""
        self.asked.append(asked)
        if self.fault == "denied":
            answer = {"error": "access_denied", "error_description": "Anne Martin", "state": asked["state"]}
        else:
            code = secrets.token_urlsafe(16)
            self._codes[code] = asked
            answer = {"code": code, "state": asked["state"]}
        return f"{asked['redirect_uri']}?{urlencode(answer)}"

    def exchange(self, given: dict[str, str], authorization: str) -> dict[str, Any] | None:
        """Tokens for a code; None when the client has not done all it must."""
        asked = self._codes.pop(given.get("code", ""), None)
        client = base64.b64encode(f"{CLIENT_ID}:{SECRET}".encode()).decode()
        digest = hashlib.sha256(given.get("code_verifier", "").encode()).digest()
        if (
            asked is None
            or authorization != f"Basic {client}"
            or given.get("grant_type") != "authorization_code"
            or given.get("redirect_uri") != asked["redirect_uri"]
            or asked.get("code_challenge_method") != "S256"
            or encoded(digest) != asked.get("code_challenge")
        ):
            return None
        return {"access_token": secrets.token_urlsafe(), "token_type": "Bearer"} | self._id_token(asked)

    def _id_token(self, asked: dict[str, str]) -> dict[str, str]:
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 300, "nonce": asked["nonce"]}
        wrong: dict[str, Any] = {
            "nonce": {"nonce": "another's"},
            "audience": {"aud": "another-client", "azp": CLIENT_ID},
            "issuer": {"iss": "https://other.example"},
            "expired": {"iat": now - 900, "exp": now - 600},
            "from tomorrow": {"nbf": now + 86_400},
        }.get(self.fault, {})
        claims |= self.claims | wrong
        if self.fault == "no nonce":
            del claims["nonce"]
        if self.fault == "no token":
            return {}
        if self.fault == "unsigned":
            parts = (json.dumps(part).encode() for part in ({"alg": "none"}, claims))
            return {"id_token": ".".join(map(encoded, parts)) + "."}
        if self.fault == "public key as a secret":
            public = OctKey.import_key(self._key.as_pem(private=False))
            return {"id_token": jwt.encode({"alg": "HS256", "kid": "one"}, claims, public)}
        key = self._key
        if self.fault == "another's key":
            key = _rsa_key("another's")
        return {"id_token": jwt.encode({"alg": "RS256", "kid": "one"}, claims, key)}


def encoded(data: bytes) -> str:
    """As tokens are written."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _handler(provider: Provider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            where = urlsplit(self.path)
            if provider.fault == "away":
                self.send_error(500)
            elif where.path == "/authorize":
                self.send_response(302)
                asked = {name: values[0] for name, values in parse_qs(where.query).items()}
                self.send_header("Location", provider.authorize(asked))
                self.end_headers()
            elif where.path == "/keys":
                self._tell(200, provider.keys())
            else:
                self._tell(200, provider.metadata())

        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers["Content-Length"])).decode()
            given = {name: values[0] for name, values in parse_qs(sent).items()}
            tokens = provider.exchange(given, self.headers.get("Authorization", ""))
            self._tell(200 if tokens else 400, tokens or {"error": "invalid_grant"})

        def _tell(self, status: int, answer: dict[str, Any]) -> None:
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler
