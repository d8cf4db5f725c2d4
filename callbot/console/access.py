"""Who may see and do what: log-in, sessions, roles, tokens of forms, headers."""

from __future__ import annotations

import asyncio
import logging
import secrets
import traceback
from collections.abc import Callable
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, HTTPException, Request, Response
from fastapi.responses import RedirectResponse
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from callbot.console.house import House, TheHouse
from callbot.console.oidc import OidcError
from callbot.errors import JournalError
from callbot.journal.accounts import ROLES, Role, Visitor, weakness
from callbot.settings import Settings
from callbot.text_channel.door import client_address

log = logging.getLogger(__name__)
router = APIRouter()

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
HSTS = "max-age=31536000"
ENTRANCE_S = 3600
"""A log-in form that was left open longer must be loaded again."""
OIDC_S = 600
"""A log-in at the identity provider that takes longer must be begun again."""

Text = Annotated[str, Form(max_length=4000)]


class Guard:
    """Headers on everything that leaves, faults included; a fault's page tells nothing, nor does its log."""

    def __init__(self, app: ASGIApp, https: bool, broken: Callable[[int], Response]) -> None:
        self._app = app
        self._https = https
        self._broken = broken

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request (ASGI)."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        begun = False
        static = scope["path"].startswith("/static/")

        async def guarded(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers["Cache-Control"] = "no-cache" if static else "no-store"
                if self._https:
                    headers["Strict-Transport-Security"] = HSTS
            await send(message)

        try:
            await self._app(scope, receive, guarded)
        except ClientDisconnect:
            return  # the browser was closed: nobody waits for an answer
        except Exception as error:
            # Not the error's own words: they may hold a caller's.
            place = "".join(traceback.format_tb(error.__traceback__))
            log.error("a page fails: %s\n%s", type(error).__name__, place)
            if not begun:  # else the connection is closed: the page is visibly cut off
                await self._broken(503 if isinstance(error, JournalError) else 500)(scope, receive, guarded)


def cookie_name(settings: Settings, name: str = "callbot") -> str:
    """`__Host-` has the browser check that the cookie came by HTTPS from this very site."""
    return f"__Host-{name}" if settings.console_https else name


def session_of(request: Request, house: TheHouse) -> Visitor | None:
    """Who asks, None when they have not logged in."""
    token = request.cookies.get(cookie_name(house.settings), "")
    return house.accounts.visitor(token) if token else None


Anybody = Annotated[Visitor | None, Depends(session_of)]


def need(role: Role, *, page: bool = False) -> Callable[..., Visitor]:
    """A dependency: who asks, if they may; else 401, or the log-in form in place of a page, or 403."""

    def check(visitor: Anybody) -> Visitor:
        if visitor is None:
            raise HTTPException(303, headers={"Location": "/connexion"}) if page else HTTPException(401)
        if ROLES.index(visitor.role) < ROLES.index(role):
            raise HTTPException(403)
        return visitor

    return check


Reader = Annotated[Visitor, Depends(need("operator", page=True))]
Operator = Annotated[Visitor, Depends(need("operator"))]
Administrator = Annotated[Visitor, Depends(need("admin", page=True))]


async def _csrf(request: Request) -> str:
    """The form's token, read apart: one that is missing is refused (403), not complained of."""
    token = (await request.form()).get("csrf", "")
    return token if isinstance(token, str) else ""


def posted(visitor: Operator, csrf: Annotated[str, Depends(_csrf)], request: Request) -> Visitor:
    """Who posts a form that we gave them."""
    _same_site(request)
    if not _equal(csrf, visitor.csrf):
        raise HTTPException(403)
    return visitor


Poster = Annotated[Visitor, Depends(posted)]


@router.get("/connexion")
def entrance(house: TheHouse, visitor: Anybody, fait: str = "") -> Response:
    """The log-in form."""
    if visitor is not None:
        return RedirectResponse("/", 303)
    return _form(house, said=fait if fait in ("sortie", "mot-de-passe") else "")


@router.post("/connexion")
def log_in(
    request: Request,
    house: TheHouse,
    csrf: Annotated[str, Depends(_csrf)],
    name: Text = "",
    password: Text = "",
) -> Response:
    """Begin a session."""
    _same_site(request)
    if not _equal(csrf, request.cookies.get(cookie_name(house.settings, "callbot-entree"), "")):
        return _form(house, said="expired", status=403)
    _ration(request, house)
    token = house.accounts.log_in(name, password)
    if token is None:
        return _form(house, said="refused", name=name, status=401)
    answer = RedirectResponse("/", 303)
    _set_cookie(answer, house.settings, "callbot", token, house.settings.session_hours * 3600)
    _forget_cookie(answer, house.settings, "callbot-entree")
    return answer


@router.get("/connexion/oidc")
async def log_in_elsewhere(request: Request, house: TheHouse) -> Response:
    """Begin a log-in at the town's identity provider."""
    if house.oidc is None:
        raise HTTPException(404)
    _ration(request, house)
    scheme = "https" if house.settings.console_https else request.url.scheme
    back = request.url.replace(scheme=scheme, path="/connexion/oidc/retour", query="", fragment="")
    try:
        place, kept = await house.oidc.begin(request, str(back))
    except OidcError as error:
        log.error("%s", error)
        return _form(house, said="away", status=503)
    answer = RedirectResponse(place, 303)
    # Lax: the browser comes back from another site.
    _set_cookie(answer, house.settings, "callbot-oidc", kept, OIDC_S, "lax")
    return answer


@router.get("/connexion/oidc/retour")
async def log_in_from_elsewhere(request: Request, house: TheHouse) -> Response:
    """Somebody comes back from the identity provider: begin a session."""
    if house.oidc is None:
        raise HTTPException(404)
    _ration(request, house)
    kept = request.cookies.get(cookie_name(house.settings, "callbot-oidc"), "")
    try:
        names = await house.oidc.finish(request, kept)
    except OidcError as error:
        log.warning("%s", error)
        answer = _form(house, said="unproven", status=401)
    else:
        token = await asyncio.to_thread(house.accounts.enter, names)
        if token is None:
            answer = _form(house, said="unknown", status=403)
        else:
            # A page, not a redirection: its cookie is not sent on a way that began at another site.
            answer = house.pages.page("entered.html")
            _set_cookie(answer, house.settings, "callbot", token, house.settings.session_hours * 3600)
    _forget_cookie(answer, house.settings, "callbot-oidc")
    return answer


@router.post("/deconnexion")
def log_out(request: Request, house: TheHouse, visitor: Poster) -> Response:
    """End the session."""
    house.accounts.log_out(request.cookies[cookie_name(house.settings)])
    house.accounts.note(visitor.name, "log_out")
    return _leave(house, "sortie")


@router.get("/compte")
def account(house: TheHouse, visitor: Reader) -> Response:
    """One's own account."""
    return house.pages.page("account.html", visitor, error="")


@router.post("/compte")
def change_password(
    house: TheHouse, visitor: Poster, present: Text = "", new: Text = "", again: Text = ""
) -> Response:
    """Change one's password; every session ends, this one too."""
    error: str = "differ" if new != again else weakness(new, visitor.name)
    if not error and not house.accounts.confirm(visitor.name, present):
        error = "wrong"
    if error:
        return house.pages.page("account.html", visitor, 422, error=error)
    house.accounts.change_password(visitor.name, new, by=visitor.name)
    return _leave(house, "mot-de-passe")


@router.post("/moi/presence", status_code=204)
def presence(visitor: Poster) -> Response:
    """Somebody sits before the page: the session goes on."""
    return Response(status_code=204)


@router.get("/actions")
def actions(house: TheHouse, visitor: Administrator) -> Response:
    """The audit trail."""
    return house.pages.page("actions.html", visitor, actions=house.accounts.actions())


@router.get("/accessibilite")
def accessibility(house: TheHouse, visitor: Anybody) -> Response:
    """The accessibility statement."""
    return house.pages.page("accessibility.html", visitor)


def _form(house: House, said: str = "", name: str = "", status: int = 200) -> Response:
    token = secrets.token_urlsafe(32)
    label = house.oidc.label if house.oidc is not None else ""
    answer = house.pages.page("login.html", status=status, csrf=token, said=said, name=name, oidc=label)
    _set_cookie(answer, house.settings, "callbot-entree", token, ENTRANCE_S)
    return answer


def _leave(house: House, done: str) -> Response:
    answer = RedirectResponse(f"/connexion?fait={done}", 303)
    _forget_cookie(answer, house.settings, "callbot")
    return answer


def _ration(request: Request, house: House) -> None:
    """Count a try to log in; too many are refused whatever they hold."""
    address = client_address(request.scope, house.settings.console_trusted_proxies)
    if wait_s := house.limiter.wait_s("address", address) or house.limiter.wait_s("total"):
        raise HTTPException(429, headers={"Retry-After": str(wait_s)})


def _set_cookie(
    answer: Response,
    settings: Settings,
    name: str,
    token: str,
    seconds: int,
    samesite: Literal["strict", "lax"] = "strict",
) -> None:
    answer.set_cookie(
        cookie_name(settings, name),
        token,
        max_age=seconds,
        path="/",
        httponly=True,
        samesite=samesite,
        secure=settings.console_https,
    )


def _forget_cookie(answer: Response, settings: Settings, name: str) -> None:
    secure = settings.console_https
    answer.delete_cookie(cookie_name(settings, name), secure=secure, httponly=True, samesite="strict")


def _same_site(request: Request) -> None:
    """Browsers say whose page sends a form; what says nothing is judged by its token alone."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise HTTPException(403)


def _equal(given: str, expected: str) -> bool:
    return bool(expected) and secrets.compare_digest(given.encode(), expected.encode())
