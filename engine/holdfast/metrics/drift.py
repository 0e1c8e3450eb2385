"""How far the scores move, whether or not the answer does: the companion of every consistency.

Source: the project's science reference, sections 1.3 to 1.5.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["LogitDrift", "mean_absolute_change", "relative_logit_drift", "saturated_share"]


@dataclass(frozen=True)
class LogitDrift:
    """Relative logit drift of n images in m cells.

    Attributes:
        values: (n, m), in [0, infinity), 0 is best; 0 in the rows that are not defined.
        defined: (n,), False where the logits of the identity are all equal (for uncentred drift:
            all zero), so that there is nothing to be relative to.
    """

    values: NDArray[np.float64]
    defined: NDArray[np.bool_]

    def per_image(self) -> NDArray[np.float64]:
        """Mean over the cells of the images where it is defined, (defined.sum(),)."""
        return np.asarray(self.values[self.defined].mean(axis=1))


def mean_absolute_change(reference_probability: NDArray[np.floating]) -> NDArray[np.float64]:
    """MAC: mean over cells of |p_c(moved) - p_c(unmoved)|, c the identity's class, (n,), in [0, 1].

    0 is best. Azulay & Weiss (JMLR 2019) average it over 1 px steps; here over the family's cells.

    Args:
        reference_probability: (n, m + 1), identity first, as in `Readout`.

    Raises:
        ValueError: the model gives no probabilities (NaN).
    """
    if np.isnan(reference_probability).any():
        raise ValueError("there are no probabilities")
    wide = reference_probability.astype(np.float64)
    return np.asarray(np.abs(wide[:, 1:] - wide[:, :1]).mean(axis=1))


def relative_logit_drift(scores: NDArray[np.floating], *, centred: bool = True) -> LogitDrift:
    """RLD: `||z_j - z_0|| / ||z_0||` per image and cell, with centred logits `z - mean_k z`.

    Args:
        scores: logits, identity first, (n, m + 1, k), k >= 2; other heads by `heads.logits`.
        centred: False for multi-label heads, whose logits have no free constant.

    Raises:
        ValueError: a single score per view, whose centred form is always 0.
    """
    if centred and scores.shape[-1] < 2:  # noqa: PLR2004 - the two classes of `heads.logits`
        raise ValueError("centred logits need two classes")
    wide = scores.astype(np.float64)
    if centred:
        # equal logits leave an exact 0 this way, where a rounded mean might leave a speck
        wide = wide - wide[..., :1]
        wide = wide - wide.mean(axis=-1, keepdims=True)
    size = np.linalg.norm(wide[:, 0], axis=-1)
    defined = size > 0
    moved = np.linalg.norm(wide[:, 1:] - wide[:, :1], axis=-1)
    values = np.where(defined[:, None], moved / np.where(defined, size, 1.0)[:, None], 0.0)
    return LogitDrift(values, defined)


def saturated_share(predicted_probability: NDArray[np.floating]) -> float:
    """Share of the views whose answer has a probability that rounding brought to 1, in [0, 1].

    There the drift of probabilities is blind until the answer itself changes. It is a remark and
    no degeneracy: honest nets whose logits are in the thousands show it in every view.

    Args:
        predicted_probability: (n, m + 1), as in `Readout`.

    Raises:
        ValueError: no view.
    """
    if predicted_probability.size == 0:
        raise ValueError("at least one view is needed")
    return float((predicted_probability >= 1.0).mean())
