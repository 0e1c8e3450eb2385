"""Aliasing of kernels and places in weights, against a fine Fourier grid and closed forms."""

import numpy as np
import pytest

from holdfast.diagnose.spectrum import energy_above, location_share, stop_band_share

_FILTERS = {"none": [1], "rect": [1, 1], "tri": [1, 2, 1], "bin4": [1, 3, 3, 1], "avg4": [1] * 4}
# science reference, section 5.1: separable, white input
_TABLE = {
    ("none", 2): 0.750,
    ("none", 4): 0.938,
    ("rect", 2): 0.330,
    ("rect", 4): 0.774,
    ("tri", 2): 0.145,
    ("bin4", 2): 0.065,
    ("bin4", 4): 0.523,
    ("avg4", 4): 0.385,
}


@pytest.mark.parametrize(("name", "stride"), _TABLE)
def test_the_stop_band_of_known_filters(name: str, stride: int) -> None:
    taps = np.array(_FILTERS[name], float)
    kernel = np.outer(taps, taps)[None, None].astype(np.float32)
    found = stop_band_share(kernel, (stride, stride))
    assert found == pytest.approx(_TABLE[name, stride], abs=6e-4)


def test_the_stop_band_is_what_a_fine_grid_of_frequencies_gives() -> None:
    kernel = np.random.default_rng(1).normal(size=(3, 2, 3, 5)).astype(np.float32)
    fine = 512
    power = (np.abs(np.fft.fft2(kernel, (fine, fine))) ** 2).sum((0, 1))
    f = np.abs(np.fft.fftfreq(fine))
    inside = (f[:, None] <= 1 / 4) & (f[None] <= 1 / 6)
    found = stop_band_share(kernel, (2, 3))
    assert found == pytest.approx(1 - power[inside].sum() / power.sum(), abs=0.01)
    assert stop_band_share(None, (2, 4)) == pytest.approx(1 - 1 / 8)
    assert stop_band_share(np.zeros((1, 1, 2, 2), np.float32), (2, 2)) == 0


@pytest.mark.parametrize("channels_last", [False, True])
def test_the_location_share_of_equal_and_of_lonely_weights(*, channels_last: bool) -> None:
    channels, positions, classes = 3, 16, 4
    fc = np.random.default_rng(2).normal(size=(channels, classes))
    same = np.repeat(fc[:, None], positions, axis=1)
    lonely = np.zeros_like(same)
    lonely[:, 5] = fc
    for grid, share in ((same, 0.0), (lonely, 1 - 1 / positions)):
        ordered = grid.swapaxes(0, 1) if channels_last else grid
        flat = ordered.reshape(-1, classes)
        found = location_share(flat, positions, channels_last=channels_last)
        assert found == pytest.approx(share, abs=1e-12)


def test_weights_that_do_not_fit_have_no_location_share() -> None:
    assert location_share(np.ones((7, 2)), 4, channels_last=False) is None
    assert location_share(np.zeros((8, 2)), 4, channels_last=False) is None


def _tones(height: int, width: int, tones: list[tuple[float, int, int]]) -> np.ndarray:
    """A sum of cosines; of each its amplitude and its whole periods along y and x."""
    y, x = np.mgrid[:height, :width]
    waves = [a * np.cos(2 * np.pi * (fy * y / height + fx * x / width)) for a, fy, fx in tones]
    return np.asarray(np.sum(waves, axis=0), np.float32)


@pytest.mark.parametrize(("height", "width"), [(32, 24), (30, 36)])
def test_the_energy_of_known_tones_above_the_limit_of_a_stride(height: int, width: int) -> None:
    """A cosine has half its squared amplitude, a constant all of it; on the limit is not above."""
    below, on_limit = (3.0, 1, 2), (1.0, 0, width // 4)
    above = [(2.0, 0, width // 4 + 1), (0.5, height // 2 - 1, 0)]
    wave = _tones(height, width, [below, on_limit, *above]) + 5
    share = (4 / 2 + 0.25 / 2) / (25 + 9 / 2 + 1 / 2 + 4 / 2 + 0.25 / 2)
    assert energy_above(wave, (0, 1), (2, 2)) == pytest.approx(share, abs=1e-5)
    turned = np.stack([wave.T, wave.T])[None]
    assert energy_above(turned, (3, 2), (2, 2)) == pytest.approx(share, abs=1e-5)


def test_each_axis_has_the_limit_of_its_own_stride() -> None:
    wave = _tones(32, 32, [(1.0, 6, 0), (2.0, 0, 6)])
    assert energy_above(wave, (0, 1), (4, 1)) == pytest.approx(1 / 5, abs=1e-5)
    assert energy_above(wave, (0, 1), (1, 4)) == pytest.approx(4 / 5, abs=1e-5)
    assert energy_above(wave, (0, 1), (1, 1)) == 0


def test_nothing_and_whole_numbers_have_no_share() -> None:
    assert energy_above(np.zeros((4, 4), np.float32), (0, 1), (2, 2)) is None
    assert energy_above(np.ones((4, 4), np.uint8), (0, 1), (2, 2)) is None
