"""Views made plane by plane equal those made pixel by pixel, to the last bit."""

import numpy as np
import pytest

from holdfast.audit.canvases import Probe
from holdfast.audit.pixels import Piece, ViewMaker, groups_of
from holdfast.geometry import IDENTITY, Blur, Frame, Motion, Occlude, Rotation, Shift, Zoom
from holdfast.records.plan import InputSpec, Preset
from holdfast.runtimes.feed import feed_for
from toy_probes import noise

MOTIONS: tuple[Motion, ...] = (
    IDENTITY,
    Shift(3, -2),
    Shift(-25, 7),
    Shift(4000, -4000),
    Rotation(17.5),
    Rotation(90),
    Zoom(1.3),
    Zoom(0.6),
    Blur(Rotation(17.5)),
    Blur(Zoom(0.6)),
    Occlude(Shift(3, -2)),
    Occlude(Shift(-25, 7)),
    Occlude(Rotation(17.5)),
)
FRAME = Frame((30, 36), None)
FILL = 90


def _probe(index: int, size: tuple[int, int], channels: int) -> Probe:
    canvas = noise(1, *size, channels, seed=index)[0].reshape(*size, channels)
    return Probe(index, f"{index}", -1, canvas)


@pytest.mark.parametrize("size", [(40, 50), (20, 61)])
@pytest.mark.parametrize(
    ("preset", "channels"),
    [
        (Preset.imagenet, 3),
        (Preset.caffe, 3),
        (Preset.byte, 3),
        (Preset.symmetric, 1),
        (Preset.unit, 1),
    ],
)
def test_a_view_is_the_motion_and_then_the_feed(
    preset: Preset, channels: int, size: tuple[int, int]
) -> None:
    feed = feed_for(InputSpec(preset=preset), channels)
    maker = ViewMaker(FRAME, FILL, feed)
    for probe in (_probe(0, size, channels), _probe(1, size, channels)):
        for motion in MOTIONS:
            view = np.empty((*FRAME.crop, channels), np.float32)
            motion.view(probe.canvas, FRAME.window(size), FILL, view)
            made = np.full((1, channels, *FRAME.crop), np.nan, np.float32)
            maker.make([Piece((probe,), 0, 1, motion)], made)
            assert made.tobytes() == feed(view[None]).tobytes(), motion


def test_a_view_leaves_the_probe_as_it_was() -> None:
    probe = _probe(0, (40, 50), 3)
    before = probe.canvas.copy()
    maker = ViewMaker(FRAME, FILL, feed_for(InputSpec(preset=Preset.imagenet), 3))
    twice = np.empty((2 * len(MOTIONS), 3, *FRAME.crop), np.float32)
    maker.make([Piece((probe,), 0, 1, motion) for motion in 2 * MOTIONS], twice)
    assert np.array_equal(twice[: len(MOTIONS)], twice[len(MOTIONS) :])
    assert np.array_equal(probe.canvas, before)


def test_a_group_gives_the_views_that_its_probes_give_alone() -> None:
    group = tuple(_probe(seed, (40, 50), 3) for seed in range(5))
    feed = feed_for(InputSpec(preset=Preset.imagenet), 3)
    together = np.empty((3 * len(MOTIONS), 3, *FRAME.crop), np.float32)
    made = ViewMaker(FRAME, FILL, feed).make(
        [Piece(group, 1, 4, motion) for motion in MOTIONS], together
    )
    alone = [
        ViewMaker(FRAME, FILL, feed).make(
            [Piece((probe,), 0, 1, motion)], np.empty((1, 3, *FRAME.crop), np.float32)
        )
        for motion in MOTIONS
        for probe in group[1:4]
    ]
    assert made.tobytes() == np.concatenate(alone).tobytes()


def test_groups_hold_neighbours_of_one_size_and_large_ones_stay_alone() -> None:
    sizes = [(40, 50)] * 3 + [(20, 61)] * 2 + [(40, 50)] + [(400, 500)] * 2
    block = [_probe(seed, size, 1) for seed, size in enumerate(sizes)]
    groups = list(groups_of(block, 1 << 20))
    assert [len(group) for group in groups] == [3, 2, 1, 1, 1]
    assert [probe for group in groups for probe in group] == block
