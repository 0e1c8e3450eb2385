"""Heads with one score or several answers, groups and controls: from the file to the result."""

from pathlib import Path

import numpy as np
import pytest

import toys
from auditing import LIMITS, cell_of, measured, plan_of, rows_of, run
from holdfast.errors import HoldfastError
from holdfast.sandbox.parent import AuditOutput, verify_result
from holdfast.stats import mean_interval
from toy_probes import Pixels, flat, noise, png, zip_of

SIZE, N = 8, 60
SHIFTS = [[1, 0], [0, -2], [3, 3]]
PLACES = [(2, 2), (4, 5), (6, 1)]
NAMES = ("consistency", "worst_case", "drift", "accuracy", "robust_accuracy", "pair_consistency")


def _dense(head: str) -> bytes:
    """z = w x + b as two logits (0, z), as one logit (n, 1) or (n,), or as sigmoid(z)."""
    w = np.random.default_rng(9).normal(size=(SIZE * SIZE, 1))
    weights = [toys.tensor("w", w), toys.tensor("b", [-0.5 * float(w.sum())])]
    nodes = [toys.node("Flatten", ["image"], "flat"), toys.node("Gemm", ["flat", "w", "b"], "z")]
    shape: list[int | str | None] = ["n", 1]
    if head == "two logits":
        nodes += [
            toys.node("Sub", ["z", "z"], "zero"),
            toys.node("Concat", ["zero", "z"], "scores", axis=1),
        ]
        shape = ["n", 2]
    elif head == "flat logit":
        weights.append(toys.tensor("last", [1], "int64"))
        nodes.append(toys.node("Squeeze", ["z", "last"], "scores"))
        shape = ["n"]
    else:
        kind = "Sigmoid" if head == "sigmoid" else "Identity"
        nodes.append(toys.node(kind, ["z"], "scores"))
    image, scores = toys.value("image", ["n", 1, SIZE, SIZE]), toys.value("scores", shape)
    return toys.model(nodes, [image], [scores], weights)


def _run(folder: Path, head: str) -> AuditOutput:
    probes = flat(folder / "p.zip", noise(N, SIZE, SIZE, seed=2), [n % 2 for n in range(N)])
    return run(_dense(head), probes, plan_of(shifts_px=SHIFTS, angles_deg=[20]))


def test_one_score_is_the_two_class_head_it_stands_for(tmp_path: Path) -> None:
    two = _run(tmp_path, "two logits").result
    kinds = {
        "one logit": "binary_logit",
        "flat logit": "binary_logit",
        "sigmoid": "binary_probability",
    }
    for head, kind in kinds.items():
        one = _run(tmp_path, head).result
        assert one.provenance.output_kind == kind
        assert one.model.n_classes == 2
        for family in ("translation", "rotation"):
            for name in NAMES:
                found, wanted = (measured(r, f"{family}.{name}") for r in (one, two))
                assert found.value == pytest.approx(wanted.value, abs=1e-6), name
                assert found.low == pytest.approx(wanted.low, abs=1e-6), name
    assert 0 < (measured(two, "translation.consistency").value or 0) < 1


def test_a_label_that_one_score_cannot_give_is_refused(tmp_path: Path) -> None:
    probes = flat(tmp_path / "p.zip", noise(4, SIZE, SIZE), [0, 1, 2, 0])
    with pytest.raises(HoldfastError) as refused:
        run(_dense("one logit"), probes, plan_of(shifts_px=SHIFTS))
    assert refused.value.code == "labels_mismatch"


def _three_pixels() -> bytes:
    """Three labels, each the sign of one pixel less one half."""
    matrix = np.zeros((SIZE * SIZE, 3))
    for label, (row, column) in enumerate(PLACES):
        matrix[row * SIZE + column, label] = 10
    nodes = [
        toys.node("Flatten", ["image"], "flat"),
        toys.node("Gemm", ["flat", "w", "b"], "scores"),
    ]
    weights = [toys.tensor("w", matrix), toys.tensor("b", [-5.0] * 3)]
    image, scores = toys.value("image", ["n", 1, SIZE, SIZE]), toys.value("scores", ["n", 3])
    return toys.model(nodes, [image], [scores], weights)


def _sets(images: Pixels, dx: int, dy: int) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """The labels of each image, (n, 3), where the content moved on black."""
    padded = np.pad(images, [(0, 0), (SIZE, SIZE), (SIZE, SIZE)])
    at = [padded[:, SIZE + row - dy, SIZE + column - dx] > 127 for row, column in PLACES]
    return np.stack(at, axis=1)


def test_a_set_of_labels_changes_when_one_of_them_does(tmp_path: Path) -> None:
    images = noise(N, SIZE, SIZE, seed=5, low=0, high=2) * np.uint8(255)
    labels = [n % 3 for n in range(N)]
    probes = flat(tmp_path / "p.zip", images, labels)
    plan = plan_of(shifts_px=SHIFTS, output_kind="multilabel_logits")
    output = run(_three_pixels(), probes, plan)
    assert output.result.provenance.output_kind == "multilabel_logits"
    still = _sets(images, 0, 0)
    changed = np.stack([(_sets(images, *shift) != still).any(axis=1) for shift in SHIFTS], axis=1)
    for place, shift in enumerate(SHIFTS):
        cell = cell_of(output.result, shift_px=tuple(shift))
        assert cell.consistency == pytest.approx(1 - changed[:, place].mean())
        right = _sets(images, *shift)[np.arange(N), labels]
        assert cell.accuracy == pytest.approx(right.mean())
    found = measured(output.result, "translation.worst_case")
    assert found.value == pytest.approx(1 - changed.any(axis=1).mean())
    (tmp_path / "r.json").write_bytes(output.result_json)
    (tmp_path / "s").write_bytes(output.samples)
    again = verify_result(tmp_path / "r.json", tmp_path / "s", mode="required", limits=LIMITS)
    assert again.differences == ()


def test_groups_of_the_label_file_have_numbers_of_their_own(tmp_path: Path) -> None:
    """Three cameras of which one has too few images; some images have no label and no group."""
    images = noise(40, SIZE, SIZE, seed=6)
    cameras = ["north"] * 20 + ["south"] * 12 + ["roof"] * 3
    lines = [f"{n:04}.png,{n % 5},{camera}" for n, camera in enumerate(cameras)]
    table = "\n".join(["file,label,group", *lines]).encode()
    members = [(f"{n:04}.png", png(image)) for n, image in enumerate(images)]
    probes = zip_of(tmp_path / "p.zip", [*members, ("labels.csv", table)])
    model = toys.linear(channels=1, size=(SIZE, SIZE))
    output = run(model, probes, plan_of(shifts_px=SHIFTS, seed=5))
    rows = rows_of(output)
    groups = {(str(g.kind), g.name, g.measurement): g for g in output.result.groups}
    assert {name for kind, name, _ in groups if kind == "group"} == {"north", "south"}
    assert {name for kind, name, _ in groups if kind == "class"} == {"0", "1", "2", "3", "4"}
    for kind, column in (("group", "group"), ("class", "label")):
        for name in {name for of, name, _ in groups if of == kind}:
            mine = [row for row in rows if str(row[column]) == name]
            probe_names = sorted({row["probe"] for row in mine})
            bad = np.array(
                [
                    np.mean([r["flip"] for r in mine if r["probe"] == p and r["role"] == "cell"])
                    for p in probe_names
                ]
            )
            found = groups[kind, name, "translation.consistency"]
            wanted = mean_interval(bad, 0.95, step=1 / len(SHIFTS)).flipped()
            assert found.n_images == len(probe_names)
            assert (found.value, found.low, found.high) == pytest.approx(
                (wanted.value, wanted.low, wanted.high)
            )
            right = [row["predicted"] == row["label"] for row in mine if row["role"] == "reference"]
            assert groups[kind, name, "accuracy"].value == pytest.approx(np.mean(right))


def test_exactly_so_many_images_have_controls_as_the_plan_says(tmp_path: Path) -> None:
    probes = flat(tmp_path / "p.zip", noise(30, SIZE, SIZE, 3))
    output = run(toys.linear(), probes, plan_of(shifts_px=SHIFTS, angles_deg=[20], controls=7))
    for cell in output.result.cells:
        assert {control.n_images for control in cell.controls} == {7}
    assert measured(output.result, "rotation.excess_flip_rate").n_images == 7
    with_controls = {row["probe"] for row in rows_of(output) if row["role"] == "blur"}
    assert len(with_controls) == 7
    (tmp_path / "r.json").write_bytes(output.result_json)
    (tmp_path / "s").write_bytes(output.samples)
    again = verify_result(tmp_path / "r.json", tmp_path / "s", mode="required", limits=LIMITS)
    assert again.differences == ()
