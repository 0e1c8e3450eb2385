"""Curves and groups of a result, made of a tally."""

import math
from collections.abc import Iterator
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from holdfast.audit.estimating import Estimator
from holdfast.audit.per_image import FORMS
from holdfast.audit.tally import Numbers, Tally
from holdfast.catalogue import GROUPED
from holdfast.families import CellSpec
from holdfast.metrics import first_flip_radius, stride_phase_index, survival, worst_of_k
from holdfast.records.detail import CurvePoint, GroupNumbers, ResultCurve
from holdfast.records.families import Family

__all__ = ["MIN_GROUP", "certificate", "curves", "groups", "members"]

_MAX_POINTS = 40
MIN_GROUP = 5
"""A class or group with fewer images gets no numbers."""

_MAX_GROUPS = 1000
_STRIDES = (2, 4, 8, 16, 32)


def curves(tally: Tally, estimator: Estimator) -> tuple[ResultCurve, ...]:
    """Every curve that the families of this audit give."""
    found: list[ResultCurve] = []
    for family in Family:
        if tally.layout.places(family):
            flips = tally.flips(family)
            found.append(_worst_of_k(family, flips, estimator))
            found += _first_flip(tally, family, flips, estimator)
    found += _stride_phase(tally)
    return tuple(found)


def groups(
    tally: Tally, estimator: Estimator, class_names: tuple[str, ...]
) -> tuple[GroupNumbers, ...]:
    """Accuracy and consistencies per class and per named group with at least 5 images."""
    return tuple(
        row
        for (kind, name), inside in members(tally, class_names).items()
        for row in _grouped(tally, estimator, kind, name, inside)
    )


def members(
    tally: Tally, class_names: tuple[str, ...]
) -> dict[tuple[Literal["class", "group"], str], NDArray[np.bool_]]:
    """Which images are in which class and in which named group, (n,) each, by kind and name."""
    labels = tally.labels
    found: dict[tuple[Literal["class", "group"], str], NDArray[np.bool_]] = {}
    for label in np.unique(labels[labels >= 0])[:_MAX_GROUPS]:
        name = class_names[label] if label < len(class_names) else str(label)
        found["class", name] = np.asarray(labels == label)
    for group in np.unique(tally.groups)[:_MAX_GROUPS]:
        if group:
            found["group", str(group)[:80]] = np.asarray(tally.groups == group)
    return found


def certificate(tally: Tally) -> tuple[int, int, int] | None:
    """Largest r whose every shift with |dx|, |dy| <= r is in the list; images that hold, and all.

    Enumerating all whole-pixel shifts is a proof for this border rule (science reference, 2.9).
    """
    places = tally.layout.places(Family.translation)
    at = {tally.layout.cells[place].value("shift_px"): i for i, place in enumerate(places)}
    reach = 0
    while all(shift in at for shift in _ring(reach + 1)):
        reach += 1
    if reach == 0:
        return None
    inside = [at[shift] for r in range(1, reach + 1) for shift in _ring(r)]
    flips = tally.flips(Family.translation)
    return reach, int((~flips[:, inside].any(axis=1)).sum()), len(flips)


def _ring(r: int) -> list[tuple[int, int]]:
    """All shifts whose larger side is r."""
    span = range(-r, r + 1)
    return [(dx, dy) for dx in span for dy in span if max(abs(dx), abs(dy)) == r]


def _grouped(
    tally: Tally,
    estimator: Estimator,
    kind: Literal["class", "group"],
    name: str,
    inside: NDArray[np.bool_],
) -> Iterator[GroupNumbers]:
    for measurement in GROUPED:
        numbers = tally.numbers(measurement)
        if numbers is None:
            continue
        kept = inside[numbers.images]
        if int(kept.sum()) < MIN_GROUP:
            continue
        part = Numbers(numbers.values[kept], numbers.images[kept], numbers.step)
        interval = estimator.estimate(part, FORMS[measurement.rpartition(".")[2]])
        yield GroupNumbers(
            kind=kind,
            name=name,
            measurement=measurement,
            value=interval.value,
            low=interval.low,
            high=interval.high,
            n_images=int(kept.sum()),
        )


def _worst_of_k(family: Family, flips: NDArray[np.bool_], estimator: Estimator) -> ResultCurve:
    n, m = flips.shape
    ks = np.unique(np.rint(np.geomspace(1, m, min(m, _MAX_POINTS))).astype(np.int64))
    passing = worst_of_k(flips.sum(axis=1), m, ks)
    return ResultCurve(
        id="worst_of_k",
        family=family,
        unit="cells",
        n_images=n,
        points=tuple(
            _point(float(k), 1.0 - passing[:, place], estimator) for place, k in enumerate(ks)
        ),
    )


def _first_flip(
    tally: Tally, family: Family, flips: NDArray[np.bool_], estimator: Estimator
) -> Iterator[ResultCurve]:
    """Share of images that no cell up to a distance has flipped."""
    cells = [tally.layout.cells[place] for place in tally.layout.places(family)]
    unit = _DISTANCE_UNITS.get(family)
    if unit is None:
        return
    radius = np.array([_distance(cell) for cell in cells])
    first = first_flip_radius(~flips, radius)
    grid = np.unique(radius)
    grid = grid[np.unique(np.linspace(0, len(grid) - 1, _MAX_POINTS).astype(int))]
    kept = survival(first, grid)
    yield ResultCurve(
        id="first_flip",
        family=family,
        unit=unit,  # type: ignore[arg-type] # one of the record's units
        n_images=len(flips),
        points=tuple(
            _survivor(float(x), float(share), len(flips), estimator)
            for x, share in zip(grid, kept, strict=True)
        ),
    )


def _survivor(x: float, share: float, n: int, estimator: Estimator) -> CurvePoint:
    low, high = estimator.binomial(round(share * n), n)
    return CurvePoint(x=x, value=share, low=low, high=high)


def _point(x: float, bad: NDArray[np.float64], estimator: Estimator) -> CurvePoint:
    numbers = Numbers(bad, np.arange(len(bad)), None)
    interval = estimator.estimate(numbers, "good_share")
    return CurvePoint(x=x, value=interval.value, low=interval.low, high=interval.high)


def _stride_phase(tally: Tally) -> Iterator[ResultCurve]:
    """How much of the drift under rolls vanishes at multiples of a period: 1 is pure aliasing."""
    # the mean, not the sum: rounding errors of many images must stay below the index's floor
    n = tally.images_of(Family.circular)
    by_distance = {
        tally.layout.cells[place].value("shift_px")[0]: float(tally.cells.logit_drift[place]) / n
        for place in tally.layout.places(Family.circular)
        if tally.layout.cells[place].value("shift_px")[1] == 0
    }
    reach = 0
    while reach + 1 in by_distance:
        reach += 1
    error = np.array([by_distance[distance] for distance in range(1, reach + 1)])
    points: list[CurvePoint] = []
    for stride in _STRIDES:
        if stride <= reach:
            index = stride_phase_index(error, stride)
            if index is not None:
                points.append(CurvePoint(x=float(stride), value=index, low=index, high=index))
    if points:
        yield ResultCurve(
            id="stride_phase",
            family=Family.circular,
            unit="px",
            n_images=n,
            points=tuple(points),
        )


_DISTANCE_UNITS = {
    Family.translation: "px",
    Family.circular: "px",
    Family.displacement: "px",
    Family.rotation: "degrees",
    Family.scale: "log2 zoom",
}


def _distance(cell: CellSpec) -> float:
    if cell.family is Family.rotation:
        return abs(float(cell.value("angle_deg")))
    if cell.family is Family.scale:
        return abs(math.log2(cell.value("zoom")))
    dx, dy = cell.value("shift_px")
    return math.hypot(dx, dy)
