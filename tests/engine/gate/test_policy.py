"""Reading a policy as users write it, from YAML."""

from typing import Any

import pytest
import yaml

from holdfast.errors import HoldfastError
from holdfast.gate import PRESETS, read_policy
from holdfast.records.base import digest, read_record
from holdfast.records.families import MAIN_FAMILIES
from holdfast.records.policy import Assertion, GatePolicy, Level


def _read(text: str) -> Any:
    return read_policy(yaml.safe_load(text))


def _refusal(text: str) -> HoldfastError:
    with pytest.raises(HoldfastError) as raised:
        _read(text)
    return raised.value


def test_levels_and_limits_are_read() -> None:
    policy = _read("""
        assertions:
          accuracy: [error, {min: 0.95}]
          translation.worst_case: [warn, {min: 0.2, max: 1}]
          scale.drift: off
          rotation.drift: "off"
    """)
    assert policy.assertions == (
        Assertion(id="accuracy", level=Level.error, min=0.95),
        Assertion(id="translation.worst_case", level=Level.warn, min=0.2, max=1.0),
        Assertion(id="scale.drift", level=Level.off),
        Assertion(id="rotation.drift", level=Level.off),
    )
    assert policy.on_inconclusive == "inconclusive"


@pytest.mark.parametrize(
    "text",
    [
        "assertions: {accuracy: on}",  # YAML makes True of it
        "assertions: {accuracy: [true, {min: 0.5}]}",
        "assertions: {accuracy: [fatal, {min: 0.5}]}",
        "assertions: {accuracy: error}",
        "assertions: {accuracy: [error]}",
        "assertions: {accuracy: [error, {}]}",
        "assertions: {accuracy: [error, 0.5]}",
        "assertions: {accuracy: [error, null]}",
        "assertions: {accuracy: [error, {min: 0.5}, {max: 0.6}]}",
        "assertions: {accuracy: [error, {minimum: 0.5}]}",
        "assertions: {accuracy: [error, {min: high}]}",
        "assertions: {accuracy: [error, {min: true}]}",
        "assertions: {accuracy: [error, {min: .nan}]}",
        "assertions: {accuracy: [error, {max: .inf}]}",
        "assertions: {accuracy: [error, {min: 0.6, max: 0.5}]}",
        "assertions: {accuracy: [error, {min: 0.5, id: scale.drift}]}",
        "assertions: {}",
        "assertions: {accuracy: off}",
        "assertions: [accuracy]",
        "assertions: null",
        "{}",
        "just text",
        "[]",
        "null",
        "assertions: {accuracy: [error, {min: 0.5}]}\non_inconclusive: maybe",
        "assertions: {accuracy: [error, {min: 0.5}]}\nextra: 1",
    ],
)
def test_a_policy_that_could_not_do_what_it_says_is_refused(text: str) -> None:
    error = _refusal(text)
    assert error.code == "invalid_policy"
    assert len(error.sentence) > 30


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("translation.consistancy", "translation.consistency"),
        ("rotation.worstcase", "rotation.worst_case"),
        ("acuracy", "accuracy"),
    ],
)
def test_an_unknown_assertion_suggests_the_nearest(written: str, meant: str) -> None:
    error = _refusal(f"assertions: {{{written}: [error, {{min: 0.5}}]}}")
    assert error.code == "unknown_assertion"
    assert written in error.sentence
    assert f"Did you mean {meant}?" in error.hint


def test_a_name_like_no_other_gets_no_suggestion() -> None:
    error = _refusal("assertions: {xyzzy: [error, {min: 0.5}]}")
    assert error.code == "unknown_assertion"
    assert "Did you mean" not in error.hint


def test_an_assertion_cannot_stand_twice() -> None:
    rows = [{"id": "accuracy", "level": "error", "min": limit} for limit in (0.5, 0.9)]
    with pytest.raises(HoldfastError) as raised:
        read_record(GatePolicy, {"assertions": rows}, "invalid_policy")
    assert "stands twice" in raised.value.sentence


def test_the_same_policy_has_the_same_digest() -> None:
    one = _read("assertions: {accuracy: [error, {min: 0.5}]}")
    assert digest(_read("assertions:\n  accuracy: ['error', {'min': 5.0e-1}]\n")) == digest(one)
    assert digest(_read("assertions: {accuracy: [error, {min: 0.51}]}")) != digest(one)


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_a_preset_is_a_policy_whose_assertions_can_be_overridden(name: str) -> None:
    plain = read_policy({"preset": name})
    assert {item.id for item in plain.assertions} == set(PRESETS[name])
    own = {"scale.consistency": "off", "accuracy": ["error", {"min": 0.5}]}
    mixed = {item.id: item for item in read_policy({"preset": name, "assertions": own}).assertions}
    assert mixed["scale.consistency"].level == "off"
    assert mixed["accuracy"].min == 0.5
    assert mixed["rotation.consistency"].min == PRESETS[name]["rotation.consistency"][1]["min"]


def test_a_stricter_preset_asks_for_more() -> None:
    limits = [
        [PRESETS[name][f"{family}.consistency"][1]["min"] for family in MAIN_FAMILIES]
        for name in ("smoke", "recommended", "strict")
    ]
    assert limits == sorted(limits)
    assert limits[0] < limits[1] < limits[2]


@pytest.mark.parametrize("block", [{"preset": "lenient"}, {}, {"on_inconclusive": "fail"}, []])
def test_a_block_without_assertions_or_a_known_preset_is_refused(block: object) -> None:
    with pytest.raises(HoldfastError) as raised:
        read_policy(block)
    assert raised.value.code == "invalid_policy"


def test_what_is_for_diagnosis_cannot_be_asserted() -> None:
    with pytest.raises(HoldfastError, match="for diagnosis"):
        read_policy({"assertions": {"rotation.logit_drift": ["error", {"max": 0.1}]}})
