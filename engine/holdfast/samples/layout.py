"""The columns of the per-sample file, and its first check."""

from typing import BinaryIO, Final

import pyarrow as pa
import pyarrow.parquet as pq

from holdfast.errors import HoldfastError

__all__ = ["NO_PARQUET", "SCHEMA", "open_samples"]

NO_PARQUET: Final = "it is no Parquet file"
SCHEMA = pa.schema(
    [
        pa.field("probe", pa.string(), nullable=False),
        pa.field("label", pa.int32()),
        pa.field("group", pa.string()),
        pa.field("role", pa.string(), nullable=False),
        pa.field("family", pa.string(), nullable=False),
        pa.field("cell", pa.int32(), nullable=False),
        pa.field("control_of", pa.int32()),
        pa.field("shift_x_px", pa.float64()),
        pa.field("shift_y_px", pa.float64()),
        pa.field("angle_deg", pa.float64()),
        pa.field("zoom", pa.float64()),
        pa.field("exact", pa.string()),
        pa.field("predicted", pa.int32(), nullable=False),
        pa.field("predicted_probability", pa.float32(), nullable=False),
        pa.field("reference_probability", pa.float32(), nullable=False),
        pa.field("margin", pa.float32(), nullable=False),
        pa.field("logit_drift", pa.float32(), nullable=False),
        pa.field("flip", pa.bool_(), nullable=False),
        pa.field("tie", pa.bool_(), nullable=False),
        pa.field("correct", pa.bool_()),
        pa.field("fill_share", pa.float32(), nullable=False),
    ]
)
"""`role` is `reference`, `cell`, `blur`, `occlusion` or `search`; `cell` counts the cells of the
plan from 0, searched cells last, and is -1 for references and controls; a control names the cell it
belongs to in `control_of`. The unmoved view has the family `identity`. `correct` is null without a
label; NaN stands where a model gives no probabilities, or where the drift of the logits is
undefined."""


def open_samples(samples: BinaryIO) -> pq.ParquetFile:
    """The file, whose columns are those documented.

    Raises:
        HoldfastError: `invalid_samples`.
    """
    samples.seek(0)
    try:
        file = pq.ParquetFile(samples)
    except (pa.ArrowException, OSError):  # a damaged footer is an OSError to Arrow
        raise HoldfastError("invalid_samples", reason=NO_PARQUET) from None
    if not file.schema_arrow.equals(SCHEMA):
        raise HoldfastError("invalid_samples", reason="its columns are not those documented")
    return file
