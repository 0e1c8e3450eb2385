"""Why a number is there or not."""

from enum import StrEnum

__all__ = ["Outcome"]


class Outcome(StrEnum):
    """Why a number is there or not. Absence is never 0, -1 or NaN."""

    measured = "measured"
    not_applicable = "not_applicable"
    """The question makes no sense here, for example accuracy without labels."""
    not_supported = "not_supported"
    """This version cannot measure it."""
    error = "error"
    """It was tried and went wrong."""
