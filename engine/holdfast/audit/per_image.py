"""One number per image for every measurement: what intervals, tests and groups are made of.

Each measurement has a form, which says how the numbers of the images become the reported one:

* `good_share`: the images hold a *bad* rate in [0, 1]; reported is one minus its mean.
* `bad_share`: a bad rate in [0, 1]; reported is its mean.
* `difference`: a difference of two rates of the same image, in [-1, 1].
* `real`: a number from 0 upwards without bound.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from holdfast.audit.comparing import Compared
from holdfast.audit.sweeps import Sweep
from holdfast.families import Layout
from holdfast.metrics import modal_consistency, pair_consistency
from holdfast.records.families import Family

__all__ = ["FORMS", "Form", "PerImage", "excess_per_image", "per_image"]

Form = Literal["good_share", "bad_share", "difference", "real"]

FORMS: dict[str, Form] = {
    "consistency": "good_share",
    "worst_case": "good_share",
    "pair_consistency": "good_share",
    "modal_consistency": "good_share",
    "drift": "bad_share",
    "logit_drift": "real",
    "flip_probability": "bad_share",
    "excess_flip_rate": "difference",
    "accuracy": "good_share",
    "accuracy_drop": "difference",
    "robust_accuracy": "good_share",
}
"""Form of each measurement, without its family."""

_CONTROL_OF = {Family.translation: "occlusion"}


@dataclass(frozen=True)
class PerImage:
    """One number for each image of a block that the measurement applies to.

    Attributes:
        values: (k,), k <= n.
        applies: which of the n images they belong to, (n,).
        step: smallest positive value that can occur, None for a continuous one.
    """

    values: NDArray[np.float64]
    applies: NDArray[np.bool_]
    step: float | None = None


def per_image(
    seen: Compared,
    labels: NDArray[np.int64],
    layout: Layout,
    sweeps: dict[Family, Sweep],
    families: Collection[Family],
) -> Iterator[tuple[str, PerImage]]:
    """Ids and per-image numbers of a block of n images, family by family of those that were taken.

    A measurement that applies to no image of the block is left out.
    """
    labelled = labels >= 0
    if labelled.any():
        yield "accuracy", PerImage(np.asarray(~seen.correct[labelled, 0], np.float64), labelled)
    first = len(layout.references)
    for family in Family:
        places = layout.places(family)
        if places and family in families:
            part = _Part(seen, labelled, layout, family, np.array(places), first)
            for name, compute in _MEASURES.items():
                numbers = compute(part)
                if numbers is not None and numbers.applies.any():
                    yield f"{family}.{name}", numbers
            if family in sweeps:
                yield f"{family}.flip_probability", _flip_probability(part, sweeps[family])


@dataclass(frozen=True)
class _Part:
    """One family of a block."""

    seen: Compared
    labelled: NDArray[np.bool_]
    layout: Layout
    family: Family
    cells: NDArray[np.intp]
    first: int

    @property
    def columns(self) -> NDArray[np.intp]:
        return self.cells + self.first

    @property
    def m(self) -> int:
        return len(self.cells)

    @property
    def reference(self) -> int:
        return int(self.seen.against[self.columns[0]])

    def everywhere(self, values: ArrayLike, step: float | None = None) -> PerImage:
        numbers = np.asarray(values, np.float64)
        return PerImage(numbers, np.ones(len(numbers), bool), step)


def _consistency(part: _Part) -> PerImage:
    flip = part.seen.flip[:, part.columns]
    return part.everywhere(flip.mean(axis=1), 1.0 / part.m)


def _worst_case(part: _Part) -> PerImage:
    return part.everywhere(part.seen.flip[:, part.columns].any(axis=1), 1.0)


def _pair_consistency(part: _Part) -> PerImage | None:
    if part.m < 2:  # noqa: PLR2004 - a pair
        return None
    answers = part.seen.answers[:, [part.reference, *part.columns]]
    return part.everywhere(1.0 - pair_consistency(answers), 2.0 / part.m)


def _modal_consistency(part: _Part) -> PerImage:
    answers = part.seen.answers[:, [part.reference, *part.columns]]
    return part.everywhere(1.0 - modal_consistency(answers), 1.0 / part.m)


def _drift(part: _Part) -> PerImage:
    drift = part.seen.drift[:, part.columns].mean(axis=1, dtype=np.float64)
    known = ~np.isnan(drift)
    return PerImage(np.minimum(drift[known], 1.0), known)


def _logit_drift(part: _Part) -> PerImage:
    drift = part.seen.logit_drift[:, part.columns].mean(axis=1, dtype=np.float64)
    known = ~np.isnan(drift)
    return PerImage(drift[known], known)


def _excess_flip_rate(part: _Part) -> PerImage | None:
    kind = _CONTROL_OF.get(part.family, "blur")
    pairs = part.layout.control_places(part.family, kind)  # type: ignore[arg-type] # a kind
    first = len(part.layout.plain)
    if not pairs or len(part.seen.views) == first:
        return None
    cells, controls = np.array(pairs).T
    moved = part.seen.flip[:, cells + part.first].mean(axis=1)
    still = part.seen.flip[:, controls + first].mean(axis=1)
    return part.everywhere(moved - still)


def excess_per_image(
    moved: NDArray[np.bool_],
    still: NDArray[np.bool_],
    layout: Layout,
    families: Collection[Family],
) -> Iterator[tuple[str, PerImage]]:
    """Excess flip rates of n images from the flips of all cells (n, m) and all controls (n, k)."""
    for family in Family:
        kind = _CONTROL_OF.get(family, "blur")
        pairs = layout.control_places(family, kind)  # type: ignore[arg-type] # a kind
        if pairs and family in families:
            cells, controls = np.array(pairs).T
            excess = moved[:, cells].mean(axis=1) - still[:, controls].mean(axis=1)
            everywhere = np.ones(len(excess), bool)
            yield f"{family}.excess_flip_rate", PerImage(excess, everywhere)


def _accuracy(part: _Part) -> PerImage:
    correct = part.seen.correct[part.labelled][:, part.columns]
    return PerImage(1.0 - correct.mean(axis=1), part.labelled, 1.0 / part.m)


def _accuracy_drop(part: _Part) -> PerImage:
    correct = part.seen.correct[part.labelled]
    drop = correct[:, part.reference] - correct[:, part.columns].mean(axis=1)
    return PerImage(drop, part.labelled)


def _robust_accuracy(part: _Part) -> PerImage:
    correct = part.seen.correct[part.labelled]
    right = correct[:, part.columns].all(axis=1) & correct[:, part.reference]
    return PerImage(np.asarray(~right, np.float64), part.labelled, 1.0)


def _flip_probability(part: _Part, sweep: Sweep) -> PerImage:
    """Per image the share of adjacent steps with another answer (ImageNet-P's formula)."""
    answers = part.seen.answers
    changed = [
        answers[:, run[1:]] != answers[:, run[:-1]]
        for run in (np.array(views) for views in sweep.views)
    ]
    rate = np.concatenate(changed, axis=1).mean(axis=1)
    return part.everywhere(rate, 1.0 / sum(len(views) - 1 for views in sweep.views))


_MEASURES: dict[str, Callable[[_Part], PerImage | None]] = {
    "consistency": _consistency,
    "worst_case": _worst_case,
    "pair_consistency": _pair_consistency,
    "modal_consistency": _modal_consistency,
    "drift": _drift,
    "logit_drift": _logit_drift,
    "excess_flip_rate": _excess_flip_rate,
    "accuracy": _accuracy,
    "accuracy_drop": _accuracy_drop,
    "robust_accuracy": _robust_accuracy,
}
