"""Every error that an endpoint declares is produced once, and nothing is declared in vain."""

import io
import shutil
import time
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from httpx2 import Response

from apiworld import MODEL, PASSING, PROBES, NewWorld, World
from holdfast_api.openapi import document
from holdfast_api.problems import CODES

_NOWHERE = "00000000-0000-7000-8000-000000000000"
_COMMON = {
    *(
        "unauthorized",
        "missing_scope",
        "rate_limited",
        "host_not_allowed",
        "cross_site",
        "internal",
        "database_unavailable",
    ),
    *("invalid_json", "invalid_request", "unsupported_media_type"),
    *("idempotency_key_reused", "idempotency_in_flight"),
}
"""Declared wherever they make sense; produced in test_guard, test_access, test_tokens,
test_hostile_bodies, test_problems and test_repeating."""
_UNKNOWN = {"assertions": {"beauty": ["error", {"min": 0.5}]}}
_NOTHING: dict[str, object] = {"assertions": {}}


def _zip(names: tuple[str, ...] = ("a.png",), data: bytes = b"x", **changes: int) -> bytes:
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
    "archive_too_large": _zip(
        tuple(f"{i}.png" for i in range(65)), bytes(170_000), file_size=32 * _MIB
    ),
    "bad_zip": PROBES[:-1],
    "duplicate_name": _zip(("a.png", "A.png")),
    "empty_archive": _zip(()),
    "encrypted_zip": _zip(flag_bits=1),
    "file_too_large": _zip(file_size=33 * _MIB),
    "not_a_zip": MODEL,
    "special_file": _zip(external_attr=0o120777 << 16),
    "too_many_files": _huge_directory(),
    "unsafe_name": _zip(("/a.png",)),
    "unsupported_file": _zip(("a.txt",)),
    "zip_bomb": _zip(file_size=2 * _MIB),
    "zip_method": _zip(compress_type=99),
}
_PICKLED = _zip(("images.npy", "data.pkl"))
_TAKES_FILES = ("put_upload", "append_upload")
_ASSETS = {"delete_model": "models", "delete_probe_set": "probe-sets"}
_FILES = {
    "get_result": "result.json",
    "get_samples": "samples.parquet",
    "get_report": "report.html",
}
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


def _post_file(world: World, where: str, **source: object) -> Response:
    return world.client.post(f"/v1/{where}", json={"name": "x", **source})


def _post_stored(world: World, where: str, kind: str, data: bytes) -> Response:
    """Use bytes that are good as a file of one kind as a file of the other."""
    sha256 = world.put(data, kind).json()["sha256"]
    return _post_file(world, where, sha256=sha256)


def _post_audit(world: World, **more: object) -> Response:
    body = {"model_id": world.model(), "probe_set_id": world.probe_set(), **more}
    return world.client.post("/v1/audits", json=body)


def _post_to(world: World, audit_id: str, verb: str, **body: object) -> Response:
    return world.client.post(f"/v1/audits/{audit_id}/{verb}", json=body or None)


def _get(world: World, path: str) -> Response:
    return world.client.get(path)


def _retry_with_full_queue(world: World) -> Response:
    failed = world.failed()
    world.audit()
    return _post_to(world, failed, "retry")


def _audit_with_full_queue(world: World) -> Response:
    world.audit()
    return _post_audit(world)


def _get_part(world: World, *, part: str, is_there: bool) -> Response:
    return _get(world, f"/v1/audits/{world.audit() if is_there else _NOWHERE}/{part}")


def _put_as(world: World, *, kind: str, data: bytes) -> Response:
    return world.put(data, kind)


_TUS = {"Tus-Resumable": "1.0.0"}
_PIECE = {"Content-Type": "application/offset+octet-stream", **_TUS}


def _append(
    world: World, data: Any = MODEL, *, at: int = 0, url: str | None = None, **headers: str
) -> Response:
    """Send a piece to an upload, by default the whole file to a new one."""
    url = url or world.announce(via="tus")["url"]
    sent = {**_PIECE, "Upload-Offset": str(at), **headers}
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


def _weights(world: World, architecture: str) -> Response:
    data = _zip(("net/data.pkl",))
    sha256 = world.put(data).json()["sha256"]
    return _post_file(world, "models", sha256=sha256, architecture=architecture)


def _weights_twice(world: World) -> Response:
    _weights(world, "timm/resnet18")
    return _weights(world, "timm/resnet50")


def _delete_used(world: World, where: str, audit_id: str) -> Response:
    audit = _get(world, f"/v1/audits/{audit_id}").json()
    key = "model_id" if where == "models" else "probe_set_id"
    return world.client.delete(f"/v1/{where}/{audit[key]}")


def _delete_open(world: World, *, where: str) -> Response:
    return _delete_used(world, where, world.audit())


def _delete_done(world: World, *, where: str) -> Response:
    return _delete_used(world, where, world.done())


def _delete(world: World, path: str) -> Response:
    return world.client.delete(path)


def _small_project(world: World) -> str:
    """A project whose only place in the queue is taken; the id of an audit that may be retried."""
    world.client.post("/v1/projects", json={"slug": "p", "max_queued": 1})
    first = world.audit(project="p")
    world.client.post(f"/v1/audits/{first}/cancel")
    world.audit(project="p")
    return first


def _audit_of(world: World, audit_id: str) -> Response:
    audit = _get(world, f"/v1/audits/{audit_id}").json()
    keys = ("project", "model_id", "probe_set_id")
    return world.client.post("/v1/audits", json={key: audit[key] for key in keys})


def _bound(world: World, method: str, path: str, **body: object) -> Response:
    """Ask with an admin token of project `p`."""
    asked = {"name": "t", "scope": "admin", "project": "p"}
    token = world.client.post("/v1/tokens", json=asked).json()["token"]
    headers = {"Authorization": f"Bearer {token}"}
    return world.client.request(method, path, json=body or None, headers=headers)


def _post_project(world: World, **body: object) -> Response:
    return world.client.post("/v1/projects", json={"slug": "p", **body})


Case = Callable[[World], Response]
_CASES: dict[tuple[str, str], Case] = {
    ("create_upload", "empty_file"): lambda w: _post_upload(w, 0),
    ("create_upload", "file_too_large"): lambda w: _post_upload(w, 1 << 50),
    ("create_upload", "storage_full"): lambda w: _full(lambda: _post_upload(w, 10)),
    ("put_upload", "not_found"): lambda w: w.client.put(f"/v1/uploads/{_NOWHERE}", content=b"x"),
    ("put_upload", "upload_finished"): _put_twice,
    ("put_upload", "incomplete_body"): lambda w: _put(w, 10, b"x"),
    ("put_upload", "body_too_large"): lambda w: _put(w, 1, b"xx"),
    ("put_upload", "slow_body"): lambda w: _put(w, 2, _slow()),
    ("put_upload", "checksum_mismatch"): lambda w: _put(
        w, len(MODEL), MODEL, **{"X-Checksum-Sha256": "0" * 64}
    ),
    ("put_upload", "storage_full"): _put_on_full_disk,
    ("get_upload", "not_found"): lambda w: _get(w, f"/v1/uploads/{_NOWHERE}"),
    ("delete_upload", "not_found"): lambda w: w.client.delete(f"/v1/uploads/{_NOWHERE}"),
    ("head_blob", "not_found"): lambda w: w.client.head("/v1/blobs/sha256:" + "0" * 64),
    ("create_model", "not_found"): lambda w: _post_file(w, "models", sha256="0" * 64),
    ("create_model", "upload_not_ready"): lambda w: _post_file(
        w, "models", upload_id=w.announce()["id"]
    ),
    ("create_model", "unsupported_format"): lambda w: _post_stored(w, "models", "probes", PROBES),
    ("create_model", "pickle_refused"): lambda w: _post_stored(w, "models", "probes", _PICKLED),
    ("get_one_model", "not_found"): lambda w: _get(w, f"/v1/models/{_NOWHERE}"),
    ("create_probe_set", "not_found"): lambda w: _post_file(w, "probe-sets", upload_id=_NOWHERE),
    ("create_probe_set", "upload_not_ready"): lambda w: _post_file(
        w, "probe-sets", upload_id=w.announce("probes")["id"]
    ),
    ("create_probe_set", "not_a_zip"): lambda w: _post_stored(w, "probe-sets", "model", MODEL),
    ("get_one_probe_set", "not_found"): lambda w: _get(w, f"/v1/probe-sets/{_NOWHERE}"),
    ("create_audit", "not_found"): lambda w: _post_audit(w, model_id=_NOWHERE),
    ("create_audit", "invalid_plan"): lambda w: _post_audit(w, plan={"seed": -1}),
    ("create_audit", "invalid_policy"): lambda w: _post_audit(w, policy=_NOTHING),
    ("create_audit", "unknown_assertion"): lambda w: _post_audit(w, policy=_UNKNOWN),
    ("create_audit", "queue_full"): _audit_with_full_queue,
    ("get_one_audit", "not_found"): lambda w: _get(w, f"/v1/audits/{_NOWHERE}"),
    ("cancel_audit", "not_found"): lambda w: _post_to(w, _NOWHERE, "cancel"),
    ("cancel_audit", "already_finished"): lambda w: _post_to(w, w.done(), "cancel"),
    ("retry_audit", "not_found"): lambda w: _post_to(w, _NOWHERE, "retry"),
    ("retry_audit", "not_retryable"): lambda w: _post_to(w, w.done(), "retry"),
    ("retry_audit", "queue_full"): _retry_with_full_queue,
    ("get_events", "not_found"): lambda w: _get(w, f"/v1/audits/{_NOWHERE}/events"),
    ("judge_audit", "not_found"): lambda w: _post_to(w, _NOWHERE, "gate", policy=PASSING),
    ("judge_audit", "not_done"): lambda w: _post_to(w, w.audit(), "gate", policy=PASSING),
    ("judge_audit", "invalid_policy"): lambda w: _post_to(w, w.done(), "gate", policy=_NOTHING),
    ("judge_audit", "unknown_assertion"): lambda w: _post_to(w, w.done(), "gate", policy=_UNKNOWN),
    ("get_verdict", "not_found"): lambda w: _get(w, f"/v1/audits/{_NOWHERE}/verdict"),
    ("get_verdict", "not_done"): lambda w: _get(w, f"/v1/audits/{w.audit()}/verdict"),
    ("get_verdict", "no_verdict"): lambda w: _get(w, f"/v1/audits/{w.done()}/verdict"),
    ("create_upload", "tus_version"): lambda w: w.client.post(
        "/v1/uploads", headers={"Tus-Resumable": "0.2.2"}
    ),
    ("put_upload", "length_required"): lambda w: _put(w, 64, iter([MODEL])),
    ("head_upload", "not_found"): lambda w: _head(w, f"/v1/uploads/{_NOWHERE}", **_TUS),
    ("head_upload", "tus_version"): lambda w: _head(w, w.announce()["url"]),
    ("head_upload", "upload_gone"): lambda w: _head(w, _refused_upload(w), **_TUS),
    ("append_upload", "not_found"): lambda w: _append(w, url=f"/v1/uploads/{_NOWHERE}"),
    ("append_upload", "tus_version"): lambda w: _append(w, **{"Tus-Resumable": "2"}),
    ("append_upload", "upload_gone"): lambda w: _append(w, url=_refused_upload(w)),
    ("append_upload", "upload_finished"): _append_twice,
    ("append_upload", "upload_busy"): _append_while_another_does,
    ("append_upload", "wrong_offset"): lambda w: _append(w, at=1),
    ("append_upload", "body_too_large"): lambda w: _append(w, MODEL + b"x"),
    ("append_upload", "slow_body"): lambda w: _append(w, _slow(), **{"Content-Length": "2"}),
    ("append_upload", "storage_full"): _append_on_full_disk,
    ("append_upload", "length_required"): lambda w: _append(w, iter([MODEL])),
    ("append_upload", "unknown_checksum"): lambda w: _append(w, **{"Upload-Checksum": "crc32 x"}),
    ("append_upload", "chunk_mismatch"): lambda w: _append(
        w, **{"Upload-Checksum": "sha1 AAAAAAAAAAAAAAAAAAAAAAAAAAA="}
    ),
    ("append_upload", "checksum_mismatch"): lambda w: _append(
        w, url=w.announce(via="tus", sha256="0" * 64)["url"]
    ),
    ("get_blob", "not_found"): lambda w: _get(w, "/v1/blobs/sha256:" + "0" * 64),
    ("create_model", "architecture_unavailable"): lambda w: _weights(w, "keras/resnet50"),
    ("create_model", "name_taken"): _weights_twice,
    ("create_audit", "project_queue_full"): lambda w: _audit_of(w, _small_project(w)),
    ("retry_audit", "project_queue_full"): lambda w: _post_to(w, _small_project(w), "retry"),
    ("delete_audit", "not_found"): lambda w: _delete(w, f"/v1/audits/{_NOWHERE}"),
    ("create_token", "not_found"): lambda w: _bound(
        w, "POST", "/v1/tokens", name="t", scope="read", project="q"
    ),
    ("delete_token", "not_found"): lambda w: _delete(w, f"/v1/tokens/{_NOWHERE}"),
    ("create_project", "bound_token"): lambda w: _bound(w, "POST", "/v1/projects", slug="q"),
    ("create_project", "project_taken"): lambda w: _post_project(w, slug="default"),
    ("create_project", "not_found"): lambda w: _post_project(w, policy_id=_NOWHERE),
    ("get_one_project", "not_found"): lambda w: _get(w, "/v1/projects/p"),
    ("change_project", "not_found"): lambda w: w.client.patch("/v1/projects/p", json={"name": "P"}),
    ("delete_project", "bound_token"): lambda w: _bound(w, "DELETE", "/v1/projects/p"),
    ("delete_project", "not_found"): lambda w: _delete(w, "/v1/projects/p"),
    ("delete_project", "open_audits"): lambda w: _delete(
        w, "/v1/projects/" + _get(w, f"/v1/audits/{w.audit()}").json()["project"]
    ),
    **{
        (operation, "not_found"): partial(_delete, path=f"/v1/{where}/{_NOWHERE}")
        for operation, where in _ASSETS.items()
    },
    **{
        (operation, "open_audits"): partial(_delete_open, where=where)
        for operation, where in _ASSETS.items()
    },
    **{
        (operation, "in_use"): partial(_delete_done, where=where)
        for operation, where in _ASSETS.items()
    },
    **{
        ("append_upload", code): partial(_append_as, kind="probes", data=_ARCHIVES[code])
        for code in _ARCHIVES
    },
    **{
        ("append_upload", code): partial(_append_as, kind="model", data=_MODELS[code])
        for code in _MODELS
    },
    **{
        (operation, code): partial(_get_part, part=part, is_there=code == "not_done")
        for operation, part in _FILES.items()
        for code in ("not_found", "not_done")
    },
    **{
        ("put_upload", code): partial(_put_as, kind="probes", data=_ARCHIVES[code])
        for code in _ARCHIVES
    },
    **{
        ("put_upload", code): partial(_put_as, kind="model", data=_MODELS[code]) for code in _MODELS
    },
}


def _declared() -> dict[tuple[str, str], int]:
    """Operation and code of every declared error, with its status."""
    found: dict[tuple[str, str], int] = {}
    for path in document()["paths"].values():
        for operation in path.values():
            found |= _codes_of(operation)
    return found


def _codes_of(operation: dict[str, Any]) -> dict[tuple[str, str], int]:
    return {
        (operation["operationId"], code): int(status)
        for status, answer in operation["responses"].items()
        for code in answer.get(CODES, [])
        if code not in _COMMON
        and not (code == "body_too_large" and operation["operationId"] not in _TAKES_FILES)
    }


def test_every_declared_error_has_a_case() -> None:
    assert sorted(_declared()) == sorted(_CASES)


@pytest.mark.parametrize(("operation", "code"), sorted(_CASES))
def test_the_declared_error_is_produced(new_world: NewWorld, operation: str, code: str) -> None:
    world = new_world(max_queued=1, upload_grace_s=0.1, upload_bytes_per_s=1 << 20)
    answer = _CASES[operation, code](world)
    assert answer.status_code == _declared()[operation, code]
    if not operation.startswith("head_"):
        assert answer.json()["code"] == code
