"""Children of `holdfast serve`: kept alive, and never left behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from holdfast_cli import bound
from holdfast_cli.keeper import Keeper
from services import is_alive, wait_for

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"


def test_a_child_that_dies_is_started_again(capsys: pytest.CaptureFixture[str]) -> None:
    with Keeper(SLEEP, os.environ, 5) as keeper:
        wait_for("the child", lambda: keeper.pid is not None)
        first = keeper.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        wait_for("the next child", lambda: keeper.pid != first)
    assert "the worker ended (-9); starting it again" in capsys.readouterr().err


def test_at_the_end_no_child_is_left(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    script = (
        f"{STUBBORN.replace('time.sleep', f'open({str(ready)!r}, chr(119)).close(); time.sleep')}"
    )
    with Keeper([sys.executable, "-c", script], os.environ, 0.5) as keeper:
        wait_for("the child ignores SIGTERM", ready.exists)
    assert keeper.pid is not None
    assert not is_alive(keeper.pid)


def test_a_bound_module_ends_with_its_parent(tmp_path: Path) -> None:
    (tmp_path / "sleeper.py").write_text(
        "import os, pathlib, time\n"
        "pathlib.Path('pid.new').write_text(str(os.getpid()))\n"
        "os.rename('pid.new', 'pid')\n"
        "time.sleep(60)\n"
    )
    starter = (
        "import subprocess, time\n"
        "from holdfast_cli import bound\n"
        "subprocess.Popen(bound.command('sleeper'))\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", starter], cwd=tmp_path) as parent:
        wait_for("the child", (tmp_path / "pid").exists)
        child = int((tmp_path / "pid").read_text())
        assert is_alive(child)
        parent.kill()
    wait_for("the child is gone", lambda: not is_alive(child))


def test_a_bound_module_does_not_start_for_another_parent(tmp_path: Path) -> None:
    command = bound.command("this")
    command[3] = "1"
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 1
    assert done.stdout == b""
