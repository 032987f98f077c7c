"""Who is answered: this machine, those with a token, those whom the application knows; and no page of another site."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from fastapi import FastAPI

from fastagentic.context import UserInfo
from fastagentic.core.errors import ConfigError
from fastagentic.dashboard import dashboard_app

from .asking import FAR, HOME, TOKEN, get, guarded, request, session

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

pytestmark = pytest.mark.usefixtures("filled")

API = "/api/v1/overview"


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost", "LOCALHOST:1", "[::1]:8765", "127.9.9.9", "localhost."])
def test_this_machine_is_answered_by_any_of_its_names(host: str) -> None:
    assert get(API, headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8765", "127.0.0.1.evil.example", "localhost.evil.example", "0.0.0.0", "192.0.2.1", "", "a b",
     "127.0.0.1@evil.example", "evil.example#127.0.0.1", "[::1", "127.0.0.1:port"],
)  # fmt: skip
def test_a_name_that_somebody_points_here_is_refused(host: str) -> None:
    """DNS rebinding: the page of evil.example asks evil.example, which resolves to this machine by now."""
    answer = get(API, headers={"host": host})

    assert answer.status_code == 400
    assert answer.json()["fix"].startswith("Open it at 127.0.0.1")


def test_two_host_headers_are_refused() -> None:
    assert get(API, headers=[("host", "127.0.0.1"), ("host", "evil.example")]).status_code == 400


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:9999", "http://localhost:8765", "x"])
def test_a_page_of_another_origin_is_refused(origin: str) -> None:
    assert get(API, headers={"origin": origin}).status_code == 400


def test_its_own_pages_are_answered() -> None:
    assert get(API, headers={"origin": HOME}).status_code == 200


def test_without_a_token_no_other_machine_is_answered() -> None:
    assert get(API, client=FAR).status_code == 403


@pytest.mark.parametrize("header", ["x-forwarded-for", "forwarded", "x-real-ip"])
def test_without_a_token_no_proxy_is_answered(header: str) -> None:
    assert get(API, headers={header: "192.0.2.7"}).status_code == 403


@pytest.mark.parametrize("path", ["/", "/runs", API, "/static/dashboard.css", "/nowhere", "/api/v1/openapi.json"])
def test_every_answer_tells_the_browser_to_run_nothing_of_others(path: str) -> None:
    headers = get(path).headers

    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize(
    ("path", "cached"), [("/", "no-store"), (API, "no-store"), ("/static/theme.js", "public, max-age=86400")]
)
def test_only_its_own_files_are_kept_by_the_browser(path: str, cached: str) -> None:
    assert get(path).headers["cache-control"] == cached


def test_a_page_has_no_script_style_or_handler_in_its_markup() -> None:
    for path in ("/", "/runs", "/models", "/compare", "/what-if", "/health"):
        text = get(path).text
        assert "<style" not in text
        assert "<script>" not in text
        assert not [word for word in (" style=", " onclick=", " onload=", "javascript:") if word in text]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["/", "/runs", API, "/health"])
def test_nothing_can_be_changed(method: str, path: str) -> None:
    assert request(method, path).status_code == 405


class TestAToken:
    def test_that_can_be_guessed_is_no_token(self) -> None:
        with pytest.raises(ConfigError, match="16 letters"):
            dashboard_app(token="secret")

    def test_as_a_bearer_opens_the_api(self) -> None:
        app = guarded()

        assert get(API, app=app, client=FAR, headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200

    @pytest.mark.parametrize("authorization", ["", "Bearer ", "Bearer wrong", f"Basic {TOKEN}", TOKEN, "Bearer \xff"])
    def test_is_asked_for_by_the_api(self, authorization: str) -> None:
        headers = [(b"authorization", authorization.encode("latin-1"))]
        answer = get(API, app=guarded(), headers=headers)

        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.json()["fix"] == "Send `Authorization: Bearer TOKEN`."

    def test_is_asked_for_by_a_page_which_one_comes_back_to(self) -> None:
        async def ask(client: httpx.AsyncClient) -> list[httpx.Response]:
            first = await client.get("/runs?since=24h")
            form = await client.get(first.headers["location"])
            inside = await client.post(first.headers["location"], data={"token": TOKEN})
            return [first, form, inside, await client.get(inside.headers["location"])]

        first, form, inside, page = session(ask, app=guarded())

        assert (first.status_code, first.headers["location"]) == (303, "/login?to=%2Fruns%3Fsince%3D24h")
        assert 'type="password"' in form.text
        assert inside.headers["location"] == "/runs?since=24h"
        assert page.status_code == 200
        assert "nightly-report" in page.text

    def test_makes_a_cookie_that_no_script_reads_and_no_other_site_sends(self) -> None:
        answer = request("POST", "/login", app=guarded(), data={"token": TOKEN})

        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert "Secure" not in cookie
        assert TOKEN not in cookie

    def test_over_tls_makes_a_secure_cookie(self) -> None:
        answer = request("POST", "/login", app=guarded(), data={"token": TOKEN}, base="https://127.0.0.1")

        assert "Secure" in answer.headers["set-cookie"]

    def test_in_an_address_is_exchanged_at_once(self) -> None:
        answer = get(f"/login?token={TOKEN}", app=guarded())

        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        assert "set-cookie" in answer.headers

    @pytest.mark.parametrize("given", ["", "wrong", TOKEN + "x", "x" * 20_000])
    def test_another_one_opens_nothing(self, given: str) -> None:
        answer = request("POST", "/login", app=guarded(), data={"token": given})

        assert answer.status_code == 401
        assert "set-cookie" not in answer.headers
        assert "That is another token." in answer.text

    def test_the_cookie_of_another_token_opens_nothing(self) -> None:
        other = request("POST", "/login", app=dashboard_app(token=TOKEN + "-2"), data={"token": TOKEN + "-2"})
        cookie = other.headers["set-cookie"].partition(";")[0]

        assert get(API, app=guarded(), headers={"cookie": cookie}).status_code == 401

    @pytest.mark.parametrize("to", ["//evil.example", "https://evil.example", "/\\evil.example", "evil"])
    def test_nobody_is_sent_elsewhere_after_logging_in(self, to: str) -> None:
        answer = request("POST", "/login", app=guarded(), data={"token": TOKEN}, params={"to": to})

        assert answer.headers["location"] == "/"

    def test_a_form_of_another_site_logs_nobody_in(self) -> None:
        headers = {"origin": "https://evil.example"}

        assert request("POST", "/login", app=guarded(), data={"token": TOKEN}, headers=headers).status_code == 400

    def test_does_not_open_it_to_names_that_were_not_allowed(self) -> None:
        app = dashboard_app(token=TOKEN, hosts=["box.example.com"])
        bearer = {"authorization": f"Bearer {TOKEN}"}

        assert get(API, app=app, headers=bearer | {"host": "Box.Example.com:8765"}).status_code == 200
        assert get(API, app=app, headers=bearer | {"host": "evil.example"}).status_code == 400


class TestMounted:
    def test_its_links_lead_into_itself(self) -> None:
        outer = FastAPI()
        outer.mount("/_fastagentic", dashboard_app())

        page = get("/_fastagentic/runs", app=outer)

        assert page.status_code == 200
        assert 'href="/_fastagentic/models' in page.text
        assert 'href="/_fastagentic/static/dashboard.css' in page.text
        assert 'href="/models' not in page.text
        assert get("/_fastagentic/static/dashboard.css", app=outer).status_code == 200

    def test_in_an_app_it_stands_behind_the_apps_users(self) -> None:
        from fastagentic import App

        async def authenticate(request: Any) -> UserInfo | None:
            return UserInfo(id="u-1") if request.headers.get("x-key") == "right" else None

        app = App(instrument=False, authenticate=authenticate)
        app.mount("/_fastagentic", dashboard_app())

        unknown = get("/_fastagentic" + API, app=app, client=FAR, headers={"host": "app.example.com"})
        known = get("/_fastagentic" + API, app=app, client=FAR, headers={"host": "app.example.com", "x-key": "right"})

        assert (unknown.status_code, known.status_code) == (401, 200)
        assert get("/_fastagentic/", app=app).status_code == 401

    def test_in_an_app_without_users_only_this_machine_is_answered(self) -> None:
        from fastagentic import App

        app = App(instrument=False)
        app.mount("/_fastagentic", dashboard_app())

        assert get("/_fastagentic" + API, app=app).status_code == 200
        assert get("/_fastagentic" + API, app=app, client=FAR).status_code == 403
        assert get("/_fastagentic" + API, app=app, headers={"host": "app.example.com"}).status_code == 400

    def test_what_it_was_told_itself_holds(self) -> None:
        from fastagentic import App

        app = App(instrument=False, authenticate=lambda _: None)
        app.mount("/_fastagentic", dashboard_app(token=TOKEN))

        assert get("/_fastagentic" + API, app=app, headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200

    def test_one_way_in_is_enough(self) -> None:
        with pytest.raises(ConfigError, match="not both"):
            dashboard_app(token=TOKEN, authenticate=lambda _: None)


def test_looking_writes_nothing(filled: Path) -> None:
    before = filled.read_bytes()

    for path in ("/", "/runs", "/models", "/compare", "/what-if", "/health", API, "/api/v1/calls.csv"):
        assert get(path).status_code == 200

    assert filled.read_bytes() == before
