"""Everything that is wrong with a policy, each fault with its place."""

from typing import Any, Final

from pydantic import BaseModel

from holdfast.errors import HoldfastError
from holdfast.gate import read_policy

__all__ = ["PolicyFault", "faults_of"]

_SOUND: Final = {"assertions": {"translation.consistency": ["error", {"min": 0.5}]}}


class PolicyFault(BaseModel):
    """One fault: its place in the body as a JSON pointer, a stable code, and what to do."""

    pointer: str
    code: str
    detail: str
    hint: str


def faults_of(block: dict[str, Any]) -> list[PolicyFault]:
    """All faults of a policy: each assertion and each other key is read for itself.

    A fault of two parts together, such as an ignore of what nothing asserts, is seen when each of
    them is sound.
    """
    assertions = block.get("assertions")
    faults = [
        fault
        for name, value in (assertions.items() if isinstance(assertions, dict) else ())
        for fault in _fault({"assertions": {name: value}}, _pointer("assertions", str(name)))
    ]
    for key in block.keys() - {"assertions", "preset", "ignore"}:
        faults += _fault({**_SOUND, key: block[key]}, _pointer(str(key)))
    return sorted(faults or _whole(block), key=lambda fault: fault.pointer)


def _whole(block: dict[str, Any]) -> list[PolicyFault]:
    found = _read(block)
    if found is None:
        return []
    words = found.sentence
    key = next((key for key in block if f" {key}" in words or f"{key}." in words), None)
    return [_fault_of(found, _pointer(str(key)) if key else _pointer())]


def _fault(block: dict[str, Any], pointer: str) -> list[PolicyFault]:
    found = _read(block)
    # An assertion that is off is sound, though a policy of nothing else would not be.
    if found is None or _is_only_off(block):
        return []
    return [_fault_of(found, pointer)]


def _is_only_off(block: dict[str, Any]) -> bool:
    """Whether the fault would be gone beside an assertion that asserts something."""
    beside = {**_SOUND["assertions"], **block["assertions"]}
    return len(beside) > len(block["assertions"]) and _read({"assertions": beside}) is None


def _read(block: dict[str, Any]) -> HoldfastError | None:
    try:
        read_policy(block)
    except HoldfastError as error:
        return error
    return None


def _fault_of(error: HoldfastError, pointer: str) -> PolicyFault:
    return PolicyFault(pointer=pointer, code=error.code, detail=error.sentence, hint=error.hint)


def _pointer(*parts: str) -> str:
    """RFC 6901, into the body of the request."""
    escaped = [part.replace("~", "~0").replace("/", "~1") for part in ("policy", *parts)]
    return "".join(f"/{part}" for part in escaped)
