"""A torch.export program (.pt2) run by our own interpreter of its graph."""

import re
from dataclasses import replace
from typing import Any, final

import torch

from holdfast.errors import HoldfastError
from holdfast.records.model import (
    Arithmetic,
    AxisSize,
    ModelCard,
    ModelFormat,
    OutputKind,
    TensorCard,
)
from holdfast.runtimes.pt2_archive import DTYPES, read_pt2
from holdfast.runtimes.pt2_graph import Graph, Ref, Step, parse_graph
from holdfast.runtimes.pt2_head import head_of, output_kind_of
from holdfast.runtimes.pt2_ops import RANDOM
from holdfast.runtimes.signature import axes_of, fixed, image_input, score_output
from holdfast.runtimes.terms import Terms
from holdfast.runtimes.torch_device import device_for
from holdfast.runtimes.torch_model import TorchModel
from holdfast.runtimes.torch_tensor import dtype_name

__all__ = ["Interpreter", "card_of_pt2", "open_pt2", "placed"]

_IMAGE_DTYPES = ("float32", "float16", "bfloat16", "float64", "uint8", "int8")
_HALF = (torch.float16, torch.bfloat16)
_SYMBOL = re.compile(r"Symbol\('(\w{1,40})'")
_CUT = 80


def open_pt2(data: bytes, sha256: str, terms: Terms | None = None) -> TorchModel:
    """Check, describe and load the bytes of a .pt2; nothing of it is unpickled or executed.

    Raises:
        HoldfastError: what `read_pt2` and `parse_graph` refuse, `unsupported_input`,
            `unsupported_output` or `gpu_not_available`.
    """
    terms = terms or Terms()
    graph = parse_graph(read_pt2(data))
    card, device = _card(graph, data, sha256, terms), device_for(terms)
    return TorchModel(card, Interpreter(placed(graph, device)), graph.outputs, device)


def card_of_pt2(data: bytes, sha256: str) -> ModelCard:
    """The card of a .pt2; raises as `open_pt2`."""
    return _card(parse_graph(read_pt2(data)), data, sha256, Terms())


def placed(graph: Graph, device: torch.device) -> Graph:
    """The graph with its tensors on a device, and with that device wherever a step names one."""

    def there(value: Any) -> Any:  # noqa: ANN401 - whatever an operator takes
        return device if isinstance(value, torch.device) else value

    return replace(
        graph,
        stored={name: tensor.to(device) for name, tensor in graph.stored.items()},
        steps=tuple(
            replace(
                step,
                args=tuple(map(there, step.args)),
                kwargs={name: there(value) for name, value in step.kwargs.items()},
            )
            for step in graph.steps
        ),
    )


@final
class Interpreter:
    """Calls the steps of a checked graph one after the other."""

    def __init__(self, graph: Graph) -> None:
        """Keep the graph; its stored tensors are shared between calls."""
        self._graph = graph

    def __call__(self, batch: torch.Tensor) -> list[torch.Tensor]:
        """The outputs for one batch of images."""
        values: dict[str, Any] = dict(self._graph.stored)
        values[self._graph.inputs[0]] = batch
        for step in self._graph.steps:
            _run(step, values)
        return [values[name] for name in self._graph.outputs]


def _run(step: Step, values: dict[str, Any]) -> None:
    made = step.operator(
        *(_filled(value, values) for value in step.args),
        **{name: _filled(value, values) for name, value in step.kwargs.items()},
    )
    results = (made,) if len(step.outputs) == 1 else made
    if step.outputs:
        for name, value in zip(step.outputs, results, strict=True):
            _keep(name, value, values)
    for name in step.last_use:
        values.pop(name, None)


def _keep(name: str | tuple[str, ...] | None, value: Any, values: dict[str, Any]) -> None:  # noqa: ANN401 - an operator's own
    if isinstance(name, str):
        values[name] = value
    elif name is not None:
        values.update(zip(name, value, strict=True))


def _filled(value: Any, values: dict[str, Any]) -> Any:  # noqa: ANN401 - whatever an operator takes
    if isinstance(value, Ref):
        return values[value.name]
    if isinstance(value, list):
        return [values[item.name] if isinstance(item, Ref) else item for item in value]
    return value


def _card(graph: Graph, data: bytes, sha256: str, terms: Terms) -> ModelCard:
    inputs = tuple(_tensor(graph, name) for name in graph.inputs)
    outputs = tuple(_tensor(graph, name) for name in graph.outputs)
    axes = axes_of(image_input(inputs, _IMAGE_DTYPES), terms.size_px)
    chosen = score_output(outputs, terms.output)
    least, most = _batch_range(graph)
    half = any(tensor.dtype in _HALF for tensor in graph.stored.values())
    return ModelCard(
        format=ModelFormat.pt2,
        sha256=sha256,
        size_bytes=len(data),
        n_nodes=len(graph.steps),
        n_parameters=sum(graph.stored[name].numel() for name in graph.parameters),
        inputs=inputs,
        outputs=outputs,
        layout=axes.layout,
        batch=fixed(axes.batch),
        batch_min=least,
        batch_max=most,
        channels=axes.channels,
        height_px=fixed(axes.height),
        width_px=fixed(axes.width),
        task=chosen.task,
        output=chosen.name,
        output_reason=chosen.why,
        output_kind=OutputKind.labels if chosen.is_labels else output_kind_of(graph, chosen.name),
        n_classes=None,
        head=head_of(graph, chosen.name),
        arithmetic=Arithmetic.float16 if half else Arithmetic.float32,
        warnings=tuple(f"draws random numbers: {name}" for name in _random(graph)),
    )


def _random(graph: Graph) -> list[str]:
    """Operators that draw; a dropout in training mode is one whose flag is set."""
    drawn = {step.target for step in graph.steps if step.target in RANDOM}
    for step in graph.steps:
        if "dropout" in step.target and True in step.args:
            drawn.add(step.target)
    return sorted(name.removeprefix("torch.ops.") for name in drawn)


def _tensor(graph: Graph, name: str) -> TensorCard:
    try:
        meta = graph.tensor_values[name]
        dtype = DTYPES.get(meta["dtype"])
        shape = tuple(_size(side) for side in meta["sizes"])
    except (LookupError, TypeError, AttributeError):
        raise HoldfastError("bad_archive", reason=f"{name[:40]} has no shape") from None
    shown = "another type" if dtype is None else dtype_name(dtype)
    return TensorCard(name=name[:_CUT], dtype=shown, shape=shape)


def _size(side: dict[str, Any]) -> AxisSize:
    """A number, or the name of a symbol; its expression is text and is never evaluated."""
    if "as_int" in side:
        number = side["as_int"]
        return number if type(number) is int and number > 0 else None
    return _symbol_name(side)


def _symbol_name(side: dict[str, Any]) -> str | None:
    found = _SYMBOL.search(str(side.get("as_expr", {}).get("expr_str", ""))[:200])
    return found[1] if found else None


def _batch_range(graph: Graph) -> tuple[int, int | None]:
    """The bounds that the export declared for a free batch."""
    shape = _tensor(graph, graph.inputs[0]).shape
    symbol = shape[0] if shape else None
    bounds = graph.ranges.get(symbol) if isinstance(symbol, str) else None
    if not isinstance(bounds, dict):
        return 1, None
    least, most = bounds.get("min_val"), bounds.get("max_val")
    low = least if type(least) is int and least > 1 else 1
    return low, most if type(most) is int and most >= low else None
