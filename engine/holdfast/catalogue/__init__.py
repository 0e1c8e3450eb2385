"""What each measurement means: data, from which reference page and report take their words."""

from holdfast.catalogue.entries import CATALOGUE, Entry, find

__all__ = ["CATALOGUE", "Entry", "find"]
