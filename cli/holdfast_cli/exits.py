"""The one table from an outcome to the exit code of the command line."""

from typing import Final

from holdfast.errors import Kind

__all__ = ["EXIT", "INTERRUPTED"]

EXIT: Final[dict[str, int]] = {
    # A verdict, by `Decision`; an audit without a gate that ran to its end counts as passed.
    "passed": 0,
    "failed": 1,
    "inconclusive": 3,
    # No verdict, by `Kind` of the error.
    Kind.usage: 2,
    Kind.refused: 4,
    Kind.broken: 5,
}

INTERRUPTED: Final = 130
"""Ctrl-C, as every shell expects it; above all codes that mean something to a gate."""
