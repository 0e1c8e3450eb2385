"""The per-sample file: one row per image and view, from which every number can be recomputed."""

import hashlib
import io
from collections.abc import Sequence
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from holdfast.audit.canvases import Probe
from holdfast.audit.comparing import Compared
from holdfast.audit.searching import Round
from holdfast.families import CellSpec, Layout, ViewSpec
from holdfast.records.result import SampleFile
from holdfast.samples import SCHEMA

__all__ = ["SampleWriter", "cell_numbers", "search_views"]

_REPEATED = [
    *("probe", "group", "role", "family", "cell", "control_of"),
    *("shift_x_px", "shift_y_px", "angle_deg", "zoom", "exact"),
]
"""Columns of few values. A dictionary of scores costs time and makes the file larger."""


class _Hashing(io.RawIOBase):
    """Passes bytes on, counts and hashes them."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.sha256 = hashlib.sha256()
        self.size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: "bytes | memoryview[int]") -> int:  # type: ignore[override]
        view = memoryview(data)
        self.sha256.update(view)
        self.size += view.nbytes
        self.file.write(view)
        return view.nbytes

    def tell(self) -> int:
        return self.size


class SampleWriter:
    """Writes blocks as they are measured, so memory does not grow with the number of probes.

    A row group holds the images of one block, each with all its views in the order of the layout,
    or one round of a search: the identity once more and the cells that were visited. A sequential
    audit that needs its controls at the end adds blocks of references and controls.
    """

    def __init__(self, file: BinaryIO, layout: Layout) -> None:
        """Start the file; `file` only needs `write`. `groups` counts the row groups so far."""
        self._sink = _Hashing(file)
        self._writer = pq.ParquetWriter(
            self._sink, SCHEMA, compression="zstd", use_dictionary=_REPEATED
        )
        self._layout = layout
        self._rows = 0
        self._named: tuple[Sequence[ViewSpec], int, dict[str, pa.Array]] = ((), 0, {})
        self.groups = 0

    def write(self, block: Sequence[Probe], seen: Compared) -> None:
        """Add n probes with their views (n, V)."""
        self._table(block, seen)

    def write_round(self, block: Sequence[Probe], found: Round) -> None:
        """Add one round of a search on some probes of a block."""
        images = [block[place] for place in found.images]
        self._table(images, found.seen)

    def close(self) -> SampleFile:
        """Finish the file and say what it is."""
        self._writer.close()
        return SampleFile(
            sha256=self._sink.sha256.hexdigest(), size_bytes=self._sink.size, n_rows=self._rows
        )

    def _table(self, block: Sequence[Probe], seen: Compared) -> None:
        n, views = len(block), len(seen.views)
        labels = np.array([probe.label for probe in block])
        unlabelled = np.repeat(labels < 0, views)
        columns = {
            "probe": _repeated([probe.name for probe in block], views),
            "label": pa.array(np.repeat(labels, views), pa.int32(), mask=unlabelled),
            "group": _repeated([probe.group or None for probe in block], views),
            **self._parameters(seen.views, n),
            "predicted": seen.predicted.ravel(),
            "predicted_probability": seen.predicted_probability.ravel(),
            "reference_probability": seen.reference_probability.ravel(),
            "margin": seen.margin.ravel(),
            "logit_drift": seen.logit_drift.ravel(),
            "flip": seen.flip.ravel(),
            "tie": seen.tie.ravel(),
            "correct": pa.array(seen.correct.ravel(), pa.bool_(), mask=unlabelled),
            "fill_share": seen.fill.ravel(),
        }
        self.copy(pa.table(columns, schema=SCHEMA))

    def _parameters(self, views: Sequence[ViewSpec], n: int) -> dict[str, pa.Array]:
        """Those of the block before where they are the same, as they mostly are."""
        if (views, n) != self._named[:2]:
            self._named = (views, n, _parameters(views, self._layout, n))
        return self._named[2]

    def copy(self, table: pa.Table) -> None:
        """Add one row group as it stands in another such file."""
        self._writer.write_table(table, row_group_size=max(1, table.num_rows))
        self._rows += table.num_rows
        self.groups += 1


def cell_numbers(views: Sequence[ViewSpec], layout: Layout) -> list[int]:
    """What stands in the column `cell`."""
    first = {"reference": None, "cell": 0, "search": len(layout.cells)}
    return [-1 if (start := first.get(view.role)) is None else start + view.cell for view in views]


def search_views(cells: Sequence[CellSpec], places: NDArray[np.intp]) -> tuple[ViewSpec, ...]:
    """The views of one round of a search: the identity, then the cells at `places`."""
    identity = ViewSpec("reference", None, -1, Layout(()).references[0].motion, 0)
    return (
        identity,
        *(
            ViewSpec("search", cells[place].family, int(place), cells[place].motion, 0)
            for place in places
        ),
    )


def _repeated(values: list[str | None], times: int) -> pa.Array:
    """Each value `times` times, without making Python objects of them."""
    places = pa.array(np.repeat(np.arange(len(values)), times))
    return pa.array(values, pa.string()).take(places)


def _parameters(views: Sequence[ViewSpec], layout: Layout, n: int) -> dict[str, pa.Array]:
    """The columns that name the view, repeated for n probes."""
    named = [_spelt(view, layout) for view in views]
    of = [view.cell if view.role in ("blur", "occlusion") else None for view in views]
    shifts = [row.get("shift_px") or (None, None) for row in named]
    columns: dict[str, tuple[list[Any], pa.DataType]] = {
        "role": ([view.role for view in views], pa.string()),
        "family": ([str(view.family or "identity") for view in views], pa.string()),
        "cell": (cell_numbers(views, layout), pa.int32()),
        "control_of": (of, pa.int32()),
        "shift_x_px": ([shift[0] for shift in shifts], pa.float64()),
        "shift_y_px": ([shift[1] for shift in shifts], pa.float64()),
        "angle_deg": ([row.get("angle_deg") for row in named], pa.float64()),
        "zoom": ([row.get("zoom") for row in named], pa.float64()),
        "exact": ([row.get("exact") for row in named], pa.string()),
    }
    order = pa.array(np.tile(np.arange(len(views)), n))
    return {name: pa.array(values, kind).take(order) for name, (values, kind) in columns.items()}


def _spelt(view: ViewSpec, layout: Layout) -> dict[str, Any]:
    if view.cell < 0:
        return {}
    cells = layout.searched if view.role == "search" else layout.cells
    return dict(cells[view.cell].parameters)
