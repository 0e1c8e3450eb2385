"""The session of a browser: a signed cookie that says whose it is and until when it is good.

Nothing is stored. The token that the cookie names is looked up with every request, so a session
ends with its token.
"""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from typing import Final

__all__ = ["COOKIE", "cookie_owner", "key_from", "same_token", "sign"]

COOKIE: Final = "holdfast_session"
_PARTS: Final = 4


def same_token(given: str, token: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), token.encode())


def key_from(secret: str, owner: str) -> bytes:
    """The key of one owner's sessions."""
    parts = (b"holdfast session", secret.encode(), owner.encode("utf-8", "replace"))
    return hashlib.sha256(b"\0".join(parts)).digest()


def sign(key: bytes, owner: str, lifetime_s: int, now_s: float | None = None) -> str:
    """A cookie value of `owner`, without a dot, that is good for `lifetime_s` seconds."""
    until = int((time.time() if now_s is None else now_s) + lifetime_s)
    body = f"{owner}.{until}.{secrets.token_hex(8)}"
    return f"{body}.{_mac(key, body)}"


def cookie_owner(
    cookie: str, key_of: Callable[[str], bytes], now_s: float | None = None
) -> str | None:
    """Whose session this is; None when we did not sign it or it has expired."""
    parts = cookie.split(".")
    if len(parts) != _PARTS:
        return None
    owner, until, nonce, mac = parts
    expected = _mac(key_of(owner), f"{owner}.{until}.{nonce}")
    if not hmac.compare_digest(mac.encode("utf-8", "replace"), expected.encode()):
        return None
    return owner if int(until) > (time.time() if now_s is None else now_s) else None


def _mac(key: bytes, body: str) -> str:
    return hmac.new(key, body.encode("utf-8", "replace"), hashlib.sha256).hexdigest()
