"""Open a model of one of the PyTorch formats. Importing this loads PyTorch."""

from collections.abc import Callable

from holdfast.records.model import ModelFormat
from holdfast.runtimes.protocol import ModelUnderTest
from holdfast.runtimes.pt2_model import open_pt2
from holdfast.runtimes.terms import Terms
from holdfast.runtimes.torch_model import use_threads
from holdfast.runtimes.torchscript import open_torchscript
from holdfast.runtimes.weights_model import open_safetensors, open_state_dict

__all__ = ["open_torch"]

_Opener = Callable[[bytes, str, Terms], ModelUnderTest]


def open_torch(kind: ModelFormat, data: bytes, sha256: str, terms: Terms) -> ModelUnderTest:
    """Load a model; it takes exactly the batches that its card names.

    Raises:
        HoldfastError: what the format's gate and runtime refuse.
    """
    use_threads(terms.threads)
    openers: dict[ModelFormat, _Opener] = {
        ModelFormat.pt2: open_pt2,
        ModelFormat.torchscript: open_torchscript,
        ModelFormat.state_dict: open_state_dict,
        ModelFormat.safetensors: open_safetensors,
    }
    return openers[kind](data, sha256, terms)
