"""Results made by hand, for what only reads them."""

from collections.abc import Sequence
from typing import Any

from holdfast.records.result import AuditResult

__all__ = ["finding", "measurement", "result_data", "result_with"]

_SHA256 = "0" * 64


def measurement(
    name: str, value: float, low: float, high: float, n_images: int = 100
) -> dict[str, Any]:
    """A measurement that was measured."""
    return {
        "id": name,
        "outcome": "measured",
        "value": value,
        "low": low,
        "high": high,
        "n_images": n_images,
        "unit": "share",
    }


def finding(name: str, severity: str) -> dict[str, Any]:
    """A finding."""
    return {"id": name, "severity": severity, "sentence": "It was seen.", "hint": ""}


def result_with(
    measurements: Sequence[dict[str, Any]], findings: Sequence[dict[str, Any]] = ()
) -> AuditResult:
    """A result with these measurements and findings and nothing else of interest."""
    return AuditResult.model_validate(
        result_data() | {"measurements": tuple(measurements), "findings": tuple(findings)},
        strict=False,
    )


def result_data() -> dict[str, Any]:
    """An empty result as nested dicts."""
    return {
        "plan": {},
        "provenance": _provenance(),
        "model": _model(),
        "probes": {
            "n_given": 100,
            "n_used": 100,
            "n_labelled": 100,
            "skipped": (),
            "class_names": (),
        },
        "measurements": (),
        "cells": (),
        "findings": (),
        "examples": (),
        "samples": {"sha256": _SHA256, "size_bytes": 0, "n_rows": 0},
    }


def _model() -> dict[str, Any]:
    return {
        "format": "onnx",
        "sha256": _SHA256,
        "size_bytes": 1,
        "ir_version": 10,
        "opset": 20,
        "n_nodes": 1,
        "n_parameters": 1,
        "inputs": ({"name": "image", "dtype": "float32", "shape": ("n", 3, 32, 32)},),
        "outputs": ({"name": "scores", "dtype": "float32", "shape": ("n", 10)},),
        "layout": "nchw",
        "batch": None,
        "channels": 3,
        "height_px": 32,
        "width_px": 32,
        "output": "scores",
        "output_kind": "logits",
        "n_classes": 10,
    }


def _provenance() -> dict[str, Any]:
    return {
        "engine_version": "0",
        "model_sha256": _SHA256,
        "probes_sha256": _SHA256,
        "probes_digest": _SHA256,
        "plan_digest": _SHA256,
        "family_digests": {},
        "seed": 0,
        "canvas_px": (32, 32),
        "crop_px": (32, 32),
        "normalisation": {
            "preset": "unit",
            "scale": 1 / 255,
            "mean": (0.0, 0.0, 0.0),
            "std": (1.0, 1.0, 1.0),
            "order": "rgb",
            "how": "given",
        },
        "output_kind": "logits",
        "interval_method": "exact",
        "device": "cpu",
        "threads": 1,
        "versions": {},
        "sandbox": {
            "mode": "auto",
            "in_force": True,
            "landlock_abi": 1,
            "seccomp": True,
            "no_new_privs": True,
            "capabilities_dropped": True,
            "missing": (),
        },
        "noise_floor": 0.0,
        "started_at": "2026-01-01T00:00:00+00:00",
        "duration_s": 1.0,
    }
