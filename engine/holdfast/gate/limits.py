"""`min` and `max`: decided on the whole interval, or by the evidence of a sequential audit."""

from dataclasses import dataclass

from holdfast.gate.enough import images_to_decide, needs
from holdfast.gate.parts import SAID, Part
from holdfast.records.detail import GroupNumbers, SequentialEvidence, SequentialTest
from holdfast.records.policy import Assertion, Decision
from holdfast.records.result import Measurement

__all__ = ["Seen", "limits_part", "seen_in"]


@dataclass(frozen=True)
class Seen:
    """A value with its interval, on so many images."""

    value: float
    low: float
    high: float
    n_images: int


def seen_in(numbers: Measurement | GroupNumbers | None) -> Seen | None:
    """What was measured; None for an absence of whatever kind."""
    if numbers is None or numbers.value is None or numbers.low is None or numbers.high is None:
        return None
    return Seen(numbers.value, numbers.low, numbers.high, numbers.n_images)


def limits_part(
    assertion: Assertion, seen: Seen, evidence: SequentialEvidence | None, confidence: float
) -> Part:
    """Decide `min` and `max` on what was seen; one of them is given."""
    tests = _tests(assertion, evidence)
    decision = _by_interval(assertion, seen) if tests is None else _by_evidence(tests)
    limit = " and ".join(f"{name} {value:g}" for name, value in _limits(assertion))
    sentence = (
        f"observed {seen.value:.4f} [{seen.low:.4f}, {seen.high:.4f}] "
        f"on {seen.n_images} images {SAID[decision]} {limit}"
    )
    if decision is not Decision.inconclusive:
        return Part(decision, sentence + _decided_at(tests or ()))
    images = _images(assertion, seen, confidence)
    return Part(decision, sentence + needs(images), images)


def _limits(assertion: Assertion) -> list[tuple[str, float]]:
    sides = [("min", assertion.min), ("max", assertion.max)]
    return [(name, value) for name, value in sides if value is not None]


def _by_interval(assertion: Assertion, seen: Seen) -> Decision:
    minimum = -float("inf") if assertion.min is None else assertion.min
    maximum = float("inf") if assertion.max is None else assertion.max
    if seen.high < minimum or seen.low > maximum:
        return Decision.failed
    if seen.low >= minimum and seen.high <= maximum:
        return Decision.passed
    return Decision.inconclusive


def _tests(
    assertion: Assertion, evidence: SequentialEvidence | None
) -> tuple[SequentialTest, ...] | None:
    """The sequential tests of exactly these limits; None where the interval has to decide."""
    limits = set(_limits(assertion))
    tests = tuple(
        test
        for test in (evidence.tests if evidence else ())
        if test.id == assertion.id and test.n_images and (test.side, test.limit) in limits
    )
    return tests if len(tests) == len(limits) else None


def _by_evidence(tests: tuple[SequentialTest, ...]) -> Decision:
    seen = {test.decision for test in tests}
    if "failed" in seen:
        return Decision.failed
    return Decision.passed if seen == {"passed"} else Decision.inconclusive


def _decided_at(tests: tuple[SequentialTest, ...]) -> str:
    decided = [test.n_images for test in tests if test.decision]
    return f", decided after {max(decided)}" if decided and len(decided) == len(tests) else ""


def _images(assertion: Assertion, seen: Seen, confidence: float) -> int | None:
    """What decides both limits, where both are open."""
    tail = (1.0 - confidence) / 2.0
    open_limits = [
        limit
        for name, limit in _limits(assertion)
        if not (seen.low >= limit if name == "min" else seen.high <= limit)
    ]
    found = [
        images_to_decide(seen.n_images, seen.value, (seen.low, seen.high), limit, tail)
        for limit in open_limits
    ]
    known = [images for images in found if images is not None]
    return max(known) if known and len(known) == len(found) else None
