"""From shares to one label: every branch of the tree."""

from typing import Any

import numpy as np
import pytest

from holdfast.diagnose.causes import causes_of
from holdfast.diagnose.cutting import Section
from holdfast.diagnose.deciding import Outside, decide
from holdfast.diagnose.evidence import Evidence
from holdfast.diagnose.telescoping import Attribution
from holdfast.diagnose.walking import Seat
from holdfast.records.causes import CauseLabel, PieceKind
from holdfast.runtimes.image_graph import Op

STEADY = Outside(controls={}, consistency=0.97, far=None)
KINDS = [PieceKind.padding, PieceKind.nonlinearity, PieceKind.position, PieceKind.head]


def _section(number: int, kind: PieceKind, stride: int = 1) -> Section:
    op = Op(number, f"op{number}", "Conv", ("x",), ("y",), {})
    return Section((Seat(op, kind, stride=(stride, stride)),))


def _attribution(shares: list[float]) -> Attribution:
    return Attribution(np.abs(shares), np.array(shares), np.zeros((2, 2, 3)))


def _evidence(shares: list[float], kinds: list[PieceKind] = KINDS, **changes: Any) -> Evidence:
    fields: dict[str, Any] = {
        "facts": None,
        "sections": tuple(_section(at, kind) for at, kind in enumerate(kinds)),
        "period_px": (2, 2),
        "period": _attribution(shares),
        "pixel": _attribution(shares),
        "pixel_drift": 0.2,
        "period_drift": 0.2,
        "floor": 1e-5,
        "rolls": {1: 0.2, 2: 0.2},
        "spi": {2: 0.0},
        "maps": (None,) * len(kinds),
        "n_images": 2,
    }
    return Evidence(**(fields | changes))


@pytest.mark.parametrize(
    ("shares", "label"),
    [
        ([0.9, 0.0, 0.05, 0.05], "PADDING"),
        ([0.1, 0.0, 0.8, 0.1], "POSITION_EMBED"),
        ([0.2, 0.0, -0.1, 0.9], "HEAD"),
    ],
)
def test_on_the_grid_the_largest_share_names_the_cause(shares: list[float], label: str) -> None:
    decision = decide(_evidence(shares), STEADY)
    assert decision.label == label
    assert sum(share for _, share in decision.shares) == pytest.approx(1)
    assert decision.piece == int(np.argmax(shares))


def test_what_vanishes_on_the_grid_is_aliasing_and_the_rest_is_divided() -> None:
    mixed = decide(_evidence([0.5, 0, 0, 0.5], spi={2: 0.6}), STEADY)
    named = {str(label): share for label, share in mixed.shares if share}
    assert named == pytest.approx({"ALIASING": 0.6, "PADDING": 0.2, "HEAD": 0.2})
    assert mixed.label == "ALIASING"
    pure = decide(_evidence([0.5, 0, 0, 0.5], period_drift=1e-6, spi={2: 1.0}), STEADY)
    assert pure.shares == ((CauseLabel.aliasing, 1.0),)


def test_the_controls_come_first() -> None:
    evidence = _evidence([1.0, 0, 0, 0])
    for kind, label in (("blur", "RESAMPLING"), ("occlusion", "CONTENT_LOSS")):
        outside = Outside(controls={kind: 0.8}, consistency=0.5, far=None)
        assert decide(evidence, outside).label == label
        outside = Outside(controls={kind: 0.79}, consistency=0.5, far=None)
        assert decide(evidence, outside).label == "PADDING"


@pytest.mark.parametrize(
    ("consistency", "far", "label"),
    [(0.95, None, "NONE"), (None, None, "NONE"), (0.5, 0.99, "BORDER_CROP"), (0.5, 0.4, "LEARNED")],
)
def test_an_exact_graph_leaves_the_border_or_training(
    consistency: float | None, far: float | None, label: str
) -> None:
    still = _evidence([0.5, 0.5, 0, 0], pixel_drift=1e-6, period_drift=0.0, rolls={1: 1e-6})
    assert decide(still, Outside({}, consistency, far)).label == label


def test_what_cannot_be_told_is_not_guessed() -> None:
    still = _evidence([0.5, 0.5, 0, 0], pixel_drift=1e-6, period_drift=0.0, rolls={1: 1e-6})
    undecided = decide(still, Outside({}, 0.5, None))
    assert undecided.label is None
    assert "families.displacement" in undecided.reason
    unknown = decide(_evidence([0.7, 0.3], [PieceKind.unknown, PieceKind.padding]), STEADY)
    assert unknown.label is None
    assert "not understood" in unknown.reason
    nothing = decide(Evidence(None, reason="it has control flow"), STEADY)
    assert (nothing.label, nothing.reason) == (None, "it has control flow")


def test_a_weak_cause_is_said_to_be_weak_and_rounding_has_no_shares() -> None:
    weak = causes_of(
        _evidence([1.0, 0, 0, 0], pixel_drift=0.004, period_drift=0.002, rolls={}), STEADY
    )
    assert (weak.label, weak.strength) == ("PADDING", "low")
    still = causes_of(
        _evidence([0.5, 0.5, 0, 0], pixel_drift=1e-6, period_drift=1e-6, rolls={}), STEADY
    )
    assert still.strength == "none"
    assert {piece.period_share for piece in still.pieces} == {None}


def test_a_strided_piece_samples_off_the_grid_and_pads_on_it() -> None:
    section = _section(0, PieceKind.padding, stride=2)
    assert section.kind(whole_period=False) is PieceKind.sampling
    assert section.kind(whole_period=True) is PieceKind.padding
