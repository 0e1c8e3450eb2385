"""An ONNX model in ONNX Runtime."""

from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from holdfast.errors import HoldfastError
from holdfast.records.model import Layout, ModelCard, OutputKind
from holdfast.runtimes.batching import Batched
from holdfast.runtimes.onnx_card import describe
from holdfast.runtimes.onnx_gate import check_model, parse
from holdfast.runtimes.onnx_session import Session, session_of
from holdfast.runtimes.onnx_tail import plain_tail
from holdfast.runtimes.protocol import ModelUnderTest, Scores
from holdfast.runtimes.scores import OUT_OF_MEMORY, checked_labels, checked_scores
from holdfast.runtimes.terms import Terms

__all__ = [
    "MAX_GRAPH_BYTES",
    "OnnxModel",
    "as_fed",
    "card_of",
    "open_exact",
    "open_onnx",
]

MAX_GRAPH_BYTES = 128 << 20
"""Models above this are not looked into: cutting their graph takes several times its size."""


def card_of(data: bytes, sha256: str, terms: Terms | None = None) -> ModelCard:
    """Gate and describe the bytes of an ONNX file; raises HoldfastError when it is refused."""
    return _gated(data, sha256, terms)[0]


def open_onnx(data: bytes, sha256: str, threads: int) -> ModelUnderTest:
    """Gate, describe and load the bytes of an ONNX file; takes any number of images.

    Raises:
        HoldfastError: whatever the gate refuses; `op_unknown`, `load_failed` or `memory_limit`
            when the runtime cannot make a session of it.
    """
    return Batched(open_exact(data, sha256, Terms(threads=threads)))


def open_exact(data: bytes, sha256: str, terms: Terms) -> "OnnxModel":
    """The same for a model that takes exactly the batches its card names. Raises as above."""
    card, runnable = _gated(data, sha256, terms)
    kept = runnable if len(runnable) <= MAX_GRAPH_BYTES else None
    return OnnxModel(card, session_of(runnable, terms), kept)


def _gated(data: bytes, sha256: str, terms: Terms | None) -> tuple[ModelCard, bytes]:
    """The card, and the bytes that the runtime gets: the file's own unless its tail is replaced."""
    model = parse(data)
    tail = plain_tail(model)
    card = describe(model, check_model(model), sha256, len(data), tail=tail, terms=terms)
    return card, model.SerializeToString() if tail.notes else data


@final
class OnnxModel:
    """A session and its description; see `ModelUnderTest`."""

    def __init__(self, card: ModelCard, session: Session, graph_bytes: bytes | None = None) -> None:
        """Join them; use `open_onnx`."""
        self.graph_bytes = graph_bytes
        """What the session was made of; None above `MAX_GRAPH_BYTES`."""
        self._card = card
        self._session = session
        self._input = session.get_inputs()[0].name
        self._dtype = np.dtype(card.inputs[0].dtype)

    @property
    def card(self) -> ModelCard:
        """What the model is."""
        return self._card

    @property
    def on_device(self) -> None:
        """It takes arrays."""

    def described_as(self, card: ModelCard) -> "OnnxModel":
        """The same session under another description, as of a bundle."""
        return OnnxModel(card, self._session, self.graph_bytes)

    def __call__(self, batch: NDArray[np.float32]) -> Scores:
        """Scores (n, k) of a normalised batch (n, c, h, w); a fixed batch must be exact."""
        fed = as_fed(batch, self._card.layout, self._dtype)
        try:
            raw = self._session.run([self._card.output], {self._input: fed})[0]
        except Exception as error:  # noqa: BLE001 - the runtime raises many kinds
            if any(phrase in str(error) for phrase in OUT_OF_MEMORY):
                raise HoldfastError("memory_limit") from None
            raise HoldfastError("run_failed", shape=list(fed.shape)) from None
        if self._card.output_kind is OutputKind.labels:
            return checked_labels(raw, len(batch))
        return checked_scores(raw, len(batch))


def as_fed(batch: NDArray[np.float32], layout: Layout, dtype: np.dtype[Any]) -> NDArray[np.generic]:
    """A normalised batch (n, c, h, w) in the model's layout and element type.

    Whole numbers are rounded and clipped: uint8 gets pixels 0 to 255 as they are, int8 gets them
    minus 128, as quantising exporters map them; both want the preset `byte`.
    """
    ready = batch.transpose(0, 2, 3, 1) if layout is Layout.nhwc else batch
    if layout is Layout.flat:
        ready = batch.reshape(len(batch), -1)
    if dtype.kind in "ui":
        ready = np.clip(np.rint(ready), 0, 255)
    if dtype == np.int8:
        ready = ready - 128
    return np.ascontiguousarray(ready, dtype)
