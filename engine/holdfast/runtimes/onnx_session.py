"""Sessions of ONNX Runtime, on the CPU or on a GPU."""

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import onnxruntime as ort
from numpy.typing import NDArray

from holdfast.errors import HoldfastError
from holdfast.runtimes.scores import OUT_OF_MEMORY
from holdfast.runtimes.terms import Terms

__all__ = ["Session", "Weight", "session_of", "weight_of"]

Session: TypeAlias = ort.InferenceSession
"""A loaded graph."""
Weight: TypeAlias = ort.OrtValue
"""A tensor that several loaded graphs share."""
_SILENT: Final = 4
_UNKNOWN_OP: Final = ("not a registered", "No Op registered", "is not a registered function/op")
_CPU, _CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
_Providers = list[str | tuple[str, dict[str, Any]]]


def weight_of(values: NDArray[Any]) -> Weight:
    """A tensor to share; its bytes are copied once."""
    return ort.OrtValue.ortvalue_from_numpy(values)


def session_of(data: bytes, terms: Terms, weights: Mapping[str, Weight] | None = None) -> Session:
    """A session for the bytes of a model that passed the gate.

    On a GPU the CPU takes the operators that CUDA lacks, but never the whole model unsaid.
    `weights` are the tensors that the bytes name as external; nothing is read from a file.

    Raises:
        HoldfastError: `op_unknown`, `load_failed`, `memory_limit` or `gpu_not_available`.
    """
    ort.set_default_logger_severity(_SILENT)
    providers, options = _providers(terms), _options(terms)
    if weights:
        options.add_external_initializers(list(weights), list(weights.values()))
    try:
        session = ort.InferenceSession(data, options, providers=providers)
    except Exception as error:  # noqa: BLE001 - the runtime raises many kinds
        text = str(error)
        if any(phrase in text for phrase in OUT_OF_MEMORY):
            raise HoldfastError("memory_limit") from None
        unknown = any(phrase in text for phrase in _UNKNOWN_OP)
        raise HoldfastError("op_unknown" if unknown else "load_failed") from None
    if terms.device == "gpu":
        # where CUDA does not start, the runtime makes a session on the CPU and goes on
        if _CUDA not in session.get_providers():
            raise HoldfastError("gpu_not_available", reason="ONNX Runtime cannot start CUDA")
        session.disable_fallback()  # nor may a failed run silently move there
    return session


def _options(terms: Terms) -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.log_severity_level = _SILENT
    options.intra_op_num_threads = terms.threads
    options.inter_op_num_threads = 1
    options.use_deterministic_compute = terms.device == "gpu"
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry(
        "optimization.constant_folding_max_output_size_in_bytes", str(64 << 20)
    )
    return options


def _providers(terms: Terms) -> _Providers:
    if terms.device == "cpu":
        return [_CPU]
    if _CUDA not in ort.get_available_providers():
        reason = "the ONNX Runtime that is installed was built without CUDA"
        raise HoldfastError("gpu_not_available", reason=reason)
    ort.preload_dlls()  # CUDA's libraries may be packages beside ours
    cuda = {
        "gpu_mem_limit": terms.gpu_memory_bytes,
        "arena_extend_strategy": "kSameAsRequested",
        "use_tf32": 0,
        # the other ways try kernels out and take the fastest of the day
        "cudnn_conv_algo_search": "DEFAULT",
    }
    return [(_CUDA, cuda), _CPU]
