"""Views made on a device, here PyTorch's CPU in the place of a GPU, are those made of arrays."""

import weakref
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, final

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import torch_nets as nets
from auditing import plan_of
from holdfast.audit.canvases import Probe
from holdfast.audit.views import ViewRunner
from holdfast.geometry import (
    IDENTITY,
    Blur,
    DiscMask,
    Embed,
    Frame,
    Mirror,
    Motion,
    Occlude,
    Roll,
    Rotation,
    Shift,
    Spatial,
    Zoom,
)
from holdfast.records.model import ModelCard
from holdfast.records.plan import InputSpec, Preset
from holdfast.runtimes import torch_model
from holdfast.runtimes.batching import Batched
from holdfast.runtimes.feed import feed_for
from holdfast.runtimes.opening import open_model
from holdfast.runtimes.protocol import OnDevice, Scores
from inprocess import run_here
from toy_probes import flat, noise

COPIES: tuple[Motion, ...] = (IDENTITY, Shift(3, -2), Shift(-25, 7), Roll(2, 1), Mirror())
WARPS: tuple[Motion, ...] = (
    Rotation(17.5),
    Zoom(1.3),
    Zoom(0.6),
    Spatial(5, 0, 0, 0.8),
    DiscMask(Rotation(-9)),
    Blur(Rotation(17.5)),
    Occlude(Shift(-25, 7)),
    Embed(9, 4, 4, 20.0),
)
FRAME = Frame((30, 30), None)
SIZES = ((40, 50), (40, 50), (21, 61), (40, 50))


@final
class Pixels:
    """A model whose scores are the pixels; with `there` it takes tensors, too."""

    def __init__(self, channels: int, *, there: bool, **card: object) -> None:
        net = open_model(
            nets.pt2(nets.build("cnn"), batch=torch.export.Dim("n", min=1, max=1024)), "0" * 64
        )
        self.card: ModelCard = net.card.model_copy(update={"channels": channels, "batch": None})
        self.card = self.card.model_copy(update=card)
        self._there = there
        self.sent: list[np.dtype[Any]] = []
        self.given: list[weakref.ref[torch.Tensor]] = []
        self.alive: list[int] = []

    @property
    def on_device(self) -> OnDevice | None:
        return self if self._there else None

    def lanes(self, n: int) -> Sequence[AbstractContextManager[object]]:
        return [nullcontext() for _ in range(n)]

    def put(self, array: NDArray[Any]) -> torch.Tensor:
        self.sent.append(array.dtype)
        made = torch.from_numpy(array.copy())
        self.given.append(weakref.ref(made))
        return made

    def scores(self, batch: torch.Tensor) -> Scores:
        assert isinstance(batch, torch.Tensor)
        self.alive.append(sum(tensor() is not None for tensor in self.given))
        return batch.flatten(1).numpy().copy()

    def __call__(self, batch: NDArray[np.float32]) -> Scores:
        assert isinstance(batch, np.ndarray)
        assert not self._there
        return batch.reshape(len(batch), -1).copy()


def _block(channels: int) -> list[Probe]:
    canvases = [noise(1, *size, channels, seed=seed) for seed, size in enumerate(SIZES)]
    return [
        Probe(index, f"{index}", -1, canvas[0].reshape(*SIZES[index], channels))
        for index, canvas in enumerate(canvases)
    ]


def _seen(
    motions: tuple[Motion, ...], preset: Preset, channels: int, *, there: bool, enlarge: int = 1
) -> NDArray[np.float32]:
    model = Pixels(channels, there=there)
    runner = ViewRunner(model, FRAME, 90, lanes=3, enlarge=enlarge)
    feed = feed_for(InputSpec(preset=preset), channels)
    return runner.scores(_block(channels), motions, feed, lambda _: None)


@pytest.mark.parametrize("enlarge", [1, 2])
@pytest.mark.parametrize(
    ("preset", "channels"), [(Preset.imagenet, 3), (Preset.caffe, 3), (Preset.byte, 1)]
)
def test_copies_have_the_same_bits_and_warps_are_close(
    preset: Preset, channels: int, enlarge: int
) -> None:
    for motions, tolerance in ((COPIES, 0.0), (WARPS, 1e-4)):
        here = _seen(motions, preset, channels, there=False, enlarge=enlarge)
        there = _seen(motions, preset, channels, there=True, enlarge=enlarge)
        full_scale = float(here.max() - here.min())
        apart = np.abs(here - there).max(axis=(0, 2)) / full_scale
        assert (apart <= tolerance).all(), dict(zip(motions, apart, strict=True))


def test_what_travels_are_the_bytes_of_canvases_once_and_views_only_where_they_must() -> None:
    unknown = Spatial(5, 0, 0, 0.8)
    feed = feed_for(InputSpec(preset=Preset.unit), 3)
    for motions, views in (([each for each in WARPS if each != unknown], 0), ([unknown], 3)):
        model = Pixels(3, there=True)
        ViewRunner(model, FRAME, 90).scores(_block(3), motions, feed, lambda _: None)
        groups = 3  # of neighbours of one size
        canvases = 0 if views else groups
        assert model.sent == [np.dtype(np.uint8)] * canvases + [np.dtype(np.float32)] * views


def test_canvases_are_held_until_the_scores_of_their_views_are_there() -> None:
    """More sizes than are kept, one image each, in one batch."""
    model = Pixels(3, there=True)
    block = [Probe(place, f"{place}", -1, noise(1, 40 + place, 40, 3)[0]) for place in range(9)]
    feed = feed_for(InputSpec(preset=Preset.unit), 3)
    ViewRunner(model, FRAME, 90).scores(block, [IDENTITY], feed, lambda _: None)
    assert model.alive == [9]


def test_a_device_has_larger_batches_and_two_of_them_on_their_way() -> None:
    frame = Frame((224, 224), None)
    here, there = (
        ViewRunner(Pixels(3, there=there), frame, 0, lanes=16) for there in (False, True)
    )
    assert (here.batch, here.lanes) == (13, 16)
    assert (there.batch, there.lanes) == (111, 2)
    fixed = ViewRunner(Pixels(3, there=True, batch=100), frame, 0, lanes=1)
    assert (fixed.batch, fixed.lanes) == (100, 1)


def test_batches_for_a_model_of_a_fixed_batch_are_filled_up_there_too() -> None:
    images = noise(7, 8, 8)[:, None].astype(np.float32)
    model = Batched(Pixels(1, there=True, batch=3))
    device = model.on_device
    assert device is not None
    scores = device.scores(device.put(images))
    assert np.array_equal(scores, images.reshape(7, -1))
    assert Batched(Pixels(1, there=False)).on_device is None


def test_an_audit_is_the_same_wherever_its_views_are_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = nets.pt2(nets.build("cnn"), batch=torch.export.Dim("n", min=1, max=1024))
    probes = flat(tmp_path / "p.zip", noise(12, 40, 40, 3))
    plan = plan_of(
        shifts_px=[[1, 0], [3, -4]], angles_deg=[7, -20], zooms=[0.8, 1.2], controls=6, full=True
    )
    here = run_here(model, probes, plan).result

    def no_arrays(_: object, batch: NDArray[np.float32]) -> Scores:
        raise AssertionError(f"{len(batch)} views came as an array")

    # a CPU that does not pass for one has a device of its own
    monkeypatch.setattr(torch_model, "CPU", "cpu")
    monkeypatch.setattr(torch_model.TorchModel, "__call__", no_arrays)
    there = run_here(model, probes, plan).result
    assert [each.id for each in here.measurements] == [each.id for each in there.measurements]
    for one, other in zip(here.measurements, there.measurements, strict=True):
        assert one.value == pytest.approx(other.value, abs=1e-3), one.id
    exact = {"translation.consistency", "translation.drift", "accuracy"}
    for one, other in zip(here.measurements, there.measurements, strict=True):
        if one.id in exact:
            assert one == other
