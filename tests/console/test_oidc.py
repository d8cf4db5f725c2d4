"""Log-in by an identity provider, over real HTTP and in a real Chromium."""

import importlib
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from callbot import doctor
from callbot.console.app import build_app
from callbot.errors import SettingsError
from callbot.settings import Settings
from callbot.settings import load as load_settings
from tests.console.browser import NEEDS_CHROMIUM, examine
from tests.console.provider import CLIENT_ID, SECRET, Provider
from tests.console.site import Site, communes, csrf_of, log_in


@pytest.fixture
def provider() -> Iterator[Provider]:
    provider = Provider()
    with provider.running():
        yield provider


def settings_for(provider: Provider) -> dict[str, Any]:
    return {
        "oidc_issuer": provider.issuer,
        "oidc_client_id": CLIENT_ID,
        "oidc_client_secret": SECRET,
        "oidc_label": "mon compte Rivemont",
    }


@pytest.fixture
def site(tmp_path: Path, provider: Provider) -> Iterator[Site]:
    site = Site(tmp_path, settings=settings_for(provider))
    with site.running():
        yield site


def go_and_come_back(http: httpx.Client) -> httpx.Response:
    """Press the button, and follow the provider's way back."""
    start = http.get("/connexion/oidc")
    assert start.status_code == 303
    back = httpx.get(start.headers["location"])
    return http.get(back.headers["location"])


def trail(site: Site) -> list[tuple[str, str]]:
    return [(one.account, one.action) for one in reversed(site.accounts.actions())]


def test_who_has_an_account_enters(site: Site, provider: Provider) -> None:
    with site.client() as http:
        assert "Se connecter avec mon compte Rivemont" in http.get("/connexion").text
        answer = go_and_come_back(http)
        assert answer.status_code == 200 and "Vous êtes connecté" in answer.text
        (cookie,) = (one for one in answer.headers.get_list("set-cookie") if one.startswith("callbot="))
        assert "HttpOnly" in cookie and "samesite=strict" in cookie.lower()
        page = http.get("/").text
        assert "En direct" in page and "anne" in page
        assert http.post("/deconnexion", data={"csrf": csrf_of(page)}).status_code == 303
        assert http.get("/").status_code == 303
    (asked,) = provider.asked
    assert asked["response_type"] == "code" and asked["code_challenge_method"] == "S256"
    assert asked["redirect_uri"] == f"{site.url}/connexion/oidc/retour" and "openid" in asked["scope"].split()
    assert len(asked["state"]) >= 20 and len(asked["nonce"]) >= 20
    assert trail(site)[-2:] == [("anne", "log_in_oidc"), ("anne", "log_out")]


def test_a_proven_address_is_a_name_too(site: Site, provider: Provider) -> None:
    site.accounts.add("samira@rivemont.example", "quatre grands chiens", "operator")
    provider.claims = {"sub": "u", "preferred_username": "s.k", "email": "samira@rivemont.example"}
    with site.client() as http:
        assert go_and_come_back(http).status_code == 403, "anybody may have written it"
        provider.claims["email_verified"] = True
        assert go_and_come_back(http).status_code == 200
        assert "samira@rivemont.example" in http.get("/").text


@pytest.mark.parametrize("claims", [{"preferred_username": "zoé"}, {}, {"preferred_username": ["anne"]}])
def test_nobody_enters_without_an_account(site: Site, provider: Provider, claims: dict[str, Any]) -> None:
    provider.claims = {"sub": "u", **claims}
    with site.client() as http:
        answer = go_and_come_back(http)
        assert answer.status_code == 403 and "pas de compte à votre nom" in answer.text
        assert http.get("/").status_code == 303
    assert trail(site)[-1] == ("", "log_in_oidc_refused"), "no personal data in the trail"
    assert {one.name for one in site.accounts.all()} == {"anne", "quentin", "claire"}


def test_a_closed_account_stays_closed(site: Site) -> None:
    site.accounts.disable("anne")
    with site.client() as http:
        assert go_and_come_back(http).status_code == 403


def test_who_guesses_passwords_does_not_keep_its_owner_out(site: Site) -> None:
    with site.client() as guesser, site.client() as owner:
        for turn in range(5):
            log_in(guesser, "anne", f"mot de passe {turn}")
        assert log_in(owner, "anne").status_code == 401
        assert go_and_come_back(owner).status_code == 200


@pytest.mark.parametrize(
    "fault",
    [
        *("denied", "nonce", "no nonce", "audience", "issuer", "expired", "from tomorrow", "no token"),
        *("unsigned", "another's key", "public key as a secret"),
    ],
)
def test_what_cannot_be_believed_opens_nothing(
    site: Site, provider: Provider, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    provider.fault = fault
    with site.client() as http:
        answer = go_and_come_back(http)
        assert answer.status_code == 401 and "n'a pas abouti" in unescape(answer.text)
        assert not [one for one in answer.headers.get_list("set-cookie") if one.startswith("callbot=")]
        assert http.get("/").status_code == 303
        provider.fault = ""
        assert go_and_come_back(http).status_code == 200, "the next time it may be right"
    assert "Martin" not in caplog.text and "identity provider: " in caplog.text


def test_a_way_back_is_good_once_and_in_its_own_browser(site: Site) -> None:
    with site.client() as http, site.client() as other:
        assert http.get("/connexion/oidc/retour").status_code == 401
        start = http.get("/connexion/oidc")
        back = httpx.get(start.headers["location"]).headers["location"]
        assert other.get(back).status_code == 401, "a link that somebody was sent logs nobody in"
        start = http.get("/connexion/oidc")
        back = httpx.get(start.headers["location"]).headers["location"]
        forged = back.replace(parse_qs(urlsplit(back).query)["state"][0], "x" * 30)
        kept = http.cookies["callbot-oidc"]
        assert http.get(forged).status_code == 401
        http.cookies.set("callbot-oidc", kept)
        assert http.get(back).status_code == 200
        http.cookies.set("callbot-oidc", kept)
        assert http.get(back).status_code == 401, "a code is good once"
        for odd in ("", "x", "e30", "W10", "eyJhIjoxfQ", "é", "A" * 9000):
            answer = http.get(back, headers={"Cookie": f"callbot-oidc={odd}".encode()})
            assert answer.status_code in (400, 401)


@pytest.mark.parametrize("fault", ["away", "issuer of metadata"])
def test_without_its_provider_passwords_remain(site: Site, provider: Provider, fault: str) -> None:
    provider.fault = fault
    with site.client() as http:
        answer = http.get("/connexion/oidc")
        assert answer.status_code == 503 and "mot de passe" in answer.text
        assert log_in(http, "anne").status_code == 303


def test_behind_https_it_comes_back_by_https(tmp_path: Path, provider: Provider) -> None:
    site = Site(tmp_path, settings=settings_for(provider) | {"console_https": True})
    with site.running(), site.client() as http:
        start = http.get("/connexion/oidc", headers={"Host": "standard.rivemont.example"})
        asked = parse_qs(urlsplit(start.headers["location"]).query)
        assert asked["redirect_uri"] == ["https://standard.rivemont.example/connexion/oidc/retour"]
        cookie = start.headers["set-cookie"].lower()
        assert cookie.startswith("__host-callbot-oidc=") and "secure" in cookie and "samesite=lax" in cookie


def test_without_a_provider_there_is_no_button(tmp_path: Path) -> None:
    site = Site(tmp_path)
    with site.running(), site.client() as http:
        assert "/connexion/oidc" not in http.get("/connexion").text
        assert http.get("/connexion/oidc").status_code == 404
        assert http.get("/connexion/oidc/retour").status_code == 404


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"CALLBOT_OIDC_ISSUER": "http://id.example", "CALLBOT_OIDC_CLIENT_ID": "x"}, "https://"),
        ({"CALLBOT_OIDC_ISSUER": "nonsense", "CALLBOT_OIDC_CLIENT_ID": "x"}, "https://"),
        ({"CALLBOT_OIDC_ISSUER": "https://id.example"}, "oidc_client_id"),
    ],
)
def test_settings_that_cannot_be_are_refused(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], said: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=said):
        load_settings()


async def test_doctor_knows_the_provider(tmp_path: Path, provider: Provider) -> None:
    settings = Settings(state_dir=tmp_path, **settings_for(provider))
    assert await doctor._oidc(settings) == provider.issuer
    assert await doctor._oidc(Settings(state_dir=tmp_path)) == "passwords only"
    provider.fault = "away"
    with pytest.raises(Exception, match="identity provider"):
        await doctor._oidc(settings)


async def test_without_the_library_the_remedy_is_told(
    tmp_path: Path, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importlib.import_module

    def missing(name: str, package: str | None = None) -> Any:
        if name.startswith("authlib"):
            raise ImportError(name)
        return real(name, package)

    monkeypatch.setattr(importlib, "import_module", missing)
    site = Site(tmp_path, settings=settings_for(provider))
    with pytest.raises(SettingsError, match=r"callbot\[oidc\]"):
        build_app(site.settings, site.database, communes())
    with pytest.raises(SettingsError, match=r"callbot\[oidc\]"):
        await doctor._oidc(site.settings)


@NEEDS_CHROMIUM
def test_in_a_browser(site: Site, page: Any, tmp_path: Path) -> None:
    page.goto(site.url)
    assert examine(page, tmp_path / "login-oidc.png") == []
    page.get_by_role("link", name="Se connecter avec mon compte Rivemont").click()
    page.get_by_text("Mis à jour en direct").wait_for()
    assert page.url == f"{site.url}/" and "anne" in page.locator(".who").inner_text()
