"""Files of which only a part has come."""

import errno
import os
from pathlib import Path

import pytest

from holdfast.errors import HoldfastError
from holdfast_db.ids import new_id
from holdfast_db.partials import Appender, Partials


@pytest.fixture
def partials(tmp_path: Path) -> Partials:
    return Partials(tmp_path / "uploads")


def _write(partials: Partials, upload_id: str, start: int, data: bytes) -> int:
    with partials.append(upload_id, start) as appender:
        appender.write(data)
        return appender.keep()


def test_a_file_grows_from_where_it_counts(partials: Partials, tmp_path: Path) -> None:
    upload_id = new_id()
    assert partials.size(upload_id) == 0
    assert _write(partials, upload_id, 0, b"hello") == 5
    assert _write(partials, upload_id, 5, b" world") == 11
    assert _write(partials, upload_id, 4, b"!") == 5
    path = tmp_path / "uploads" / upload_id
    assert path.read_bytes() == b"hell!"
    assert path.stat().st_mode & 0o777 == 0o600
    with partials.append(upload_id, 5) as appender:
        appender.write(b"more")
        appender.drop()
        assert (appender.end, b"".join(appender.blocks())) == (5, b"hell!")


def test_a_hole_is_refused(partials: Partials) -> None:
    with pytest.raises(HoldfastError) as caught, partials.append(new_id(), 3):
        pass
    assert caught.value.code == "wrong_offset"


def test_a_second_writer_is_refused(partials: Partials) -> None:
    upload_id = new_id()
    with (
        partials.append(upload_id, 0),
        pytest.raises(HoldfastError) as caught,
        partials.append(upload_id, 0),
    ):
        pass
    assert caught.value.code == "upload_busy"


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "x" * 36, "A" * 36])
def test_only_ids_name_files(partials: Partials, name: str) -> None:
    with pytest.raises(ValueError, match="36 characters"):
        partials.size(name)


def test_a_full_disk_is_our_error() -> None:
    with open("/dev/full", "wb", buffering=0) as file:  # noqa: PTH123 - a device
        appender = Appender(file, 0)
        with pytest.raises(HoldfastError) as caught:
            appender.write(b"x")
    assert caught.value.code == "storage_full"
    assert isinstance(caught.value.__cause__, OSError)
    assert caught.value.__cause__.errno == errno.ENOSPC
    assert appender.end == 0


def test_only_what_was_left_long_ago_is_swept(partials: Partials, tmp_path: Path) -> None:
    assert partials.sweep(older_s=0) == 0
    old, new = new_id(), new_id()
    for upload_id in (old, new):
        _write(partials, upload_id, 0, b"x")
    os.utime(tmp_path / "uploads" / old, (0, 0))
    assert partials.sweep(older_s=60) == 1
    assert (partials.size(old), partials.size(new)) == (0, 1)
