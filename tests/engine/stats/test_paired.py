"""Paired comparisons against scipy, plain enumeration and the values of the science page."""

import math
from itertools import permutations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.stats import binomtest, chi2, norm, ttest_1samp

from holdfast.stats import (
    holm,
    images_for_noninferiority,
    mcnemar,
    modified_obuchowski,
    noninferiority,
    tango,
)

COUNTS = st.integers(0, 60)


@pytest.mark.parametrize(
    ("b", "c", "exact", "mid"),
    [(20, 8, 0.0357, 0.0241), (12, 4, 0.0768, 0.0490), (5, 0, 0.0625, 0.0313), (10, 10, 1, 1)],
)
def test_mcnemar_gives_the_values_of_the_science_page(
    b: int, c: int, exact: float, mid: float
) -> None:
    found = mcnemar(b, c)
    # Half a unit of the fourth digit; 0.03125 is a tie.
    assert (found.exact, found.mid_p) == pytest.approx((exact, mid), abs=5.001e-5)


@given(COUNTS, COUNTS)
def test_mcnemar_is_the_binomial_test(b: int, c: int) -> None:
    found, n = mcnemar(b, c), b + c
    if n:
        assert found.exact == pytest.approx(binomtest(b, n).pvalue, abs=1e-12)
    if b != c:
        weights = [math.comb(n, k) / 2**n for k in range(n + 1)]
        mid = 2 * sum(weights[: min(b, c)]) + weights[min(b, c)]
        assert found.mid_p == pytest.approx(mid, rel=1e-9)
    assert mcnemar(c, b) == found
    assert found.mid_p <= found.exact


def test_mcnemar_without_discordance_has_nothing_to_say() -> None:
    assert mcnemar(0, 0).exact == mcnemar(0, 0).mid_p == 1


def test_tango_gives_the_values_of_the_science_page() -> None:
    assert [round(end, 4) for end in tango(20, 8, 500, 0.95)] == [0.0035, 0.0469]
    assert [round(end, 4) for end in tango(0, 0, 500, 0.95)] == [-0.0076, 0.0076]


def _score(b: int, c: int, n: int, difference: float) -> float:
    """Tango's statistic with the restricted likelihood maximised by search, not by its formula."""
    low, high = max(0.0, -difference), (1 - difference) / 2

    def loss(q: float) -> float:  # q: only the second positive; q + difference: only the first
        parts = ((b, q + difference), (c, q), (n - b - c, 1 - 2 * q - difference))
        return -sum(k * math.log(max(share, 1e-300)) for k, share in parts if k)

    q = minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-12}).x
    variance = n * (2 * q + difference - difference**2)
    return float((b - c - n * difference) / np.sqrt(variance))


@pytest.mark.parametrize(
    ("b", "c", "n"), [(20, 8, 500), (5, 1, 50), (0, 7, 100), (30, 30, 200), (9, 1, 10)]
)
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_the_ends_of_tango_are_where_the_score_test_just_rejects(
    b: int, c: int, n: int, confidence: float
) -> None:
    low, high = tango(b, c, n, confidence)
    z = norm.ppf((1 + confidence) / 2)
    assert _score(b, c, n, low) == pytest.approx(z, abs=1e-3)
    assert _score(b, c, n, high) == pytest.approx(-z, abs=1e-3)


@given(COUNTS, COUNTS, st.integers(0, 500), st.floats(0.5, 0.99))
def test_tango_is_odd_and_holds_its_estimate(b: int, c: int, rest: int, confidence: float) -> None:
    n = b + c + rest
    assume(n > 0)
    low, high = tango(b, c, n, confidence)
    assert -1 <= low <= (b - c) / n <= high <= 1
    assert tango(c, b, n, confidence) == pytest.approx((-high, -low), abs=1e-9)
    wider = tango(b, c, n, (1 + confidence) / 2)
    assert wider[0] <= low + 1e-9
    assert wider[1] >= high - 1e-9


@pytest.mark.parametrize("counts", [(3, 3, 5), (-1, 0, 5), (0, 0, 0)])
def test_tango_refuses_counts_that_do_not_fit(counts: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="discordant"):
        tango(*counts, 0.95)


def _differences(seed: int, n: int = 200, shift: float = 0.0) -> NDArray[np.float64]:
    draw = np.random.default_rng(seed)
    return np.asarray(np.clip(draw.normal(shift, 0.1, n), -1, 1))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("alpha", [0.01, 0.05])
def test_bounds_are_those_of_the_paired_t_test(seed: int, alpha: float) -> None:
    change = _differences(seed)
    found = noninferiority(change, 0.01, alpha)
    ci = ttest_1samp(change, 0).confidence_interval(1 - 2 * alpha)
    assert (found.low, found.high) == pytest.approx((ci.low, ci.high), abs=1e-12)


@given(st.integers(0, 10**6), st.floats(-0.1, 0.1), st.floats(0, 0.1))
def test_the_decision_follows_from_the_bounds(seed: int, shift: float, margin: float) -> None:
    found = noninferiority(_differences(seed, 60, shift), margin, 0.05)
    assert (found.decision == "passed") == (found.low > -margin)
    assert (found.decision == "failed") == (found.high < -margin)
    assert -1 <= found.low <= found.difference <= found.high <= 1


@pytest.mark.parametrize(("n", "decision"), [(20, "inconclusive"), (1000, "passed")])
def test_no_change_at_all_passes_only_with_enough_images(n: int, decision: str) -> None:
    found = noninferiority(np.zeros(n), 0.01, 0.05)
    assert found.decision == decision
    # no image of n got worse: 1 - (alpha / 2)^(1/n)
    assert found.low == pytest.approx(-(1 - 0.025 ** (1 / n)), abs=1e-12)
    assert found.high == -found.low


def test_a_few_bad_losses_are_not_averaged_away() -> None:
    """Three images lost everything: Student's bound would be much nearer to the mean."""
    change = np.r_[-np.ones(3), np.zeros(297)]
    found = noninferiority(change, 0.02, 0.05)
    assert found.low < ttest_1samp(change, 0).confidence_interval(0.9).low
    assert found.decision == "inconclusive"
    assert found.high == pytest.approx(1 - 0.025 ** (1 / 300), abs=1e-12)


def test_one_image_decides_nothing() -> None:
    assert noninferiority([0.0], 0.5, 0.05).decision == "inconclusive"


@pytest.mark.parametrize(
    ("change", "margin", "alpha"),
    [([], 0.1, 0.05), ([2.0], 0.1, 0.05), ([0.0], -0.1, 0.05), ([0.0], 0.1, 0.0)],
)
def test_comparisons_that_make_no_sense_are_refused(
    change: list[float], margin: float, alpha: float
) -> None:
    with pytest.raises(ValueError, match=r"images|scores|level"):
        noninferiority(change, margin, alpha)


@pytest.mark.parametrize(
    ("discordance", "margin", "n"),
    [
        (0.02, 0.01, 1713),
        (0.05, 0.01, 4282),
        (0.05, 0.02, 1071),
        (0.10, 0.01, 8564),
        (0.10, 0.02, 2141),
    ],
)
def test_sample_sizes_are_those_of_the_science_page(
    discordance: float, margin: float, n: int
) -> None:
    assert images_for_noninferiority(discordance, margin) == n


def test_the_sample_size_for_shares_is_about_that_of_the_science_page() -> None:
    assert images_for_noninferiority(0.136**2, 0.01) == pytest.approx(1600, rel=0.02)


def _obuchowski(b: list[int], c: list[int], n: list[int]) -> float:
    d = [first - second for first, second in zip(b, c, strict=True)]
    share = sum(d) / sum(n)
    half = sum((dk - nk * share) ** 2 + dk**2 for dk, nk in zip(d, n, strict=True)) / 2
    return (len(d) - 1) / len(d) * sum(d) ** 2 / half


CLUSTERS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=2, max_size=40)


@given(CLUSTERS)
def test_modified_obuchowski_is_its_formula(clusters: list[tuple[int, int]]) -> None:
    b, c = (list(side) for side in zip(*clusters, strict=True))
    n = [first + second + 3 for first, second in clusters]
    assume(any(first != second for first, second in clusters))
    found = modified_obuchowski(b, c, n)
    assert found.statistic == pytest.approx(_obuchowski(b, c, n), rel=1e-9, abs=1e-12)
    assert found.p_value == pytest.approx(chi2.sf(found.statistic, 1), abs=1e-12)
    assert modified_obuchowski(c, b, n).statistic == pytest.approx(found.statistic, rel=1e-9)


def test_modified_obuchowski_without_change_is_not_significant() -> None:
    found = modified_obuchowski([1, 0, 2], [1, 0, 2], [5, 5, 5])
    assert (found.statistic, found.p_value) == (0, 1)


def _rejected(p: list[float], alpha: float) -> set[int]:
    """Holm's procedure as it is told: step down, stop at the first that is not significant."""
    order = sorted(range(len(p)), key=p.__getitem__)
    rejected: set[int] = set()
    for step, index in enumerate(order):
        if p[index] * (len(p) - step) > alpha:
            break
        rejected.add(index)
    return rejected


@given(st.lists(st.floats(0, 1), max_size=12), st.sampled_from([0.01, 0.05, 0.2]))
def test_holm_rejects_what_the_procedure_rejects(p: list[float], alpha: float) -> None:
    adjusted = holm(p)
    assert set(np.flatnonzero(adjusted <= alpha)) == _rejected(p, alpha)
    assert np.all((adjusted >= p) & (adjusted <= 1))


def test_holm_does_not_depend_on_the_order() -> None:
    p = [0.01, 0.04, 0.03]
    for order in permutations(range(3)):
        assert holm([p[i] for i in order]).tolist() == pytest.approx(
            [(0.03, 0.06, 0.06)[i] for i in order]
        )
