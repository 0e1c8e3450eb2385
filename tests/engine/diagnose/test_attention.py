"""Attention is followed, and what a graph adds to it by position is named."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from attention_nets import GRID, SIZE, Style, attention_net, bias_of
from auditing import plan_of, run
from holdfast.diagnose.attention_rules import attended, is_relative
from holdfast.diagnose.fields import Axis
from holdfast.diagnose.places import Pairs, Tokens, Vector
from holdfast.records.causes import Causes
from toy_probes import flat
from truth_images import natural

EXACT = 2e-5
ROW = Tokens(4, 2, Axis(GRID, 4.0), Axis(GRID, 4.0))
KEYS = Tokens(4, 3, ROW.y, ROW.x)


def _causes(folder: Path, file: bytes) -> Causes:
    probes = flat(folder / "p.zip", natural(2, SIZE))
    causes = run(file, probes, plan_of(shifts_px=[[1, 0]])).result.causes
    assert causes is not None
    return causes


@pytest.mark.parametrize("style", ["apart", "fused", "exported"])
@pytest.mark.parametrize(
    ("bias", "exact", "code"),
    [
        ("", True, None),
        ("torus", True, "POS_REL"),
        ("distance", False, "POS_REL"),
        ("pair", False, "POS_CONST"),
    ],
)
def test_a_bias_of_attention_is_named_by_what_it_depends_on(
    tmp_path: Path, bias: str, code: str | None, style: Style, *, exact: bool
) -> None:
    """Around a torus even a roll across the border changes no distance; the rest is the patches."""
    causes = _causes(tmp_path, attention_net(bias, style))
    shares = {str(each.label): each.share for each in causes.shares}
    assert set(shares) == ({"ALIASING"} if exact else {"ALIASING", "POSITION_EMBED"})
    assert causes.label == max(shares, key=lambda label: shares[label])
    assert causes.graph is not None
    assert causes.graph.head == "tokens"
    assert causes.graph.horizontal.receptive_field_px is None  # behind attention all is seen
    assert "unknown" not in {piece.kind for piece in causes.pieces}
    codes = {str(note.code): note.op for note in causes.graph.notes}
    assert {each for each in codes if each.startswith("POS_")} == ({code} if code else set())
    assert causes.period_drift is not None
    assert (causes.period_drift <= EXACT) == exact
    if code:
        assert codes[code] == "bias"
    if not exact:
        (guilty,) = [piece for piece in causes.pieces if (piece.period_share or 0) > 0.99]
        assert (guilty.name, guilty.kind) == ("bias", "position")
    if not exact and style != "apart":  # with these weights it is the larger share
        assert causes.label == "POSITION_EMBED"
        assert ("relative already" in causes.remedy) == (code == "POS_REL")


def test_what_depends_on_distance_alone_is_relative_class_tokens_left_out() -> None:
    for kind, relative in (("distance", True), ("torus", True), ("pair", False)):
        assert is_relative(bias_of(kind), ROW) is relative
    one = np.zeros((2, 1 + GRID**2, 1 + GRID**2))
    one[:, 1:, 1:] = bias_of("distance")[0]
    one[:, 0], one[:, :, 0] = 7.0, np.arange(1 + GRID**2)
    assert is_relative(one, Tokens(4, 2, ROW.y, ROW.x, extra=1))
    assert not is_relative(one, ROW)
    off = bias_of("distance").copy()
    off[0, 0, 5, 6] += 1
    assert not is_relative(off, ROW)


def test_only_products_of_one_row_of_tokens_are_attention() -> None:
    assert attended(ROW, KEYS) == Pairs(ROW, ROW)
    seen = attended(Pairs(ROW, ROW), ROW)
    assert isinstance(seen, Tokens)
    assert (seen.place, seen.y.sees_all, seen.x.sees_all) == (2, True, True)
    fewer = Tokens(4, 2, Axis(2, 8.0), Axis(GRID, 4.0))
    assert attended(ROW, replace(fewer, place=3)) == Pairs(ROW, fewer)
    assert attended(Pairs(ROW, fewer), fewer) == seen  # who asks, not who answers
    for first, second in (
        (ROW, ROW),
        (KEYS, KEYS),
        (Pairs(ROW, ROW), KEYS),
        (Pairs(ROW, fewer), ROW),
        (ROW, replace(KEYS, crowded=True)),
        (Pairs(ROW, ROW), replace(ROW, crowded=True)),
        (Vector(), KEYS),
        (ROW, Vector()),
        (ROW, Tokens(4, 3, ROW.y, ROW.x, batch=1)),
    ):
        assert attended(first, second) is None
