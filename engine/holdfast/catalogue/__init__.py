"""What each measurement means: data, from which reference page and report take their words."""

from holdfast.catalogue.entries import CATALOGUE, COMPARED, GROUPED, Entry, find

__all__ = ["CATALOGUE", "COMPARED", "GROUPED", "Entry", "find"]
