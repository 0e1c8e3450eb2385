"""What one `holdfast audit` asks for, after configuration and options were put together."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, final

import typer

from holdfast.errors import HoldfastError
from holdfast.gate import expanded
from holdfast.records.base import read_record
from holdfast.records.plan import AuditPlan
from holdfast_cli.config import Config, read_config
from holdfast_cli.options import DeviceName, FailOn, Inconclusive, InputPreset
from holdfast_cli.settings import from_environment, from_options
from holdfast_cli.toml_tree import PYPROJECT, has_table
from holdfast_cli.tree import DEFAULT_NAME

__all__ = [
    "Asked",
    "GateOptions",
    "Order",
    "PlanOptions",
    "asked_baseline",
    "config_path",
    "find_config",
    "local_name",
    "make_order",
    "place_of",
    "with_options",
]


@final
@dataclass(frozen=True)
class PlanOptions:
    """The options that change the plan; None leaves what the configuration says."""

    input: InputPreset | None = None
    crop: int | None = None
    resize: int | None = None
    limit: int | None = None
    seed: int | None = None
    confidence: float | None = None
    full: bool | None = None
    architecture: str | None = None


@final
@dataclass(frozen=True)
class GateOptions:
    """The options that change the gate; what they leave out is as the configuration says.

    `baseline` is a branch, a file or a folder; `saves_baseline` tells that this audit may become
    the first one.
    """

    inconclusive: Inconclusive | None = None
    fail_on: FailOn = FailOn.error
    baseline: str | None = None
    saves_baseline: bool = False


@final
@dataclass(frozen=True)
class Asked:
    """A baseline that was asked for: a branch, or a file or folder."""

    name: str
    path: Path | None = None


@final
@dataclass(frozen=True)
class Order:
    """One audit, complete: nothing has to be looked up any more."""

    model: Path
    data: Path
    plan: AuditPlan
    gate: Mapping[str, Any] | None
    baseline: Asked | None = None
    device: DeviceName = DeviceName.cpu

    @property
    def name(self) -> str:
        """What the screen calls it."""
        return self.model.name


def find_config(
    path: Path | None, options: Sequence[str] = (), environ: Mapping[str, str] = os.environ
) -> Config:
    """The configuration that is named or found in this folder, else the defaults.

    `options` are `key=value`; they win over the variables of `environ`, which win over the file.
    What nobody named on the command line is told on stderr.
    """
    found = config_path(path)
    variables = from_environment(environ)
    told = [setting.said for setting in variables]
    if path is None and found is not None:
        told.insert(0, f"{found}{_also(found)}")
    if told:
        typer.echo(f"using {', '.join(told)}", err=True)
    return read_config(found, [*variables, *from_options(options)])


def config_path(path: Path | None) -> Path | None:
    """The file that `find_config` reads, None when it reads none."""
    if path is not None:
        return path
    if Path(DEFAULT_NAME).is_file():
        return Path(DEFAULT_NAME)
    return Path(PYPROJECT) if has_table(Path(PYPROJECT)) else None


def _also(found: Path) -> str:
    """A note that another file of this folder says something, too, and is not read."""
    try:
        other = found.name == DEFAULT_NAME and has_table(Path(PYPROJECT))
    except HoldfastError:  # the file that is not read may be anything
        return ""
    return f" (it wins: [tool.holdfast] of {PYPROJECT} is not read)" if other else ""


def place_of(config: Path | None, other: Path) -> str:
    """Where problems are shown: the configuration, which holds the limits, else the other file."""
    return local_name(config_path(config) or other)


def local_name(path: Path) -> str:
    """The path of a file relative to the working folder, with slashes.

    A file outside has its name only: no report tells the folders of a machine.
    """
    path = Path(os.path.normpath(path.absolute()))  # links stay links
    inside = path.is_relative_to(Path.cwd())
    return path.relative_to(Path.cwd()).as_posix() if inside else path.name


def make_order(
    model: Path | None,
    data: Path | None,
    config: Config,
    options: PlanOptions,
    gate: GateOptions,
) -> Order:
    """Put a configuration and the options over it together.

    Raises:
        HoldfastError: `invalid_plan` or `file_not_found`, before anything is read or sent.
        typer.BadParameter: no model or no images were named anywhere.
    """
    model, data = model or config.model, data or config.data
    if model is None:
        raise typer.BadParameter("name a model, here or in holdfast.yaml", param_hint="MODEL")
    if data is None:
        raise typer.BadParameter("name the images, here or in holdfast.yaml", param_hint="--data")
    for path in (model, data):
        if not path.exists():
            raise HoldfastError("file_not_found", path=path)
    asked = asked_baseline(config, gate.baseline)
    if asked is not None or gate.saves_baseline:
        options = replace(options, full=True)  # two results are compared on all their images
    return Order(
        model=model,
        data=data,
        plan=_plan(config.plan, options),
        gate=with_options(config.gate, gate),
        baseline=asked,
    )


def asked_baseline(config: Config, option: str | None) -> Asked | None:
    """The baseline that an option or else the configuration names; what exists is a path."""
    if option is not None:
        return Asked(option, Path(option) if _is_path(option) else None)
    rule = (config.gate or {}).get("baseline") or {}
    if rule.get("file"):
        return Asked(rule["file"], config.folder / rule["file"])
    return Asked(rule["branch"]) if rule.get("branch") else None


def _is_path(option: str) -> bool:
    return Path(option).exists() or option.endswith(".json")


def with_options(gate: Mapping[str, Any] | None, options: GateOptions) -> Mapping[str, Any] | None:
    """The `gate:` block that options ask for: what they say wins over the file.

    They change the block and not the exit code, so that the report, the service and the screen
    all tell the verdict that was used. An audit that becomes the first baseline cannot lack one.
    """
    if gate is None:
        return None
    changed = expanded(gate)
    if options.inconclusive is not None:
        changed["on_inconclusive"] = options.inconclusive.value
    if options.fail_on is FailOn.warn:
        changed["assertions"] = {
            name: _as_error(value) for name, value in changed["assertions"].items()
        }
    rule = dict(changed.get("baseline") or {})
    if options.baseline is not None:
        kind = "file" if _is_path(options.baseline) else "branch"
        rule = {"on_missing": rule.get("on_missing", "error"), kind: options.baseline}
    if options.saves_baseline and rule.get("on_missing", "error") == "error":
        rule["on_missing"] = "warn"
    return {**changed, "baseline": rule} if rule else changed


def _as_error(value: object) -> object:
    if isinstance(value, list) and value[0] == "warn":
        return ["error", *value[1:]]
    return value


def _plan(plan: AuditPlan, options: PlanOptions) -> AuditPlan:
    written = plan.model_dump(mode="json")
    sides = {"crop": options.crop, "resize": options.resize}
    spec = {**written["input"], **_given(sides)}
    if options.input is not None:
        # Another preset: the values of a custom one in the file no longer apply.
        custom = dict.fromkeys(("scale", "mean", "std", "order"))
        spec = {**spec, **custom, "preset": options.input.value}
    names = ("limit", "seed", "confidence", "full", "architecture")
    top = {name: getattr(options, name) for name in names}
    return read_record(AuditPlan, {**written, **_given(top), "input": spec}, "invalid_plan")


def _given(values: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in values.items() if value is not None}
