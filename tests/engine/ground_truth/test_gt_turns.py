"""GT-16, GT-18, GT-25: orientation, a hash, and models that do not answer twice alike."""

from pathlib import Path

import numpy as np
import pytest

import toys
import truth_nets
from auditing import cell_of, measured, plan_of, rows_of, run
from holdfast.errors import HoldfastError
from toy_probes import flat, noise
from truth_images import wave


def test_gt16_a_quarter_turn_exchanges_the_directions(tmp_path: Path) -> None:
    """Analytic waves, nothing resampled: the class changes at 45 and 135 degrees only."""
    size = 65
    angles = [angle for angle in range(180) if angle not in (45, 135)]
    images = [wave(size, angle, 9.0) for angle in angles]
    plan = plan_of("byte", families={"lattice": {"mirror": True}})
    probes = flat(tmp_path / "p.zip", images)
    output = run(truth_nets.orientation(size), probes, plan)
    for row in rows_of(output):
        if row["role"] == "reference":
            angle = angles[int(row["probe"][:4])]
            assert row["predicted"] == int(45 < angle < 135), angle
    for exact, kept in (("turn_90", 0), ("turn_180", 1), ("turn_270", 0), ("mirror", 1)):
        assert cell_of(output.result, exact=exact).consistency == kept, exact


def test_gt18_a_hash_is_the_worst_independent_model(tmp_path: Path) -> None:
    n, classes = 120, 10
    grid = [[dx, dy] for dx in range(6) for dy in range(6) if (dx, dy) != (0, 0)]
    probes = flat(tmp_path / "p.zip", noise(n, 8, 8, seed=18))
    plan = plan_of("byte", families={"circular": {"shifts_px": grid}})
    output = run(truth_nets.hashed(), probes, plan)
    m, p = len(grid), 1 / classes
    band = 4 * np.sqrt(p * (1 - p) / (n * m))
    for name in ("consistency", "pair_consistency"):
        assert measured(output.result, f"circular.{name}").value == pytest.approx(p, abs=band)
    steps = measured(output.result, "circular.flip_probability").value
    assert steps == pytest.approx(1 - p, abs=4 * np.sqrt(p * (1 - p) / (n * 10)))
    assert measured(output.result, "circular.worst_case").value == 0
    curve = next(curve for curve in output.result.curves if curve.id == "worst_of_k")
    for at in curve.points[:2]:
        assert at.value == pytest.approx(p**at.x, abs=band)
    assert run(truth_nets.hashed(), probes, plan).samples == output.samples


@pytest.mark.parametrize("export", ["noise", "batch_norm"])
def test_gt25_a_model_that_answers_differently_twice_is_refused(
    tmp_path: Path, export: str
) -> None:
    """Noise differs from run to run; a normalisation in training mode remembers earlier runs."""
    models = {
        "noise": toys.random_operator(),
        "batch_norm": truth_nets.batch_statistics(normed=True),
    }
    probes = flat(tmp_path / "p.zip", noise(40, 8, 8))
    with pytest.raises(HoldfastError) as refused:
        run(models[export], probes, plan_of(shifts_px=[[1, 0]]))
    known = ("nondeterministic", "load_failed", "run_failed")
    assert refused.value.code in (known if export == "batch_norm" else known[:1])


def test_gt25_a_model_that_looks_at_its_batch_is_audited_image_by_image(tmp_path: Path) -> None:
    """Scores minus the batch's mean: of one image alone, nothing is left."""
    probes = flat(tmp_path / "p.zip", noise(12, 8, 8))
    model = truth_nets.batch_statistics(normed=False)
    result = run(model, probes, plan_of(shifts_px=[[1, 0]])).result
    assert (result.model.batch, result.model.batching) == (1, "mixes")
    assert {"batch_mixes", "constant_model"} <= {finding.id for finding in result.findings}
