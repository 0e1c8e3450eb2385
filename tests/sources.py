"""The project's own files, for tests that read the code."""

import ast
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["PACKAGES", "REPO", "modules", "project", "python_files", "tracked", "tree"]

REPO = Path(__file__).resolve().parents[1]
PACKAGES = {
    "engine": "holdfast",
    "reports": "holdfast_reports",
    "db": "holdfast_db",
    "worker": "holdfast_worker",
    "api": "holdfast_api",
    "cli": "holdfast_cli",
}
"""Component folder -> the one package it holds."""


@cache
def tracked() -> tuple[Path, ...]:
    """Every file that is, or is about to be, under version control."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=REPO, check=True, capture_output=True, text=True).stdout
    return tuple(path for name in listed.split("\0") if name and (path := REPO / name).is_file())


def python_files(*folders: str) -> list[Path]:
    """The Python files below these folders of the repository."""
    roots = [REPO / folder for folder in folders]
    return [
        path
        for path in tracked()
        if path.suffix == ".py" and any(path.is_relative_to(root) for root in roots)
    ]


def modules() -> Iterator[tuple[Path, ast.Module]]:
    """Every module of the six packages, parsed."""
    for path in python_files(*PACKAGES):
        yield path, tree(path)


@cache
def tree(path: Path) -> ast.Module:
    """One module, parsed."""
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def project() -> dict[str, Any]:
    """pyproject.toml."""
    return tomllib.loads((REPO / "pyproject.toml").read_text())
