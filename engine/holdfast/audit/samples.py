"""The per-sample file: one row per image and view, from which every number can be recomputed."""

import hashlib
import io
from collections.abc import Sequence
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from holdfast.audit.canvases import Probe
from holdfast.families import CellSpec
from holdfast.metrics import OrbitScores, Readout
from holdfast.records.result import SampleFile

__all__ = ["SCHEMA", "SampleWriter"]

SCHEMA = pa.schema(
    [
        pa.field("probe", pa.string(), nullable=False),
        pa.field("label", pa.int32()),
        pa.field("family", pa.string(), nullable=False),
        pa.field("cell", pa.int32(), nullable=False),
        pa.field("shift_x_px", pa.int32()),
        pa.field("shift_y_px", pa.int32()),
        pa.field("angle_deg", pa.float64()),
        pa.field("zoom", pa.float64()),
        pa.field("predicted", pa.int32(), nullable=False),
        pa.field("predicted_probability", pa.float32(), nullable=False),
        pa.field("reference_probability", pa.float32(), nullable=False),
        pa.field("margin", pa.float32(), nullable=False),
        pa.field("flip", pa.bool_(), nullable=False),
        pa.field("tie", pa.bool_(), nullable=False),
        pa.field("fill_share", pa.float32(), nullable=False),
    ]
)
"""`cell` counts the cells of the plan from 0; the unmoved view is family `identity`, cell -1."""


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
    """Writes blocks as they are measured, so memory does not grow with the number of probes."""

    def __init__(self, file: BinaryIO, cells: Sequence[CellSpec]) -> None:
        """Start the file; `file` only needs `write`."""
        self._sink = _Hashing(file)
        self._writer = pq.ParquetWriter(self._sink, SCHEMA, compression="zstd")
        self._cells = cells
        self._named = _named(cells)
        self._rows = 0

    def write(
        self,
        block: Sequence[Probe],
        seen: Readout,
        scores: OrbitScores,
        fill: NDArray[np.float32],
    ) -> None:
        """Add n probes: their readouts (n, m + 1), scores (n, m) and fill shares (n, m)."""
        views = len(self._cells) + 1
        rows = np.repeat(np.arange(len(block)), views)
        labels = [probe.label if probe.label >= 0 else None for probe in block]
        first = np.zeros((len(block), 1))
        columns = {
            "probe": pa.array([probe.name for probe in block], pa.string()).take(rows),
            "label": pa.array(labels, pa.int32()).take(rows),
            **self._parameters(len(block)),
            "predicted": seen.predicted.ravel(),
            "predicted_probability": seen.predicted_probability.ravel(),
            "reference_probability": seen.reference_probability.ravel(),
            "margin": seen.margin.ravel(),
            "flip": np.hstack([first, scores.flip]).astype(bool).ravel(),
            "tie": np.hstack([first, scores.tie]).astype(bool).ravel(),
            "fill_share": np.hstack([first, fill]).astype(np.float32).ravel(),
        }
        self._writer.write_table(pa.table(columns, schema=SCHEMA))
        self._rows += len(block) * views

    def close(self) -> SampleFile:
        """Finish the file and say what it is."""
        self._writer.close()
        return SampleFile(
            sha256=self._sink.sha256.hexdigest(), size_bytes=self._sink.size, n_rows=self._rows
        )

    def _parameters(self, n: int) -> dict[str, pa.Array]:
        """The columns that name the cell, repeated for n probes."""
        places = np.tile(np.arange(len(self._cells) + 1), n)
        return {name: column.take(places) for name, column in self._named.items()}


def _named(cells: Sequence[CellSpec]) -> dict[str, pa.Array]:
    """The columns that name the cell, of one probe."""
    named = [dict([cell.parameter]) for cell in cells]
    shifts = [row.get("shift_px") or (None, None) for row in named]
    columns: dict[str, list[object]] = {
        "family": ["identity", *(str(cell.family) for cell in cells)],
        "cell": [-1, *range(len(cells))],
        "shift_x_px": [None, *(shift[0] for shift in shifts)],
        "shift_y_px": [None, *(shift[1] for shift in shifts)],
        "angle_deg": [None, *(row.get("angle_deg") for row in named)],
        "zoom": [None, *(row.get("zoom") for row in named)],
    }
    return {name: pa.array(rows, SCHEMA.field(name).type) for name, rows in columns.items()}
