"""The orchestrator: prepare, measure until it is decided, and put the result together."""

from collections.abc import Callable
from contextlib import closing
from typing import BinaryIO

from holdfast.audit.ending import Clock, conclude
from holdfast.audit.ledger import Ledger
from holdfast.audit.loop import Loop
from holdfast.audit.report import Origin
from holdfast.audit.samples import SampleWriter
from holdfast.audit.scene import scene_of
from holdfast.probes.probe_set import ProbeSet
from holdfast.records.job import Progress
from holdfast.records.plan import AuditPlan
from holdfast.records.policy import GatePolicy
from holdfast.records.result import AuditResult
from holdfast.runtimes.protocol import ModelUnderTest

__all__ = ["Origin", "audit"]


def audit(
    model: ModelUnderTest,
    probes: ProbeSet,
    plan: AuditPlan,
    *,
    policy: GatePolicy | None,
    origin: Origin,
    samples: BinaryIO,
    on_progress: Callable[[Progress], None],
) -> AuditResult:
    """Audit one model on one set of probes.

    Args:
        model: opened and gated.
        probes: images and labels.
        plan: what is asked; what it leaves out is resolved and stands in the result's plan.
        policy: with it, and without `plan.full`, the audit stops when every assertion is decided;
            one about a baseline or a group needs every image.
        origin: hashes and circumstances that only the caller knows.
        samples: receives the per-sample file (Parquet).
        on_progress: called after every batch.

    Raises:
        HoldfastError: the model, the data or their combination is refused.
    """
    clock = Clock.start()
    scene = scene_of(model, probes, plan, policy, lanes=origin.threads)
    on_progress(Progress(stage="probing", done=0, total=0))
    start = scene.start()
    ledger = Ledger(scene.layout, start.setup, scene.stopping())
    writer = SampleWriter(samples, scene.layout)
    loop = Loop(scene, start, ledger, writer, on_progress=on_progress)
    with closing(loop.blocks()) as blocks:
        places = next((stop for stop in blocks if ledger.decided), loop.stop)
    loop.late_controls(places)

    def tell() -> None:
        on_progress(Progress(stage="writing", done=loop.done, total=loop.done))

    tell()
    return conclude(scene, ledger, writer, card=model.card, origin=origin, clock=clock, on_run=tell)
