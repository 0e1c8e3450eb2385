"""The per-sample file: its columns, and what reads it with nothing but pyarrow, as the API does."""

from holdfast.samples.layout import NO_PARQUET, SCHEMA, open_samples
from holdfast.samples.table import write_csv

__all__ = ["NO_PARQUET", "SCHEMA", "open_samples", "write_csv"]
