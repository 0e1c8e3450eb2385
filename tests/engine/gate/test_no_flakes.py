"""A verdict does not depend on luck: other seeds choose other images and decide the same."""

import io
from pathlib import Path

import pytest

from auditing import plan_of
from holdfast.audit.contrast import contrast
from holdfast.gate import judge, read_policy
from holdfast.records.policy import Verdict
from holdfast.sandbox.parent import AuditOutput
from inprocess import run_here

POLICY = read_policy(
    {
        "assertions": {
            "translation.consistency": ["error", {"min": 0.8, "max_drop": 0.1}],
            "accuracy": ["error", {"min": 0.7, "max_drop": 0.15}],
        },
        "baseline": {"branch": "main"},
    }
)


def _verdict(baseline: AuditOutput, candidate: AuditOutput) -> Verdict:
    sides = [(each.result_json, io.BytesIO(each.samples)) for each in (baseline, candidate)]
    return judge(candidate.result, POLICY, contrast(sides[0], sides[1], 0.01))


@pytest.fixture(scope="module")
def audits(digits: Path) -> list[tuple[AuditOutput, AuditOutput]]:
    """Of 20 seeds: the model of the base branch and that of the change, on 60 images each."""
    models = [(digits / f"{name}.onnx").read_bytes() for name in ("everywhere", "centered")]
    found = []
    for seed in range(20):
        plan = plan_of(shifts_px=[[5, 0], [-5, 3]], limit=60, seed=seed)
        base, change = (run_here(model, digits / "probes.zip", plan) for model in models)
        found.append((base, change))
    return found


@pytest.mark.slow
def test_twenty_seeds_give_one_verdict_on_a_worse_model(
    audits: list[tuple[AuditOutput, AuditOutput]],
) -> None:
    verdicts = [_verdict(base, change) for base, change in audits]
    assert {verdict.decision for verdict in verdicts} == {"failed"}
    for verdict in verdicts:
        decided = {item.id: item.decision for item in verdict.judgements}
        assert decided == {"accuracy": "passed", "translation.consistency": "failed"}
        assert verdict.baseline is not None
        assert [loss.regressed for loss in verdict.baseline.families] == [True]
    images = {name for verdict in verdicts for name in verdict.baseline.families[0].flipped}  # type: ignore[union-attr] # checked above
    assert len(images) > 60  # other seeds did choose other images


@pytest.mark.slow
def test_twenty_seeds_give_one_verdict_on_the_identical_model(
    audits: list[tuple[AuditOutput, AuditOutput]],
) -> None:
    for base, _ in audits:
        verdict = _verdict(base, base)
        assert verdict.decision == "passed", verdict.sentence
        assert verdict.baseline is not None
        assert verdict.baseline.sentence == "No change: it is the model of the baseline."
