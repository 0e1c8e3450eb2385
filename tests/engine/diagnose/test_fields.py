"""Rules on one axis against brute force: impulses, rolls and mirrors through plain loops."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from holdfast.diagnose.fields import Axis, Window, covers_all, resized, transposed, windowed

Row = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


def _slid(x: Row, window: Window, taps: Row) -> Row:
    """A strided, dilated correlation of a row, written out."""
    mode = {"constant": "constant", "wrap": "wrap", "reflect": "reflect", "edge": "edge"}
    wide = np.pad(x, (window.begin, window.end), mode=mode[window.mode])  # type: ignore[call-overload]
    found = []
    place = 0
    while place + window.span <= len(wide):
        found.append(sum(tap * wide[place + k * window.dilation] for k, tap in enumerate(taps)))
        place += window.stride
    return np.array(found)


@st.composite
def windows(draw: st.DrawFn, mode: str = "constant") -> Window:
    kernel = draw(st.integers(1, 4))
    return Window(
        kernel=kernel,
        stride=draw(st.integers(1, 3)),
        dilation=draw(st.integers(1, 2)),
        begin=draw(st.integers(0, kernel - 1)),
        end=draw(st.integers(0, kernel - 1)),
        mode=mode,
    )


@settings(max_examples=60, deadline=None)
@given(stack=st.lists(windows(), min_size=1, max_size=3), size=st.integers(12, 30))
def test_the_receptive_field_is_where_an_impulse_is_seen(stack: list[Window], size: int) -> None:
    axis = Axis(size)
    for window in stack:
        assume(window.out_size(axis.size) >= 1)
        axis = windowed(axis, window)
    seen = np.zeros((axis.size, size), bool)
    for pixel in range(size):
        row: NDArray[np.float64] = np.zeros(size)
        row[pixel] = 1
        for window in stack:
            row = _slid(row, window, np.ones(window.kernel))
        assert len(row) == axis.size
        seen[:, pixel] = row > 0
    for place in range(axis.size):
        pixels = np.flatnonzero(seen[place])
        low, high = axis.low + place * axis.jump, axis.high + place * axis.jump
        if len(pixels):
            assert low <= pixels[0]
            assert pixels[-1] <= high
    inside = [
        place
        for place in range(axis.size)
        if axis.low + place * axis.jump >= 0 and axis.high + place * axis.jump <= size - 1
    ]
    for place in inside:  # the ends of the rule are reached where no border is in the way
        pixels = np.flatnonzero(seen[place])
        assert pixels[0] == axis.low + place * axis.jump
        assert pixels[-1] == axis.high + place * axis.jump
    assert axis.clean_share(size) == (len(inside) / axis.size if axis.reach else 1.0)


@settings(max_examples=60, deadline=None)
@given(window=windows(), size=st.integers(8, 20), seed=st.integers(0, 99))
def test_sampling_is_mirror_exact_where_the_rule_says_so(
    window: Window, size: int, seed: int
) -> None:
    """`p_b - p_e + u = 0` (section 5.1): mirrored input and taps give a mirrored result."""
    assume(window.out_size(size) >= 2)
    draw = np.random.default_rng(seed)
    x, taps = draw.normal(size=size), draw.normal(size=window.kernel)
    once = _slid(x, window, taps)
    mirrored = _slid(x[::-1], window, taps[::-1])[::-1]
    assert np.allclose(once, mirrored) == (window.uneven(size) == 0)


@settings(max_examples=60, deadline=None)
@given(
    window=st.one_of(windows(), windows(mode="wrap")),
    size=st.integers(8, 20),
    seed=st.integers(0, 99),
)
def test_a_roll_by_the_stride_is_exact_where_the_rule_says_so(
    window: Window, size: int, seed: int
) -> None:
    assume(window.out_size(size) >= 2)
    draw = np.random.default_rng(seed)
    x, taps = draw.normal(size=size), draw.normal(size=window.kernel)
    once = np.roll(_slid(x, window, taps), 1)
    after = _slid(np.roll(x, window.stride), window, taps)
    exact = len(once) == len(after) and bool(np.allclose(once, after))
    assert exact == window.rolls_exactly(size)


@pytest.mark.parametrize(
    ("kernel", "stride", "pad", "size"), [(4, 2, 1, 9), (3, 2, 0, 8), (2, 2, 0, 7)]
)
def test_a_transposed_convolution_is_never_said_to_see_less(
    kernel: int, stride: int, pad: int, size: int
) -> None:
    whole = (size - 1) * stride + kernel
    matrix = np.zeros((whole, size))
    for pixel in range(size):
        matrix[pixel * stride : pixel * stride + kernel, pixel] = 1
    matrix = matrix[pad : whole - pad]
    axis = transposed(Axis(size), Window(kernel, stride, begin=pad, end=pad), len(matrix))
    for place, row in enumerate(matrix):
        pixels = np.flatnonzero(row)
        assert axis.low + place * axis.jump <= pixels[0]
        assert pixels[-1] <= axis.high + place * axis.jump
    assert axis.jump == 1 / stride


@pytest.mark.parametrize("factor", [2, 3])
def test_an_enlargement_sees_its_neighbours(factor: int) -> None:
    size = 8
    axis = resized(Axis(size), size * factor, linear=True)
    for place in range(size * factor):
        source = (place + 0.5) / factor - 0.5
        low, high = np.floor(source), np.ceil(source)
        assert axis.low + place * axis.jump <= max(low, 0)
        assert min(high, size - 1) <= axis.high + place * axis.jump
    assert axis.jump == 1 / factor


def _chain(layers: list[tuple[int, int]], size: int = 10_000) -> Axis:
    axis = Axis(size)
    for kernel, stride in layers:
        axis = windowed(axis, Window(kernel, stride))
    return axis


def _bottlenecks(blocks: list[int], *, first: bool) -> list[tuple[int, int]]:
    layers = [(7, 2), (3, 2)]
    for stage, count in enumerate(blocks):
        for block in range(count):
            stride = 2 if block == 0 and stage > 0 else 1
            layers += [(1, stride), (3, 1)] if first else [(3, stride)]
    return layers


_VGG16 = [(3, 1)] * 2 + [(2, 2)] + [(3, 1)] * 2 + [(2, 2)] + ([(3, 1)] * 3 + [(2, 2)]) * 3
_PUBLISHED = {
    "VGG16": (_VGG16, 212),
    "ResNet-50, stride on 3 x 3": (_bottlenecks([3, 4, 6, 3], first=False), 427),
    "ResNet-50, stride on 1 x 1": (_bottlenecks([3, 4, 6, 3], first=True), 483),
    "ResNet-152": (_bottlenecks([3, 8, 36, 3], first=False), 1451),
}


@pytest.mark.parametrize("name", _PUBLISHED)
def test_published_receptive_fields(name: str) -> None:
    layers, field_px = _PUBLISHED[name]
    axis = _chain(layers)
    assert (axis.field_px, axis.jump) == (field_px, 32)


def test_a_window_over_the_whole_map_is_told_from_a_large_one() -> None:
    assert covers_all(Axis(7), Window(7))
    assert not covers_all(Axis(7), Window(7, begin=1, end=1))
    assert not covers_all(Axis(8), Window(7))
