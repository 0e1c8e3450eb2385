"""The probes of an audit in their seeded order, decoded block by block."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from holdfast.errors import HoldfastError
from holdfast.geometry import Frame
from holdfast.probes.decode import to_canvas
from holdfast.probes.probe_set import ProbeSet
from holdfast.records.plan import AuditPlan
from holdfast.records.result import SkippedProbe

__all__ = ["CanvasReader", "Probe", "seeded_order"]

_MAX_BROKEN_SHARE = 0.05
_MAX_BROKEN = 100


@dataclass(frozen=True)
class Probe:
    """One decoded image: index in the set, name, label (-1: none), canvas (h, w, c) and group."""

    index: int
    name: str
    label: int
    canvas: NDArray[np.uint8]
    group: str = ""


def seeded_order(n: int, plan: AuditPlan) -> list[int]:
    """The order in which probes are taken: a permutation from the plan's seed, cut at limit."""
    generator = np.random.default_rng(np.random.SeedSequence(plan.seed))
    return [int(index) for index in generator.permutation(n)[: plan.limit]]


@dataclass
class CanvasReader:
    """Decodes probes as they are needed; what cannot be used is skipped and listed."""

    probes: ProbeSet
    order: list[int]
    frame: Frame
    channels: int
    skipped: dict[int, SkippedProbe] = field(default_factory=dict)

    def read(self, start: int, stop: int) -> list[Probe]:
        """The usable probes at places `start` to `stop` of the order.

        Raises:
            HoldfastError: `too_many_bad_images` when over 5 % or 100 of the set are broken.
        """
        found = (self._probe(index) for index in self.order[start:stop])
        return [probe for probe in found if probe is not None]

    def one(self, index: int) -> Probe:
        """Probe `index` of the set, which is known to be usable."""
        image = self.probes.image(index, self.channels)
        canvas = to_canvas(image, self.frame)
        names, labels, groups = self.probes.names, self.probes.labels, self.probes.groups
        return Probe(index, names[index], labels[index], canvas, groups[index])

    def blocks(self, size: int) -> Iterator[tuple[int, list[Probe]]]:
        """Places done so far, and the usable probes of each block of `size` places."""
        for start in range(0, len(self.order), size):
            stop = min(start + size, len(self.order))
            yield stop, self.read(start, stop)

    def _probe(self, index: int) -> Probe | None:
        if index in self.skipped:
            return None
        try:
            return self.one(index)
        except HoldfastError as error:
            name = self.probes.names[index][:400]
            self.skipped[index] = SkippedProbe(probe=name, code=error.code)
            self._check_share(name, error.code)
            return None

    def _check_share(self, name: str, code: str) -> None:
        n, total = len(self.skipped), len(self.order)
        if n > _MAX_BROKEN or n > _MAX_BROKEN_SHARE * total:
            raise HoldfastError("too_many_bad_images", n=n, m=total, name=name, reason=code)
