"""The families: pre-registered lists of transforms, their defaults, and their cells."""

from holdfast.families.cells import CellSpec, cells_of
from holdfast.families.defaults import resolve

__all__ = ["CellSpec", "cells_of", "resolve"]
