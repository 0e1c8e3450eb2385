"""Windows of a Swin are followed: exact under rolls by whole windows, a sampling below that."""

from pathlib import Path

import pytest

from auditing import plan_of, run
from holdfast.diagnose.evidence import roll_grid
from holdfast.diagnose.fields import Axis
from holdfast.diagnose.places import Map, Place, Tiles
from holdfast.diagnose.tile_rules import cut_into_windows
from holdfast.diagnose.walking import Seat, Walked
from holdfast.records.causes import Causes, PieceKind
from holdfast.runtimes.image_graph import ImageGraph, Op
from toy_probes import flat
from truth_images import natural
from window_nets import PATCH, SIDE, SIZE, WINDOW, Windows, window_net

EXACT = 2e-5
PERIOD = PATCH * WINDOW


def _causes(folder: Path, file: bytes) -> Causes:
    probes = flat(folder / "p.zip", natural(2, SIZE))
    causes = run(file, probes, plan_of(shifts_px=[[1, 0]])).result.causes
    assert causes is not None
    return causes


@pytest.mark.parametrize(
    ("how", "rolled", "merged"),
    [
        (Windows(), False, ""),
        (Windows(cosine=True), False, ""),
        (Windows(taken="slice"), True, ""),
        (Windows(taken="split"), True, "slices"),
        (Windows(cosine=True), True, "reshape"),
    ],
)
def test_windows_are_exact_under_rolls_by_a_whole_window(
    tmp_path: Path, how: Windows, merged: str, *, rolled: bool
) -> None:
    """Their period is that of the patches times the window, also where they were rolled before."""
    causes = _causes(tmp_path, window_net(how, rolled=rolled, merged=merged))
    assert "unknown" not in {piece.kind for piece in causes.pieces}
    assert causes.label == "ALIASING"
    assert causes.period_drift is not None
    assert causes.pixel_drift is not None
    assert causes.period_drift <= EXACT < causes.pixel_drift
    assert next(each.period_px for each in causes.spi) == PERIOD
    by_period = {each.period_px: each.index for each in causes.spi}
    assert by_period[PERIOD] == pytest.approx(1.0, abs=1e-3)
    patch = by_period[PATCH]
    assert patch is not None
    assert patch < 0.9, "whole patches alone do not help"
    assert "grid of their own" in causes.remedy
    assert causes.graph is not None
    notes = {(str(note.code), note.op) for note in causes.graph.notes}
    assert ("WINDOWS", "attention_a") in notes
    assert ("POS_REL", "by_distance_a") in notes
    assert (("WINDOWS", "attention_b") in notes) == rolled


def test_a_mask_that_keeps_the_border_apart_is_a_border(tmp_path: Path) -> None:
    causes = _causes(tmp_path, window_net(rolled=True, mask=True))
    assert causes.graph is not None
    assert causes.period_drift is not None
    assert causes.period_drift > EXACT
    shares = {str(each.label): each.share for each in causes.shares}
    assert set(shares) == {"ALIASING", "BORDER_CROP"}
    (guilty,) = [piece for piece in causes.pieces if (piece.period_share or 0) > 0.99]
    assert guilty.name == "attention_b"
    assert {"WINDOWS"} == {str(n.code) for n in causes.graph.notes if n.op == "mask_b"}


def test_four_positions_in_one_are_sampled(tmp_path: Path) -> None:
    for how in ("slices", "reshape"):
        causes = _causes(tmp_path, window_net(merged=how))
        assert causes.graph is not None
        assert causes.graph.horizontal.stride_px == 2 * PATCH
        assert causes.graph.horizontal.map_size == SIDE // 2
        assert "SKEW" not in {str(note.code) for note in causes.graph.notes}, "phases of one map"
        assert (2, 2) in [each.stride for each in causes.graph.strided if each.op != "patches"]


def test_one_window_for_the_whole_map_is_attention_over_all(tmp_path: Path) -> None:
    """Nothing but the patches is sampled; the bias by distance knows the border of the map."""
    causes = _causes(tmp_path, window_net(Windows(SIDE)))
    assert causes.graph is not None
    codes = {str(note.code): note.detail for note in causes.graph.notes}
    assert "WINDOWS" not in codes
    assert not codes["POS_REL"].startswith("inside")
    assert causes.graph.horizontal.receptive_field_px is None
    assert next(each.period_px for each in causes.spi) == PATCH
    assert causes.period_drift is not None
    assert causes.period_drift > EXACT
    (guilty,) = [piece for piece in causes.pieces if (piece.period_share or 0) > 0.99]
    assert (guilty.name, guilty.kind) == ("by_distance_a", "position")


def test_a_position_has_seen_its_windows(tmp_path: Path) -> None:
    one, two = (_causes(tmp_path, window_net(rolled=each)).graph for each in (False, True))
    assert one is not None
    assert two is not None
    grown = 2 * (WINDOW - 1) * PATCH
    assert one.horizontal.receptive_field_px == PATCH + grown
    assert two.horizontal.receptive_field_px == PATCH + 2 * grown


MAP = Map(4, (1, 2), Axis(8, 2.0), Axis(12, 2.0))


def test_only_axes_that_are_split_in_two_are_windows() -> None:
    found = cut_into_windows(MAP, (-1, 2, 4, 3, 4, 5))
    assert found == Tiles(
        MAP, (4, 4), ((("n", 0),), (("Y", 2),), (("y", 4),), (("X", 3),), (("x", 4),), (("c", 5),))
    )
    first = Map(4, (2, 3), MAP.y, MAP.x)
    channels_first = cut_into_windows(first, (1, 5, 2, 4, 3, 4))
    assert channels_first is not None
    assert channels_first.axes[1:3] == ((("c", 5),), (("Y", 2),))
    for shape in ((-1, 2, 4, 3, 4), (-1, 2, 4, 3, 5, 5), (-1, 2, 4, 3, 4, -1), (-1, 4, 4, 3, 4, 5)):
        assert cut_into_windows(MAP, shape) is None


def test_where_whole_windows_are_no_roll_of_the_image_the_largest_step_is_taken() -> None:
    """A Swin at 224 px: 28, 56 and 112 px a window, and 32 px a position at the end."""
    op = Op(0, "attention", "MatMul", (), ("pairs",), {})
    early = Map(4, (1, 2), Axis(14, 4.0), Axis(14, 4.0))
    late = Map(4, (1, 2), Axis(7, 8.0), Axis(7, 8.0))
    places: dict[str, Place] = {"early": early, "pairs": Tiles(early, (7, 7), ()), "late": late}
    seat = Seat(op, PieceKind.nonlinearity, window=(7, 7))

    def grid(side: int) -> tuple[int, int]:
        graph = ImageGraph("", "", (), (), lambda _: None)
        return roll_grid(Walked(graph, places, (seat,), (side, side)))

    assert grid(57) == (56, 56)
    assert grid(56) == (8, 8)


def test_one_window_for_the_whole_map_is_no_partition() -> None:
    whole = cut_into_windows(MAP, (-1, 1, 8, 1, 12, 5))
    assert whole is not None
    assert whole.axes == ((("n", 0),), (), (("y", 8),), (), (("x", 12),), (("c", 5),))
    assert whole.row == (("y", 8), ("x", 12))
    assert whole.is_whole
    other = cut_into_windows(MAP, (-1, 1, 1, 8, 12, 5))
    assert other is not None
    assert other.axes == ((("n", 0),), (), (), (("y", 8),), (("x", 12),), (("c", 5),))
