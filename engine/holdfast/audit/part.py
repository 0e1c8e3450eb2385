"""One part of an audit: some images of its order, measured by themselves (ADR 0020).

A part looks at the same first probes as the whole, so it finds the same setup, takes the same
blocks, and leaves its per-sample file and whatever else a merge has to know of each block.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import BinaryIO

import numpy as np
from pydantic import TypeAdapter

from holdfast import __version__
from holdfast.audit.ending import Clock
from holdfast.audit.ledger import Ledger
from holdfast.audit.loop import Loop
from holdfast.audit.prepare import Setup
from holdfast.audit.report import Origin, versions
from holdfast.audit.samples import SampleWriter
from holdfast.audit.scene import Scene, Start
from holdfast.audit.stopping import Stopping
from holdfast.records.base import digest
from holdfast.records.job import Progress
from holdfast.records.part import AuditPart, PartBlock, PartOrigin, Prefix
from holdfast.records.plan import AuditPlan
from holdfast.records.policy import GatePolicy

__all__ = ["SETUP", "Span", "follow", "measure_part"]

SETUP: TypeAdapter[Setup] = TypeAdapter(Setup)
"""Writes and reads a setup as JSON."""


@dataclass(frozen=True)
class Span:
    """Places `start` to `stop` of the order; a `stop` behind the end means the end."""

    start: int
    stop: int


def measure_part(
    scene: Scene,
    span: Span,
    *,
    origin: Origin,
    single: bool,
    samples: BinaryIO,
    on_progress: Callable[[Progress], None],
) -> AuditPart:
    """Measure the images of a span.

    The first part of a sequential audit ends where it is decided; any other part cannot know.

    Args:
        scene: model, probes and plan.
        span: which images.
        origin: hashes that only the caller knows.
        single: the model is asked about one image at a time.
        samples: receives the part's per-sample file.
        on_progress: called after every batch.

    Raises:
        HoldfastError: the model, the data or their combination is refused.
    """
    clock = Clock.start()
    writer = SampleWriter(samples, scene.layout)
    on_progress(Progress(stage="probing", done=0, total=0))
    start = None if span.start >= len(scene.reader.order) else scene.start()
    first_skipped = tuple(sorted(scene.reader.skipped.items()))
    blocks: tuple[PartBlock, ...] = ()
    if start is not None:
        ledger = Ledger(scene.layout, start.setup, scene.stopping())
        loop = Loop(scene, start, ledger, writer, on_progress, first=span.start, last=span.stop)
        blocks = tuple(_blocks(loop, span, writer))
    return AuditPart(
        start=span.start,
        stop=span.stop,
        origin=None if start is None else _origin(scene, start, origin, single=single),
        setup="" if start is None else SETUP.dump_json(start.setup).decode(),
        first_skipped=first_skipped,
        blocks=blocks,
        samples=writer.close(),
        started_at=clock.started_at,
        duration_s=clock.seconds(),
    )


def follow(plan: AuditPlan, policy: GatePolicy, parts: Sequence[AuditPart]) -> Prefix:
    """Whether the first parts of a sequential audit, without a gap, decide it already."""
    stopping, place = Stopping(policy, plan.confidence), 0
    for part in parts:
        for block in part.blocks:
            stopping.take(block.n_images, block.numbers)
            place = block.stop
            if stopping.decided:
                return Prefix(decided=True, stop=place)
    return Prefix(decided=False, stop=place)


def _blocks(loop: Loop, span: Span, writer: SampleWriter) -> Iterator[PartBlock]:
    ledger, begin, groups = loop.ledger, span.start, 0
    with closing(loop.blocks()) as measured:
        for stop in measured:
            yield _block(loop, begin, stop, writer.groups - groups)
            if span.start == 0 and ledger.decided:
                return
            ledger.turn()
            begin, groups = stop, writer.groups


def _block(loop: Loop, begin: int, stop: int, row_groups: int) -> PartBlock:
    ledger, reader = loop.ledger, loop.scene.reader
    broken = [index for index in reader.order[begin:stop] if index in reader.skipped]
    return PartBlock(
        stop=stop,
        n_images=ledger.seen,
        row_groups=row_groups,
        canvas_sizes=tuple(sorted(ledger.canvas_sizes)),
        skipped=tuple((index, reader.skipped[index]) for index in broken),
        watch=ledger.watch.state(),
        worst=ledger.worst.kept,
        numbers={
            name: tuple(np.concatenate(values).tolist()) for name, values in ledger.numbers.items()
        },
    )


def _origin(scene: Scene, start: Start, origin: Origin, *, single: bool) -> PartOrigin:
    return PartOrigin(
        engine_version=__version__,
        versions=versions(scene.runner.card.format),
        model_sha256=scene.runner.card.sha256,
        probes_sha256=origin.probes_sha256,
        probes_digest=origin.probes_digest,
        plan_digest=digest(scene.plan),
        policy_digest=None if scene.policy is None else digest(scene.policy),
        n_planned=len(scene.reader.order),
        block_images=start.block_images,
        single=single,
        device=origin.device,
        card=scene.runner.card,
        setup_digest=_setup_digest(start.setup),
    )


def _setup_digest(setup: Setup) -> str:
    """How far apart two runs are may differ between parts, as long as it is below the tolerance."""
    told = SETUP.dump_python(replace(setup, noise_floor=0.0), mode="json")
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
