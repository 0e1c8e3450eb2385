import hashlib
import os
import shutil
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from types import SimpleNamespace
from typing import BinaryIO

import anyio
import pytest

from apiworld import MODEL, PROBES, NewWorld, World, zip_of
from holdfast.errors import HoldfastError
from holdfast_api import sink, storing
from holdfast_api.settings import ApiSettings
from holdfast_db.queries import get_upload
from holdfast_db.retention import Cleaned, clean_up
from holdfast_db.tables import BlobRow, UploadRow

SHA = hashlib.sha256(MODEL).hexdigest()


def test_a_file_arrives_under_its_digest(world: World) -> None:
    answer = world.put(MODEL)
    assert answer.status_code == 201
    assert answer.json()["sha256"] == SHA
    assert (answer.json()["state"], answer.json()["offset"]) == ("complete", len(MODEL))
    assert world.parts.store.path(SHA).read_bytes() == MODEL
    assert world.stored() == [SHA]


def test_a_large_file_arrives_block_by_block(world: World) -> None:
    data = MODEL + os.urandom(9 << 20)
    answer = world.put(data)
    assert answer.json()["sha256"] == hashlib.sha256(data).hexdigest()


def test_bytes_that_lay_here_unused_have_a_new_day_before_they_are_kept(world: World) -> None:
    """The clean-up may come at any moment after that, and must not take them."""
    first = world.put(MODEL).json()["id"]
    with world.parts.db.transaction() as session:
        session.get_one(UploadRow, first).sha256 = None
        session.get_one(BlobRow, SHA).created_at -= timedelta(days=2)
    writer = world.parts.store.begin()
    writer.write(MODEL)
    kept = storing.put_whole(world.parts, writer)
    assert clean_up(world.parts.db, world.parts.store, world.parts.partials) == Cleaned()
    assert world.parts.store.path(kept.sha256).read_bytes() == MODEL


def test_a_blob_is_known_by_its_digest(world: World) -> None:
    assert world.client.head(f"/v1/blobs/sha256:{SHA}").status_code == 404
    world.put(MODEL)
    answer = world.client.head(f"/v1/blobs/sha256:{SHA}")
    assert (answer.status_code, answer.headers["Content-Length"]) == (200, str(len(MODEL)))


@pytest.mark.parametrize("digest", ["x", "..%2f..%2fetc", "A" * 64, "0" * 63, "0" * 65])
def test_a_blob_of_no_possible_digest_is_not_found(world: World, digest: str) -> None:
    assert world.client.head(f"/v1/blobs/sha256:{digest}").status_code == 404


def test_known_bytes_need_not_be_sent(world: World) -> None:
    world.put(MODEL)
    body = {"kind": "model", "size_bytes": len(MODEL), "sha256": SHA}
    answer = world.client.post("/v1/uploads", json=body)
    assert answer.status_code == 200
    assert answer.json() == {"state": "exists", "sha256": SHA, "size_bytes": len(MODEL)}


def test_a_model_needs_no_second_upload(world: World) -> None:
    world.put(MODEL)
    answer = world.client.post("/v1/models", json={"name": "net", "sha256": SHA})
    assert (answer.status_code, answer.json()["format"]) == (201, "onnx")


@pytest.mark.parametrize("name", ["X-Checksum-Sha256", "sha256"])
def test_a_wrong_checksum_keeps_nothing_and_leaves_the_upload_open(world: World, name: str) -> None:
    announced = name == "sha256"
    upload = world.announce(sha256="0" * 64) if announced else world.announce()
    headers = {} if announced else {name: "0" * 64}
    answer = world.client.put(upload["url"], content=MODEL, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "checksum_mismatch")
    assert world.stored() == []
    assert world.client.get(upload["url"]).json()["state"] == "open"
    if not announced:
        assert world.client.put(upload["url"], content=MODEL).status_code == 201


def test_the_right_checksum_may_be_written_in_capitals(world: World) -> None:
    assert world.put(MODEL, **{"X-Checksum-Sha256": SHA.upper()}).status_code == 201


def test_too_few_bytes_are_refused_and_nothing_is_kept(world: World) -> None:
    upload = world.announce(size_bytes=100)
    answer = world.client.put(upload["url"], content=MODEL)
    assert (answer.status_code, answer.json()["code"]) == (400, "incomplete_body")
    assert "64 of 100" in answer.json()["detail"]
    assert world.stored() == []


def test_an_honest_length_over_the_limit_is_refused_before_reading(world: World) -> None:
    upload = world.announce(size_bytes=10)
    headers = {"Content-Length": str(10**12)}
    answer = world.client.put(upload["url"], content=iter([b"x"]), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert world.stored() == []


def test_a_body_of_unknown_length_is_refused(world: World) -> None:
    upload = world.announce(size_bytes=10)
    answer = world.client.put(upload["url"], content=iter([MODEL, MODEL]))
    assert (answer.status_code, answer.json()["code"]) == (411, "length_required")
    assert world.stored() == []


def test_a_body_that_is_longer_than_it_says_is_cut_off(world: World) -> None:
    upload = world.announce(size_bytes=10)
    headers = {"Content-Length": "10"}
    answer = world.client.put(upload["url"], content=iter([MODEL, MODEL]), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert world.stored() == []


@pytest.mark.parametrize(
    "kind", ["multipart/form-data; boundary=x", "application/x-www-form-urlencoded"]
)
def test_a_form_is_not_taken_for_a_file(world: World, kind: str) -> None:
    upload = world.announce()
    answer = world.client.put(upload["url"], content=MODEL, headers={"Content-Type": kind})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


def test_an_admin_may_fetch_a_stored_file(world: World) -> None:
    world.put(MODEL)
    url = f"/v1/blobs/sha256:{SHA}"
    whole = world.client.get(url)
    assert (whole.content, whole.headers["ETag"]) == (MODEL, f'"{SHA}"')
    assert whole.headers["Content-Type"] == "application/octet-stream"
    part = world.client.get(url, headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, MODEL[10:20])
    assert world.client.get(url, headers={"Range": "bytes=99-"}).status_code == 416
    assert world.client.get("/v1/blobs/sha256:" + "0" * 64).status_code == 404


def test_an_upload_takes_its_bytes_once(world: World) -> None:
    upload = world.announce()
    assert world.client.put(upload["url"], content=MODEL).status_code == 201
    answer = world.client.put(upload["url"], content=MODEL)
    assert (answer.status_code, answer.json()["code"]) == (409, "upload_finished")


def test_of_two_senders_the_first_wins_and_the_other_leaves_nothing(world: World) -> None:
    upload = storing.show(world.parts, world.announce()["id"])
    first, second = world.parts.store.begin(), world.parts.store.begin()
    first.write(MODEL)
    second.write(b"\x08\x0b" + bytes(62))
    storing.complete(world.parts, upload, first, None)
    with pytest.raises(HoldfastError) as caught:
        storing.complete(world.parts, upload, second, None)
    assert caught.value.code == "upload_finished"
    assert world.stored() == [SHA]


def test_an_expired_upload_is_gone(world: World) -> None:
    upload = world.announce()
    with world.parts.db.transaction() as session:
        row = get_upload(session, upload["id"])
        assert row is not None
        row.expires_at = row.created_at
    assert world.client.put(upload["url"], content=MODEL).status_code == 404


@pytest.mark.parametrize(
    ("kind", "data", "status", "code"),
    [
        ("model", b"\x89PNG\r\n\x1a\n", 415, "unsupported_format"),
        ("model", b"\x80\x02}q\x00.", 415, "pickle_refused"),
        ("model", zip_of(code_x=b""), 415, "unsupported_format"),
        ("model", PROBES, 415, "unsupported_format"),
        ("model", b"\x02\0\0\0\0\0\0\x40{}" + bytes(8), 422, "invalid_safetensors"),
        ("probes", MODEL, 415, "not_a_zip"),
        ("probes", PROBES[:-10], 422, "bad_zip"),
        ("probes", zip_of(), 422, "empty_archive"),
        ("probes", zip_of(readme_txt=b""), 415, "unsupported_file"),
        ("probes", zip_of(**{"../a_png": b""}), 422, "unsafe_name"),
    ],
)
def test_bytes_we_could_not_audit_are_refused_and_not_kept(
    world: World, kind: str, data: bytes, status: int, code: str
) -> None:
    upload = world.announce(kind, len(data))
    answer = world.client.put(upload["url"], content=data)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    view = world.client.get(upload["url"]).json()
    assert (view["state"], view["code"]) == ("failed", code)
    assert world.stored() == []


def test_the_same_refused_bytes_of_two_senders_at_once_are_refused_twice(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While one is looked at, the other comes and goes."""
    bad = b"\x80\x04K\x01."
    first, second = (world.announce(size_bytes=len(bad)) for _ in range(2))
    look, codes = storing.sniff_model, list[str]()

    def interrupted(file: BinaryIO) -> str:
        if not codes:
            codes.append("on its way")
            codes[0] = world.client.put(second["url"], content=bad).json()["code"]
        return look(file)

    monkeypatch.setattr(storing, "sniff_model", interrupted)
    codes.append(world.client.put(first["url"], content=bad).json()["code"])
    assert codes == ["pickle_refused"] * 2
    assert world.stored() == []


def test_bytes_refused_as_a_model_stay_when_they_are_images(world: World) -> None:
    probe_set_id = world.probe_set()
    assert world.put(PROBES).status_code == 415
    view = world.client.get(f"/v1/probe-sets/{probe_set_id}").json()
    assert world.stored() == [view["sha256"]]


def test_a_nearly_full_disk_takes_no_upload(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = world.announce()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10))
    assert world.client.post("/v1/uploads", json={"kind": "model", "size_bytes": 11}).json()[
        "code"
    ] == ("storage_full")
    answer = world.client.put(upload["url"], content=MODEL)
    assert (answer.status_code, answer.json()["code"]) == (507, "storage_full")
    assert world.stored() == []


def test_a_deleted_upload_takes_unused_bytes_with_it(world: World) -> None:
    url = world.put(MODEL).json()["url"]
    assert world.client.delete(url).status_code == 204
    assert world.stored() == []
    assert world.client.get(url).status_code == 404
    assert world.client.head(f"/v1/blobs/sha256:{SHA}").status_code == 404


def test_a_deleted_upload_leaves_bytes_that_a_model_uses(world: World) -> None:
    upload = world.put(MODEL).json()
    world.client.post("/v1/models", json={"name": "net", "upload_id": upload["id"]})
    assert world.client.delete(upload["url"]).status_code == 204
    assert world.stored() == [SHA]


@pytest.mark.parametrize("kind", ["model", "probes"])
def test_a_file_over_the_limit_is_refused_when_it_is_announced(
    new_world: NewWorld, kind: str
) -> None:
    world = new_world(max_model_bytes=100, max_probes_bytes=100)
    answer = world.client.post("/v1/uploads", json={"kind": kind, "size_bytes": 101})
    assert (answer.status_code, answer.json()["code"]) == (413, "file_too_large")
    assert f"HOLDFAST_MAX_{kind.upper()}_BYTES" in answer.json()["detail"]


@pytest.mark.parametrize(
    "filename", ["../../etc/passwd", "x\r\nSet-Cookie: a=b", "x" * 9_000, "\u202egpj.exe", "é.onnx"]
)
def test_a_file_name_is_data(world: World, filename: str) -> None:
    upload = world.announce(filename=filename)
    assert len(upload["filename"]) <= 200
    assert not {"\r", "\n", "\u202e"} & set(upload["filename"])
    answer = world.client.get(upload["url"])
    assert "set-cookie" not in answer.headers
    world.client.put(upload["url"], content=MODEL)
    assert world.stored() == [SHA]


class _Slow:
    """A body of one byte every while."""

    headers: dict[str, str]

    def __init__(self, pause_s: float) -> None:
        self.headers = {"content-length": "1"}
        self._pause_s = pause_s

    async def stream(self) -> AsyncIterator[bytes]:
        while True:
            await anyio.sleep(self._pause_s)
            yield b"x"


@pytest.mark.parametrize("pause_s", [0.01, 60.0])
def test_a_slow_body_is_cut_off(pause_s: float) -> None:
    settings = ApiSettings(upload_grace_s=0.2, upload_bytes_per_s=1 << 20)
    got: list[bytes] = []

    async def receive() -> None:
        await sink.receive(_Slow(pause_s), got.append, 1 << 20, settings)  # type: ignore[arg-type]

    began = time.monotonic()
    with pytest.raises(HoldfastError) as caught:
        anyio.run(receive)
    assert caught.value.code == "slow_body"
    assert time.monotonic() - began < 3
    assert got == []
