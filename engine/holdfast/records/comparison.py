"""What changed between two audits of the same images and lists."""

from typing import Annotated, Literal

from pydantic import Field

from holdfast.records.base import Record
from holdfast.records.families import Family
from holdfast.records.result import Finding

__all__ = [
    "BaselineSummary",
    "CellChange",
    "Comparison",
    "FamilyChange",
    "FamilyLoss",
    "GroupChange",
    "MeasurementChange",
]

Name = Annotated[str, Field(max_length=80)]
Difference = Annotated[float, Field(ge=-1, le=1)]
PValue = Annotated[float, Field(ge=0, le=1)]


class MeasurementChange(Record):
    """A measurement of both results, paired by image.

    `difference` is candidate minus baseline of a score where more is better (a drift is turned
    round), so a negative one is a loss. `decision` is non-inferiority: passed when the one-sided
    lower bound is above minus the margin.
    """

    id: Name
    baseline: float
    candidate: float
    difference: Difference
    low: Difference
    high: Difference
    decision: Literal["passed", "failed", "inconclusive"]
    n_images: Annotated[int, Field(ge=1)]


class GroupChange(MeasurementChange):
    """The same on the images of one class, or of one group that the user named."""

    kind: Literal["class", "group"]
    name: Name


class FamilyChange(Record):
    """Whether the flips of a family changed at all (modified Obuchowski test over the images).

    `p_adjusted` is Holm's over the families: "something changed, where?".
    """

    family: Family
    p_value: PValue
    p_adjusted: PValue
    lost: int
    """Views that held at the baseline and flip at the candidate."""
    gained: int
    """Views that flipped at the baseline and hold at the candidate."""
    flipped: Annotated[tuple[str, ...], Field(max_length=200)] = ()
    """Images that held in every cell at the baseline and flip in some at the candidate."""
    n_flipped: int = 0


class CellChange(Record):
    """One cell: images that only one of the two models keeps. `p_value`: McNemar's mid-p."""

    cell: Name
    family: Family
    lost: int
    gained: int
    difference: Difference
    low: Difference
    high: Difference
    p_value: PValue
    n_images: Annotated[int, Field(ge=1)]


class Comparison(Record):
    """Two results on the same images and lists, the baseline first."""

    schema_version: Literal["1"] = "1"
    baseline_sha256: str
    candidate_sha256: str
    n_images: int
    margin: float
    confidence: float
    decision: Literal["passed", "failed", "inconclusive"]
    sentence: str
    measurements: tuple[MeasurementChange, ...]
    families: tuple[FamilyChange, ...]
    cells: tuple[CellChange, ...]
    flipped: tuple[str, ...]
    """Images whose worst case the candidate lost in some family, at most 200."""
    n_flipped: int
    groups: tuple[GroupChange, ...] = ()
    findings: tuple[Finding, ...] = ()
    """What the changes together mean, for example `forgetting`."""

    @property
    def same_model(self) -> bool:
        """Whether both results are of the same bytes, so that nothing can have changed."""
        return self.baseline_sha256 == self.candidate_sha256


class FamilyLoss(Record):
    """How the consistency of one family changed, for a reader of a verdict.

    `difference` and its one-sided bounds are candidate minus baseline: a loss is negative.
    `regressed`: the loss is significant after Holm's adjustment over the families.
    """

    family: Family
    regressed: bool
    baseline: float
    candidate: float
    difference: Difference
    low: Difference
    high: Difference
    p_adjusted: PValue
    flipped: Annotated[tuple[str, ...], Field(max_length=20)]
    """Images that held in every cell at the baseline and flip in some at the candidate."""
    n_flipped: Annotated[int, Field(ge=0)]


class BaselineSummary(Record):
    """What a verdict says about the baseline it was made against."""

    name: str
    """The branch or the file, as the policy names it; empty where it names none."""
    model_sha256: str
    n_images: int
    same_model: bool
    families: tuple[FamilyLoss, ...]
    findings: tuple[Finding, ...]
    sentence: str
