"""CIM: whether a constant image leaves a map that knows where it is.

Source: the project's science reference, section 5.4. A construction of this project.
"""

from collections.abc import Sequence

import numpy as np

from holdfast.diagnose.places import Map, Place
from holdfast.runtimes.image_graph import Array

__all__ = ["LocationMap", "location_map"]

LocationMap = tuple[float, float] | None
"""The largest distance from the median relative to it, and the share of positions that differ."""

_SAME = 1e-5


def location_map(tensors: Sequence[Array], place: Place) -> LocationMap:
    """`max_yx ||h[:, y, x] - median|| / ||median||` over constant images.

    Where padding reaches more than half of the positions the median is itself a value of the
    border: then the share tells that positions differ, and not how far padding reaches.

    Args:
        tensors: what one cut holds for each constant image, (1, ...) each.
        place: of the cut.

    Returns:
        None where it is not defined: no map, numbers that are not finite, or a median vector of 0
        under a map that differs.
    """
    if not isinstance(place, Map) or place.pending is not None:
        return None
    largest = share = 0.0
    for tensor in tensors:
        grid = np.moveaxis(tensor[0].astype(np.float64), [at - 1 for at in place.places], [0, 1])
        flat = grid.reshape(place.y.size * place.x.size, -1)
        if not np.isfinite(flat).all():
            return None
        middle = np.median(flat, axis=0)
        away, size = np.linalg.norm(flat - middle, axis=1), float(np.linalg.norm(middle))
        if size == 0:
            if float(away.max()) > 0:
                return None
            continue
        largest = max(largest, float(away.max()) / size)
        share = max(share, float((away > _SAME * size).mean()))
    return (0.0, 0.0) if largest <= _SAME else (largest, share)
