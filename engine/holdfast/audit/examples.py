"""The worst examples: probes whose prediction flipped with the largest loss of confidence."""

import base64
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from holdfast.audit.canvases import CanvasReader, Probe
from holdfast.audit.comparing import Compared
from holdfast.audit.views import ViewRunner
from holdfast.families import Layout
from holdfast.records.families import MAIN_FAMILIES, Family
from holdfast.records.part import WorstFlip
from holdfast.records.result import MAX_THUMBNAIL_BYTES, Example, MovedView, Thumbnail

__all__ = ["WorstExamples"]

_PER_FAMILY = 3
_SIDE_PX = 112
_ENLARGE_BELOW_PX = 56


@dataclass
class WorstExamples:
    """Keeps the few worst flips of each family while blocks go by."""

    layout: Layout
    _kept: dict[Family, list[WorstFlip]] = field(default_factory=dict)

    def offer(self, block: Sequence[Probe], seen: Compared) -> None:
        """Look at n probes: at most one candidate per probe and family."""
        if np.isnan(seen.reference_probability).any():
            return  # a model that gives labels only: nothing to rank by
        loss = seen.reference_probability[:, seen.against] - seen.reference_probability
        loss = np.where(seen.flip, loss, -np.inf)
        first = len(self.layout.references)
        for family in MAIN_FAMILIES:
            views = [place + first for place in self.layout.places(family)]
            if not views:
                continue
            worst = np.array(views)[loss[:, views].argmax(axis=1)]
            self.absorb(
                _flip(family, block[row], seen, row, int(view), first=first)
                for row, view in enumerate(worst)
                if np.isfinite(loss[row, view])
            )

    def absorb(self, flips: Iterable[WorstFlip]) -> None:
        """Look at flips that somebody else found."""
        for flip in flips:
            self._kept.setdefault(flip.family, []).append(flip)
        for kept in self._kept.values():
            kept.sort(key=lambda item: (-item.loss, item.index))
            del kept[_PER_FAMILY:]

    @property
    def kept(self) -> tuple[WorstFlip, ...]:
        """The worst flips so far."""
        return tuple(flip for kept in self._kept.values() for flip in kept)

    def records(self, reader: CanvasReader, runner: ViewRunner) -> tuple[Example, ...]:
        """Decode the kept probes again and take their pictures."""
        return tuple(
            self._record(item, reader.one(item.index), runner)
            for family in MAIN_FAMILIES
            for item in self._kept.get(family, [])
        )

    def _record(self, item: WorstFlip, probe: Probe, runner: ViewRunner) -> Example:
        spec = self.layout.cells[item.cell]
        return Example(
            probe=probe.name[:400],
            label=probe.label if probe.label >= 0 else None,
            family=spec.family,
            before=MovedView(
                picture=_thumbnail(runner.view(probe, spec.reference)),
                predicted=item.before[0],
                probability=item.before[1],
                reference_probability=item.before[1],
            ),
            after=MovedView(
                picture=_thumbnail(runner.view(probe, spec.motion)),
                predicted=item.after[0],
                probability=item.after[1],
                reference_probability=item.after_reference,
            ),
            **dict(spec.parameters),
        )


def _flip(
    family: Family, probe: Probe, seen: Compared, row: int, view: int, *, first: int
) -> WorstFlip:
    def said(place: int) -> tuple[int, float]:
        probability = float(seen.predicted_probability[row, place])
        return int(seen.predicted[row, place]), min(1.0, probability)

    reference, against = float(seen.reference_probability[row, view]), int(seen.against[view])
    return WorstFlip(
        family=family,
        loss=float(seen.reference_probability[row, against]) - reference,
        index=probe.index,
        cell=view - first,
        before=said(against),
        after=said(view),
        after_reference=min(1.0, reference),
    )


def _thumbnail(view: NDArray[np.float32]) -> Thumbnail:
    """A picture of at most 112 px; small views are enlarged by whole pixels to be seen at all."""
    pixels = np.clip(np.rint(view), 0, 255).astype(np.uint8)
    image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    largest = max(image.size)
    if largest <= _ENLARGE_BELOW_PX:
        factor = _SIDE_PX // largest
        image = image.resize(
            (image.width * factor, image.height * factor), Image.Resampling.NEAREST
        )
        return _encoded(image, "png")
    image.thumbnail((_SIDE_PX, _SIDE_PX))
    return _encoded(image, "webp")


def _encoded(image: Image.Image, kind: Literal["png", "webp"]) -> Thumbnail:
    for quality in (85, 60, 30):
        file = io.BytesIO()
        image.save(file, kind, quality=quality, optimize=True)
        if file.tell() <= MAX_THUMBNAIL_BYTES:
            break
        kind = "webp"
    encoded = base64.b64encode(file.getvalue()).decode()
    return Thumbnail(media_type="image/png" if kind == "png" else "image/webp", base64=encoded)
