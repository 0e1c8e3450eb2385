"""One image from its bytes to a uint8 canvas. Runs in the locked child only."""

import io
import warnings

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from holdfast.errors import HoldfastError
from holdfast.geometry import Frame

__all__ = ["as_channels", "decode", "to_canvas"]

_FORMATS = ("JPEG", "PNG", "WEBP", "BMP")
_MAX_PIXELS = 50_000_000
_MAX_SIDE_PX = 16_384
_RGBA = 4
_DEEP_MODES = ("I;16", "I;16L", "I;16B", "I;16N", "I", "F")

Image.MAX_IMAGE_PIXELS = _MAX_PIXELS


def decode(data: bytes, name: str, channels: int) -> Image.Image:
    """Decode upright to mode `L` (1 channel), `RGB` (3) or `RGBA` (4).

    Transparency is laid on white, but kept for a model of 4 channels, which gets 255 where an image
    has none. Colours of 16 bits are cut to their upper 8; grey of 16 bits or more is refused.

    Raises:
        HoldfastError: `bad_image`, `deep_image`, `image_too_large`, `image_too_small` or
            `animated_image`.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
                _check_size(image, name)
                image.load()
                ImageOps.exif_transpose(image, in_place=True)
                return as_channels(image, channels)
    except HoldfastError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning, MemoryError):
        raise HoldfastError("image_too_large", name=name, limit=_MAX_PIXELS) from None
    except Exception:  # noqa: BLE001 - a decoder may raise anything on hostile bytes
        raise HoldfastError("bad_image", name=name) from None


def to_canvas(image: Image.Image, frame: Frame) -> NDArray[np.uint8]:
    """Resize once to the canvas, (h, w, c) uint8; Pillow's bilinear filter antialiases.

    Raises:
        HoldfastError: `image_too_large` for a strip whose short side would be stretched too far.
    """
    height, width = frame.canvas_size((image.height, image.width))
    if max(height, width) > _MAX_SIDE_PX or height * width > _MAX_PIXELS:
        raise HoldfastError("image_too_large", name="The resized image", limit=_MAX_PIXELS)
    if (height, width) != (image.height, image.width):
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    pixels = np.asarray(image, np.uint8)
    return pixels.reshape(height, width, -1)


def _check_size(image: Image.Image, name: str) -> None:
    width, height = image.size
    if width > _MAX_SIDE_PX or height > _MAX_SIDE_PX or width * height > _MAX_PIXELS:
        raise HoldfastError("image_too_large", name=name, limit=_MAX_PIXELS)
    if width < 2 or height < 2:  # noqa: PLR2004 - nothing to move
        raise HoldfastError("image_too_small", name=name)
    if getattr(image, "n_frames", 1) > 1:
        raise HoldfastError("animated_image", name=name)
    if image.mode in _DEEP_MODES:  # a silent clip to 8 bits would change the picture
        raise HoldfastError("deep_image", name=name)


def as_channels(image: Image.Image, channels: int) -> Image.Image:
    """Grey (1), colour (3) or colour with alpha (4), of whatever mode an image has."""
    if channels == _RGBA:
        return (image if _has_alpha(image) else image.convert("RGB")).convert("RGBA")
    return _flat(image).convert("L" if channels == 1 else "RGB")


def _has_alpha(image: Image.Image) -> bool:
    return image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info


def _flat(image: Image.Image) -> Image.Image:
    if not _has_alpha(image):
        return image
    with_alpha = image.convert("RGBA")
    white = Image.new("RGB", image.size, (255, 255, 255))
    white.paste(with_alpha, mask=with_alpha.getchannel("A"))
    return white
