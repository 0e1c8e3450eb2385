"""Bodies made to break a JSON reader. None may give a 500, each has its own code."""

import json
import uuid

import pytest

from apiworld import World
from holdfast.errors import HoldfastError
from holdfast_api.ids import known_id

_PATHS = ["/v1/uploads", "/v1/models", "/v1/probe-sets", "/v1/audits"]
_JSON = {"Content-Type": "application/json"}
_IDS = {"model_id": "m", "probe_set_id": "p"}


def _nested(depth: int, inside: str = "plan") -> bytes:
    tower = b'{"a":' * depth + b"1" + b"}" * depth
    return json.dumps({**_IDS, inside: 0}).encode()[:-2] + tower + b"}"


@pytest.mark.parametrize("path", _PATHS)
@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 422, "invalid_request"),
        (b"{", 400, "invalid_json"),
        (b"nonsense", 400, "invalid_json"),
        (b"\xff\xfe\x00", 400, "invalid_json"),
        (b"[" * 100_000, 400, "invalid_json"),
        (b'{"a":' * 100_000, 400, "invalid_json"),
        (b'{"size_bytes": 1' + b"0" * 5000 + b"}", 400, "invalid_json"),
        (b" " * (10 << 20), 413, "body_too_large"),
        (b"[]", 422, "invalid_request"),
        (b"null", 422, "invalid_request"),
        (b'"text"', 422, "invalid_request"),
        (b"NaN", 422, "invalid_request"),
        (b'{"name": "\\ud800"}', 422, "invalid_request"),
        (b'{"\\ud800": 1}', 422, "invalid_request"),
        (b'{"size_bytes": NaN, "priority": Infinity}', 422, "invalid_request"),
        (b'{"size_bytes": 1' + b"0" * 4000 + b"}", 422, "invalid_request"),
    ],
    ids=lambda value: repr(value[:20]) if isinstance(value, bytes) else None,
)
def test_a_hostile_body_is_refused(
    world: World, path: str, body: bytes, status: int, code: str
) -> None:
    answer = world.client.post(path, content=body, headers=_JSON)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("path", _PATHS)
def test_a_chunked_body_over_the_limit_is_cut_off(world: World, path: str) -> None:
    blocks = (b" " * 100_000 for _ in range(30))
    answer = world.client.post(path, content=blocks, headers=_JSON)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert "HOLDFAST_MAX_JSON_BYTES" in answer.json()["detail"]


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_json_must_say_that_it_is_json(world: World, kind: str | None) -> None:
    headers = {} if kind is None else {"Content-Type": kind}
    answer = world.client.post("/v1/uploads", content=b"{}", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize("inside", ["plan", "policy"])
@pytest.mark.parametrize("depth", [25, 300, 900])
def test_a_deep_block_is_refused_before_it_is_read(world: World, inside: str, depth: int) -> None:
    answer = world.client.post("/v1/audits", content=_nested(depth, inside), headers=_JSON)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert answer.json()["errors"][0]["pointer"] == f"/{inside}"


@pytest.mark.parametrize(
    ("plan", "named"),
    [
        (b'{"limit": 0}', "limit"),
        (b'{"limit": -1}', "limit"),
        (b'{"limit": 1e9}', "limit"),
        (b'{"limit": true}', "limit"),
        (b'{"seed": 1' + b"0" * 4000 + b"}", "seed"),
        (b'{"seed": 1e999}', "NaN or infinity"),
        (b'{"confidence": NaN}', "NaN or infinity"),
        (b'{"input": {"preset": "custom", "std": [0]}}', "std"),
        (b'{"input": {"preset": "\\ud800"}}', ""),
        (b'{"attack": "pgd"}', "attack"),
        (b'{"families": {"rotation": {"angles_deg": [0]}}}', "families.rotation"),
    ],
)
def test_a_wrong_plan_names_its_field(world: World, plan: bytes, named: str) -> None:
    body = json.dumps(_IDS).encode()[:-1] + b', "plan": ' + plan + b"}"
    answer = world.client.post("/v1/audits", content=body, headers=_JSON)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_plan")
    assert named in answer.json()["detail"]


@pytest.mark.parametrize(
    "policy",
    [
        "{}",
        '{"assertions": {}}',
        '{"assertions": {"accuracy": ["error", {"min": NaN}]}}',
        '{"assertions": {"accuracy": ["error", {"min": "0.9"}]}}',
        '{"assertions": {"accuracy": true}}',
        '{"assertions": {"accuracy": ["error", {"min": 0.9}, 1]}}',
        '{"assertions": [], "on_inconclusive": 1}',
    ],
)
def test_a_wrong_policy_is_refused(world: World, policy: str) -> None:
    body = f'{{"model_id": "m", "probe_set_id": "p", "policy": {policy}}}'
    answer = world.client.post("/v1/audits", content=body.encode(), headers=_JSON)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_policy")


def test_a_key_is_foreign_text_in_a_pointer(world: World) -> None:
    key = "\u202e\x1b[31m" + "x" * 9000
    answer = world.client.post("/v1/uploads", json={key: 1})
    pointer = answer.json()["errors"][-1]["pointer"]
    assert pointer.startswith("/[31mxxx")
    assert len(pointer) < 100


@pytest.mark.parametrize("text", ["", "x", "0" * 36, "\x00", f"{uuid.UUID(int=1)}\n", "A" * 36])
def test_what_has_not_the_form_of_an_id_never_reaches_the_database(text: str) -> None:
    assert known_id(str(uuid.UUID(int=1)), "audit") == str(uuid.UUID(int=1))
    with pytest.raises(HoldfastError) as caught:
        known_id(text, "audit")
    assert caught.value.code == "not_found"


def test_fields_of_a_wrong_body_are_named_by_pointers_and_never_repeated(world: World) -> None:
    secret = "hunter2"  # noqa: S105 - what a caller might send by mistake
    body = {"kind": secret, "size_bytes": "many", "a/b~c": 1}
    answer = world.client.post("/v1/uploads", json=body)
    pointers = [error["pointer"] for error in answer.json()["errors"]]
    assert pointers == ["/kind", "/size_bytes", "/a~1b~0c"]
    assert secret not in answer.text


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "201"},
        {"limit": "9" * 5000},
        {"cursor": "x"},
        {"cursor": "MjAyNi0xMS0yNCB4"},
        {"cursor": "\u20ac"},
        {"state": "lost"},
        {"project": "../x"},
        {"branch": "\x00"},
    ],
)
def test_a_wrong_query_is_refused(world: World, query: dict[str, str]) -> None:
    answer = world.client.get("/v1/audits", params=query)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


@pytest.mark.parametrize(
    "path",
    [
        "/v1/audits/..%2f..%2fetc/report.html",
        "/v1/audits/x%00y",
        "/v1/audits/" + "0" * 36,
        "/v1/audits/00000000-0000-7000-8000-000000000000",
        "/v1/models/%ff",
        "/v1/probe-sets/%F0%9F%90%8D",
        "/v1/uploads/..",
        "/static/..%2f..%2fsettings.py",
        "/static/../settings.py",
        "/nothing",
    ],
)
def test_an_id_that_cannot_be_ours_is_not_found(world: World, path: str) -> None:
    answer = world.client.get(path)
    assert answer.status_code == 404
    assert answer.json()["code"] in ("not_found", "unknown_address")
