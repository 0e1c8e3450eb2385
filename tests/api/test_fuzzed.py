"""Schemathesis against the running service: no 5xx, no answer that the document does not name."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from apiworld import PASSING, World, a_world, result_of, serving
from holdfast_api.openapi import document
from holdfast_db.tokens import NewToken, add_token

_CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
_NAMES: Final = sorted(
    operation["operationId"] for item in document()["paths"].values() for operation in item.values()
)
_EXAMPLES: Final = 5

schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")


def _speak_tus(case: Any) -> None:
    """Let a request that could be one of tus be one, or none would get far."""
    named = {name.lower() for name in case.headers or {}}
    if "upload-offset" in named or "tus-resumable" in named:
        case.headers["Tus-Resumable"] = "1.0.0"
        case.headers["Upload-Metadata"] = "kind bW9kZWw="


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Iterator[World]:
    """A service that asks for tokens, with an audit that is done."""
    folder = tmp_path_factory.mktemp("fuzzed")
    with a_world(folder, empty_database, auth="on", rate_limit="", poll_s=0.01) as world:
        with world.parts.whole_db.transaction() as session:
            secret = add_token(session, NewToken("fuzzer", "admin"))[1]
        world.client.headers["Authorization"] = f"Bearer {secret}"
        yield world


@pytest.fixture(scope="module")
def ids(world: World) -> dict[str, str]:
    """Of something that is there, for every name in a path."""
    audit_id = world.audit(policy=PASSING)
    world.finish(world.claim(), result_of(), PASSING)
    audit = world.client.get(f"/v1/audits/{audit_id}").json()
    model = world.client.get(f"/v1/models/{audit['model_id']}").json()
    return {
        "audit_id": audit_id,
        "model_id": audit["model_id"],
        "probe_set_id": audit["probe_set_id"],
        "upload_id": world.announce()["id"],
        "sha256": model["sha256"],
        "slug": "default",
    }


@pytest.fixture(scope="module")
def schema(world: World) -> Iterator[Any]:
    """The document as the service serves it."""
    with serving(world) as url:
        yield schemathesis.openapi.from_url(f"{url}/openapi.json")


@pytest.mark.parametrize("name", _NAMES)
def test_every_answer_is_documented(
    world: World, schema: Any, ids: dict[str, str], name: str
) -> None:
    operation = schema.find_operation_by_id(name)
    token = {"Authorization": world.client.headers["Authorization"]}
    any_case = st.one_of(
        [
            operation.as_strategy(generation_mode=mode)
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
        ]
    )

    @settings(
        max_examples=_EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=any_case, is_there=st.booleans())
    def ask(case: Any, *, is_there: bool) -> None:
        if is_there and case.method != "DELETE":
            known = {key: ids[key] for key in case.path_parameters or {} if key in ids}
            case.path_parameters = {**(case.path_parameters or {}), **known}
        _speak_tus(case)
        case.call_and_validate(headers=token, checks=_CHECKS, timeout=20)

    ask()
