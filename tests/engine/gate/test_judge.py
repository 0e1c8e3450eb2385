"""The decision, one row per sentence of what `judge` promises."""

import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.gate import judge, read_policy
from holdfast.records.policy import Decision, Verdict
from results import finding, measurement, result_with

PASSED, FAILED, INCONCLUSIVE = Decision.passed, Decision.failed, Decision.inconclusive
CONSISTENCY = "translation.consistency"


def _verdict(low: float, high: float, limits: dict[str, float], level: str = "error") -> Verdict:
    result = result_with([measurement(CONSISTENCY, (low + high) / 2, low, high)])
    return judge(result, read_policy({"assertions": {CONSISTENCY: [level, limits]}}))


@pytest.mark.parametrize(
    ("low", "high", "limits", "decision"),
    [
        # min passes when the lower bound is at least the limit
        (0.91, 0.95, {"min": 0.90}, PASSED),
        (0.90, 0.95, {"min": 0.90}, PASSED),
        # fails when the upper bound is below it
        (0.80, 0.89, {"min": 0.90}, FAILED),
        # and is inconclusive between
        (0.80, 0.90, {"min": 0.90}, INCONCLUSIVE),
        (0.89, 0.95, {"min": 0.90}, INCONCLUSIVE),
        # max mirrors that
        (0.05, 0.09, {"max": 0.10}, PASSED),
        (0.05, 0.10, {"max": 0.10}, PASSED),
        (0.11, 0.20, {"max": 0.10}, FAILED),
        (0.10, 0.20, {"max": 0.10}, INCONCLUSIVE),
        (0.05, 0.11, {"max": 0.10}, INCONCLUSIVE),
        # both together: the whole interval satisfies both, or breaks one, or neither is certain
        (0.45, 0.55, {"min": 0.4, "max": 0.6}, PASSED),
        (0.65, 0.75, {"min": 0.4, "max": 0.6}, FAILED),
        (0.25, 0.35, {"min": 0.4, "max": 0.6}, FAILED),
        (0.35, 0.45, {"min": 0.4, "max": 0.6}, INCONCLUSIVE),
        (0.30, 0.70, {"min": 0.4, "max": 0.6}, INCONCLUSIVE),
        # without rounding
        (0.9 - 1e-12, 0.95, {"min": 0.90}, INCONCLUSIVE),
        (0.80, 0.9 - 1e-12, {"min": 0.90}, FAILED),
        # a limit of 0 is a limit
        (0.0, 0.0, {"max": 0.0}, PASSED),
        (0.0, 0.1, {"max": 0.0}, INCONCLUSIVE),
    ],
)
def test_the_whole_interval_decides(
    low: float, high: float, limits: dict[str, float], decision: Decision
) -> None:
    assert _verdict(low, high, limits).decision is decision


@pytest.mark.parametrize("interval", [(0.8, 0.85), (0.85, 0.95), (0.91, 0.99)])
def test_a_warning_never_decides(interval: tuple[float, float]) -> None:
    verdict = _verdict(*interval, {"min": 0.90}, level="warn")
    assert verdict.decision is PASSED
    assert verdict.sentence == "No assertion of level error: nothing could fail."
    assert len(verdict.judgements) == 1


def test_an_assertion_that_is_off_is_not_judged() -> None:
    policy = read_policy({"assertions": {"accuracy": "off", CONSISTENCY: ["error", {"min": 0.5}]}})
    result = result_with([measurement("accuracy", 0, 0, 0), measurement(CONSISTENCY, 1, 0.9, 1)])
    verdict = judge(result, policy)
    assert verdict.decision is PASSED
    assert [item.id for item in verdict.judgements] == [CONSISTENCY]


@pytest.mark.parametrize("outcome", ["not_applicable", "not_supported", "error"])
def test_no_measurement_no_pass(outcome: str) -> None:
    absent = {"id": "accuracy", "outcome": outcome, "n_images": 9, "unit": "share"}
    result = result_with([absent | {"sentence": "the images have no labels"}])
    verdict = judge(result, read_policy({"assertions": {"accuracy": ["error", {"min": 0.0}]}}))
    assert verdict.decision is INCONCLUSIVE
    assert "the images have no labels" in verdict.judgements[0].sentence
    assert verdict.judgements[0].value is None


def test_a_measurement_that_is_not_in_the_result_never_passes() -> None:
    policy = read_policy({"assertions": {"scale.drift": ["error", {"max": 1}]}})
    assert judge(result_with([]), policy).decision is INCONCLUSIVE


FAIR = read_policy(
    {
        "assertions": {
            "accuracy": ["error", {"min": 0.9}],
            CONSISTENCY: ["error", {"min": 0.9}],
            "scale.drift": ["warn", {"max": 0.1}],
        }
    }
)
GOOD, BAD, OPEN = (0.95, 0.92, 0.97), (0.5, 0.4, 0.6), (0.9, 0.8, 0.95)
Numbers = tuple[float, float, float]


@pytest.mark.parametrize(
    ("accuracy", "consistency", "decision"),
    [
        (GOOD, GOOD, PASSED),
        (GOOD, OPEN, INCONCLUSIVE),
        (OPEN, GOOD, INCONCLUSIVE),
        (OPEN, OPEN, INCONCLUSIVE),
        (GOOD, BAD, FAILED),
        (OPEN, BAD, FAILED),
        (BAD, OPEN, FAILED),
        (BAD, BAD, FAILED),
    ],
)
def test_failed_outweighs_inconclusive_which_outweighs_passed(
    accuracy: Numbers, consistency: Numbers, decision: Decision
) -> None:
    rows = [measurement("accuracy", *accuracy), measurement(CONSISTENCY, *consistency)]
    assert judge(result_with(rows), FAIR).decision is decision


@pytest.mark.parametrize(
    ("rule", "numbers", "decision"),
    [
        ("inconclusive", OPEN, INCONCLUSIVE),
        ("fail", OPEN, FAILED),
        ("pass", OPEN, PASSED),
        ("pass", BAD, FAILED),
        ("fail", GOOD, PASSED),
    ],
)
def test_the_policy_says_what_inconclusive_counts_as(
    rule: str, numbers: Numbers, decision: Decision
) -> None:
    block = {"assertions": {CONSISTENCY: ["error", {"min": 0.9}]}, "on_inconclusive": rule}
    verdict = judge(result_with([measurement(CONSISTENCY, *numbers)]), read_policy(block))
    assert verdict.decision is decision
    if numbers == OPEN:
        assert verdict.judgements[0].decision is INCONCLUSIVE
        assert ("the policy counts that as" in verdict.sentence) == (rule != "inconclusive")


@pytest.mark.parametrize("level", ["warn", "error"])
@pytest.mark.parametrize("rule", ["inconclusive", "pass"])
def test_a_finding_of_severity_error_fails_the_gate_whatever_the_numbers_say(
    level: str, rule: str
) -> None:
    block = {"assertions": {CONSISTENCY: [level, {"min": 0.9}]}, "on_inconclusive": rule}
    result = result_with([measurement(CONSISTENCY, 1, 1, 1)], [finding("constant_model", "error")])
    verdict = judge(result, read_policy(block))
    assert verdict.decision is FAILED
    assert verdict.judgements[0].id == "constant_model"
    assert "constant_model" in verdict.sentence


@pytest.mark.parametrize("severity", ["info", "warning"])
def test_other_findings_do_not(severity: str) -> None:
    result = result_with([measurement(CONSISTENCY, 1, 1, 1)], [finding("fill", severity)])
    assert _decide(result) is PASSED


def _decide(result: Any) -> Decision:
    return judge(
        result, read_policy({"assertions": {CONSISTENCY: ["error", {"min": 0.9}]}})
    ).decision


IDS = ["accuracy", CONSISTENCY, "rotation.worst_case", "scale.drift", "scale.accuracy"]
UNIT = st.floats(0, 1)


@given(st.lists(st.tuples(UNIT, UNIT, UNIT), min_size=5, max_size=5), st.randoms(), UNIT)
def test_the_order_of_measurements_and_assertions_does_not_matter(
    numbers: list[Numbers], shuffled: random.Random, limit: float
) -> None:
    rows = [
        measurement(name, middle, low, high)
        for name, (low, middle, high) in zip(IDS, map(sorted, numbers), strict=True)
    ]
    asserted = [(name, ["error", {"min": limit}]) for name in IDS]
    first = judge(result_with(rows), read_policy({"assertions": dict(asserted)}))
    shuffled.shuffle(rows)
    shuffled.shuffle(asserted)
    again = judge(result_with(rows), read_policy({"assertions": dict(asserted)}))
    assert again.judgements == first.judgements
    assert again.decision is first.decision
    assert again.sentence == first.sentence


@given(UNIT, UNIT, st.tuples(UNIT, UNIT, UNIT).map(sorted))
def test_a_stricter_limit_never_helps(a: float, b: float, numbers: list[float]) -> None:
    low, middle, high = numbers
    result = result_with([measurement(CONSISTENCY, middle, low, high)])
    rank: Callable[[Decision], int] = [FAILED, INCONCLUSIVE, PASSED].index

    def decided(limit: float) -> int:
        block = {"assertions": {CONSISTENCY: ["error", {"min": limit}]}}
        return rank(judge(result, read_policy(block)).decision)

    assert decided(max(a, b)) <= decided(min(a, b))


def test_a_judgement_says_what_was_observed_and_what_was_wanted() -> None:
    said = _verdict(0.91, 0.95, {"min": 0.9}).judgements[0].sentence
    assert said == "observed 0.9300 [0.9100, 0.9500] on 100 images keeps min 0.9"
