"""Generated pages are what the code would write now."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from holdfast.catalogue import CATALOGUE
from holdfast.samples import SCHEMA


def test_generated_pages_are_in_sync(repo: Path) -> None:
    command = [sys.executable, "docs/generate.py", "--check"]
    done = subprocess.run(command, cwd=repo, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_make_help_tells_about_every_target(repo: Path) -> None:
    shown = subprocess.run(["make", "help"], cwd=repo, capture_output=True, text=True, check=True)
    targets = {line.split()[1] for line in shown.stdout.splitlines()}
    phony = next(
        line for line in (repo / "Makefile").read_text().splitlines() if line.startswith(".PHONY")
    )
    assert targets == set(phony.split()[1:])


def test_the_page_of_the_samples_names_every_column_with_its_type(repo: Path) -> None:
    page = (repo / "docs/reference/samples.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (\w+)(, null)? \|", page, re.MULTILINE)
    assert rows == [
        (column.name, str(column.type), ", null" if column.nullable else "") for column in SCHEMA
    ]


@pytest.mark.parametrize(
    "page",
    [
        *("docs/guide/statistics.md", "docs/guide/gate.md", "docs/guide/intake.md"),
        *("docs/guide/causes.md", "docs/ci.md", "docs/operations.md"),
        *("ARCHITECTURE.md", "README.md"),
    ],
)
def test_every_link_to_a_file_leads_somewhere(repo: Path, page: str) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", (repo / page).read_text())
    assert links
    assert [link for link in links if not (repo / page).parent.joinpath(link).exists()] == []


def test_the_page_of_measurements_marks_what_cannot_be_asserted(repo: Path) -> None:
    page = (repo / "docs/reference/measurements.md").read_text()
    parts = dict(re.findall(r"^## `([\w.]+)`\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL))
    marked = {name for name, part in parts.items() if "Cannot be asserted" in part}
    assert marked == {entry.id for entry in CATALOGUE if not entry.gates}
    assert len(parts) == len(CATALOGUE)
