"""What callers send. Not strict, because JSON has no tuples and enums; records come later."""

from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)

from holdfast.errors import clean
from holdfast.gate import PRESETS
from holdfast_api.choosing import BaselineChoice
from holdfast_db.queries import MAX_LIMIT

__all__ = [
    "POLICY_SCHEMA",
    "AssetQuery",
    "AuditQuery",
    "AuditRequest",
    "CancelRequest",
    "GateRequest",
    "ModelRequest",
    "PageQuery",
    "PolicyBlock",
    "ProbeSetRequest",
    "Request",
    "ScopeName",
    "Sha256",
    "Slug",
    "Title",
    "UploadRequest",
]

_MAX_DEPTH = 24
_MAX_PARTS = 50_000
_LEVEL: Final = {"enum": ["off", "warn", "error"]}
_LIMITS: Final = {
    "type": "object",
    "properties": {name: {"type": "number"} for name in ("min", "max", "max_drop")},
    "additionalProperties": False,
}
POLICY_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "description": "The `gate:` block of holdfast.yaml.",
    "properties": {
        "preset": {"enum": sorted(PRESETS), "description": "Ready-made assertions."},
        "assertions": {
            "type": "object",
            "description": "Measurement id to level, or to [level, limits].",
            "additionalProperties": {
                "anyOf": [
                    _LEVEL,
                    {"type": "array", "prefixItems": [_LEVEL, _LIMITS], "maxItems": 2},
                ]
            },
        },
        "on_inconclusive": {"enum": ["inconclusive", "fail", "pass"]},
        "baseline": {
            "type": "object",
            "properties": {
                "branch": {"type": "string"},
                "file": {"type": "string"},
                "on_missing": _LEVEL,
            },
            "additionalProperties": False,
        },
        "ignore": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "id": {"type": "string"},
                    "until": {"type": "string", "format": "date"},
                    "reason": {"type": "string", "minLength": 3},
                },
                "required": ["id", "until", "reason"],
                "additionalProperties": False,
            },
        },
    },
    "examples": [{"assertions": {"translation.consistency": ["error", {"min": 0.9}]}}],
}


def _shallow(block: dict[str, Any]) -> dict[str, Any]:
    """Refuse what is nested so deeply, or so large, that reading it is not worth its cost."""
    level: list[Any] = [block]
    parts = 0
    for _ in range(_MAX_DEPTH):
        level = [child for part in level for child in _children(part)]
        parts += len(level)
        if not level:
            return block
        if parts > _MAX_PARTS:
            break
    raise ValueError("it is nested too deeply or holds too many values")


def _children(part: Any) -> list[Any]:  # noqa: ANN401 - user data
    if isinstance(part, dict):
        return list(part.values())
    return part if isinstance(part, list) else []


def _one_line(text: str) -> str:
    """Names are shown and logged: no control or direction characters, cut."""
    name = clean(text, 200).strip()
    if not name:
        raise ValueError("it holds no visible character")
    return name


Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
ProjectSlug = Annotated[
    Slug | None,
    Field(description="Left out: the project of the token, or `default` for one without."),
]
ScopeName = Literal["read", "audit", "admin"]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Title = Annotated[str, Field(min_length=1, max_length=10_000), AfterValidator(_one_line)]
Block = Annotated[dict[str, Any], AfterValidator(_shallow)]
PolicyId = Annotated[str | None, Field(max_length=64)]
PolicyBlock = Annotated[Block, WithJsonSchema(POLICY_SCHEMA)]


class Request(BaseModel):
    """A body of which nothing is ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class UploadRequest(Request):
    """Announces a file; its bytes follow with PUT, or in pieces with PATCH as tus has it."""

    kind: Literal["model", "probes"]
    via: Literal["put", "tus"] = "put"
    size_bytes: Annotated[int, Field(ge=0, lt=1 << 60)]
    sha256: Sha256 | None = None
    filename: Title | None = None


class _FromFile(Request):
    project: ProjectSlug = None
    name: Title
    upload_id: Annotated[str, Field(max_length=64)] | None = None
    sha256: Sha256 | None = None

    @model_validator(mode="after")
    def _one_source(self) -> "_FromFile":
        if (self.upload_id is None) == (self.sha256 is None):
            raise ValueError("give either upload_id or sha256")
        return self


class ModelRequest(_FromFile):
    """Gives a name to an uploaded model file.

    `architecture` names the network of a file that holds weights only: `timm/resnet18`.
    """

    architecture: Annotated[str, Field(min_length=1, max_length=64)] | None = None


class ProbeSetRequest(_FromFile):
    """Gives a name to an uploaded archive of images."""


class AuditRequest(Request):
    """Asks for an audit. `plan` and `policy` are the blocks of `holdfast.yaml`.

    `policy_id` names a stored policy instead. With a `baseline` every image is looked at, and the
    verdict comes after the comparison. What was measured before is taken over unless `fresh`.
    `device`: `gpu` waits for a worker that has one; `auto` means a GPU while such a worker lives.
    """

    project: ProjectSlug = None
    branch: Title | None = None
    commit: Title | None = None
    model_id: Annotated[str, Field(max_length=64)]
    probe_set_id: Annotated[str, Field(max_length=64)]
    plan: Block = {}
    policy: PolicyBlock | None = None
    policy_id: PolicyId = None
    baseline: BaselineChoice | None = None
    fresh: bool = False
    device: Literal["cpu", "gpu", "auto"] = "cpu"
    priority: Annotated[int, Field(ge=-100, le=100)] = 0


class CancelRequest(Request):
    """Says why an audit is not wanted any more; shown to whoever looks at it later."""

    reason: Title | None = None


class PageQuery(BaseModel):
    """Which page of a list."""

    model_config = ConfigDict(frozen=True)

    project: Slug | None = None
    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT)] = 50
    cursor: Annotated[str, Field(max_length=200)] | None = None


class AuditQuery(PageQuery):
    """Which audits to list."""

    branch: Title | None = None
    commit: Title | None = None
    state: Literal["queued", "running", "done", "failed", "cancelled"] | None = None
    decision: Literal["passed", "failed", "inconclusive"] | None = None
    model_id: Annotated[str, Field(max_length=64, pattern="^[0-9a-f-]+$")] | None = None


class AssetQuery(PageQuery):
    """Which models or probe sets to list."""

    name: Title | None = None
    sha256: Sha256 | None = None


class GateRequest(Request):
    """Asks to judge a stored result by another policy, written out or stored."""

    policy: PolicyBlock | None = None
    policy_id: PolicyId = None
    baseline: BaselineChoice | None = None
