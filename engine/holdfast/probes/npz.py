"""Probes in an .npz file: `images` uint8 (n, h, w) or (n, h, w, c), and optional `labels` (n,)."""

import math
import zipfile
from dataclasses import dataclass
from typing import IO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray
from PIL import Image

from holdfast.errors import HoldfastError
from holdfast.probes.decode import as_channels
from holdfast.probes.label_file import MAX_CLASSES

__all__ = ["NpzProbes", "read_npz"]

_MAX_BYTES = 2 << 30
_MAX_SIDE_PX = 16_384
_CHANNELS = (1, 3, 4)


@dataclass(frozen=True)
class NpzProbes:
    """Images as one array, (n, h, w, c) uint8."""

    images: NDArray[np.uint8]
    names: tuple[str, ...]
    labels: tuple[int, ...]
    class_names: tuple[str, ...] = ()

    @property
    def groups(self) -> tuple[str, ...]:
        """Arrays name no groups."""
        return ("",) * len(self.names)

    def content(self, index: int) -> bytes:
        """The pixels of image `index`."""
        return bytes(self.images[index].tobytes())

    def image(self, index: int, channels: int) -> Image.Image:
        """Image `index` as mode `L`, `RGB` or `RGBA`."""
        pixels = self.images[index]
        image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
        return as_channels(image, channels)


def read_npz(archive: zipfile.ZipFile) -> NpzProbes:
    """Read both arrays; sizes are checked before anything is allocated, no pickle is opened.

    Raises:
        HoldfastError: `invalid_npz` or `invalid_labels`.
    """
    images = _read(archive, "images.npy")
    if images.dtype != np.uint8 or images.ndim not in (3, 4) or not images.size:
        raise _invalid("images must be uint8 of shape [n, h, w] or [n, h, w, c]")
    images = images[..., None] if images.ndim == 3 else images  # noqa: PLR2004 - grey without axis
    if images.shape[-1] not in _CHANNELS or min(images.shape[1:3]) < 2:  # noqa: PLR2004
        raise _invalid(
            "images must have 1, 3 or 4 channels in the last axis and sides of 2 px or more"
        )
    if max(images.shape[1:3]) > _MAX_SIDE_PX:
        raise _invalid(f"an image side is over {_MAX_SIDE_PX} px")
    n = len(images)
    labels = _labels(archive, n) if "labels.npy" in archive.namelist() else (-1,) * n
    width = len(str(n - 1))
    return NpzProbes(
        images.view(np.uint8), tuple(f"{index:0{width}d}" for index in range(n)), labels
    )


def _labels(archive: zipfile.ZipFile, n: int) -> tuple[int, ...]:
    labels = _read(archive, "labels.npy")
    if labels.dtype.kind not in "iu" or labels.shape != (n,):
        raise HoldfastError("invalid_labels", reason=f"labels must be {n} whole numbers")
    if labels.min() < 0 or labels.max() >= MAX_CLASSES:
        raise HoldfastError(
            "invalid_labels", reason=f"a label is negative or not below {MAX_CLASSES}"
        )
    return tuple(int(label) for label in labels)


def _read(archive: zipfile.ZipFile, name: str) -> NDArray[np.generic]:
    try:
        with archive.open(name) as stream:
            shape, fortran, dtype = _header(stream)
            count = math.prod(shape)
            data = stream.read(count * dtype.itemsize)
    except HoldfastError:
        raise
    except Exception:  # noqa: BLE001 - zip, deflate and header readers raise many kinds
        raise _invalid(f"{name} is damaged") from None
    if len(data) != count * dtype.itemsize:
        raise _invalid(f"{name} is shorter than it says")
    return np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    version = npy.read_magic(stream)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, fortran, dtype = read(stream)
    if dtype.kind not in "uif" or any(type(side) is not int or side < 0 for side in shape):
        raise _invalid("an array does not hold plain numbers")
    if math.prod(shape) * dtype.itemsize > _MAX_BYTES:
        raise _invalid(f"an array holds more than {_MAX_BYTES} bytes")
    return shape, fortran, dtype


def _invalid(reason: str) -> HoldfastError:
    return HoldfastError("invalid_npz", reason=reason)
