"""`max_drop`: decided on the paired interval of a comparison with the baseline.

Source: the project's science reference, section 4.5, non-inferiority.
"""

from holdfast.gate.enough import images_to_decide, needs
from holdfast.gate.parts import SAID, Part, undecided
from holdfast.records.comparison import Comparison, MeasurementChange
from holdfast.records.policy import Assertion, Change, Decision, GroupOf

__all__ = ["change_of", "drop_part", "record_of"]


def change_of(
    comparison: Comparison, measurement: str, group: GroupOf | None
) -> MeasurementChange | None:
    """How a measurement changed, on all images or on those of a class or group."""
    if group is None:
        return next((row for row in comparison.measurements if row.id == measurement), None)
    wanted = (measurement, group.kind, group.name)
    rows = (row for row in comparison.groups if (row.id, row.kind, row.name) == wanted)
    return next(rows, None)


def record_of(change: MeasurementChange | None) -> Change | None:
    """What a judgement keeps of it."""
    if change is None:
        return None
    return Change(
        baseline=change.baseline,
        difference=change.difference,
        low=change.low,
        high=change.high,
        n_images=change.n_images,
    )


def drop_part(assertion: Assertion, max_drop: float, comparison: Comparison | None) -> Part:
    """Decide `max_drop` on the interval of the paired change.

    Passed when its lower bound is above -max_drop, failed when its upper bound is below that,
    inconclusive between. The same bytes as the baseline cannot have lost anything. Without a
    comparison, or without this measurement in it, nothing is decided.
    """
    limit = f"max_drop {max_drop:g}"
    if comparison is None:
        return undecided(f"there is no baseline to compare with ({limit})")
    if comparison.same_model:
        return Part(Decision.passed, f"no change, it is the model of the baseline, keeps {limit}")
    change = change_of(comparison, assertion.measurement, assertion.group)
    if change is None:
        return undecided(f"the comparison with the baseline does not hold it ({limit})")
    decision = Decision.inconclusive
    if change.low > -max_drop:
        decision = Decision.passed
    elif change.high < -max_drop:
        decision = Decision.failed
    sentence = f"{_seen(change)} {SAID[decision]} {limit}"
    if decision is not Decision.inconclusive:
        return Part(decision, sentence)
    interval, tail = (change.low, change.high), 1.0 - comparison.confidence
    images = images_to_decide(change.n_images, change.difference, interval, -max_drop, tail)
    return Part(decision, sentence + needs(images), images)


def _seen(change: MeasurementChange) -> str:
    """A loss is told as a positive number, its bounds turned round with it."""
    worse = change.difference < 0
    size, low, high = abs(change.difference), change.low, change.high
    if worse:
        low, high = -change.high, -change.low
    return (
        f"{'worse' if worse else 'better'} by {size:.4f} [{low:.4f}, {high:.4f}] than the "
        f"baseline's {change.baseline:.4f} on {change.n_images} images of both"
    )
