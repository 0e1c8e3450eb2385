"""Files by their SHA-256 in a bucket of an S3-compatible store, with copies in a local folder.

Addresses and keys come from the usual variables: AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID,
AWS_SECRET_ACCESS_KEY, or the role of the machine.
"""

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, final

import obstore
import structlog
from obstore.exceptions import BaseError
from obstore.store import S3Store as Bucket

from holdfast.errors import HoldfastError
from holdfast_db.blob_cache import BlobCache
from holdfast_db.spool import BlobWriter, Spool, StoredBlob, check_sha256, is_sha256

__all__ = ["S3Store"]

_log = structlog.get_logger(__name__)
_DAY_S = 24 * 3600.0
_PART_BYTES = 8 << 20
_BLOCK_BYTES = 1 << 20
_CHECK_KEY = "ready"
_CHECK_FRESH_S = 30.0
_PATIENT: dict[str, Any] = {"max_retries": 5, "retry_timeout": timedelta(seconds=30)}
_HASTY: dict[str, Any] = {"max_retries": 0, "retry_timeout": timedelta(seconds=5)}


@final
class S3Store:
    """A bucket: `<prefix>/sha256/ab/cd/<sha256>`.

    A file is written to the local disk first and sent when its digest is known, so that nothing
    half-written or wrong is ever in the bucket. Whoever needs a path gets a copy that was checked.
    """

    def __init__(
        self, url: str, root: Path, *, min_free_bytes: int = 0, cache_bytes: int = 20 << 30
    ) -> None:
        """Use the bucket of `url`, `s3://bucket/prefix`; nothing is asked of it yet.

        Args:
            url: bucket and prefix.
            root: the folder for copies and for files that are coming.
            min_free_bytes: nothing is stored while the local disk has less room than this.
            cache_bytes: about how many bytes of copies are kept.
        """
        self.root = root
        self.partials = root / "blobs" / "partial"
        for folder in (root, self.partials.parent, self.partials):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._url = url
        self._spool = Spool(self.partials, min_free_bytes)
        self._cache = BlobCache(root / "cache", self.partials, cache_bytes)
        self._buckets: dict[str, Bucket] = {}
        self._pid = 0
        self._checked = float("-inf")

    def path(self, sha256: str) -> Path:
        """A local copy, fetched when it is not here. Open it soon: copies that rest are removed.

        Raises:
            FileNotFoundError: the file is not in the store.
            HoldfastError: `storage_unavailable`, `storage_damaged`, `storage_full`.
        """
        return self._cache.get(sha256, lambda: self._fetch(sha256))

    def exists(self, sha256: str) -> bool:
        """Whether the file is in the bucket."""
        return self.size(sha256) is not None

    def size(self, sha256: str) -> int | None:
        """How many bytes a file has; None when it is not there."""
        key = _key(sha256)
        try:
            with _ours():
                return obstore.head(self._bucket(), key)["size"]
        except FileNotFoundError:
            return None

    def open_range(self, sha256: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes from `start` up to, not including, `end`, in blocks; see `BlobStore`."""
        key = _key(sha256)
        if end is not None and end <= start:
            return
        part: Any = {"offset": start} if end is None else (start, end)
        options: Any = {"range": part} if start or end is not None else {}
        with _ours():
            found = obstore.get(self._bucket(), key, options=options)
            for block in found.stream(min_chunk_size=_BLOCK_BYTES):
                yield bytes(block)

    def begin(self, *, limit_bytes: int | None = None) -> BlobWriter:
        """Start a file whose bytes come in pieces. Call `commit` or `abort`.

        Raises:
            HoldfastError: `storage_full`.
        """
        return self._spool.begin(self._keep, limit_bytes)

    def put(self, chunks: Iterable[bytes], *, limit_bytes: int) -> StoredBlob:
        """Store a whole file.

        Raises:
            HoldfastError: `file_too_large`, `storage_full`, `storage_unavailable`. Nothing is kept
                then.
        """
        return self._spool.put(self._keep, chunks, limit_bytes)

    def delete(self, sha256: str) -> None:
        """Forget a file; one that is not there is fine. Copies elsewhere go when they are old."""
        key = _key(sha256)
        with suppress(FileNotFoundError), _ours():
            obstore.delete(self._bucket(), key)
        self._cache.drop(sha256)

    def list(self) -> Iterator[StoredBlob]:
        """All files, in no order."""
        with _ours():
            for page in obstore.list(self._bucket(), prefix="sha256"):
                for meta in page:
                    name = meta["path"].rpartition("/")[2]
                    if is_sha256(name):  # else it is somebody else's
                        yield StoredBlob(name, meta["size"])

    def sweep(self, *, older_s: float = _DAY_S) -> int:
        """Remove what writers that were killed left behind; returns how many files."""
        return self._spool.sweep(older_s)

    def free_bytes(self) -> int:
        """The room on the local disk."""
        return self._spool.free_bytes()

    def check_room(self, coming_bytes: int = 0) -> None:
        """Raise HoldfastError `storage_full` unless so many bytes leave enough room here."""
        self._spool.check_room(coming_bytes)

    def check(self) -> str:
        """Where the files are. The bucket is asked at most twice a minute.

        Raises:
            OSError: the local folder cannot be written.
            HoldfastError: `storage_unavailable`.
        """
        self._spool.check_writable()
        if time.monotonic() - self._checked > _CHECK_FRESH_S:
            _send(self._bucket(hasty=True), _CHECK_KEY, b"ready")
            self._checked = time.monotonic()
        return self._url

    def _fetch(self, sha256: str) -> Iterator[bytes]:
        self._spool.check_room()
        yield from self.open_range(sha256)

    def _keep(self, partial: Path, sha256: str) -> None:
        _send(self._bucket(), _key(sha256), partial)
        self._cache.adopt(partial, sha256)

    def _bucket(self, *, hasty: bool = False) -> Bucket:
        """The client, made on first use; in a forked process it would hang, so there it raises."""
        if self._buckets and self._pid != os.getpid():
            raise RuntimeError("the blob store was used before a fork and would hang after it")
        name = "hasty" if hasty else "patient"
        if name not in self._buckets:
            self._pid = os.getpid()
            plain = os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://")
            options: Any = {"allow_http": plain, "connect_timeout": timedelta(seconds=5)}
            if hasty:
                options["timeout"] = timedelta(seconds=5)
            retry: Any = _HASTY if hasty else _PATIENT
            self._buckets[name] = Bucket.from_url(
                self._url, client_options=options, retry_config=retry
            )
        return self._buckets[name]


def _key(sha256: str) -> str:
    name = check_sha256(sha256)
    return f"sha256/{name[:2]}/{name[2:4]}/{name}"


def _send(bucket: Bucket, key: str, content: bytes | Path) -> None:
    try:
        with _ours():
            obstore.put(bucket, key, content, chunk_size=_PART_BYTES)
    except FileNotFoundError as error:  # what the library says of a bucket that is not there
        _log.exception("the blob store has no such bucket")
        raise HoldfastError("storage_unavailable") from error


@contextmanager
def _ours() -> Iterator[None]:
    """What the library says goes to the log, never to a caller."""
    try:
        yield
    except BaseError as error:
        _log.exception("the blob store failed", kind=type(error).__name__)
        raise HoldfastError("storage_unavailable") from error
