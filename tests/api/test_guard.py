"""Who may ask: names, sites, the token, the session."""

import pytest

from apiworld import NewWorld, World
from holdfast_api.guard import is_local_path
from holdfast_api.sessions import COOKIE, cookie_owner, key_from, sign

TOKEN = "correct horse battery staple"  # noqa: S105 - of a test
BEARER = {"Authorization": f"Bearer {TOKEN}"}
_BODY = {"kind": "model", "size_bytes": 10}


@pytest.fixture
def guarded(new_world: NewWorld) -> World:
    """A service with a token."""
    return new_world(token=TOKEN)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:8080", "localhost:1", "LOCALHOST", "[::1]:8080", "[::1]"]
)
def test_without_a_token_loopback_names_are_served(world: World, host: str) -> None:
    assert world.client.get("/v1/audits", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "evil.example:8080",
        "192.168.1.5:8080",
        "",
        "[",
        "127.0.0.1@evil.example",
        "0.0.0.0",  # noqa: S104 - a name that must be refused
    ],
)
@pytest.mark.parametrize("path", ["/v1/audits", "/", "/healthz", "/static/style.css"])
def test_without_a_token_no_other_name_is_served(world: World, host: str, path: str) -> None:
    answer = world.client.get(path, headers={"Host": host})
    assert (answer.status_code, answer.json()["code"]) == (403, "host_not_allowed")


def test_the_operator_may_allow_further_names(
    new_world: NewWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOLDFAST_ALLOWED_HOSTS", "audits.internal, Other.Internal")
    world = new_world()
    hosts = ("audits.internal:80", "other.internal", "127.0.0.1", "evil.example")
    codes = [world.client.get("/", headers={"Host": host}).status_code for host in hosts]
    assert codes == [200, 200, 200, 403]


def test_with_a_token_any_name_is_served(guarded: World) -> None:
    headers = {"Host": "audits.example", **BEARER}
    assert guarded.client.get("/v1/audits", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://127.0.0.1"},
        {"Origin": "http://evil.example"},
        {"Origin": "http://127.0.0.1:3000"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "http://["},
    ],
)
def test_pages_of_other_sites_cannot_change_anything(world: World, headers: dict[str, str]) -> None:
    audit_id = world.audit()
    calls = [
        world.client.post("/v1/uploads", json=_BODY, headers=headers),
        world.client.put("/v1/uploads/x", content=b"x", headers=headers),
        world.client.delete("/v1/uploads/x", headers=headers),
        world.client.post(f"/audits/{audit_id}/cancel", headers=headers),
        world.client.post("/login", headers=headers),
    ]
    assert {(call.status_code, call.json()["code"]) for call in calls} == {(403, "cross_site")}
    assert world.client.get(f"/v1/audits/{audit_id}").json()["state"] == "queued"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "null"},
        {"Origin": "http://127.0.0.1"},
        {"Origin": "http://127.0.0.1:80"},
    ],
)
def test_our_own_pages_and_programs_may_post(world: World, headers: dict[str, str]) -> None:
    assert world.client.post("/v1/uploads", json=_BODY, headers=headers).status_code == 201


def test_reading_across_sites_is_left_to_the_browser(world: World) -> None:
    answer = world.client.get("/v1/audits", headers={"Origin": "http://evil.example"})
    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer x"},
        {"Authorization": f"Bearer {TOKEN}x"},
        {"Authorization": TOKEN},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": "Bearer \xe9"},
        {"Cookie": f"{COOKIE}=1.2.3.4"},
        {"Cookie": f"{COOKIE}={TOKEN}"},
    ],
)
def test_without_the_token_nothing_is_told(guarded: World, headers: dict[str, str]) -> None:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    for path in ("/v1/audits", "/v1/audits/x/report.html", "/v1/models", "/nothing"):
        answer = guarded.client.get(path, headers=raw)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
        assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_health_and_reference_need_no_token(guarded: World) -> None:
    paths = ["/healthz", "/readyz", "/v1/version", "/openapi.json", "/docs", "/problems"]
    codes = [guarded.client.get(path).status_code for path in [*paths, "/problems/internal"]]
    assert codes == [200] * 7


def test_a_browser_is_led_to_the_form_and_back(guarded: World) -> None:
    html = {"Accept": "text/html"}
    answer = guarded.client.get("/audits/x?a=1", headers=html)
    assert (answer.status_code, answer.headers["Location"]) == (
        303,
        "/login?next=/audits/x%3Fa%3D1",
    )
    page = guarded.client.get(answer.headers["Location"], headers=html)
    assert 'name="next" value="/audits/x?a=1"' in page.text
    form = {"token": TOKEN, "next": "/?project=default"}
    answer = guarded.client.post("/login", data=form)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/?project=default")
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie
    assert TOKEN not in cookie
    assert guarded.client.get("/", headers=html).status_code == 200
    assert guarded.client.get("/v1/audits").status_code == 200
    assert guarded.client.post("/logout").status_code == 303
    assert guarded.client.get("/v1/audits").status_code == 401


def test_over_https_the_cookie_is_secure(guarded: World) -> None:
    answer = guarded.client.post("https://127.0.0.1/login", data={"token": TOKEN})
    assert "Secure" in answer.headers["Set-Cookie"]


def test_a_wrong_token_gives_no_session(guarded: World) -> None:
    answer = guarded.client.post("/login", data={"token": "wrong"})
    assert answer.status_code == 401
    assert "Set-Cookie" not in answer.headers
    assert "That is not a token" in answer.text


@pytest.mark.parametrize("body", [b"", b"token=%ff", b"&" * 5000, b"\xff\xfe", b"token"])
def test_a_broken_login_form_is_only_wrong(guarded: World, body: bytes) -> None:
    assert guarded.client.post("/login", content=body).status_code in (401, 422)


def test_without_a_token_there_is_no_form(world: World) -> None:
    assert world.client.get("/login").headers["Location"] == "/"
    assert world.client.post("/login", data={"token": ""}).headers["Location"] == "/"


@pytest.mark.parametrize(
    "target",
    ["//evil.example", "/\\evil.example", "https://evil.example", "evil", "", "/\r\nX: y", "/\t/x"],
)
def test_the_form_leads_nowhere_else(guarded: World, target: str) -> None:
    assert not is_local_path(target)
    answer = guarded.client.post("/login", data={"token": TOKEN, "next": target})
    assert answer.headers["Location"] == "/"


def test_a_session_ends_and_cannot_be_made_up() -> None:
    def key(owner: str) -> bytes:
        return key_from("secret", owner)

    cookie = sign(key("me"), "me", 60, now_s=1000.0)
    assert cookie_owner(cookie, key, now_s=1059.0) == "me"
    assert cookie_owner(cookie, key, now_s=1060.0) is None
    assert cookie_owner(cookie, lambda _: key_from("other", "me"), now_s=1000.0) is None
    owner, until, nonce, mac = cookie.split(".")
    for forged in (
        f"{owner}.{int(until) + 1}.{nonce}.{mac}",
        f"you.{until}.{nonce}.{mac}",
        f"{owner}.{until}.{nonce}.{mac[:-1]}\ud800",
    ):
        assert cookie_owner(forged, key, now_s=1000.0) is None
