"""Three nets with random weights: the sizes that people ship, built in torch, exported to ONNX."""

import io
import warnings
from pathlib import Path

import torch
from torch import nn

__all__ = ["SIZES", "build", "export", "export_pt2"]

SIZES = {"resnet18": (3, 224), "mobilenet": (3, 224), "small28": (1, 28)}
"""Channels and side of each net's input."""


class _Basic(nn.Module):
    """Two 3x3 convolutions and a shortcut (He et al., CVPR 2016)."""

    def __init__(self, inner: int, outer: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inner, outer, 3, stride, 1, bias=False),
            nn.BatchNorm2d(outer),
            nn.ReLU(),
            nn.Conv2d(outer, outer, 3, 1, 1, bias=False),
            nn.BatchNorm2d(outer),
        )
        same = stride == 1 and inner == outer
        self.skip = (
            nn.Identity()
            if same
            else nn.Sequential(
                nn.Conv2d(inner, outer, 1, stride, bias=False), nn.BatchNorm2d(outer)
            )
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.body(x) + self.skip(x))


class _Inverted(nn.Module):
    """Expand, filter per channel, project (Sandler et al., CVPR 2018)."""

    def __init__(self, inner: int, outer: int, stride: int, expand: int) -> None:
        super().__init__()
        wide = inner * expand
        self.same = stride == 1 and inner == outer
        self.body = nn.Sequential(
            nn.Conv2d(inner, wide, 1, bias=False),
            nn.BatchNorm2d(wide),
            nn.ReLU6(),
            nn.Conv2d(wide, wide, 3, stride, 1, groups=wide, bias=False),
            nn.BatchNorm2d(wide),
            nn.ReLU6(),
            nn.Conv2d(wide, outer, 1, bias=False),
            nn.BatchNorm2d(outer),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.body(x) if self.same else self.body(x)


def _resnet18() -> nn.Module:
    widths = [(64, 64, 1), (64, 64, 1), (64, 128, 2), (128, 128, 1)]
    widths += [(128, 256, 2), (256, 256, 1), (256, 512, 2), (512, 512, 1)]
    stem = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU()]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 1000)]
    return nn.Sequential(*stem, nn.MaxPool2d(3, 2, 1), *(_Basic(*w) for w in widths), *head)


def _mobilenet() -> nn.Module:
    rows = [(32, 16, 1, 1, 1), (16, 24, 2, 6, 2), (24, 32, 2, 6, 3), (32, 64, 2, 6, 4)]
    rows += [(64, 96, 1, 6, 3), (96, 160, 2, 6, 3), (160, 320, 1, 6, 1)]
    blocks: list[nn.Module] = []
    for inner, outer, stride, expand, times in rows:
        blocks.append(_Inverted(inner, outer, stride, expand))
        blocks += [_Inverted(outer, outer, 1, expand) for _ in range(times - 1)]
    stem = [nn.Conv2d(3, 32, 3, 2, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU6()]
    last = [nn.Conv2d(320, 1280, 1, bias=False), nn.BatchNorm2d(1280), nn.ReLU6()]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1280, 1000)]
    return nn.Sequential(*stem, *blocks, *last, *head)


def _small28() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, 1, 1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, 1, 1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(32 * 49, 10),
    )


def build(name: str) -> nn.Module:
    """One of `SIZES` with random weights from a fixed seed, in evaluation mode."""
    torch.manual_seed(0)
    return {"resnet18": _resnet18, "mobilenet": _mobilenet, "small28": _small28}[name]().eval()


def export(name: str, path: Path) -> None:
    """Write a net as ONNX with a free batch axis."""
    channels, side = SIZES[name]
    out = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the other exporter needs onnxscript
        torch.onnx.export(
            build(name),
            (torch.zeros(1, channels, side, side),),
            out,
            dynamo=False,
            opset_version=17,
            input_names=["image"],
            output_names=["logits"],
            dynamic_axes={"image": {0: "batch"}, "logits": {0: "batch"}},
        )
    path.write_bytes(out.getvalue())


def export_pt2(name: str, path: Path) -> None:
    """Write a net as .pt2 with a free batch axis."""
    channels, side = SIZES[name]
    free = {0: torch.export.Dim("batch", min=1, max=4096)}
    exported = torch.export.export(
        build(name), (torch.zeros(2, channels, side, side),), dynamic_shapes=(free,)
    )
    torch.export.save(exported, path)
