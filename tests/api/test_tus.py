"""Resumable uploads as tus 1.0.0 has them."""

import base64
import hashlib
import socket
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from httpx2 import Response

from apiworld import MODEL, PROBES, NewWorld, World
from children import soon
from holdfast.errors import HoldfastError
from holdfast_db.queries import get_upload

SHA = hashlib.sha256(MODEL).hexdigest()
TUS = {"Tus-Resumable": "1.0.0"}


def _metadata(**pairs: str) -> str:
    return ",".join(
        f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in pairs.items()
    )


def _create(world: World, size_bytes: int = len(MODEL), **pairs: str) -> Response:
    headers = {
        **TUS,
        "Upload-Length": str(size_bytes),
        "Upload-Metadata": _metadata(**{"kind": "model", **pairs}),
    }
    return world.client.post("/v1/uploads", headers=headers)


def _url(world: World, size_bytes: int = len(MODEL), **pairs: str) -> str:
    answer = _create(world, size_bytes, **pairs)
    assert answer.status_code == 201, answer.text
    return str(answer.headers["Location"])


def _patch(world: World, url: str, data: bytes, offset: int, **headers: str) -> Response:
    sent = {
        **TUS,
        "Upload-Offset": str(offset),
        "Content-Type": "application/offset+octet-stream",
        **headers,
    }
    return world.client.patch(url, content=data, headers=sent)


def _offset(world: World, url: str) -> int:
    return int(world.client.head(url, headers=TUS).headers["Upload-Offset"])


def test_the_service_says_what_it_knows_of_tus(world: World) -> None:
    answer = world.client.options("/v1/uploads")
    assert answer.status_code == 204
    assert answer.headers["Tus-Version"] == "1.0.0"
    assert answer.headers["Tus-Extension"] == "creation,expiration,checksum,termination"
    assert answer.headers["Tus-Checksum-Algorithm"] == "sha1,sha256"
    assert int(answer.headers["Tus-Max-Size"]) == 2 << 30


def test_a_file_comes_in_pieces(world: World) -> None:
    url = _url(world, filename="net.onnx", sha256=SHA)
    first = _patch(world, url, MODEL[:40], 0)
    assert (first.status_code, first.headers["Upload-Offset"]) == (204, "40")
    assert first.headers["Tus-Resumable"] == "1.0.0"
    assert first.headers["Upload-Expires"].endswith("GMT")
    asked = world.client.head(url, headers=TUS)
    assert (asked.status_code, asked.headers["Upload-Offset"]) == (200, "40")
    assert (asked.headers["Upload-Length"], asked.headers["Cache-Control"]) == ("64", "no-store")
    assert world.client.get(url).json()["state"] == "open"
    assert world.stored() == []
    assert _patch(world, url, MODEL[40:], 40).status_code == 204
    view = world.client.get(url).json()
    assert (view["state"], view["sha256"], view["filename"]) == ("complete", SHA, "net.onnx")
    assert world.stored() == [SHA]
    assert list((world.parts.store.root / "uploads").iterdir()) == []
    assert _offset(world, url) == len(MODEL)
    assert _patch(world, url, b"", len(MODEL)).json()["code"] == "upload_finished"
    assert world.client.post("/v1/models", json={"name": "n", "upload_id": view["id"]}).is_success


def test_what_is_announced_by_json_may_come_in_pieces_too(world: World) -> None:
    url = world.announce(via="tus")["url"]
    assert _patch(world, url, MODEL, 0).status_code == 204
    assert world.client.get(url).json()["state"] == "complete"


def test_a_piece_must_begin_where_the_last_one_ended(world: World) -> None:
    url = _url(world)
    _patch(world, url, MODEL[:40], 0)
    for offset in (0, 39, 41, 64):
        answer = _patch(world, url, b"x", offset)
        assert (answer.status_code, answer.json()["code"]) == (409, "wrong_offset")
    assert _offset(world, url) == 40


@pytest.mark.parametrize("kind", ["sha1", "sha256"])
def test_a_piece_with_a_checksum_counts_whole_or_not_at_all(world: World, kind: str) -> None:
    url = _url(world)
    right = base64.b64encode(hashlib.new(kind, MODEL[:10]).digest()).decode()
    wrong = base64.b64encode(hashlib.new(kind, b"else").digest()).decode()
    answer = _patch(world, url, MODEL[:10], 0, **{"Upload-Checksum": f"{kind} {wrong}"})
    assert (answer.status_code, answer.json()["code"]) == (460, "chunk_mismatch")
    assert _offset(world, url) == 0
    answer = _patch(world, url, MODEL[:10], 0, **{"Upload-Checksum": f"{kind} {right}"})
    assert (answer.status_code, _offset(world, url)) == (204, 10)


@pytest.mark.parametrize("header", ["", "md5 AAAA", "sha1", "sha1 %%%", "sha256 AAAA", "é x"])
def test_a_checksum_of_an_unknown_kind_is_refused(world: World, header: str) -> None:
    raw = [(b"Upload-Checksum", header.encode("latin-1"))]
    sent = [(name.encode(), value.encode()) for name, value in TUS.items()]
    kind = (b"Content-Type", b"application/offset+octet-stream")
    answer = world.client.patch(
        _url(world), content=MODEL, headers=[*sent, *raw, kind, (b"Upload-Offset", b"0")]
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "unknown_checksum")


@pytest.mark.parametrize("version", [{}, {"Tus-Resumable": "0.2.2"}])
def test_another_version_of_tus_is_refused(world: World, version: dict[str, str]) -> None:
    url = _url(world)
    answers = [
        world.client.head(url, headers=version),
        world.client.patch(url, headers={**version, "Upload-Offset": "0"}, content=b"x"),
    ]
    if version:
        answers.append(world.client.post("/v1/uploads", headers=version))
    for answer in answers:
        assert (answer.status_code, answer.headers["Tus-Version"]) == (412, "1.0.0")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"Upload-Length": "0"}, "empty_file"),
        ({"Upload-Length": str(1 << 50)}, "file_too_large"),
        ({"Upload-Length": "-1"}, "invalid_request"),
        ({"Upload-Length": "many"}, "invalid_request"),
        ({"Upload-Length": None}, "invalid_request"),
        ({"Upload-Metadata": None}, "invalid_request"),
        ({"Upload-Metadata": "kind"}, "invalid_request"),
        ({"Upload-Metadata": "kind %%%"}, "invalid_request"),
        ({"Upload-Metadata": "kind /w=="}, "invalid_request"),
        ({"Upload-Metadata": _metadata(kind="cake")}, "invalid_request"),
        ({"Upload-Metadata": _metadata(kind="model", sha256="x")}, "invalid_request"),
    ],
)
def test_a_senseless_creation_is_refused(
    world: World, changes: dict[str, str | None], code: str
) -> None:
    given = {**TUS, "Upload-Length": "64", "Upload-Metadata": _metadata(kind="model"), **changes}
    headers = {name: value for name, value in given.items() if value is not None}
    answer = world.client.post("/v1/uploads", headers=headers)
    assert answer.json()["code"] == code


def test_too_many_bytes_are_refused_and_nothing_of_them_counts(world: World) -> None:
    url = _url(world)
    _patch(world, url, MODEL[:40], 0)
    answer = _patch(world, url, MODEL, 40)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert _offset(world, url) == 40


def test_a_piece_has_its_own_kind_and_a_length(world: World) -> None:
    url = _url(world)
    answer = _patch(world, url, MODEL, 0, **{"Content-Type": "application/octet-stream"})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    headers = {**TUS, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    answer = world.client.patch(url, content=iter([MODEL]), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (411, "length_required")


@pytest.mark.parametrize(
    ("kind", "data", "pairs", "code"),
    [
        ("model", b"\x89PNG\r\n\x1a\n", {}, "unsupported_format"),
        ("model", b"\x80\x02}q\x00.", {}, "pickle_refused"),
        ("probes", MODEL, {}, "not_a_zip"),
        ("model", MODEL, {"sha256": "0" * 64}, "checksum_mismatch"),
    ],
)
def test_bytes_we_do_not_want_end_the_upload(
    world: World, kind: str, data: bytes, pairs: dict[str, str], code: str
) -> None:
    url = _url(world, len(data), **{"kind": kind, **pairs})
    assert _patch(world, url, data[:4], 0).status_code == 204
    assert _patch(world, url, data[4:], 4).json()["code"] == code
    view = world.client.get(url).json()
    assert (view["state"], view["code"]) == ("failed", code)
    assert world.client.head(url, headers=TUS).status_code == 410
    assert _patch(world, url, b"", len(data)).json()["code"] == "upload_gone"
    assert world.stored() == []
    assert list((world.parts.store.root / "uploads").iterdir()) == []


def test_images_may_come_in_pieces(world: World) -> None:
    url = _url(world, len(PROBES), kind="probes")
    assert _patch(world, url, PROBES, 0).status_code == 204
    view = world.client.get(url).json()
    made = world.client.post("/v1/probe-sets", json={"name": "d", "upload_id": view["id"]})
    assert made.json()["images"] == 2


def test_an_expired_upload_is_gone(world: World) -> None:
    url = _url(world)
    with world.parts.db.transaction() as session:
        row = get_upload(session, url.rpartition("/")[2])
        assert row is not None
        row.expires_at = row.created_at
    assert world.client.head(url, headers=TUS).status_code == 410
    answer = _patch(world, url, MODEL, 0)
    assert (answer.status_code, answer.json()["code"]) == (410, "upload_gone")


def test_a_terminated_upload_leaves_nothing(world: World) -> None:
    url = _url(world)
    _patch(world, url, MODEL[:40], 0)
    answer = world.client.delete(url, headers=TUS)
    assert (answer.status_code, answer.headers["Tus-Resumable"]) == (204, "1.0.0")
    assert world.client.head(url, headers=TUS).status_code == 404
    assert list((world.parts.store.root / "uploads").iterdir()) == []


def test_the_whole_file_may_replace_its_pieces(world: World) -> None:
    url = _url(world)
    _patch(world, url, MODEL[:40], 0)
    assert world.client.put(url, content=MODEL).status_code == 201
    assert list((world.parts.store.root / "uploads").iterdir()) == []


def test_only_one_sends_at_a_time(world: World) -> None:
    url = _url(world)
    with world.parts.partials.append(url.rpartition("/")[2], 0):
        answer = _patch(world, url, MODEL, 0)
    assert (answer.status_code, answer.json()["code"]) == (409, "upload_busy")
    assert _patch(world, url, MODEL, 0).status_code == 204


def test_bytes_that_were_never_noted_are_cut_off(world: World) -> None:
    """What a process leaves that is killed between the bytes and the row."""
    url = _url(world)
    _patch(world, url, MODEL[:40], 0)
    with (world.parts.store.root / "uploads" / url.rpartition("/")[2]).open("ab") as file:
        file.write(b"garbage")
    assert _offset(world, url) == 40
    assert _patch(world, url, MODEL[40:], 40).status_code == 204
    assert world.stored() == [SHA]


def test_a_file_that_is_not_here_is_sent_again(world: World) -> None:
    """Another process, with a folder of its own, may have had it."""
    url = _url(world)
    _patch(world, url, MODEL[:40], 0)
    world.parts.partials.remove(url.rpartition("/")[2])
    assert _offset(world, url) == 0
    assert _patch(world, url, MODEL, 0).status_code == 204
    assert world.stored() == [SHA]


def test_a_disk_that_is_full_at_the_end_can_be_tried_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = _url(world)

    def full(**_: object) -> None:
        raise HoldfastError("storage_full")

    with monkeypatch.context() as patch:
        patch.setattr(type(world.parts.store), "begin", lambda *_, **__: full())
        answer = _patch(world, url, MODEL, 0)
    assert (answer.status_code, answer.json()["code"]) == (507, "storage_full")
    assert _offset(world, url) == len(MODEL)
    assert _patch(world, url, b"", len(MODEL)).status_code == 204
    assert world.stored() == [SHA]


def test_what_came_before_the_connection_broke_counts(world: World, address: str) -> None:
    data = MODEL + bytes(3_000_000)
    url = _url(world, len(data))
    host, port = urlsplit(address).hostname, urlsplit(address).port
    head = (
        f"PATCH {url} HTTP/1.1\r\nHost: {host}:{port}\r\nTus-Resumable: 1.0.0\r\n"
        f"Upload-Offset: 0\r\nContent-Type: application/offset+octet-stream\r\n"
        f"Content-Length: {len(data)}\r\n\r\n"
    )
    with socket.create_connection((host, port)) as link:
        link.sendall(head.encode() + data[:2_000_000])
    for _ in range(100):
        if (offset := _offset(world, url)) == 2_000_000:
            break
    assert offset == 2_000_000
    # the service may still be busy with the connection that is gone
    assert soon(lambda: _patch(world, url, data[offset:], offset).status_code == 204, 10.0)
    assert world.stored() == [hashlib.sha256(data).hexdigest()]


def test_a_slow_sender_keeps_what_came(new_world: NewWorld) -> None:
    world = new_world(upload_grace_s=0.2, upload_bytes_per_s=1 << 20)
    url = _url(world)

    def slow() -> Iterator[bytes]:
        yield MODEL[:10]
        time.sleep(0.5)
        yield MODEL[10:]

    answer = world.client.patch(
        url,
        content=slow(),
        headers={
            **TUS,
            "Upload-Offset": "0",
            "Content-Length": "64",
            "Content-Type": "application/offset+octet-stream",
        },
    )
    assert (answer.status_code, answer.json()["code"]) == (408, "slow_body")
