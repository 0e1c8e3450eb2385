"""What changed between two audits of the same images and lists."""

from typing import Annotated, Literal

from pydantic import Field

from holdfast.records.base import Record
from holdfast.records.families import Family

__all__ = ["CellChange", "Comparison", "FamilyChange", "MeasurementChange"]

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
