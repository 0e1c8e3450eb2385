import re

import pytest

from apiworld import FAILING, PASSING, SAMPLES, World, result_of
from holdfast.records.policy import Verdict
from holdfast.records.result import AuditResult

_PARTS = ["verdict", "result.json", "report.html", "samples.parquet"]


@pytest.mark.parametrize("part", _PARTS)
def test_an_open_audit_has_no_outcome(world: World, part: str) -> None:
    audit_id = world.audit()
    answer = world.client.get(f"/v1/audits/{audit_id}/{part}")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_done")
    assert "queued" in answer.json()["detail"]


def test_the_result_comes_as_it_was_written(world: World) -> None:
    answer = world.client.get(f"/v1/audits/{world.done()}/result.json")
    assert answer.content == result_of().model_dump_json().encode()
    assert answer.headers["Content-Type"] == "application/json"
    assert AuditResult.model_validate_json(answer.content) == result_of()


def test_the_verdict_comes_as_it_was_decided(world: World) -> None:
    audit_id = world.done(PASSING)
    answer = world.client.get(f"/v1/audits/{audit_id}/verdict")
    assert Verdict.model_validate_json(answer.content).decision == "passed"
    view = world.client.get(f"/v1/audits/{audit_id}").json()
    assert view["decision"] == "passed"
    assert view["links"]["verdict"] == f"/v1/audits/{audit_id}/verdict"


def test_without_a_policy_there_is_no_verdict(world: World) -> None:
    audit_id = world.done()
    answer = world.client.get(f"/v1/audits/{audit_id}/verdict")
    assert (answer.status_code, answer.json()["code"]) == (404, "no_verdict")
    assert world.client.get(f"/v1/audits/{audit_id}").json()["links"]["verdict"] is None


def test_a_stored_result_is_judged_again_without_a_model(world: World) -> None:
    audit_id = world.done(PASSING)
    answer = world.client.post(f"/v1/audits/{audit_id}/gate", json={"policy": FAILING})
    assert (answer.status_code, answer.json()["decision"]) == (200, "failed")
    stored = world.client.get(f"/v1/audits/{audit_id}/verdict")
    assert stored.json() == answer.json()
    assert world.client.get(f"/v1/audits/{audit_id}").json()["decision"] == "failed"
    assert world.rings == ["cpu"]


def test_the_report_is_a_locked_page_of_our_name(world: World) -> None:
    audit_id = world.done(PASSING)
    answer = world.client.get(f"/v1/audits/{audit_id}/report.html")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = answer.headers["Content-Security-Policy"]
    assert "sandbox" in policy
    assert "default-src 'none'" in policy
    assert "script" not in policy
    expected = f'inline; filename="audit-{audit_id}.html"'
    assert answer.headers["Content-Disposition"] == expected
    kept = world.client.get(f"/v1/audits/{audit_id}/report.html?download=true")
    assert kept.headers["Content-Disposition"].startswith("attachment; ")
    assert "net" in answer.text


@pytest.mark.parametrize("part", ["result.json", "report.html", "samples.parquet"])
def test_what_has_not_changed_is_not_sent_again(world: World, part: str) -> None:
    url = f"/v1/audits/{world.done(PASSING)}/{part}"
    first = world.client.get(url)
    tag = first.headers["ETag"]
    assert re.fullmatch(r'"[0-9a-f]{32}"', tag)
    for given in (tag, f"W/{tag}", f'"other", {tag}'):
        again = world.client.get(url, headers={"If-None-Match": given})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["ETag"] == tag
    assert world.client.get(url, headers={"If-None-Match": '"other"'}).status_code == 200


def test_another_verdict_is_another_report(world: World) -> None:
    audit_id = world.done(PASSING)
    url = f"/v1/audits/{audit_id}/report.html"
    tag = world.client.get(url).headers["ETag"]
    world.client.post(f"/v1/audits/{audit_id}/gate", json={"policy": FAILING})
    again = world.client.get(url, headers={"If-None-Match": tag})
    assert again.status_code == 200
    assert again.headers["ETag"] != tag


@pytest.mark.parametrize(
    ("asked", "status", "part"),
    [
        ("bytes=0-3", 206, SAMPLES[:4]),
        ("bytes=-4", 206, SAMPLES[-4:]),
        ("bytes=2000-", 206, SAMPLES[2000:]),
        ("bytes=5000-", 416, b""),
        ("lines=1-2", 400, None),
    ],
)
def test_samples_are_read_in_ranges(
    world: World, asked: str, status: int, part: bytes | None
) -> None:
    url = f"/v1/audits/{world.done()}/samples.parquet"
    answer = world.client.get(url, headers={"Range": asked})
    assert answer.status_code == status
    if part is not None:
        assert answer.content == part
    whole = world.client.get(url)
    assert whole.content == SAMPLES
    assert whole.headers["Content-Type"] == "application/vnd.apache.parquet"
    assert whole.headers["Content-Disposition"].startswith("attachment; ")


def test_a_hostile_model_name_is_text_in_the_report(world: World) -> None:
    name = "<script>alert(1)</script>"
    body = {"model_id": world.model(name=name), "probe_set_id": world.probe_set()}
    audit_id = world.client.post("/v1/audits", json=body).json()["id"]
    world.finish(world.claim(), result_of())
    text = world.client.get(f"/v1/audits/{audit_id}/report.html").text
    assert "<script" not in text
    assert "&lt;script&gt;" in text
