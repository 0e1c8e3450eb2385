"""What a request means by its policy, its plan and its baseline."""

from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, model_validator
from sqlalchemy.orm import Session

from holdfast.errors import HoldfastError
from holdfast.gate import read_policy
from holdfast.records.base import digest
from holdfast.records.plan import AuditPlan
from holdfast.records.policy import GatePolicy
from holdfast_api.ids import known_id
from holdfast_db.baselines import find_baseline
from holdfast_db.presence import has_live_worker
from holdfast_db.projects import get_project
from holdfast_db.queries import get_audit, get_probe_set
from holdfast_db.tables import AuditRow, PolicyRow

__all__ = [
    "BaselineChoice",
    "Question",
    "choose_baseline",
    "choose_policy",
    "choose_queue",
    "is_sequential",
    "plan_digest",
    "question_of",
]

BranchName = Annotated[str, Field(min_length=1, max_length=200)]
_OTHER_IMAGES: Final = "the images differ"
_OTHER_PLAN: Final = "the plan differs"


class BaselineChoice(BaseModel):
    """With what to compare: the baseline of a branch, or one audit."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    branch: BranchName | None = None
    audit_id: Annotated[str, Field(max_length=64)] | None = None

    @model_validator(mode="after")
    def _one(self) -> "BaselineChoice":
        if (self.branch is None) == (self.audit_id is None):
            raise ValueError("give either branch or audit_id")
        return self


@dataclass(frozen=True)
class Question:
    """What two audits must share to be compared: their images, and all of their plan."""

    project: str
    probes_sha256: str
    plan_digest: str


def choose_policy(
    session: Session, project: str, block: object, policy_id: str | None
) -> GatePolicy | None:
    """The policy of a request: written out, stored, or the project's own; None without any.

    Raises:
        HoldfastError: `invalid_policy`, `unknown_assertion`; `not_found` for an id that is no
            policy of this project.
    """
    if block is not None:
        return read_policy(block)
    if policy_id is not None:
        row = session.get(PolicyRow, known_id(policy_id, "policy"))
        if row is None or row.project != project or row.archived_at is not None:
            raise HoldfastError("not_found", what=f"policy in project {project}")
        return GatePolicy.model_validate_json(row.policy)
    home = get_project(session, project)
    own = session.get(PolicyRow, home.policy_id) if home and home.policy_id else None
    return GatePolicy.model_validate_json(own.policy) if own else None


def choose_queue(session: Session, device: str, fresh_s: float) -> str:
    """The queue of a request: `auto` is a GPU only where one is served at this moment."""
    if device != "auto":
        return device
    return "gpu" if has_live_worker(session, "gpu", fresh_s) else "cpu"


def is_sequential(plan: AuditPlan, policy: GatePolicy | None) -> bool:
    """Whether an audit may stop early, so that its result depends on its policy."""
    return policy is not None and not plan.full and not policy.needs_every_image


def plan_digest(plan: AuditPlan, policy: GatePolicy | None) -> str:
    """The digest of what is asked, the same for all audits that look at every image."""
    return digest(plan.model_copy(update={"full": not is_sequential(plan, policy)}))


def question_of(session: Session, audit: AuditRow) -> Question:
    """What an audit asked; rows of the first release have no digest yet."""
    probe_set = get_probe_set(session, audit.probe_set_id)
    asked = audit.plan_digest or _digest_of(audit)
    return Question(audit.project, probe_set.sha256 if probe_set else "", asked)


def _digest_of(audit: AuditRow) -> str:
    policy = None if audit.policy is None else GatePolicy.model_validate_json(audit.policy)
    return plan_digest(AuditPlan.model_validate_json(audit.plan), policy)


def choose_baseline(
    session: Session,
    question: Question,
    choice: BaselineChoice | None,
    policy: GatePolicy | None,
) -> AuditRow | None:
    """The audit to compare with; None when none is asked for, or the branch has none yet.

    Without a choice of the request the branch that the policy names counts.

    Raises:
        HoldfastError: `not_found`; `baseline_not_done`; `not_comparable` when a named or pinned
            audit has other images or another plan.
    """
    branch = policy.baseline.branch if policy else None
    if choice is not None:
        if choice.audit_id is not None:
            return _named(session, question, choice.audit_id)
        branch = choice.branch
    if branch is None:
        return None
    found = find_baseline(
        session,
        question.project,
        branch,
        probes_sha256=question.probes_sha256,
        plan_digest=question.plan_digest,
    )
    if found is None:
        return None
    _check(session, question, found.audit, f" from those of the pinned baseline of {branch}")
    return found.audit


def _named(session: Session, question: Question, audit_id: str) -> AuditRow:
    audit = get_audit(session, known_id(audit_id, "baseline"))
    if audit is None or audit.project != question.project:
        raise HoldfastError("not_found", what="baseline")
    if audit.state != "done":
        raise HoldfastError("baseline_not_done", id=audit.id, state=audit.state)
    _check(session, question, audit, "")
    return audit


def _check(session: Session, question: Question, audit: AuditRow, where: str) -> None:
    other = question_of(session, audit)
    if other.probes_sha256 != question.probes_sha256:
        raise HoldfastError("not_comparable", reason=f"{_OTHER_IMAGES}{where}")
    if other.plan_digest != question.plan_digest:
        raise HoldfastError("not_comparable", reason=f"{_OTHER_PLAN}{where}")
