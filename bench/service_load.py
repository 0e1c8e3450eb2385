"""The service under load: one large upload, and many clients that poll while audits run.

    python bench/service_load.py [--gigabytes 1] [--clients 50] [--seconds 20]

Starts `holdfast serve` on a loopback port with data in a temporary folder, and talks to it as any
client would. Targets: 200 MB/s with less than 100 MB growth of the API's memory; the 99th
percentile of a poll below 100 ms while two audits run.

The audits have a thousand rotations each and no policy, so nothing stops them early; whenever one
ends, its like is asked for anew. A poll counts if it lies wholly in a time in which two audits ran
by their own `started_at` and `finished_at`; how long that was is printed.
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
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
DIGITS = Path(__file__).resolve().parents[1] / "examples" / "digits"
NETS = ("everywhere.onnx", "gap.onnx")
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


def announce(target: Service, model: Path) -> dict[str, str]:
    """Upload one of the example's nets and its images; what an audit of them starts with."""
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
    return {"model_id": ids["model"], "probe_set_id": ids["probes"]}


def plan(cells: int) -> dict[str, Any]:
    """So many rotations of up to 45 degrees, nothing else."""
    angles = [round(45 * (index + 1) / cells, 4) for index in range(cells)]
    families = {"rotation": {"angles_deg": angles}}
    return {"input": {"preset": "unit"}, "families": families, "controls": 0}


@dataclass
class Lane:
    """One net that is always being audited: as soon as an audit ends, its like is asked for."""

    target: Service
    files: dict[str, str]
    plan: dict[str, Any]
    ids: list[str] = field(default_factory=list)

    @property
    def newest(self) -> str:
        """The audit to look at now."""
        return self.ids[-1]

    def submit(self) -> None:
        """Ask for one more; what the one before measured is not taken over."""
        body = {**self.files, "plan": self.plan, "fresh": True}
        self.ids.append(str(self.target.ask("POST", "/v1/audits", body)["id"]))

    def run(self, stop: threading.Event) -> None:
        """Keep an audit open until `stop` is set, or one fails."""
        while not stop.wait(0.1):
            state = _state(self.target, self)
            if state == "failed":
                return
            if state == "done":
                self.submit()

    def spans(self) -> list[tuple[float, float]]:
        """When its audits ran, in Unix time; one that still runs has no end yet."""
        views = [self.target.ask("GET", f"/v1/audits/{audit}") for audit in self.ids]
        return [
            (_unix(view["started_at"]), _unix(view["finished_at"]))
            for view in views
            if view["started_at"]
        ]


def _unix(text: str | None) -> float:
    if text is None:
        return time.time()
    at = datetime.fromisoformat(text)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def both(lanes: list[Lane]) -> list[tuple[float, float]]:
    """When an audit of each lane ran."""
    first, second = (lane.spans() for lane in lanes)
    shared = [(max(a[0], b[0]), min(a[1], b[1])) for a in first for b in second]
    return sorted(span for span in shared if span[0] < span[1])


@dataclass(frozen=True)
class Poll:
    """One answer: when it was asked for, when it had come, and its status."""

    began: float
    ended: float
    took_s: float
    status: int


def poll(target: Service, lanes: list[Lane], clients: int, seconds: float) -> list[Poll]:
    """Each client asks for one audit, twice a second, on a connection that it keeps."""
    polls, stop = list[Poll](), time.monotonic() + seconds

    def client(number: int) -> None:
        link = http.client.HTTPConnection("127.0.0.1", target.port)
        time.sleep(0.5 * number / clients)
        while time.monotonic() < stop:
            began, tick = time.time(), time.perf_counter()
            link.request("GET", f"/v1/audits/{lanes[number % len(lanes)].newest}")
            answer = link.getresponse()
            answer.read()
            took_s = time.perf_counter() - tick
            polls.append(Poll(began, time.time(), took_s, answer.status))
            time.sleep(max(0.0, 0.5 - took_s))
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
    parser.add_argument("--cells", type=int, default=1000, help="rotations of an audit")
    asked = parser.parse_args()
    load = os.getloadavg()[0]
    print(f"{platform.machine()}, {os.cpu_count()} cores, load {load:.1f} before the run")
    names = ("uvicorn", "fastapi", "starlette", "h11", "sqlalchemy")
    print(f"Python {platform.python_version()}, " + ", ".join(f"{n} {version(n)}" for n in names))
    with service(workers=2) as target:
        for _ in range(asked.rounds):
            rate, grown = upload(target, int(asked.gigabytes * 1000) * BLOCK)
            print(f"upload: {rate / 1e6:.0f} MB/s, memory of the API at most +{grown / 1e6:.0f} MB")
        lanes = [Lane(target, announce(target, DIGITS / net), plan(asked.cells)) for net in NETS]
        _idle(target, lanes)
        _tell("no audit runs", poll(target, lanes, asked.clients, asked.seconds / 2))
        _busy(target, lanes, asked.clients, asked.seconds)


def _idle(target: Service, lanes: list[Lane]) -> None:
    """One cancelled audit per lane, to be looked at while none runs."""
    for lane in lanes:
        lane.submit()
        target.ask("POST", f"/v1/audits/{lane.newest}/cancel", {})
    while {_state(target, lane) for lane in lanes} != {"cancelled"}:
        time.sleep(0.2)


def _busy(target: Service, lanes: list[Lane], clients: int, seconds: float) -> None:
    """Poll while two audits run; count what was asked and answered in that time."""
    for lane in lanes:
        lane.submit()
    while {_state(target, lane) for lane in lanes} != {"running"}:
        time.sleep(0.2)
    stop = threading.Event()
    keepers = [threading.Thread(target=lane.run, args=(stop,)) for lane in lanes]
    for keeper in keepers:
        keeper.start()
    began = time.time()
    polls = poll(target, lanes, clients, seconds)
    spans = [(max(a, began), b) for a, b in both(lanes) if b > began]
    stop.set()
    for keeper in keepers:
        keeper.join()
    if "failed" in {_state(target, lane) for lane in lanes}:
        raise SystemExit("an audit failed")
    counted = [p for p in polls if any(a <= p.began and p.ended <= b for a, b in spans)]
    _tell("two audits run", counted)
    together = sum(b - a for a, b in spans)
    audits = sum(len(lane.ids) - 1 for lane in lanes)
    whole = time.time() - began
    print(f"two audits ran for {together:.1f} of {whole:.1f} s, {audits} audits in all")
    print(f"not counted, because fewer than two ran: {len(polls) - len(counted)} polls")


def _state(target: Service, lane: Lane) -> str:
    return str(target.ask("GET", f"/v1/audits/{lane.newest}")["state"])


def _tell(what: str, polls: list[Poll]) -> None:
    if not polls:
        print(f"{what}: no poll counts")
        return
    ranked = sorted(1000 * poll.took_s for poll in polls)
    p50, p99 = (ranked[min(len(ranked) - 1, int(share * len(ranked)))] for share in (0.5, 0.99))
    bad = sum(poll.status != http.HTTPStatus.OK for poll in polls)
    seen = f"{len(polls)} polls, {bad} not 200"
    print(f"{what}: p50 {p50:.1f} ms, p99 {p99:.1f} ms, most {ranked[-1]:.0f} ms; {seen}")


if __name__ == "__main__":
    main()
