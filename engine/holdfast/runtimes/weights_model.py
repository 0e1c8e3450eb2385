"""Weights without a graph, in the network that the plan names."""

import torch

from holdfast.records.model import ModelFormat
from holdfast.runtimes.architecture import build
from holdfast.runtimes.safetensors_file import read_safetensors
from holdfast.runtimes.state_dict import plain_tensors, read_state_dict
from holdfast.runtimes.terms import Terms
from holdfast.runtimes.torch_card import card_by_trial, input_dtype
from holdfast.runtimes.torch_device import device_for
from holdfast.runtimes.torch_model import TorchModel
from holdfast.runtimes.torch_trial import try_sizes

__all__ = ["open_safetensors", "open_state_dict"]


def open_state_dict(data: bytes, sha256: str, terms: Terms) -> TorchModel:
    """A state_dict in the network `terms.architecture`.

    Raises:
        HoldfastError: what `read_state_dict` and `build` refuse, `unsupported_input`,
            `unsupported_output` or `gpu_not_available`.
    """
    weights = read_state_dict(data)
    return _open(ModelFormat.state_dict, weights, len(data), sha256, terms)


def open_safetensors(data: bytes, sha256: str, terms: Terms) -> TorchModel:
    """A safetensors file in the network `terms.architecture`.

    Raises:
        HoldfastError: what `read_safetensors` and `build` refuse, `unsupported_input`,
            `unsupported_output` or `gpu_not_available`.
    """
    weights = plain_tensors(read_safetensors(data), "invalid_safetensors")
    return _open(ModelFormat.safetensors, weights, len(data), sha256, terms)


def _open(
    kind: ModelFormat,
    weights: dict[str, torch.Tensor],
    size_bytes: int,
    sha256: str,
    terms: Terms,
) -> TorchModel:
    device = device_for(terms)
    module = build(terms.architecture, weights).to(device)
    parameters = list(module.parameters())
    dtype = input_dtype(parameters)
    found = try_sizes(module, terms.size_px, dtype, device)
    card = card_by_trial(
        found,
        kind=kind,
        sha256=sha256,
        size_bytes=size_bytes,
        n_parameters=sum(tensor.numel() for tensor in parameters),
        dtype=dtype,
        architecture=terms.architecture,
        output=terms.output,
    )
    return TorchModel(card, module, [output.name for output in found.outputs], device)
