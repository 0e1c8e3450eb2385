"""Open a model of whatever format its bytes are. Runs in the locked child only.

PyTorch is loaded only for the formats that need it: an ONNX audit never imports it.
"""

import importlib.util
import io

from holdfast.errors import HoldfastError
from holdfast.records.model import ModelCard, ModelFormat
from holdfast.runtimes.batching import Batched
from holdfast.runtimes.onnx_bundle import inline_bundle
from holdfast.runtimes.onnx_model import card_of, open_exact
from holdfast.runtimes.protocol import ModelUnderTest
from holdfast.runtimes.signature import check_scores_per_image
from holdfast.runtimes.sniff import sniff_file
from holdfast.runtimes.terms import Terms

__all__ = ["Terms", "describe_model", "open_model"]

_UNLOCKED = Terms()


def open_model(data: bytes, sha256: str, terms: Terms = _UNLOCKED) -> ModelUnderTest:
    """Load a model from its bytes; it takes batches of any size.

    Raises:
        HoldfastError: `torch_needed`, or what the format's gate and runtime refuse.
    """
    kind = _format_of(data, terms)
    model = _open_exact(kind, data, sha256, terms)
    check_scores_per_image(model.card, terms.output)
    return Batched(model, single=terms.single)


def _open_exact(kind: ModelFormat, data: bytes, sha256: str, terms: Terms) -> ModelUnderTest:
    """Load a model that takes exactly the batches that its card names."""
    if kind is ModelFormat.onnx:
        return open_exact(data, sha256, terms)
    if kind is ModelFormat.onnx_bundle:
        model = open_exact(inline_bundle(data), sha256, terms)
        return model.described_as(_bundle_card(model.card, data))
    return _open_torch(kind, data, sha256, terms)


def describe_model(data: bytes, sha256: str, terms: Terms = _UNLOCKED) -> ModelCard:
    """The card of a model; it is loaded only where its graph does not tell. Raises as above."""
    kind = _format_of(data, terms)
    if kind is ModelFormat.onnx:
        return card_of(data, sha256, terms)
    if kind is ModelFormat.onnx_bundle:
        return _bundle_card(card_of(inline_bundle(data), sha256, terms), data)
    return _open_torch(kind, data, sha256, terms).card


def _format_of(data: bytes, terms: Terms) -> ModelFormat:
    return sniff_file(io.BytesIO(data), has_architecture=terms.architecture is not None)


def _bundle_card(card: ModelCard, data: bytes) -> ModelCard:
    return card.model_copy(update={"format": ModelFormat.onnx_bundle, "size_bytes": len(data)})


def _open_torch(kind: ModelFormat, data: bytes, sha256: str, terms: Terms) -> ModelUnderTest:
    if importlib.util.find_spec("torch") is None:
        raise HoldfastError("torch_needed", format=kind)
    from holdfast.runtimes.torch_opening import open_torch

    return open_torch(kind, data, sha256, terms)
