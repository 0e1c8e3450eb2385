"""Over a real socket: what a test client cannot do, as breaking off and listening."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from apiworld import MODEL, NewWorld, World, serving


@dataclass(frozen=True)
class Live:
    """A service behind a socket."""

    world: World
    url: str


@pytest.fixture
def live(world: World, address: str) -> Live:
    """The service on a loopback port."""
    return Live(world, address)


def _raw(live: Live, head: str, body: bytes, *, finish: bool) -> bytes:
    """Send a request by hand; break off instead of waiting when not `finish`."""
    host, _, port = live.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=20) as link:
        link.sendall(f"{head}\r\nHost: {host}:{port}\r\n".encode() + body)
        if not finish:
            return b""
        got = b""
        while block := link.recv(65536):
            got += block
        return got


def _until(condition: object) -> None:
    assert callable(condition)
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_connection_that_breaks_leaves_nothing_behind(live: Live) -> None:
    upload = live.world.announce(size_bytes=1 << 20)
    head = f"PUT {upload['url']} HTTP/1.1\r\nContent-Length: {1 << 20}\r\n".rstrip("\r\n")
    _raw(live, head, b"\r\n" + MODEL, finish=False)
    time.sleep(0.3)
    _until(lambda: live.world.stored() == [])
    assert live.world.client.get(upload["url"]).json()["state"] == "open"
    answer = httpx.put(live.url + upload["url"], content=MODEL.ljust(1 << 20, b"\0"))
    assert answer.status_code == 201


def test_a_body_that_does_not_say_its_length_is_cut_off(live: Live) -> None:
    upload = live.world.announce(size_bytes=1 << 20)
    sent = 0

    def blocks() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(1000):
            sent += 1
            yield bytes(1 << 20)

    with contextlib.suppress(httpx.WriteError, httpx.ReadError):
        answer = httpx.put(live.url + upload["url"], content=blocks(), timeout=20)
        assert (answer.status_code, answer.json()["code"]) == (411, "length_required")
    assert sent < 100
    assert live.world.stored() == []


@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_an_enormous_length_is_refused_before_a_byte_is_sent(live: Live, method: str) -> None:
    url = live.world.announce()["url"] if method == "PUT" else "/v1/audits"
    head = f"{method} {url} HTTP/1.1\r\nConnection: close\r\nContent-Length: {10**12}"
    answer = _raw(live, head, b"Content-Type: application/json\r\n\r\n", finish=True)
    assert answer.startswith(b"HTTP/1.1 413")
    assert b'"code":"body_too_large"' in answer


def test_a_listener_hears_events_as_they_happen_and_may_leave(live: Live) -> None:
    audit_id = live.world.audit()
    claim = live.world.claim()
    seen: list[str] = []
    url = f"{live.url}/v1/audits/{audit_id}/events"
    with httpx.stream("GET", url, timeout=20) as answer:
        for line in answer.iter_lines():
            if line.startswith("event: "):
                seen.append(line.removeprefix("event: "))
                if len(seen) == 2:
                    live.world.beat(claim, 1, 2)
            if seen[-1:] == ["progress"]:
                break
    assert seen == ["state", "state", "progress"]


def test_many_may_wait_while_others_are_served(new_world: NewWorld) -> None:
    world = new_world(poll_s=0.5)
    audit_id = world.audit()
    with serving(world) as url:
        waiting = f"{url}/v1/audits/{audit_id}?wait=30"
        threads = [
            threading.Thread(target=httpx.get, args=(waiting,), kwargs={"timeout": 60})
            for _ in range(60)  # more than the server has threads
        ]
        for thread in threads:
            thread.start()
        time.sleep(0.5)
        assert httpx.get(f"{url}/v1/models", timeout=60).status_code == 200
        assert all(thread.is_alive() for thread in threads)
        world.client.post(f"/v1/audits/{audit_id}/cancel")
        for thread in threads:
            thread.join()
