"""What one part of an assertion, its limits or its baseline, decides."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from holdfast.records.policy import Decision

__all__ = ["RANK", "SAID", "Part", "together", "undecided"]

RANK: Final = (Decision.failed, Decision.inconclusive, Decision.passed)
"""The one that outweighs the others first."""

SAID: Final = {
    Decision.passed: "keeps",
    Decision.failed: "breaks",
    Decision.inconclusive: "is too close to decide on",
}


@dataclass(frozen=True)
class Part:
    """A decision with its reason.

    Attributes:
        decision: of this part alone.
        sentence: what was observed, its bounds, the limit and how many images.
        images_to_decide: about how many images decide it; None where it is decided, or where no
            number does.
    """

    decision: Decision
    sentence: str
    images_to_decide: int | None = None


def undecided(why: str) -> Part:
    """A part that nothing was measured for: it never passes."""
    return Part(Decision.inconclusive, f"not decided: {why.rstrip('.')}")


def together(parts: Iterable[Part]) -> Part:
    """All parts of one assertion: failed outweighs inconclusive, which outweighs passed."""
    known = list(parts)
    needed = [part.images_to_decide for part in known if part.images_to_decide is not None]
    return Part(
        decision=min((part.decision for part in known), key=RANK.index),
        sentence="; ".join(part.sentence for part in known),
        images_to_decide=max(needed, default=None),
    )
