"""What only the store in a bucket has: copies, a far side that fails or lies, and forks."""

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import pytest
from pydantic import ValidationError

from holdfast.errors import HoldfastError
from holdfast_db.blob_cache import BlobCache
from holdfast_db.settings import StorageSettings
from holdfast_db.store_s3 import S3Store
from programs import free_loopback_port

ABC = hashlib.sha256(b"abc").hexdigest()


@pytest.fixture
def url(new_s3_store: Callable[[], dict[str, str]], monkeypatch: pytest.MonkeyPatch) -> str:
    """A bucket of its own; the environment knows the way to it."""
    variables = new_s3_store()
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables["HOLDFAST_STORE_URL"]


def _object(url: str, name: str = ABC) -> Any:
    """The object of `abc`, as any other S3 client finds it."""
    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    s3 = boto3.resource("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
    return s3.Object(bucket, f"{prefix}/sha256/{ABC[:2]}/{ABC[2:4]}/{name}")


def _age(path: Path, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


def test_another_machine_gets_a_checked_copy(url: str, tmp_path: Path) -> None:
    S3Store(url, tmp_path / "api").put([b"abc"], limit_bytes=3)
    assert _object(url).get()["Body"].read() == b"abc"
    worker = S3Store(url, tmp_path / "worker")
    path = worker.path(ABC)
    assert path.is_relative_to(tmp_path / "worker" / "cache")
    assert path.read_bytes() == b"abc"
    _object(url).delete()
    assert worker.path(ABC) == path, "what was fetched once is not fetched again"


def test_bytes_that_were_changed_in_the_bucket_are_refused(url: str, tmp_path: Path) -> None:
    S3Store(url, tmp_path / "api").put([b"abc"], limit_bytes=3)
    _object(url).put(Body=b"abd")
    worker = S3Store(url, tmp_path / "worker")
    with pytest.raises(HoldfastError, match="storage_damaged"):
        worker.path(ABC)
    assert [path for path in worker.root.rglob("*") if path.is_file()] == []


def test_no_copy_comes_while_the_disk_is_nearly_full(url: str, tmp_path: Path) -> None:
    S3Store(url, tmp_path / "api").put([b"abc"], limit_bytes=3)
    worker = S3Store(url, tmp_path / "worker", min_free_bytes=1 << 60)
    with pytest.raises(HoldfastError, match="storage_full"):
        worker.path(ABC)
    assert list(worker.partials.iterdir()) == []


def test_other_objects_of_the_bucket_are_not_listed(url: str, tmp_path: Path) -> None:
    _object(url, "README").put(Body=b"hello")
    assert list(S3Store(url, tmp_path).list()) == []


def test_a_store_that_does_not_answer_is_our_error(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_loopback_port()}")
    store = S3Store(url, tmp_path)
    began = time.monotonic()
    with pytest.raises(HoldfastError, match="storage_unavailable"):
        store.check()
    assert time.monotonic() - began < 6, "a readiness probe waits for it"


def test_a_bucket_that_is_not_there_is_our_error(url: str, tmp_path: Path) -> None:
    store = S3Store(url.replace("s3://holdfast", "s3://no-holdfast"), tmp_path)
    for ask in (store.check, lambda: store.put([b"abc"], limit_bytes=3)):
        with pytest.raises(HoldfastError, match="storage_unavailable"):
            ask()
    assert list(store.partials.iterdir()) == []


_FORKED = """
import os, sys
from pathlib import Path
from holdfast_db.store_s3 import S3Store
store = S3Store(sys.argv[1], Path(sys.argv[2]))
store.check()
child = os.fork()
if child == 0:
    try:
        store.exists("0" * 64)
    except RuntimeError as error:
        print(error, flush=True)
    os._exit(0)
os.waitpid(child, 0)
"""


def test_after_a_fork_it_raises_instead_of_hanging(url: str, tmp_path: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-c", _FORKED, url, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    assert "before a fork" in done.stdout


@pytest.mark.parametrize("bad", ["bucket/prefix", "s3://", "s3://UPPER", "http://x/y", "gs://b"])
def test_only_addresses_of_buckets_are_taken(bad: str, tmp_path: Path) -> None:
    with pytest.raises(ValidationError):
        StorageSettings(data=tmp_path, store_url=bad)


def _named(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_the_copies_that_were_not_used_for_longest_go(tmp_path: Path) -> None:
    cache = BlobCache(tmp_path / "cache", tmp_path, limit_bytes=250)
    contents = [bytes([number]) * 100 for number in range(4)]
    paths = [cache.get(_named(each), partial(list, [each])) for each in contents[:2]]
    _age(paths[0], 3000)
    _age(paths[1], 4000)
    assert cache.get(_named(contents[0]), list) == paths[0], "used again"
    _age(paths[0], 2000)
    paths.append(cache.get(_named(contents[2]), lambda: [contents[2]]))
    assert [path.exists() for path in paths] == [True, False, True]
    paths.append(cache.get(_named(contents[3]), lambda: [contents[3]]))
    assert [path.exists() for path in paths] == [False, False, True, True]


def test_copies_that_were_just_handed_out_stay(tmp_path: Path) -> None:
    cache = BlobCache(tmp_path / "cache", tmp_path, limit_bytes=0)
    contents = [bytes([number]) for number in range(3)]
    paths = [cache.get(_named(each), partial(list, [each])) for each in contents]
    assert all(path.exists() for path in paths)


def test_of_many_who_want_a_file_one_fetches_it(tmp_path: Path) -> None:
    cache = BlobCache(tmp_path / "cache", tmp_path, limit_bytes=1 << 20)
    fetched: list[int] = []

    def fetch() -> list[bytes]:
        fetched.append(1)
        time.sleep(0.05)
        return [b"abc"]

    with ThreadPoolExecutor(8) as pool:
        paths = list(pool.map(lambda _: cache.get(ABC, fetch), range(16)))
    assert (len(fetched), len(set(paths))) == (1, 1)
    assert cache._coming == {}
