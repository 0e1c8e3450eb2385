"""The session of a browser: a signed cookie that says only until when it is good.

The key is derived from the token, so a new token ends every session; nothing is stored.
"""

import hashlib
import hmac
import secrets
import time
from typing import Final

__all__ = ["COOKIE", "is_valid", "same_token", "sign"]

COOKIE: Final = "holdfast_session"
_PARTS: Final = 3


def same_token(given: str, token: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), token.encode())


def sign(token: str, lifetime_s: int, now_s: float | None = None) -> str:
    """A cookie value that is good for `lifetime_s` seconds."""
    until = int((time.time() if now_s is None else now_s) + lifetime_s)
    body = f"{until}.{secrets.token_hex(8)}"
    return f"{body}.{_mac(token, body)}"


def is_valid(cookie: str, token: str, now_s: float | None = None) -> bool:
    """Whether we signed this cookie with this token and it has not expired."""
    parts = cookie.split(".")
    if len(parts) != _PARTS:
        return False
    until, nonce, mac = parts
    expected = _mac(token, f"{until}.{nonce}")
    if not hmac.compare_digest(mac.encode("utf-8", "replace"), expected.encode()):
        return False
    return int(until) > (time.time() if now_s is None else now_s)


def _mac(token: str, body: str) -> str:
    key = hashlib.sha256(b"holdfast session\0" + token.encode()).digest()
    return hmac.new(key, body.encode("utf-8", "replace"), hashlib.sha256).hexdigest()
