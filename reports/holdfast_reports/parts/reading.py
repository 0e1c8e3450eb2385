"""What every part asks of a result and its verdict."""

from dataclasses import dataclass

from holdfast.records.cells import Cell
from holdfast.records.families import Family
from holdfast.records.policy import Judgement, Verdict
from holdfast.records.result import AuditResult, Measurement

__all__ = ["Numbers", "Reading"]


@dataclass(frozen=True)
class Numbers:
    """The numbers of a measurement that was measured."""

    value: float
    low: float
    high: float
    n_images: int


@dataclass(frozen=True)
class Reading:
    """A result and a verdict, with the look-ups that their tuples do not offer."""

    result: AuditResult
    verdict: Verdict | None

    def measurement(self, measurement_id: str) -> Measurement | None:
        """The measurement with this id, whatever its outcome."""
        found = (m for m in self.result.measurements if m.id == measurement_id)
        return next(found, None)

    def numbers(self, measurement_id: str) -> Numbers | None:
        """The numbers of a measurement, None where it was not measured."""
        found = self.measurement(measurement_id)
        if found is None:
            return None
        value, low, high = found.value, found.low, found.high
        if value is None or low is None or high is None:
            return None
        return Numbers(value, low, high, found.n_images)

    def why_not(self, measurement_id: str) -> str:
        """Why a measurement has no numbers, as the engine says it."""
        found = self.measurement(measurement_id)
        return found.sentence if found and found.sentence else "this result does not hold it"

    def judgement(self, measurement_id: str) -> Judgement | None:
        """What the verdict says about one measurement."""
        judgements = self.verdict.judgements if self.verdict else ()
        return next((j for j in judgements if j.id == measurement_id), None)

    def cells(self, family: Family) -> tuple[Cell, ...]:
        """The cells of one family, in the order of the plan."""
        return tuple(cell for cell in self.result.cells if cell.family == family)
