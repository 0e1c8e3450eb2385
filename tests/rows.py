"""What the tests of the database share: a stored file, and the shapes of their fixtures."""

from collections.abc import Callable
from typing import Protocol, TypeAlias

from holdfast_db.jobs import Claim
from holdfast_db.store import StoredBlob
from holdfast_db.tables import AuditRow

__all__ = ["BLOB", "Look", "Submit", "Take"]

BLOB = StoredBlob("ab" * 32, 3)
Look: TypeAlias = Callable[[str], AuditRow]


class Submit(Protocol):
    """Puts an audit into the database; gives its id."""

    def __call__(
        self, *, priority: int = 0, queue: str = "cpu", project: str = "default"
    ) -> str: ...


class Take(Protocol):
    """Claims a shard as a worker would."""

    def __call__(self, *, queue: str = "cpu", lease_s: float = 60.0) -> Claim | None: ...
