"""What stands behind the measurements: curves, groups, and the evidence of a sequential audit."""

from typing import Annotated, Literal

from pydantic import Field

from holdfast.records.base import Record
from holdfast.records.families import Family

__all__ = ["CurvePoint", "GroupNumbers", "ResultCurve", "SequentialEvidence", "SequentialTest"]

Name = Annotated[str, Field(max_length=80)]


class CurvePoint(Record):
    """One point of a curve with its interval."""

    x: float
    value: float
    low: float
    high: float


class ResultCurve(Record):
    """A number as a function of another.

    `worst_of_k`: share of images that keep their answer under k cells drawn from the family.
    `first_flip`: share of images that have not flipped within x; what never flips is censored at
    the largest x. `stride_phase`: the stride-phase index of circular shifts at period x.
    """

    id: Literal["worst_of_k", "first_flip", "stride_phase"]
    family: Family
    unit: Literal["cells", "px", "degrees", "log2 zoom"]
    n_images: Annotated[int, Field(ge=1)]
    points: tuple[CurvePoint, ...]


class GroupNumbers(Record):
    """A measurement on the images of one class, or of one group that the user named."""

    kind: Literal["class", "group"]
    name: Name
    measurement: Name
    value: float
    low: float
    high: float
    n_images: Annotated[int, Field(ge=1)]


class SequentialTest(Record):
    """The evidence for one limit: e-processes for `holds` and for `broken`, in natural logarithm.

    The first that reaches log(1 / alpha) decides, at image `n_images` of the seeded order.
    """

    id: Name
    side: Literal["min", "max"]
    limit: float
    decision: Literal["passed", "failed"] | None
    n_images: Annotated[int, Field(ge=0)]
    log_e_pass: float
    log_e_fail: float


class SequentialEvidence(Record):
    """How a sequential audit went. Intervals of such a result hold at whatever image it stopped."""

    alpha: Annotated[float, Field(gt=0, lt=1)]
    policy_digest: str
    stopped: bool
    n_planned: int
    n_images: int
    tests: tuple[SequentialTest, ...]
