"""What draws from a range certify, against scipy and the tables of the science page."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from holdfast.stats import failing_share_bound, images_needed

FAILURES = (0, 1, 2, 3, 5, 10, 20)
SMALLEST_N = {
    0.005: (598, 947, 1258, 1549, 2100, 3389, 5808),
    0.01: (299, 473, 628, 773, 1049, 1693, 2902),
    0.02: (149, 236, 313, 386, 523, 845, 1449),
    0.05: (59, 93, 124, 153, 208, 336, 577),
    0.1: (29, 46, 61, 76, 103, 167, 286),
}
# (tau, true rate): the first n with 90 % power to pass, and the n from which it always holds
POWER = {
    (0.05, 0.02): (311, 361),
    (0.05, 0.03): (832, 900),
    (0.05, 0.04): (3701, 3871),
    (0.10, 0.05): (239, 263),
    (0.10, 0.07): (748, 792),
    (0.10, 0.08): (1760, 1845),
    (0.02, 0.01): (1271, 1390),
    (0.01, 0.005): (2546, 2784),
}


@pytest.mark.parametrize("tau", SMALLEST_N)
def test_the_table_of_smallest_samples(tau: float) -> None:
    assert tuple(images_needed(tau, k, 0.95) for k in FAILURES) == SMALLEST_N[tau]


@pytest.mark.parametrize("setting", POWER)
def test_the_table_of_samples_with_power(setting: tuple[float, float]) -> None:
    tau, p = setting
    first, always = POWER[setting]
    n = np.arange(first // 2, always + 300)
    needed: list[int] = []
    failures = 0
    while not needed or needed[-1] <= n[-1]:
        needed.append(images_needed(tau, failures, 0.95))
        failures += 1
    most = np.searchsorted(needed, n, side="right") - 1  # failures that still pass
    enough = binom.cdf(most, n, p) >= 0.9
    assert n[enough.argmax()] == first
    assert n[np.flatnonzero(~enough)[-1]] + 1 == always


def test_no_failure_has_a_closed_form() -> None:
    assert failing_share_bound(59, 0, 0.95) == pytest.approx(1 - 0.05 ** (1 / 59), rel=1e-12)
    assert failing_share_bound(59, 0, 0.95) <= 0.05 < failing_share_bound(58, 0, 0.95)
    assert failing_share_bound(299, 0, 0.95) <= 0.01 < failing_share_bound(298, 0, 0.95)


@given(st.integers(1, 2000), st.data(), st.floats(0.5, 0.999))
def test_the_bound_is_that_of_a_one_sided_exact_test(
    m: int, data: st.DataObject, confidence: float
) -> None:
    failures = data.draw(st.integers(0, m))
    test = binomtest(failures, m, alternative="less")
    other = test.proportion_ci(confidence, method="exact").high
    assert failing_share_bound(m, failures, confidence) == pytest.approx(other, abs=1e-9)


@given(st.floats(0.001, 0.9), st.integers(0, 50), st.floats(0.5, 0.99))
def test_the_smallest_sample_is_just_enough(tau: float, failures: int, confidence: float) -> None:
    n = images_needed(tau, failures, confidence)
    assert failing_share_bound(n, failures, confidence) <= tau
    if n - 1 >= max(failures, 1):
        assert failing_share_bound(n - 1, failures, confidence) > tau


def test_nothing_drawn_says_nothing() -> None:
    assert failing_share_bound(0, 0, 0.95) == 1


@pytest.mark.parametrize("arguments", [(5, 6, 0.95), (5, -1, 0.95), (5, 1, 1.0), (5, 1, 0.0)])
def test_counts_that_cannot_be_are_refused(arguments: tuple[int, int, float]) -> None:
    with pytest.raises(ValueError, match=r"failures|level"):
        failing_share_bound(*arguments)


@pytest.mark.parametrize("tau", [0.0, 1.0, -0.1])
def test_a_rate_that_needs_no_or_endless_images_is_refused(tau: float) -> None:
    with pytest.raises(ValueError, match="rate"):
        images_needed(tau, 0, 0.95)


@given(st.integers(0, 300), st.integers(0, 300), st.floats(0.6, 0.99))
def test_coverage_is_at_least_the_level_for_every_true_share(
    m: int, share: int, confidence: float
) -> None:
    truth = share / 300
    bounds = np.array([failing_share_bound(m, k, confidence) for k in range(m + 1)])
    covered = binom.pmf(np.arange(m + 1), m, truth)[bounds >= truth].sum()
    assert covered >= confidence - 1e-9
