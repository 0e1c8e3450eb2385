"""What the first images tell of the order of the labels, before anything is measured."""

import io
from pathlib import Path

import numpy as np
import pytest

import toys
from auditing import plan_of, run
from holdfast.audit.canvases import CanvasReader
from holdfast.audit.prepare import Setup, prepare
from holdfast.audit.views import ViewRunner
from holdfast.geometry import frame_for
from holdfast.probes.probe_set import open_probes
from holdfast.runtimes.opening import open_model
from toy_probes import Pixels, npz

CLASSES = 8


def _bands(n: int) -> tuple[Pixels, list[int]]:
    """Images with one bright band each, and which one it is."""
    bands = np.random.default_rng(7).integers(0, CLASSES, n)
    images = np.zeros((n, 32, 32), np.uint8)
    for image, band in zip(images, bands, strict=True):
        image[:, band * 4 : band * 4 + 4] = 255
    return images, [int(band) for band in bands]


def _prepared(archive: Path, model: bytes) -> Setup:
    opened, plan = open_model(model, "0"), plan_of()
    frame = frame_for(opened.card, plan.input)
    probes = open_probes(io.BytesIO(archive.read_bytes()))
    reader = CanvasReader(probes, list(range(len(probes.names))), frame, 1)
    runner = ViewRunner(opened, frame, 0)
    return prepare(runner, opened.card, plan, reader.read(0, len(probes.names))).setup


@pytest.mark.parametrize(
    ("order", "telling"),
    [(list(range(CLASSES)), False), ([3, 0, 1, 2, 7, 6, 5, 4], True), ([*range(1, 8), 0], True)],
)
def test_the_first_images_tell_whether_the_labels_are_in_order(
    tmp_path: Path, order: list[int], *, telling: bool
) -> None:
    images, bands = _bands(48)
    archive = npz(tmp_path / "p.npz", images, [order[band] for band in bands])
    mapping = _prepared(archive, toys.band_of_column(CLASSES)).mapping
    assert mapping is not None
    assert mapping.is_telling is telling
    assert mapping.mapped > 0.85
    assert all(order[output] == label for label, output in mapping.pairs)


def test_without_labels_there_is_no_telling(tmp_path: Path) -> None:
    images, _ = _bands(12)
    archive = npz(tmp_path / "p.npz", images)
    assert _prepared(archive, toys.band_of_column(CLASSES)).mapping is None


def test_labels_in_another_order_are_a_finding_of_the_whole_audit(tmp_path: Path) -> None:
    images, labels = _bands(64)
    turned = [(label + 3) % CLASSES for label in labels]
    found = {}
    for name, given in (("right", labels), ("turned", turned)):
        probes = npz(tmp_path / f"{name}.npz", images, given)
        result = run(toys.band_of_column(CLASSES), probes, plan_of(shifts_px=[[1, 0]])).result
        found[name] = [item.id for item in result.findings]
    assert "labels_permuted" in found["turned"]
    assert "labels_permuted" not in found["right"]
