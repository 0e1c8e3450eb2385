"""The options that commands share, each described once."""

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "DATA",
    "Architecture",
    "BaselineOption",
    "Branch",
    "CacheOption",
    "Commit",
    "Confidence",
    "ConfigPath",
    "Crop",
    "Data",
    "DataFolder",
    "DeviceName",
    "DeviceOption",
    "FailOn",
    "FailOnOption",
    "Formats",
    "Full",
    "GitHub",
    "Inconclusive",
    "InconclusiveOption",
    "Input",
    "InputPreset",
    "Limit",
    "ModelPath",
    "OptionalModelPath",
    "OutputFormat",
    "Outputs",
    "Project",
    "Resize",
    "ResultPath",
    "Sandbox",
    "SandboxLevel",
    "SaveBaseline",
    "Seed",
    "Server",
    "Set",
    "SoftFail",
    "Threads",
    "Timeout",
    "Wait",
]


class InputPreset(StrEnum):
    """`holdfast.records.plan.Preset` without `custom`, which needs a configuration."""

    auto = "auto"
    imagenet = "imagenet"
    unit = "unit"
    byte = "byte"
    symmetric = "symmetric"
    caffe = "caffe"


class Inconclusive(StrEnum):
    """What too little evidence counts as."""

    passes = "pass"
    fails = "fail"


class FailOn(StrEnum):
    """The lowest level of assertion that may fail the gate."""

    warn = "warn"
    error = "error"


class OutputFormat(StrEnum):
    """The keys of `holdfast_cli.formats.FORMATS`, which loads too much for `--help`."""

    html = "html"
    json = "json"
    junit = "junit"
    sarif = "sarif"
    markdown = "markdown"
    csv = "csv"
    badge = "badge"
    shields = "shields"
    codequality = "codequality"


class SandboxLevel(StrEnum):
    """How much of the sandbox must be in force."""

    auto = "auto"
    required = "required"
    container = "container"


class DeviceName(StrEnum):
    """Where a model computes."""

    cpu = "cpu"
    gpu = "gpu"
    auto = "auto"


DATA = Path(".holdfast")

_UNITS_S = {"": 1, "s": 1, "m": 60, "h": 3600}


def _duration_s(text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text.strip())
    if not found:
        raise typer.BadParameter("write it as 90s, 30m or 2h")
    return float(found[1]) * _UNITS_S[found[2]]


_AUDIT, _GATE, _SERVICE = "What is audited", "The gate", "A service"

OptionalModelPath = Annotated[
    Path | None,
    typer.Argument(metavar="MODEL", help="An ONNX or PyTorch classifier.", show_default=False),
]
ModelPath = Annotated[Path, typer.Argument(metavar="MODEL", help="An ONNX or PyTorch file.")]
ResultPath = Annotated[
    Path, typer.Argument(metavar="RESULT", help="The result.json of an audit.", show_default=False)
]
Data = Annotated[
    Path | None,
    typer.Option(
        help="The images: a folder, a zip or an .npz file.",
        rich_help_panel=_AUDIT,
        show_default=False,
    ),
]
ConfigPath = Annotated[
    Path | None,
    typer.Option(
        help="The configuration; left out, holdfast.yaml of this folder, or else [tool.holdfast] "
        "of its pyproject.toml.",
        show_default=False,
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change a key of the configuration, data.limit=100 for example; may be given again. "
        "It wins over the variable HOLDFAST_DATA__LIMIT, which wins over the file.",
        show_default=False,
    ),
]
Input = Annotated[
    InputPreset | None,
    typer.Option(
        help="How pixel values reach the model.", rich_help_panel=_AUDIT, show_default=False
    ),
]
Crop = Annotated[
    int | None,
    typer.Option(
        min=2,
        max=4096,
        help="Side of the model's input, pixels.",
        rich_help_panel=_AUDIT,
        show_default=False,
    ),
]
Architecture = Annotated[
    str | None,
    typer.Option(
        help="The network of a file that holds weights only: timm/NAME or torchvision/NAME.",
        rich_help_panel=_AUDIT,
        show_default=False,
    ),
]
Resize = Annotated[
    int | None,
    typer.Option(
        min=2,
        max=4096,
        help="Short side of the image before the crop, pixels.",
        rich_help_panel=_AUDIT,
        show_default=False,
    ),
]
Limit = Annotated[
    int | None,
    typer.Option(
        min=1, help="Use at most so many images.", rich_help_panel=_AUDIT, show_default=False
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(
        min=0,
        help="Decides which images, and their order.",
        rich_help_panel=_AUDIT,
        show_default=False,
    ),
]
Confidence = Annotated[
    float | None,
    typer.Option(
        min=0.5,
        max=0.9999,
        help="Level of every interval; 0.95 when left out.",
        rich_help_panel=_AUDIT,
        show_default=False,
    ),
]
Full = Annotated[
    bool,
    typer.Option(
        "--full",
        help="Measure all images, even when the gate is decided before the last one.",
        rich_help_panel=_AUDIT,
    ),
]
Outputs = Annotated[
    list[Path] | None,
    typer.Option(
        "--output",
        "-o",
        help="Write this file; may be given again. Its suffix decides: .html, .json, .xml (JUnit), "
        ".sarif, .md, .csv (cells), .svg (badge), .badge.json (shields.io), .codequality.json "
        "(GitLab).",
        show_default=False,
    ),
]
Formats = Annotated[
    list[OutputFormat] | None,
    typer.Option(
        "--format",
        help="What -o writes, whatever the suffix; then once for each -o, in the same order.",
        show_default=False,
    ),
]
InconclusiveOption = Annotated[
    Inconclusive | None,
    typer.Option(
        "--inconclusive",
        help="What too little evidence counts as; left out, exit code 3.",
        rich_help_panel=_GATE,
        show_default=False,
    ),
]
FailOnOption = Annotated[
    FailOn,
    typer.Option(
        "--fail-on", help="Let assertions of level warn fail the gate, too.", rich_help_panel=_GATE
    ),
]
BaselineOption = Annotated[
    str | None,
    typer.Option(
        "--baseline",
        help="What max_drop is measured against: a result.json, a folder that holds one, or a "
        "branch whose result --save-baseline kept; with --server a branch or the id of an audit.",
        rich_help_panel=_GATE,
        show_default=False,
    ),
]
SaveBaseline = Annotated[
    bool,
    typer.Option(
        "--save-baseline",
        help="Keep the result in .holdfast/baselines for this branch, if the gate passes.",
        rich_help_panel=_GATE,
    ),
]
GitHub = Annotated[
    bool,
    typer.Option(
        "--github",
        help="Print annotations as GitHub Actions reads them; on a runner of GitHub that is so by "
        "itself.",
    ),
]
CacheOption = Annotated[
    bool,
    typer.Option(
        "--cache/--no-cache",
        help="Take the result of an earlier audit of the same model, images, plan, policy and "
        "versions.",
    ),
]
SoftFail = Annotated[
    bool,
    typer.Option(
        "--soft-fail",
        help="Exit 0 whatever the gate says; errors keep their code.",
        rich_help_panel=_GATE,
    ),
]
Server = Annotated[
    str | None,
    typer.Option(
        envvar="HOLDFAST_URL",
        help="Audit on this service; HOLDFAST_TOKEN holds the token.",
        rich_help_panel=_SERVICE,
        show_default=False,
    ),
]
Wait = Annotated[
    bool,
    typer.Option("--wait/--no-wait", help="Wait for the result.", rich_help_panel=_SERVICE),
]
Timeout = Annotated[
    float,
    typer.Option(
        parser=_duration_s,
        metavar="TIME",
        help="Wait so long: 90s, 30m, 2h.",
        rich_help_panel=_SERVICE,
    ),
]
Project = Annotated[
    str | None,
    typer.Option(
        help="The project on the service; the token's own, or `default`, when left out.",
        rich_help_panel=_SERVICE,
        show_default=False,
    ),
]
Branch = Annotated[
    str | None,
    typer.Option(help="The branch of this model.", rich_help_panel=_SERVICE, show_default=False),
]
Commit = Annotated[
    str | None,
    typer.Option(help="The commit of this model.", rich_help_panel=_SERVICE, show_default=False),
]
Sandbox = Annotated[
    SandboxLevel,
    typer.Option(
        envvar="HOLDFAST_SANDBOX",
        help="auto: what this machine offers; required: all of it or nothing; container: the "
        "container is the sandbox.",
    ),
]
DeviceOption = Annotated[
    DeviceName,
    typer.Option(
        "--device",
        help="Where the model computes. gpu is experimental and, on this machine, needs "
        "HOLDFAST_SANDBOX_GPU=experimental; auto takes a GPU where that is set and one is there.",
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=1024,
        help="Threads of the model; all processors when left out.",
        show_default=False,
    ),
]
DataFolder = Annotated[
    Path,
    typer.Option("--data", envvar="HOLDFAST_DATA", help="Folder of the database and the files."),
]
