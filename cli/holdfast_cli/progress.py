"""Progress on stderr: bars on a terminal, a few plain lines everywhere else."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeAlias

__all__ = ["Report", "Row", "progress", "rows"]

Report: TypeAlias = Callable[[str, int, int], None]
"""Takes the stage, what is done of it, and the total (0: not known)."""
Row: TypeAlias = Callable[[str, str, int, int], None]
"""The same for one of several rows, named first."""

_STAGES: Final = {
    "queued": "waiting for a worker",
    "running": "a worker has it",
    "loading": "opening the model and the images",
    "probing": "finding out how the model wants its pixels",
    "measuring": "moving the pictures",
    "writing": "writing the result",
    "comparing": "comparing with the baseline",
}
_STEPS: Final = 4


@contextmanager
def progress(title: str) -> Iterator[Report]:
    """One row to report to."""
    with rows([title]) as row:
        yield lambda stage, done, total: row(title, stage, done, total)


@contextmanager
def rows(titles: list[str]) -> Iterator[Row]:
    """Rows to report to; bars are gone at the end of the block."""
    if sys.stderr.isatty():
        with _bars(titles) as row:
            yield row
    else:
        yield _lines()


@contextmanager
def _bars(titles: list[str]) -> Iterator[Row]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.fields[title]}", markup=False),
        BarColumn(bar_width=32),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as drawn:
        tasks = {title: drawn.add_task("", total=None, title=title) for title in titles}

        def row(title: str, stage: str, done: int, total: int) -> None:
            text = _STAGES.get(stage, stage)
            drawn.update(tasks[title], description=text, completed=done, total=total or None)

        yield row


def _lines() -> Row:
    said: set[tuple[str, str, int]] = set()

    def row(title: str, stage: str, done: int, total: int) -> None:
        step = _STEPS * done // total if total else 0
        if (title, stage, step) not in said:
            said.add((title, stage, step))
            share = f" {100 * step // _STEPS} %" if total else ""
            print(f"{title}: {_STAGES.get(stage, stage)}{share}", file=sys.stderr, flush=True)

    return row
