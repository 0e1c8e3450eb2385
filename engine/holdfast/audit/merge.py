"""Several parts of an audit become its one result, as if it had been measured in one piece.

The per-sample files are joined row group by row group and replayed into the same tally, tests and
watch that the measuring loop fills, up to the block in which a sequential audit is decided.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from holdfast.audit.ending import Clock, conclude
from holdfast.audit.ledger import Ledger
from holdfast.audit.loop import Loop
from holdfast.audit.part import SETUP
from holdfast.audit.reading import Replay, columns_of
from holdfast.audit.report import Origin
from holdfast.audit.samples import SampleWriter
from holdfast.audit.scene import Scene, Start
from holdfast.errors import HoldfastError
from holdfast.metrics import MULTILABEL
from holdfast.records.families import Family
from holdfast.records.job import Progress
from holdfast.records.part import AuditPart, PartBlock, PartOrigin
from holdfast.records.result import AuditResult
from holdfast.samples import open_samples

__all__ = ["PartFiles", "merge_parts"]

PartFiles = tuple[AuditPart, BinaryIO]
"""A part and its per-sample file."""


def merge_parts(
    scene: Scene,
    parts: Iterable[PartFiles],
    *,
    origin: Origin,
    samples: BinaryIO,
    on_progress: Callable[[Progress], None],
) -> AuditResult:
    """The result of an audit whose parts are given in order, without a gap.

    What the unsharded audit would not have looked at, behind the image that decided it, takes no
    part. Memory holds one row group besides what the audit in one piece would hold.

    Args:
        scene: model, probes and plan of the parts.
        parts: each is asked for when the one before is done with.
        origin: hashes and circumstances of this process.
        samples: receives the joined per-sample file.
        on_progress: called after every block.

    Raises:
        HoldfastError: `parts_differ` when parts do not belong together; `invalid_samples`.
    """
    began = time.monotonic()
    joined = _joined(scene, iter(parts), samples, on_progress)
    if joined.told.device != origin.device:
        raise HoldfastError("parts_differ", what=_NAMES["device"])
    ledger, loop = joined.loop.ledger, joined.loop
    if ledger.late_controls:
        scene.start()  # the model finds out again whether it can be trusted with batches
    loop.late_controls(joined.place)

    def tell() -> None:
        on_progress(Progress(stage="writing", done=joined.place, total=joined.place))

    return conclude(
        scene,
        ledger,
        joined.writer,
        card=joined.told.card,
        origin=origin,
        clock=Clock(joined.started_at, began, joined.seconds),
        on_run=tell,
    )


def _joined(
    scene: Scene,
    parts: Iterator[PartFiles],
    samples: BinaryIO,
    on_progress: Callable[[Progress], None],
) -> "_Joining":
    first = next(parts, None)
    if first is None or first[0].origin is None:
        raise HoldfastError("parts_differ", what="the first one is missing")
    joining = _joining(scene, first[0], first[0].origin, samples, on_progress)
    for part, file in _chained(first, parts):
        joining.take(part, file)
        if joining.loop.ledger.decided:
            return joining
    if joining.place < len(scene.reader.order):
        raise HoldfastError("parts_differ", what="the last one is missing")
    return joining


def _chained(first: PartFiles, parts: Iterator[PartFiles]) -> Iterator[PartFiles]:
    yield first
    yield from parts


def _joining(
    scene: Scene,
    part: AuditPart,
    told: PartOrigin,
    samples: BinaryIO,
    on_progress: Callable[[Progress], None],
) -> "_Joining":
    setup = SETUP.validate_json(part.setup)
    ledger = Ledger(scene.layout, setup, scene.stopping())
    writer = SampleWriter(samples, scene.layout)
    loop = Loop(scene, Start(setup, told.block_images), ledger, writer, on_progress)
    multilabel = setup.kind in MULTILABEL
    replay = Replay(scene.layout, ledger.tally, setup.tolerance, multilabel)
    return _Joining(scene, told, loop, writer, replay, part.started_at)


@dataclass
class _Joining:
    """Parts on their way into one ledger; `place` is how far they go without a gap."""

    scene: Scene
    told: PartOrigin
    loop: Loop
    writer: SampleWriter
    replay: Replay
    started_at: str
    seconds: float = 0.0
    place: int = 0

    def take(self, part: AuditPart, file: BinaryIO) -> None:
        """Add the blocks of the next part, as far as they are needed."""
        end = len(self.scene.reader.order)
        if min(part.start, end) != self.place:
            raise HoldfastError("parts_differ", what=f"there is a gap at image {self.place}")
        if part.start >= end:
            return
        self._compare(part)
        self.started_at = min(self.started_at, part.started_at)
        self.seconds += part.duration_s
        self.scene.reader.skip(part.first_skipped)
        groups = _Groups(open_samples(file))
        for block in part.blocks:
            self._block(block, groups)
            if self.loop.ledger.decided:
                return

    def _compare(self, part: AuditPart) -> None:
        if part.origin is None:
            raise HoldfastError("parts_differ", what="one is empty")
        for name in type(self.told).model_fields:
            if getattr(part.origin, name) != getattr(self.told, name):
                raise HoldfastError("parts_differ", what=_NAMES.get(name, name))
        floor = SETUP.validate_json(part.setup).noise_floor
        ledger = self.loop.ledger
        ledger.setup = replace(ledger.setup, noise_floor=max(floor, ledger.setup.noise_floor))

    def _block(self, block: PartBlock, groups: "_Groups") -> None:
        ledger = self.loop.ledger
        families = ledger.families  # a part behind the first measures those that are left, too
        for table in groups.read(block.row_groups):
            if (kept := _rows_of(families, table)) is not None:
                self.writer.copy(kept)
                self.replay.take(columns_of(kept))
        n_images = 0
        for n, numbers in self.replay.turn():
            ledger.look(n, numbers)
            n_images += n
        if n_images != block.n_images:
            raise HoldfastError("invalid_samples", reason="a block lacks some of its images")
        ledger.watch.absorb(block.watch)
        ledger.worst.absorb(flip for flip in block.worst if flip.family in families)
        ledger.canvas_sizes |= set(block.canvas_sizes)
        self.scene.reader.skip(block.skipped)
        self.place = block.stop
        total = len(self.scene.reader.order)
        self.loop.on_progress(Progress(stage="writing", done=self.place, total=total))


_NAMES = {
    "engine_version": "they were made by several releases of Holdfast",
    "versions": "they were made by several versions of a library",
    "device": "they were measured on several devices",
    "setup_digest": "the same first images gave several answers",
}


def _rows_of(families: frozenset[Family], table: pa.Table) -> pa.Table | None:
    """What a row group holds of some families; None for a search that was left."""
    roles = table["role"]
    if pc.any(pc.equal(roles, "search")).as_py():
        return table if Family.spatial in families else None
    wanted = pa.array(sorted(map(str, families)), pa.string())
    kept = pc.or_(pc.equal(roles, "reference"), pc.is_in(table["family"], wanted))
    return table if pc.all(kept).as_py() else table.filter(kept).combine_chunks()


@dataclass
class _Groups:
    """The row groups of one file, in order."""

    file: pq.ParquetFile
    place: int = 0

    def read(self, n: int) -> Iterator[pa.Table]:
        for _ in range(n):
            if self.place >= self.file.num_row_groups:
                raise HoldfastError("invalid_samples", reason="rows are missing")
            try:
                yield self.file.read_row_group(self.place)
            except pa.ArrowException:
                raise HoldfastError("invalid_samples", reason="it is damaged") from None
            self.place += 1
