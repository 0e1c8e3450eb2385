"""Measures along an ordered sweep of a transform's parameter, and the radius of the first flip.

Source: Hendrycks & Dietterich, ICLR 2019 (ImageNet-P); the project's science reference, sections
1.4 to 1.6.
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["first_flip_radius", "flip_probability", "survival", "top5_distance"]

_TOP = 5


def flip_probability(
    predicted: NDArray[np.int32], clear: NDArray[np.bool_] | None = None
) -> NDArray[np.float64]:
    """FP: flips per step along the sweep, (n,), in [0, 1], 0 is best.

    `1 / (L - 1) sum_j 1[answer_j != answer_(j-1)]`, the inner mean of ImageNet-P. A density of
    boundary crossings: half the step gives about half of it, so print the step beside it.

    Args:
        predicted: answers along the sweep in order, the identity in its place, (n, L), L >= 2.
        clear: (n, L), whether a view's margin is above the tolerance; a change counts when both
            views are clear. None counts every change, as the publication does.

    Raises:
        ValueError: fewer than two views.
    """
    if predicted.shape[1] < 2:  # noqa: PLR2004 - one step
        raise ValueError("a sweep has at least two views")
    changed = predicted[:, 1:] != predicted[:, :-1]
    if clear is not None:
        changed &= clear[:, 1:] & clear[:, :-1]
    return np.asarray(changed.mean(axis=1, dtype=np.float64))


def first_flip_radius(
    agrees: NDArray[np.bool_], radius: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Radius of the nearest flipped cell, (n,), in the unit of `radius`; infinity: no flip seen.

    The image is censored then: its answer holds at least to the largest radius of the list. A
    nearer flip between the cells of the list stays unseen.

    Args:
        agrees: (n, m).
        radius: distance of each cell from the identity, (m,), for example in px or degrees.
    """
    return np.asarray(np.where(agrees, np.inf, radius).min(axis=1, initial=np.inf))


def survival(
    first_flip: NDArray[np.float64], grid_radii: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Share of the images that have not flipped up to and at each radius, (len(grid_radii),).

    All images are censored at the same radius, so the plain share is the estimate and no
    Kaplan-Meier is needed. Radii beyond the largest cell say nothing; do not ask for them.

    Raises:
        ValueError: no image.
    """
    if len(first_flip) == 0:
        raise ValueError("at least one image is needed")
    return np.asarray((first_flip[:, None] > np.asarray(grid_radii)).mean(axis=0))


def top5_distance(scores: NDArray[np.floating]) -> NDArray[np.float64]:
    """uT5D of ImageNet-P: how far the five best classes move between adjacent views, (n,), >= 0.

    For the rank `s_i` that the class ranked i (from 1) has in the next view,
    `d = sum_(i=1..5) |c(i) - c(s_i)|` with `c(r) = min(r - 1, 5)`; the mean over adjacent views.
    Not divided by AlexNet's. Equal scores: the lower index ranks first.

    Args:
        scores: views in the order of the sweep, (n, L, k), L >= 2, k >= 5.

    Raises:
        ValueError: fewer classes or views.
    """
    if scores.shape[-1] < _TOP or scores.shape[1] < 2:  # noqa: PLR2004 - one step
        raise ValueError("five classes and two views are needed")
    order = np.argsort(-scores, axis=-1, kind="stable")
    cost = np.empty(order.shape, np.int64)
    np.put_along_axis(
        cost, order, np.minimum(np.arange(scores.shape[-1]), _TOP)[None, None, :], axis=-1
    )
    moved = np.take_along_axis(cost[:, 1:], order[:, :-1, :_TOP], axis=-1)
    return np.asarray(np.abs(moved - np.arange(_TOP)).sum(axis=-1).mean(axis=1))
