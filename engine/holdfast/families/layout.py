"""Which views of an image are taken, in which order, and what each is compared with.

An image's views: the identity, the families' own references, all cells, and, on the first images
of an audit, the controls. The per-sample file has the same order.
"""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from holdfast.families.cells import CellSpec, cells_of, searched
from holdfast.geometry import IDENTITY, Motion
from holdfast.records.cells import ControlKind
from holdfast.records.families import Families, Family

__all__ = ["Layout", "Role", "ViewSpec", "layout_of"]

Role = Literal["reference", "cell", "blur", "occlusion", "search"]


@dataclass(frozen=True)
class ViewSpec:
    """One view of an image.

    Attributes:
        role: why it is taken.
        family: None for the identity.
        cell: place in the list of cells; -1 for a reference.
        motion: how it is taken from the canvas.
        against: place of the view that it is compared with.
        enlarge: how many times larger than usual it is.
    """

    role: Role
    family: Family | None
    cell: int
    motion: Motion
    against: int
    enlarge: int = 1


@dataclass(frozen=True)
class Layout:
    """The views of an audit. `searched` cells are visited image by image, until one flips."""

    cells: tuple[CellSpec, ...]
    searched: tuple[CellSpec, ...] = ()

    @cached_property
    def references(self) -> tuple[ViewSpec, ...]:
        """The identity, then the references that families bring."""
        found = [ViewSpec("reference", None, -1, IDENTITY, 0)]
        for cell in self.cells:
            if all(cell.reference != view.motion for view in found):
                found.append(ViewSpec("reference", cell.family, -1, cell.reference, len(found)))
        return tuple(found)

    @cached_property
    def plain(self) -> tuple[ViewSpec, ...]:
        """The views of an image on which no controls run."""
        return (
            *self.references,
            *(
                ViewSpec("cell", cell.family, place, cell.motion, self._against(cell), cell.enlarge)
                for place, cell in enumerate(self.cells)
            ),
        )

    @cached_property
    def controls(self) -> tuple[ViewSpec, ...]:
        """What is taken beside `plain` on the first images."""
        return tuple(
            ViewSpec(control.kind, cell.family, place, control.motion, self._against(cell))
            for place, cell in enumerate(self.cells)
            for control in cell.controls
        )

    @cached_property
    def families(self) -> frozenset[Family]:
        """Whose cells are taken or searched."""
        return frozenset(cell.family for cell in (*self.cells, *self.searched))

    def views(
        self, *, controls: bool, families: Collection[Family] | None = None
    ) -> tuple[ViewSpec, ...]:
        """The views of an image: all references, and the cells and controls of some families."""
        every = (*self.plain, *self.controls) if controls else self.plain
        return every if families is None else _of(families, every)

    def late(self, families: Collection[Family]) -> tuple[ViewSpec, ...]:
        """What is taken of an image whose cells are known already: references and controls."""
        return (*self.references, *_of(families, self.controls))

    def places(self, family: Family) -> list[int]:
        """The cells of a family."""
        return [place for place, cell in enumerate(self.cells) if cell.family is family]

    def control_places(self, family: Family, kind: ControlKind) -> list[tuple[int, int]]:
        """Pairs of a cell of the family and its control's place among `controls`."""
        return [
            (view.cell, place)
            for place, view in enumerate(self.controls)
            if view.family is family and view.role == kind
        ]

    def _against(self, cell: CellSpec) -> int:
        return next(
            place for place, view in enumerate(self.references) if view.motion == cell.reference
        )


def _of(families: Collection[Family], views: Collection[ViewSpec]) -> tuple[ViewSpec, ...]:
    return tuple(view for view in views if view.role == "reference" or view.family in families)


def layout_of(families: Families) -> Layout:
    """The views of resolved families."""
    return Layout(cells_of(families), searched(families))
