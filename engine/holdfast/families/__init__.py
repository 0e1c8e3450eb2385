"""The families: pre-registered lists of transforms, their defaults, and their cells."""

from holdfast.families.cells import CellSpec, Control, cells_of, searched
from holdfast.families.defaults import resolve
from holdfast.families.layout import Layout, ViewSpec, layout_of

__all__ = [
    "CellSpec",
    "Control",
    "Layout",
    "ViewSpec",
    "cells_of",
    "layout_of",
    "resolve",
    "searched",
]
