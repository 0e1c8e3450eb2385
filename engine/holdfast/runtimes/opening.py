"""Open a model of whatever format its bytes are. Runs in the locked child only."""

import io

from holdfast.errors import HoldfastError
from holdfast.records.model import ModelCard, ModelFormat
from holdfast.runtimes.onnx_model import card_of, open_onnx
from holdfast.runtimes.protocol import ModelUnderTest
from holdfast.runtimes.sniff import sniff_file

__all__ = ["describe_model", "open_model"]


def open_model(data: bytes, sha256: str, threads: int) -> ModelUnderTest:
    """Load a model from its bytes.

    Raises:
        HoldfastError: `format_not_supported`, or what the format's gate and runtime refuse.
    """
    _check_format(data)
    return open_onnx(data, sha256, threads)


def describe_model(data: bytes, sha256: str) -> ModelCard:
    """The card of a model without loading it; raises as `open_model`."""
    _check_format(data)
    return card_of(data, sha256)


def _check_format(data: bytes) -> None:
    kind = sniff_file(io.BytesIO(data))
    if kind is not ModelFormat.onnx:
        raise HoldfastError("format_not_supported", format=kind)
