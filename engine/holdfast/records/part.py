"""What one part of an audit leaves besides its per-sample file: all that a merge has to know."""

from typing import Annotated, Literal

from pydantic import Field

from holdfast.records.base import Record
from holdfast.records.families import Family
from holdfast.records.model import ModelCard
from holdfast.records.result import SampleFile, SkippedProbe

__all__ = ["AuditPart", "PartBlock", "PartOrigin", "Prefix", "WatchState", "WorstFlip"]

Place = Annotated[int, Field(ge=0)]
Counts = tuple[tuple[str, int], ...]


class WatchState(Record):
    """What the watch for degenerate models saw on the unmoved views of some images.

    `low` and `high` are the least and largest of each score, as base64 of little-endian float32;
    empty before the first finite image. `answers` and `truths` count the labelled images by the
    model's answer and by the label; answers that are sets of labels are written in hex.
    """

    finite: bool
    low: str
    high: str
    n_images: int
    undecided: int
    answers: Counts
    truths: Counts


class WorstFlip(Record):
    """A flip that may be shown: loss of confidence, place of the probe in the set, and its cell.

    `before`, `after`: class index and its probability in the reference view and in the cell.
    """

    family: Family
    loss: float
    index: int
    cell: int
    before: tuple[int, float]
    after: tuple[int, float]
    after_reference: float


class PartBlock(Record):
    """One block of images, as the measuring loop took it.

    `stop` is the place behind its last image in the audit's order, `row_groups` how many of the
    per-sample file are its own. `numbers` holds, for each measurement that the policy limits, one
    number for each image that it applies to: what the sequential tests bet on.
    """

    stop: Place
    n_images: int
    row_groups: int
    canvas_sizes: tuple[tuple[int, int], ...]
    skipped: tuple[tuple[int, SkippedProbe], ...]
    watch: WatchState
    worst: tuple[WorstFlip, ...]
    numbers: dict[str, tuple[float, ...]]


class PartOrigin(Record):
    """What has to be the same in all parts of one audit, or their numbers do not belong together.

    `setup` digests what the first probes told: presets, kind of head, tolerance.
    """

    engine_version: str
    versions: dict[str, str]
    model_sha256: str
    probes_sha256: str
    probes_digest: str
    plan_digest: str
    policy_digest: str | None
    n_planned: int
    block_images: int
    single: bool
    device: str = "cpu"
    card: ModelCard
    setup_digest: str


class AuditPart(Record):
    """Images `start` to `stop` of the seeded order, measured.

    `setup` is the engine's own JSON of what the first probes told. `first_skipped` are the broken
    ones among those first probes, which every part looks at. A part behind the last image has
    neither origin nor blocks. The first part of a sequential audit may end before `stop`: where it
    was decided.
    """

    schema_version: Literal["1"] = "1"
    start: Place
    stop: Place
    origin: PartOrigin | None
    setup: str
    first_skipped: tuple[tuple[int, SkippedProbe], ...]
    blocks: tuple[PartBlock, ...]
    samples: SampleFile
    started_at: str
    duration_s: float


class Prefix(Record):
    """What the parts from the first image on, without a gap, say about a sequential audit.

    When it is `decided`, no image from place `stop` on is needed.
    """

    decided: bool
    stop: Place
