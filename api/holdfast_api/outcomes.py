"""What an audit left: verdict, result, samples; and judging it again. Nothing here runs a model."""

from typing import Annotated, Final

from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import FileResponse, JSONResponse

from holdfast.errors import HoldfastError
from holdfast.gate import judge
from holdfast.records.base import canonical_json
from holdfast.records.comparison import Comparison
from holdfast.records.policy import GatePolicy, Verdict
from holdfast.records.result import AuditResult
from holdfast_api.audit_views import audit_row
from holdfast_api.choosing import choose_baseline, choose_policy, question_of
from holdfast_api.comparing import Pending, compared, pending_response
from holdfast_api.parts import Parts, PartsDep
from holdfast_api.problems import declare
from holdfast_api.requests import GateRequest, Sha256
from holdfast_api.stored import done_audit, file_response, read_result
from holdfast_db.gates import Judged, find_verdict, keep_verdict
from holdfast_db.outbox import note_verdict

__all__ = ["IfNoneMatch", "router", "verdict_json"]

router = APIRouter(prefix="/v1/audits", tags=["Outcomes"])
_JSON: Final = "application/json"
_PARQUET: Final = "application/vnd.apache.parquet"
IfNoneMatch = Annotated[str | None, Header()]
PolicyDigest = Annotated[Sha256 | None, Query(description="The verdict of this policy.")]
AgainstId = Annotated[
    str | None,
    Query(
        max_length=64, description="The verdict against this audit; empty for one without baseline."
    ),
]


@router.post(
    "/{audit_id}/gate",
    response_model=Verdict,
    responses={
        202: {"model": Pending, "description": "The comparison is computed; ask again."},
        **declare(
            *("not_found", "not_done", "invalid_policy", "unknown_assertion"),
            *("baseline_not_done", "not_comparable"),
        ),
    },
)
def judge_audit(audit_id: str, body: GateRequest, parts: PartsDep) -> Response:
    """Judge the stored result by this policy and keep the verdict; no model is run."""
    row = done_audit(parts, audit_id)
    with parts.db.reading() as session:
        policy = choose_policy(session, row.project, body.policy, body.policy_id)
        question = question_of(session, row)
        baseline = choose_baseline(session, question, body.baseline, policy)
    if policy is None:
        raise HoldfastError("invalid_policy", reason="give policy or policy_id")
    found: Comparison | None = None
    if baseline is not None:
        answer = compared(parts, baseline.id, row.id)
        if isinstance(answer, Pending):
            return pending_response(answer)
        found = answer
    verdict = judge(read_result(parts, row), policy, found)
    _keep(parts, audit_id, verdict, policy, baseline.id if baseline else "")
    return JSONResponse(verdict.model_dump(mode="json"))


def _keep(
    parts: Parts, audit_id: str, verdict: Verdict, policy: GatePolicy, baseline_id: str
) -> None:
    judged = Judged(canonical_json(verdict).decode(), policy.model_dump_json(), baseline_id)
    with parts.db.transaction() as session:
        audit_row(session, audit_id)
        before = keep_verdict(session, audit_id, judged)
        note_verdict(session, audit_id, before)


@router.get(
    "/{audit_id}/verdict",
    response_model=Verdict,
    responses=declare("not_found", "not_done", "no_verdict", "not_judged"),
)
def get_verdict(
    audit_id: str,
    parts: PartsDep,
    policy_digest: PolicyDigest = None,
    baseline: AgainstId = None,
) -> Response:
    """What the gate said last, or by another policy, exactly as it was stored."""
    row = done_audit(parts, audit_id)
    found = verdict_json(parts, row.id, row.verdict, policy_digest, baseline)
    if found is None:
        raise HoldfastError("no_verdict", id=row.id)
    return Response(found, media_type=_JSON)


def verdict_json(
    parts: Parts, audit_id: str, newest: str | None, policy_digest: str | None, baseline: str | None
) -> str | None:
    """The newest verdict, or the one that is asked for.

    Raises:
        HoldfastError: `not_judged` when it was asked for and is not there.
    """
    if policy_digest is None and baseline is None:
        return newest
    with parts.db.reading() as session:
        row = find_verdict(session, audit_id, policy_digest, baseline)
    if row is None:
        raise HoldfastError("not_judged", id=audit_id)
    return row.verdict


@router.get(
    "/{audit_id}/result.json",
    response_model=AuditResult,
    responses={304: {"description": "Not changed."}, **declare("not_found", "not_done")},
)
def get_result(audit_id: str, parts: PartsDep, if_none_match: IfNoneMatch = None) -> Response:
    """Everything that was measured, exactly as the audit wrote it."""
    row = done_audit(parts, audit_id)
    return file_response(parts, row.result_sha256, f"result-{row.id}.json", _JSON, if_none_match)


@router.get(
    "/{audit_id}/samples.parquet",
    response_class=FileResponse,
    responses={
        200: {"content": {_PARQUET: {}}, "description": "One row per image and cell."},
        206: {"content": {_PARQUET: {}}, "description": "The range that was asked for."},
        304: {"description": "Not changed."},
        416: {"description": "The range is not in the file."},
        **declare("not_found", "not_done"),
    },
)
def get_samples(audit_id: str, parts: PartsDep, if_none_match: IfNoneMatch = None) -> Response:
    """The scores of every image in every cell; every number can be computed again from it."""
    row = done_audit(parts, audit_id)
    name = f"samples-{row.id}.parquet"
    return file_response(parts, row.samples_sha256, name, _PARQUET, if_none_match)
