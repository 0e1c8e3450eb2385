"""What a person reads on stdout after an audit."""

import pytest

from factories import absent, audit_data, deep_data, left_out, result_of
from holdfast_cli.screen import show_result
from results import finding, measurement


def _printed(capsys: pytest.CaptureFixture[str], data: dict[str, object]) -> list[str]:
    show_result("m.onnx", result_of(data))
    return capsys.readouterr().out.splitlines()


def _names(lines: list[str]) -> list[str]:
    start = next(place for place, line in enumerate(lines) if line.startswith("measurement"))
    return [line.split()[0] for line in lines[start + 1 :] if not line.startswith(("warn", "info"))]


def test_the_table_holds_the_headlines_only(capsys: pytest.CaptureFixture[str]) -> None:
    data = audit_data()
    data["measurements"] = [
        measurement(name, 0.5, 0.4, 0.6)
        for name in (
            "accuracy",
            "translation.consistency",
            "translation.worst_case",
            "translation.pair_consistency",
            "translation.drift",
            "translation.excess_flip_rate",
            "translation.accuracy",
            "translation.accuracy_drop",
            "translation.robust_accuracy",
            "translation.worst_cell",
            "lattice.modal_consistency",
            "lattice.consistency",
        )
    ]
    assert _names(_printed(capsys, data)) == [
        "accuracy",
        "translation.consistency",
        "translation.worst_case",
        "translation.drift",
        "translation.accuracy_drop",
        "translation.robust_accuracy",
        "lattice.consistency",
    ]


def test_a_family_that_was_left_out_is_one_row(capsys: pytest.CaptureFixture[str]) -> None:
    lines = _printed(capsys, left_out(audit_data(), "scale"))
    (row,) = [line for line in lines if line.startswith("scale")]
    assert row.split() == ["scale", "-", *"the plan leaves this family out".split()]


def test_one_measurement_that_is_missing_keeps_its_row(capsys: pytest.CaptureFixture[str]) -> None:
    data = audit_data()
    data["measurements"] = [
        absent("accuracy", "the images have no labels"),
        measurement("scale.consistency", 0.5, 0.4, 0.6),
        absent("scale.drift", "no probabilities"),
    ]
    assert _names(_printed(capsys, data)) == ["accuracy", "scale.consistency", "scale.drift"]


def test_an_audit_that_stopped_says_so_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    data = deep_data()
    data["findings"] = [finding("stopped_early", "info")]
    lines = _printed(capsys, data)
    said = "stopped after 200 of 500 images: every assertion is decided"
    assert [line for line in lines if "stopped" in line] == [said]
    data["sequential"]["stopped"] = False
    assert said not in _printed(capsys, data)


def test_what_is_not_geometry_shares_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    data = audit_data()
    names = ("rotation.resampling", "translation.content_loss")
    data["findings"] = [*(finding(name, "warning") for name in names), finding("ties", "info")]
    lines = _printed(capsys, data)
    assert [line for line in lines if line.startswith(("warning", "info"))] == [
        "warning not geometry: rotation (resampling), translation (lost content)",
        "info ties: It was seen.",
    ]
    data["findings"] = [finding("ties", "info")]
    assert not [line for line in _printed(capsys, data) if "geometry" in line]
