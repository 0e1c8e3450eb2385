"""The worst examples: probes whose prediction flipped with the largest loss of confidence."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from holdfast.audit.canvases import CanvasReader, Probe
from holdfast.audit.views import ViewRunner
from holdfast.families import CellSpec
from holdfast.geometry import IDENTITY
from holdfast.metrics import OrbitScores, Readout
from holdfast.records.plan import Family
from holdfast.records.result import MAX_THUMBNAIL_BYTES, Example, MovedView, Thumbnail

__all__ = ["WorstExamples"]

_PER_FAMILY = 3
_SIDE_PX = 112
_ENLARGE_BELOW_PX = 56


@dataclass(frozen=True)
class _Candidate:
    loss: float
    index: int
    place: int
    before: tuple[int, float]
    after: tuple[int, float]
    after_reference: float


@dataclass
class WorstExamples:
    """Keeps the few worst flips of each family while blocks go by."""

    cells: Sequence[CellSpec]
    _kept: dict[Family, list[_Candidate]] = field(default_factory=dict)

    def offer(self, block: Sequence[Probe], seen: Readout, scores: OrbitScores) -> None:
        """Look at n probes: at most one candidate per probe and family."""
        loss = seen.reference_probability[:, :1] - seen.reference_probability[:, 1:]
        loss = np.where(scores.flip, loss, -np.inf)
        for family in Family:
            places = [place for place, spec in enumerate(self.cells) if spec.family is family]
            if not places:
                continue
            found = self._kept.setdefault(family, [])
            worst = np.array(places)[loss[:, places].argmax(axis=1)]
            for row, place in enumerate(worst):
                if np.isfinite(loss[row, place]):
                    found.append(_candidate(block[row], seen, row, int(place)))
            found.sort(key=lambda item: (-item.loss, item.index))
            del found[_PER_FAMILY:]

    def records(self, reader: CanvasReader, runner: ViewRunner) -> tuple[Example, ...]:
        """Decode the kept probes again and take their pictures."""
        return tuple(
            self._record(item, reader.one(item.index), runner)
            for family in Family
            for item in self._kept.get(family, [])
        )

    def _record(self, item: _Candidate, probe: Probe, runner: ViewRunner) -> Example:
        spec = self.cells[item.place]
        name, value = spec.parameter
        return Example(
            probe=probe.name[:400],
            label=probe.label if probe.label >= 0 else None,
            family=spec.family.value,
            before=MovedView(
                picture=_thumbnail(runner.view(probe, IDENTITY)),
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
            **{name: value},
        )


def _candidate(probe: Probe, seen: Readout, row: int, place: int) -> _Candidate:
    moved = place + 1

    def said(view: int) -> tuple[int, float]:
        probability = float(seen.predicted_probability[row, view])
        return int(seen.predicted[row, view]), min(1.0, probability)

    reference = min(1.0, float(seen.reference_probability[row, moved]))
    return _Candidate(
        loss=float(seen.reference_probability[row, 0]) - reference,
        index=probe.index,
        place=place,
        before=said(0),
        after=said(moved),
        after_reference=reference,
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
