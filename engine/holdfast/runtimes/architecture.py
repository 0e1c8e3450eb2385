"""Build the network that a file of weights belongs to: `timm/<name>` or `torchvision/<name>`.

Names come from the packages' own lists of classifiers; nothing is fetched from anywhere.
"""

import re
from collections.abc import Callable

import torch

from holdfast.errors import HoldfastError

__all__ = ["build", "with_weights"]

_SHOWN = 3
# No hf-hub:, no local-dir:, no path: those would fetch or open something.
_NAME = re.compile(r"(torchvision|timm)/[a-z0-9_]{1,80}(\.[a-z0-9_]{1,60})?")
_Make = Callable[..., torch.nn.Module]


def build(architecture: str | None, weights: dict[str, torch.Tensor]) -> torch.nn.Module:
    """The network with these weights, in evaluation mode; its head has as many classes as they do.

    Raises:
        HoldfastError: `architecture_needed`, `architecture_unavailable` or `weights_mismatch`.
    """
    if architecture is None:
        raise HoldfastError("architecture_needed")
    if not _NAME.fullmatch(architecture):
        raise _unavailable(architecture, "write timm/<name> or torchvision/<name>")
    make = _maker(architecture)
    return with_weights(architecture, lambda **head: _made(architecture, make, **head), weights)


def with_weights(
    architecture: str, make: _Make, weights: dict[str, torch.Tensor]
) -> torch.nn.Module:
    """Put weights into what `make` builds; `make(num_classes=k)` builds another head.

    Raises:
        HoldfastError: `weights_mismatch`.
    """
    given = _without_prefix(weights)
    module = make()
    odd = _differences(module, given)
    classes = _other_classes(module, given, odd)
    if classes is not None:
        module = make(num_classes=classes)
        odd = _differences(module, given)
    if odd:
        names = ", ".join(name[:40] for name in odd[:_SHOWN])
        raise HoldfastError("weights_mismatch", n=len(odd), architecture=architecture, names=names)
    module.load_state_dict(given, strict=True)
    return module.eval()


def _unavailable(name: str, reason: str) -> HoldfastError:
    return HoldfastError("architecture_unavailable", name=name, reason=reason)


def _maker(architecture: str) -> _Make:
    library, _, name = architecture.partition("/")
    try:
        known, make = _timm(name) if library == "timm" else _torchvision(name)
    except Exception as error:  # noqa: BLE001 - one built for another torch raises RuntimeError
        reason = f"{library} is not installed or does not fit this PyTorch ({type(error).__name__})"
        raise _unavailable(architecture, reason) from None
    if name.partition(".")[0] not in known:
        raise _unavailable(architecture, f"{library} has no image classifier of this name")
    return make


def _timm(name: str) -> tuple[list[str], _Make]:
    import timm

    return timm.list_models(), lambda **head: timm.create_model(name, pretrained=False, **head)


def _torchvision(name: str) -> tuple[list[str], _Make]:
    from torchvision import models

    known = models.list_models(module=models)
    return known, lambda **head: models.get_model(name, weights=None, **head)


def _made(architecture: str, make: _Make, **head: int) -> torch.nn.Module:
    try:
        return make(**head)
    except Exception as error:  # noqa: BLE001 - as the packages like
        raise _unavailable(architecture, f"building it fails ({type(error).__name__})") from None


def _without_prefix(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """`torch.nn.DataParallel` puts `module.` before every name."""
    if all(name.startswith("module.") for name in weights):
        return {name.removeprefix("module."): tensor for name, tensor in weights.items()}
    return weights


def _differences(module: torch.nn.Module, weights: dict[str, torch.Tensor]) -> list[str]:
    wanted = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    given = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    return [name for name in {**wanted, **given} if wanted.get(name) != given.get(name)]


def _other_classes(
    module: torch.nn.Module, weights: dict[str, torch.Tensor], odd: list[str]
) -> int | None:
    """The number of classes, when nothing but the first axis of the same few tensors differs."""
    wanted = module.state_dict()
    pairs: set[tuple[int, int]] = set()
    for name in odd:
        if name not in wanted or name not in weights:
            return None
        there, here = wanted[name].shape, weights[name].shape
        if not there or not here or there[1:] != here[1:]:
            return None
        pairs.add((there[0], here[0]))
    return pairs.pop()[1] if len(pairs) == 1 else None
