"""GT-17, GT-24: what zoom and interpolation do to area and to fine detail.

The scale part of GT-17 goes through the warp; rendering the disc at each scale is left out.
"""

from pathlib import Path

import numpy as np
import pytest

import toys
import truth_nets
from auditing import cell_of, measured, plan_of, run
from holdfast.records.families import Family
from holdfast.sandbox.parent import AuditOutput
from toy_probes import flat
from truth_images import white_noise

LATTICE = {"lattice": {}, "circular": {"shifts_px": [[1, 0], [7, 5]]}}


def test_gt17_a_disc_is_large_enough_from_its_zoom_on(tmp_path: Path) -> None:
    """Area grows with the square of the zoom: a threshold of 1.21 times it is reached at 1.10."""
    size, radius = 128, 30
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    image = np.where(np.hypot(x, y) <= radius, 200, 0).astype(np.uint8)
    zooms = [1.05, 1.08, 1.09, 1.11, 1.12, 1.15, 0.9]
    probes = flat(tmp_path / "p.zip", [image, image])
    net = toys.mean_pixel(1.21 * float(image.mean()), size=(size, size))
    result = run(net, probes, plan_of("byte", zooms=zooms, resize=size)).result
    for zoom in zooms:
        assert cell_of(result, zoom=zoom).consistency == float(zoom < 1.10), zoom


@pytest.fixture(scope="module")
def energy(tmp_path_factory: pytest.TempPathFactory) -> AuditOutput:
    """White noise under a model that asks whether three quarters of its energy are left."""
    size, sd = 64, 30.0
    images = white_noise(12, size, sd=sd)
    probes = flat(tmp_path_factory.mktemp("gt24") / "p.zip", images)
    halves = [{"shift_px": [step, step]} for step in (0.25, 0.5)]
    families = {
        **LATTICE,
        "rotation": {"angles_deg": [-27.0, 10.0, 33.0], "border": "disc"},
        "spatial": {"cells": halves},
    }
    plan = plan_of("byte", families=families, controls=12)
    return run(truth_nets.energy_in_disc(size, 128.0, 0.75 * sd**2), probes, plan)


def test_gt24_interpolation_loses_what_the_model_reads(energy: AuditOutput) -> None:
    for family in ("lattice", "circular"):
        assert measured(energy.result, f"{family}.worst_case").value == 1
    for family in ("rotation", "spatial"):
        assert measured(energy.result, f"{family}.consistency").value == 0


def test_gt24_the_blur_control_flips_as_well_and_the_finding_says_so(energy: AuditOutput) -> None:
    for cell in energy.result.cells:
        for control in cell.controls:
            if control.kind == "blur":
                assert (control.flip_rate, control.excess_flip_rate) == (1, 0), cell
            else:
                assert control.flip_rate == 0, cell
    with_blur = {cell.family for cell in energy.result.cells if cell.controls}
    assert with_blur == {Family.rotation, Family.spatial}
    assert measured(energy.result, "rotation.excess_flip_rate").value == 0
    names = [finding.id for finding in energy.result.findings]
    assert {"rotation.resampling", "spatial.resampling"} <= set(names)
    assert not {"rotation.content_loss", "spatial.content_loss"} & set(names)
