"""What an error text consists of, and who has to act on it."""

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["ErrorText", "Kind", "broken", "refused", "usage"]


class Kind(StrEnum):
    """Who has to act: the caller, the owner of the model or data, or the operator."""

    usage = "usage"
    """The request or configuration is wrong; nothing was tried."""
    refused = "refused"
    """The model or the data cannot be audited."""
    broken = "broken"
    """The audit, the service or the connection broke; trying again may help."""


@dataclass(frozen=True)
class ErrorText:
    """What a user reads for one code."""

    kind: Kind
    sentence: str
    hint: str


def usage(sentence: str, hint: str) -> ErrorText:
    """The caller has to act."""
    return ErrorText(Kind.usage, sentence, hint)


def refused(sentence: str, hint: str) -> ErrorText:
    """The owner of the model or the data has to act."""
    return ErrorText(Kind.refused, sentence, hint)


def broken(sentence: str, hint: str) -> ErrorText:
    """The operator has to act, or time has to pass."""
    return ErrorText(Kind.broken, sentence, hint)
