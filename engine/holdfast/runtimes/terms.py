"""Under which circumstances a model is opened."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Terms"]


@dataclass(frozen=True)
class Terms:
    """What the opener must know besides the bytes.

    Attributes:
        threads: threads to compute with.
        architecture: the network that a file of weights belongs to, `timm/<name>` or
            `torchvision/<name>`.
        size_px: the declared size of the model's input (height, width), tried first where the file
            does not tell it.
        output: the name of the output to read, None to choose by rule.
        single: one image at a time, because a batch is known to crash the runtime.
        sandboxed: every layer of the sandbox is in force, so code of the file may run.
        missing: what is not in force, for the error.
        device: where to compute; `gpu` is never replaced by the CPU.
        gpu_memory_bytes: the most memory of the GPU that the runtime may take.
    """

    threads: int = 1
    architecture: str | None = None
    size_px: tuple[int, int] | None = None
    output: str | None = None
    single: bool = False
    sandboxed: bool = False
    missing: str = "this process is not locked"
    device: Literal["cpu", "gpu"] = "cpu"
    gpu_memory_bytes: int = 0
