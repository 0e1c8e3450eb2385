"""Per-class and per-group reductions of per-image values."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["MIN_IMAGES", "Group", "by_group"]

Name = TypeVar("Name", int, str)

MIN_IMAGES = 20
"""Below this a mean says too little: with 20 images an exact 95 % interval still spans up to 0.46.
"""


@dataclass(frozen=True)
class Group:
    """The images of one group.

    Attributes:
        n_images: how many there are.
        mean: of their values; None where they are fewer than the minimum.
        places: their places in the arrays of all images, ascending, (n_images,).
    """

    n_images: int
    mean: float | None
    places: NDArray[np.int64]

    def of(self, per_image: NDArray[np.generic]) -> NDArray[np.generic]:
        """The group's part of any per-image array (n, ...)."""
        return per_image[self.places]


def by_group(
    per_image: NDArray[np.floating] | NDArray[np.bool_],
    groups: Sequence[Name | None],
    *,
    min_images: int = MIN_IMAGES,
) -> dict[Name, Group]:
    """Split per-image values by class or by groups that a user named.

    Args:
        per_image: one value per image, (n,).
        groups: the name of each image's group, (n,); None: in no group.
        min_images: fewer images give no mean; the group is listed all the same.

    Returns:
        The groups in the order of their names.

    Raises:
        ValueError: the lengths differ, or `min_images` is below 1.
    """
    if len(per_image) != len(groups):
        raise ValueError(f"{len(per_image)} values but {len(groups)} group names")
    if min_images < 1:
        raise ValueError("a mean needs at least one image")
    places: dict[Name, list[int]] = {}
    for place, name in enumerate(groups):
        if name is not None:
            places.setdefault(name, []).append(place)
    return {
        name: _group(per_image, np.array(places[name], np.int64), min_images)
        for name in sorted(places)
    }


def _group(
    per_image: NDArray[np.floating] | NDArray[np.bool_],
    places: NDArray[np.int64],
    min_images: int,
) -> Group:
    mean = per_image[places].mean(dtype=np.float64) if len(places) >= min_images else None
    return Group(len(places), None if mean is None else float(mean), places)
