"""What was seen: measurements, cells, findings, examples, and where they come from.

No verdict, no score and no HTML: those are made from a result and can be made again.
"""

import base64
import binascii
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from holdfast.records.base import Record
from holdfast.records.causes import Causes
from holdfast.records.cells import Cell, Share
from holdfast.records.detail import GroupNumbers, Name, ResultCurve, SequentialEvidence
from holdfast.records.families import Family
from holdfast.records.model import ModelCard, OutputKind
from holdfast.records.outcome import Outcome
from holdfast.records.plan import AuditPlan

__all__ = [
    "AuditResult",
    "Example",
    "Finding",
    "FindingSeverity",
    "Measurement",
    "MovedView",
    "Normalisation",
    "ProbeSummary",
    "Provenance",
    "SampleFile",
    "SandboxLevel",
    "SkippedProbe",
    "Thumbnail",
]

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Text = Annotated[str, Field(max_length=400)]
MAX_THUMBNAIL_BYTES = 12_000


class Measurement(Record):
    """One number about the model, with its interval; `sentence` says why when there is none."""

    id: Name
    outcome: Outcome
    value: float | None = None
    low: float | None = None
    high: float | None = None
    n_images: Annotated[int, Field(ge=0)]
    unit: Name
    sentence: Text = ""

    @model_validator(mode="after")
    def _value_iff_measured(self) -> "Measurement":
        numbers = [self.value, self.low, self.high]
        if self.outcome is Outcome.measured:
            if None in numbers:
                raise ValueError("a measured measurement has value, low and high")
        elif numbers != [None, None, None] or not self.sentence:
            raise ValueError("a measurement that is not measured has a sentence and no numbers")
        return self


class FindingSeverity(StrEnum):
    """How much a finding matters; an `error` keeps every gate from passing."""

    info = "info"
    warning = "warning"
    error = "error"


class Finding(Record):
    """A reason or a remark that the numbers alone do not tell."""

    id: Name
    severity: FindingSeverity
    sentence: Text
    hint: Text = ""


class Thumbnail(Record):
    """A small picture that we encoded ourselves."""

    media_type: Literal["image/png", "image/webp"]
    base64: Annotated[str, Field(max_length=4 * MAX_THUMBNAIL_BYTES // 3 + 4)]

    @field_validator("base64")
    @classmethod
    def _is_a_picture(cls, text: str) -> str:
        try:
            head = base64.b64decode(text, validate=True)[:4]
        except (binascii.Error, ValueError):
            raise ValueError("not base64") from None
        if head not in (b"\x89PNG", b"RIFF"):
            raise ValueError("neither PNG nor WebP")
        return text


class MovedView(Record):
    """One view of one probe and what the model said: class index and its probability."""

    picture: Thumbnail
    predicted: Annotated[int, Field(ge=0)]
    probability: Share
    reference_probability: Share


class Example(Record):
    """A probe whose prediction flipped: before (identity) and after (one cell of a family)."""

    probe: Text
    label: int | None
    family: Family
    shift_px: tuple[float, float] | None = None
    angle_deg: float | None = None
    zoom: float | None = None
    exact: str | None = None
    before: MovedView
    after: MovedView


class SkippedProbe(Record):
    """An image that could not be used, with the code that says why."""

    probe: Text
    code: Name


class ProbeSummary(Record):
    """The images of an audit. `class_names[i]` names output i where the data tell it."""

    n_given: int
    n_used: int
    n_labelled: int
    skipped: tuple[SkippedProbe, ...]
    class_names: tuple[Name, ...]


class SampleFile(Record):
    """The per-sample file: one row per image and cell, from which the numbers can be recomputed."""

    name: Literal["samples.parquet"] = "samples.parquet"
    sha256: Sha256
    size_bytes: int
    n_rows: int


class Normalisation(Record):
    """What was really done to pixels 0 to 255: x = (pixel * scale - mean) / std, per channel."""

    preset: Name
    scale: float
    mean: tuple[float, ...]
    std: tuple[float, ...]
    order: Literal["rgb", "bgr", "grey"]
    how: Literal["given", "most_accurate", "default"]


class SandboxLevel(Record):
    """Which layers of the sandbox were in force while the audit ran.

    `gpu`: the rules for a child that drives a GPU, which are experimental; `note` says what for.
    """

    mode: Literal["required", "auto", "container"]
    in_force: bool
    landlock_abi: int
    seccomp: bool
    no_new_privs: bool
    capabilities_dropped: bool
    missing: tuple[Text, ...]
    gpu: bool = False
    note: Text = ""


class Provenance(Record):
    """Everything that is needed to repeat the audit and to trust that it was this model."""

    engine_version: Name
    model_sha256: Sha256
    probes_sha256: Sha256
    probes_digest: Sha256
    plan_digest: Sha256
    family_digests: dict[str, Sha256]
    seed: int
    canvas_px: tuple[int, int] | None
    crop_px: tuple[int, int]
    normalisation: Normalisation
    output_kind: OutputKind
    interval_method: Text
    noise_floor: float
    """Largest relative difference between two runs on the same views; below the tie tolerance."""
    device: Name
    threads: int
    versions: dict[str, Name]
    sandbox: SandboxLevel
    started_at: Name
    duration_s: float


class AuditResult(Record):
    """The whole result of one audit: written once, never edited."""

    schema_version: Literal["1"] = "1"
    plan: AuditPlan
    provenance: Provenance
    model: ModelCard
    probes: ProbeSummary
    measurements: tuple[Measurement, ...]
    cells: tuple[Cell, ...]
    findings: tuple[Finding, ...]
    examples: tuple[Example, ...] = Field(max_length=12)
    samples: SampleFile
    curves: tuple[ResultCurve, ...] = ()
    groups: tuple[GroupNumbers, ...] = ()
    sequential: SequentialEvidence | None = None
    causes: Causes | None = None
