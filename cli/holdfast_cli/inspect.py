"""`holdfast inspect`: what a model file is."""

from typing import TYPE_CHECKING, Annotated

import typer

from holdfast_cli import options as opt

if TYPE_CHECKING:
    from holdfast.records.model import ModelCard, TensorCard

__all__ = ["inspect"]

_SHOWN_CLASSES = 8


def inspect(
    model: opt.ModelPath,
    *,
    architecture: opt.Architecture = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    sandbox: opt.Sandbox = opt.SandboxLevel.auto,
) -> None:
    """Show what a model file is: format, inputs, outputs, and what it takes and gives."""
    from holdfast_cli.local import card_of, need

    need("audit")
    card = card_of(model, sandbox.value, architecture)
    if json:
        typer.echo(card.model_dump_json(indent=2))
    else:
        _show(model.name, card)


def _show(name: str, card: "ModelCard") -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, show_header=False, pad_edge=False, title=None)
    table.add_column(style="dim")
    table.add_column()
    for key, value in _rows(card):
        table.add_row(key, value)
    console = Console(highlight=False, markup=False, soft_wrap=True)
    console.print(name)
    console.print(table)


def _rows(card: "ModelCard") -> list[tuple[str, str]]:
    return [
        ("format", _format(card)),
        ("sha256", card.sha256),
        ("size", _size(card)),
        *(("input", _tensor(tensor)) for tensor in card.inputs),
        *(("output", _tensor(tensor)) for tensor in card.outputs),
        ("image", f"{_image_size(card)}, {_CHANNELS[card.channels]}, {card.layout}"),
        *(("pixels", words) for words in [_PIXELS.get(card.inputs[0].dtype)] if words),
        ("batch", _batch(card)),
        ("task", _task(card)),
        ("reads", f"{card.output}: {card.output_reason}"),
        ("scores", str(card.output_kind or "logits or probabilities: seen when it runs")),
        *(("classes", _classes(card)) for _ in card.class_names[:1]),
        ("head", str(card.head)),
        ("computes", str(card.arithmetic)),
        *(("note", warning) for warning in card.warnings),
    ]


_CHANNELS = {1: "grey", 3: "colour", 4: "colour with alpha"}
_PIXELS = {
    "uint8": "whole numbers 0 to 255, as with --input byte",
    "int8": "whole numbers, the pixel minus 128, as with --input byte",
}


def _image_size(card: "ModelCard") -> str:
    if card.height_px and card.width_px:
        return f"{card.width_px} x {card.height_px} px"
    if card.height_px or card.width_px:
        return f"{card.width_px or 'any'} x {card.height_px or 'any'} px"
    return "any size, named with --crop"


def _task(card: "ModelCard") -> str:
    if card.task == "classification":
        return "classification"
    if card.task == "unknown":
        return "not known before it runs"
    return f"{card.task}, which is not audited: it needs one score per class"


def _classes(card: "ModelCard") -> str:
    first = ", ".join(card.class_names[:_SHOWN_CLASSES])
    more = len(card.class_names) - _SHOWN_CLASSES
    return f"{len(card.class_names)}: {first}" + (", …" if more > 0 else "")


def _format(card: "ModelCard") -> str:
    if card.opset is not None:
        return f"{card.format}, IR {card.ir_version}, opset {card.opset}"
    return f"{card.format} of {card.architecture}" if card.architecture else str(card.format)


def _size(card: "ModelCard") -> str:
    nodes = "" if card.n_nodes is None else f", {card.n_nodes} nodes"
    return f"{card.size_bytes} bytes, {card.n_parameters} parameters{nodes}"


def _batch(card: "ModelCard") -> str:
    if card.batch is not None:
        return str(card.batch)
    if card.batch_max is not None:
        return f"{card.batch_min} to {card.batch_max}"
    return "any" if card.batch_min == 1 else f"{card.batch_min} or more"


def _tensor(tensor: "TensorCard") -> str:
    if tensor.shape is None:
        return f"{tensor.name}: {tensor.dtype}, shape not given"
    axes = ", ".join("?" if axis is None else str(axis) for axis in tensor.shape)
    return f"{tensor.name}: {tensor.dtype} [{axes}]"
