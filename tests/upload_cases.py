"""How each error of uploads comes about, for the test that every declared error is produced."""

import io
import shutil
import time
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any, Final

import pytest
from httpx2 import Response

from apiworld import MODEL, PROBES, World

__all__ = ["NOWHERE", "PICKLED", "UPLOAD_CASES", "Case", "a_zip"]

Case = Callable[[World], Response]
NOWHERE: Final = "00000000-0000-7000-8000-000000000000"
"""An id that nothing has."""


def a_zip(names: tuple[str, ...] = ("a.png",), data: bytes = b"x", **changes: int) -> bytes:
    """A zip whose directory says `changes` about each member."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(name, data)
        for member in archive.filelist:
            for field, value in changes.items():
                setattr(member, field, value)
    return out.getvalue()


def _huge_directory() -> bytes:
    data = bytearray(PROBES)
    data[-10:-6] = (1 << 30).to_bytes(4, "little")
    return bytes(data)


_MIB = 1 << 20


_ARCHIVES: dict[str, bytes] = {
    "archive_too_large": a_zip(
        tuple(f"{i}.png" for i in range(65)), bytes(170_000), file_size=32 * _MIB
    ),
    "bad_zip": PROBES[:-1],
    "duplicate_name": a_zip(("a.png", "A.png")),
    "empty_archive": a_zip(()),
    "encrypted_zip": a_zip(flag_bits=1),
    "file_too_large": a_zip(file_size=33 * _MIB),
    "not_a_zip": MODEL,
    "special_file": a_zip(external_attr=0o120777 << 16),
    "too_many_files": _huge_directory(),
    "unsafe_name": a_zip(("/a.png",)),
    "unsupported_file": a_zip(("a.txt",)),
    "zip_bomb": a_zip(file_size=2 * _MIB),
    "zip_method": a_zip(compress_type=99),
}


PICKLED = a_zip(("images.npy", "data.pkl"))


_MODELS: dict[str, bytes] = {
    "invalid_safetensors": b"\x02\0\0\0\0\0\0\x40{}" + bytes(8),
    "pickle_refused": b"\x80\x04N.",
    "unsupported_format": b"GIF89a",
}


def _slow() -> Iterator[bytes]:
    yield b"x"
    time.sleep(0.3)
    yield b"x"


def _put(world: World, size_bytes: int, data: object, **headers: str) -> Response:
    url = world.announce(size_bytes=size_bytes)["url"]
    return world.client.put(url, content=data, headers=headers)  # type: ignore[arg-type]


def _put_twice(world: World) -> Response:
    return world.client.put(world.put(MODEL).json()["url"], content=MODEL)


def _put_on_full_disk(world: World) -> Response:
    upload = world.announce()
    return _full(lambda: world.client.put(upload["url"], content=MODEL))


def _full(call: Callable[[], Response]) -> Response:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=0))
        return call()


def _post_upload(world: World, size_bytes: int) -> Response:
    return world.client.post("/v1/uploads", json={"kind": "model", "size_bytes": size_bytes})


def _put_as(world: World, *, kind: str, data: bytes) -> Response:
    return world.put(data, kind)


_TUS = {"Tus-Resumable": "1.0.0"}


_PIECE = {"Content-Type": "application/offset+octet-stream", **_TUS}


def _append(
    world: World,
    data: Any = MODEL,
    headers: dict[str, str] | None = None,
    *,
    at: int = 0,
    url: str | None = None,
) -> Response:
    """Send a piece to an upload, by default the whole file to a new one."""
    url = url or world.announce(via="tus")["url"]
    sent = {**_PIECE, "Upload-Offset": str(at), **(headers or {})}
    return world.client.patch(url, content=data, headers=sent)


def _append_as(world: World, *, kind: str, data: bytes) -> Response:
    return _append(world, data, url=world.announce(kind, len(data), via="tus")["url"])


def _append_twice(world: World) -> Response:
    url = world.announce(via="tus")["url"]
    _append(world, url=url)
    return _append(world, url=url)


def _refused_upload(world: World) -> str:
    url: str = world.announce(size_bytes=6, via="tus")["url"]
    _append(world, b"GIF89a", url=url)
    return url


def _append_while_another_does(world: World) -> Response:
    upload = world.announce(via="tus")
    with world.parts.partials.append(upload["id"], 0):
        return _append(world, url=upload["url"])


def _append_on_full_disk(world: World) -> Response:
    url = world.announce(via="tus")["url"]
    return _full(lambda: _append(world, url=url))


def _head(world: World, path: str, **headers: str) -> Response:
    return world.client.head(path, headers=headers)


UPLOAD_CASES: Final[dict[tuple[str, str], Case]] = {
    ("create_upload", "empty_file"): lambda w: _post_upload(w, 0),
    ("create_upload", "file_too_large"): lambda w: _post_upload(w, 1 << 50),
    ("create_upload", "storage_full"): lambda w: _full(lambda: _post_upload(w, 10)),
    ("put_upload", "not_found"): lambda w: w.client.put(f"/v1/uploads/{NOWHERE}", content=b"x"),
    ("put_upload", "upload_finished"): _put_twice,
    ("put_upload", "incomplete_body"): lambda w: _put(w, 10, b"x"),
    ("put_upload", "body_too_large"): lambda w: _put(w, 1, b"xx"),
    ("put_upload", "slow_body"): lambda w: _put(w, 2, _slow(), **{"Content-Length": "2"}),
    ("put_upload", "checksum_mismatch"): lambda w: _put(
        w, len(MODEL), MODEL, **{"X-Checksum-Sha256": "0" * 64}
    ),
    ("put_upload", "storage_full"): _put_on_full_disk,
    ("get_upload", "not_found"): lambda w: w.client.get(f"/v1/uploads/{NOWHERE}"),
    ("delete_upload", "not_found"): lambda w: w.client.delete(f"/v1/uploads/{NOWHERE}"),
    ("head_blob", "not_found"): lambda w: w.client.head("/v1/blobs/sha256:" + "0" * 64),
    ("create_upload", "tus_version"): lambda w: w.client.post(
        "/v1/uploads", headers={"Tus-Resumable": "0.2.2"}
    ),
    ("put_upload", "length_required"): lambda w: _put(w, 64, iter([MODEL])),
    ("head_upload", "not_found"): lambda w: _head(w, f"/v1/uploads/{NOWHERE}", **_TUS),
    ("head_upload", "tus_version"): lambda w: _head(w, w.announce()["url"]),
    ("head_upload", "upload_gone"): lambda w: _head(w, _refused_upload(w), **_TUS),
    ("append_upload", "not_found"): lambda w: _append(w, url=f"/v1/uploads/{NOWHERE}"),
    ("append_upload", "tus_version"): lambda w: _append(w, MODEL, {"Tus-Resumable": "2"}),
    ("append_upload", "upload_gone"): lambda w: _append(w, url=_refused_upload(w)),
    ("append_upload", "upload_finished"): _append_twice,
    ("append_upload", "upload_busy"): _append_while_another_does,
    ("append_upload", "wrong_offset"): lambda w: _append(w, at=1),
    ("append_upload", "body_too_large"): lambda w: _append(w, MODEL + b"x"),
    ("append_upload", "slow_body"): lambda w: _append(w, _slow(), {"Content-Length": "2"}),
    ("append_upload", "storage_full"): _append_on_full_disk,
    ("append_upload", "length_required"): lambda w: _append(w, iter([MODEL])),
    ("append_upload", "unknown_checksum"): lambda w: _append(
        w, MODEL, {"Upload-Checksum": "crc32 x"}
    ),
    ("append_upload", "chunk_mismatch"): lambda w: _append(
        w, MODEL, {"Upload-Checksum": "sha1 AAAAAAAAAAAAAAAAAAAAAAAAAAA="}
    ),
    ("append_upload", "checksum_mismatch"): lambda w: _append(
        w, url=w.announce(via="tus", sha256="0" * 64)["url"]
    ),
    ("get_blob", "not_found"): lambda w: w.client.get("/v1/blobs/sha256:" + "0" * 64),
    **{
        ("append_upload", code): partial(_append_as, kind="probes", data=_ARCHIVES[code])
        for code in _ARCHIVES
    },
    **{
        ("append_upload", code): partial(_append_as, kind="model", data=_MODELS[code])
        for code in _MODELS
    },
    **{
        ("put_upload", code): partial(_put_as, kind="probes", data=_ARCHIVES[code])
        for code in _ARCHIVES
    },
    **{
        ("put_upload", code): partial(_put_as, kind="model", data=_MODELS[code]) for code in _MODELS
    },
}
