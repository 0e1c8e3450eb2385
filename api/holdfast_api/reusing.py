"""An audit that was made before is not made again: its result is taken over, and says so."""

from sqlalchemy.orm import Session

from holdfast.errors import HoldfastError
from holdfast.gate import judge
from holdfast.records.base import canonical_json
from holdfast.records.policy import GatePolicy
from holdfast_api.parts import Parts
from holdfast_api.rendering import VERSION
from holdfast_api.stored import read_result
from holdfast_db import jobs
from holdfast_db.assets import keep_blob
from holdfast_db.gates import measured
from holdfast_db.queries import get_model, get_probe_set

__all__ = ["are_kept", "find_taken", "sameness"]


def sameness(parts: Parts, new: jobs.NewAudit, *, sequential: bool) -> jobs.Sameness:
    """What an older audit must share with this one to serve for it.

    Raises:
        HoldfastError: `not_found` for the model or the probe set.
    """
    with parts.db.reading() as session:
        model = get_model(session, new.model_id)
        probe_set = get_probe_set(session, new.probe_set_id)
    if model is None or probe_set is None:
        raise HoldfastError("not_found", what="model" if model is None else "probe set")
    return jobs.Sameness(
        project=new.project,
        model_sha256=model.sha256,
        probes_sha256=probe_set.sha256,
        plan_digest=new.plan_digest or "",
        policy=new.policy if sequential else None,
        queue=new.queue,
    )


def find_taken(parts: Parts, same: jobs.Sameness, policy: GatePolicy | None) -> jobs.Taken | None:
    """The result to take over, judged by the new audit's policy.

    Only one of this release counts: the next one may measure better.
    """
    with parts.db.reading() as session:
        source = jobs.find_same(session, same)
    if source is None or not parts.store.exists(source.result_sha256 or ""):
        return None
    result = read_result(parts, source)
    if result.provenance.engine_version != VERSION:
        return None
    verdict = None if policy is None else judge(result, policy)
    return jobs.Taken(
        source=source,
        measured=measured(result),
        verdict_json=None if verdict is None else canonical_json(verdict).decode(),
        decision=None if verdict is None else verdict.decision.value,
    )


def are_kept(session: Session, parts: Parts, taken: jobs.Taken) -> bool:
    """Whether the files of a result that is taken over are here, and stay until this is committed.

    The audit that they came from may have been removed since it was found, and they with it.
    """
    files = (taken.source.result_sha256 or "", taken.source.samples_sha256 or "")
    for sha256 in files:
        keep_blob(session, sha256)
    return all(parts.store.exists(sha256) for sha256 in files)
