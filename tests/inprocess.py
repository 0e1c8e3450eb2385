"""The audit of the locked child, in this process: for tests that change its code while it runs."""

import hashlib
import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from holdfast.audit import Origin, audit
from holdfast.audit.merge import merge_parts
from holdfast.audit.part import Span, measure_part
from holdfast.audit.scene import scene_of
from holdfast.probes.probe_set import ProbeSet, content_digest, open_probes
from holdfast.records.base import canonical_json
from holdfast.records.job import Progress
from holdfast.records.part import AuditPart
from holdfast.records.plan import AuditPlan
from holdfast.records.policy import GatePolicy
from holdfast.records.result import SandboxLevel
from holdfast.runtimes.opening import Terms, open_model
from holdfast.runtimes.protocol import ModelUnderTest
from holdfast.sandbox.parent import AuditOutput

__all__ = ["merge_here", "part_here", "run_here"]

_NO_SANDBOX = SandboxLevel(
    mode="auto",
    in_force=False,
    landlock_abi=0,
    seccomp=False,
    no_new_privs=False,
    capabilities_dropped=False,
    missing=("the audit ran in the test's own process",),
)


@contextmanager
def _opened(model: bytes, probes: Path) -> Iterator[tuple[ModelUnderTest, ProbeSet, Origin]]:
    """As `holdfast.sandbox.duty` puts it together."""
    opened = open_model(model, hashlib.sha256(model).hexdigest(), Terms(threads=1))
    with probes.open("rb") as file:
        images = open_probes(file)
        origin = Origin(
            probes_sha256=hashlib.sha256(probes.read_bytes()).hexdigest(),
            probes_digest=content_digest(images),
            sandbox=_NO_SANDBOX,
            threads=1,
        )
        yield opened, images, origin


def run_here(
    model: bytes,
    probes: Path,
    plan: AuditPlan,
    *,
    policy: GatePolicy | None = None,
    around: Callable[[ModelUnderTest], ModelUnderTest] = lambda opened: opened,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> AuditOutput:
    """What `auditing.run` does, without the child; `around` may put a shell around the model."""
    samples = io.BytesIO()
    with _opened(model, probes) as (opened, images, origin):
        result = audit(
            around(opened),
            images,
            plan,
            policy=policy,
            origin=origin,
            samples=samples,
            on_progress=on_progress,
        )
    return AuditOutput(result, canonical_json(result), samples.getvalue())


def part_here(
    model: bytes, probes: Path, plan: AuditPlan, span: Span, *, policy: GatePolicy | None = None
) -> tuple[AuditPart, bytes]:
    """One part of an audit and its per-sample file; its record went through JSON."""
    samples = io.BytesIO()
    with _opened(model, probes) as (opened, images, origin):
        part = measure_part(
            scene_of(opened, images, plan, policy, lanes=1),
            span,
            origin=origin,
            single=False,
            samples=samples,
            on_progress=lambda _: None,
        )
    return AuditPart.model_validate_json(canonical_json(part)), samples.getvalue()


def merge_here(
    model: bytes,
    probes: Path,
    plan: AuditPlan,
    parts: Iterable[tuple[AuditPart, bytes]],
    *,
    policy: GatePolicy | None = None,
) -> AuditOutput:
    """The result of parts."""
    samples = io.BytesIO()
    with _opened(model, probes) as (opened, images, origin):
        result = merge_parts(
            scene_of(opened, images, plan, policy, lanes=1),
            ((part, io.BytesIO(content)) for part, content in parts),
            origin=origin,
            samples=samples,
            on_progress=lambda _: None,
        )
    return AuditOutput(result, canonical_json(result), samples.getvalue())
