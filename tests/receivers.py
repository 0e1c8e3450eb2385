"""A real receiver of webhooks on loopback: TLS with a certificate of its own, misbehaving if asked.

Its signature check is written from the text of Standard Webhooks alone, with hmac by hand.
"""

import base64
import contextlib
import hashlib
import hmac
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from programs import absent, find_program

__all__ = ["Receiver", "certificate", "receiving", "signed_by"]

Answer = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Receiver:
    """Where it listens, and what came: headers in lower case, and the body."""

    port: int
    came: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Its address, by name."""
        return f"https://localhost:{self.port}/hook?x=1"


def certificate(folder: Path) -> Path:
    """A key and a certificate for `localhost`, which is its own authority, in one file."""
    program = find_program(["openssl"])
    if program is None:
        absent("openssl", "install the Debian package openssl")
    key, made = folder / "key.pem", folder / "certificate.pem"
    command = [program, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    files = ["-nodes", "-days", "2", "-keyout", str(key), "-out", str(made)]
    subprocess.run([*command, *names, *files], check=True, capture_output=True)
    made.write_text(made.read_text() + key.read_text())
    return made


def fine(handler: BaseHTTPRequestHandler) -> None:
    """200 with a body that nobody reads."""
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(b"thanks")


@contextlib.contextmanager
def receiving(made: Path, answer: Answer = fine) -> Iterator[Receiver]:
    """A receiver for the length of the block."""
    receiver = Receiver(0)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            names = {name.lower(): value for name, value in self.headers.items()}
            receiver.came.append(({**names, ":path": self.path}, body))
            answer(self)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.port = server.server_address[1]
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(made)
    server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.handle_error = lambda *_: None  # type: ignore[method-assign] # clients that hang up
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def signed_by(headers: dict[str, str], body: bytes, secret: str) -> bool:
    """Whether one of the signatures is of this secret, and the message is of this moment."""
    key = base64.b64decode(secret.split("_", 1)[1])
    content = b".".join(
        [headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body]
    )
    inner = hashlib.sha256(bytes(b ^ 0x36 for b in key.ljust(64, b"\0")) + content).digest()
    outer = hashlib.sha256(bytes(b ^ 0x5C for b in key.ljust(64, b"\0")) + inner).digest()
    if outer != hmac.new(key, content, "sha256").digest():
        raise AssertionError("the oracle is wrong")
    expected = "v1," + base64.b64encode(outer).decode()
    fresh = abs(time.time() - int(headers["webhook-timestamp"])) < 300
    return fresh and expected in headers["webhook-signature"].split(" ")
