"""Files between parent and child: descriptors of inputs, memory files for answers."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from holdfast.errors import HoldfastError
from holdfast.records.base import Record

__all__ = [
    "answer",
    "content",
    "handed_over",
    "input_file",
    "memory_file",
    "record_bytes",
    "sha256_of",
]

RecordT = TypeVar("RecordT", bound=Record)

_MAX_RESULT_BYTES = 64 << 20
_BLOCK_BYTES = 1 << 20


def answer(kind: type[RecordT], fd: int) -> RecordT:
    """The record that a child wrote; `protocol` when it is none."""
    try:
        return kind.model_validate_json(record_bytes(fd))
    except ValidationError:
        raise HoldfastError("protocol") from None


@contextmanager
def memory_file(name: str) -> Iterator[int]:
    """An empty file that exists in memory only, for the length of the block."""
    fd = os.memfd_create(name, os.MFD_CLOEXEC)
    try:
        yield fd
    finally:
        os.close(fd)


@contextmanager
def input_file(path: Path) -> Iterator[int]:
    """A file to read, which may not be empty; `file_not_found`, `empty_file`."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        raise HoldfastError("file_not_found", path=path) from None
    try:
        if os.fstat(fd).st_size == 0:
            raise HoldfastError("empty_file", what=path.name)
        yield fd
    finally:
        os.close(fd)


@contextmanager
def handed_over(model: Path, probes: Path) -> Iterator[dict[str, Any]]:
    """The fields of a job that name its files: model, probes, and two memory files for answers.

    Raises:
        HoldfastError: `file_not_found`, `empty_file`.
    """
    with (
        input_file(model) as model_fd,
        input_file(probes) as probes_fd,
        memory_file("result") as result_fd,
        memory_file("samples") as samples_fd,
    ):
        yield {
            "model_fd": model_fd,
            "model_sha256": sha256_of(model_fd),
            "probes_fd": probes_fd,
            "probes_sha256": sha256_of(probes_fd),
            "result_fd": result_fd,
            "samples_fd": samples_fd,
        }


def sha256_of(fd: int) -> str:
    """The digest of a file's bytes."""
    state, offset = hashlib.sha256(), 0
    while block := os.pread(fd, _BLOCK_BYTES, offset):
        state.update(block)
        offset += len(block)
    return state.hexdigest()


def record_bytes(fd: int) -> bytes:
    """The bytes of a record, looked at before they are read: a child may write much more."""
    if os.fstat(fd).st_size > _MAX_RESULT_BYTES:
        raise HoldfastError("protocol")
    return content(fd)


def content(fd: int) -> bytes:
    """All bytes of a file."""
    with open(fd, "rb", closefd=False) as file:
        file.seek(0)
        return file.read()
