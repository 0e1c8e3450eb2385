"""Where baselines are looked for and kept, and how a service is asked for one."""

from pathlib import Path
from typing import Any

import pytest
import typer

from comparisons import comparison_with
from holdfast.errors import HoldfastError
from holdfast.gate import judge, read_policy
from holdfast.records.base import canonical_json
from holdfast.records.plan import AuditPlan
from holdfast.sandbox.parent import AuditOutput
from holdfast_cli.baselines import FOLDER, branch_here, find_baseline, keep_baseline
from holdfast_cli.config import Config
from holdfast_cli.here import keep, named_branch
from holdfast_cli.order import Asked, GateOptions, Order, PlanOptions, make_order
from holdfast_cli.remote import Place, asked_of
from results import measurement, result_with

MODEL = Path("models/m.onnx")
GATE = {"assertions": {"accuracy": ["error", {"min": 0.5, "max_drop": 0.1}]}}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _output(value: float = 0.9) -> AuditOutput:
    result = result_with([measurement("accuracy", value, value - 0.05, value + 0.05)])
    return AuditOutput(result, canonical_json(result), b"samples")


@pytest.mark.parametrize("branch", ["main", "feature/x", "..", ".hidden", "a b%2F", "\u00fc"])
def test_a_branch_keeps_one_baseline_for_each_model(branch: str, here: Path) -> None:
    first = keep_baseline(branch, MODEL, _output())
    other = keep_baseline(branch, Path("models/n.onnx"), _output())
    assert first != other
    assert first.resolve().is_relative_to(here / FOLDER)
    assert len(first.relative_to(FOLDER).parts) == 3
    assert find_baseline(Asked(branch), MODEL) == first
    assert first.read_bytes() == _output().result_json
    assert find_baseline(Asked("another"), MODEL) is None


def test_a_newer_result_takes_the_place_of_the_older(here: Path) -> None:
    keep_baseline("main", MODEL, _output(0.9))
    kept = keep_baseline("main", MODEL, _output(0.7))
    assert kept.read_bytes() == _output(0.7).result_json
    assert sorted(path.name for path in kept.parent.iterdir()) == [
        "result.json",
        "result.samples.parquet",
    ]
    assert here.joinpath(".holdfast", ".gitignore").read_text().splitlines()[0] == "/*"


def test_a_path_is_a_result_a_folder_of_one_or_a_folder_of_models() -> None:
    kept = keep_baseline("main", MODEL, _output())
    for path in (kept, kept.parent, kept.parent.parent):
        assert find_baseline(Asked(str(path), path), MODEL) == kept
    assert find_baseline(Asked("x", Path("nowhere")), MODEL) is None
    assert find_baseline(None, MODEL) is None


def test_a_result_without_its_samples_is_an_error_and_no_missing_baseline() -> None:
    kept = keep_baseline("main", MODEL, _output())
    kept.with_suffix(".samples.parquet").unlink()
    with pytest.raises(HoldfastError, match="file_not_found"):
        find_baseline(Asked("main"), MODEL)


def _order(baseline: str | None, gate: dict[str, Any] | None = None, **more: Any) -> Order:
    Path("m.onnx").touch()
    options = GateOptions(baseline=baseline, **more)
    config = Config(gate=gate or GATE, folder=Path("conf"))
    return make_order(Path("m.onnx"), Path(), config, PlanOptions(), options)


def test_the_option_wins_over_the_configuration() -> None:
    rule = {"branch": "develop", "on_missing": "warn"}
    order = _order(None, GATE | {"baseline": rule})
    assert order.baseline == Asked("develop")
    named = _order("main", GATE | {"baseline": rule})
    assert named.baseline == Asked("main")
    assert named.gate is not None
    assert named.gate["baseline"] == {"branch": "main", "on_missing": "warn"}
    by_file = _order("old/result.json")
    assert by_file.baseline == Asked("old/result.json", Path("old/result.json"))
    assert by_file.gate is not None
    assert by_file.gate["baseline"] == {"file": "old/result.json", "on_missing": "error"}


def test_a_file_of_the_configuration_is_relative_to_it() -> None:
    order = _order(None, GATE | {"baseline": {"file": "base.json"}})
    assert order.baseline == Asked("base.json", Path("conf/base.json"))


def test_what_is_compared_is_measured_on_all_images() -> None:
    assert _order("main").plan.full
    assert _order(None, saves_baseline=True).plan.full
    assert not _order(None).plan.full


def test_the_first_baseline_cannot_lack_one() -> None:
    made = _order(None, saves_baseline=True).gate
    assert made is not None
    assert read_policy(made).baseline.on_missing == "warn"
    silent = _order(None, GATE | {"baseline": {"on_missing": False}}, saves_baseline=True).gate
    assert silent is not None
    assert read_policy(silent).baseline.on_missing == "off"


@pytest.mark.parametrize(
    ("value", "comparison", "kept"),
    [(0.9, "none", "kept"), (0.9, "same", "kept"), (0.3, "same", "")],
)
def test_only_a_gate_that_passed_becomes_the_baseline(
    value: float,
    comparison: str,
    kept: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    order, output = _order(None, saves_baseline=True), _output(value)
    against = comparison_with(same=True) if comparison == "same" else None
    verdict = judge(output.result, read_policy(order.gate), against)
    keep(order, "main", verdict, output)
    assert bool(find_baseline(Asked("main"), order.model)) is bool(kept)
    assert ("the gate did not pass" in capsys.readouterr().err) is not bool(kept)


def test_the_branch_is_that_of_the_job_or_of_the_checkout(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert branch_here({"GITHUB_HEAD_REF": "", "GITHUB_REF_NAME": "main"}) == "main"
    assert branch_here({"CI_COMMIT_REF_NAME": "feature/x"}) == "feature/x"
    assert branch_here({}) is None
    git = here / ".git"
    git.mkdir()
    (git / "HEAD").write_text("ref: refs/heads/feature/x\n")
    (here / "below").mkdir()
    monkeypatch.chdir(here / "below")
    assert branch_here({}) == "feature/x"
    (here / "tree").mkdir()
    (here / "tree" / ".git").write_text("gitdir: ../.git\n")
    monkeypatch.chdir(here / "tree")
    assert branch_here({}) == "feature/x"
    (git / "HEAD").write_text("8e2a1f\n")  # detached
    assert branch_here({}) is None


def test_without_a_branch_a_baseline_has_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_HEAD_REF", "GITHUB_REF_NAME", "CI_COMMIT_REF_NAME"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(typer.BadParameter, match="name the branch"):
        named_branch(None)
    assert named_branch("main") == "main"


def test_a_service_is_asked_for_a_branch_or_an_audit_and_for_no_file() -> None:
    audit_id = "0193a1b2-0000-7000-8000-000000000000"
    assert "baseline" not in asked_of(_order(None), Place())
    assert asked_of(_order("main"), Place())["baseline"] == {"branch": "main"}
    asked = asked_of(_order(audit_id), Place(branch="change"))
    assert asked["baseline"] == {"audit_id": audit_id}
    assert asked["branch"] == "change"
    assert AuditPlan.model_validate(asked["plan"], strict=False).full
    with pytest.raises(typer.BadParameter, match="a service compares with what it has"):
        asked_of(_order("old/result.json"), Place())
