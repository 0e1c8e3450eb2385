"""From pixels 0 to 255 to model input: the presets, and the affine map they come down to."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from holdfast.errors import HoldfastError
from holdfast.records.plan import ChannelOrder, InputSpec, Preset

__all__ = ["Feed", "candidates", "feed_for"]

_RGB, _RGBA = 3, 4


@dataclass(frozen=True)
class Feed:
    """x = (pixel * scale - mean) / std, per channel, in the model's channel order."""

    preset: Preset
    scale: float
    mean: tuple[float, ...]
    std: tuple[float, ...]
    order: ChannelOrder | None

    @property
    def sources(self) -> slice | list[int]:
        """Which channel of the picture each channel of the model takes, to index an axis with."""
        if self.order is not ChannelOrder.bgr:
            return slice(None)
        return [2, 1, 0, 3] if len(self.mean) == _RGBA else slice(None, None, -1)

    def __call__(self, views: NDArray[Any]) -> NDArray[np.float32]:
        """Normalise views (n, h, w, c), RGB, RGBA or grey, 0 to 255, to a batch (n, c, h, w)."""
        n, height, width, channels = views.shape
        batch = np.empty((n, channels, height, width), np.float32)
        np.copyto(batch, views[..., self.sources].transpose(0, 3, 1, 2))
        self.normalise(batch)
        return batch

    def normalise(self, batch: NDArray[np.float32]) -> None:
        """Normalise pixels (..., c, h, w) in place; their channels are in the model's order."""
        for channel, (mean, std) in enumerate(zip(self.mean, self.std, strict=True)):
            slope, offset = np.float32(self.scale / std), np.float32(mean / std)
            plane = batch[..., channel, :, :]
            plane *= slope
            if offset:
                plane -= offset


_PRESETS = {
    Preset.imagenet: Feed(
        Preset.imagenet,
        1 / 255,
        (0.485, 0.456, 0.406),
        (0.229, 0.224, 0.225),
        ChannelOrder.rgb,
    ),
    Preset.unit: Feed(Preset.unit, 1 / 255, (0.0,), (1.0,), None),
    Preset.byte: Feed(Preset.byte, 1.0, (0.0,), (1.0,), None),
    Preset.symmetric: Feed(Preset.symmetric, 1 / 127.5, (1.0,), (1.0,), None),
    Preset.caffe: Feed(
        Preset.caffe, 1.0, (103.939, 116.779, 123.68), (1.0, 1.0, 1.0), ChannelOrder.bgr
    ),
}


def feed_for(spec: InputSpec, channels: int) -> Feed:
    """The feed of a declared input.

    Raises:
        HoldfastError: `input_spec_mismatch` when a preset or a list does not fit the channels.
    """
    if spec.preset is not Preset.custom:
        return _widened(_PRESETS[spec.preset], channels)
    return _widened(
        Feed(
            Preset.custom,
            1.0 if spec.scale is None else spec.scale,
            spec.mean or (0.0,),
            spec.std or (1.0,),
            spec.order,
        ),
        channels,
    )


def candidates(channels: int) -> Sequence[Feed]:
    """The presets that fit a model with so many channels, in the order of preference."""
    names = (Preset.imagenet, Preset.unit, Preset.symmetric, Preset.byte, Preset.caffe)
    fitting = [_PRESETS[name] for name in names if len(_PRESETS[name].mean) in (1, channels)]
    return [_widened(feed, channels) for feed in fitting]


def _widened(feed: Feed, channels: int) -> Feed:
    """One number for all channels becomes one per channel."""

    def wide(values: tuple[float, ...]) -> tuple[float, ...]:
        if len(values) not in (1, channels):
            raise HoldfastError(
                "input_spec_mismatch",
                reason=f"{feed.preset} has {len(values)} channels, the model takes {channels}",
            )
        return values * channels if len(values) == 1 else values

    order = feed.order if channels in (_RGB, _RGBA) else None
    return Feed(feed.preset, feed.scale, wide(feed.mean), wide(feed.std), order)
