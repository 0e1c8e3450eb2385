import pytest

from apiworld import NewWorld, World
from holdfast.errors import ERRORS, HoldfastError
from holdfast_api import health
from holdfast_api.statuses import _BY_STATUS, STATUS


def test_every_error_has_exactly_one_status() -> None:
    assert set(STATUS) == set(ERRORS)
    assert sum(len(codes) for codes in _BY_STATUS.values()) == len(STATUS)


@pytest.mark.parametrize("code", sorted(ERRORS))
def test_every_error_has_a_page(world: World, code: str) -> None:
    page = world.client.get(f"/problems/{code}")
    assert page.status_code == 200
    assert f"<code>{code}</code>" in page.text
    assert f'href="/problems/{code}"' in world.client.get("/problems").text


@pytest.mark.parametrize(
    ("code", "title"),
    [("invalid_onnx", "Invalid ONNX"), ("onnx_unsupported", "ONNX unsupported")],
)
def test_a_title_spells_names_as_they_are(world: World, code: str, title: str) -> None:
    assert f"<h1>{title}</h1>" in world.client.get(f"/problems/{code}").text


def test_a_problem_is_a_whole_document(world: World) -> None:
    answer = world.client.get("/v1/audits/nope")
    body = answer.json()
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert set(body) == {
        *("type", "title", "status", "code", "detail", "hint", "request_id", "errors")
    }
    assert (body["status"], body["code"], body["title"]) == (404, "not_found", "Not found")
    assert body["request_id"] == answer.headers["X-Request-Id"]
    assert world.client.get(body["type"]).status_code == 200


@pytest.mark.parametrize(
    ("given", "kept"),
    [("abcdefgh-1", True), ("short", False), ("x" * 65, False), ("a\tb; DROP--", False)],
)
def test_a_request_id_is_taken_only_in_our_form(world: World, given: str, *, kept: bool) -> None:
    answer = world.client.get("/healthz", headers={"X-Request-Id": given})
    assert (answer.headers["X-Request-Id"] == given) is kept


def test_a_wrong_method_is_named(world: World) -> None:
    answer = world.client.delete("/v1/audits")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer.headers["Allow"]


def test_a_browser_gets_a_page_and_a_program_a_document(world: World) -> None:
    html = {"Accept": "text/html,*/*"}
    page = world.client.get("/audits/nope", headers=html)
    assert (page.status_code, page.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert "There is no audit with this id." in page.text
    document = world.client.get("/v1/audits/nope", headers=html)
    assert document.headers["Content-Type"] == "application/problem+json"


def test_what_nobody_foresaw_is_internal_and_says_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise RuntimeError("the secret cause in /some/path")

    monkeypatch.setattr(health, "HealthView", broken)
    answer = world.client.get("/healthz")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "secret" not in answer.text
    assert answer.json()["request_id"] in answer.json()["hint"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_database_that_is_away_is_not_our_fault_to_hide(new_world: NewWorld) -> None:
    world = new_world()
    audit_id = world.audit()
    world.parts.db.close()
    (world.parts.store.root / "holdfast.db").unlink()
    answer = world.client.get(f"/v1/audits/{audit_id}")
    assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
    assert "Retry-After" in answer.headers


def test_an_error_without_its_fields_still_has_a_sentence() -> None:
    assert [code for code in ERRORS if not HoldfastError(code).sentence] == []
