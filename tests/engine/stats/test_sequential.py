"""The e-process against plain arithmetic; its decisions do not depend on how images are fed."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from holdfast.stats import EProcess, PairedEProcess, images_to_decide
from holdfast.stats.sequential import stakes

SCORES = st.lists(st.floats(0, 1), min_size=1, max_size=60)
TAUS = st.floats(0.01, 0.99)


def _shares(seed: int, n: int, p: float, cells: int = 25) -> NDArray[np.float64]:
    draw = np.random.default_rng(seed)
    return np.asarray(draw.binomial(cells, draw.beta(p, 1 - p, n)) / cells)


def _wealth(x: list[float], tau: float) -> list[float]:
    """The mean wealth of six gamblers who bet that the mean is below tau, image by image."""
    first = min(0.05 / tau, 0.5)
    shares = [first / 4, first / 2, *(first * (0.999 / first) ** (j / 3) for j in range(4))]
    purses = [0.05, 0.05, *[0.225] * 4]
    history = []
    for score in x:
        for j, share in enumerate(shares):
            purses[j] *= 1 - share / (1 - tau) * (score - tau)
        history.append(sum(purses))
    return history


@given(SCORES, TAUS)
def test_the_evidence_is_the_mean_wealth_of_fixed_bets(x: list[float], tau: float) -> None:
    process = EProcess(tau, 0.05)
    process.update(np.array(x))
    assert process.log_e_pass == pytest.approx(math.log(_wealth(x, tau)[-1]), abs=1e-6)
    mirrored = _wealth([1 - score for score in x], 1 - tau)
    assert process.log_e_fail == pytest.approx(math.log(mirrored[-1]), abs=1e-6)


@given(st.integers(0, 40), st.integers(0, 40), st.floats(0.02, 0.98))
def test_on_zeros_and_ones_each_bet_is_a_likelihood_ratio(bad: int, good: int, tau: float) -> None:
    process = EProcess(tau, 0.05)
    process.update(np.r_[np.ones(bad), np.zeros(good)])
    bets, log_weights = stakes(tau)
    rates = tau - bets * tau * (1 - tau)  # stake |tau - p1| / (tau (1 - tau)) is p1 against tau
    ratios = (rates / tau) ** bad * ((1 - rates) / (1 - tau)) ** good
    expected = math.log(float(np.exp(log_weights) @ ratios))
    assert process.log_e_pass == pytest.approx(expected, abs=1e-8)


@given(TAUS)
def test_every_bet_is_fair_and_none_can_go_bankrupt(tau: float) -> None:
    """At the worst case, a rate of exactly tau, the expected factor of each bet is 1."""
    bets, log_weights = stakes(tau)
    on_bad, on_good = 1 - bets * (1 - tau), 1 + bets * tau
    assert on_bad.min() > 0
    assert tau * on_bad + (1 - tau) * on_good == pytest.approx(np.ones(len(bets)), abs=1e-9)
    assert np.exp(log_weights).sum() == pytest.approx(1)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.lists(st.integers(0, 90), max_size=12), st.floats(0.02, 0.4))
def test_blocks_of_any_size_give_the_same(seed: int, sizes: list[int], tau: float) -> None:
    x = _shares(seed, 300, 0.1)
    whole, single, blocks = (EProcess(tau, 0.05) for _ in range(3))
    whole.update(x)
    for score in x:
        single.update(np.array([score]))
    for part in np.split(x, np.minimum(np.cumsum(sizes, dtype=int), 300)):
        blocks.update(part)
    for other in (single, blocks):
        assert (other.n, other.n_at_decision, other.decision) == (
            whole.n,
            whole.n_at_decision,
            whole.decision,
        )
        assert other.log_e_pass == pytest.approx(whole.log_e_pass, rel=1e-12, abs=1e-12)
        assert other.log_e_fail == pytest.approx(whole.log_e_fail, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize(("p", "decision"), [(0.02, "passed"), (0.3, "failed")])
def test_it_is_decided_at_the_first_image_that_reaches_the_level(p: float, decision: str) -> None:
    x = _shares(1, 2000, p)
    process = EProcess(0.1, 0.05)
    process.update(x)
    side = x.tolist() if decision == "passed" else (1 - x).tolist()
    wealth = _wealth(side[:600], 0.1 if decision == "passed" else 0.9)
    first = next(i for i, purse in enumerate(wealth, 1) if purse >= 20)
    assert (process.decision, process.n_at_decision, process.n) == (decision, first, 2000)


def test_a_decision_is_never_taken_back() -> None:
    process = EProcess(0.1, 0.05)
    assert process.update(np.zeros(20)) is None
    assert process.update(np.zeros(40)) == "passed"
    decided_at = process.n_at_decision
    assert process.update(np.ones(500)) == "passed"
    assert (process.decision, process.n_at_decision, process.n) == ("passed", decided_at, 560)
    assert process.log_e_fail > math.log(20)


@pytest.mark.parametrize("future", [0.0, 1.0])
def test_what_comes_later_in_a_block_does_not_move_the_decision(future: float) -> None:
    x = _shares(3, 200, 0.02)
    alone, longer = EProcess(0.1, 0.05), EProcess(0.1, 0.05)
    alone.update(x)
    longer.update(np.r_[x, np.full(500, future)])
    assert alone.n_at_decision is not None
    assert (longer.decision, longer.n_at_decision) == (alone.decision, alone.n_at_decision)


def test_the_order_of_a_finished_sample_does_not_move_the_evidence() -> None:
    x = _shares(3, 50, 0.1)
    given_order, worst_first = EProcess(0.2, 0.001), EProcess(0.2, 0.001)
    given_order.update(x)
    worst_first.update(np.sort(x)[::-1])
    assert worst_first.log_e_pass == pytest.approx(given_order.log_e_pass, abs=1e-9)


@given(st.integers(0, 10**6), st.floats(0.02, 0.4))
def test_a_worse_image_never_speaks_for_passing(seed: int, tau: float) -> None:
    x = _shares(seed, 40, 0.1)
    worse = x.copy()
    worse[seed % 40] = min(1.0, worse[seed % 40] + 0.2)
    one, other = EProcess(tau, 0.05), EProcess(tau, 0.05)
    one.update(x)
    other.update(worse)
    assert other.log_e_pass <= one.log_e_pass + 1e-9
    assert other.log_e_fail >= one.log_e_fail - 1e-9


@given(st.integers(0, 10**6), st.floats(0.05, 0.95))
def test_passing_and_failing_are_mirror_images(seed: int, tau: float) -> None:
    x = _shares(seed, 100, 0.2)
    straight, mirrored = EProcess(tau, 0.05), EProcess(1 - tau, 0.05)
    straight.update(x)
    mirrored.update(1 - x)
    assert mirrored.log_e_fail == pytest.approx(straight.log_e_pass, abs=1e-6)
    assert mirrored.log_e_pass == pytest.approx(straight.log_e_fail, abs=1e-6)
    swap = {"passed": "failed", "failed": "passed", None: None}
    assert mirrored.decision == swap[straight.decision]


def test_a_limit_of_0_is_never_passed_and_any_flip_fails_it() -> None:
    process = EProcess(0.0, 0.05)
    assert process.update(np.zeros(10_000)) is None
    assert (process.log_e_pass, process.log_e_fail) == (0, 0)
    assert process.update([0.0, 0.04, 0.0]) == "failed"
    assert process.n_at_decision == 10_002
    process.update(np.zeros(3))
    assert process.log_e_fail == math.inf


@pytest.mark.parametrize(
    ("tau", "score", "decision"),
    [(1.0, 1.0, "passed"), (1.5, 1.0, "passed"), (-0.1, 0.0, "failed"), (math.inf, 0.5, "passed")],
)
def test_a_limit_no_rate_can_cross_is_decided_at_once(
    tau: float, score: float, decision: str
) -> None:
    process = EProcess(tau, 0.05)
    assert process.update([score, score]) == decision
    assert process.n_at_decision == 1


@pytest.mark.parametrize("tau", [5e-324, 1e-300, 1e-17, 1e-9, 1 - 2**-53, 1 - 1e-9])
def test_limits_at_the_edge_of_the_numbers_stay_finite(tau: float) -> None:
    process = EProcess(tau, 0.05)
    process.update(_shares(1, 200, 0.3))
    assert not math.isnan(process.log_e_pass)
    assert not math.isnan(process.log_e_fail)
    assert process.decision == ("failed" if tau < 0.5 else "passed")


def test_nothing_new_changes_nothing() -> None:
    process = EProcess(0.1, 0.05)
    assert process.update([]) is None
    assert (process.n, process.log_e_pass, process.n_at_decision) == (0, 0, None)


@pytest.mark.parametrize("x", [[1.1], [-0.1], [math.nan], [[0.5]], 0.5])
def test_what_is_no_list_of_scores_is_refused(x: object) -> None:
    with pytest.raises(ValueError, match=r"scores|dimension"):
        EProcess(0.1, 0.05).update(x)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("tau", "alpha"), [(0.1, 0.0), (0.1, 1.0), (0.1, math.nan), (math.nan, 0.1)]
)
def test_no_level_and_no_threshold_are_refused(tau: float, alpha: float) -> None:
    with pytest.raises(ValueError, match=r"level|threshold"):
        EProcess(tau, alpha)


@given(st.integers(0, 10**6), st.floats(0, 0.2))
def test_the_paired_test_asks_whether_the_loss_is_below_the_margin(
    seed: int, margin: float
) -> None:
    baseline, candidate = 1 - _shares(seed, 80, 0.1), 1 - _shares(seed + 1, 80, 0.1)
    paired = PairedEProcess(margin, 0.05)
    paired.update(candidate - baseline)
    y = (candidate - baseline + 1) / 2
    plain = EProcess((1 - margin) / 2, 0.05)
    plain.update(y)
    assert paired.log_e_pass == pytest.approx(plain.log_e_fail, abs=1e-9)
    assert paired.log_e_fail == pytest.approx(plain.log_e_pass, abs=1e-9)


@pytest.mark.parametrize(("change", "decision"), [(0.0, "passed"), (-0.1, "failed"), (-0.05, None)])
def test_a_constant_change_is_judged_against_the_margin(change: float, decision: str) -> None:
    assert PairedEProcess(0.05, 0.05).update(np.full(400, change)) == decision


@pytest.mark.parametrize("margin", [-0.01, 1.0, math.nan])
def test_a_margin_outside_the_score_is_refused(margin: float) -> None:
    with pytest.raises(ValueError, match="margin"):
        PairedEProcess(margin, 0.05)


@given(st.floats(0, 1), st.floats(0.01, 0.99), st.sampled_from([0.01, 0.05, 0.1]))
def test_the_forecast_is_exact_for_equal_scores(value: float, tau: float, alpha: float) -> None:
    forecast = images_to_decide(value, 0.0, tau, alpha)
    if forecast is None or forecast > 5000:
        return
    process = EProcess(tau, alpha)
    process.update(np.full(forecast + 1, value))
    assert process.n_at_decision == forecast
    assert process.decision == ("passed" if value < tau else "failed")


@pytest.mark.parametrize(
    ("value", "tau", "expected"),
    [
        (0.1, 0.1, None),
        (0.0, 0.0, None),
        (0.25, 0.0, 4),
        (0.9, 1.0, 1),
        (0.1, -0.1, 1),
        (0.1, 0.1 + 1e-12, None),
        (0.0, 1e-300, None),
        (1.0, 1 - 2**-53, None),
    ],
)
def test_the_forecast_knows_what_is_never_decided(
    value: float, tau: float, expected: int | None
) -> None:
    assert images_to_decide(value, value * (1 - value), tau, 0.05) == expected


@given(st.floats(0.01, 0.99), st.floats(0.02, 0.98), st.floats(0, 1), st.floats(0, 1))
def test_the_forecast_grows_with_the_variance_and_the_level(
    value: float, tau: float, less: float, more: float
) -> None:
    low, high = (share * value * (1 - value) for share in sorted((less, more)))
    forecasts = [
        images_to_decide(value, variance, tau, alpha) or math.inf
        for variance, alpha in ((low, 0.05), (high, 0.05), (high, 0.01))
    ]
    assert forecasts == sorted(forecasts)
