"""Ties: changes of the answer within rounding. They count as agreement, so they must be few."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["TIE_SHARE_LIMIT", "tie_share", "too_many_ties"]

TIE_SHARE_LIMIT = 0.05
"""Above this share of the views of a family no assertion about its answers is judged (ADR 0012)."""


def tie_share(tie: NDArray[np.bool_]) -> float:
    """Share of tied views, from (n, m), in [0, 1].

    If every tie were a flip, the mean reference consistency would be lower by exactly this.

    Raises:
        ValueError: no view.
    """
    if tie.size == 0:
        raise ValueError("at least one view is needed")
    return float(tie.mean())


def too_many_ties(tie: NDArray[np.bool_]) -> bool:
    """Whether the ties of a family, (n, m), are too many to judge what was made of its answers."""
    return tie_share(tie) > TIE_SHARE_LIMIT
