"""Files are in the store whole or not at all; a folder and a bucket promise the same."""

import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from holdfast.errors import HoldfastError
from holdfast_db.blobs import BlobStore, open_store
from holdfast_db.settings import StorageSettings
from holdfast_db.spool import StoredBlob

ABC = hashlib.sha256(b"abc").hexdigest()
NewStore = Callable[..., BlobStore]


@pytest.fixture(params=["folder", "bucket"])
def new_store(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> NewStore:
    """A function that opens the store of a test; each one has a local folder of its own."""
    variables: dict[str, str] = {}
    if request.param == "bucket":
        variables = request.getfixturevalue("new_s3_store")()
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    def open_one(folder: str = "data", **settings: object) -> BlobStore:
        given = {"data": tmp_path / folder, "min_free_bytes": 0, **settings}
        return open_store(StorageSettings.model_validate(given))

    return open_one


@pytest.fixture
def store(new_store: NewStore) -> BlobStore:
    return new_store()


def _leftovers(store: BlobStore) -> list[Path]:
    return list(store.partials.iterdir())


def test_a_file_is_found_by_its_hash(store: BlobStore) -> None:
    assert not store.exists(ABC)
    assert store.size(ABC) is None
    blob = store.put([b"a", b"bc"], limit_bytes=3)
    assert blob == StoredBlob(ABC, 3)
    assert store.path(ABC).read_bytes() == b"abc"
    assert (store.exists(ABC), store.size(ABC), list(store.list())) == (True, 3, [blob])
    store.delete(ABC)
    store.delete(ABC)
    assert (store.exists(ABC), list(store.list())) == (False, [])
    with pytest.raises(FileNotFoundError):
        store.path(ABC).read_bytes()


def test_a_file_in_many_blocks_comes_back_whole_and_in_ranges(store: BlobStore) -> None:
    content = os.urandom((9 << 20) + 17)  # more than one part of a multipart upload
    blob = store.put([content[: 5 << 20], content[5 << 20 :]], limit_bytes=1 << 30)
    assert blob.sha256 == hashlib.sha256(content).hexdigest()
    size = len(content)
    for start, end in ((0, None), (0, 1), (3, 10), (1 << 20, (3 << 20) + 1), (size - 2, None)):
        assert b"".join(store.open_range(blob.sha256, start, end)) == content[start:end]
    assert b"".join(store.open_range(blob.sha256, 5, 5)) == b""


def test_a_file_that_is_not_there_has_no_range(store: BlobStore) -> None:
    with pytest.raises(FileNotFoundError):
        list(store.open_range(ABC))


def test_a_file_over_the_limit_is_refused_and_not_kept(store: BlobStore) -> None:
    with pytest.raises(HoldfastError, match="file_too_large"):
        store.put([b"ab", b"cd"], limit_bytes=3)
    assert (_leftovers(store), list(store.list())) == ([], [])


def test_wrong_bytes_are_refused(store: BlobStore) -> None:
    writer = store.begin()
    writer.write(b"abd")
    with pytest.raises(HoldfastError, match="checksum_mismatch"):
        writer.commit(ABC)
    writer.abort()
    assert (_leftovers(store), list(store.list())) == ([], [])
    writer = store.begin()
    writer.write(b"abc")
    assert writer.commit(ABC.upper()).sha256 == ABC


def test_abort_after_commit_changes_nothing(store: BlobStore) -> None:
    writer = store.begin()
    writer.write(b"abc")
    blob = writer.commit()
    writer.abort()
    assert list(store.list()) == [blob]


def test_an_aborted_file_leaves_nothing(store: BlobStore) -> None:
    writer = store.begin()
    writer.write(b"abc")
    writer.abort()
    assert (_leftovers(store), list(store.list())) == ([], [])


def test_many_writers_of_the_same_file_are_all_right(store: BlobStore) -> None:
    content = os.urandom(1 << 20)
    with ThreadPoolExecutor(8) as pool:
        blobs = list(pool.map(lambda _: store.put([content], limit_bytes=1 << 20), range(16)))
    assert list(store.list()) == [blobs[0]] == list(set(blobs))
    assert store.path(blobs[0].sha256).read_bytes() == content
    assert _leftovers(store) == []


def test_names_that_are_no_hash_are_refused(store: BlobStore) -> None:
    for name in ("", "..", "../" * 10 + "etc/passwd", ABC.upper(), ABC + "\n", ABC[:63]):
        for ask in (store.path, store.exists, store.size, store.delete):
            with pytest.raises(ValueError, match="SHA-256"):
                ask(name)


def test_nothing_is_stored_while_the_disk_is_nearly_full(new_store: NewStore) -> None:
    with pytest.raises(HoldfastError, match="storage_full"):
        new_store(min_free_bytes=1 << 60).put([b"abc"], limit_bytes=3)


def test_room_is_asked_for_before_the_bytes_come(store: BlobStore) -> None:
    store.check_room(1)
    with pytest.raises(HoldfastError, match="storage_full"):
        store.check_room(store.free_bytes() + (1 << 30))


def test_a_store_that_works_says_where_it_is(store: BlobStore) -> None:
    assert store.check() in (str(store.root / "blobs"), os.environ.get("HOLDFAST_STORE_URL"))
    store.partials.rmdir()
    with pytest.raises(FileNotFoundError):
        store.check()
