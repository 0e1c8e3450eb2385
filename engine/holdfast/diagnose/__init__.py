"""Findings and causes: reasons and remarks that the numbers alone do not tell."""

from holdfast.diagnose.evidence import Evidence
from holdfast.diagnose.findings import Seen, findings

__all__ = ["Evidence", "Seen", "findings"]
