"""Records are closed, finite and frozen, and spell themselves in one way."""

import json

import pytest
from pydantic import ValidationError

from holdfast.errors import ERRORS, HoldfastError, clean
from holdfast.records.base import canonical_json, digest, read_record
from holdfast.records.outcome import Outcome
from holdfast.records.plan import AuditPlan
from holdfast.records.result import Measurement, Thumbnail


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"unknown": 1}, "unknown"),
        ({"input": {"unknown": 1}}, "input.unknown"),
        ({"seed": -1}, "seed"),
        ({"seed": "7"}, "seed"),
        ({"limit": 0}, "limit"),
        ({"limit": 2.5}, "limit"),
        ({"confidence": 1}, "confidence"),
        ({"confidence": 0.4}, "confidence"),
        ({"task": "segmentation"}, "task"),
        ({"families": {"rotation": {"angles_deg": [400]}}}, "families.rotation.angles_deg.0"),
        ({"families": {"rotation": {"angles_deg": [0]}}}, "identity"),
        ({"families": {"rotation": {"angles_deg": [5, 5.0]}}}, "only once"),
        ({"families": {"scale": {"zooms": [1.0]}}}, "identity"),
        ({"families": {"scale": {"zooms": [0.0]}}}, "families.scale.zooms.0"),
        ({"families": {"translation": {"shifts_px": [[0, 0]]}}}, "identity"),
        ({"families": {"translation": {"shifts_px": [[1, 2], [1, 2]]}}}, "only once"),
        ({"families": {"translation": {"shifts_px": [[0.5, 0]]}}}, "shifts_px.0.0"),
        ({"families": {"translation": {"shifts_px": [[1]]}}}, "shifts_px.0"),
        ({"families": {"translation": {"shifts_px": [[1, n] for n in range(2001)]}}}, "shifts_px"),
        ([], "object"),
        ("text", "object"),
        ({"confidence": float("nan")}, "NaN"),
    ],
)
def test_a_plan_that_is_wrong_names_the_field(data: object, field: str) -> None:
    with pytest.raises(HoldfastError) as raised:
        read_record(AuditPlan, data, "invalid_plan")
    assert raised.value.code == "invalid_plan"
    assert field in raised.value.sentence


def test_data_nested_beyond_all_reason_is_refused() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(HoldfastError, match="invalid_plan"):
        read_record(AuditPlan, {"seed": deep}, "invalid_plan")


def test_a_record_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        AuditPlan().seed = 3  # type: ignore[misc] # that is the point


def test_equal_records_have_equal_spellings_and_digests() -> None:
    one = read_record(AuditPlan, {"seed": 1, "limit": 5}, "invalid_plan")
    two = read_record(AuditPlan, {"limit": 5, "seed": 1, "confidence": 0.95}, "invalid_plan")
    assert canonical_json(one) == canonical_json(two)
    assert digest(one) == digest(two)
    assert digest(one) != digest(AuditPlan(seed=2, limit=5))
    assert AuditPlan.model_validate_json(canonical_json(one)) == one


def test_the_spelling_of_the_default_plan_is_fixed() -> None:
    """Digests are compared between releases: a change here is a change of the schema version."""
    told = json.loads(canonical_json(AuditPlan()))
    assert sorted(told) == [
        "architecture",
        "causes",
        "confidence",
        "controls",
        "families",
        "full",
        "input",
        "limit",
        "output",
        "output_kind",
        "schema_version",
        "seed",
        "task",
    ]
    assert b" " not in canonical_json(AuditPlan())


@pytest.mark.parametrize(
    "numbers",
    [
        {"outcome": Outcome.measured},
        {"outcome": Outcome.measured, "value": 0.5},
        {"outcome": Outcome.not_applicable},
        {"outcome": Outcome.not_applicable, "sentence": "no labels", "value": 0.0},
        {"outcome": Outcome.error, "sentence": "", "low": 0.0},
    ],
)
def test_a_measurement_has_numbers_if_and_only_if_it_was_measured(
    numbers: dict[str, object],
) -> None:
    with pytest.raises(ValidationError):
        Measurement.model_validate({"id": "a", "n_images": 1, "unit": "share"} | numbers)


@pytest.mark.parametrize("text", ["", "hello", "PHN2Zz4=", "iVBORw0KGgo", "iVBORw0KGgo=\n"])
def test_a_thumbnail_is_a_picture_that_we_encode(text: str) -> None:
    with pytest.raises(ValidationError):
        Thumbnail(media_type="image/png", base64=text)


@pytest.mark.parametrize("code", ERRORS)
def test_every_error_has_a_sentence_and_a_hint_that_survive_missing_fields(code: str) -> None:
    error = HoldfastError(code)
    assert error.sentence.endswith(".")
    assert error.hint
    assert "{" not in error.sentence + error.hint


def test_fields_of_strangers_are_cut_and_cleaned() -> None:
    error = HoldfastError("bad_image", name="\x1b[31m\u202ex\ud800\n{code}" + "y" * 999)
    assert error.sentence.startswith("[31mx{code}yyy")
    assert len(error.fields["name"]) == 80
    assert clean("a\u0301") == "\u00e1"
    assert error.args == (f"bad_image: {error.sentence}",)


def test_no_field_can_take_the_place_of_the_code() -> None:
    assert HoldfastError("bad_image", code="x", self="y").code == "bad_image"


def test_an_unknown_code_is_a_mistake_of_ours() -> None:
    with pytest.raises(KeyError):
        HoldfastError("no_such_code")
