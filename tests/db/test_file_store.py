"""What only the store in a folder promises: modes, durable names, and remains of the killed."""

import hashlib
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from holdfast_db.store import FileStore

ABC = hashlib.sha256(b"abc").hexdigest()


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "data")


def _files(store: FileStore) -> list[Path]:
    return [path for path in (store.root / "blobs").rglob("*") if path.is_file()]


def test_a_file_has_its_place_and_cannot_be_written(store: FileStore) -> None:
    store.put([b"abc"], limit_bytes=3)
    path = store.path(ABC)
    assert path == store.root / "blobs" / "sha256" / ABC[:2] / ABC[2:4] / ABC
    assert stat.S_IMODE(path.stat().st_mode) == 0o400
    assert _files(store) == [path]


def test_the_folders_are_ours_alone(store: FileStore) -> None:
    path = store.path(store.put([b"abc"], limit_bytes=3).sha256)
    folders = [*path.relative_to(store.root).parents, store.partials.relative_to(store.root)]
    modes = {stat.S_IMODE((store.root / folder).stat().st_mode) for folder in folders}
    assert modes == {0o700}


_WRITER = """
import resource, signal, sys, time
from pathlib import Path
from holdfast.errors import HoldfastError
from holdfast_db.store import FileStore
store = FileStore(Path(sys.argv[1]))
if sys.argv[2] == "full":
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, 1 << 16))
    try:
        store.put([b"x" * (1 << 20)], limit_bytes=1 << 21)
    except HoldfastError as error:
        print(error.code)
else:
    writer = store.begin()
    writer.write(b"x" * (1 << 20))
    print("half", flush=True)
    time.sleep(60)
"""


def _start(store: FileStore, how: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", _WRITER, str(store.root), how]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_a_full_disk_is_told_and_leaves_nothing(store: FileStore) -> None:
    with _start(store, "full") as process:
        assert process.communicate(timeout=30)[0] == "storage_full\n"
    assert _files(store) == []


def test_a_killed_writer_leaves_no_file_and_its_remains_are_swept(store: FileStore) -> None:
    with _start(store, "slow") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "half\n"
        process.send_signal(signal.SIGKILL)
    (partial,) = _files(store)
    assert partial.parent == store.partials
    assert store.sweep() == 0, "a young one may still be written"
    yesterday = time.time() - 25 * 3600
    os.utime(partial, (yesterday, yesterday))
    assert store.sweep() == 1
    assert _files(store) == []
