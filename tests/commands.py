"""Run the `holdfast` command as users do: in a process of its own, with a clean environment."""

import os
import subprocess
import sys
from pathlib import Path

__all__ = ["environment", "holdfast", "program"]


def program(*arguments: object) -> list[str]:
    """The command line of `holdfast` with the Python that runs the tests."""
    return [sys.executable, "-m", "holdfast_cli", *map(str, arguments)]


def environment(**settings: object) -> dict[str, str]:
    """The environment of a child: ours, which conftest cleaned, and `settings`."""
    # A fixed width: what is printed must not depend on who runs the tests where.
    plain = {"COLUMNS": "200", "NO_COLOR": "1", "PYTHONWARNINGS": "default"}
    return {**os.environ, **plain, **{name: str(value) for name, value in settings.items()}}


def holdfast(
    *arguments: object, cwd: Path, timeout_s: float = 120, **settings: object
) -> subprocess.CompletedProcess[str]:
    """Run one command to its end, in the folder `cwd`, and keep what it said."""
    return subprocess.run(
        program(*arguments),
        cwd=cwd,
        env=environment(**settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
