"""What `assert_holds` does: audit here or in the child, compare, judge, and word a failure."""

import hashlib
import io
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from holdfast.audit import Origin
from holdfast.audit import audit as audit_model
from holdfast.gate import judge, read_policy
from holdfast.probes.pack import packed
from holdfast.probes.probe_set import content_digest, open_probes
from holdfast.records.base import canonical_json, read_record
from holdfast.records.comparison import Comparison
from holdfast.records.job import ChildLimits
from holdfast.records.plan import AuditPlan
from holdfast.records.policy import Decision, GatePolicy, Verdict
from holdfast.records.result import SandboxLevel
from holdfast.runtimes.in_process import in_process
from holdfast.sandbox.against import RESULT_NAME, compare_with
from holdfast.sandbox.parent import AuditOutput, run_audit

__all__ = ["audited", "hold"]

_CHANNELS: Final = 3
_WITH_CHANNELS: Final = 4
_NO_SANDBOX: Final = SandboxLevel(
    mode="auto",
    in_force=False,
    landlock_abi=0,
    seccomp=False,
    no_new_privs=False,
    capabilities_dropped=False,
    missing=("the model ran in the process of its caller",),
)
Plan = AuditPlan | Mapping[str, Any] | None
Policy = GatePolicy | Mapping[str, Any] | str


def hold(
    model: Any,  # noqa: ANN401 - a path, a function or a module
    probes: Any,  # noqa: ANN401 - a path or arrays
    policy: Policy,
    *,
    plan: Plan,
    baseline: str | Path | None,
    channels: int | None,
) -> Verdict:
    """See `holdfast.pytest.assert_holds`."""
    __tracebackhide__ = True
    asked, limits = _plan(plan), _policy(policy)
    if baseline is not None:
        asked = asked.model_copy(update={"full": True})
    output = audited(model, probes, asked, limits, channels)
    verdict = judge(output.result, limits, _compared(baseline, output))
    if verdict.decision is not Decision.passed:
        raise AssertionError(_words(verdict))
    return verdict


def audited(
    model: Any,  # noqa: ANN401 - as above
    probes: Any,  # noqa: ANN401 - as above
    plan: Plan,
    policy: Policy | None,
    channels: int | None,
) -> AuditOutput:
    """See `holdfast.pytest.audit`."""
    asked = _plan(plan)
    limits = None if policy is None else _policy(policy)
    with _archive(probes) as (archive, images):
        if isinstance(model, str | os.PathLike):
            return run_audit(
                Path(model),
                archive,
                asked,
                mode="auto",
                limits=ChildLimits(threads=len(os.sched_getaffinity(0))),
                on_progress=lambda _: None,
                cancelled=lambda: False,
                policy=limits,
            )
        return _audited_here(
            model, archive, _sized(asked, images), limits, _depth(channels, images)
        )


def _audited_here(
    model: Any,  # noqa: ANN401 - as above
    archive: Path,
    plan: AuditPlan,
    policy: GatePolicy | None,
    channels: int,
) -> AuditOutput:
    samples = io.BytesIO()
    with in_process(model, channels) as opened, archive.open("rb") as file:
        images = open_probes(file)
        result = audit_model(
            opened,
            images,
            plan,
            policy=policy,
            origin=Origin(
                probes_sha256=hashlib.sha256(archive.read_bytes()).hexdigest(),
                probes_digest=content_digest(images),
                sandbox=_NO_SANDBOX,
                threads=1,
            ),
            samples=samples,
            on_progress=lambda _: None,
        )
    return AuditOutput(result, canonical_json(result), samples.getvalue())


def _plan(plan: Plan) -> AuditPlan:
    if isinstance(plan, AuditPlan):
        return plan
    return read_record(AuditPlan, dict(plan or {}), "invalid_plan")


def _policy(policy: Policy) -> GatePolicy:
    if isinstance(policy, GatePolicy):
        return policy
    return read_policy({"preset": policy} if isinstance(policy, str) else dict(policy))


@contextmanager
def _archive(probes: Any) -> Iterator[tuple[Path, NDArray[np.uint8] | None]]:  # noqa: ANN401
    """One file that holds the probes, and the images where they came as an array."""
    if isinstance(probes, str | os.PathLike):
        with packed(Path(probes)) as path:
            yield path, None
        return
    images, labels = probes if isinstance(probes, tuple) else (probes, None)
    arrays = {"images": np.asarray(images)}
    if labels is not None:
        arrays["labels"] = np.asarray(labels)
    with tempfile.TemporaryDirectory(prefix="holdfast-") as folder:
        path = Path(folder) / "probes.npz"
        np.savez(path, allow_pickle=False, **arrays)
        yield path, arrays["images"]


def _sized(plan: AuditPlan, images: NDArray[np.uint8] | None) -> AuditPlan:
    """The plan with the size of the arrays, where neither the plan nor the model tells one."""
    if images is None or plan.input.crop is not None:
        return plan
    height, width = images.shape[1:3]
    return plan.model_copy(
        update={"input": plan.input.model_copy(update={"crop": (int(height), int(width))})}
    )


def _depth(channels: int | None, images: NDArray[np.uint8] | None) -> int:
    if channels is not None:
        return channels
    if images is None:
        return _CHANNELS
    return int(images.shape[-1]) if images.ndim == _WITH_CHANNELS else 1


def _compared(baseline: str | Path | None, output: AuditOutput) -> Comparison | None:
    if baseline is None:
        return None
    path = Path(baseline)
    result = path / RESULT_NAME if path.is_dir() else path
    return compare_with(result, output, mode="auto", limits=ChildLimits())


def _words(verdict: Verdict) -> str:
    """The decision, every assertion, and what changed against the baseline, one a line."""
    failed = verdict.decision is Decision.failed
    lines = [f"the gate {'failed' if failed else 'is inconclusive'}: {verdict.sentence}"]
    lines += [
        f"  {item.decision} {item.id}{'' if item.level == 'error' else f' ({item.level})'}: "
        f"{item.sentence}"
        for item in verdict.judgements
    ]
    if verdict.baseline is not None:
        lines.append(f"  baseline: {verdict.baseline.sentence}")
        lines += [
            f"  {loss.family} flips: {', '.join(loss.flipped)}"
            for loss in verdict.baseline.families
            if loss.regressed and loss.flipped
        ]
    return "\n".join(lines)
