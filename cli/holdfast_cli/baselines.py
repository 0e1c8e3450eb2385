"""Baselines on this machine: found by file, folder or branch, kept below `.holdfast/baselines`."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote

import typer

from holdfast.errors import HoldfastError
from holdfast.records.comparison import Comparison
from holdfast.sandbox.against import RESULT_NAME, SAMPLES_SUFFIX, compare_with
from holdfast.sandbox.parent import AuditOutput, SandboxMode
from holdfast_cli.local import child_limits
from holdfast_cli.order import Asked, local_name

__all__ = ["FOLDER", "branch_here", "compared", "find_baseline", "keep_baseline"]

FOLDER: Final = Path(".holdfast") / "baselines"
_IGNORED: Final = "/*\n!/.gitignore\n!/baselines/\n"
"""The folder may also hold the data of a service; only baselines belong into a repository."""

_VARIABLES: Final = ("GITHUB_HEAD_REF", "GITHUB_REF_NAME", "CI_COMMIT_REF_NAME")


def find_baseline(asked: Asked | None, model: Path) -> Path | None:
    """The result that was asked for; None, after a line on stderr, where there is none yet.

    Raises:
        HoldfastError: `file_not_found` for a result without its per-sample file.
    """
    if asked is None:
        return None
    places = _places(asked, model)
    for place in places:
        if place.is_file():
            samples = place.with_suffix(SAMPLES_SUFFIX)
            if not samples.is_file():
                raise HoldfastError("file_not_found", path=samples)
            return place
    typer.echo(f"there is no baseline {asked.name}: no {places[0]}", err=True)
    return None


def _places(asked: Asked, model: Path) -> list[Path]:
    """Where the result may be; a folder holds one result, or one for each model."""
    if asked.path is None:
        return [_folder(asked.name, model) / RESULT_NAME]
    return [
        asked.path,
        asked.path / RESULT_NAME,
        asked.path / _slug(local_name(model)) / RESULT_NAME,
    ]


def _folder(branch: str, model: Path) -> Path:
    return FOLDER / _slug(branch) / _slug(local_name(model))


def _slug(name: str) -> str:
    """One folder name for any text: `feature/x` and `feature-x` stay apart, and none is `..`."""
    quoted = quote(name, safe="")
    return f"%2E{quoted[1:]}" if quoted.startswith(".") else quoted


def keep_baseline(branch: str, model: Path, output: AuditOutput) -> Path:
    """Store a result as the baseline of a branch for a model; answer where it is.

    The per-sample file is written first, and both replace older ones whole.
    """
    folder = _folder(branch, model)
    folder.mkdir(parents=True, exist_ok=True)
    ignore = FOLDER.parent / ".gitignore"
    if not ignore.exists():
        ignore.write_text(_IGNORED)
    result = folder / RESULT_NAME
    for path, content in (
        (result.with_suffix(SAMPLES_SUFFIX), output.samples),
        (result, output.result_json),
    ):
        part = path.with_name(f"{path.name}.part")
        part.write_bytes(content)
        part.replace(path)
    return result


def compared(baseline: Path, output: AuditOutput, mode: SandboxMode) -> Comparison:
    """Compare an audit that just ended with its baseline, in a locked child.

    Raises:
        HoldfastError: `not_comparable` where the two did not ask the same of the same images.
    """
    return compare_with(baseline, output, mode=mode, limits=child_limits(1))


def branch_here(environ: Mapping[str, str] = os.environ) -> str | None:
    """The branch that is checked out: of the CI job, else of the Git folder; None when unknown."""
    for name in _VARIABLES:
        if environ.get(name):
            return environ[name]
    for folder in (Path.cwd(), *Path.cwd().parents):
        git = folder / ".git"
        if git.exists():
            return _branch_of(git)
    return None


def _branch_of(git: Path) -> str | None:
    """What HEAD names; `.git` is a file that names the folder in a linked worktree."""
    try:
        if git.is_file():
            git = git.parent / git.read_text().removeprefix("gitdir:").strip()
        head = (git / "HEAD").read_text().strip()
    except (OSError, UnicodeDecodeError):
        return None
    return head.removeprefix("ref: refs/heads/") if head.startswith("ref: refs/heads/") else None
