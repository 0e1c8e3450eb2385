"""TorchScript: loading runs code of the file, so it happens only where the sandbox is in force."""

import io
import re
import warnings
from collections.abc import Iterator
from typing import Any

import torch

from holdfast.errors import HoldfastError
from holdfast.records.model import ModelFormat
from holdfast.runtimes.terms import Terms
from holdfast.runtimes.torch_card import card_by_trial, input_dtype
from holdfast.runtimes.torch_device import device_for
from holdfast.runtimes.torch_model import TorchModel, as_error
from holdfast.runtimes.torch_trial import try_sizes
from holdfast.runtimes.torch_zip import open_torch_zip

__all__ = ["DEPRECATED", "open_torchscript"]

DEPRECATED = "TorchScript is deprecated; save the model as .pt2 or ONNX"
_NAMESPACES = frozenset({"prim", "aten", "quantized", "_quantized", "torchvision"})
_DENIED = re.compile(
    r"aten::(from_file|save|_print)|prim::(Print|PythonOp|IgnoredPythonOp|rpc_\w+)"
)
_QUANTISED = ("quantized", "_quantized")
_RANDOM = re.compile(r"aten::(rand\w*|normal|bernoulli|multinomial)")
_MAX_NODES = 1_000_000
_SHOWN = 4


def open_torchscript(data: bytes, sha256: str, terms: Terms) -> TorchModel:
    """Load a TorchScript archive, also one for the lite interpreter (.ptl).

    The check of the operators makes messages clear; it is no boundary, as `__setstate__` of the
    file has run by then. The boundary is the sandbox.

    Raises:
        HoldfastError: `torchscript_needs_sandbox`, `load_failed`, `op_not_allowed`, `bad_archive`,
            `too_large`, `unsupported_input`, `unsupported_output`, `memory_limit` or
            `gpu_not_available`.
    """
    if not terms.sandboxed:
        raise HoldfastError("torchscript_needs_sandbox", missing=terms.missing)
    archive, _ = open_torch_zip(data)
    archive.close()
    device = device_for(terms)
    module = _load(data, device)
    kinds, n_nodes = _operators(module)
    _check(kinds)
    parameters = list(module.parameters())
    dtype = input_dtype(parameters)
    found = try_sizes(module, terms.size_px, dtype, device)
    drawn = sorted(kind for kind in kinds if _RANDOM.fullmatch(kind))
    card = card_by_trial(
        found,
        kind=ModelFormat.torchscript,
        sha256=sha256,
        size_bytes=len(data),
        n_nodes=n_nodes,
        n_parameters=sum(tensor.numel() for tensor in parameters),
        dtype=dtype,
        output=terms.output,
        quantised=any(kind.partition("::")[0] in _QUANTISED for kind in kinds),
        warnings=(DEPRECATED, *(f"draws random numbers: {name}" for name in drawn)),
    )
    return TorchModel(card, module, [output.name for output in found.outputs], device)


def _load(data: bytes, device: torch.device) -> Any:  # noqa: ANN401 - torch has no types for scripts
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            loaded = torch.jit.load(io.BytesIO(data), map_location=device)  # type: ignore[no-untyped-call]
            return loaded.eval()
    except Exception as error:  # noqa: BLE001 - the loader raises many kinds
        raise as_error(error, HoldfastError("load_failed")) from None


def _operators(module: Any) -> tuple[set[str], int]:  # noqa: ANN401 - as above
    """The operators that any method of any part can reach, helpers inlined, and their number."""
    kinds: set[str] = set()
    count = 0
    for part in module.modules():
        for name in part._c._method_names():  # noqa: SLF001 - there is no public way
            for node in _nodes(part._c._get_method(name).inlined_graph):  # noqa: SLF001 - as above
                kinds.add(node.kind())
                count += 1
                if count > _MAX_NODES:
                    what = "The number of operators"
                    raise HoldfastError("too_large", what=what, limit=_MAX_NODES)
    return kinds, count


def _nodes(graph: Any) -> Iterator[Any]:  # noqa: ANN401 - as above
    stack = [graph]
    while stack:
        for node in stack.pop().nodes():
            yield node
            stack.extend(node.blocks())


def _check(kinds: set[str]) -> None:
    refused = sorted(
        kind
        for kind in kinds
        if _DENIED.fullmatch(kind) or kind.partition("::")[0] not in _NAMESPACES
    )
    if refused:
        raise HoldfastError("op_not_allowed", op=", ".join(refused[:_SHOWN]))
