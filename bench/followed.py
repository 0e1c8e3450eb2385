"""Which networks can the walk of a graph follow from the image to the scores?

Arguments: ONNX classifiers. Nothing is measured and no label is found: one image of noise settles
the sizes, the graph is walked, and a row says how many operators were not understood, what stands
at the end, and the total stride. No causes are told where most of the change arises in operators
that are not understood.
"""

import argparse
import hashlib
import os
from pathlib import Path

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import numpy as np

from holdfast.diagnose.cutting import cut_up
from holdfast.diagnose.evidence import look_at_graph
from holdfast.diagnose.graph_facts import graph_facts
from holdfast.records.causes import PieceKind
from holdfast.runtimes.image_graph import UntoldError
from holdfast.runtimes.onnx_taps import taps_of
from holdfast.runtimes.opening import Terms, open_model

_SIDE = 224


def row(path: Path) -> str:
    """One row of the table."""
    content = path.read_bytes()
    model = open_model(content, hashlib.sha256(content).hexdigest(), Terms(threads=2))
    card = model.card
    shape = (card.batch or 1, card.channels, card.height_px or _SIDE, card.width_px or _SIDE)
    noise = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    try:
        walked = look_at_graph(taps_of(model), noise)
    except UntoldError as error:
        return f"| {path.stem} | {error} | | | | |"
    unknown = sum(seat.role is PieceKind.unknown for seat in walked.seats)
    facts, (cuts, _) = graph_facts(walked), cut_up(walked)
    codes = sorted({str(note.code) for note in facts.notes}) if facts else []
    return (
        f"| {path.stem} | {unknown} of {len(walked.seats)} | {len(cuts) - 1} "
        f"| {facts.head if facts else ''} | {facts.horizontal.stride_px if facts else 0:g} "
        f"| {', '.join(codes)} |"
    )


def main() -> None:
    """Walk every graph that is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+", type=Path)
    print("| model | not understood | pieces | head | stride, px | notes |")
    print("|---|---|---|---|---|---|")
    for path in parser.parse_args().models:
        print(row(path), flush=True)


if __name__ == "__main__":
    main()
