"""IBM ART and Foolbox on the same session: only what each tool adds around the model differs.

Both get ready float arrays; neither decodes an image, keeps a per-image record or has an interval.
"""

import time
import warnings
from collections.abc import Callable

import foolbox
import numpy as np
import torch
from art.attacks.evasion import SpatialTransformation
from art.estimators.classification import BlackBoxClassifierNeuralNetwork
from numpy.typing import NDArray
from torch import nn

__all__ = ["PEER_IMAGES", "PEER_PACKAGES", "art_s", "foolbox_s"]

PEER_PACKAGES = ("adversarial-robustness-toolbox", "foolbox")
PEER_IMAGES = {"resnet18": 8, "mobilenet": 16, "small28": 256}
"""Images of one run, one batch for Foolbox; ART asks for one image at a time whatever it gets."""

_GRID = {"resnet18": (8, 3, 4), "mobilenet": (8, 3, 4), "small28": (3, 4, 4)}
"""Largest shift in px, steps per axis and angles: about as many transforms as Holdfast's cells."""

_ANGLE_DEG = 15.0

Images = NDArray[np.float32]
Model = Callable[[Images], Images]


class _Counted:
    """The session, counting the images that it has seen."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.images = 0

    def __call__(self, batch: Images) -> Images:
        self.images += len(batch)
        return self.model(np.ascontiguousarray(batch, np.float32))


class _AsModule(nn.Module):
    """The session behind the interface that Foolbox wants; the arrays are shared, not copied."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(self.model(x.numpy()))


def art_s(name: str, model: Model, images: Images) -> tuple[float, int]:
    """Seconds of ART's grid search and how many evaluations it made."""
    counted = _Counted(model)
    reach_px, steps, angles = _GRID[name]
    classifier = BlackBoxClassifierNeuralNetwork(
        counted,
        images.shape[1:],
        model(images[:1]).shape[1],
        channels_first=True,
        clip_values=(0.0, 1.0),
    )
    attack = SpatialTransformation(
        classifier,
        max_translation=100 * reach_px / images.shape[2],
        num_translations=steps,
        max_rotation=_ANGLE_DEG,
        num_rotations=angles,
        verbose=False,
    )
    began = time.perf_counter()
    attack.generate(images)
    return time.perf_counter() - began, counted.images


def foolbox_s(name: str, model: Model, images: Images) -> tuple[float, int]:
    """Seconds of Foolbox's grid search and how many evaluations it made."""
    counted = _Counted(model)
    reach_px, steps, angles = _GRID[name]
    wrapped = foolbox.PyTorchModel(_AsModule(counted).eval(), bounds=(0, 1), device="cpu")
    labels = torch.from_numpy(model(images).argmax(axis=1))
    attack = foolbox.attacks.SpatialAttack(
        max_translation=reach_px,
        max_rotation=_ANGLE_DEG,
        num_translations=steps,
        num_rotations=angles,
    )
    began = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # it calls meshgrid without `indexing`
        attack(wrapped, torch.from_numpy(images), foolbox.criteria.Misclassification(labels))
    return time.perf_counter() - began, counted.images
