"""Shards that compare two results: what they need, and how they end."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from holdfast_db.comparisons import MARGIN, end_comparison
from holdfast_db.gates import Judged, keep_verdict
from holdfast_db.jobs.ends import finalize
from holdfast_db.jobs.steps import Claim, leave, lock_shards
from holdfast_db.tables import AuditRow, ComparisonRow

__all__ = ["Compared", "Pair", "Side", "finish_comparison", "get_pair"]


@dataclass(frozen=True)
class Side:
    """The files of one audit, by their digests."""

    audit_id: str
    result_sha256: str
    samples_sha256: str


@dataclass(frozen=True)
class Pair:
    """What is compared. `baseline` is None when it was removed in the meantime.

    `policy` is there when the audit waits for this comparison to be judged.
    """

    comparison_id: str
    baseline: Side | None
    candidate: Side
    margin: float
    policy: str | None


@dataclass(frozen=True)
class Compared:
    """What came out: a file of the store, or an error; and the verdict, if one was waited for."""

    sha256: str | None = None
    code: str | None = None
    fields: Mapping[str, Any] | None = None
    verdict_json: str | None = None


def get_pair(session: Session, claim: Claim) -> Pair:
    """What a claimed shard of kind `judge` or `compare` compares."""
    comparison_id = claim.comparison_id or ""
    candidate = session.get_one(AuditRow, claim.audit_id)
    row = session.get(ComparisonRow, comparison_id)
    baseline = session.get(AuditRow, row.baseline_id) if row else None
    return Pair(
        comparison_id=comparison_id,
        baseline=_side(baseline) if baseline else None,
        candidate=_side(candidate),
        margin=row.options["margin"] if row else MARGIN,
        policy=candidate.policy if candidate.state == "running" else None,
    )


def finish_comparison(session: Session, claim: Claim, pair: Pair, compared: Compared) -> bool:
    """Keep a comparison and end an audit that waited for it; False when it is no longer ours."""
    lock_shards(session, claim.audit_id)
    if not leave(session, claim, "done"):
        return False
    end_comparison(
        session,
        pair.comparison_id,
        sha256=compared.sha256,
        code=compared.code,
        fields=compared.fields,
    )
    if compared.verdict_json is not None and pair.policy is not None:
        against = pair.baseline.audit_id if pair.baseline and compared.sha256 else ""
        keep_verdict(session, claim.audit_id, Judged(compared.verdict_json, pair.policy, against))
    finalize(session, claim.audit_id)
    return True


def _side(audit: AuditRow) -> Side:
    return Side(audit.id, audit.result_sha256 or "", audit.samples_sha256 or "")
