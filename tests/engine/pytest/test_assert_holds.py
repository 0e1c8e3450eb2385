"""The pytest plugin, in test-suites of its own: what passes, what fails, and what it says then."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import holdfast.pytest.holding  # noqa: F401 - numpy loads once per process, and pytester forgets
from holdfast.errors import HoldfastError
from holdfast.pytest import assert_holds, audit

pytest_plugins = ["pytester"]

HEAD = """\
import numpy as np

rng = np.random.default_rng(0)
IMAGES = rng.integers(0, 256, (40, 16, 16), dtype=np.uint8)
IMAGES[::2] //= 4
LABELS = np.arange(40) % 2
PLAN = {"input": {"preset": "unit"}, "controls": 0, "families": {
    "translation": {"shifts_px": [[1, 0], [0, 1]]}, "rotation": {"angles_deg": []},
    "scale": {"zooms": []}}}

def bright(batch):
    "Class 1 for a bright picture: no shift of a pixel changes that."
    mean = batch.mean(axis=(1, 2, 3)) - 0.3
    return np.stack([-mean, mean], axis=1)

def corner(batch):
    "One pixel decides, so that a shift changes the answer."
    pixel = batch[:, 0, 3, 3] - batch[:, 0, 3, 4]
    return np.stack([-pixel, pixel], axis=1)
"""


def _run(pytester: pytest.Pytester, body: str) -> pytest.RunResult:
    pytester.makepyfile(HEAD + body)
    # As an installed plugin would be loaded, whether or not this checkout has its entry point.
    pytester.makeini("[pytest]\naddopts = -p holdfast.pytest.plugin -p no:cacheprovider\n")
    return pytester.runpytest_inprocess()


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


def test_a_function_that_holds_passes_by_fixture_and_by_name(pytester: pytest.Pytester) -> None:
    done = _run(
        pytester,
        """
from holdfast.pytest import assert_holds
POLICY = {"assertions": {"translation.consistency": ["error", {"min": 0.8}],
                         "accuracy": ["error", {"min": 0.8}]}}

def test_by_fixture(holdfast):
    verdict = holdfast.assert_holds(bright, (IMAGES, LABELS), POLICY, plan=PLAN)
    assert verdict.decision == "passed"

def test_by_name():
    assert_holds(bright, (IMAGES[..., None], LABELS), POLICY, plan=PLAN)
""",
    )
    done.assert_outcomes(passed=2)


def test_a_function_that_flips_fails_with_every_line_of_the_verdict(
    pytester: pytest.Pytester,
) -> None:
    done = _run(
        pytester,
        """
def test_it(holdfast):
    policy = {"assertions": {"translation.consistency": ["error", {"min": 0.9}],
                             "translation.drift": ["warn", {"max": 0.9}]}}
    holdfast.assert_holds(corner, IMAGES, policy, plan=PLAN)
""",
    )
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(
        [
            "E*AssertionError: the gate failed: 1 of 1 assertions failed: translation.consist*",
            "E*failed translation.consistency: observed *on 32 images breaks min 0.9*",
            "*translation.drift (warn): observed *",
        ]
    )
    assert "holding.py" not in done.stdout.str()  # the traceback ends at the test's own line


def test_too_little_evidence_fails(pytester: pytest.Pytester) -> None:
    done = _run(
        pytester,
        """
def test_it(holdfast):
    policy = {"assertions": {"translation.consistency": ["error", {"min": 0.999}]}}
    holdfast.assert_holds(bright, IMAGES, policy, plan=PLAN)
""",
    )
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(["*the gate is inconclusive: *", "*too close to decide*"])


def test_a_baseline_is_written_by_one_test_and_held_against_by_another(
    pytester: pytest.Pytester,
) -> None:
    done = _run(
        pytester,
        """
POLICY = {"assertions": {"translation.consistency": ["error", {"max_drop": 0.1}]}}

def _keep(holdfast, folder):
    output = holdfast.audit(bright, IMAGES, plan=PLAN)
    (folder / "result.json").write_bytes(output.result_json)
    (folder / "result.samples.parquet").write_bytes(output.samples)

def test_the_same(holdfast, tmp_path):
    _keep(holdfast, tmp_path)
    verdict = holdfast.assert_holds(bright, IMAGES, POLICY, plan=PLAN, baseline=tmp_path)
    assert verdict.judgements[0].change.difference == 0

def test_worse(holdfast, tmp_path):
    _keep(holdfast, tmp_path)
    holdfast.assert_holds(corner, IMAGES, POLICY, plan=PLAN, baseline=tmp_path / "result.json")
""",
    )
    done.assert_outcomes(passed=1, failed=1)
    done.stdout.fnmatch_lines(
        ["*failed translation.consistency: worse by *breaks max_drop 0.1*", "*flips: *"]
    )


def test_a_module_of_pytorch_runs_in_evaluation_mode_and_gets_its_modes_back() -> None:
    torch = pytest.importorskip("torch")
    space: dict[str, object] = {}
    exec(HEAD, space)  # noqa: S102 - the text above
    net = torch.nn.Sequential(
        torch.nn.AvgPool2d(16), torch.nn.Dropout(0.9), torch.nn.Flatten(), torch.nn.Linear(1, 2)
    )
    with torch.no_grad():
        net[3].weight.copy_(torch.tensor([[-1.0], [1.0]]))
        net[3].bias.copy_(torch.tensor([0.3, -0.3]))
    net[0].eval()
    policy = {"assertions": {"translation.consistency": ["error", {"min": 0.8}]}}
    verdict = assert_holds(net, space["IMAGES"], policy, plan=space["PLAN"])  # type: ignore[arg-type] # from the text
    assert verdict.decision == "passed"
    assert [each.training for each in net.children()] == [False, True, True, True]
    assert net.training


def test_a_file_is_opened_in_the_locked_child(digits: Path) -> None:
    plan = {
        "input": {"preset": "unit"},
        "limit": 40,
        "controls": 0,
        "families": {
            "translation": {"shifts_px": [[3, 0]]},
            "rotation": {"angles_deg": []},
            "scale": {"zooms": []},
        },
    }
    with pytest.raises(AssertionError, match="the gate failed"):
        assert_holds(
            digits / "centered.onnx",
            digits / "probes.zip",
            {"assertions": {"translation.consistency": ["error", {"min": 0.95}]}},
            plan=plan,
        )
    output = audit(digits / "everywhere.onnx", digits / "probes.zip", plan=plan)
    assert output.result.provenance.sandbox.in_force


def test_what_is_no_model_is_refused(digits: Path) -> None:
    with pytest.raises(TypeError, match="neither a function nor"):
        assert_holds(3, digits / "probes.zip", "smoke")
    with pytest.raises(HoldfastError, match="input_size_needed"):
        assert_holds(len, digits / "probes.zip", "smoke")


def test_an_error_of_the_caller_s_model_is_shown_as_it_is(pytester: pytest.Pytester) -> None:
    done = _run(
        pytester,
        """
def broken(batch):
    raise ZeroDivisionError("mine")

def test_it(holdfast):
    holdfast.assert_holds(broken, IMAGES, "smoke", plan=PLAN)
""",
    )
    done.stdout.fnmatch_lines(["*ZeroDivisionError: mine"])


def test_the_plugin_is_declared_and_loads_nothing_of_the_engine(repo: Path) -> None:
    declared = tomllib.loads((repo / "pyproject.toml").read_text())["project"]["entry-points"]
    assert declared["pytest11"] == {"holdfast": "holdfast.pytest.plugin"}
    code = (
        "import sys, holdfast.pytest.plugin, holdfast.pytest\n"
        "heavy = {'numpy', 'pydantic', 'onnxruntime', 'PIL', 'holdfast.records'}\n"
        "print(sorted(heavy & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
