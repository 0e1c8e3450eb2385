"""Plain tensors by name, out of a torch zip. The only unpickling of the project.

`torch.load(weights_only=True)` builds tensors and containers, nothing else; it runs in the locked
child only, between a check of the zip and a check of every tensor.
"""

import io
import re
from typing import Any

import torch

from holdfast.errors import HoldfastError
from holdfast.runtimes.torch_model import as_error
from holdfast.runtimes.torch_zip import MAX_BYTES, check_members, open_torch_zip

__all__ = ["plain_tensors", "read_state_dict"]

_MEMBER = re.compile(
    r"data\.pkl|byteorder|version|\.format_version|\.storage_alignment|\.data/serialization_id|"
    r"data/\d+"
)
_NESTED = ("state_dict", "model")
_MAX_KEY = 256
_REFUSALS = ("UnpicklingError",)


def read_state_dict(data: bytes) -> dict[str, torch.Tensor]:
    """The tensors of a state_dict, or of a checkpoint that holds one as `state_dict` or `model`.

    Raises:
        HoldfastError: `bad_archive`, `pickle_refused`, `invalid_state_dict`, `too_large` or
            `memory_limit`.
    """
    archive, _ = open_torch_zip(data)
    with archive:
        check_members(archive, _MEMBER, "bad_archive")
    return plain_tensors(_load(data), "invalid_state_dict")


def _load(data: bytes) -> Any:  # noqa: ANN401 - whatever the file holds
    try:
        return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)  # noqa: TID251 - see above
    except Exception as error:  # noqa: BLE001 - the loader raises many kinds
        if type(error).__name__ in _REFUSALS:
            raise HoldfastError("pickle_refused") from None
        reason = f"reading ends in {type(error).__name__}"
        raise as_error(error, HoldfastError("invalid_state_dict", reason=reason)) from None


def plain_tensors(tree: Any, code: str) -> dict[str, torch.Tensor]:  # noqa: ANN401 - as above
    """Check that `tree` is a dict of dense tensors that store what they claim.

    Raises:
        HoldfastError: `code` or `too_large`.
    """
    found = _unnested(tree)
    if not isinstance(found, dict) or not found:
        raise HoldfastError(code, reason="it is no dict of tensors")
    total = 0
    for key, tensor in found.items():
        if not isinstance(key, str) or len(key) > _MAX_KEY:
            raise HoldfastError(code, reason="a key is no short text")
        _check_tensor(key, tensor, code)
        total += tensor.numel() * tensor.element_size()
    if total > MAX_BYTES:
        raise HoldfastError("too_large", what="The weights", limit=MAX_BYTES)
    return found


def _unnested(tree: Any) -> Any:  # noqa: ANN401 - as above
    if isinstance(tree, dict):
        for key in _NESTED:
            if isinstance(tree.get(key), dict):
                return tree[key]
    return tree


def _check_tensor(key: str, tensor: Any, code: str) -> None:  # noqa: ANN401 - as above
    plain = (
        isinstance(tensor, torch.Tensor)
        and tensor.layout is torch.strided
        and tensor.device.type == "cpu"
        and not tensor.is_quantized
        and not tensor.is_complex()
    )
    if not plain:
        raise HoldfastError(code, reason=f"{key[:60]} is no plain tensor")
    if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        raise HoldfastError(code, reason=f"{key[:60]} claims more than it stores")
