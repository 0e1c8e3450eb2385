"""Do the bounds of the worst cell hold? The simulation behind ADR 0010.

Flips of one image are correlated over the cells (Gaussian copula). For every method: how often the
upper bound covers the largest true rate, how often the lower bound is below it, how often the upper
bound covers the true rate of the cell that was picked, and how far above the largest rate it is.
"""

import argparse

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from holdfast.stats import WorstCellMethod, worst_cell

METHODS: tuple[WorstCellMethod, ...] = ("each", "bonferroni", "max_t", "split")
CONFIDENCE = 0.95


def equal(m: int, p: float) -> NDArray[np.float64]:
    """Every cell has the same rate: selection does the most harm to the estimate."""
    return np.full(m, p)


def slope(m: int, p: float) -> NDArray[np.float64]:
    """Rates fall from p to a third of it: the worst cell is hard to find."""
    return np.linspace(p, p / 3, m)


def one(m: int, p: float) -> NDArray[np.float64]:
    """One bad cell among cells of half its rate."""
    return np.concatenate([[p], np.full(m - 1, p / 2)])


# images, true rates of the cells, correlation of the latent variable
SETTINGS = {
    "n=100, 25 cells .05": (100, equal(25, 0.05), 0.7),
    "n=200, 25 cells .05": (200, equal(25, 0.05), 0.7),
    "n=200, 25 cells .005": (200, equal(25, 0.005), 0.7),
    "n=200, 25 cells .05 to .017": (200, slope(25, 0.05), 0.7),
    "n=1000, 25 cells .05 to .017": (1000, slope(25, 0.05), 0.9),
    "n=200, one of 25 cells .10": (200, one(25, 0.10), 0.7),
    "n=1000, one of 25 cells .05": (1000, one(25, 0.05), 0.7),
    "n=200, 775 cells .05": (200, equal(775, 0.05), 0.7),
    "n=1000, 775 cells .05": (1000, equal(775, 0.05), 0.9),
}


def flips(
    draw: np.random.Generator, n: int, rates: NDArray[np.float64], rho: float
) -> NDArray[np.bool_]:
    """Flips (n, m) with those rates; rho correlates the normal variables behind them."""
    image = draw.standard_normal((n, 1))
    cell = draw.standard_normal((n, len(rates)))
    return np.asarray(np.sqrt(rho) * image + np.sqrt(1 - rho) * cell < ndtri(rates))


def coverage(
    method: WorstCellMethod, n: int, rates: NDArray[np.float64], rho: float, runs: int
) -> tuple[float, float, float, float]:
    """Shares of runs: upper bound holds, lower bound holds, picked cell covered; mean excess."""
    draw = np.random.default_rng(20261125)
    worst, rows = rates.max(), []
    for seed in range(runs):
        found = worst_cell(flips(draw, n, rates, rho), CONFIDENCE, method=method, seed=seed)
        upper, lower = found.bound >= worst, found.low <= worst
        rows.append((upper, lower, found.bound >= rates[found.place], found.bound - worst))
    means = np.mean(rows, axis=0)
    return float(means[0]), float(means[1]), float(means[2]), float(means[3])


def main() -> None:
    """Print the table of the decision page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=400)
    options = parser.parse_args()
    print("| truth | " + " | ".join(METHODS) + " |")
    print("|---|" + "---|" * len(METHODS))
    for name, (n, rates, rho) in SETTINGS.items():
        cells = [coverage(method, n, rates, rho, options.runs) for method in METHODS]
        texts = [f"{up:.3f} / {low:.3f} / {own:.3f}, +{over:.3f}" for up, low, own, over in cells]
        print(f"| {name} | " + " | ".join(texts) + " |", flush=True)


if __name__ == "__main__":
    main()
