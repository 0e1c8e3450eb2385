"""Wilson, the correlation of cells and its price against other implementations and closed forms."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import binomtest

from holdfast.stats import design_effect, icc, wilson

# Two-sided 95 %, in per cent with the digits of the science page (section 4.3).
WILSON_TABLE = [
    (100, 0.10, 5.5, 17.4),
    (500, 0.10, 7.7, 12.9),
    (1000, 0.10, 8.3, 12.0),
    (2000, 0.10, 8.8, 11.4),
    (5000, 0.10, 9.2, 10.9),
    (10_000, 0.10, 9.4, 10.6),
    (50_000, 0.10, 9.7, 10.3),
    (1000, 0.05, 3.8, 6.5),
    (100, 0.33, 24.6, 42.7),
]


@pytest.mark.parametrize(("n", "share", "low", "high"), WILSON_TABLE)
def test_wilson_gives_the_table_of_the_science_page(
    n: int, share: float, low: float, high: float
) -> None:
    found = wilson(share * n, n, 0.95)
    assert [round(100 * end, 1) for end in found] == [low, high]


@given(st.integers(1, 3000), st.data(), st.floats(0.5, 0.999))
def test_wilson_is_that_of_scipy(n: int, data: st.DataObject, confidence: float) -> None:
    k = data.draw(st.integers(0, n))
    other = binomtest(k, n).proportion_ci(confidence, method="wilson")
    assert wilson(k, n, confidence) == pytest.approx((other.low, other.high), abs=1e-12)


@given(st.floats(0, 1), st.floats(0.5, 1e6), st.floats(0.01, 0.999))
def test_wilson_takes_real_numbers_and_holds_its_estimate(
    share: float, n: float, confidence: float
) -> None:
    low, high = wilson(share * n, n, confidence)
    assert 0 <= low <= share + 1e-12
    assert share - 1e-12 <= high <= 1
    mirrored = wilson(n - share * n, n, confidence)
    assert (1 - mirrored[1], 1 - mirrored[0]) == pytest.approx((low, high), abs=1e-9)


def _anova(x: list[list[float]]) -> float:
    """The formula of section 4.1, cell by cell."""
    n, m = len(x), len(x[0])
    means = [math.fsum(row) / m for row in x]
    grand = math.fsum(means) / n
    between = m * math.fsum((mean - grand) ** 2 for mean in means) / (n - 1)
    within = math.fsum(
        (value - mean) ** 2 for row, mean in zip(x, means, strict=True) for value in row
    ) / (n * (m - 1))
    return (between - within) / (between + (m - 1) * within)


@given(st.integers(2, 30), st.integers(2, 8), st.integers(0, 2**32 - 1))
def test_icc_is_the_analysis_of_variance(n: int, m: int, seed: int) -> None:
    x = np.random.default_rng(seed).integers(0, 3, (n, m)) / 2
    assume(len(np.unique(x)) > 1)
    found = icc(x)
    assert found == pytest.approx(_anova(x.tolist()), abs=1e-12)
    assert found is not None
    assert -1 / (m - 1) - 1e-12 <= found <= 1 + 1e-12


def test_icc_at_its_ends() -> None:
    assert icc(np.repeat([[0.0], [1.0], [1.0]], 5, axis=1)) == 1  # the image tells it all
    assert icc(np.array([[0.0, 1.0], [0.0, 1.0]])) == -1  # all images are alike, cells differ


@pytest.mark.parametrize("shape", [(1, 5), (5, 1), (4, 3)])
def test_icc_is_undefined_without_variance(shape: tuple[int, int]) -> None:
    assert icc(np.full(shape, 0.3)) is None
    if min(shape) == 1:
        assert icc(np.random.default_rng(0).random(shape)) is None


def test_icc_finds_the_correlation_that_was_put_in() -> None:
    draw, rho, p = np.random.default_rng(5), 0.5, 0.1
    rate = draw.beta(p * (1 / rho - 1), (1 - p) * (1 / rho - 1), (20_000, 1))
    assert icc(np.asarray(draw.random((20_000, 20)) < rate, np.float64)) == pytest.approx(
        rho, abs=0.02
    )


def test_the_design_effect_counts_correlated_cells() -> None:
    assert design_effect(0, 25) == 1
    assert design_effect(1, 25) == 25
    assert design_effect(0.5, 20) == 10.5
