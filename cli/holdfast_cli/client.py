"""A client of the REST API: what commands need of it; every failure is an error of ours."""

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal, Self, final

import httpx

from holdfast.errors import ERRORS, HoldfastError, clean
from holdfast_cli.pieces import send_in_pieces

__all__ = ["Client", "sha256_of", "told"]

_BLOCK_BYTES: Final = 1 << 20
_TRIES: Final = 4
_PIECES_ABOVE_BYTES: Final = 64 << 20
_TIMEOUT: Final = httpx.Timeout(10, read=90, write=90)


def sha256_of(path: Path) -> str:
    """The digest of a file, in hex."""
    with _opened(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _opened(path: Path) -> Any:  # noqa: ANN401 - a binary file
    try:
        return path.open("rb")
    except OSError:
        raise HoldfastError("file_not_found", path=path) from None


@final
class Client:
    """One service. Use as a context manager."""

    def __init__(
        self, url: str, token: str | None = None, *, pieces_above_bytes: int = _PIECES_ABOVE_BYTES
    ) -> None:
        """Remember where the service is; nothing is sent yet. Larger files go in pieces."""
        self._pieces_above_bytes = pieces_above_bytes
        self.url = url.rstrip("/")
        headers = {"User-Agent": "holdfast"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        try:
            self._http = httpx.Client(base_url=self.url, headers=headers, timeout=_TIMEOUT)
        except (httpx.InvalidURL, ValueError):
            raise HoldfastError("unreachable", url=self.url) from None

    def __enter__(self) -> Self:
        """Keep connections open for the length of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close them."""
        self._http.close()

    def absolute(self, link: str) -> str:
        """The whole address of a link in an answer."""
        return str(httpx.URL(f"{self.url}/").join(link))

    def get(self, link: str, **query: object) -> dict[str, Any]:
        """One JSON document; repeated when the connection breaks, which changes nothing."""
        return self._json(self._patient("GET", link, params=query))

    def peek(self, link: str) -> dict[str, Any]:
        """One JSON document, asked for once: for questions that are asked again anyway."""
        return self._json(self._checked(self._send("GET", link)))

    def content(self, link: str) -> bytes:
        """The exact bytes behind a link."""
        return self._patient("GET", link).content

    def post(self, path: str, body: Mapping[str, object]) -> dict[str, Any]:
        """Send one JSON document."""
        return self._json(self._checked(self._send("POST", path, json=body)))

    def upload(
        self,
        kind: Literal["model", "probes"],
        path: Path,
        filename: str,
        on_step: Callable[[int, int], None],
    ) -> str:
        """Bring a file to the service, unless it is there already; answer its SHA-256."""
        sha256, size = sha256_of(path), path.stat().st_size
        if size == 0:
            raise HoldfastError("empty_file", what=filename)
        if self._has(sha256):
            return sha256
        in_pieces = size > self._pieces_above_bytes
        announced = {"kind": kind, "size_bytes": size, "sha256": sha256, "filename": filename}
        upload = self.post("/v1/uploads", {**announced, "via": "tus" if in_pieces else "put"})
        if upload["state"] == "exists":
            return sha256
        if in_pieces:
            send_in_pieces(self, upload["url"], path, on_step)
            return sha256
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Length": str(size),
            "X-Checksum-Sha256": sha256,
        }
        body = _blocks(path, lambda done: on_step(done, size))
        self._checked(self._send("PUT", upload["url"], content=body, headers=headers))
        return sha256

    def send_piece(self, url: str, offset: int, size: int, body: Iterator[bytes]) -> None:
        """Send a piece of a file to an upload, as tus has it."""
        headers = {
            "Tus-Resumable": "1.0.0",
            "Upload-Offset": str(offset),
            "Content-Type": "application/offset+octet-stream",
            "Content-Length": str(size),
        }
        self._checked(self._send("PATCH", url, content=body, headers=headers))

    def _has(self, sha256: str) -> bool:
        """Whether the bytes are there; what is wrong with a question is told by the next one."""
        return self._send("HEAD", f"/v1/blobs/sha256:{sha256}").is_success

    def _patient(self, method: str, link: str, **kwargs: Any) -> httpx.Response:  # noqa: ANN401 - httpx's own
        """A request that may be repeated, over a restart of the service of some seconds."""
        for attempt in range(_TRIES):
            try:
                return self._checked(self._send(method, link, **kwargs))
            except HoldfastError as error:
                if error.code != "unreachable" or attempt == _TRIES - 1:
                    raise
                time.sleep(2**attempt)
        raise AssertionError("the last attempt returns or raises")

    def _send(self, method: str, link: str, **kwargs: Any) -> httpx.Response:  # noqa: ANN401 - httpx's own
        try:
            return self._http.request(method, link, **kwargs)
        except (httpx.TransportError, httpx.InvalidURL):
            raise HoldfastError("unreachable", url=self.url) from None

    def _checked(self, response: httpx.Response) -> httpx.Response:
        if response.is_success:
            return response
        raise self._problem(response)

    def _json(self, response: httpx.Response) -> dict[str, Any]:
        try:
            body = response.json()
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise HoldfastError("unreachable", url=self.url)
        return body

    def _problem(self, response: httpx.Response) -> HoldfastError:
        """The service's own words, when it is our service that answers."""
        try:
            body = response.json()
        except ValueError:
            body = None
        if not isinstance(body, dict) or body.get("code") not in ERRORS:
            error = HoldfastError("unreachable", url=self.url)
            error.add_note(f"it answered {response.status_code}, not as Holdfast does")
            return error
        return told(body["code"], body.get("detail"), body.get("hint"), body.get("errors"))


def told(code: str, sentence: object, hint: object, errors: object = None) -> HoldfastError:
    """An error that the service names, with the texts it filled in, cleaned."""
    error = HoldfastError(code if code in ERRORS else "internal")
    error.sentence = clean(sentence or error.sentence, 400)
    error.hint = clean(hint or "", 400)
    for item in errors if isinstance(errors, list) else []:
        if isinstance(item, dict):
            error.add_note(clean(f"{item.get('pointer')}: {item.get('detail')}", 300))
    return error


def _blocks(path: Path, on_done: Callable[[int], None]) -> Iterator[bytes]:
    done = 0
    with _opened(path) as file:
        while block := file.read(_BLOCK_BYTES):
            yield block
            done += len(block)
            on_done(done)
