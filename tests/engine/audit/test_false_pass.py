"""How often a model that is exactly at the limit passes: rarely, stopped early or not."""

from pathlib import Path

import numpy as np
import pytest

import toys
from auditing import plan_of
from holdfast.audit.estimating import Estimator
from holdfast.audit.stopping import Stopping
from holdfast.audit.tally import Numbers
from holdfast.gate import judge, read_policy
from holdfast.records.policy import Decision
from holdfast.records.result import AuditResult
from inprocess import run_here
from toy_probes import Pixels, npz

LIMIT, ALPHA, NAME = 0.1, 0.05, "circular.consistency"
PLAN = plan_of(families={"circular": {"shifts_px": [[1, 0]]}})
POLICY = read_policy({"assertions": {NAME: ["error", {"min": 1 - LIMIT}]}})
ROLLED = np.array([[255, 0]], np.uint8)
"""White where a net of stride 2 looks, black after a roll by one."""


def _images(draw: np.random.Generator, n: int) -> Pixels:
    """n images of 2 x 2 pixels that flip with the probability of the limit."""
    flips = draw.random(n) < LIMIT
    steady = np.where(draw.random(n) < 0.5, 255, 0).astype(np.uint8)
    return np.where(flips[:, None, None], ROLLED, steady[:, None, None]) + np.zeros(
        (n, 2, 2), np.uint8
    )


@pytest.mark.slow
def test_whole_audits_at_the_limit_rarely_pass(tmp_path: Path) -> None:
    """Five of 24 would happen in 6 of 1000 runs at 5 %."""
    draw, model = np.random.default_rng(24), toys.subsample(2, size=2)
    decisions = []
    for _ in range(24):
        probes = npz(tmp_path / "p.npz", _images(draw, 150))
        decisions.append(
            judge(run_here(model, probes, PLAN, policy=POLICY).result, POLICY).decision
        )
    assert decisions.count(Decision.passed) < 5
    assert decisions.count(Decision.failed) < 5


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> AuditResult:
    """A real result whose numbers are replaced."""
    images = _images(np.random.default_rng(1), 40)
    probes = npz(tmp_path_factory.mktemp("template") / "p.npz", images)
    return run_here(toys.subsample(2, size=2), probes, PLAN).result


def _rates(draw: np.random.Generator, n: int, rho: float, m: int) -> np.ndarray:
    """Shares of m cells that flip, the cells of an image correlated with rho; their mean: LIMIT."""
    a, b = LIMIT * (1 / rho - 1), (1 - LIMIT) * (1 / rho - 1)
    return draw.binomial(m, draw.beta(a, b, n)) / m


def _verdict(template: AuditResult, bad: np.ndarray, m: int, *, stops: bool) -> Decision:
    """From per-image rates to the verdict, with the engine's own parts."""
    stopping, n = Stopping(POLICY, 1 - ALPHA), len(bad)
    if stops:
        for start in range(0, n, 16):
            part = bad[start : start + 16]
            stopping.take(len(part), {NAME: part})
            if stopping.decided:
                n = start + len(part)
                break
    seen = Numbers(bad[:n], np.arange(n), 1 / m)
    interval = Estimator(1 - ALPHA, anytime=stops).estimate(seen, "good_share")
    numbers = {"value": interval.value, "low": interval.low, "high": interval.high, "n_images": n}
    measurements = tuple(
        each.model_copy(update=numbers) if each.id == NAME else each
        for each in template.measurements
    )
    evidence = stopping.evidence(len(bad)) if stops else None
    changed = {"measurements": measurements, "sequential": evidence}
    return judge(template.model_copy(update=changed), POLICY).decision


@pytest.mark.slow
@pytest.mark.parametrize("stops", [True, False])
@pytest.mark.parametrize(("rho", "m"), [(0.7, 8), (0.2, 24)])
def test_at_the_limit_neither_verdict_is_more_frequent_than_alpha(
    template: AuditResult, *, rho: float, m: int, stops: bool
) -> None:
    runs, draw = 200 if stops else 400, np.random.default_rng(5)
    decisions = [_verdict(template, _rates(draw, 300, rho, m), m, stops=stops) for _ in range(runs)]
    band = ALPHA + 3 * np.sqrt(ALPHA * (1 - ALPHA) / runs)
    for decision in (Decision.passed, Decision.failed):
        assert decisions.count(decision) <= band * runs, decision
