"""Canvas and window: how large an image is decoded, and which part of it the model sees."""

from dataclasses import dataclass
from functools import lru_cache

from holdfast.errors import HoldfastError
from holdfast.records.model import ModelCard
from holdfast.records.plan import InputSpec

__all__ = ["Frame", "Size", "Window", "frame_for", "overlap"]

Size = tuple[int, int]
"""Height and width in pixels."""

_SMALL_PX = 96
_CANVAS_PER_CROP = 256 / 224


@dataclass(frozen=True)
class Window:
    """The crop inside its canvas: rows `top` to `top + height`, columns `left` to `left + width`.

    `top` and `left` are negative when the canvas is smaller than the crop.
    """

    top: int
    left: int
    height: int
    width: int

    @property
    def centre(self) -> tuple[float, float]:
        """Coordinates (x, y) of the crop's centre on the canvas, pixel centres being whole."""
        return self.left + (self.width - 1) / 2, self.top + (self.height - 1) / 2

    def grown(self, margin_px: int) -> "Window":
        """The window with `margin_px` more on each side, about the same centre."""
        return Window(
            self.top - margin_px,
            self.left - margin_px,
            self.height + 2 * margin_px,
            self.width + 2 * margin_px,
        )


@dataclass(frozen=True)
class Frame:
    """The declared preprocessing: resize once, then crop the centre.

    Attributes:
        crop: size that the model sees.
        resize: the canvas' short side, its exact size, or None for the default rule.
    """

    crop: Size
    resize: int | Size | None

    @property
    def smallest_canvas(self) -> Size:
        """No image has a canvas with a smaller side than this."""
        if self.resize is None:
            return self.canvas_size(self.crop)
        return self.resize if isinstance(self.resize, tuple) else (self.resize, self.resize)

    def canvas_size(self, image: Size) -> Size:
        """Size of the canvas of an image of size `image`.

        Without a declared resize, small models (a side below 96 px) get exactly their input size;
        others get 256/224 of the crop on the side that is short, the aspect ratio being kept.
        """
        if isinstance(self.resize, tuple):
            return self.resize
        if self.resize is not None:
            return _short_side(image, self.resize)
        if min(self.crop) < _SMALL_PX:
            return self.crop
        height, width = (round(side * _CANVAS_PER_CROP) for side in self.crop)
        if height * image[1] >= width * image[0]:
            return height, int(height * image[1] / image[0])
        return int(width * image[0] / image[1]), width

    def window(self, canvas: Size) -> Window:
        """The centre crop, with the rounding of torchvision's CenterCrop."""
        top, left = (_start(*sides) for sides in zip(canvas, self.crop, strict=True))
        return Window(top, left, *self.crop)


def frame_for(card: ModelCard, spec: InputSpec) -> Frame:
    """Join what the model demands with what the user declared.

    Raises:
        HoldfastError: `input_size_needed` for a model of any size without a crop,
            `input_spec_mismatch` when the crop is not the model's size.
    """
    demanded = (card.height_px, card.width_px)
    crop = (spec.crop, spec.crop) if isinstance(spec.crop, int) else spec.crop
    if crop is None:
        if demanded[0] is None or demanded[1] is None:
            raise HoldfastError("input_size_needed")
        return Frame((demanded[0], demanded[1]), spec.resize)
    for wanted, fixed in zip(crop, demanded, strict=True):
        if fixed is not None and fixed != wanted:
            raise HoldfastError(
                "input_spec_mismatch",
                reason=f"the model takes {demanded} px (height, width), not {crop}",
            )
    return Frame(crop, spec.resize)


@lru_cache(maxsize=4096)
def overlap(start: int, length: int, available: int) -> tuple[slice, slice]:
    """Where a run of `length` from `start` meets 0..available: in the run, and in the source."""
    first, last = max(start, 0), min(start + length, available)
    last = max(last, first)
    return slice(first - start, last - start), slice(first, last)


def _start(canvas: int, crop: int) -> int:
    """Where the crop begins; a canvas that is too small gets its odd pixel of fill at the end."""
    return round((canvas - crop) / 2.0) if canvas >= crop else -((crop - canvas) // 2)


def _short_side(image: Size, side: int) -> Size:
    """As torchvision's Resize(int): the long side is cut to a whole pixel."""
    height, width = image
    if height <= width:
        return side, int(side * width / height)
    return int(side * height / width), side
