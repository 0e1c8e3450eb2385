"""What people call two audits that are compared."""

import hashlib
from dataclasses import dataclass

from holdfast_api.parts import Parts
from holdfast_api.stored import model_name
from holdfast_db.tables import AuditRow

__all__ = ["Names", "of_audits"]


@dataclass(frozen=True)
class Names:
    """The two sides of a comparison, by model and branch."""

    baseline: str
    candidate: str

    def etag(self, content: str) -> str:
        """The digest of what is shown under these names."""
        return hashlib.sha256(f"{self.baseline}\n{self.candidate}\n{content}".encode()).hexdigest()


def of_audits(parts: Parts, old: AuditRow, new: AuditRow) -> Names:
    """The names of two audits."""
    return Names(_name(parts, old), _name(parts, new))


def _name(parts: Parts, row: AuditRow) -> str:
    at = " ".join(part for part in (row.branch, (row.commit or "")[:12]) if part)
    return f"{model_name(parts, row)} ({at})" if at else model_name(parts, row)
