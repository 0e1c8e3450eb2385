"""Attention: products of tokens with tokens, and what is added to them by position."""

from dataclasses import replace

import numpy as np

from holdfast.diagnose.places import Pairs, Place, Tokens
from holdfast.runtimes.image_graph import Array

__all__ = ["attended", "bias_detail", "is_relative"]

_TINY = 1e-3


def attended(first: Place, second: Place) -> Pairs | Tokens | None:
    """What a matrix product of two tensors of one row of tokens is; None for all others.

    Queries (..., N, d) by keys (..., d, N) give a number for each pair. Weights of pairs
    (..., N, N) by values (..., N, d) give tokens again, each of which has seen all.
    """
    if not isinstance(second, Tokens) or second.batch != 0:
        return None
    if isinstance(first, Tokens):
        ends = (first.place, second.place) == (first.rank - 2, second.rank - 1)
        alike = (first.rank, first.batch, first.crowded) == (second.rank, 0, second.crowded)
        keys = replace(second, place=second.rank - 2)
        return Pairs(first, keys) if ends and alike else None
    if isinstance(first, Pairs) and _same_row(first.keys, second):
        asked = first.of
        return replace(asked, y=replace(asked.y, sees_all=True), x=replace(asked.x, sees_all=True))
    return None


def _same_row(keys: Tokens, values: Tokens) -> bool:
    """Keys and values may have come different ways; they are the same positions."""

    def told(row: Tokens) -> tuple[int | bool, ...]:
        return row.y.size, row.x.size, row.extra, row.rank, row.place, row.crowded

    return told(keys) == told(values)


def is_relative(value: Array, tokens: Tokens) -> bool:
    """Whether a bias (..., N, N) depends on the distance between two positions alone.

    Such a bias rolls along with the tokens everywhere but across the border.
    """
    if value.ndim < 2 or value.shape[-2:] != (tokens.count, tokens.count):  # noqa: PLR2004 - pairs
        return False
    height, width, start = tokens.y.size, tokens.x.size, tokens.extra
    grid = value[..., start:, start:].astype(np.float64)
    grid = grid.reshape(-1, height, width, height, width)
    down = grid[:, 1:, :, 1:, :] - grid[:, :-1, :, :-1, :]
    across = grid[:, :, 1:, :, 1:] - grid[:, :, :-1, :, :-1]
    apart = max((float(np.abs(each).max()) for each in (down, across) if each.size), default=0.0)
    return apart <= _TINY * max(float(np.abs(grid).max()), 1e-30)


def bias_detail(*, relative: bool) -> str:
    """What the graph shows, in words."""
    if relative:
        return (
            "attention has a bias by the distance of two positions: equal inside, not at the border"
        )
    return "attention has a bias for each pair of positions"
