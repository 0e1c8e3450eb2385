"""Small sets of probe images with known content: zips, folders and .npz files."""

import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = [
    "Pixels",
    "class_folders",
    "flat",
    "noise",
    "npz",
    "picture",
    "png",
    "stripes",
    "unpack",
    "zip_of",
]

Pixels = NDArray[np.uint8]
EPOCH = (1980, 1, 1, 0, 0, 0)


def noise(n: int, *shape: int, seed: int = 0, low: int = 0, high: int = 256) -> Pixels:
    """`n` images of uniform noise, (n, *shape) uint8."""
    return np.random.default_rng(seed).integers(low, high, (n, *shape), dtype=np.uint8)


def stripes(size: int = 32, period: int = 2) -> Pixels:
    """Columns of 255 where column % period is 0, else 0."""
    row = np.where(np.arange(size) % period == 0, 255, 0).astype(np.uint8)
    return np.tile(row, (size, 1))


def picture(pixels: Pixels) -> Image.Image:
    """Grey (h, w) or colour (h, w, 3) pixels as an image."""
    return Image.fromarray(pixels)


def png(pixels: Pixels | Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """Encode without loss (PNG) or as `kind`."""
    file = io.BytesIO()
    image = pixels if isinstance(pixels, Image.Image) else picture(pixels)
    image.save(file, kind, **options)
    return file.getvalue()


def zip_of(path: Path, members: Iterable[tuple[str, bytes]], method: int = 0) -> Path:
    """A zip with these members in this order, times fixed."""
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name, EPOCH), data, compress_type=method)
    return path


def class_folders(path: Path, classes: Mapping[str, Iterable[Pixels]], root: str = "") -> Path:
    """A zip in ImageFolder layout: `<root><class>/<number>.png`."""
    members = [
        (f"{root}{name}/{number:04}.png", png(pixels))
        for name, images in classes.items()
        for number, pixels in enumerate(images)
    ]
    return zip_of(path, members)


def flat(
    path: Path, images: Iterable[Pixels], labels: Sequence[int] | None = None, root: str = ""
) -> Path:
    """A flat zip `<number>.png`, with a `labels.csv` when there are labels."""
    members = [(f"{root}{number:04}.png", png(pixels)) for number, pixels in enumerate(images)]
    if labels is not None:
        lines = ["file,label", *(f"{n:04}.png,{label}" for n, label in enumerate(labels))]
        members.append((f"{root}labels.csv", "\n".join(lines).encode()))
    return zip_of(path, members)


def unpack(archive: Path, folder: Path) -> Path:
    """The members of a harmless zip as files below `folder`."""
    with zipfile.ZipFile(archive) as source:
        for name in source.namelist():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(source.read(name))
    return folder


def npz(path: Path, images: Pixels, labels: Sequence[int] | None = None) -> Path:
    """An .npz file as numpy writes it."""
    arrays = {"images": images} | ({} if labels is None else {"labels": np.asarray(labels)})
    np.savez(path, **arrays)
    return path
