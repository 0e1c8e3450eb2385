"""The per-sample file as CSV, row by row, for whoever has no reader of Parquet."""

import csv
import io
from collections.abc import Callable, Iterator
from typing import BinaryIO, Final

import pyarrow as pa
import pyarrow.parquet as pq

from holdfast.errors import HoldfastError
from holdfast.samples.layout import SCHEMA, open_samples

__all__ = ["write_csv"]

_ROWS: Final = 4096
# What a spreadsheet takes for a formula; a leading quote makes it text (OWASP, CSV injection).
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def write_csv(samples: BinaryIO, out: BinaryIO, on_rows: Callable[[int, int], None]) -> None:
    """Write all rows with all digits; a missing value is an empty cell.

    Args:
        samples: the Parquet file.
        out: receives UTF-8 with CRLF after each row (RFC 4180).
        on_rows: hears how many rows of how many are written.

    Raises:
        HoldfastError: `invalid_samples`.
    """
    file = open_samples(samples)
    text = io.TextIOWrapper(out, "utf-8", newline="", write_through=False)
    writer = csv.writer(text)
    writer.writerow(SCHEMA.names)
    done = 0
    for batch in _batches(file):
        columns = [column.to_pylist() for column in batch.columns]
        writer.writerows([_cell(value) for value in row] for row in zip(*columns, strict=True))
        done += batch.num_rows
        on_rows(done, file.metadata.num_rows)
    text.flush()
    text.detach()


def _batches(file: pq.ParquetFile) -> Iterator[pa.RecordBatch]:
    batches = file.iter_batches(_ROWS)
    while True:
        try:
            batch = next(batches, None)
        except (pa.ArrowException, OSError):
            raise HoldfastError("invalid_samples", reason="its pages are damaged") from None
        if batch is None:
            return
        yield batch


def _cell(value: object) -> object:
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value
