"""The service under load: one large upload, and many clients that poll while audits run.

    python bench/service_load.py [--gigabytes 1] [--clients 50] [--seconds 20]

Starts `holdfast serve` on a loopback port with data in a temporary folder, and talks to it as any
client would. Targets: 200 MB/s with less than 100 MB growth of the API's memory; the 99th
percentile of a poll below 100 ms while two audits run.
"""

import argparse
import contextlib
import http
import http.client
import json
import os
import platform
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
DIGITS = Path(__file__).resolve().parents[1] / "examples" / "digits"
BLOCK = 1 << 20
HEAD = b"\x08\x0a"
"""The first bytes of an ONNX file; nobody opens the rest of this upload."""


@dataclass(frozen=True)
class Service:
    """A running service."""

    port: int
    pid: int

    def ask(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        """One request on a connection of its own; the JSON of its answer."""
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port)) as link:
            sent = None if body is None else json.dumps(body)
            link.request(method, path, sent, {"Content-Type": "application/json"})
            answer = link.getresponse()
            text = answer.read()
            if answer.status not in (200, 201, 202, 204):
                raise SystemExit(f"{method} {path}: {answer.status} {text[:500]!r}")
            return json.loads(text)

    def memory_bytes(self, name: str) -> int:
        """A line of /proc of the API's process, `VmHWM` or `VmRSS`."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        (line,) = [line for line in lines if line.startswith(f"{name}:")]
        return int(line.split()[1]) << 10

    def forget_peak(self) -> None:
        """Start `VmHWM` anew."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")


@contextlib.contextmanager
def service(workers: int) -> Iterator[Service]:
    """`holdfast serve`, with more workers beside its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        around = {
            **{name: value for name, value in os.environ.items() if name[:9] != "HOLDFAST_"},
            "HOLDFAST_DATA": folder,
            "HOLDFAST_SANDBOX": "auto",
            "HOLDFAST_SOFT_SHUTDOWN_S": "0",
            "HOLDFAST_CHILD_THREADS": "1",
        }
        main = _start(stack, around, "holdfast_cli", "serve", "--port", str(port))
        started = Service(port, main.pid)
        _wait(started, main)
        for number in range(1, workers):
            _start(
                stack, around, "holdfast_worker", "--nice", "10", "--name", f"more{number}@bench"
            )
        yield started


def _start(
    stack: contextlib.ExitStack, around: dict[str, str], *command: str
) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(  # noqa: S603 - our own modules
        [sys.executable, "-m", *command], env=around, stdout=subprocess.DEVNULL
    )

    def stop() -> None:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    stack.callback(stop)
    return process


def _wait(started: Service, main: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        if main.poll() is not None:
            raise SystemExit("the service did not start")
        with contextlib.suppress(OSError):
            if started.ask("GET", "/readyz")["status"] == "ready":
                return
        time.sleep(0.2)
    raise SystemExit("the service did not become ready")


def upload(target: Service, size_bytes: int) -> tuple[float, int]:
    """Send one file; bytes per second, and by how much the API's memory grew at most."""
    announced = target.ask("POST", "/v1/uploads", {"kind": "model", "size_bytes": size_bytes})
    block = os.urandom(BLOCK)
    target.forget_peak()
    before = target.memory_bytes("VmRSS")
    with socket.create_connection(("127.0.0.1", target.port)) as link:
        head = f"PUT {announced['url']} HTTP/1.1\r\nHost: 127.0.0.1:{target.port}\r\n"
        began = time.perf_counter()
        link.sendall(f"{head}Content-Length: {size_bytes}\r\n\r\n".encode())
        link.sendall(HEAD + block[len(HEAD) :])
        for _ in range(size_bytes // BLOCK - 1):
            link.sendall(block)
        status = link.recv(4096).split(b" ", 2)[1]
        took_s = time.perf_counter() - began
    if status != b"201":
        raise SystemExit(f"the upload was answered with {status!r}")
    return size_bytes / took_s, target.memory_bytes("VmHWM") - before


def submit(target: Service, model: Path, seed: int) -> str:
    """Upload one of the example's nets and its images, and ask for all measurements."""
    ids = {}
    for kind, path, where in (
        ("model", model, "models"),
        ("probes", DIGITS / "probes.zip", "probe-sets"),
    ):
        content = path.read_bytes()
        announced = target.ask("POST", "/v1/uploads", {"kind": kind, "size_bytes": len(content)})
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", target.port)) as link:
            link.request("PUT", announced["url"], content)
            link.getresponse().read()
        body = {"name": path.name, "upload_id": announced["id"]}
        ids[kind] = target.ask("POST", f"/v1/{where}", body)["id"]
    body = {"model_id": ids["model"], "probe_set_id": ids["probes"], "plan": {"seed": seed}}
    return str(target.ask("POST", "/v1/audits", body)["id"])


@dataclass
class Polls:
    """What the clients saw."""

    seconds: list[float] = field(default_factory=list)
    bad: int = 0

    def quantile_ms(self, share: float) -> float:
        """The nearest rank, in milliseconds."""
        ranked = sorted(self.seconds)
        return 1000 * ranked[min(len(ranked) - 1, int(share * len(ranked)))]


def poll(target: Service, audits: list[str], clients: int, seconds: float) -> Polls:
    """Each client asks for one audit, twice a second, on a connection that it keeps."""
    polls, stop = Polls(), time.monotonic() + seconds

    def client(number: int) -> None:
        link = http.client.HTTPConnection("127.0.0.1", target.port)
        time.sleep(0.5 * number / clients)
        while time.monotonic() < stop:
            began = time.perf_counter()
            link.request("GET", f"/v1/audits/{audits[number % len(audits)]}")
            answer = link.getresponse()
            answer.read()
            polls.seconds.append(time.perf_counter() - began)
            polls.bad += answer.status != http.HTTPStatus.OK
            time.sleep(max(0.0, 0.5 - (time.perf_counter() - began)))
        link.close()

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return polls


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=20.0)
    asked = parser.parse_args()
    load = os.getloadavg()[0]
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {load:.1f} before the run")
    names = ("uvicorn", "fastapi", "starlette", "h11", "sqlalchemy")
    print(f"Python {platform.python_version()}, " + ", ".join(f"{n} {version(n)}" for n in names))
    with service(workers=2) as target:
        for _ in range(asked.rounds):
            rate, grown = upload(target, int(asked.gigabytes * 1000) * BLOCK)
            print(f"upload: {rate / 1e6:.0f} MB/s, memory of the API at most +{grown / 1e6:.0f} MB")
        quiet = poll(target, _audits(target, wait=False), asked.clients, asked.seconds / 2)
        _tell("no audit runs", quiet)
        audits = _audits(target, wait=True)
        _tell("two audits run", poll(target, audits, asked.clients, asked.seconds))
        states = [target.ask("GET", f"/v1/audits/{audit}")["state"] for audit in audits]
        print(f"the audits afterwards: {', '.join(states)}")


def _audits(target: Service, *, wait: bool) -> list[str]:
    """Two audits; with `wait` when both run, else cancelled ones."""
    names = ("everywhere.onnx", "gap.onnx")
    audits = [submit(target, DIGITS / name, seed) for seed, name in enumerate(names)]
    for audit in audits:
        if not wait:
            target.ask("POST", f"/v1/audits/{audit}/cancel", {})
    wanted = {"running"} if wait else {"cancelled"}
    while {target.ask("GET", f"/v1/audits/{audit}")["state"] for audit in audits} != wanted:
        time.sleep(0.2)
    return audits


def _tell(what: str, polls: Polls) -> None:
    p50, p99 = polls.quantile_ms(0.5), polls.quantile_ms(0.99)
    most = 1000 * max(polls.seconds)
    seen = f"{len(polls.seconds)} polls, {polls.bad} not 200"
    print(f"{what}: p50 {p50:.1f} ms, p99 {p99:.1f} ms, most {most:.0f} ms; {seen}")


if __name__ == "__main__":
    main()
