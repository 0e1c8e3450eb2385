"""How many requests a token may send: counted in windows, here or in a Redis for all processes."""

import math
import time
from typing import Final, final

import structlog
from limits import parse
from limits.errors import StorageError
from limits.storage import MemoryStorage, RedisStorage, Storage
from limits.strategies import FixedWindowRateLimiter

from holdfast.errors import HoldfastError
from holdfast_api.callers import Caller

__all__ = ["Pace"]

_PREFIX: Final = "holdfast:pace"
_TIMEOUT_S: Final = 2.0
_log = structlog.get_logger(__name__)


@final
class Pace:
    """Counts the requests of each token. May wait for a Redis: call it from a thread."""

    def __init__(self, limit: str, store_url: str) -> None:
        """Allow `limit`, for example `3000/minute`; empty for any number."""
        self._limit = parse(limit) if limit else None
        self._store: Storage = _redis(store_url) if store_url else MemoryStorage()
        self._windows = FixedWindowRateLimiter(self._store)

    def check(self, caller: Caller) -> None:
        """Count one request of `caller`; where no tokens are in use nothing is counted.

        Raises:
            HoldfastError: `rate_limited`.
        """
        if self._limit is None or not caller.id:
            return
        try:
            if self._windows.hit(self._limit, _PREFIX, caller.id):
                return
            reset_s = self._windows.get_window_stats(self._limit, _PREFIX, caller.id).reset_time
        except StorageError:
            # Who counts is not there: better to serve uncounted than not at all.
            _log.warning("requests_not_counted", exc_info=True)
            return
        raise HoldfastError("rate_limited", limit=self._limit, s=_wait_s(reset_s))


def _wait_s(reset_s: float) -> int:
    return max(1, math.ceil(reset_s - time.time()))


def _redis(url: str) -> RedisStorage:
    return RedisStorage(
        url,
        key_prefix=_PREFIX,
        wrap_exceptions=True,
        socket_timeout=_TIMEOUT_S,
        socket_connect_timeout=_TIMEOUT_S,
    )
