"""The orchestrator: prepare, measure until it is decided, and put the result together."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import BinaryIO

from holdfast.audit.canvases import CanvasReader, Probe, seeded_order
from holdfast.audit.examples import WorstExamples
from holdfast.audit.explaining import diagnose_causes
from holdfast.audit.loop import Loop
from holdfast.audit.prepare import prepare
from holdfast.audit.report import Gathered, Origin, assemble
from holdfast.audit.samples import SampleWriter
from holdfast.audit.stopping import Stopping
from holdfast.audit.tally import Tally
from holdfast.audit.views import ViewRunner
from holdfast.errors import HoldfastError
from holdfast.families import layout_of, resolve
from holdfast.geometry import frame_for
from holdfast.probes.probe_set import ProbeSet
from holdfast.records.job import Progress
from holdfast.records.plan import AuditPlan
from holdfast.records.policy import GatePolicy
from holdfast.records.result import AuditResult
from holdfast.runtimes.protocol import ModelUnderTest

__all__ = ["Origin", "audit"]

_PREPARE_PROBES = 64
_PREPARE_STEP = 8
_CANVAS_BYTES = 256 << 20
_MIN_IMAGES = 2


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
        policy: with it, and without `plan.full`, the audit stops when every assertion is decided.
        origin: hashes and circumstances that only the caller knows.
        samples: receives the per-sample file (Parquet).
        on_progress: called after every batch.

    Raises:
        HoldfastError: the model, the data or their combination is refused.
    """
    began, started_at = time.monotonic(), datetime.now(UTC).isoformat(timespec="seconds")
    frame = frame_for(model.card, plan.input)
    families = resolve(plan.families, frame, plan.seed)
    resolved = plan.model_copy(update={"families": families})
    reader = CanvasReader(probes, seeded_order(len(probes.names), plan), frame, model.card.channels)
    runner = ViewRunner(model, frame, plan.input.fill, lanes=origin.threads)
    stopping = Stopping(policy, plan.confidence) if policy and not plan.full else None
    loop = _measured(
        reader, runner, resolved, stopping=stopping, samples=samples, on_progress=on_progress
    )
    gathered = Gathered(
        setup=loop.setup,
        frame=frame,
        reader=reader,
        canvas_sizes=frozenset(loop.canvas_sizes),
        tally=loop.tally,
        stopping=stopping,
        degeneracies=loop.degeneracies,
        examples=loop.worst.records(reader, runner),
        samples=loop.writer.close(),
        causes=diagnose_causes(
            runner,
            reader,
            loop.setup,
            asked=resolved.causes,
            forwards=loop.done,
            on_run=lambda: on_progress(Progress(stage="writing", done=loop.done, total=loop.done)),
        ),
        started_at=started_at,
        duration_s=round(time.monotonic() - began, 3),
    )
    return assemble(resolved, model.card, origin, gathered)


def _measured(
    reader: CanvasReader,
    runner: ViewRunner,
    plan: AuditPlan,
    *,
    stopping: Stopping | None,
    samples: BinaryIO,
    on_progress: Callable[[Progress], None],
) -> Loop:
    """Prepare on the first probes and go through all of them; `plan` is resolved."""
    layout = layout_of(plan.families)
    on_progress(Progress(stage="probing", done=0, total=0))
    first = _first(reader)
    loop = Loop(
        plan=plan,
        reader=reader,
        runner=runner,
        setup=prepare(runner, runner.card, plan, first),
        tally=Tally(layout),
        writer=SampleWriter(samples, layout),
        worst=WorstExamples(layout),
        stopping=stopping,
        on_progress=on_progress,
    )
    loop.measure(max(probe.canvas.nbytes for probe in first))
    on_progress(Progress(stage="writing", done=loop.done, total=loop.done))
    return loop


def _first(reader: CanvasReader) -> list[Probe]:
    """A few dozen probes, fewer where their canvases are very large."""
    first: list[Probe] = []
    for start in range(0, _PREPARE_PROBES, _PREPARE_STEP):
        first += reader.read(start, start + _PREPARE_STEP)
        if sum(probe.canvas.nbytes for probe in first) > _CANVAS_BYTES:
            break
    if len(first) < _MIN_IMAGES:
        raise HoldfastError("too_few_images", n=len(first), limit=_MIN_IMAGES)
    return first
