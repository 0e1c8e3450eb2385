"""The probes of an audit in their seeded order, decoded block by block, one block ahead."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice

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
_AHEAD_BYTES = 64 << 20


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
    _ready: dict[int, Probe] = field(default_factory=dict)

    def read(self, start: int, stop: int) -> list[Probe]:
        """The usable probes at places `start` to `stop` of the order.

        Raises:
            HoldfastError: `too_many_bad_images` when over 5 % or 100 of the set are broken.
        """
        return self._usable(map(self._decoded, self.order[start:stop]))

    def keep(self, probes: Sequence[Probe]) -> None:
        """Do not decode these again when they are next asked for; large ones are not kept."""
        if sum(probe.canvas.nbytes for probe in probes) <= _AHEAD_BYTES:
            self._ready = {probe.index: probe for probe in probes}

    def one(self, index: int) -> Probe:
        """Probe `index` of the set, which is known to be usable."""
        image = self.probes.image(index, self.channels)
        canvas = to_canvas(image, self.frame)
        names, labels, groups = self.probes.names, self.probes.labels, self.probes.groups
        return Probe(index, names[index], labels[index], canvas, groups[index])

    def blocks(
        self, size: int, start: int = 0, stop: int | None = None
    ) -> Generator[tuple[int, int, list[Probe]], None, None]:
        """First place, place behind the last, and usable probes of each block of `size` places.

        Blocks end at multiples of `size`, whatever place is the first: the blocks of a part of an
        audit are those of the whole. While a block is in use, a thread decodes the next one, as far
        as `_AHEAD_BYTES` of canvases go. A broken probe is listed when its block is asked for, not
        before. Whoever stops early closes the generator, which ends the thread.
        """
        behind = len(self.order) if stop is None else min(stop, len(self.order))
        with ThreadPoolExecutor(1, "canvases") as beside:
            ahead = _Ahead(self._decoded, iter(self.order[start:behind]), beside)
            try:
                for first, end in _grid(size, start, behind):
                    block = self._usable(ahead.take(end - first))
                    largest = max((probe.canvas.nbytes for probe in block), default=_AHEAD_BYTES)
                    ahead.fill(min(size, _AHEAD_BYTES // largest))
                    yield first, end, block
            finally:
                ahead.drop()

    def skip(self, found: Iterable[tuple[int, SkippedProbe]]) -> None:
        """Take over what another reader of the same order skipped.

        Raises:
            HoldfastError: `too_many_bad_images`, as if it had been found here.
        """
        self._usable(found)

    def _decoded(self, index: int) -> "_Found":
        if index in self.skipped:
            return index, self.skipped[index]
        if index in self._ready:
            return index, self._ready.pop(index)
        try:
            return index, self.one(index)
        except HoldfastError as error:
            name = self.probes.names[index][:400]
            return index, SkippedProbe(probe=name, code=error.code)

    def _usable(self, found: "Iterable[_Found]") -> list[Probe]:
        usable: list[Probe] = []
        for index, item in found:
            if isinstance(item, Probe):
                usable.append(item)
            elif index not in self.skipped:
                self.skipped[index] = item
                self._check_share(item)
        return usable

    def _check_share(self, last: SkippedProbe) -> None:
        n, total = len(self.skipped), len(self.order)
        if n > _MAX_BROKEN or n > _MAX_BROKEN_SHARE * total:
            raise HoldfastError(
                "too_many_bad_images", n=n, m=total, name=last.probe, reason=last.code
            )


def _grid(size: int, start: int, stop: int) -> Iterator[tuple[int, int]]:
    while start < stop:
        end = min((start // size + 1) * size, stop)
        yield start, end
        start = end


_Found = tuple[int, Probe | SkippedProbe]
"""An index of the set, and what came of it."""


@dataclass
class _Ahead:
    """Probes that a thread decodes before they are asked for, in order."""

    decode: Callable[[int], _Found]
    waiting: Iterator[int]
    beside: ThreadPoolExecutor
    _begun: deque[Future[_Found]] = field(default_factory=deque)

    def fill(self, n: int) -> None:
        """Have n probes under way or ready, or as many as are left."""
        for index in islice(self.waiting, max(0, n - len(self._begun))):
            self._begun.append(self.beside.submit(self.decode, index))

    def take(self, n: int) -> Iterator[_Found]:
        """The next n probes; what decoding raised is raised here."""
        self.fill(n)
        for _ in range(n):
            yield self._begun.popleft().result()

    def drop(self) -> None:
        """Nobody asks any more."""
        for future in self._begun:
            future.cancel()
