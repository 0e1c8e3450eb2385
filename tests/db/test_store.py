"""Files are in the store whole or not at all."""

import hashlib
import os
import signal
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from holdfast.errors import HoldfastError
from holdfast_db.store import FileStore

ABC = hashlib.sha256(b"abc").hexdigest()


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "data")


def _files(store: FileStore) -> list[Path]:
    return [path for path in (store.root / "blobs").rglob("*") if path.is_file()]


def test_a_file_is_found_by_its_hash_and_cannot_be_written(store: FileStore) -> None:
    blob = store.put([b"a", b"bc"], limit_bytes=3)
    assert (blob.sha256, blob.size_bytes) == (ABC, 3)
    path = store.path(ABC)
    assert path == store.root / "blobs" / "sha256" / ABC[:2] / ABC[2:4] / ABC
    assert path.read_bytes() == b"abc"
    assert stat.S_IMODE(path.stat().st_mode) == 0o400
    assert store.exists(ABC)
    store.delete(ABC)
    store.delete(ABC)
    assert not store.exists(ABC)


def test_a_file_over_the_limit_is_refused_and_not_kept(store: FileStore) -> None:
    with pytest.raises(HoldfastError, match="file_too_large"):
        store.put([b"ab", b"cd"], limit_bytes=3)
    assert _files(store) == []


def test_wrong_bytes_are_refused(store: FileStore) -> None:
    writer = store.begin()
    writer.write(b"abd")
    with pytest.raises(HoldfastError, match="checksum_mismatch"):
        writer.commit(ABC)
    writer.abort()
    assert _files(store) == []
    writer = store.begin()
    writer.write(b"abc")
    assert writer.commit(ABC.upper()).sha256 == ABC


def test_abort_after_commit_changes_nothing(store: FileStore) -> None:
    writer = store.begin()
    writer.write(b"abc")
    writer.commit()
    writer.abort()
    assert _files(store) == [store.path(ABC)]


def test_the_folders_are_ours_alone(store: FileStore) -> None:
    path = store.path(store.put([b"abc"], limit_bytes=3).sha256)
    folders = [*path.relative_to(store.root).parents, store.partials.relative_to(store.root)]
    modes = {stat.S_IMODE((store.root / folder).stat().st_mode) for folder in folders}
    assert modes == {0o700}


def test_an_aborted_file_leaves_nothing(store: FileStore) -> None:
    writer = store.begin()
    writer.write(b"abc")
    writer.abort()
    assert _files(store) == []


def test_many_writers_of_the_same_file_are_all_right(store: FileStore) -> None:
    content = os.urandom(1 << 20)
    with ThreadPoolExecutor(8) as pool:
        blobs = list(pool.map(lambda _: store.put([content], limit_bytes=1 << 20), range(16)))
    assert len(set(blobs)) == 1
    assert _files(store) == [store.path(blobs[0].sha256)]
    assert store.path(blobs[0].sha256).read_bytes() == content


def test_names_that_are_no_hash_are_refused(store: FileStore) -> None:
    for name in ("", "..", "../" * 10 + "etc/passwd", ABC.upper(), ABC + "\n", ABC[:63]):
        with pytest.raises(ValueError, match="SHA-256"):
            store.path(name)


def test_nothing_is_stored_while_the_disk_is_nearly_full(tmp_path: Path) -> None:
    with pytest.raises(HoldfastError, match="storage_full"):
        FileStore(tmp_path, min_free_bytes=1 << 60).put([b"abc"], limit_bytes=3)


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
