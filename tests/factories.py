"""Whole audits made by hand: every family, examples, skipped images, numbers known in advance."""

import base64
import json
import struct
import zlib
from collections.abc import Sequence
from typing import Any

from holdfast.gate import judge, read_policy
from holdfast.records.policy import Verdict
from holdfast.records.result import AuditResult
from results import finding, measurement, result_data

__all__ = [
    "ANGLES_DEG",
    "SHIFTS_PX",
    "ZOOMS",
    "absent",
    "audit_data",
    "audit_result",
    "cell",
    "deep_data",
    "example",
    "left_out",
    "result_of",
    "tiny_png",
    "unlabelled",
    "verdict_on",
]

SHIFTS_PX = [[dx, dy] for dy in (-2, -1, 0, 1, 2) for dx in (-2, -1, 0, 1, 2) if dx or dy]
ANGLES_DEG = [-15.0, -5.0, 5.0, 15.0]
ZOOMS = [0.8, 0.9, 1.25]
_NAMES = ("consistency", "worst_case", "drift", "accuracy", "robust_accuracy")
_VALUES = {"translation": 0.61, "rotation": 0.905, "scale": 0.972}


def cell(family: str, parameter: str, value: object, consistency: float) -> dict[str, Any]:
    """A cell; its other numbers follow from its consistency, so that a test can name them."""
    return {
        "family": family,
        parameter: value,
        "outcome": "measured",
        "consistency": consistency,
        "consistency_low": consistency - 0.03,
        "consistency_high": min(1.0, consistency + 0.02),
        "accuracy": consistency - 0.01,
        "drift": round((1 - consistency) / 2, 6),
        "fill_share": 0.125,
        "ties": 0,
        "n_images": 200,
    }


def example(family: str, parameter: str, value: object) -> dict[str, Any]:
    """A probe of class 1 that is taken for class 2 once it moves."""
    picture = {"media_type": "image/png", "base64": base64.b64encode(tiny_png()).decode()}
    before = {"picture": picture, "predicted": 1, "probability": 0.93}
    after = {"picture": picture, "predicted": 2, "probability": 0.81}
    return {
        "probe": "cats/0007.png",
        "label": 1,
        "family": family,
        parameter: value,
        "before": before | {"reference_probability": 0.93},
        "after": after | {"reference_probability": 0.12},
    }


def audit_data() -> dict[str, Any]:
    """An audit of 200 images as nested dicts, ready to be changed."""
    cells = [
        cell("translation", "shift_px", shift, 0.95 - 0.11 * max(map(abs, shift)) - shift[0] / 100)
        for shift in SHIFTS_PX
    ]
    cells += [cell("rotation", "angle_deg", a, 0.97 - abs(a) / 100) for a in ANGLES_DEG]
    cells += [cell("scale", "zoom", zoom, 0.96 - abs(1 - zoom) / 10) for zoom in ZOOMS]
    plan = {
        "input": {"preset": "imagenet", "resize": [40, 40], "crop": 32},
        "families": {
            "translation": {"shifts_px": SHIFTS_PX},
            "rotation": {"angles_deg": ANGLES_DEG},
            "scale": {"zooms": ZOOMS},
        },
        "limit": 200,
        "seed": 7,
    }
    return result_data() | {
        "plan": plan,
        "probes": {
            "n_given": 202,
            "n_used": 200,
            "n_labelled": 200,
            "skipped": [
                {"probe": "dogs/broken.png", "code": "bad_image"},
                {"probe": "dogs/huge.png", "code": "image_too_large"},
            ],
            "class_names": ["bird", "cat", "dog"],
        },
        "measurements": _measurements(),
        "cells": cells,
        "findings": [finding("flatten_head", "warning"), finding("ties", "info")],
        "examples": [
            example("translation", "shift_px", [2, -1]),
            example("rotation", "angle_deg", -15.0),
            example("scale", "zoom", 0.8),
        ],
    }


def _control(kind: str, still: float, moved: float) -> dict[str, Any]:
    excess = round(moved - still, 6)
    return {
        "kind": kind,
        "flip_rate": still,
        "excess_flip_rate": excess,
        "excess_low": excess - 0.05,
        "excess_high": excess + 0.04,
        "n_images": 100,
    }


def deep_data() -> dict[str, Any]:
    """`audit_data` with controls, curves, groups, a sequential audit and families on request."""
    data = audit_data()
    for each in data["cells"]:
        kind = "occlusion" if each["family"] == "translation" else "blur"
        each["controls"] = [_control(kind, 0.02, round(1 - each["consistency"], 6))]
    data["cells"] += [
        cell("spatial", "angle_deg", 12.34, 0.4) | {"shift_px": [1.26, -3.0], "zoom": 1.0},
        *(cell("circular", "shift_px", [d, 0], 0.9 - d / 10) for d in (1, 2, 4)),
        cell("displacement", "shift_px", [6, 6], 0.31),
        cell("lattice", "exact", "turn_90", 0.25),
        cell("lattice", "exact", "mirror", 0.5),
    ]
    for family in ("spatial", "circular", "displacement", "lattice"):
        data["measurements"] += [
            measurement(f"{family}.consistency", 0.4, 0.35, 0.45, 200),
            measurement(f"{family}.worst_case", 0.1, 0.07, 0.14, 200),
        ]
    data["measurements"] += [
        measurement("translation.excess_flip_rate", -0.01, -0.04, 0.02, 100),
        measurement("rotation.accuracy_drop", 0.031, 0.012, 0.05, 200),
        measurement("rotation.logit_drift", 1.25, 1.1, 1.4, 200),
    ]
    return data | {"curves": _curves(), "groups": _groups(), "sequential": _sequential()}


def _curves() -> list[dict[str, Any]]:
    def curve(name: str, family: str, unit: str, values: dict[float, float]) -> dict[str, Any]:
        points = [
            {"x": x, "value": y, "low": y - 0.03, "high": min(1.0, y + 0.03)}
            for x, y in values.items()
        ]
        return {"id": name, "family": family, "unit": unit, "n_images": 200, "points": points}

    return [
        curve("worst_of_k", "translation", "cells", {1: 0.61, 8: 0.4, 24: 0.25}),
        curve("first_flip", "translation", "px", {1: 0.8, 1.4142135: 0.7, 2.828427: 0.25}),
        curve("worst_of_k", "spatial", "cells", {1: 0.4}),
        curve("stride_phase", "circular", "px", {2: 0.875, 4: -0.125}),
    ]


def _groups() -> list[dict[str, Any]]:
    return [
        {
            "kind": kind,
            "name": name,
            "measurement": measure,
            "value": value,
            "low": value - 0.1,
            "high": value + 0.02,
            "n_images": 60,
        }
        for kind, name, value in (
            ("class", "bird", 0.9),
            ("class", "cat", 0.7),
            ("group", "night", 0.55),
        )
        for measure in ("accuracy", "translation.consistency")
    ]


def _sequential() -> dict[str, Any]:
    def test(name: str, side: str, limit: float, decision: str | None, n: int) -> dict[str, Any]:
        gain = {"passed": (3.2, -1.0), "failed": (-2.0, 15.0), None: (0.5, -0.7)}[decision]
        return {
            "id": name,
            "side": side,
            "limit": limit,
            "decision": decision,
            "n_images": n,
            "log_e_pass": gain[0] if n else 0.0,
            "log_e_fail": gain[1] if n else 0.0,
        }

    return {
        "alpha": 0.05,
        "policy_digest": "0" * 64,
        "stopped": True,
        "n_planned": 500,
        "n_images": 200,
        "tests": [
            test("accuracy", "min", 0.5, "passed", 76),
            test("translation.consistency", "min", 0.9, "failed", 8),
            test("rotation.consistency", "min", 0.9, None, 200),
            test("scale.drift", "max", 0.5, None, 0),
        ],
    }


def _measurements() -> list[dict[str, Any]]:
    found = [measurement("accuracy", 0.93, 0.885, 0.961, 200)]
    for family, value in _VALUES.items():
        for place, name in enumerate(_NAMES):
            shown = 1 - value if name == "drift" else value - place / 50
            found.append(measurement(f"{family}.{name}", shown, shown - 0.024, shown + 0.021, 200))
    return found


def result_of(data: dict[str, Any]) -> AuditResult:
    """Read nested dicts as a result does, from JSON."""
    return AuditResult.model_validate_json(json.dumps(data))


def audit_result() -> AuditResult:
    """`audit_data` as a record."""
    return result_of(audit_data())


def absent(name: str, sentence: str, outcome: str = "not_applicable") -> dict[str, Any]:
    """A measurement that was not measured."""
    return {"id": name, "outcome": outcome, "n_images": 0, "unit": "share", "sentence": sentence}


def left_out(data: dict[str, Any], family: str) -> dict[str, Any]:
    """The same audit without one family, as the engine reports it."""
    kept = [m for m in data["measurements"] if not m["id"].startswith(f"{family}.")]
    why = "the plan leaves this family out"
    return data | {
        "cells": [c for c in data["cells"] if c["family"] != family],
        "examples": [e for e in data["examples"] if e["family"] != family],
        "measurements": kept + [absent(f"{family}.{name}", why) for name in _NAMES],
    }


def unlabelled(data: dict[str, Any]) -> dict[str, Any]:
    """The same audit on images without labels and class names."""
    measurements = [
        absent(m["id"], "the images have no labels") if "accuracy" in m["id"] else m
        for m in data["measurements"]
    ]
    return data | {
        "cells": [c | {"accuracy": None} for c in data["cells"]],
        "examples": [e | {"label": None} for e in data["examples"]],
        "measurements": measurements,
        "probes": data["probes"] | {"n_labelled": 0, "class_names": []},
    }


def verdict_on(result: AuditResult, **assertions: Sequence[Any]) -> Verdict:
    """Judge a result; an id is written with two underscores for its dot."""
    block = {key.replace("__", "."): list(value) for key, value in assertions.items()}
    return judge(result, read_policy({"assertions": block}))


def tiny_png() -> bytes:
    """A real picture: one grey pixel."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    body = zlib.compress(b"\x00\x80")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
