"""The card of a network whose input and outputs were found by running it."""

from collections.abc import Iterable

import torch

from holdfast.records.model import (
    Arithmetic,
    Layout,
    ModelCard,
    ModelFormat,
    OutputKind,
    TensorCard,
)
from holdfast.runtimes.signature import score_output
from holdfast.runtimes.torch_tensor import dtype_name
from holdfast.runtimes.torch_trial import Found

__all__ = ["card_by_trial", "input_dtype"]

_FLOATS = (torch.float16, torch.bfloat16, torch.float64)


def input_dtype(parameters: Iterable[torch.Tensor]) -> torch.dtype:
    """The floating type of the first parameter, which the images must have, too."""
    for tensor in parameters:
        if tensor.dtype.is_floating_point:
            return tensor.dtype if tensor.dtype in _FLOATS else torch.float32
    return torch.float32


def card_by_trial(  # noqa: PLR0913 - each is one thing that only the caller knows
    found: Found,
    *,
    kind: ModelFormat,
    sha256: str,
    size_bytes: int,
    n_parameters: int,
    dtype: torch.dtype,
    quantised: bool = False,
    architecture: str | None = None,
    n_nodes: int | None = None,
    output: str | None = None,
    warnings: tuple[str, ...] = (),
) -> ModelCard:
    """Join what a trial found with what the file says.

    Raises:
        HoldfastError: `unsupported_output`, or `unknown_output` for an `output` that is not there.
    """
    height, width = found.size_px or (None, None)
    image = TensorCard(
        name="image", dtype=dtype_name(dtype), shape=(None, found.channels, height, width)
    )
    chosen = score_output(found.outputs, output)
    half = dtype in (torch.float16, torch.bfloat16)
    coarse = Arithmetic.float16 if half else Arithmetic.float32
    return ModelCard(
        format=kind,
        sha256=sha256,
        size_bytes=size_bytes,
        architecture=architecture,
        n_nodes=n_nodes,
        n_parameters=n_parameters,
        inputs=(image,),
        outputs=found.outputs,
        layout=Layout.nchw,
        batch=None,
        channels=found.channels,
        height_px=height,
        width_px=width,
        task=chosen.task,
        output=chosen.name,
        output_reason=chosen.why,
        output_kind=OutputKind.labels if chosen.is_labels else None,
        n_classes=None,
        arithmetic=Arithmetic.int8 if quantised else coarse,
        warnings=warnings,
    )
