"""The end of every audit, in one piece or merged: examples, causes, and the result."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from holdfast.audit.explaining import diagnose_causes
from holdfast.audit.ledger import Ledger
from holdfast.audit.report import Gathered, Origin, assemble
from holdfast.audit.samples import SampleWriter
from holdfast.audit.scene import Scene
from holdfast.records.model import ModelCard
from holdfast.records.result import AuditResult

__all__ = ["Clock", "conclude"]


@dataclass(frozen=True)
class Clock:
    """When work began (RFC 3339, UTC) and how long it takes; `before_s` was spent elsewhere."""

    started_at: str
    began_s: float
    before_s: float = 0.0

    @classmethod
    def start(cls) -> "Clock":
        """One that starts now."""
        return cls(datetime.now(UTC).isoformat(timespec="seconds"), time.monotonic())

    def seconds(self) -> float:
        """How long it has taken, to the millisecond."""
        return round(self.before_s + time.monotonic() - self.began_s, 3)


def conclude(
    scene: Scene,
    ledger: Ledger,
    writer: SampleWriter,
    *,
    card: ModelCard,
    origin: Origin,
    clock: Clock,
    on_run: Callable[[], None],
) -> AuditResult:
    """Close the per-sample file, show the worst examples, ask for causes, and put all together.

    Args:
        scene: model, probes and plan.
        ledger: the numbers of all images.
        writer: of the per-sample file.
        card: what the model turned out to be while it was measured.
        origin: hashes and circumstances that only the caller knows.
        clock: started with the audit.
        on_run: a sign of life while causes are looked for.
    """
    file = writer.close()
    gathered = Gathered(
        ledger=ledger,
        frame=scene.frame,
        reader=scene.reader,
        examples=ledger.worst.records(scene.reader, scene.runner),
        samples=file,
        causes=diagnose_causes(
            scene.runner,
            scene.reader,
            ledger.setup,
            asked=scene.plan.causes,
            forwards=file.n_rows,
            on_run=on_run,
        ),
        started_at=clock.started_at,
        duration_s=clock.seconds(),
    )
    return assemble(scene.plan, card, origin, gathered)
