"""Where PyTorch computes, and that it computes the same each time."""

import torch

from holdfast.errors import HoldfastError
from holdfast.runtimes.terms import Terms

__all__ = ["CPU", "be_exact", "device_for"]

CPU = torch.device("cpu")


def device_for(terms: Terms) -> torch.device:
    """The device of a model; for a GPU, arithmetic and memory are settled first.

    Raises:
        HoldfastError: `gpu_not_available`.
    """
    if terms.device == "cpu":
        return CPU
    if not torch.cuda.is_available():
        raise HoldfastError("gpu_not_available", reason="PyTorch finds none that it can use")
    be_exact()
    total_bytes = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(min(1.0, terms.gpu_memory_bytes / total_bytes))
    return torch.device("cuda", 0)


def be_exact() -> None:
    """No TF32, whose 10 bits of mantissa drown small differences; the same kernels each time."""
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    # what has no such kernel still runs; a model that then differs is refused as nondeterministic
    torch.use_deterministic_algorithms(mode=True, warn_only=True)
