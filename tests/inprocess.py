"""The audit of the locked child, in this process: for tests that change its code while it runs."""

import hashlib
import io
from pathlib import Path

from holdfast.audit import Origin, audit
from holdfast.probes.probe_set import content_digest, open_probes
from holdfast.records.base import canonical_json
from holdfast.records.plan import AuditPlan
from holdfast.records.policy import GatePolicy
from holdfast.records.result import SandboxLevel
from holdfast.runtimes.opening import Terms, open_model
from holdfast.sandbox.parent import AuditOutput

__all__ = ["run_here"]

_NO_SANDBOX = SandboxLevel(
    mode="auto",
    in_force=False,
    landlock_abi=0,
    seccomp=False,
    no_new_privs=False,
    capabilities_dropped=False,
    missing=("the audit ran in the test's own process",),
)


def run_here(
    model: bytes, probes: Path, plan: AuditPlan, *, policy: GatePolicy | None = None
) -> AuditOutput:
    """What `auditing.run` does, without the child; as `holdfast.sandbox.duty` puts it together."""
    opened = open_model(model, hashlib.sha256(model).hexdigest(), Terms(threads=1))
    samples = io.BytesIO()
    with probes.open("rb") as file:
        images = open_probes(file)
        origin = Origin(
            probes_sha256=hashlib.sha256(probes.read_bytes()).hexdigest(),
            probes_digest=content_digest(images),
            sandbox=_NO_SANDBOX,
            threads=1,
        )
        result = audit(
            opened,
            images,
            plan,
            policy=policy,
            origin=origin,
            samples=samples,
            on_progress=lambda _: None,
        )
    return AuditOutput(result, canonical_json(result), samples.getvalue())
