"""`max_drop`, baselines, classes and ignores: a row per sentence of what `judge` promises."""

import random
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from comparisons import change, comparison_with, family_change
from holdfast.gate import judge, read_policy
from holdfast.records.comparison import Comparison
from holdfast.records.policy import Decision, Level, Verdict
from holdfast.records.result import AuditResult
from results import finding, measurement, result_data, result_with

PASSED, FAILED, INCONCLUSIVE = Decision.passed, Decision.failed, Decision.inconclusive
NAME = "translation.consistency"
TODAY = date(2026, 11, 26)
SEEN = measurement(NAME, 0.88, 0.85, 0.91)


def _judge(
    limits: dict[str, Any],
    comparison: Comparison | None,
    result: AuditResult | None = None,
    level: str = "error",
    **block: Any,
) -> Verdict:
    policy = read_policy({"assertions": {NAME: [level, limits]}, **block})
    return judge(result or result_with([SEEN]), policy, comparison, today=TODAY)


@pytest.mark.parametrize(
    ("low", "high", "max_drop", "decision"),
    [
        # passes when the lower bound of the paired change is above -max_drop
        (-0.015, 0.010, 0.02, PASSED),
        (0.010, 0.030, 0.0, PASSED),
        # fails when the upper bound is below
        (-0.060, -0.025, 0.02, FAILED),
        (-0.060, -0.001, 0.0, FAILED),
        # else inconclusive
        (-0.030, 0.010, 0.02, INCONCLUSIVE),
        (-0.030, -0.015, 0.02, INCONCLUSIVE),
        # also where a bound meets the limit exactly
        (-0.020, 0.010, 0.02, INCONCLUSIVE),
        (-0.060, -0.020, 0.02, INCONCLUSIVE),
        # without rounding
        (-0.02 + 1e-12, 0.010, 0.02, PASSED),
        (-0.060, -0.02 - 1e-12, 0.02, FAILED),
        # a limit of 0 is a limit
        (-0.001, 0.001, 0.0, INCONCLUSIVE),
    ],
)
def test_the_paired_interval_decides(
    low: float, high: float, max_drop: float, decision: Decision
) -> None:
    comparison = comparison_with(change(NAME, (low + high) / 2, low, high))
    verdict = _judge({"max_drop": max_drop}, comparison)
    assert verdict.decision is decision
    assert verdict.judgements[0].change is not None
    assert verdict.judgements[0].max_drop == max_drop


def test_the_model_of_the_baseline_lost_nothing_however_few_images_there_are() -> None:
    comparison = comparison_with(change(NAME, 0.0, -0.3, 0.3), same=True)
    verdict = _judge({"max_drop": 0.0}, comparison)
    assert verdict.decision is PASSED
    assert "no change" in verdict.judgements[0].sentence
    assert verdict.baseline is not None
    assert verdict.baseline.sentence == "No change: it is the model of the baseline."


@pytest.mark.parametrize(
    ("limits", "difference", "decision"),
    [
        ({"min": 0.8, "max_drop": 0.1}, -0.02, PASSED),
        ({"min": 0.95, "max_drop": 0.1}, -0.02, FAILED),
        ({"min": 0.88, "max_drop": 0.1}, -0.02, INCONCLUSIVE),
        ({"min": 0.8, "max_drop": 0.0}, -0.02, FAILED),
        ({"min": 0.88, "max_drop": 0.0}, -0.02, FAILED),
        ({"min": 0.95, "max_drop": 0.02}, -0.02, FAILED),
        ({"min": 0.8, "max_drop": 0.02}, -0.02, INCONCLUSIVE),
    ],
)
def test_several_limits_fail_when_one_fails_and_pass_when_all_pass(
    limits: dict[str, float], difference: float, decision: Decision
) -> None:
    row = change(NAME, difference, difference - 0.01, difference + 0.01)
    assert _judge(limits, comparison_with(row)).decision is decision


def test_a_sentence_tells_the_loss_its_bounds_the_limit_the_images_and_what_would_decide() -> None:
    open_one = comparison_with(change(NAME, -0.015, -0.035, 0.005))
    said = _judge({"max_drop": 0.02}, open_one).judgements[0]
    assert said.sentence.startswith(
        "worse by 0.0150 [-0.0050, 0.0350] than the baseline's 0.9000 on 100 images of both is too "
        "close to decide on max_drop 0.02; about "
    )
    # half 0.02, distance 0.005: an interval four times too wide, and the power of 0.9 on top
    factor = (norm.ppf(0.95) + norm.ppf(0.9)) / norm.ppf(0.95)
    assert said.images_to_decide == pytest.approx(100 * (4 * factor) ** 2, abs=1)
    assert f"about {said.images_to_decide:,} images would decide it" in said.sentence
    better = _judge({"max_drop": 0.02}, comparison_with(change(NAME, 0.01, -0.01, 0.03)))
    assert better.judgements[0].sentence == (
        "better by 0.0100 [-0.0100, 0.0300] than the baseline's 0.9000 on 100 images of both keeps "
        "max_drop 0.02"
    )


def test_an_open_minimum_tells_how_many_images_would_decide_it() -> None:
    said = _judge({"min": 0.86}, None).judgements[0]
    factor = (norm.ppf(0.975) + norm.ppf(0.9)) / norm.ppf(0.975)  # half 0.03 down, distance 0.02
    assert said.images_to_decide == pytest.approx(100 * (1.5 * factor) ** 2, abs=1)
    at_the_limit = _judge({"min": 0.88}, None).judgements[0]
    assert at_the_limit.images_to_decide is None
    assert "more images will hardly help" in at_the_limit.sentence
    assert _judge({"min": 0.80}, None).judgements[0].images_to_decide is None


@pytest.mark.parametrize(
    ("on_missing", "limits", "decision", "ids"),
    [
        # error: each max_drop is inconclusive
        ("error", {"max_drop": 0.02}, INCONCLUSIVE, [NAME]),
        ("error", {"min": 0.8, "max_drop": 0.02}, INCONCLUSIVE, [NAME]),
        ("error", {"min": 0.95, "max_drop": 0.02}, FAILED, [NAME]),
        # warn: it is skipped with a warning
        ("warn", {"max_drop": 0.02}, PASSED, ["baseline"]),
        ("warn", {"min": 0.8, "max_drop": 0.02}, PASSED, ["baseline", NAME]),
        ("warn", {"min": 0.95, "max_drop": 0.02}, FAILED, ["baseline", NAME]),
        # off skips it without a word
        ("off", {"max_drop": 0.02}, PASSED, []),
        (False, {"min": 0.8, "max_drop": 0.02}, PASSED, [NAME]),
        # what asserts no max_drop lacks no baseline
        ("warn", {"min": 0.8}, PASSED, [NAME]),
        ("error", {"min": 0.8}, PASSED, [NAME]),
    ],
)
def test_without_a_baseline_the_policy_says_what_happens(
    on_missing: Any, limits: dict[str, float], decision: Decision, ids: list[str]
) -> None:
    verdict = _judge(limits, None, baseline={"branch": "main", "on_missing": on_missing})
    assert (verdict.decision, [item.id for item in verdict.judgements]) == (decision, ids)
    assert verdict.baseline is None
    for item in verdict.judgements:
        assert item.level is (Level.warn if item.id == "baseline" else Level.error)


def test_left_out_a_missing_baseline_fails_closed() -> None:
    verdict = _judge({"max_drop": 0.5}, None)
    assert verdict.decision is INCONCLUSIVE
    assert "there is no baseline to compare with" in verdict.judgements[0].sentence


def test_what_the_comparison_does_not_hold_never_passes() -> None:
    verdict = _judge({"max_drop": 0.5}, comparison_with(change("accuracy", 0, 0, 0)))
    assert verdict.decision is INCONCLUSIVE
    assert "the comparison with the baseline does not hold it" in verdict.judgements[0].sentence


@pytest.mark.parametrize("model", ["same", "other"])
def test_what_was_not_measured_never_passes_whatever_the_baseline_says(model: str) -> None:
    absent = {"id": NAME, "outcome": "error", "n_images": 0, "unit": "share", "sentence": "Broken."}
    comparison = comparison_with(change(NAME, 0.0, -0.001, 0.001), same=model == "same")
    assert _judge({"max_drop": 0.5}, comparison, result_with([absent])).decision is INCONCLUSIVE
    assert _judge({"max_drop": 0.5}, comparison, result_with([])).decision is INCONCLUSIVE


def test_a_comparison_with_another_candidate_is_a_mistake_of_the_caller() -> None:
    other = comparison_with(candidate_sha256="2" * 64)
    with pytest.raises(ValueError, match="another model"):
        _judge({"max_drop": 0.5}, other)


def _group(name: str, low: float, high: float, kind: str = "class") -> dict[str, Any]:
    middle = (low + high) / 2
    numbers = {"value": middle, "low": low, "high": high, "n_images": 30}
    return {"kind": kind, "name": name, "measurement": NAME, **numbers}


def _grouped(*groups: dict[str, Any]) -> AuditResult:
    data = result_data() | {"measurements": (SEEN,), "groups": groups}
    return AuditResult.model_validate(data, strict=False)


CATS = _grouped(
    _group("cat", 0.5, 0.6), _group("dog", 0.9, 0.95), _group("a=b.c@d", 0.7, 0.9, "group")
)


@pytest.mark.parametrize(
    ("about", "limits", "decision"),
    [
        # the numbers of the class or group decide
        ("class=cat", {"min": 0.4}, PASSED),
        ("class=cat", {"min": 0.7}, FAILED),
        ("class=cat", {"min": 0.55}, INCONCLUSIVE),
        ("class=dog", {"min": 0.7}, PASSED),
        ("group=a=b.c@d", {"min": 0.65}, PASSED),
        # each of them has to hold
        ("class=*", {"min": 0.4}, PASSED),
        ("class=*", {"min": 0.7}, FAILED),
        ("class=*", {"min": 0.55}, INCONCLUSIVE),
        # what has no numbers never passes
        ("class=catt", {"min": 0.0}, INCONCLUSIVE),
        ("group=cat", {"min": 0.0}, INCONCLUSIVE),
        # against the baseline, the change of the class decides
        ("class=cat", {"max_drop": 0.05}, FAILED),
        ("class=dog", {"max_drop": 0.05}, PASSED),
        ("class=*", {"max_drop": 0.05}, FAILED),
        ("group=a=b.c@d", {"max_drop": 0.05}, INCONCLUSIVE),
    ],
)
def test_a_class_or_group_is_judged_by_its_own_images(
    about: str, limits: dict[str, float], decision: Decision
) -> None:
    changes = comparison_with(
        groups=[
            change(NAME, -0.2, -0.3, -0.1, kind="class", name="cat"),
            change(NAME, 0.0, -0.01, 0.01, kind="class", name="dog"),
        ]
    )
    policy = read_policy({"assertions": {f"{NAME}@{about}": ["error", limits]}})
    verdict = judge(CATS, policy, changes, today=TODAY)
    assert verdict.decision is decision, verdict.judgements


def test_each_class_is_told_by_its_worst_and_a_misspelt_one_by_the_nearest() -> None:
    policy = read_policy(
        {
            "assertions": {
                f"{NAME}@class=*": ["error", {"min": 0.7}],
                f"{NAME}@class=catt": ["warn", {"min": 0.7}],
            }
        }
    )
    each, misspelt = judge(CATS, policy, today=TODAY).judgements
    assert each.sentence.startswith("1 of 2 classes hold; cat: observed 0.5500 [0.5000, 0.6000]")
    assert (each.value, each.n_images) == (0.55, 30)
    assert misspelt.sentence.endswith("measured (did you mean cat?)")


IGNORE = {"id": NAME, "reason": "the camera is fixed"}


@pytest.mark.parametrize(
    ("until", "level", "decision", "told"),
    [
        ("2026-11-27", Level.warn, PASSED, "(ignored until 2026-11-27: the camera is fixed)"),
        ("2026-11-26", Level.warn, PASSED, "(ignored until 2026-11-26: the camera is fixed)"),
        ("2026-11-25", Level.error, FAILED, "(counts again: its ignore ended on 2026-11-25)"),
    ],
)
def test_an_ignore_counts_to_its_last_day_and_says_so(
    until: str, level: Level, decision: Decision, told: str
) -> None:
    verdict = _judge({"min": 0.95}, None, ignore=[{**IGNORE, "until": until}])
    (only,) = verdict.judgements
    assert (verdict.decision, only.level, only.decision) == (decision, level, FAILED)
    assert only.sentence.endswith(told)
    assert only.ignored_until == (date.fromisoformat(until) if decision is PASSED else None)


def test_a_broken_model_cannot_be_ignored() -> None:
    result = result_with([SEEN], [finding("constant_model", "error")])
    until = [{**IGNORE, "until": "2030-01-01"}]
    assert _judge({"min": 0.1}, None, result, ignore=until).decision is FAILED


def test_a_verdict_names_the_families_that_regressed_and_their_images() -> None:
    comparison = comparison_with(
        change("translation.consistency", -0.1, -0.15, -0.05),
        change("rotation.consistency", -0.1, -0.25, 0.05),
        change("scale.consistency", 0.1, 0.05, 0.15),
        families=[
            family_change("translation", 0.001, 30),
            family_change("rotation", 0.2, 2),
            family_change("scale", 0.001),
        ],
    )
    verdict = _judge({"min": 0.8}, comparison, baseline={"branch": "main"})
    told = verdict.baseline
    assert told is not None
    assert [loss.family for loss in told.families if loss.regressed] == ["translation"]
    assert told.families[0].n_flipped == 30
    assert len(told.families[0].flipped) == 20
    assert told.name == "main"
    assert told.sentence == (
        "Regressed: translation lost 0.1000 [0.0500, 0.1500] of its consistency, 30 images flip "
        "that held."
    )


CHANGES = ["accuracy", NAME, "rotation.worst_case", "scale.drift"]
UNIT = st.floats(0, 1)


@given(
    st.lists(st.tuples(UNIT, UNIT, UNIT), min_size=4, max_size=4),
    st.randoms(),
    UNIT,
)
def test_the_order_of_everything_does_not_matter(
    numbers: list[tuple[float, float, float]], shuffled: random.Random, limit: float
) -> None:
    rows = [
        measurement(name, middle, low, high)
        for name, (low, middle, high) in zip(CHANGES, map(sorted, numbers), strict=True)
    ]
    changes = [
        change(name, middle - 0.5, low - 0.5, high - 0.5)
        for name, (low, middle, high) in zip(CHANGES, map(sorted, numbers), strict=True)
    ]
    asserted = [(name, ["error", {"min": limit, "max_drop": limit}]) for name in CHANGES]

    def decided() -> Verdict:
        policy = read_policy({"assertions": dict(asserted)})
        return judge(result_with(rows), policy, comparison_with(*changes), today=TODAY)

    first = decided()
    for each in (rows, changes, asserted):
        shuffled.shuffle(each)
    again = decided()
    assert (again.judgements, again.decision) == (first.judgements, first.decision)
    assert again.sentence == first.sentence


@given(UNIT, UNIT, st.tuples(UNIT, UNIT, UNIT).map(sorted))
def test_a_stricter_drop_never_helps(a: float, b: float, numbers: list[float]) -> None:
    low, middle, high = (number - 0.5 for number in numbers)
    rank: Callable[[Decision], int] = [FAILED, INCONCLUSIVE, PASSED].index

    def decided(limit: float) -> int:
        comparison = comparison_with(change(NAME, middle, low, high))
        return rank(_judge({"max_drop": limit}, comparison).decision)

    assert decided(min(a, b)) <= decided(max(a, b))
