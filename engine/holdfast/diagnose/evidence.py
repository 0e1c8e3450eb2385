"""What a few probes say about the cause: telescoping, stride phase and the maps of constants."""

import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from holdfast.diagnose.cutting import Cut, Section, cut_up, without
from holdfast.diagnose.graph_facts import graph_facts
from holdfast.diagnose.location_map import LocationMap, location_map
from holdfast.diagnose.places import Map, Tiles, Tokens, Vector
from holdfast.diagnose.rules import walk_graph
from holdfast.diagnose.spectrum import energy_above
from holdfast.diagnose.telescoping import Attribution, as_scores, attribute, rolled
from holdfast.diagnose.walking import Seat, Walked
from holdfast.metrics import halved_periods, relative_logit_drift, stride_phase_of
from holdfast.records.causes import GraphFacts
from holdfast.runtimes.image_graph import Array, UntoldError
from holdfast.runtimes.onnx_taps import Head, Taps

__all__ = ["Evidence", "Terms", "gather", "look_at_graph", "roll_grid"]

_MAX_IMAGES, _MIN_IMAGES = 16, 2
_MAX_BYTES = 256 << 20
_DENSE_STRIDE = 8
_HALF = 0.5
_MAX_STRIDED = 16
_PIXEL = (1, 1)

Batch = NDArray[np.float32]


@dataclass(frozen=True)
class Terms:
    """How the evidence is taken.

    Attributes:
        forwards: about so many images may go through the model.
        centred: whether a constant added to all scores of an image means nothing.
        tolerance: relative change of the scores that rounding may explain.
        lanes: how many parts of the graph run at a time.
    """

    forwards: int
    centred: bool
    tolerance: float
    lanes: int = 1


@dataclass(frozen=True)
class Evidence:
    """What was found. `reason` says why there is no dynamic part; `facts` may be there anyway.

    Attributes:
        period_px: (dy, dx) of a shift by the total stride; None where none fits into the image.
        floor: drift up to which nothing moved.
        rolls: mean drift by roll along one axis, from 1 px on.
        spi: the stride-phase index by period.
    """

    facts: GraphFacts | None
    reason: str = ""
    sections: tuple[Section, ...] = ()
    period_px: tuple[int, int] | None = None
    period: Attribution | None = None
    pixel: Attribution | None = None
    pixel_drift: float | None = None
    period_drift: float | None = None
    floor: float = 0.0
    rolls: Mapping[int, float | None] | None = None
    spi: Mapping[int, float | None] | None = None
    maps: tuple[LocationMap, ...] = ()
    n_images: int = 0
    n_forwards: int = 0


def look_at_graph(taps: Taps, batch: Batch) -> Walked:
    """Walk the graph; one forward finds out what depends on sizes."""
    known = taps.settle(batch)
    height, width = batch.shape[2:]
    return walk_graph(taps.graph, known, taps.card.layout, (height, width))


def gather(taps: Taps, images: Callable[[int], Batch], constants: Batch, terms: Terms) -> Evidence:
    """Take the evidence on a few images.

    Args:
        taps: the graph.
        images: gives the first n normalised images, (n, c, h, w), at least two.
        constants: constant images, normalised, (m, c, h, w).
        terms: bounds and the scale of the scores.

    Raises:
        UntoldError: the graph cannot be cut, or not within the memory of an audit.
    """
    size = taps.card.batch or 1
    first = _filled(images(1), size)
    walked = look_at_graph(taps, first)
    try:
        cuts, sections, bytes_per_image = _cut(taps, walked, first)
    except UntoldError as error:
        return Evidence(graph_facts(walked), str(error))
    shifts = _axis_rolls(walked, roll_grid(walked))
    base = images(_image_count(len(sections), len(shifts), bytes_per_image, terms))
    height, width = base.shape[2:]
    n, base = len(base), rolled(base, (height // 3, width // 3))  # both views have the roll's seam
    batches = _batches(base, taps.card.batch or n)
    if len(batches[0]) != size:
        taps.settle(batches[0])
    run = _Run(taps, cuts, batches, n, terms)
    try:
        return run.evidence(walked, sections, constants, shifts)
    except UntoldError as error:
        return Evidence(graph_facts(walked), str(error))


def _cut(taps: Taps, walked: Walked, batch: Batch) -> tuple[list[Cut], list[Section], int]:
    """The cuts that can be moved, the pieces between them, and the bytes that an image takes."""
    cuts, sections = cut_up(walked)
    first = taps.tensors([each.tensor for each in cuts[1:]])(batch)
    whole_numbers = [
        each.tensor
        for each, tensor in zip(cuts[1:-1], first, strict=False)
        if tensor.dtype.kind != "f" and not isinstance(each.place, Vector)
    ]
    cuts, sections = without(cuts, sections, whole_numbers)
    if len(sections) < 2:  # noqa: PLR2004 - there is something to tell apart
        raise UntoldError("its graph cannot be cut into pieces")
    bytes_per_image = sum(tensor.nbytes for tensor in first) // len(batch)
    if bytes_per_image > _MAX_BYTES // _MIN_IMAGES:
        raise UntoldError("its feature maps are too large to keep")
    return cuts, sections, bytes_per_image


def _filled(batch: Batch, size: int) -> Batch:
    """A batch of exactly `size` images, the last one repeated."""
    missing = size - len(batch)
    return batch if missing <= 0 else np.concatenate([batch, np.repeat(batch[-1:], missing, 0)])


def _batches(base: Batch, size: int) -> list[Batch]:
    parts = [base[start : start + size] for start in range(0, len(base), size)]
    return [_filled(part, size) for part in parts]


def _total_stride(walked: Walked) -> tuple[int, int]:
    """The smallest shift that is whole steps of every map and every window, along (y, x)."""
    steps = [
        (round(place.y.jump), round(place.x.jump))
        for place in walked.places.values()
        if isinstance(place, Map | Tokens)
    ]
    for seat in walked.seats:
        place = walked.places[seat.op.outputs[0]]
        if isinstance(place, Tiles) and seat.samples:
            y, x = place.of.y.jump * seat.window[0], place.of.x.jump * seat.window[1]
            steps.append((round(y), round(x)))
    return math.lcm(*(max(1, y) for y, _ in steps)), math.lcm(*(max(1, x) for _, x in steps))


def roll_grid(walked: Walked) -> tuple[int, int]:
    """The total stride, or the largest jump where the total stride is no roll of the image."""
    maps = [place for place in walked.places.values() if isinstance(place, Map | Tokens)]
    jumps = [(place.y.jump, place.x.jump) for place in maps] or [(1.0, 1.0)]
    steps = zip(_total_stride(walked), zip(*jumps, strict=True), walked.input_size, strict=True)
    y, x = (total if total < side else round(max(found)) for total, found, side in steps)
    return max(1, y), max(1, x)


def _axis_rolls(walked: Walked, stride: tuple[int, int]) -> list[tuple[int, int]]:
    """Rolls along one axis on and off the grid of its stride; none without a stride."""
    along_x = stride[1] > 1
    step, size = (stride[1], walked.input_size[1]) if along_x else (stride[0], walked.input_size[0])
    if step == 1:
        return []
    if step <= _DENSE_STRIDE:
        found = list(range(1, 2 * step + 1))
    else:
        found = [1, step // 4, step // 2, 3 * step // 4, step - 1, step, step + 1, 2 * step]
    fitting = sorted({roll for roll in found if 0 < roll < size})
    return [(0, roll) if along_x else (roll, 0) for roll in fitting]


def _image_count(pieces: int, rolls: int, bytes_per_image: int, terms: Terms) -> int:
    """So many images as the forwards and the memory allow, at least two."""
    per_image = 1 + 2 * (1 + _HALF * pieces) + rolls
    fitting = min(int(terms.forwards / per_image), _MAX_BYTES // max(1, bytes_per_image))
    return max(_MIN_IMAGES, min(_MAX_IMAGES, fitting))


@dataclass
class _Run:
    """Runs with one cut graph on some batches; only the first n images count."""

    taps: Taps
    cuts: Sequence[Cut]
    batches: Sequence[Batch]
    n: int
    terms: Terms

    def evidence(
        self,
        walked: Walked,
        sections: Sequence[Section],
        constants: Batch,
        rolls: Sequence[tuple[int, int]],
    ) -> Evidence:
        """All of it."""
        at_cuts, sampled = [cut.tensor for cut in self.cuts[1:]], _sampled(walked)
        others = [name for name, _ in sampled if name != walked.graph.image]
        names = list(dict.fromkeys([*at_cuts, *others]))
        tap = self.taps.tensors(names)
        held = [dict(zip(names, tap(batch), strict=True)) for batch in self.batches]
        above = self._above(walked, sampled, held)
        tensors = [[each[name] for name in at_cuts] for each in held]
        del held
        whole = self.taps.tensors([self.cuts[-1].tensor])
        period_px, grid = _period(_total_stride(walked), walked.input_size), roll_grid(walked)
        pixel, *more = self._attributed(
            tensors, whole, [_PIXEL, *([period_px] if period_px not in (None, _PIXEL) else [])]
        )
        period = more[0] if more else pixel if period_px == _PIXEL else None
        still = pixel.scores[:, :1]
        drifts = self._rolled_drifts(whole, still, rolls)
        floor = self._floor(still)
        return Evidence(
            facts=graph_facts(walked, above),
            sections=tuple(sections),
            period_px=period_px,
            period=period,
            pixel=pixel,
            pixel_drift=self._drift(pixel.scores),
            period_drift=None if period is None else self._drift(period.scores),
            floor=floor,
            rolls=drifts,
            spi=_phases(drifts, max(grid) if grid[1] == 1 else grid[1], floor),
            maps=self._maps(tap, constants),
            n_images=self.n,
            n_forwards=round(self.taps.forwards),
        )

    def _above(
        self,
        walked: Walked,
        sampled: Sequence[tuple[str, Seat]],
        held: Sequence[Mapping[str, Array]],
    ) -> dict[str, float | None]:
        """By operator that samples: the share of what comes to it above its new Nyquist limit."""
        found: dict[str, float | None] = {}
        for name, seat in sampled:
            place, from_image = walked.places[name], name == walked.graph.image
            if isinstance(place, Map):
                parts = self.batches if from_image else [each[name] for each in held]
                # a batch of images has its channels first, whatever the model wants
                at = (2, 3) if from_image else place.places
                found[seat.op.name] = energy_above(np.concatenate(parts)[: self.n], at, seat.stride)
        return found

    def _attributed(
        self,
        tensors: Sequence[Sequence[Array]],
        whole: Head,
        shifts_px: Sequence[tuple[int, int]],
    ) -> list[Attribution]:
        found = attribute(
            self.taps,
            self.cuts,
            tensors,
            self.batches,
            shifts_px,
            whole=whole,
            centred=self.terms.centred,
            lanes=self.terms.lanes,
        )
        return [Attribution(each.errors, each.shares, each.scores[: self.n]) for each in found]

    def _rolled_drifts(
        self, whole: Head, still: NDArray[np.float64], rolls: Sequence[tuple[int, int]]
    ) -> dict[int, float | None]:
        """The drift by roll; one axis of a roll is zero."""

        def drift(roll: tuple[int, int]) -> float | None:
            parts = [as_scores(whole(rolled(batch, roll))[0]) for batch in self.batches]
            after = np.concatenate(parts)[: self.n, None]
            return self._drift(np.concatenate([still, after], axis=1))

        with ThreadPoolExecutor(self.terms.lanes, "cause") as pool:
            return dict(zip(map(max, rolls), pool.map(drift, rolls), strict=True))

    def _drift(self, scores: NDArray[np.float64]) -> float | None:
        """Mean relative drift of the moved scores, None where it is not defined."""
        centred = self.terms.centred and scores.shape[-1] > 1
        found = relative_logit_drift(scores, centred=centred)
        return float(found.values[found.defined].mean()) if found.defined.any() else None

    def _floor(self, still: NDArray[np.float64]) -> float:
        """Rounding is relative to the scores themselves, drift to their differences."""
        if not self.terms.centred or still.shape[-1] == 1:
            return self.terms.tolerance
        apart = still - still.mean(axis=-1, keepdims=True)
        sizes = np.linalg.norm(still, axis=-1), np.linalg.norm(apart, axis=-1)
        ratio = float(np.median(sizes[0] / np.maximum(sizes[1], 1e-30)))
        return self.terms.tolerance * max(1.0, ratio)

    def _maps(self, tap: Head, constants: Batch) -> tuple[LocationMap, ...]:
        size = len(self.batches[0])
        found: list[list[Array]] = []
        for batch in _batches(constants, size):
            tensors = tap(batch)
            found += [[tensor[at : at + 1] for tensor in tensors] for at in range(size)]
        few = found[: len(constants)]
        return tuple(
            location_map([tensors[number] for tensors in few], cut.place)
            for number, cut in enumerate(self.cuts[1:])
        )


def _sampled(walked: Walked) -> list[tuple[str, Seat]]:
    """The maps that are sampled, before any padding of their own, and the operators that do it."""
    makers = {name: op for op in walked.graph.ops for name in op.outputs}
    found = []
    for seat in walked.seats:
        name = seat.op.inputs[0]
        place = walked.places.get(name)
        if isinstance(place, Map) and place.pending is not None:
            name = makers[name].inputs[0]
        if isinstance(place, Map) and max(seat.stride) > 1:
            found.append((name, seat))
    return found[:_MAX_STRIDED]


def _period(stride: tuple[int, int], size: tuple[int, int]) -> tuple[int, int] | None:
    """A roll by the total stride along every axis that has room for it."""
    found = tuple(step if step < side else 0 for step, side in zip(stride, size, strict=True))
    return (found[0], found[1]) if any(found) else None


def _phases(
    drifts: Mapping[int, float | None], stride: int, floor: float
) -> dict[int, float | None]:
    known = {roll: drift for roll, drift in drifts.items() if drift is not None}
    shifts, errors = np.array(list(known), np.int64), np.array(list(known.values()))
    if not known:
        return {}
    return {
        period: stride_phase_of(shifts, errors, period, floor=floor)
        for period in halved_periods(stride)
    }
