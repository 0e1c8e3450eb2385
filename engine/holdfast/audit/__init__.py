"""The audit: take views, run the model, reduce per image, tell what was seen."""

from holdfast.audit.run import Origin, audit

__all__ = ["Origin", "audit"]
