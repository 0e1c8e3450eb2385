"""What a view costs and how exact it is: motions on the CPU, then three backends for one cell.

A 224 x 224 x 3 view from a 256 x 341 canvas and a 28 x 28 x 1 view from its own size, uint8
canvases of uniform noise. Times are processor time of one thread. Error: the largest difference
from scipy's float64 interpolation with pixels of the fill value around the canvas, in grey levels.
"""

import argparse
import math
import os
import platform
import time
import timeit
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import numpy as np
import onnxruntime as ort
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper
from scipy import ndimage
from torch.nn.functional import affine_grid, grid_sample

from holdfast.geometry import (
    IDENTITY,
    Blur,
    DiscMask,
    Embed,
    Frame,
    Motion,
    Occlude,
    Roll,
    Rotation,
    RoundTrip,
    Shift,
    Spatial,
    Window,
    Zoom,
)
from holdfast.geometry.torch_warp import warp_batch
from holdfast.geometry.warp import view_to_canvas

FRAMES = {"224": ((256, 341, 3), (224, 224)), "28": ((28, 28, 1), (28, 28))}
MOTIONS: tuple[Motion, ...] = (
    IDENTITY,
    Shift(-8, 8),
    Rotation(5),
    Rotation(15),
    Zoom(1.1),
    Zoom(0.9),
    Zoom(0.8),
    Spatial(10, 3.5, -2),
    Spatial(10, 3.5, -2, 0.9),
    Roll(1, 1),
    DiscMask(Rotation(5)),
    Blur(Rotation(5)),
    Blur(Zoom(1.1)),
    Blur(Zoom(0.8)),
    RoundTrip(Rotation(5)),
    RoundTrip(Zoom(0.8)),
    Occlude(Shift(-8, 8)),
    Occlude(Rotation(15)),
    Embed(7, 1, 1),
)
CELL = Rotation(15)
BATCH = 8
FILL = 77


def best_us(call: Callable[[], object], number: int = 20) -> float:
    """Microseconds of processor time in the best of fifteen rounds."""
    call()
    rounds = timeit.repeat(call, number=number, repeat=15, timer=time.process_time)
    return min(rounds) / number * 1e6


def motions_table() -> None:
    """Print the time per view of every motion and control."""
    print("| motion | 224 x 224 x 3, ms | 28 x 28 x 1, ms |\n|---|---|---|")
    for motion in MOTIONS:
        cells = []
        for shape, crop in FRAMES.values():
            canvas = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
            window = Frame(crop, shape[:2]).window(shape[:2])
            out = np.empty((*crop, shape[2]), np.float32)

            def take(
                motion: Motion = motion,
                canvas: NDArray[np.uint8] = canvas,
                window: Window = window,
                out: NDArray[np.float32] = out,
            ) -> None:
                motion.view(canvas, window, 0, out)

            cells.append(f"{best_us(take) / 1e3:.3f}")
        print(f"| `{motion}` | {' | '.join(cells)} |")


def exact(canvas: NDArray[np.uint8], window: Window) -> NDArray[np.float64]:
    """The cell in float64, by trigonometry and scipy."""
    rows, columns = np.mgrid[: window.height, : window.width].astype(float)
    right, up = columns - (window.width - 1) / 2, (window.height - 1) / 2 - rows
    turned = np.arctan2(up, right) - math.radians(CELL.angle_deg)
    radius = np.hypot(right, up)
    at = [window.centre[1] - radius * np.sin(turned), window.centre[0] + radius * np.cos(turned)]
    bands = [
        ndimage.map_coordinates(
            canvas[..., band].astype(float), at, order=1, mode="grid-constant", cval=FILL
        )
        for band in range(canvas.shape[2])
    ]
    return np.stack(bands, axis=-1)


def theta(canvas: NDArray[np.uint8], window: Window) -> NDArray[np.float32]:
    """The cell as grid_sample counts: -1 to 1 between the centres of the corner pixels."""
    matrix = np.vstack([view_to_canvas(window, CELL.angle_deg, 1.0), [0, 0, 1]])
    half_x, half_y = (window.width - 1) / 2, (window.height - 1) / 2
    of_view = np.array([[half_x, 0, half_x], [0, half_y, half_y], [0, 0, 1]])
    height, width = canvas.shape[:2]
    to_unit = np.array([[2 / (width - 1), 0, -1], [0, 2 / (height - 1), -1]])
    return np.asarray(to_unit @ matrix @ of_view, np.float32)[None]


def ort_session() -> Any:  # noqa: ANN401 - the runtime has no types
    """AffineGrid and GridSample, one thread."""
    ranks = {"above": 4, "theta": 3, "size": 1, "view": 4}
    values = [
        helper.make_tensor_value_info(
            name, TensorProto.INT64 if name == "size" else TensorProto.FLOAT, [None] * rank
        )
        for name, rank in ranks.items()
    ]
    nodes = [
        helper.make_node("AffineGrid", ["theta", "size"], ["grid"], align_corners=1),
        helper.make_node("GridSample", ["above", "grid"], ["view"], align_corners=1),
    ]
    graph = helper.make_graph(nodes, "warp", values[:3], values[3:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    return ort.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])


def backends_table(device: str) -> None:
    """Print error and time per view of each backend for `CELL`."""
    shape, crop = FRAMES["224"]
    canvas = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    window = Frame(crop, shape[:2]).window(shape[:2])
    out = np.empty((*crop, shape[2]), np.float32)
    session, grid = ort_session(), theta(canvas, window)
    above = (canvas.astype(np.float32) - FILL).transpose(2, 0, 1)[None].copy()
    size = np.array([1, shape[2], *crop])
    tensor, affine = torch.tensor(above, device=device), torch.tensor(grid, device=device)
    batch = torch.tensor(canvas.transpose(2, 0, 1)[None], device=device).repeat(BATCH, 1, 1, 1)

    def opencv() -> NDArray[np.float32]:
        CELL.view(canvas, window, FILL, out)
        return out

    def runtime() -> NDArray[np.float32]:
        inputs = {"above": above, "theta": grid, "size": size}
        return np.asarray(session.run(None, inputs)[0][0].transpose(1, 2, 0) + FILL)

    def sampled() -> NDArray[np.float32]:
        places = affine_grid(affine, [int(side) for side in size], align_corners=True)
        view = grid_sample(tensor, places, align_corners=True)[0] + FILL
        return view.permute(1, 2, 0).cpu().numpy()

    def gathered() -> NDArray[np.float32]:
        views = warp_batch(batch, CELL, window, FILL)
        return views[:1].cpu().numpy()[0].transpose(1, 2, 0)

    print(f"\n| backend ({device}) | largest error, of 255 | ms a view |\n|---|---|---|")
    truth = exact(canvas, window)
    for name, take, views in (
        ("OpenCV, `Rotation.view`", opencv, 1),
        ("ONNX Runtime, AffineGrid and GridSample", runtime, 1),
        ("torch, affine_grid and grid_sample", sampled, 1),
        (f"torch, `warp_batch` of {BATCH}", gathered, BATCH),
    ):
        error = np.abs(take() - truth).max()
        print(f"| {name} | {error:.4f} | {best_us(take) / 1e3 / views:.2f} |")


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu", help="where torch warps")
    options = parser.parse_args()
    torch.set_num_threads(1)
    names = ("numpy", "opencv-python-headless", "onnxruntime", "torch")
    libraries = ", ".join(f"{name} {version(name)}" for name in names)
    when, cores = f"{datetime.now(UTC):%Y-%m-%d}", os.cpu_count()
    print(f"{when}, {cores} cores, Python {platform.python_version()}, {libraries}\n")
    motions_table()
    backends_table(options.device)


if __name__ == "__main__":
    main()
