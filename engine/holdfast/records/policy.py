"""What must hold before a model ships, and what was decided."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, model_validator

from holdfast.records.base import Record

__all__ = ["Assertion", "Decision", "GatePolicy", "Judgement", "Level", "Verdict"]


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


class Assertion(Record):
    """One measurement and the limits that its whole interval must keep."""

    id: Annotated[str, Field(max_length=80)]
    level: Level
    min: float | None = None
    max: float | None = None

    @model_validator(mode="after")
    def _has_a_limit(self) -> "Assertion":
        if self.level is not Level.off and self.min is None and self.max is None:
            raise ValueError(f"{self.id} needs min or max")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"{self.id} has min above max")
        return self


class GatePolicy(Record):
    """A list of assertions. One that asserts nothing could never fail, so it is invalid."""

    schema_version: Literal["1"] = "1"
    assertions: tuple[Assertion, ...]
    on_inconclusive: Literal["inconclusive", "fail", "pass"] = "inconclusive"

    @model_validator(mode="after")
    def _asserts_something(self) -> "GatePolicy":
        if not any(assertion.level is not Level.off for assertion in self.assertions):
            raise ValueError("a policy needs at least one assertion that is not off")
        ids = [assertion.id for assertion in self.assertions]
        if len(set(ids)) != len(ids):
            raise ValueError("an assertion stands twice")
        return self


class Judgement(Record):
    """One assertion, decided, with the sentence that a person reads."""

    id: str
    level: Level
    decision: Decision
    value: float | None
    low: float | None
    high: float | None
    min: float | None
    max: float | None
    n_images: int
    sentence: str


class Verdict(Record):
    """The decision on a result. It can always be made again without running a model."""

    schema_version: Literal["1"] = "1"
    decision: Decision
    policy_digest: str
    plan_digest: str
    model_sha256: str
    judgements: tuple[Judgement, ...]
    sentence: str
