"""The sequential audit: stop when every assertion of the policy is decided.

A family is left as soon as its own assertions are. Each limit gets a test that may be looked at
after every image. What no per-image number tests (the worst of several cells, for example) stays
undecided here, so the audit goes on to the last image and the interval decides.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from holdfast.audit.per_image import FORMS, Form
from holdfast.audit.tally import Tally
from holdfast.records.base import digest
from holdfast.records.detail import SequentialEvidence, SequentialTest
from holdfast.records.families import Family
from holdfast.records.policy import GatePolicy, Level
from holdfast.stats import EProcess

__all__ = ["Stopping", "replay"]

_MIN_IMAGES = 32
_LARGEST = 1e6
Side = Literal["min", "max"]


@dataclass
class _Test:
    """One limit of one assertion, turned into a question about a bad rate."""

    id: str
    side: Side
    limit: float
    form: Form | None
    process: EProcess | None

    def take(self, values: NDArray[np.float64]) -> None:
        if self.process is not None:
            self.process.update((values + 1.0) / 2.0 if self.form == "difference" else values)

    @property
    def is_mirrored(self) -> bool:
        """Whether the limit asks for a *high* bad rate: a maximum of a good share, for example."""
        return (self.form == "good_share") != (self.side == "min")

    @property
    def decision(self) -> Literal["passed", "failed"] | None:
        found = self.process.decision if self.process else None
        if found is None or not self.is_mirrored:
            return found
        return "failed" if found == "passed" else "passed"

    def record(self) -> SequentialTest:
        process = self.process
        evidence = (process.log_e_pass, process.log_e_fail) if process else (0.0, 0.0)
        for_it, against = reversed(evidence) if self.is_mirrored else evidence
        return SequentialTest(
            id=self.id,
            side=self.side,
            limit=self.limit,
            decision=self.decision,
            n_images=(process.n_at_decision or process.n) if process else 0,
            log_e_pass=min(for_it, _LARGEST),
            log_e_fail=min(against, _LARGEST),
        )


class Stopping:
    """Follows all limits of a policy; `decided` tells when the audit may end."""

    def __init__(self, policy: GatePolicy, confidence: float) -> None:
        """Every assertion that is not off takes part; alpha = 1 - confidence for each."""
        self._alpha = 1.0 - confidence
        self._digest = digest(policy)
        self._n = 0
        self._tests = [
            _test(assertion.id, side, limit, self._alpha)
            for assertion in policy.assertions
            if assertion.level is not Level.off
            for side, limit in _limits(assertion.min, assertion.max)
        ]

    def take(self, n: int, numbers: Mapping[str, ArrayLike]) -> None:
        """Look at n more images; by measurement one number for each that it applies to."""
        self._n += n
        for test in self._tests:
            if test.id in numbers:
                test.take(np.asarray(numbers[test.id], np.float64))

    @property
    def failing(self) -> frozenset[Family]:
        """Families with a limit that failed, or has more evidence against it than for it."""
        records = [test.record() for test in self._tests]
        return _families(
            record.id
            for record in records
            if record.decision == "failed" or record.log_e_fail > max(0.0, record.log_e_pass)
        )

    def needed(self, families: frozenset[Family]) -> frozenset[Family]:
        """Those of an audit's families that an undecided limit still asks about.

        All of them on the first images, which tell what the gate does not ask.
        """
        if self._n < _MIN_IMAGES:
            return families
        return families & _families(test.id for test in self._tests if test.decision is None)

    @property
    def ids(self) -> frozenset[str]:
        """The measurements whose numbers are looked at."""
        return frozenset(test.id for test in self._tests if test.process is not None)

    @property
    def decided(self) -> bool:
        """Whether every limit is decided, on enough images to recognise a broken model."""
        return self._n >= _MIN_IMAGES and all(test.decision for test in self._tests)

    def evidence(self, n_planned: int) -> SequentialEvidence:
        """What stands in the result."""
        nothing = SequentialEvidence(
            alpha=self._alpha,
            policy_digest=self._digest,
            stopped=False,
            n_planned=n_planned,
            n_images=0,
            tests=(),
        )
        return _evidence(self._tests, nothing, self._n)


def replay(evidence: SequentialEvidence, tally: Tally) -> SequentialEvidence:
    """The same tests, made again from the images' numbers."""
    tests = [_test(told.id, told.side, told.limit, evidence.alpha) for told in evidence.tests]
    for test in tests:
        numbers = tally.numbers(test.id)
        if numbers is not None:
            test.take(numbers.values)
    return _evidence(tests, evidence, tally.n_images)


def _evidence(
    tests: Sequence[_Test], about: SequentialEvidence, n_images: int
) -> SequentialEvidence:
    decided = n_images >= _MIN_IMAGES and all(test.decision for test in tests)
    return about.model_copy(
        update={
            "stopped": decided and n_images < about.n_planned,
            "n_images": n_images,
            "tests": tuple(test.record() for test in tests),
        }
    )


def _families(measurements: Iterable[str]) -> frozenset[Family]:
    """The clean accuracy belongs to none."""
    named = {name.rpartition(".")[0] for name in measurements}
    return frozenset(Family(name) for name in named if name)


def _limits(minimum: float | None, maximum: float | None) -> list[tuple[Side, float]]:
    sides: list[tuple[Side, float | None]] = [("min", minimum), ("max", maximum)]
    return [(side, limit) for side, limit in sides if limit is not None]


def _test(name: str, side: Side, limit: float, alpha: float) -> _Test:
    form = FORMS.get(name.rpartition(".")[2])
    if form == "good_share":
        tau = 1.0 - limit
    elif form == "bad_share":
        tau = limit
    elif form == "difference":
        tau = (limit + 1.0) / 2.0
    else:
        return _Test(name, side, limit, form, None)
    return _Test(name, side, limit, form, EProcess(tau, alpha))
