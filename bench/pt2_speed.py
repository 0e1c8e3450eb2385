"""Our interpreter of a .pt2 beside PyTorch's own module: time per batch and largest difference.

Run: python bench/pt2_speed.py
"""

import io
import time
import warnings
from collections.abc import Callable

import torch
from torch import nn

from holdfast.runtimes.pt2_archive import read_pt2
from holdfast.runtimes.pt2_graph import parse_graph
from holdfast.runtimes.pt2_model import Interpreter

REPEATS = 20


def conv_net() -> nn.Module:
    """Sixteen 3 x 3 convolutions with batch norm, 64 channels."""
    layers: list[nn.Module] = [nn.Conv2d(3, 64, 7, 4, 3)]
    for _ in range(16):
        layers += [nn.Conv2d(64, 64, 3, padding=1, bias=False), nn.BatchNorm2d(64), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 1000))


class Vit(nn.Module):
    """Six encoder layers of width 192 on 14 x 14 patches."""

    def __init__(self) -> None:
        """Random weights."""
        super().__init__()
        self.patches = nn.Conv2d(3, 192, 16, 16)
        layer = nn.TransformerEncoderLayer(192, 3, 768, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 6, enable_nested_tensor=False)
        self.dense = nn.Linear(192, 1000)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scores (n, 1000)."""
        scores: torch.Tensor = self.dense(
            self.encoder(self.patches(x).flatten(2).transpose(1, 2)).mean(1)
        )
        return scores


def best_ms(run: Callable[[], object]) -> float:
    """The shortest of some runs."""
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        run()
        times.append(time.perf_counter() - began)
    return 1000 * min(times)


def main() -> None:
    """Print one line per network and batch."""
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    torch.set_num_threads(1)
    for net in (conv_net(), Vit()):
        dim = torch.export.Dim("n", min=1, max=64)
        example = (torch.rand(2, 3, 224, 224),)
        program = torch.export.export(net.eval(), example, dynamic_shapes=({0: dim},))
        buffer = io.BytesIO()
        torch.export.save(program, buffer)
        began = time.perf_counter()
        ours = Interpreter(parse_graph(read_pt2(buffer.getvalue())))
        load_ms = 1000 * (time.perf_counter() - began)
        theirs = program.module()
        for n in (1, 8):
            batch = torch.rand(n, 3, 224, 224)
            with torch.inference_mode():
                apart = (ours(batch)[0] - theirs(batch)).abs().max().item()
                mine, other = best_ms(lambda: ours(batch)), best_ms(lambda: theirs(batch))  # noqa: B023 - called at once
            print(
                f"{type(net).__name__:12} n={n} load {load_ms:.0f} ms, interpreter {mine:.1f} ms, "
                f"module {other:.1f} ms, largest difference {apart:.1e}"
            )


if __name__ == "__main__":
    main()
