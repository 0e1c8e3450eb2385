"""Ask a model why its scores move: once per audit, on a few of its first probes."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from holdfast.audit.canvases import CanvasReader, Probe
from holdfast.audit.prepare import Setup
from holdfast.audit.views import ViewRunner
from holdfast.diagnose.causes import NOT_ASKED, causes_of
from holdfast.diagnose.deciding import Outside
from holdfast.diagnose.evidence import Evidence, Terms, gather
from holdfast.geometry import IDENTITY
from holdfast.metrics import MULTILABEL
from holdfast.records.causes import Causes
from holdfast.records.cells import Cell
from holdfast.records.families import Family
from holdfast.records.result import Measurement
from holdfast.runtimes.image_graph import UntoldError
from holdfast.runtimes.onnx_taps import taps_of

__all__ = ["concluded", "diagnose_causes"]

_SHARE_OF_FORWARDS = 0.01
_MAX_LANES = 4  # each holds a copy of the weights
_LEVELS = (0.0, 127.5, 255.0)
_SOME_FLIPS = 0.02


def diagnose_causes(
    runner: ViewRunner,
    reader: CanvasReader,
    setup: Setup,
    *,
    asked: bool,
    forwards: int,
    on_run: Callable[[], None],
) -> Evidence | str:
    """Take the evidence where the model is at hand; what it means is concluded later.

    Args:
        runner: with the model.
        reader: of the probes; the first ones of the order are looked at.
        setup: how pixels reach the model.
        asked: `plan.causes`.
        forwards: how many views the audit ran; about 1 % of it are spent here, at least two images.
        on_run: called after every run of a part of the graph, as a sign of life.

    Returns:
        the evidence, or a sentence that says why there is none.
    """
    if not asked:
        return NOT_ASKED

    def images(n: int) -> NDArray[np.float32]:
        probes: list[Probe] = []
        place = 0
        while len(probes) < n and place < len(reader.order):
            missing = n - len(probes)
            probes += reader.read(place, place + missing)
            place += missing
        return setup.feed(np.stack([runner.view(probe, IDENTITY) for probe in probes[:n]]))

    terms = Terms(
        forwards=int(_SHARE_OF_FORWARDS * forwards),
        centred=setup.kind not in MULTILABEL,
        tolerance=setup.tolerance,
        lanes=min(_MAX_LANES, runner.lanes),
    )
    try:
        constants = setup.feed(_constant_views(images(1).shape, runner.card.channels))
        return gather(taps_of(runner.model, on_run), images, constants, terms)
    except UntoldError as error:
        return f"The cause was not analysed: {error}."
    except MemoryError:  # the measurements are done; what explains them may be missing
        return "The cause was not analysed: its graph takes too much memory to be cut."


def _constant_views(shape: Sequence[int], channels: int) -> NDArray[np.float32]:
    """Black, grey and white views (3, h, w, c)."""
    height, width = shape[2:]
    levels = np.array(_LEVELS, np.float32)[:, None, None, None]
    return np.broadcast_to(levels, (len(_LEVELS), height, width, channels)).copy()


def concluded(
    found: Evidence | str, measured: Sequence[Measurement], cells: Sequence[Cell]
) -> Causes:
    """The record, from the evidence and from what the audit measured."""
    if isinstance(found, str):
        return Causes(label=None, sentence=found[:400])
    values = {measurement.id: measurement.value for measurement in measured}
    outside = Outside(
        controls=_explained(cells),
        consistency=values.get(f"{Family.translation}.consistency"),
        far=values.get(f"{Family.displacement}.consistency"),
    )
    return causes_of(found, outside)


def _explained(cells: Sequence[Cell]) -> dict[str, float]:
    """Per kind of control, which share of its views' flips remains without the motion.

    Only where that kind of control ran for every cell that flips does it explain all of them.
    """
    flipping = [cell for cell in cells if 1 - cell.consistency >= _SOME_FLIPS]
    found = {}
    for kind in ("blur", "occlusion"):
        controls = [
            control for cell in flipping for control in cell.controls if control.kind == kind
        ]
        moved = sum(control.flip_rate + control.excess_flip_rate for control in controls)
        if flipping and len(controls) == len(flipping) and moved >= _SOME_FLIPS * len(controls):
            found[kind] = sum(control.flip_rate for control in controls) / moved
    return found
