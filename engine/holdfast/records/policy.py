"""What must hold before a model ships, and what was decided."""

from datetime import date
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, model_validator

from holdfast.records.base import Record
from holdfast.records.comparison import BaselineSummary

__all__ = [
    "Assertion",
    "BaselineRule",
    "Change",
    "Decision",
    "GatePolicy",
    "GroupOf",
    "Ignore",
    "Judgement",
    "Level",
    "Verdict",
]

AssertionId = Annotated[str, Field(max_length=160)]


class Level(StrEnum):
    """What an assertion may do to the verdict."""

    off = "off"
    warn = "warn"
    error = "error"


class Decision(StrEnum):
    """An assertion passes only if the whole interval satisfies it and fails only if none does."""

    passed = "passed"
    failed = "failed"
    inconclusive = "inconclusive"


class GroupOf(Record):
    """The images that an assertion is about: one class, one named group, or each (`*`) of them."""

    kind: Literal["class", "group"]
    name: Annotated[str, Field(min_length=1, max_length=80)]

    @property
    def is_each(self) -> bool:
        """Whether every class or every group has to keep the limits."""
        return self.name == "*"


class Assertion(Record):
    """One measurement and the limits that its whole interval must keep.

    `id` is that of a measurement, or `measurement@class=NAME`, `measurement@group=NAME` for the
    images of one class or group. `max_drop` is how much may be lost against a baseline, in units
    of the measurement.
    """

    id: AssertionId
    level: Level
    min: float | None = None
    max: float | None = None
    max_drop: Annotated[float, Field(ge=0, le=1)] | None = None

    @property
    def measurement(self) -> str:
        """The id of the measurement, without the class or group."""
        return self.id.partition("@")[0]

    @property
    def group(self) -> GroupOf | None:
        """The images it is about; None for all of them."""
        _, at, rest = self.id.partition("@")
        kind, _, name = rest.partition("=")
        return GroupOf(kind=kind, name=name) if at else None  # type: ignore[arg-type] # checked

    @model_validator(mode="after")
    def _has_a_limit(self) -> "Assertion":
        limits = (self.min, self.max, self.max_drop)
        if self.level is not Level.off and all(limit is None for limit in limits):
            raise ValueError(f"{self.id} needs min, max or max_drop")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"{self.id} has min above max")
        _, at, rest = self.id.partition("@")
        kind, _, name = rest.partition("=")
        if at and (kind not in ("class", "group") or not name):
            raise ValueError(f"{self.id} must end with @class=NAME or @group=NAME")
        return self


class Ignore(Record):
    """An assertion that does not count for a while. Both the day and the reason are required."""

    id: AssertionId
    until: date
    """The last day on which it is ignored (UTC)."""
    reason: Annotated[str, Field(min_length=3, max_length=400)]


class BaselineRule(Record):
    """What the result is compared with, and what it means when there is nothing."""

    branch: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    file: Annotated[str, Field(min_length=1, max_length=400)] | None = None
    on_missing: Level = Level.error
    """`error`: what asserts a `max_drop` is inconclusive. `warn`: it is skipped with a warning.
    `off`: it is skipped."""

    @model_validator(mode="after")
    def _is_one(self) -> "BaselineRule":
        if self.branch is not None and self.file is not None:
            raise ValueError("name a branch or a file, not both")
        return self


class GatePolicy(Record):
    """A list of assertions. One that asserts nothing could never fail, so it is invalid."""

    schema_version: Literal["1"] = "1"
    assertions: tuple[Assertion, ...]
    on_inconclusive: Literal["inconclusive", "fail", "pass"] = "inconclusive"
    baseline: BaselineRule = BaselineRule()
    ignore: tuple[Ignore, ...] = ()

    @property
    def needs_every_image(self) -> bool:
        """Whether an audit must not stop early: baselines and groups take all the images."""
        return any(
            assertion.level is not Level.off
            and (assertion.max_drop is not None or assertion.group is not None)
            for assertion in self.assertions
        )

    @model_validator(mode="after")
    def _asserts_something(self) -> "GatePolicy":
        if not any(assertion.level is not Level.off for assertion in self.assertions):
            raise ValueError("a policy needs at least one assertion that is not off")
        ids = [assertion.id for assertion in self.assertions]
        if len(set(ids)) != len(ids):
            raise ValueError("an assertion stands twice")
        for place, ignore in enumerate(self.ignore):
            if ignore.id not in ids:
                raise ValueError(f"ignore.{place}: {ignore.id} is asserted nowhere")
        return self


class Change(Record):
    """A measurement against its baseline, paired by image; one-sided bounds, a loss is negative."""

    baseline: float
    difference: float
    low: float
    high: float
    n_images: int


class Judgement(Record):
    """One assertion, decided, with the sentence that a person reads."""

    id: str
    level: Level
    """What it may do to the verdict; `warn` where it is ignored."""
    decision: Decision
    value: float | None
    low: float | None
    high: float | None
    min: float | None
    max: float | None
    n_images: int
    sentence: str
    max_drop: float | None = None
    change: Change | None = None
    ignored_until: date | None = None
    images_to_decide: int | None = None
    """About how many images decide what is open, should the observed value be the true one."""


class Verdict(Record):
    """The decision on a result. It can always be made again without running a model."""

    schema_version: Literal["1"] = "1"
    decision: Decision
    policy_digest: str
    plan_digest: str
    model_sha256: str
    judgements: tuple[Judgement, ...]
    sentence: str
    baseline: BaselineSummary | None = None
    """What changed against the baseline; None where there was none."""
