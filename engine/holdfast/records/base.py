"""The base of every record: frozen, closed, finite, and the same bytes for the same content."""

import hashlib
import json
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from holdfast.errors import HoldfastError

__all__ = ["Record", "canonical_json", "digest", "read_record"]

RecordT = TypeVar("RecordT", bound="Record")


class Record(BaseModel):
    """Data that crosses processes. Read one with `read_record` or `model_validate_json` only."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)


def canonical_json(record: Record) -> bytes:
    """The one spelling of a record: sorted keys, no spaces, UTF-8."""
    return json.dumps(
        record.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), ensure_ascii=False
    ).encode()


def digest(record: Record) -> str:
    """SHA-256 of the canonical JSON, in hex. Equal records have equal digests, in every release."""
    return hashlib.sha256(canonical_json(record)).hexdigest()


def read_record(kind: type[RecordT], data: Any, code: str) -> RecordT:  # noqa: ANN401 - user data
    """Read a record from what YAML or JSON gave.

    Args:
        kind: the record class.
        data: nested dicts, lists and scalars, as a user wrote them.
        code: the error code for data of another form; its text has a field `reason`.

    Raises:
        HoldfastError: `code`, naming the first wrong field by its path.
    """
    try:
        return kind.model_validate_json(json.dumps(data, default=str, allow_nan=False))
    except ValidationError as error:
        raise HoldfastError(code, reason=_first(error)) from None
    except (ValueError, RecursionError):
        raise HoldfastError(
            code, reason="it holds NaN or infinity, or is nested too deeply"
        ) from None


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    path = ".".join(str(part) for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    return f"{path}: {message}" if path else message
