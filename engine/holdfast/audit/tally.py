"""Per-image scores of all blocks, and the measurements and cells made of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from holdfast.families import CellSpec
from holdfast.metrics import OrbitScores
from holdfast.records.plan import Family
from holdfast.records.result import (
    Cell,
    Measurement,
    Outcome,
    RotationCell,
    ScaleCell,
    TranslationCell,
)
from holdfast.stats import Interval, clopper_pearson, mean_interval

__all__ = ["Tally"]

_CELL_RECORDS: dict[Family, Any] = {
    Family.translation: TranslationCell,
    Family.rotation: RotationCell,
    Family.scale: ScaleCell,
}
_NO_LABELS = "the images have no labels"
_LEFT_OUT = "the plan leaves this family out"


@dataclass
class Tally:
    """Collects blocks; one row per image, one column per cell. A few bytes per view."""

    cells: Sequence[CellSpec]
    confidence: float
    _blocks: list[OrbitScores] = field(default_factory=list)
    _labels: list[NDArray[np.int64]] = field(default_factory=list)
    _fill: list[NDArray[np.float32]] = field(default_factory=list)

    def add(
        self, scores: OrbitScores, labels: NDArray[np.int64], fill: NDArray[np.float32]
    ) -> None:
        """Add n images: their scores, labels (n,) and fill shares (n, m)."""
        self._blocks.append(scores)
        self._labels.append(labels)
        self._fill.append(fill)

    @property
    def n_images(self) -> int:
        """Images so far."""
        return sum(len(labels) for labels in self._labels)

    @property
    def labels(self) -> NDArray[np.int64]:
        """Labels of all images, -1 for none."""
        return np.concatenate(self._labels)

    def column(self, name: str) -> NDArray[Any]:
        """All images' values of one field of `OrbitScores`."""
        return np.concatenate([getattr(block, name) for block in self._blocks])

    @property
    def fill(self) -> NDArray[np.float32]:
        """Fill shares (n, m)."""
        return np.concatenate(self._fill)

    def measurements(self) -> tuple[Measurement, ...]:
        """Every measurement of the catalogue, in its order."""
        labelled = self.labels >= 0
        right = self.column("correct_reference")[labelled]
        rows = [self._measured("accuracy", 1.0 - right, good=True)]
        for family in Family:
            rows += self._family(family, labelled, right)
        return tuple(rows)

    def cell_records(self) -> tuple[Cell, ...]:
        """One record per cell, in the order of the families."""
        labelled = self.labels >= 0
        flip, tie, drift = self.column("flip"), self.column("tie"), self.column("drift")
        correct, fill = self.column("correct")[labelled], self.fill
        return tuple(
            self._cell(
                spec,
                flip[:, place],
                drift=float(drift[:, place].mean(dtype=np.float64)),
                ties=int(tie[:, place].sum()),
                accuracy=float(correct[:, place].mean()) if labelled.any() else None,
                fill_share=float(fill[:, place].mean(dtype=np.float64)),
            )
            for place, spec in enumerate(self.cells)
        )

    def _cell(self, spec: CellSpec, flip: NDArray[np.bool_], **rest: Any) -> Cell:  # noqa: ANN401
        flips, n = int(flip.sum()), len(flip)
        low, high = clopper_pearson(flips, n, self.confidence)
        name, value = spec.parameter
        record: Cell = _CELL_RECORDS[spec.family](
            **{name: value},
            outcome=Outcome.measured,
            consistency=1.0 - flips / n,
            consistency_low=1.0 - high,
            consistency_high=1.0 - low,
            n_images=n,
            **rest,
        )
        return record

    def _family(
        self, family: Family, labelled: NDArray[np.bool_], right: NDArray[np.bool_]
    ) -> list[Measurement]:
        places = [place for place, spec in enumerate(self.cells) if spec.family is family]
        names = ("consistency", "worst_case", "drift", "accuracy", "robust_accuracy")
        if not places:
            return [self._absent(f"{family}.{name}", _LEFT_OUT) for name in names]
        flip = self.column("flip")[:, places]
        drift = self.column("drift")[:, places]
        correct = self.column("correct")[labelled][:, places]
        step = 1.0 / len(places)
        bad = {
            "consistency": flip.mean(axis=1),
            "worst_case": flip.any(axis=1),
            "drift": drift.mean(axis=1, dtype=np.float64),
            "accuracy": 1.0 - correct.mean(axis=1),
            "robust_accuracy": ~(correct.all(axis=1) & right),
        }
        return [
            self._measured(
                f"{family}.{name}",
                bad[name],
                good=name != "drift",
                step=None if name == "drift" else step,
            )
            for name in names
        ]

    def _measured(
        self, name: str, bad: NDArray[Any], *, good: bool, step: float | None = None
    ) -> Measurement:
        """A measurement of per-image bad rates; `good`: report one minus their mean."""
        if len(bad) == 0:
            return self._absent(name, _NO_LABELS)
        interval = mean_interval(np.asarray(bad, np.float64), self.confidence, step=step)
        shown: Interval = interval.flipped() if good else interval
        return Measurement(
            id=name,
            outcome=Outcome.measured,
            value=shown.value,
            low=shown.low,
            high=shown.high,
            n_images=len(bad),
            unit=_unit(name),
        )

    def _absent(self, name: str, sentence: str) -> Measurement:
        return Measurement(
            id=name,
            outcome=Outcome.not_applicable,
            n_images=self.n_images,
            unit=_unit(name),
            sentence=sentence,
        )


def _unit(name: str) -> str:
    return "probability" if name.endswith(".drift") else "share"
