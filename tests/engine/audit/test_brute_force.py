"""A second implementation that shares nothing with the engine agrees with it, cell by cell."""

import io
import math
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from numpy.typing import NDArray
from PIL import Image

from auditing import cell_of, measured, plan_of, rows_of, run
from holdfast.sandbox.parent import AuditOutput

Grey = NDArray[np.float64]
SHIFTS = [[1, 0], [0, -3], [5, 5], [-8, 2]]
ANGLES = [5, -15, 90]
ZOOMS = [0.8, 1.25]
SIDE = 32


def _shifted(image: Grey, shift: list[int]) -> Grey:
    moved = np.zeros_like(image)
    for row in range(SIDE):
        for column in range(SIDE):
            to_row, to_column = row + shift[1], column + shift[0]
            if 0 <= to_row < SIDE and 0 <= to_column < SIDE:
                moved[to_row, to_column] = image[row, column]
    return moved


def _at(image: Grey, row: float, column: float) -> float:
    """Bilinear, black outside."""
    total = 0.0
    for r in (math.floor(row), math.floor(row) + 1):
        for c in (math.floor(column), math.floor(column) + 1):
            if 0 <= r < SIDE and 0 <= c < SIDE:
                total += image[r, c] * (1 - abs(row - r)) * (1 - abs(column - c))
    return total


def _turned(image: Grey, angle: float) -> Grey:
    centre, turn = (SIDE - 1) / 2, math.radians(angle)
    moved = np.zeros_like(image)
    for row in range(SIDE):
        for column in range(SIDE):
            point = complex(column - centre, centre - row) * complex(
                math.cos(turn), -math.sin(turn)
            )
            moved[row, column] = _at(image, centre - point.imag, centre + point.real)
    return moved


def _enlarged(image: Grey, zoom: float) -> Grey:
    centre = (SIDE - 1) / 2
    places = [centre + (i - centre) / zoom for i in range(SIDE)]
    return np.array([[_at(image, row, column) for column in places] for row in places])


def _shrunk(image: Grey, zoom: float) -> Grey:
    """Every output pixel is the mean of the input under a triangle 1 / zoom wide on each side."""
    weights = np.zeros((SIDE, SIDE))
    for i in range(SIDE):
        place = (SIDE - 1) / 2 + (i - (SIDE - 1) / 2) / zoom
        triangle = {k: max(0.0, 1 - abs(k - place) * zoom) for k in range(-60, 100)}
        for k in range(SIDE):
            weights[i, k] = triangle[k] / sum(triangle.values())
    return weights @ image @ weights.T


MOVES: list[tuple[str, Any, Callable[[Grey, Any], Grey]]] = [
    *(("shift_px", shift, _shifted) for shift in SHIFTS),
    *(("angle_deg", float(angle), _turned) for angle in ANGLES),
    *(("zoom", zoom, _shrunk if zoom < 1 else _enlarged) for zoom in ZOOMS),
]


def _scores(model: Path, views: list[Grey]) -> NDArray[np.float64]:
    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    batch = np.array(views, np.float32)[:, None] / 255
    raw = session.run(None, {session.get_inputs()[0].name: batch})[0]
    return np.asarray(raw, np.float64)


def _softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


@pytest.fixture(scope="module", params=["everywhere", "centered"])
def audited(request: pytest.FixtureRequest, digits: Path) -> tuple[Path, AuditOutput]:
    model = digits / f"{request.param}.onnx"
    plan = plan_of(shifts_px=SHIFTS, angles_deg=ANGLES, zooms=ZOOMS, limit=60, seed=7)
    return model, run(model, digits / "probes.zip", plan)


@pytest.fixture(scope="module")
def images(audited: tuple[Path, AuditOutput], digits: Path) -> dict[str, Grey]:
    names = {row["probe"] for row in rows_of(audited[1])}
    with zipfile.ZipFile(digits / "probes.zip") as archive:
        return {
            name: np.asarray(Image.open(io.BytesIO(archive.read(name))).convert("L"), np.float64)
            for name in sorted(names)
        }


def test_every_cell_is_what_brute_force_counts(
    audited: tuple[Path, AuditOutput], images: dict[str, Grey]
) -> None:
    model, output = audited
    assert len(images) == 60
    labels = np.array([int(name.split("/")[0]) for name in images])
    still = _softmax(_scores(model, list(images.values())))
    reference = still.argmax(axis=1)
    rows = {(row["probe"], row["cell"]): row for row in rows_of(output)}
    assert measured(output.result, "accuracy").value == pytest.approx((reference == labels).mean())
    for place, (kind, value, move) in enumerate(MOVES):
        likely = _softmax(_scores(model, [move(image, value) for image in images.values()]))
        predicted = likely.argmax(axis=1)
        drift = np.abs(likely - still)[np.arange(60), reference]
        cell = cell_of(output.result, **{kind: tuple(value) if kind == "shift_px" else value})
        assert cell.consistency == pytest.approx((predicted == reference).mean(), abs=1e-12)
        assert cell.accuracy == pytest.approx((predicted == labels).mean(), abs=1e-12)
        assert cell.drift == pytest.approx(drift.mean(), abs=2e-5)
        for number, name in enumerate(images):
            row = rows[name, place]
            assert (row["label"], row["predicted"]) == (labels[number], predicted[number])
            assert row["reference_probability"] == pytest.approx(
                likely[number, reference[number]], abs=1e-3
            )


def test_the_two_nets_are_told_apart(audited: tuple[Path, AuditOutput]) -> None:
    model, output = audited
    consistency = measured(output.result, "translation.consistency").value
    assert consistency is not None
    assert consistency > 0.97 if model.stem == "everywhere" else consistency < 0.6
