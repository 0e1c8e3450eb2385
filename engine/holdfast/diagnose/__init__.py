"""Findings: reasons and remarks that the numbers alone do not tell. Records in, records out."""

from holdfast.diagnose.findings import Seen, findings

__all__ = ["Seen", "findings"]
