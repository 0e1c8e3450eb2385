"""Which bets decide a gate with the fewest images? The simulation behind ADR 0009.

Every bet tests "the mean of the per-image bad rates is at least tau" (the pass side); the fail side
is the same test of 1 - x against 1 - tau. All see the same draws. `best fixed` knows the true
distribution and bets its log-optimal fixed stake: no method can be much better, none is available.
"""

import argparse
import itertools
import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from holdfast.stats.sequential import stakes

Array = NDArray[np.float64]
Bet = Callable[[Array, float], Array]
Sample = Callable[[np.random.Generator, float, tuple[int, int]], Array]
ALPHA = 0.05
LOG_LEVEL = math.log(1 / ALPHA)
REFERENCE = "best fixed stake (knows the truth)"


def agrapa(cap: float, mean0: float | None = 0.5, var0: float = 0.25, weight: float = 1) -> Bet:
    """Approximate growth-rate adaptive bets with a prior worth `weight` images (None: at tau)."""

    def log_e(x: Array, tau: float) -> Array:
        t = np.arange(1, x.shape[1] + 1)
        start = tau if mean0 is None else mean0
        mean = (weight * start + np.cumsum(x, 1)) / (t + weight)
        var = (weight * var0 + np.cumsum((x - mean) ** 2, 1)) / (t + weight)
        mean = np.insert(mean[:, :-1], 0, start, axis=1)
        var = np.insert(var[:, :-1], 0, var0, axis=1)
        gap = tau - mean
        stake = np.clip(gap / (var + gap**2), 0, cap / (1 - tau))
        return np.asarray(np.cumsum(np.log1p(-stake * (x - tau)), 1))

    return log_e


def predictable_mixture(cap: float) -> Bet:
    """Stakes sqrt(2 ln(1/alpha) / (var t ln(1 + t))), whatever the mean."""

    def log_e(x: Array, tau: float) -> Array:
        t = np.arange(1, x.shape[1] + 1)
        mean = (0.5 + np.cumsum(x, 1)) / (t + 1)
        var = (0.25 + np.cumsum((x - mean) ** 2, 1)) / (t + 1)
        var = np.insert(var[:, :-1], 0, 0.25, axis=1)
        stake = np.sqrt(2 * LOG_LEVEL / (var * t * np.log1p(t)))
        return np.asarray(np.cumsum(np.log1p(-np.minimum(stake, cap / (1 - tau)) * (x - tau)), 1))

    return log_e


def mixture(shares: Array, weights: Array | None = None) -> Bet:
    """The mean wealth of fixed bets; a share of 1 is the largest stake that cannot go bankrupt."""

    def log_e(x: Array, tau: float) -> Array:
        each = np.full(len(shares), 1 / len(shares)) if weights is None else weights
        total = np.full(x.shape, -np.inf)
        for share, weight in zip(shares, each, strict=True):
            wealth = np.cumsum(np.log1p(-share / (1 - tau) * (x - tau)), 1)
            total = np.logaddexp(total, math.log(weight) + wealth)
        return total

    return log_e


def scaled(nearest: float, count: int, power: float = 0.0) -> Bet:
    """Log-spaced shares from the one for 0/1 scores `nearest` off tau; weights share^power."""

    def log_e(x: Array, tau: float) -> Array:
        parts = np.geomspace(min(nearest / tau, 0.25), 0.999, count)
        return mixture(parts, parts**power / (parts**power).sum())(x, tau)

    return log_e


def both(first: Bet, second: Bet) -> Bet:
    """Half the wealth on each."""

    def log_e(x: Array, tau: float) -> Array:
        return np.asarray(np.logaddexp(first(x, tau), second(x, tau)) - math.log(2))

    return log_e


def product(x: Array, tau: float) -> Array:
    """What `EProcess` does, from its own stakes."""
    bets, log_weights = stakes(tau)
    return mixture(bets * (1 - tau), np.exp(log_weights))(x, tau)


def best_fixed(x: Array, tau: float) -> Array:
    """The log-optimal fixed stake of the pooled draws: a reference that knows the truth."""
    pooled = x.ravel()[:20000]
    best = minimize_scalar(
        lambda share: -float(np.log1p(-share / (1 - tau) * (pooled - tau)).mean()),
        bounds=(0, 0.9999),
        method="bounded",
    ).x
    return mixture(np.array([max(best, 1e-6)]))(x, tau)


BETS: dict[str, Bet] = {
    "aGRAPA, c = 1/2 (science reference)": agrapa(0.5),
    "aGRAPA, c = .9": agrapa(0.9),
    "aGRAPA, c = .999": agrapa(0.999),
    "aGRAPA, c = .9, start at tau, variance .05": agrapa(0.9, None, 0.05),
    "predictable mixture, c = .9": predictable_mixture(0.9),
    "mean of 20 equally spaced stakes": mixture((np.arange(20) + 0.5) / 20),
    "mean of 25 log-spaced stakes, share .01 up": mixture(np.geomspace(0.01, 0.999, 25)),
    "**4 stakes from .05 off tau; a tenth on 2 smaller ones**": product,
    "4 stakes from .05 off tau, equal weights": scaled(0.05, 4),
    "10 stakes from .01 off tau, equal weights": scaled(0.01, 10),
    "half that, half aGRAPA": both(scaled(0.01, 10), agrapa(0.9, None, 0.05)),
    "10 from .01, weights share^1/4": scaled(0.01, 10, 0.25),
    "10 from .01, weights share^1/2": scaled(0.01, 10, 0.5),
    "10 from .01, weights share^3/4": scaled(0.01, 10, 0.75),
    "16 from .004, weights share^1/2": scaled(0.004, 16, 0.5),
    REFERENCE: best_fixed,
}


def shares(draw: np.random.Generator, p: float, rho: float, shape: tuple[int, int]) -> Array:
    """Beta-binomial bad rates over 25 cells that are correlated by rho."""
    if p <= 0 or p >= 1:
        return np.full(shape, float(p))
    spread = 1 / rho - 1
    return np.asarray(draw.binomial(25, draw.beta(p * spread, (1 - p) * spread, shape)) / 25)


KINDS: dict[str, Sample] = {
    "binary": lambda draw, p, shape: np.asarray(draw.random(shape) < p, np.float64),
    "shares, ICC .6": lambda draw, p, shape: shares(draw, p, 0.6, shape),
    "shares, ICC .2": lambda draw, p, shape: shares(draw, p, 0.2, shape),
    "shares, ICC .02": lambda draw, p, shape: shares(draw, p, 0.02, shape),
}


def first_crossing(log_e: Array) -> NDArray[np.intp]:
    """The 1-based image at which each run is decided; one more than there are if never."""
    hit = log_e >= LOG_LEVEL
    return np.asarray(np.where(hit.any(1), hit.argmax(1) + 1, log_e.shape[1] + 1))


def crossings(
    sample: Sample, distance: float, tau: float, runs: int, limit: int
) -> dict[str, NDArray[np.intp]]:
    """For every bet: the image at which the side that is right (or, at tau, passes) is decided."""
    p = max(tau + distance, 0.0)
    x = sample(np.random.default_rng(20261125), p, (runs, limit))
    side = (x, tau) if distance <= 0 else (1 - x, 1 - tau)
    return {name: first_crossing(bet(*side)) for name, bet in BETS.items()}


def excess(
    taus: tuple[float, ...], distances: tuple[float, ...], runs: int, limit: int
) -> dict[str, Array]:
    """Mean images to the right decision (at most `limit`) over those of the best fixed stake."""
    rows: dict[str, list[float]] = {name: [] for name in BETS}
    for sample in KINDS.values():
        for tau, distance in itertools.product(taus, distances):
            found = crossings(sample, distance, tau, runs, limit)
            means = {name: float(np.minimum(n, limit).mean()) for name, n in found.items()}
            for name, mean in means.items():
                rows[name].append(mean / means[REFERENCE])
    return {name: np.array(row) for name, row in rows.items()}


def decided(runs: int) -> dict[str, list[float]]:
    """Share decided by 100, 200 and 500 images: tau .1, truth .05 and .15, all kinds of scores."""
    rows: dict[str, list[NDArray[np.intp]]] = {name: [] for name in BETS}
    for sample, distance in itertools.product(KINDS.values(), (-0.05, 0.05)):
        for name, n in crossings(sample, distance, 0.1, runs, 500).items():
            rows[name].append(n)
    return {
        name: [float(np.mean(np.concatenate(row) <= by)) for by in (100, 200, 500)]
        for name, row in rows.items()
    }


def wrong(runs: int, limit: int) -> dict[str, float]:
    """The share of runs with the truth at tau that are ever passed, over all settings."""
    rows: dict[str, list[float]] = {name: [] for name in BETS}
    for sample, tau in itertools.product(KINDS.values(), (0.05, 0.2)):
        for name, n in crossings(sample, 0.0, tau, runs, limit).items():
            rows[name].append(float(np.mean(n <= limit)))
    return {name: float(np.mean(row)) for name, row in rows.items()}


def main() -> None:
    """Print the table of the decision page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=60)
    options = parser.parse_args()
    far = excess(
        (0.02, 0.05, 0.1, 0.2, 0.3), (-0.2, -0.1, -0.05, 0.05, 0.1, 0.2), options.runs, 1000
    )
    close = excess((0.05, 0.1, 0.3), (-0.02, 0.02), max(options.runs // 3, 10), 5000)
    by, false = decided(2 * options.runs), wrong(5 * options.runs, 2000)
    print("| bets | far | worst | close | by 100 / 200 / 500 | false pass |")
    print("|---|---|---|---|---|---|")
    for name in BETS:
        geometric = [float(np.exp(np.log(table[name]).mean())) for table in (far, close)]
        parts = " / ".join(f"{part:.0%}" for part in by[name])
        print(
            f"| {name} | {geometric[0]:.2f} | {far[name].max():.2f} | {geometric[1]:.2f}"
            f" | {parts} | {false[name]:.1%} |"
        )


if __name__ == "__main__":
    main()
