"""A headless Chromium that tells what a page asked for and what it complained about.

It is driven over its debugging pipe, which reports the page's own requests only: the browser's
background traffic does not get mixed in.
"""

import json
import os
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Seen", "look_at"]

_FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync "
    "--disable-background-networking --disable-component-update --remote-debugging-pipe"
).split()
_SETTLE_S = 1.0
_TIMEOUT_S = 60.0


@dataclass
class Seen:
    """What one page did: addresses asked for, complaints, and its text."""

    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    text: str = ""


def look_at(chromium: str, url: str) -> Seen:
    """Open a page, wait until it is quiet, and say what it did."""
    from_us, to_browser = os.pipe()
    to_us, from_browser = os.pipe()
    with tempfile.TemporaryDirectory(prefix="holdfast-browser-") as profile:
        # The browser reads commands from descriptor 3 and answers on 4.
        script = f'exec "$@" 3<&{from_us} 4>&{from_browser}'
        command = [chromium, *_FLAGS, f"--user-data-dir={profile}", "about:blank"]
        process = subprocess.Popen(
            ["bash", "-c", script, "chromium", *command],
            pass_fds=(from_us, from_browser),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(from_us)
        os.close(from_browser)
        try:
            return _Pipe(to_us, to_browser).visit(url)
        finally:
            process.kill()
            process.wait()
            os.close(to_browser)
            os.close(to_us)
            time.sleep(0.2)  # its helpers leave the profile a moment later


class _Pipe:
    """One page over the debugging pipe: JSON messages that end in a zero byte."""

    def __init__(self, read_fd: int, write_fd: int) -> None:
        self._read_fd, self._write_fd = read_fd, write_fd
        self._number = 0
        self._buffer = b""
        self._session: str | None = None
        self._seen = Seen()
        self._last_heard = time.monotonic()
        self._loaded = False
        os.set_blocking(read_fd, False)

    def visit(self, url: str) -> Seen:
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        attached = self._call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Network", "Page", "Runtime", "Log"):
            self._call(f"{domain}.enable")
        self._call("Page.navigate", url=url)
        deadline = time.monotonic() + _TIMEOUT_S
        while not self._quiet() and time.monotonic() < deadline:
            self._pump()
        text = self._call("Runtime.evaluate", expression="document.body.innerText")
        self._seen.text = str(text["result"].get("value", ""))
        return self._seen

    def _quiet(self) -> bool:
        return self._loaded and time.monotonic() - self._last_heard > _SETTLE_S

    def _call(self, method: str, **params: object) -> Any:
        self._number += 1
        message: dict[str, object] = {"id": self._number, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._write_fd, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + _TIMEOUT_S
        while time.monotonic() < deadline:
            for answer in self._pump():
                if answer.get("id") == self._number:
                    assert "result" in answer, answer
                    return answer["result"]
        raise AssertionError(f"the browser did not answer {method}")

    def _pump(self) -> list[dict[str, Any]]:
        """Read what has come, note events, return the answers among it."""
        try:
            block = os.read(self._read_fd, 1 << 20)
        except BlockingIOError:
            time.sleep(0.02)
            return []
        *messages, self._buffer = (self._buffer + block).split(b"\0")
        answers = []
        for raw in messages:
            message = json.loads(raw)
            if "id" in message:
                answers.append(message)
            elif message.get("sessionId") == self._session:
                self._note(message["method"], message["params"])
        return answers

    def _note(self, method: str, params: dict[str, Any]) -> None:
        self._last_heard = time.monotonic()
        if method == "Network.requestWillBeSent":
            self._seen.requests.append(params["request"]["url"])
        elif method == "Page.loadEventFired":
            self._loaded = True
        elif method == "Log.entryAdded":
            self._seen.complaints.append(params["entry"]["text"])
        elif method == "Runtime.consoleAPICalled":
            self._seen.complaints.append(json.dumps(params["args"]))
        elif method == "Runtime.exceptionThrown":
            self._seen.complaints.append(params["exceptionDetails"]["text"])
