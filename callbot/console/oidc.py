"""The town's own identity provider (OpenID Connect), by authlib: who is it that comes back from there?

Authorization code with PKCE, state and nonce. What a log-in under way must remember lies in its browser's
cookie: the console may start anew meanwhile.
"""

from __future__ import annotations

import base64
import importlib
import json
import logging
from typing import Any

from starlette.requests import Request

from callbot.errors import CallbotError, SettingsError
from callbot.settings import Settings

log = logging.getLogger(__name__)

METADATA = "/.well-known/openid-configuration"
SCOPE = "openid profile email"
PATIENCE_S = 10.0
LONGEST_COOKIE = 4096


class OidcError(CallbotError):
    """The provider is away, or says nothing that could be believed."""


class Oidc:
    """One provider.

    Raises:
        SettingsError: authlib is not installed.
    """

    def __init__(self, settings: Settings) -> None:
        assert settings.oidc_issuer is not None
        try:
            library: Any = importlib.import_module("authlib.integrations.starlette_client")
        except ImportError as error:
            raise SettingsError("oidc_issuer needs authlib: pip install 'callbot[oidc]'") from error
        self.label = settings.oidc_label
        self._issuer = settings.oidc_issuer
        self._client_id = settings.oidc_client_id
        self._client: Any = library.OAuth().register(
            "console",
            client_id=settings.oidc_client_id,
            client_secret=settings.oidc_client_secret.get_secret_value() or None,
            server_metadata_url=self._issuer.rstrip("/") + METADATA,
            client_kwargs={"scope": SCOPE, "code_challenge_method": "S256", "timeout": PATIENCE_S},
        )

    async def check(self) -> str:
        """The provider's own name for itself.

        Raises:
            OidcError: it does not answer, or is another one.
        """
        try:
            metadata = await self._client.load_server_metadata()
            issuer = str(metadata["issuer"])
        except Exception as error:
            raise _trouble(error) from error
        if issuer.rstrip("/") != self._issuer.rstrip("/"):
            raise OidcError(f"{self._issuer} calls itself {issuer}")
        return issuer

    async def begin(self, request: Request, back: str) -> tuple[str, str]:
        """Where to send the browser, and what its cookie must hold until it comes back.

        Args:
            back: address of the page it comes back to.

        Raises:
            OidcError: the provider is away.
        """
        await self.check()
        session: dict[str, Any] = {}
        request.scope["session"] = session
        try:
            answer = await self._client.authorize_redirect(request, back)
        except Exception as error:
            raise _trouble(error) from error
        return answer.headers["location"], _packed(session)

    async def finish(self, request: Request, cookie: str) -> tuple[str, ...]:
        """The names of who comes back, the likeliest first: proven by the provider, and for us alone.

        Args:
            cookie: what `begin` gave.

        Raises:
            OidcError: refused there, another browser's or an older log-in, or a token that can't be believed.
        """
        issuer = await self.check()
        request.scope["session"] = _unpacked(cookie)
        claims = {
            "iss": {"essential": True, "values": [issuer]},
            "aud": {"essential": True, "values": [self._client_id]},
            "sub": {"essential": True},
            "exp": {"essential": True},
        }
        try:
            token = await self._client.authorize_access_token(request, claims_options=claims)
            person = token["userinfo"]
        except Exception as error:
            raise _trouble(error) from error
        # An address that its owner has not proven may be anybody's.
        email = person.get("email") if person.get("email_verified") is True else None
        names = (person.get("preferred_username"), email)
        return tuple(name for name in names if isinstance(name, str) and name)


def oidc_of(settings: Settings) -> Oidc | None:
    """The provider that the settings name; None: they name none.

    Raises:
        SettingsError: authlib is not installed.
    """
    return Oidc(settings) if settings.oidc_issuer is not None else None


def _trouble(error: Exception) -> OidcError:
    """Without the error's own words: they may hold a name, a code or a token."""
    kind = getattr(error, "error", "") or type(error).__name__
    return OidcError(f"identity provider: {str(kind)[:60]}")


def _packed(session: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(session, separators=(",", ":")).encode()).decode().rstrip("=")


def _unpacked(cookie: str) -> dict[str, Any]:
    try:
        text = base64.urlsafe_b64decode(cookie[:LONGEST_COOKIE] + "===")
        session = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return session if isinstance(session, dict) else {}
