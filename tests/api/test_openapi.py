import json
import re
import subprocess
import sys
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from apiworld import FAILING, World
from holdfast.errors import ERRORS
from holdfast_api.openapi import document
from holdfast_api.problems import CODES


def _operations() -> dict[str, dict[str, Any]]:
    return {
        f"{method} {path}": operation
        for path, item in document()["paths"].items()
        for method, operation in item.items()
    }


def test_the_document_is_served_as_it_is_committed(world: World) -> None:
    assert world.client.get("/openapi.json").json() == json.loads(json.dumps(document()))


def test_the_document_is_the_same_in_every_process() -> None:
    code = "import json; from holdfast_api.openapi import document; print(json.dumps(document()))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert run.stdout.strip() == json.dumps(document())


def test_every_reference_leads_somewhere() -> None:
    schemas = document()["components"]["schemas"]
    text = json.dumps(document())
    named = set(re.findall(r'"#/components/schemas/([^"]+)"', text))
    assert named <= set(schemas)
    assert set(schemas) - named == set()
    assert "HTTPValidationError" not in text


def test_every_operation_has_a_short_unique_id_a_tag_and_a_sentence() -> None:
    operations = _operations()
    ids = [operation["operationId"] for operation in operations.values()]
    assert len(set(ids)) == len(ids)
    assert max(map(len, ids)) < 24
    for operation in operations.values():
        assert len(operation["tags"]) == 1
        assert operation["description"].endswith(".")


def test_every_error_is_a_problem_and_names_codes_that_exist() -> None:
    for name, operation in _operations().items():
        for status, answer in operation["responses"].items():
            if int(status) < 400 or "x-holdfast-codes" not in answer:
                assert int(status) < 400 or status in ("416", "503"), (name, status)
                continue
            assert set(answer[CODES]) <= set(ERRORS)
            assert list(answer["content"]) == ["application/problem+json"]


def test_plan_and_policy_are_described() -> None:
    request = document()["components"]["schemas"]["AuditRequest"]["properties"]
    assert request["plan"] == {"$ref": "#/components/schemas/AuditPlan"}
    assert "assertions" in json.dumps(request["policy"])


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        ("AuditView", ""),
        ("Verdict", "/verdict"),
        ("AuditResult", "/result.json"),
    ],
)
def test_answers_are_as_the_document_says(world: World, schema: str, path: str) -> None:
    audit_id = world.done(FAILING)
    root = Resource.from_contents(document(), default_specification=DRAFT202012)
    registry: Registry[Any] = Registry().with_resource("urn:api", root)
    wanted = {"$ref": f"urn:api#/components/schemas/{schema}"}
    validator = Draft202012Validator(wanted, registry=registry)
    answer = world.client.get(f"/v1/audits/{audit_id}{path}").json()
    assert [error.message for error in validator.iter_errors(answer)] == []
    assert [error.message for error in validator.iter_errors({"id": 1})]


def test_the_reference_page_shows_every_operation(world: World) -> None:
    page = world.client.get("/docs").text
    for name in _operations():
        assert f"<code>{name.split(' ')[1]}</code>" in page
