"""`holdfast inspect`: all that a file tells, for people and for programs, and clear refusals."""

import json
from pathlib import Path

import pytest

import odd_toys
import toys
from commands import holdfast
from holdfast.records.model import ModelCard
from toy_probes import flat, noise


def _shown(folder: Path, model: bytes) -> dict[str, list[str]]:
    """The rows of the table by their first word."""
    (folder / "m").write_bytes(model)
    done = holdfast("inspect", "m", cwd=folder)
    assert done.returncode == 0, done.stderr
    name, *lines = done.stdout.splitlines()
    assert name == "m"
    shown: dict[str, list[str]] = {}
    for line in lines:
        key, _, value = line.partition(" ")
        shown.setdefault(key, []).append(value.strip())
    return shown


def test_a_plain_classifier_is_described_in_full(tmp_path: Path) -> None:
    model = odd_toys.with_metadata(
        toys.linear(classes=2, batch=4, softmax=True), names="['cat', 'dog']"
    )
    shown = _shown(tmp_path, model)
    assert len(shown.pop("sha256")[0]) == 64
    assert shown == {
        "format": ["onnx, IR 10, opset 20"],
        "size": [f"{len(model)} bytes, 386 parameters, 4 nodes"],
        "input": ["image: float32 [4, 3, 8, 8]"],
        "output": ["scores: float32 [4, 2]"],
        "image": ["8 x 8 px, colour, nchw"],
        "batch": ["4"],
        "task": ["classification"],
        "reads": ["scores: the only output"],
        "scores": ["probabilities"],
        "classes": ["2: cat, dog"],
        "head": ["flatten"],
        "computes": ["float32"],
    }


@pytest.mark.parametrize(
    ("model", "row", "value"),
    [
        (toys.linear(dtype="int8"), "pixels", "the pixel minus 128"),
        (toys.linear(dtype="uint8"), "pixels", "0 to 255"),
        (toys.linear(channels=4, nhwc=True), "image", "8 x 8 px, colour with alpha, nhwc"),
        (toys.linear(channels=1, flat=True), "image", "8 x 8 px, grey, flat"),
        (toys.mean_pixel(size=("h", "w")), "image", "any size, named with --crop"),
        (toys.mean_pixel(size=("h", 32)), "image", "32 x any px"),
        (toys.linear(), "batch", "any"),
        (toys.linear(), "scores", "seen when it runs"),
        (toys.map_output(), "task", "dense, which is not audited"),
        (toys.two_outputs(), "reads", "scores: the first of 2 outputs with one score per class"),
        (toys.int_labels_only(), "scores", "labels"),
        (odd_toys.zip_map([f"c{n}" for n in range(64)]), "classes", "64: c0, c1, c2"),
        (toys.random_operator(), "note", "draws random numbers"),
    ],
)
def test_what_is_special_about_a_model_is_said(
    tmp_path: Path, model: bytes, row: str, value: str
) -> None:
    assert value in " | ".join(_shown(tmp_path, model)[row])


def test_the_json_form_is_the_card(tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(toys.linear())
    first, second = (holdfast("inspect", "m", "--json", cwd=tmp_path) for _ in range(2))
    assert first.stdout == second.stdout
    card = ModelCard.model_validate_json(first.stdout)
    assert (card.task, card.channels, card.layout) == ("classification", 3, "nchw")
    assert json.loads(first.stdout)["schema_version"] == "1"


@pytest.mark.parametrize(
    ("model", "code", "words"),
    [
        (toys.rank2_input(65), "unsupported_input", "a row of 65 numbers"),
        (toys.sequence_input(), "unsupported_input", "not a tensor"),
        (b"\x08\x0a", "invalid_onnx", "not a valid ONNX model"),
    ],
)
def test_a_refusal_is_two_lines_and_exit_code_4(
    tmp_path: Path, model: bytes, code: str, words: str
) -> None:
    (tmp_path / "m").write_bytes(model)
    done = holdfast("inspect", "m", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (4, "")
    error, hint = done.stderr.strip().splitlines()
    assert error.startswith(f"error[{code}]: ")
    assert words in error
    assert hint.startswith("hint: ")


def test_a_size_that_the_model_does_not_take_is_a_clear_refusal(tmp_path: Path) -> None:
    """The runtime's own words, which name its files and shapes, stay inside."""
    (tmp_path / "m").write_bytes(odd_toys.multiples_only(32))
    flat(tmp_path / "p.zip", noise(4, 70, 70))
    options = ("--data", "p.zip", "--input", "unit", "--crop", 60)
    done = holdfast("audit", "m", *options, cwd=tmp_path)
    assert done.returncode == 4
    words = "The model declares any size, but fails on 60 x 60 px and runs on 64 x 64 px."
    assert f"error[size_not_taken]: {words}" in done.stderr
    assert "multiples of 32" in done.stderr
    assert "onnxruntime" not in done.stderr.lower()
