"""Train three small classifiers of handwritten digits, to be audited with Holdfast.

`centered.onnx` and `everywhere.onnx` share one architecture and differ in their training alone;
`gap.onnx` sees the same pictures as `centered.onnx` and differs in its architecture alone. What
an audit finds between them therefore has a known cause. See README.md beside this file.
"""

from __future__ import annotations

import argparse
import io
import os
import time
import warnings
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import numpy as np
import onnx
import onnxruntime as ort
import torch
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

SEED = 20
THREADS = 2
CLASSES = 10
CANVAS_PX = 32
DIGIT_PX = 16
HELD_OUT_SHARE = 0.2
BATCH_SIZE = 64
PEAK_LEARNING_RATE = 4e-3
OPSET = 17
LIMIT_BYTES = 300_000
LARGEST_LOGIT_DIFFERENCE = 1e-4

MAX_SHIFT_PX = 8
MAX_ANGLE_DEG = 20.0
MIN_ZOOM, MAX_ZOOM = 0.75, 1.3

# The earliest moment a zip entry can carry: the archive must not depend on when it was written.
ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, kw_only=True)
class Digits:
    """Digits on their canvas, as uint8 grey values."""

    images: NDArray[np.uint8]
    """Shape (n, CANVAS_PX, CANVAS_PX)."""
    labels: NDArray[np.int64]
    """Shape (n,)."""


@dataclass(frozen=True, kw_only=True)
class Motion:
    """One motion per image: turned and zoomed about the centre of the canvas, then shifted."""

    shift_px: Tensor
    """Shape (n, 2): to the right and down."""
    angle_deg: Tensor
    """Shape (n,): positive is counter-clockwise as displayed."""
    zoom: Tensor
    """Shape (n,): above one enlarges."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How one of the three models is built and trained."""

    name: str
    build: Callable[[], nn.Module]
    moves: bool
    """Whether every training image is moved at random."""
    epochs: int


def place_on_canvas(digit: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Enlarge one 8x8 digit of values 0..16 and paste it at the centre of a black canvas."""
    grey = np.rint(digit * (255 / 16)).astype(np.uint8)
    enlarged = Image.fromarray(grey).resize((DIGIT_PX, DIGIT_PX), Image.Resampling.BILINEAR)
    canvas = Image.new("L", (CANVAS_PX, CANVAS_PX))
    corner_px = (CANVAS_PX - DIGIT_PX) // 2
    canvas.paste(enlarged, (corner_px, corner_px))
    return np.asarray(canvas)


def load_split() -> tuple[Digits, Digits]:
    """Return the digits to train on and the held-out ones, stratified and always the same."""
    source = load_digits()
    images = np.stack([place_on_canvas(digit) for digit in source.images])
    labels = source.target.astype(np.int64)
    rows = np.arange(len(labels))
    train, held_out = train_test_split(
        rows, test_size=HELD_OUT_SHARE, stratify=labels, random_state=SEED
    )
    train, held_out = np.sort(train), np.sort(held_out)
    return (
        Digits(images=images[train], labels=labels[train]),
        Digits(images=images[held_out], labels=labels[held_out]),
    )


def as_batch(images: NDArray[np.uint8]) -> Tensor:
    """Return what the models take: float32 of shape (n, 1, height, width) in [0, 1]."""
    return torch.from_numpy(images.astype(np.float32) / 255).unsqueeze(1)


def still(n: int) -> Motion:
    """Return the motion that leaves n images as they are."""
    return Motion(shift_px=torch.zeros(n, 2), angle_deg=torch.zeros(n), zoom=torch.ones(n))


def draw_motion(n: int, generator: torch.Generator) -> Motion:
    """Draw whole-pixel shifts, angles and zooms, all uniform in their ranges."""
    shift_px = torch.randint(-MAX_SHIFT_PX, MAX_SHIFT_PX + 1, (n, 2), generator=generator)
    turn, zoom = torch.rand(2, n, generator=generator)
    return Motion(
        shift_px=shift_px.float(),
        angle_deg=(2 * turn - 1) * MAX_ANGLE_DEG,
        zoom=MIN_ZOOM + zoom * (MAX_ZOOM - MIN_ZOOM),
    )


def move(images: Tensor, motion: Motion) -> Tensor:
    """Move square images with bilinear interpolation; what comes in from outside is black."""
    # affine_grid asks where each output pixel comes from, so this is the inverse of the motion.
    # With align_corners=False the origin is ((W-1)/2, (H-1)/2) and W pixels are 2 units wide.
    angle_rad = torch.deg2rad(motion.angle_deg)
    cosine, sine = torch.cos(angle_rad) / motion.zoom, torch.sin(angle_rad) / motion.zoom
    inverse = torch.stack([cosine, -sine, sine, cosine], dim=1).view(-1, 2, 2)
    shift = (motion.shift_px * (2 / images.shape[-1])).unsqueeze(2)
    theta = torch.cat([inverse, -inverse @ shift], dim=2)
    grid = functional.affine_grid(theta, list(images.shape), align_corners=False)
    return functional.grid_sample(
        images, grid, mode="bilinear", padding_mode="zeros", align_corners=False
    )


def convolution(inputs: int, outputs: int) -> list[nn.Module]:
    """Return a 3x3 convolution of stride one with its normalisation and nonlinearity."""
    return [
        nn.Conv2d(inputs, outputs, kernel_size=3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    ]


def flatten_net() -> nn.Module:
    """Return a network whose head has one weight per position: it must learn every position."""
    return nn.Sequential(
        *convolution(1, 16),
        nn.MaxPool2d(2),
        *convolution(16, 32),
        nn.MaxPool2d(2),
        *convolution(32, 48),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Linear(48 * (CANVAS_PX // 8) ** 2, 56),
        nn.ReLU(),
        nn.Linear(56, CLASSES),
    )


def smooth_pool() -> list[nn.Module]:
    """Return a maximum of stride one and an average of stride two.

    A maximum of stride two sees another picture after a shift by one pixel (aliasing); measured
    with it, shifts by odd numbers of pixels changed a third of the predictions of `gap_net`.
    """
    return [nn.MaxPool2d(3, stride=1, padding=1), nn.AvgPool2d(2)]


def gap_net() -> nn.Module:
    """Return a network whose head averages over positions: where a digit stands is forgotten."""
    return nn.Sequential(
        *convolution(1, 16),
        *smooth_pool(),
        *convolution(16, 32),
        *smooth_pool(),
        *convolution(32, 48),
        *convolution(48, 64),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(64, CLASSES),
    )


RECIPES = (
    Recipe(name="centered", build=flatten_net, moves=False, epochs=12),
    Recipe(name="everywhere", build=flatten_net, moves=True, epochs=90),
    Recipe(name="gap", build=gap_net, moves=False, epochs=12),
)


def train(recipe: Recipe, digits: Digits) -> nn.Module:
    """Train one model from its seed and return it ready for inference."""
    torch.manual_seed(SEED)
    generator = torch.Generator().manual_seed(SEED)
    model = recipe.build()
    images, labels = as_batch(digits.images), torch.from_numpy(digits.labels)
    batches = -(-len(labels) // BATCH_SIZE)
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, PEAK_LEARNING_RATE, total_steps=recipe.epochs * batches
    )
    for epoch in range(1, recipe.epochs + 1):
        loss_sum = 0.0
        for rows in torch.randperm(len(labels), generator=generator).chunk(batches):
            motion = draw_motion(len(rows), generator) if recipe.moves else still(len(rows))
            loss = functional.cross_entropy(model(move(images[rows], motion)), labels[rows])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            loss_sum += loss.item() * len(rows)
        if epoch % 10 == 0 or epoch == recipe.epochs:
            mean_loss = loss_sum / len(labels)
            print(f"{recipe.name:>10}  epoch {epoch:3d}/{recipe.epochs}  loss {mean_loss:.4f}")
    return model.eval()


def export(model: nn.Module, path: Path) -> None:
    """Write one self-contained ONNX file with a dynamic batch."""
    with warnings.catch_warnings():
        # The older exporter is deprecated, but needs no further package and writes no local paths.
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            model,
            (torch.zeros(2, 1, CANVAS_PX, CANVAS_PX),),
            path,
            input_names=["image"],
            output_names=["logits"],
            dynamic_axes={"image": {0: "batch"}, "logits": {0: "batch"}},
            opset_version=OPSET,
            dynamo=False,
        )
    written = onnx.load(path)
    written.doc_string = f"Handwritten digits, {path.stem}: an example model of Holdfast."
    onnx.checker.check_model(written, full_check=True)
    onnx.save(written, path)


def check_export(model: nn.Module, path: Path, images: Tensor) -> None:
    """Refuse a file that is too large or that does not compute what the model computes."""
    if path.stat().st_size >= LIMIT_BYTES:
        raise RuntimeError(f"{path.name} has {path.stat().st_size} bytes; limit {LIMIT_BYTES}.")
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    (logits,) = session.run(["logits"], {"image": images.numpy()})
    with torch.inference_mode():
        difference = float(np.abs(logits - model(images).numpy()).max())
    if not difference < LARGEST_LOGIT_DIFFERENCE:
        raise RuntimeError(f"{path.name} differs from its torch model by {difference:.2e}.")


def png_bytes(image: NDArray[np.uint8]) -> bytes:
    """Return one image as a greyscale PNG."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="PNG")
    return buffer.getvalue()


def write_probes(digits: Digits, path: Path) -> None:
    """Write the digits as `<label>/<number>.png`; the same digits give the same bytes."""
    with zipfile.ZipFile(path, "w") as archive:
        for label in range(CLASSES):
            for number, image in enumerate(digits.images[digits.labels == label], start=1):
                entry = zipfile.ZipInfo(f"{label}/{number:04d}.png", ZIP_EPOCH)
                entry.create_system = 3  # Unix everywhere, or the bytes depend on the platform
                entry.external_attr = 0o644 << 16
                archive.writestr(entry, png_bytes(image))


def accuracy(model: nn.Module, digits: Digits, motion: Motion) -> float:
    """Return the share of digits classified rightly once moved."""
    with torch.inference_mode():
        predicted = model(move(as_batch(digits.images), motion)).argmax(dim=1).numpy()
    return float((predicted == digits.labels).mean())


def print_figures(model: nn.Module, name: str, digits: Digits) -> None:
    """Print the accuracy on held-out digits, as they are and after one motion of each kind."""
    n = len(digits.labels)
    rest = still(n)
    motions = {
        "clean": rest,
        "shift (6, 6) px": Motion(
            shift_px=torch.full((n, 2), 6.0), angle_deg=rest.angle_deg, zoom=rest.zoom
        ),
        "turn 20 deg": Motion(
            shift_px=rest.shift_px, angle_deg=torch.full((n,), 20.0), zoom=rest.zoom
        ),
        "zoom 0.8": Motion(
            shift_px=rest.shift_px, angle_deg=rest.angle_deg, zoom=torch.full((n,), 0.8)
        ),
    }
    figures = [f"{what} {accuracy(model, digits, motion):.3f}" for what, motion in motions.items()]
    print(f"{name:>10}  accuracy: " + ", ".join(figures))


def main() -> None:
    """Train, check and write the three models and the probes."""
    parser = argparse.ArgumentParser(description="Train the models of the digits example.")
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parent, help="folder to write to"
    )
    out: Path = parser.parse_args().out
    torch.set_num_threads(THREADS)
    torch.use_deterministic_algorithms(mode=True)
    started_s = time.perf_counter()
    training, held_out = load_split()
    print(f"{len(training.labels)} digits to train on, {len(held_out.labels)} held out")
    write_probes(held_out, out / "probes.zip")
    for recipe in RECIPES:
        model = train(recipe, training)
        path = out / f"{recipe.name}.onnx"
        export(model, path)
        check_export(model, path, as_batch(held_out.images))
        print_figures(model, recipe.name, held_out)
        print(f"{recipe.name:>10}  {path.name}: {path.stat().st_size} bytes")
    print(f"Done in {time.perf_counter() - started_s:.0f} s")


if __name__ == "__main__":
    main()
