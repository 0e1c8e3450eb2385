"""What an audit needs before its first view: frame, families, probes in their order, a runner."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from holdfast.audit.canvases import CanvasReader, Probe, seeded_order
from holdfast.audit.prepare import Setup, prepare
from holdfast.audit.stopping import Stopping
from holdfast.audit.views import ViewRunner
from holdfast.errors import HoldfastError
from holdfast.families import Layout, layout_of, resolve
from holdfast.geometry import Frame, frame_for
from holdfast.probes.probe_set import ProbeSet
from holdfast.records.plan import AuditPlan
from holdfast.records.policy import GatePolicy
from holdfast.runtimes.protocol import ModelUnderTest

__all__ = ["Scene", "Start", "scene_of"]

_PREPARE_PROBES = 64
_PREPARE_STEP = 8
_CANVAS_BYTES = 256 << 20
_BLOCK_BYTES = 32 << 20
_MIN_IMAGES = 2
_MAX_BLOCK = 64
_SEQUENTIAL_BLOCKS = (8, 16)
_BUSY = 16


@dataclass(frozen=True)
class Start:
    """What the first probes told, how many images a block has, and scores that are known already.

    `unmoved` are the raw scores (k,) of the first probes' plain crops, by index; empty where they
    were not measured here.
    """

    setup: Setup
    block_images: int
    unmoved: Mapping[int, NDArray[np.float32]] = field(default_factory=dict)


@dataclass(frozen=True)
class Scene:
    """One model and one set of probes under one plan, whose families are resolved."""

    plan: AuditPlan
    policy: GatePolicy | None
    frame: Frame
    layout: Layout
    reader: CanvasReader
    runner: ViewRunner

    def stopping(self) -> Stopping | None:
        """The sequential tests at their start; None where every image is needed."""
        if self.policy is None or self.plan.full or self.policy.needs_every_image:
            return None
        return Stopping(self.policy, self.plan.confidence)

    def start(self) -> Start:
        """Look at the first probes; the same for every part of an audit.

        Raises:
            HoldfastError: `too_few_images`, or what the model or the images are refused for.
        """
        first = self._first()
        prepared = prepare(self.runner, self.runner.card, self.plan, first)
        canvas_bytes = max(probe.canvas.nbytes for probe in first)
        score_bytes = 4 * len(self.layout.views(controls=True)) * prepared.setup.n_scores
        fitting = max(1, min(_BLOCK_BYTES // score_bytes, _CANVAS_BYTES // canvas_bytes))
        largest = _MAX_BLOCK if self.stopping() is None else self._sequential_block()
        # a power of two: blocks end where a part of the audit may end
        size = min(largest, 1 << fitting.bit_length() - 1)
        return Start(prepared.setup, size, prepared.unmoved)

    def _sequential_block(self) -> int:
        """Small, because an audit stops where a block ends; but lanes wait there for each other."""
        few, more = _SEQUENTIAL_BLOCKS
        return few if few * len(self.layout.plain) >= _BUSY * self.runner.batch else more

    def _first(self) -> list[Probe]:
        """A few dozen probes, fewer where their canvases are very large."""
        first: list[Probe] = []
        for start in range(0, _PREPARE_PROBES, _PREPARE_STEP):
            first += self.reader.read(start, start + _PREPARE_STEP)
            if sum(probe.canvas.nbytes for probe in first) > _CANVAS_BYTES:
                break
        if len(first) < _MIN_IMAGES:
            raise HoldfastError("too_few_images", n=len(first), limit=_MIN_IMAGES)
        self.reader.keep(first)
        return first


def scene_of(
    model: ModelUnderTest,
    probes: ProbeSet,
    plan: AuditPlan,
    policy: GatePolicy | None,
    *,
    lanes: int,
) -> Scene:
    """Resolve what the plan leaves open; `lanes` batches are on their way at a time.

    Raises:
        HoldfastError: model and plan do not fit.
    """
    frame = frame_for(model.card, plan.input)
    families = resolve(plan.families, frame, plan.seed)
    order = seeded_order(len(probes.names), plan)
    return Scene(
        plan=plan.model_copy(update={"families": families}),
        policy=policy,
        frame=frame,
        layout=layout_of(families),
        reader=CanvasReader(probes, order, frame, model.card.channels),
        runner=ViewRunner(model, frame, plan.input.fill, lanes=lanes),
    )
