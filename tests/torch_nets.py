"""Small networks of the kinds that matter, and their exports. Weights are random but fixed."""

import importlib
import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

__all__ = ["NETS", "build", "eager", "optional", "pt2", "pth", "quiet", "script", "trace"]


class Cnn(nn.Module):
    """Depthwise separable, with the activations of mobile nets and a preprocessing inside."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 16, 3, 2, 1, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 16, 3, 1, 1, groups=16),
            nn.SiLU(inplace=True),
            nn.Conv2d(16, 32, 1),
            nn.Hardswish(),
            nn.AdaptiveAvgPool2d(1),
        )
        self.drop = nn.Dropout(0.2)
        self.dense = nn.Linear(32, 10)
        self.mean: torch.Tensor
        self.register_buffer("mean", torch.tensor([0.4, 0.5, 0.6]).view(1, 3, 1, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.body((x - self.mean) / 0.2)
        scores: torch.Tensor = self.dense(self.drop(torch.flatten(found, 1)))
        return scores


class Vit(nn.Module):
    """Patches, a class token, two encoder layers, probabilities."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, 8, 8)
        self.token = nn.Parameter(torch.randn(1, 1, width))
        self.places = nn.Parameter(torch.randn(1, 17, width) * 0.1)
        layer = nn.TransformerEncoderLayer(
            width, 4, 128, batch_first=True, norm_first=True, activation="gelu"
        )
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(width)
        self.dense = nn.Linear(width, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found = self.patches(x).flatten(2).transpose(1, 2)
        found = torch.cat([self.token.expand(x.shape[0], -1, -1), found], 1) + self.places
        scores: torch.Tensor = self.dense(self.norm(self.encoder(found))[:, 0])
        return scores.softmax(-1)


class GroupNorm(nn.Module):
    """Residual blocks with group norm, an upsampling, two named outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.GroupNorm(2, 8), nn.GELU())
            for _ in range(3)
        )
        self.up = nn.Upsample(scale_factor=2, mode="bilinear")
        self.dense = nn.Linear(8, 4)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        x = self.stem(x)
        for block in self.blocks:
            x = x + block(x)
        pooled = functional.adaptive_avg_pool2d(self.up(x), 1).flatten(1)
        return {"logits": self.dense(pooled), "aux": torch.sigmoid(pooled.mean(1, keepdim=True))}


class FlattenHead(nn.Module):
    """One convolution and a dense layer over all places."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 32 * 32, 6)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.body(x)
        return scores


NETS: dict[str, Callable[[], nn.Module]] = {
    "cnn": Cnn,
    "vit": Vit,
    "group_norm": GroupNorm,
    "flatten_head": FlattenHead,
}


@contextmanager
def quiet() -> Iterator[None]:
    """PyTorch warns about itself when it exports; that is not what is tested."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def optional(library: str) -> Any:
    """A library of the extra `zoo`, or a skip that says why it cannot be used."""
    try:
        return importlib.import_module(library)
    except Exception as error:  # noqa: BLE001 - one built for another PyTorch raises RuntimeError
        return pytest.skip(f"{library} cannot be used: {type(error).__name__}: {error}")


def build(name: str, seed: int = 0) -> nn.Module:
    """A network in evaluation mode, with statistics that are not the trivial ones."""
    torch.manual_seed(seed)
    module = NETS[name]()
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            assert part.running_mean is not None
            assert part.running_var is not None
            part.running_mean.normal_()
            part.running_var.uniform_(0.5, 2)
    return module.eval()


def eager(module: nn.Module, batch: NDArray[np.float32]) -> NDArray[np.float32]:
    """What PyTorch itself answers; with autograd on, so that no fused path is taken."""
    answer = module(torch.from_numpy(batch.copy()))
    first = next(iter(answer.values())) if isinstance(answer, dict) else answer
    scores: NDArray[np.float32] = first.detach().numpy()
    return scores


def pt2(module: nn.Module, *, batch: object = None, size: int = 32, n: int = 2) -> bytes:
    """`torch.export.save`; `batch` is a `torch.export.Dim` or None for the fixed batch `n`."""
    buffer = io.BytesIO()
    shapes = None if batch is None else ({0: batch},)
    with quiet():
        program = torch.export.export(
            module, (torch.rand(n, 3, size, size),), dynamic_shapes=shapes
        )
        torch.export.save(program, buffer)
    return buffer.getvalue()


def trace(module: nn.Module, *, size: int = 32, channels: int = 3) -> bytes:
    """`torch.jit.trace` with one image."""
    buffer = io.BytesIO()
    with quiet():
        image = torch.rand(1, channels, size, size)
        traced = torch.jit.trace(module, image, check_trace=False)  # type: ignore[no-untyped-call]
        torch.jit.save(traced, buffer)
    return buffer.getvalue()


def script(module: nn.Module) -> bytes:
    """`torch.jit.script`."""
    buffer = io.BytesIO()
    with quiet():
        torch.jit.save(torch.jit.script(module), buffer)
    return buffer.getvalue()


def pth(tree: object) -> bytes:
    """`torch.save`."""
    buffer = io.BytesIO()
    torch.save(tree, buffer)
    return buffer.getvalue()
