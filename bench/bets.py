"""Which bets decide a gate with the fewest images? The simulation behind ADR 0009.

Every bet tests "the mean of the per-image bad rates is at least tau" (the pass side); the fail side
is the same test of 1 - x against 1 - tau. All see the same draws. `best fixed` knows the true
distribution and bets its log-optimal fixed stake: no method can be much better, none is available.
"""

import argparse
import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

Array = NDArray[np.float64]
Bet = Callable[[Array, float], Array]
ALPHA = 0.05
LOG_LEVEL = math.log(1 / ALPHA)
DISTANCES = (-0.2, -0.1, -0.05, 0.05, 0.1, 0.2)
TAUS = (0.02, 0.05, 0.1, 0.2, 0.3)


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


def scaled_mixture(nearest: float, count: int, top: float = 0.999) -> Bet:
    """Log-spaced shares; the smallest is the Bernoulli-optimal one for a mean `nearest` off tau."""

    def log_e(x: Array, tau: float) -> Array:
        smallest = min(nearest / tau, 0.5)
        return mixture(np.geomspace(smallest, top, count))(x, tau)

    return log_e


def both(first: Bet, second: Bet, part: float = 0.5) -> Bet:
    def log_e(x: Array, tau: float) -> Array:
        return np.asarray(
            np.logaddexp(
                math.log(part) + first(x, tau), math.log(1 - part) + second(x, tau)
            )
        )

    return log_e


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
    "aGRAPA c=.5": agrapa(0.5),
    "aGRAPA c=.9": agrapa(0.9),
    "aGRAPA c=.999": agrapa(0.999),
    "aGRAPA c=.9 prior tau, .05": agrapa(0.9, None, 0.05),
    "aGRAPA c=.9 prior tau, .05 w5": agrapa(0.9, None, 0.05, 5),
    "mix uniform 20": mixture((np.arange(20) + 0.5) / 20),
    "mix log .01 8": mixture(np.geomspace(0.01, 0.999, 8)),
    "mix log .01 25": mixture(np.geomspace(0.01, 0.999, 25)),
    "mix log .002 16": mixture(np.geomspace(0.002, 0.999, 16)),
    "mix near.05 4": scaled_mixture(0.05, 4),
    "mix near.05 10": scaled_mixture(0.05, 10),
    "mix near.025 6": scaled_mixture(0.025, 6),
    "mix near.025 10": scaled_mixture(0.025, 10),
    "mix near.025 20": scaled_mixture(0.025, 20),
    "mix near.01 10": scaled_mixture(0.01, 10),
    "mix near.01 10 + aGRAPA": both(scaled_mixture(0.01, 10), agrapa(0.9, None, 0.05)),
    "best fixed": best_fixed,
}


def beta_binomial(draw: np.random.Generator, p: float, rho: float, shape: tuple[int, int]) -> Array:
    if p <= 0 or p >= 1:
        return np.full(shape, float(p))
    spread = 1 / rho - 1
    return np.asarray(draw.binomial(25, draw.beta(p * spread, (1 - p) * spread, shape)) / 25)


KINDS: dict[str, Callable[[np.random.Generator, float, tuple[int, int]], Array]] = {
    "binary": lambda draw, p, shape: (draw.random(shape) < p) * 1.0,
    "shares, ICC .6": lambda draw, p, shape: beta_binomial(draw, p, 0.6, shape),
    "shares, ICC .2": lambda draw, p, shape: beta_binomial(draw, p, 0.2, shape),
    "shares, ICC .02": lambda draw, p, shape: beta_binomial(draw, p, 0.02, shape),
}


def first_crossing(log_e: Array) -> NDArray[np.intp]:
    """The 1-based image at which each run is decided; one more than there are if never."""
    hit = log_e >= LOG_LEVEL
    return np.where(hit.any(1), hit.argmax(1) + 1, log_e.shape[1] + 1)


def images(runs: int, limit: int) -> dict[str, dict[tuple[str, float, float], float]]:
    """Mean images until the right decision, at most `limit`, by bet and setting."""
    table: dict[str, dict[tuple[str, float, float], float]] = {name: {} for name in BETS}
    for kind, sample in KINDS.items():
        for tau in TAUS:
            for distance in DISTANCES:
                p = max(tau + distance, 0.0)
                if distance < 0 and (kind, tau, p) in table["best fixed"]:
                    continue
                x = sample(np.random.default_rng(20261125), p, (runs, limit))
                side = (x, tau) if distance < 0 else (1 - x, 1 - tau)
                for name, bet in BETS.items():
                    n = np.minimum(first_crossing(bet(*side)), limit)
                    table[name][kind, tau, p] = float(n.mean())
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--limit", type=int, default=1000)
    options = parser.parse_args()
    table = images(options.runs, options.limit)
    best = table["best fixed"]
    for name, row in table.items():
        ratios = np.array([row[key] / best[key] for key in best])
        cells = []
        for kind in KINDS:
            cells.append(np.exp(np.mean([math.log(row[k] / best[k]) for k in best if k[0] == kind])))
        near = np.exp(np.mean([math.log(row[k] / best[k]) for k in best if abs(k[1] - k[2]) < 0.06]))
        print(f"{name:32s} geo {np.exp(np.log(ratios).mean()):.3f} near {near:.3f} worst {ratios.max():.2f}  "
              + " ".join(f"{c:.2f}" for c in cells))


if __name__ == "__main__":
    main()
