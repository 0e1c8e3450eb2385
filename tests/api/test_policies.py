import json

import jsonschema
import pytest

from apiworld import FAILING, PASSING, World
from holdfast.gate import read_policy
from holdfast.records.base import digest


def _store(world: World, policy: object = None, **more: object) -> dict[str, object]:
    body = {"name": "release", "policy": policy or PASSING, **more}
    answer = world.client.post("/v1/policies", json=body)
    assert answer.is_success, answer.text
    view: dict[str, object] = answer.json()
    assert answer.headers["Location"] == f"/v1/policies/{view['id']}"
    return view


def test_a_policy_is_stored_once_and_never_changes(world: World) -> None:
    first = world.client.post("/v1/policies", json={"name": "release", "policy": PASSING})
    again = world.client.post("/v1/policies", json={"name": "release", "policy": PASSING})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert first.json()["digest"] == digest(read_policy(PASSING))
    other = _store(world, FAILING)
    assert other["id"] != first.json()["id"]
    shown = world.client.get(f"/v1/policies/{first.json()['id']}").json()
    assert shown == first.json()
    listed = world.client.get("/v1/policies?name=release").json()["items"]
    assert [each["id"] for each in listed] == [other["id"], first.json()["id"]]
    assert world.client.get("/v1/policies?project=other").json()["items"] == []


def test_an_archived_policy_is_hidden_and_comes_back(world: World) -> None:
    policy = _store(world)
    assert world.client.delete(f"/v1/policies/{policy['id']}").status_code == 204
    assert world.client.get("/v1/policies").json()["items"] == []
    assert world.client.get(f"/v1/policies/{policy['id']}").json()["archived"]
    body = {"model_id": world.model(), "probe_set_id": world.probe_set()}
    refused = world.client.post("/v1/audits", json={**body, "policy_id": policy["id"]})
    assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
    assert _store(world)["archived"] is False


def test_an_audit_names_its_policy(world: World) -> None:
    policy = _store(world, FAILING)
    audit_id = world.done(policy=None, policy_id=policy["id"])
    answer = world.client.post(f"/v1/audits/{audit_id}/gate", json={"policy_id": policy["id"]})
    assert answer.json()["decision"] == "failed"
    assert answer.json()["policy_digest"] == policy["digest"]


def test_the_policy_of_the_project_judges_what_brings_none(world: World) -> None:
    policy = _store(world, FAILING)
    world.client.patch("/v1/projects/default", json={"policy_id": policy["id"]})
    audit_id = world.done()
    answer = world.client.post(f"/v1/audits/{audit_id}/gate", json={})
    assert (answer.status_code, answer.json()["decision"]) == (200, "failed")


def test_a_policy_of_another_project_is_not_there(world: World) -> None:
    policy = _store(world, project="other")
    body = {"model_id": world.model(), "probe_set_id": world.probe_set()}
    answer = world.client.post("/v1/audits", json={**body, "policy_id": policy["id"]})
    assert answer.status_code == 404


def test_without_any_policy_there_is_nothing_to_judge_by(world: World) -> None:
    answer = world.client.post(f"/v1/audits/{world.done()}/gate", json={})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_policy")


@pytest.mark.parametrize(
    ("policy", "pointers"),
    [
        (PASSING, []),
        ({"preset": "recommended"}, []),
        ({"assertions": {"accuracy": "off", "scale.drift": ["warn", {"max": 0.1}]}}, []),
        ({}, ["/policy"]),
        ({"assertions": {}}, ["/policy"]),
        ({"assertions": {"accuracy": "off"}}, ["/policy"]),
        ({"preset": "gentle"}, ["/policy/preset"]),
        ({**PASSING, "on_inconclusive": "maybe"}, ["/policy/on_inconclusive"]),
        ({**PASSING, "colour": "red"}, ["/policy/colour"]),
        (
            {"assertions": {"beauty": ["error", {"min": 1}], "accuracy": ["error", {"min": "x"}]}},
            ["/policy/assertions/accuracy", "/policy/assertions/beauty"],
        ),
        ({"assertions": {"a/b~c": "error"}}, ["/policy/assertions/a~1b~0c"]),
        ({**PASSING, "baseline": {"branch": ""}}, ["/policy/baseline"]),
        (
            {**PASSING, "ignore": [{"id": "accuracy", "until": "2030-01-01", "reason": "late"}]},
            ["/policy/ignore"],
        ),
        ({"assertions": 5}, ["/policy/assertions"]),
    ],
)
def test_every_fault_has_its_place(world: World, policy: object, pointers: list[str]) -> None:
    answer = world.client.post("/v1/policies/validate", json={"policy": policy})
    assert answer.status_code == 200, answer.text
    seen = answer.json()
    assert [fault["pointer"] for fault in seen["errors"]] == pointers
    assert seen["ok"] is (pointers == [])
    assert all(fault["detail"] and fault["code"] for fault in seen["errors"])


def test_a_misspelt_id_comes_with_a_suggestion(world: World) -> None:
    policy = {"assertions": {"translation.consistancy": ["error", {"min": 0.9}]}}
    (fault,) = world.client.post("/v1/policies/validate", json={"policy": policy}).json()["errors"]
    assert fault["code"] == "unknown_assertion"
    assert "translation.consistency" in fault["hint"]


def test_the_schema_takes_policies_and_nothing_else(world: World) -> None:
    schema = world.client.get("/v1/policies/schema").json()
    validator = jsonschema.Draft202012Validator(schema)
    validator.check_schema(schema)
    good = [
        PASSING,
        {"preset": "strict", "baseline": {"branch": "main", "on_missing": "warn"}},
        {"assertions": {"accuracy": ["error", {"min": 0.9, "max_drop": 0.01}]}},
        {**PASSING, "ignore": [{"id": "accuracy", "until": "2030-01-01", "reason": "late"}]},
    ]
    bad = [
        {"preset": "gentle"},
        {"assertions": {"accuracy": ["loud", {}]}},
        {"assertions": {"accuracy": ["error", {"least": 1}]}},
        {**PASSING, "on_inconclusive": "maybe"},
        {**PASSING, "ignore": [{"id": "accuracy"}]},
    ]
    assert [json.dumps(each) for each in good if not validator.is_valid(each)] == []
    assert [json.dumps(each) for each in bad if validator.is_valid(each)] == []
