"""What an audit keeps of all images so far, whether it measured them or reads their parts."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from holdfast.audit.examples import WorstExamples
from holdfast.audit.per_image import PerImage
from holdfast.audit.prepare import Setup
from holdfast.audit.stopping import Stopping
from holdfast.audit.tally import Tally
from holdfast.families import Layout
from holdfast.metrics import DegenerateWatch
from holdfast.records.families import Family

__all__ = ["Ledger"]


@dataclass
class Ledger:
    """Numbers of all images; no image and no view is kept.

    Attributes:
        stopping: of a sequential audit, else None.
        worst, watch, canvas_sizes, numbers, seen: of this page: flips to show, signs of a
            degenerate model, heights and widths that occurred, what the tests looked at, and the
            number of images.
    """

    layout: Layout
    setup: Setup
    stopping: Stopping | None = None

    def __post_init__(self) -> None:
        """Begin empty."""
        self.tally = Tally(self.layout)
        self.turn()

    def turn(self) -> None:
        """Begin a new page: what a part tells block by block starts again."""
        self.worst = WorstExamples(self.layout)
        self.watch = DegenerateWatch(self.setup.kind, self.setup.tolerance)
        self.canvas_sizes: set[tuple[int, int]] = set()
        self.numbers: dict[str, list[NDArray[np.float64]]] = {}
        self.seen = 0

    def look(self, n: int, numbers: Mapping[str, PerImage]) -> None:
        """Let the sequential tests look at n more images and their numbers."""
        self.seen += n
        if self.stopping is None:
            return
        taken = {name: numbers[name].values for name in self.stopping.ids & numbers.keys()}
        for name, values in taken.items():
            self.numbers.setdefault(name, []).append(values)
        self.stopping.take(n, taken)

    @property
    def decided(self) -> bool:
        """Whether a sequential audit may end."""
        return self.stopping is not None and self.stopping.decided

    @property
    def families(self) -> frozenset[Family]:
        """What the next images are measured in."""
        every = self.layout.families
        return every if self.stopping is None else self.stopping.needed(every)

    @property
    def inline_controls(self) -> bool:
        """Whether the first images are measured with their controls at once.

        In a sequential audit they come at the end, if at all: whether a limit fails is known then,
        and a part of the audit never knows it. No limit can be about the controls themselves.
        """
        return self.stopping is None

    @property
    def late_controls(self) -> frozenset[Family]:
        """Whose controls have to be measured now that all images are."""
        failing = frozenset() if self.stopping is None else self.stopping.failing
        return failing & {view.family for view in self.layout.controls}
