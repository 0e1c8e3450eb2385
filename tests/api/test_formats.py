"""Each format of an audit by its route; what is in them is the business of the reports' tests."""

import csv
import io
import json
from xml.etree import ElementTree as ET

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from apiworld import FAILING, PASSING, World
from holdfast.gate import read_policy
from holdfast.records.base import digest
from holdfast.samples import SCHEMA
from holdfast_db.tables import AuditRow

_FORMS = {
    "junit.xml": "application/xml",
    "results.sarif": "application/sarif+json",
    "summary.md": "text/markdown; charset=utf-8",
    "badge.svg": "image/svg+xml",
    "report.html": "text/html; charset=utf-8",
}


@pytest.mark.parametrize(("part", "media_type"), _FORMS.items())
def test_a_format_is_rendered_tagged_and_not_sent_twice(
    world: World, part: str, media_type: str
) -> None:
    audit_id = world.done(PASSING)
    url = f"/v1/audits/{audit_id}/{part}"
    answer = world.client.get(url)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == media_type
    assert f'filename="audit-{audit_id}.' in answer.headers["Content-Disposition"]
    known = {"If-None-Match": answer.headers["ETag"]}
    again = world.client.get(url, headers=known)
    assert (again.status_code, again.content) == (304, b"")
    world.client.post(f"/v1/audits/{audit_id}/gate", json={"policy": FAILING})
    changed = world.client.get(url, headers=known)
    assert changed.status_code == 200
    assert changed.text != answer.text


def test_an_older_verdict_is_found_by_its_policy(world: World) -> None:
    audit_id = world.done(PASSING)
    world.client.post(f"/v1/audits/{audit_id}/gate", json={"policy": FAILING})
    url = f"/v1/audits/{audit_id}"
    for policy, decision, failures in [(PASSING, "passed", "0"), (FAILING, "failed", "1")]:
        ask = {"policy_digest": digest(read_policy(policy)), "baseline": ""}
        verdict = world.client.get(f"{url}/verdict", params=ask).json()
        assert verdict["decision"] == decision
        report = world.client.get(f"{url}/junit.xml", params=ask)
        root = ET.fromstring(report.text)  # noqa: S314 - our own
        assert root.get("failures") == failures
        sarif = json.loads(world.client.get(f"{url}/results.sarif", params=ask).text)
        assert sarif["runs"][0]["properties"]["decision"] == decision
    assert world.client.get(f"{url}/verdict").json()["decision"] == "failed", "the newest"
    missing = world.client.get(f"{url}/badge.svg?baseline={audit_id}")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_judged")


def test_samples_come_as_csv(world: World) -> None:
    audit_id = world.done()
    row = {
        **dict.fromkeys(SCHEMA.names),
        "probe": "=1+1",
        "role": "cell",
        "family": "scale",
        "cell": 0,
        "predicted": 1,
        **dict.fromkeys(["predicted_probability", "reference_probability", "margin"], 0.5),
        "logit_drift": 0.0,
        "fill_share": 0.0,
        "flip": False,
        "tie": False,
    }
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([row] * 3, schema=SCHEMA), out)
    blob = world.parts.store.put([out.getvalue()], limit_bytes=1 << 20)
    with world.parts.db.transaction() as session:
        session.get_one(AuditRow, audit_id).samples_sha256 = blob.sha256
    answer = world.client.get(f"/v1/audits/{audit_id}/samples.csv")
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert [each["probe"] for each in rows] == ["'=1+1"] * 3
    known = {"If-None-Match": answer.headers["ETag"]}
    assert world.client.get(answer.url.path, headers=known).status_code == 304
