"""The presets turn known pixels into the numbers that each convention writes down."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from holdfast.errors import HoldfastError
from holdfast.records.base import read_record
from holdfast.records.plan import InputSpec, Preset
from holdfast.runtimes.feed import candidates, feed_for
from toy_probes import noise

VIEWS = noise(2, 4, 6, 3).astype(np.float32)
RED, GREEN, BLUE = VIEWS[..., 0], VIEWS[..., 1], VIEWS[..., 2]

BY_HAND: dict[Preset, list[NDArray[Any]]] = {
    Preset.imagenet: [
        (RED / 255 - 0.485) / 0.229,
        (GREEN / 255 - 0.456) / 0.224,
        (BLUE / 255 - 0.406) / 0.225,
    ],
    Preset.unit: [RED / 255, GREEN / 255, BLUE / 255],
    Preset.byte: [RED, GREEN, BLUE],
    Preset.symmetric: [RED / 127.5 - 1, GREEN / 127.5 - 1, BLUE / 127.5 - 1],
    Preset.caffe: [BLUE - 103.939, GREEN - 116.779, RED - 123.68],
}


@pytest.mark.parametrize("preset", BY_HAND)
def test_a_preset_is_its_formula_channel_by_channel(preset: Preset) -> None:
    fed = feed_for(InputSpec(preset=preset), 3)(VIEWS)
    assert fed.dtype == np.float32
    assert fed.flags.c_contiguous
    assert np.abs(fed - np.stack(BY_HAND[preset], axis=1)).max() < 1e-4


@pytest.mark.parametrize(
    ("preset", "low", "high"),
    [(Preset.unit, 0, 1), (Preset.byte, 0, 255), (Preset.symmetric, -1, 1)],
)
def test_black_and_white_meet_the_ends_of_the_range(preset: Preset, low: int, high: int) -> None:
    views = np.array([0, 255], np.float32).reshape(2, 1, 1, 1)
    assert feed_for(InputSpec(preset=preset), 1)(views).ravel().tolist() == [low, high]


def test_custom_values_scale_first_then_shift_and_order() -> None:
    spec = read_record(
        InputSpec,
        {
            "preset": "custom",
            "scale": 0.5,
            "mean": [1, 2, 3],
            "std": [2, 4, 8],
            "order": "bgr",
        },
        "invalid_plan",
    )
    by_hand = [(BLUE * 0.5 - 1) / 2, (GREEN * 0.5 - 2) / 4, (RED * 0.5 - 3) / 8]
    assert np.abs(feed_for(spec, 3)(VIEWS) - np.stack(by_hand, axis=1)).max() < 1e-4


def test_one_number_counts_for_every_channel() -> None:
    spec = read_record(InputSpec, {"preset": "custom", "mean": [127], "std": [128]}, "invalid_plan")
    assert np.abs(feed_for(spec, 3)(VIEWS) - (VIEWS.transpose(0, 3, 1, 2) - 127) / 128).max() < 1e-5


@pytest.mark.parametrize("preset", [Preset.imagenet, Preset.caffe])
def test_a_preset_for_colour_does_not_fit_a_grey_model(preset: Preset) -> None:
    with pytest.raises(HoldfastError, match="input_spec_mismatch"):
        feed_for(InputSpec(preset=preset), 1)


def test_only_presets_that_fit_are_tried() -> None:
    grey = {feed.preset for feed in candidates(1)}
    assert grey == {Preset.unit, Preset.byte, Preset.symmetric}
    assert {feed.preset for feed in candidates(3)} == {*grey, Preset.imagenet, Preset.caffe}


@pytest.mark.parametrize(
    "data",
    [
        {"preset": "unit", "mean": [0.5]},
        {"preset": "custom", "std": [0.0]},
        {"preset": "custom", "mean": [float("nan")]},
        {"preset": "nonsense"},
        {"fill": 256},
        {"fill": 1.5},
        {"crop": 1},
        {"resize": [224]},
        {"unknown": 1},
    ],
)
def test_an_input_that_makes_no_sense_is_refused_with_the_field(data: dict[str, object]) -> None:
    with pytest.raises(HoldfastError, match="invalid_plan"):
        read_record(InputSpec, data, "invalid_plan")
