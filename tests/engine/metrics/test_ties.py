"""Ties flatter a consistency by exactly their share, so their share has a limit."""

import numpy as np
import pytest

from holdfast.metrics import (
    TIE_SHARE_LIMIT,
    orbit_scores,
    read_scores,
    reference_consistency,
    tie_share,
    too_many_ties,
)
from holdfast.records.model import OutputKind


def _views(offset: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    draw = np.random.default_rng(0)
    moves = 0.2 * draw.normal(size=(200, 13, 10))
    moves[:, 0] = 0
    return np.asarray(draw.normal(size=(200, 1, 10)) + moves + offset, np.float32)


def test_a_tie_flatters_the_consistency_by_its_share() -> None:
    seen = read_scores(_views(10), OutputKind.logits)
    scores = orbit_scores(seen, np.full(200, -1), 5e-3)
    told = reference_consistency(~scores.flip).mean()
    if_flips = reference_consistency(~(scores.flip | scores.tie)).mean()
    assert tie_share(scores.tie) == pytest.approx(told - if_flips)
    assert tie_share(scores.tie) > 0.01


def test_a_common_offset_of_coarse_logits_looks_consistent_and_is_refused() -> None:
    honest, blurred = (
        orbit_scores(read_scores(_views(offset), OutputKind.logits), np.full(200, -1), 5e-3)
        for offset in (0.0, 100.0)
    )
    assert not too_many_ties(honest.tie)
    assert reference_consistency(~blurred.flip).mean() > 0.99
    assert too_many_ties(blurred.tie)


def test_the_limit_itself_is_allowed() -> None:
    tie = np.zeros((10, 10), bool)
    tie.ravel()[: round(100 * TIE_SHARE_LIMIT)] = True
    assert not too_many_ties(tie)
    tie[-1, -1] = True
    assert too_many_ties(tie)


def test_no_view_has_no_share() -> None:
    with pytest.raises(ValueError, match="one view"):
        tie_share(np.zeros((4, 0), bool))
