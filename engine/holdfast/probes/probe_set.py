"""A set of probes: images with names and labels, opened from a zip or an .npz file."""

import hashlib
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from PIL import Image

from holdfast.archive import open_zip
from holdfast.probes.npz import read_npz
from holdfast.probes.zip import read_zip

__all__ = ["ProbeSet", "content_digest", "named", "open_probes"]


class ProbeSet(Protocol):
    """Images by index."""

    @property
    def names(self) -> tuple[str, ...]:
        """A name for each image, unique."""

    @property
    def labels(self) -> tuple[int, ...]:
        """Class indices, -1 where there is none."""

    @property
    def groups(self) -> tuple[str, ...]:
        """The group that the user put each image in, empty for none."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes in the order of their indices; empty when the data do not tell."""

    def content(self, index: int) -> bytes:
        """Bytes that identify image `index`, for the digest of the set."""

    def image(self, index: int, channels: int) -> Image.Image:
        """Image `index` as mode `L`, `RGB` or `RGBA`, by the number of channels.

        Raises HoldfastError for one that cannot be used.
        """


def open_probes(file: BinaryIO) -> ProbeSet:
    """Open an image archive; the bytes decide what it is.

    Raises:
        HoldfastError: the archive or its labels cannot be used.
    """
    archive = open_zip(file)
    if "images.npy" in archive.namelist():
        return read_npz(archive)
    return read_zip(archive)


def named(probes: ProbeSet, class_names: tuple[str, ...]) -> ProbeSet:
    """The same set; the model's names for the classes stand in where the data tell none."""
    if probes.class_names or not class_names:
        return probes
    return _Named(probes, class_names)


@dataclass(frozen=True)
class _Named:
    """A set whose class names come from elsewhere."""

    probes: ProbeSet
    class_names: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return self.probes.names

    @property
    def labels(self) -> tuple[int, ...]:
        return self.probes.labels

    @property
    def groups(self) -> tuple[str, ...]:
        return self.probes.groups

    def content(self, index: int) -> bytes:
        return self.probes.content(index)

    def image(self, index: int, channels: int) -> Image.Image:
        return self.probes.image(index, channels)


def content_digest(probes: ProbeSet) -> str:
    """SHA-256 over names, labels and contents: equal for the same images in another archive."""
    state = hashlib.sha256()
    order = sorted(range(len(probes.names)), key=lambda index: probes.names[index])
    for index in order:
        inner = hashlib.sha256(probes.content(index)).hexdigest()
        state.update(f"{probes.names[index]}\0{probes.labels[index]}\0{inner}\n".encode())
    return state.hexdigest()
