"""The client brings large files over connections that break."""

import contextlib
import hashlib
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from apiworld import MODEL, World
from children import soon
from holdfast.errors import HoldfastError
from holdfast_cli import pieces
from holdfast_cli.client import Client


@contextlib.contextmanager
def breaking(address: str, after_bytes: list[int], carried: list[int]) -> Iterator[str]:
    """A road to `address`; connection i is cut once `after_bytes[i]` went up, later ones never.

    What each connection has carried is added to `carried`.
    """
    target = urlsplit(address)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            for i in range(10_000):
                try:
                    near, _ = server.accept()
                except OSError:
                    return
                limit = after_bytes[i] if i < len(after_bytes) else 1 << 60
                threading.Thread(target=_carry, args=(near, target.port, limit, carried)).start()

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def _carry(near: socket.socket, port: int | None, limit: int, carried: list[int]) -> None:
    with near, socket.create_connection(("127.0.0.1", port)) as far:
        back = threading.Thread(target=_pipe, args=(far, near, 1 << 60))
        back.start()
        carried.append(_pipe(near, far, limit))
        for end in (near, far):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        back.join()


def _pipe(source: socket.socket, sink: socket.socket, limit: int) -> int:
    left = limit
    with contextlib.suppress(OSError):
        while left > 0 and (block := source.recv(min(1 << 16, left))):
            sink.sendall(block)
            left -= len(block)
    return limit - left


@pytest.fixture
def _short_wait(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Long enough for the service to see that a connection broke."""
    monkeypatch.setattr(pieces, "_WAIT_S", getattr(request, "param", 0.5))


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large.onnx"
    path.write_bytes(MODEL + os.urandom(6_000_000))
    return path


def _sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.usefixtures("_short_wait")
def test_a_broken_upload_goes_on_where_it_was(world: World, address: str, large: Path) -> None:
    carried: list[int] = []
    with (
        breaking(address, [2_500_000, 1_500_000], carried) as road,
        Client(road, pieces_above_bytes=1000) as client,
    ):
        sha256 = client.upload("model", large, "large.onnx", lambda *_: None)
    assert sha256 == _sha(large)
    assert world.stored() == [sha256]
    assert soon(lambda: len(carried) >= 3)  # the road notes a connection when it has ended
    # Beginning anew each time would carry 10 MB in all.
    assert sum(carried) < 1.1 * large.stat().st_size


@pytest.mark.usefixtures("_short_wait")
def test_a_file_goes_in_several_pieces(
    world: World, address: str, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "_PIECE_BYTES", 1 << 20)
    with Client(address, pieces_above_bytes=1000) as client:
        client.upload("model", large, "large.onnx", lambda *_: None)
        assert client.upload("model", large, "large.onnx", lambda *_: pytest.fail("again")) == _sha(
            large
        )
    assert world.stored() == [_sha(large)]


@pytest.mark.parametrize("_short_wait", [0.01], indirect=True)
@pytest.mark.usefixtures("_short_wait")
def test_where_nothing_arrives_it_gives_up(address: str, large: Path) -> None:
    with (
        breaking(address, [900, *[300] * 40], []) as road,
        Client(road, pieces_above_bytes=1000) as client,
        pytest.raises(HoldfastError) as caught,
    ):
        client.upload("model", large, "large.onnx", lambda *_: None)
    assert caught.value.code == "unreachable"


def test_a_refusal_is_told_as_it_is(world: World, address: str, tmp_path: Path) -> None:
    bad = tmp_path / "bad.onnx"
    bad.write_bytes(b"GIF89a" + bytes(5000))
    with Client(address, pieces_above_bytes=1000) as client, pytest.raises(HoldfastError) as caught:
        client.upload("model", bad, "bad.onnx", lambda *_: None)
    assert caught.value.code == "unsupported_format"
    assert world.stored() == []
