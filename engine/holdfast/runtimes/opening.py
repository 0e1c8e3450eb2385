"""Open a model of whatever format its bytes are. Runs in the locked child only."""

import io

from holdfast.errors import HoldfastError
from holdfast.records.model import ModelCard, ModelFormat
from holdfast.runtimes.onnx_bundle import inline_bundle
from holdfast.runtimes.onnx_model import OnnxModel, card_of, session_of
from holdfast.runtimes.protocol import ModelUnderTest
from holdfast.runtimes.sniff import sniff_file

__all__ = ["describe_model", "open_model"]


def open_model(data: bytes, sha256: str, threads: int) -> ModelUnderTest:
    """Load a model from its bytes.

    Raises:
        HoldfastError: `format_not_supported`, or what the format's gate and runtime refuse.
    """
    model = _as_one_file(data)
    return OnnxModel(_card(model, data, sha256), session_of(model, threads))


def describe_model(data: bytes, sha256: str) -> ModelCard:
    """The card of a model without loading it; raises as `open_model`."""
    return _card(_as_one_file(data), data, sha256)


def _card(model: bytes, data: bytes, sha256: str) -> ModelCard:
    card = card_of(model, sha256)
    if model is data:
        return card
    return card.model_copy(update={"format": ModelFormat.onnx_bundle, "size_bytes": len(data)})


def _as_one_file(data: bytes) -> bytes:
    kind = sniff_file(io.BytesIO(data))
    if kind is ModelFormat.onnx:
        return data
    if kind is ModelFormat.onnx_bundle:
        return inline_bundle(data)
    raise HoldfastError("format_not_supported", format=kind)
