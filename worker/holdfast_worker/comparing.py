"""A shard that compares two results in a sandboxed child, and judges the audit that waits for it.

Nothing that goes wrong with the comparison fails the audit: its policy says what a missing one
means. Only a lost lease leaves everything as it is, for whoever has the shard now.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import structlog
from sqlalchemy.orm import Session

from holdfast.errors import HoldfastError
from holdfast.gate import judge
from holdfast.records.base import canonical_json
from holdfast.records.comparison import Comparison
from holdfast.records.job import ChildLimits
from holdfast.records.policy import GatePolicy
from holdfast.records.result import AuditResult
from holdfast.sandbox.parent import SandboxMode
from holdfast_db import jobs
from holdfast_worker.parts import Parts

__all__ = ["Compare", "compared"]

_log = structlog.get_logger(__name__)
_GONE = "the baseline was removed"


class Compare(Protocol):
    """What runs the child: `compare_results`, or something with the same arguments in a test."""

    def __call__(  # noqa: D102 - see `compare_results`
        self,
        baseline: tuple[Path, Path],
        candidate: tuple[Path, Path],
        margin: float,
        *,
        mode: SandboxMode,
        limits: ChildLimits,
    ) -> Comparison: ...


def compared(parts: Parts, claim: jobs.Claim, compare: Compare) -> Callable[[Session], bool]:
    """Do one claimed shard; gives the function that commits what came out.

    Args:
        parts: database, store and settings.
        claim: the shard.
        compare: runs the child.
    """
    with parts.db.reading() as session:
        pair = jobs.get_pair(session, claim)
    found, error = _compared(parts, pair, compare)
    blob = parts.put(canonical_json(found)) if found else None
    outcome = jobs.Compared(
        sha256=blob.sha256 if blob else None,
        code=error.code if error else None,
        fields=error.fields if error else None,
        verdict_json=_verdict(parts, pair, found),
    )

    def commit(session: Session) -> bool:
        if not jobs.finish_comparison(session, claim, pair, outcome):
            return False
        if blob is not None:
            blob.note(session)
        return True

    return commit


def _compared(
    parts: Parts, pair: jobs.Pair, compare: Compare
) -> tuple[Comparison | None, HoldfastError | None]:
    try:
        if pair.baseline is None:
            raise HoldfastError("not_comparable", reason=_GONE)  # noqa: TRY301 - one way out
        found = compare(
            _files(parts, pair.baseline),
            _files(parts, pair.candidate),
            pair.margin,
            mode=parts.settings.sandbox,
            limits=parts.settings.child_limits(),
        )
    except HoldfastError as error:
        _log.info("not compared", code=error.code)
        return None, error
    except Exception:  # noqa: BLE001 - whoever waits has to hear of it
        _log.exception("comparison broke")
        return None, HoldfastError("internal", request_id=pair.comparison_id)
    return found, None


def _files(parts: Parts, side: jobs.Side) -> tuple[Path, Path]:
    digests = (side.result_sha256, side.samples_sha256)
    if not all(digest and parts.store.exists(digest) for digest in digests):
        raise HoldfastError("not_comparable", reason="a file of a result is not there any more")
    return parts.store.path(digests[0]), parts.store.path(digests[1])


def _verdict(parts: Parts, pair: jobs.Pair, found: Comparison | None) -> str | None:
    """The verdict that the audit waits for."""
    if pair.policy is None:
        return None
    result_json = parts.store.path(pair.candidate.result_sha256).read_bytes()
    result = AuditResult.model_validate_json(result_json)
    policy = GatePolicy.model_validate_json(pair.policy)
    return canonical_json(judge(result, policy, found)).decode()
