"""Small parts of the command line."""

from pathlib import Path

import pytest
import typer

from holdfast.errors import HoldfastError
from holdfast.records.base import read_record
from holdfast.records.plan import AuditPlan, Preset
from holdfast_cli import options
from holdfast_cli.config import Config
from holdfast_cli.local import child_limits
from holdfast_cli.options import FailOn, Inconclusive
from holdfast_cli.order import GateOptions, PlanOptions, make_order, with_options
from holdfast_cli.ports import check_bind, listen
from holdfast_cli.problems import missing_part
from holdfast_cli.progress import progress


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("30m", 1800), ("1.5h", 5400)]
)
def test_a_duration_has_a_unit(text: str, seconds: float) -> None:
    assert options._duration_s(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-1s", "1d", "1m30s"])
def test_a_duration_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        options._duration_s(text)


def test_options_change_the_gate_itself_so_that_every_reader_sees_it() -> None:
    gate = {"assertions": {"accuracy": ["warn", {"min": 0.5}], "scale.drift": False}}
    changed = with_options(gate, GateOptions(Inconclusive.fails, FailOn.warn))
    assert changed == {
        "assertions": {"accuracy": ["error", {"min": 0.5}], "scale.drift": False},
        "on_inconclusive": "fail",
    }
    assert with_options(gate, GateOptions()) == gate
    assert with_options(None, GateOptions(Inconclusive.fails, FailOn.warn)) is None


def test_another_preset_drops_the_values_of_a_custom_one(tmp_path: Path) -> None:
    custom = {"preset": "custom", "scale": 1.0, "mean": [0.0], "std": [1.0], "crop": 28}
    plan = read_record(AuditPlan, {"input": custom}, "invalid_plan")
    order = make_order(
        tmp_path,
        tmp_path,
        Config(plan=plan),
        PlanOptions(input=options.InputPreset.unit),
        GateOptions(),
    )
    assert order.plan.input.preset is Preset.unit
    assert order.plan.input.scale is None
    assert order.plan.input.crop == 28


def test_the_presets_of_the_option_are_those_of_the_plan() -> None:
    assert {*options.InputPreset} | {"custom"} == {*Preset}


def test_the_limits_of_a_local_child_have_the_settings_that_errors_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOLDFAST_CHILD_WALL_S", "12.5")
    monkeypatch.setenv("HOLDFAST_CHILD_MEMORY_BYTES", str(1 << 30))
    limits = child_limits(3)
    assert (limits.wall_s, limits.memory_bytes, limits.threads) == (12.5, 1 << 30, 3)


@pytest.mark.parametrize("value", ["much", "-1"])
def test_a_limit_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("HOLDFAST_CHILD_MEMORY_BYTES", value)
    with pytest.raises(HoldfastError, match="invalid_config"):
        child_limits(None)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_this_machine_may_be_served_without_a_token(host: str) -> None:
    check_bind(host, asks_for_tokens=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example", "localhost.example"])  # noqa: S104 - refused
def test_any_other_address_needs_a_token(host: str) -> None:
    with pytest.raises(HoldfastError, match="insecure_bind"):
        check_bind(host, asks_for_tokens=False)
    check_bind(host, asks_for_tokens=True)


def test_a_port_that_is_taken_is_refused() -> None:
    with listen("127.0.0.1", 0) as first, pytest.raises(HoldfastError, match="port_in_use"):
        listen("127.0.0.1", first.getsockname()[1])


@pytest.mark.parametrize(
    ("module", "extra"),
    [("onnxruntime.capi", "audit"), ("fastapi", "server"), ("jinja2", "report")],
)
def test_a_missing_library_names_its_extra(module: str, extra: str) -> None:
    error = missing_part(ModuleNotFoundError(name=module))
    assert error is not None
    assert error.hint == f"Run: pip install 'holdfast[{extra}]'"


def test_a_missing_module_of_ours_is_no_missing_extra() -> None:
    assert missing_part(ModuleNotFoundError(name="holdfast_cli.none")) is None


def test_progress_without_a_terminal_is_a_few_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("m.onnx") as report:
        for done in range(1000):
            report("measuring", done, 1000)
        report("writing", 0, 0)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        *(f"m.onnx: moving the pictures {share} %" for share in (0, 25, 50, 75)),
        "m.onnx: writing the result",
    ]
