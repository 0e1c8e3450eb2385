import re
from collections.abc import Callable
from typing import Any

import pytest

from factories import absent, audit_data, left_out, result_of, unlabelled, verdict_on
from holdfast_reports.html import html_report
from html_pages import read_page
from results import finding, result_data


def _without_everything(_: dict[str, Any]) -> dict[str, Any]:
    return result_data()


def _only_one_cell(data: dict[str, Any]) -> dict[str, Any]:
    return data | {"cells": data["cells"][:1]}


def _nothing_known(data: dict[str, Any]) -> dict[str, Any]:
    model = data["model"] | {"n_classes": None, "output_kind": None, "inputs": [], "outputs": []}
    origin = data["provenance"] | {"canvas_px": None, "started_at": "some day"}
    return data | {"model": model, "provenance": origin, "examples": [], "findings": []}


def _error(data: dict[str, Any]) -> dict[str, Any]:
    measurements = [absent(m["id"], "it ran out of memory", "error") for m in data["measurements"]]
    return data | {"measurements": measurements, "cells": []}


def _no_motion_at_all(data: dict[str, Any]) -> dict[str, Any]:
    for family in ("translation", "rotation", "scale"):
        data = left_out(data, family)
    return data


def _constant(data: dict[str, Any]) -> dict[str, Any]:
    return data | {"findings": [finding("constant_model", "error")]}


def _sandbox_off(data: dict[str, Any]) -> dict[str, Any]:
    level = data["provenance"]["sandbox"] | {
        "in_force": False,
        "landlock_abi": 0,
        "seccomp": False,
        "no_new_privs": False,
        "capabilities_dropped": False,
        "missing": ["no kernel support"],
    }
    return data | {"provenance": data["provenance"] | {"sandbox": level}}


def _too_few_names(data: dict[str, Any]) -> dict[str, Any]:
    return data | {"probes": data["probes"] | {"class_names": ["bird", ""]}}


CASES: list[Callable[[dict[str, Any]], dict[str, Any]]] = [
    unlabelled,
    lambda data: left_out(data, "translation"),
    lambda data: left_out(unlabelled(data), "rotation"),
    _no_motion_at_all,
    _without_everything,
    _only_one_cell,
    _nothing_known,
    _error,
    _constant,
    _sandbox_off,
    _too_few_names,
]


@pytest.mark.parametrize("judged", [True, False], ids=["judged", "no policy"])
@pytest.mark.parametrize("change", CASES)
def test_what_is_absent_is_said_and_never_shown_as_a_value(
    change: Callable[[dict[str, Any]], dict[str, Any]], *, judged: bool
) -> None:
    result = result_of(change(audit_data()))
    asked = {
        "accuracy": ("error", {"min": 0.5}),
        "translation__consistency": ("error", {"min": 0.2, "max": 0.9}),
        "scale__drift": ("warn", {"max": 0.5}),
    }
    verdict = verdict_on(result, **asked) if judged else None
    page = read_page(html_report(result, verdict))
    assert page.unbalanced == []
    assert not re.search(r"\b(?:None|nan|NaN|inf|Infinity|null|Undefined)\b", page.text)
    assert "Where these numbers come from" in page.text
    values = [value for _, attributes in page.elements for value in attributes.values()]
    assert not [value for value in values if re.search(r"\b(?:None|nan|inf)\b", value)]


def test_accuracy_without_labels_says_so() -> None:
    text = read_page(html_report(result_of(unlabelled(audit_data())), None)).text
    assert "not measured. The images have no labels." in text
    assert "class 2" in text


def test_an_assertion_without_a_number_has_its_sentence() -> None:
    result = result_of(unlabelled(audit_data()))
    text = read_page(html_report(result, verdict_on(result, accuracy=("error", {"min": 0.5})))).text
    assert "Inconclusive" in text
    assert "Not decided: the images have no labels." in text


def test_a_fault_warns_on_top() -> None:
    text = read_page(html_report(result_of(_constant(audit_data())), None)).text
    assert "Do not rely on the numbers below" in text


def test_parts_that_an_audit_has_not_leave_no_heading() -> None:
    text = read_page(html_report(result_of(_nothing_known(audit_data())), None)).text
    assert "Where it goes wrong" not in text
    assert "What else was seen" not in text
    assert "What the policy asks" not in text
