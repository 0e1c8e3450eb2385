"""Three warps agree within 1e-4 of full scale: OpenCV, a graph in ONNX Runtime, and torch."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from torch.nn.functional import affine_grid, grid_sample

from geometry_oracles import Levels, view_of
from holdfast.geometry import (
    IDENTITY,
    Affine,
    Blur,
    DiscMask,
    Embed,
    Frame,
    Mirror,
    Motion,
    Occlude,
    QuarterTurn,
    Roll,
    Rotation,
    RoundTrip,
    Shift,
    Spatial,
    SubpixelShift,
    Window,
    Zoom,
    as_spatial,
)
from holdfast.geometry.torch_warp import can_warp_batch, warp_batch
from holdfast.geometry.warp import view_to_canvas
from toy_probes import noise

TOLERANCE = 1e-4 * 255
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
FRAMES = [
    ((256, 341), (224, 224)),
    ((40, 52), (33, 24)),
    ((28, 28), (28, 28)),
    ((20, 37), (24, 24)),
]
CELLS: list[Affine] = [
    IDENTITY,
    Shift(30, -9),
    Rotation(15),
    Rotation(-2),
    Rotation(90),
    Zoom(1.05),
    Zoom(1.25),
    SubpixelShift(0.5, -0.25),
    Spatial(-24, 12.3, -5, 1.1),
]


BATCHED: list[Affine] = [*CELLS, Zoom(0.8), Zoom(0.31), Spatial(0, 2.5, 1, 0.7), Shift(99, 0)]
ROUND = RoundTrip(Rotation(3))
COPIED: list[Motion] = [
    DiscMask(Rotation(15)),
    DiscMask(Occlude(Rotation(10))),
    Embed(9, 3, -2, 20.0),
    Embed(12, -30, 30),
    Roll(3, -5),
    Mirror(),
]


def _theta(motion: Affine, canvas: tuple[int, int], window: Window) -> Levels:
    """The map between -1..1 of the view and -1..1 of the canvas, corner centres being 1."""
    matrix = np.vstack([view_to_canvas(window, *as_spatial(motion).matrix_of), [0, 0, 1]])
    (height, width), half = canvas, [(window.width - 1) / 2, (window.height - 1) / 2]
    of_view = np.array([[half[0], 0, half[0]], [0, half[1], half[1]], [0, 0, 1]])
    to_unit = np.array([[2 / (width - 1), 0, -1], [0, 2 / (height - 1), -1]])
    return np.asarray(to_unit @ matrix @ of_view, np.float32)[None]


def _by_torch(canvas: Levels, theta: Levels, window: Window, fill: int) -> Levels:
    above = torch.tensor(canvas).permute(2, 0, 1)[None].float() - fill
    size = (1, canvas.shape[2], window.height, window.width)
    grid = affine_grid(torch.tensor(theta), list(size), align_corners=True)
    return (grid_sample(above, grid, align_corners=True) + fill)[0].permute(1, 2, 0).numpy()


@pytest.fixture(scope="module")
def session() -> Any:
    """AffineGrid (opset 20) and GridSample, zeros around the image, corners aligned."""
    names = [
        ("above", TensorProto.FLOAT, 4),
        ("theta", TensorProto.FLOAT, 3),
        ("size", TensorProto.INT64, 1),
        ("view", TensorProto.FLOAT, 4),
    ]
    values = [
        helper.make_tensor_value_info(name, kind, [None] * rank) for name, kind, rank in names
    ]
    nodes = [
        helper.make_node("AffineGrid", ["theta", "size"], ["grid"], align_corners=1),
        helper.make_node(
            "GridSample", ["above", "grid"], ["view"], align_corners=1, padding_mode="zeros"
        ),
    ]
    graph = helper.make_graph(nodes, "warp", values[:3], values[3:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    return ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


@pytest.fixture
def by_ort(session: Any) -> Callable[[Levels, Levels, Window, int], Levels]:
    def view(canvas: Levels, theta: Levels, window: Window, fill: int) -> Levels:
        above = (canvas.astype(np.float32) - fill).transpose(2, 0, 1)[None]
        size = np.array([1, canvas.shape[2], window.height, window.width])
        (got,) = session.run(None, {"above": above, "theta": theta, "size": size})
        return np.asarray(got[0].transpose(1, 2, 0) + fill)

    return view


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(("canvas_size", "crop"), FRAMES)
def test_grid_sample_in_both_runtimes_agrees_border_included(
    by_ort: Callable[[Levels, Levels, Window, int], Levels],
    cell: Affine,
    canvas_size: tuple[int, int],
    crop: tuple[int, int],
) -> None:
    canvas = noise(1, *canvas_size, 3)[0]
    window = Frame(crop, canvas_size).window(canvas_size)
    view, theta = view_of(cell, canvas, window, 77), _theta(cell, canvas_size, window)
    assert np.abs(by_ort(canvas, theta, window, 77) - view).max() < TOLERANCE
    assert np.abs(_by_torch(canvas, theta, window, 77) - view).max() < TOLERANCE


def _batch(canvases: Levels, motion: Motion, window: Window, fill: int) -> Levels:
    tensor = torch.tensor(canvases, device=DEVICE).permute(0, 3, 1, 2)
    return warp_batch(tensor, motion, window, fill).permute(0, 2, 3, 1).cpu().numpy()


@pytest.mark.parametrize("cell", [*BATCHED, *map(Blur, BATCHED), *map(Occlude, BATCHED), *COPIED])
@pytest.mark.parametrize(("canvas_size", "crop"), FRAMES)
@pytest.mark.parametrize("channels", [1, 3])
def test_the_batch_warp_agrees_with_the_views(
    cell: Motion, canvas_size: tuple[int, int], crop: tuple[int, int], channels: int
) -> None:
    canvases = noise(2, *canvas_size, channels)
    window = Frame(crop, canvas_size).window(canvas_size)
    views = _batch(canvases, cell, window, 77)
    assert views.dtype == np.float32
    for canvas, view in zip(canvases, views, strict=True):
        assert np.abs(view_of(cell, canvas, window, 77) - view).max() < TOLERANCE


@given(
    angle_deg=st.floats(-180, 180),
    dx=st.floats(-40, 40),
    dy=st.floats(-40, 40),
    zoom=st.floats(1, 4),
    floats=st.booleans(),
)
@settings(deadline=None, max_examples=40)
def test_the_batch_warp_agrees_with_any_spatial_view(
    angle_deg: float, dx: float, dy: float, zoom: float, *, floats: bool
) -> None:
    canvases = noise(1, 40, 52, 3).astype(np.float32 if floats else np.uint8)
    window = Frame((33, 24), (40, 52)).window((40, 52))
    cell = Spatial(angle_deg, dx, dy, zoom)
    views = _batch(canvases, cell, window, 200)
    assert np.abs(view_of(cell, canvases[0], window, 200) - views[0]).max() < TOLERANCE


@pytest.mark.parametrize("cell", [IDENTITY, Shift(3, -7), Shift(60, 0), Spatial(0, 3, -7)])
def test_whole_pixels_are_copied_bit_by_bit(cell: Affine) -> None:
    canvases = noise(2, 40, 52, 3)
    window = Frame((33, 24), (40, 52)).window((40, 52))
    views = _batch(canvases, cell, window, 5)
    assert np.array_equal(views[1], view_of(cell, canvases[1], window, 5))


@pytest.mark.parametrize("k", [1, 2, 3])
def test_quarter_turns_are_copied_of_square_crops_only(k: int) -> None:
    canvases = noise(2, 26, 31, 3)
    window = Frame((24, 24), (26, 31)).window((26, 31))
    views = _batch(canvases, QuarterTurn(k), window, 5)
    assert np.array_equal(views[1], view_of(QuarterTurn(k), canvases[1], window, 5))
    with pytest.raises(ValueError, match="no batch warp"):
        _batch(canvases, QuarterTurn(k), Window(0, 0, 20, 24), 5)


@pytest.mark.parametrize("motion", [ROUND, DiscMask(ROUND), Spatial(5, 0, 0, 0.8)])
def test_what_the_batch_warp_does_not_know_it_refuses(motion: Motion) -> None:
    assert not can_warp_batch(motion)
    with pytest.raises(ValueError, match="no batch warp"):
        _batch(noise(1, 20, 20, 1), motion, Window(0, 0, 20, 20), 0)
