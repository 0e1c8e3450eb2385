"""Generated pages are what the code would write now."""

import subprocess
import sys
from pathlib import Path


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
