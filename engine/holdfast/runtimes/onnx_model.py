"""An ONNX model in ONNX Runtime, on the CPU."""

from typing import final

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from holdfast.errors import HoldfastError
from holdfast.records.model import Layout, ModelCard
from holdfast.runtimes.onnx_card import describe
from holdfast.runtimes.onnx_gate import check_model, parse
from holdfast.runtimes.protocol import Scores

__all__ = ["OnnxModel", "card_of", "open_onnx", "session_of"]

_MAX_SCORES = 1 << 26
_SILENT = 4
_UNKNOWN_OP = ("not a registered", "No Op registered", "is not a registered function/op")
_OUT_OF_MEMORY = ("bad_alloc", "Failed to allocate", "can't allocate")


def card_of(data: bytes, sha256: str) -> ModelCard:
    """Gate and describe the bytes of an ONNX file; raises HoldfastError when it is refused."""
    model = parse(data)
    return describe(model, check_model(model), sha256, len(data))


def open_onnx(data: bytes, sha256: str, threads: int) -> "OnnxModel":
    """Gate, describe and load the bytes of an ONNX file.

    Raises:
        HoldfastError: whatever the gate refuses; `op_unknown`, `load_failed` or `memory_limit`
            when the runtime cannot make a session of it.
    """
    return OnnxModel(card_of(data, sha256), session_of(data, threads))


@final
class OnnxModel:
    """A session and its description; see `ModelUnderTest`."""

    def __init__(self, card: ModelCard, session: ort.InferenceSession) -> None:
        """Join the two; use `open_onnx`."""
        self._card = card
        self._session = session
        self._input = session.get_inputs()[0].name
        self._dtype = np.dtype(card.inputs[0].dtype)

    @property
    def card(self) -> ModelCard:
        """What the model is."""
        return self._card

    def __call__(self, batch: NDArray[np.float32]) -> Scores:
        """Scores (n, k) of a normalised batch (n, c, h, w); see `ModelUnderTest`."""
        if self._card.batch is None:
            return self._run(batch)
        size = self._card.batch
        parts = [batch[start : start + size] for start in range(0, len(batch), size)]
        return np.concatenate([self._run(_padded(part, size))[: len(part)] for part in parts])

    def _run(self, batch: NDArray[np.float32]) -> Scores:
        ready = batch.transpose(0, 2, 3, 1) if self._card.layout is Layout.nhwc else batch
        if self._dtype == np.uint8:
            ready = np.clip(np.rint(ready), 0, 255)
        fed = np.ascontiguousarray(ready, self._dtype)
        try:
            raw = self._session.run([self._card.output], {self._input: fed})[0]
        except Exception as error:  # noqa: BLE001 - the runtime raises many kinds
            if any(phrase in str(error) for phrase in _OUT_OF_MEMORY):
                raise HoldfastError("memory_limit") from None
            raise HoldfastError("run_failed", shape=list(fed.shape)) from None
        return _scores(raw, len(batch))


def _scores(raw: object, n: int) -> Scores:
    """Check that an output is one finite score per class and image, (n, k); one score is k = 1."""
    if not isinstance(raw, np.ndarray) or raw.size == 0 or raw.shape[:1] != (n,):
        shape = list(getattr(raw, "shape", ()))
        raise HoldfastError("unsupported_output", reason=f"a batch of {n} gave the shape {shape}")
    sides = [side for side in raw.shape[1:] if side != 1]
    if len(sides) > 1:
        raise HoldfastError("unsupported_output", reason=f"its shape is {list(raw.shape)}")
    if raw.size > _MAX_SCORES:
        raise HoldfastError("output_too_large", shape=list(raw.shape), limit=_MAX_SCORES)
    scores = raw.reshape(n, -1).astype(np.float32, copy=False)
    if not np.isfinite(scores).all():
        raise HoldfastError("nonfinite_output")
    return scores


def _padded(part: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Fill a fixed batch with copies of its last image; their scores are dropped."""
    if len(part) == size:
        return part
    return np.concatenate([part, np.repeat(part[-1:], size - len(part), axis=0)])


def session_of(data: bytes, threads: int) -> ort.InferenceSession:
    """A session for the bytes of a model that passed the gate.

    Raises:
        HoldfastError: `op_unknown`, `load_failed` or `memory_limit`.
    """
    ort.set_default_logger_severity(_SILENT)
    options = ort.SessionOptions()
    options.log_severity_level = _SILENT
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry(
        "optimization.constant_folding_max_output_size_in_bytes", str(64 << 20)
    )
    try:
        return ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001 - the runtime raises many kinds
        text = str(error)
        if any(phrase in text for phrase in _OUT_OF_MEMORY):
            raise HoldfastError("memory_limit") from None
        unknown = any(phrase in text for phrase in _UNKNOWN_OP)
        raise HoldfastError("op_unknown" if unknown else "load_failed") from None
