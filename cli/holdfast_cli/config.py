"""Read `holdfast.yaml` or `[tool.holdfast]`: a plan, a policy, and the paths it names."""

import difflib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, final

from pydantic import ValidationError

from holdfast.errors import HoldfastError
from holdfast.gate import read_policy
from holdfast.records.plan import AuditPlan
from holdfast_cli.config_file import ConfigFile, schema
from holdfast_cli.settings import Setting, variable_of
from holdfast_cli.toml_tree import read_toml
from holdfast_cli.tree import Tree, changed, empty
from holdfast_cli.yaml_tree import read_yaml

__all__ = ["Config", "read_config"]

_EMPTY: Final[dict[str, dict[str, list[object]] | None]] = {
    "translation": {"shifts_px": []},
    "rotation": {"angles_deg": []},
    "scale": {"zooms": []},
    "spatial": None,
    "circular": None,
    "displacement": None,
    "lattice": None,
}


@final
@dataclass(frozen=True)
class Config:
    """What a configuration asks for. Without a file: the defaults and no gate."""

    plan: AuditPlan = field(default_factory=AuditPlan)
    model: Path | None = None
    data: Path | None = None
    gate: Mapping[str, Any] | None = None
    """The `gate:` block as written; `holdfast.gate.read_policy` has accepted it."""
    folder: Path = Path()
    """Where the file is; its paths are relative to it."""
    lines: Mapping[str, int] = field(default_factory=dict)
    """Where each assertion stands in the file; under an empty name the block of them."""


def read_config(path: Path | None, settings: Sequence[Setting] = ()) -> Config:
    """Read one file.

    Args:
        path: the file, where `.toml` means its table `[tool.holdfast]`; None for one that holds
            nothing.
        settings: what options and variables say; they win over the file, later ones over earlier.

    Raises:
        HoldfastError: `file_not_found`; `invalid_config` with file and line; for the gate also
            `invalid_policy` and `unknown_assertion`, with file and line as a note.
    """
    tree = changed(_tree(path), settings)
    file = _validated(tree, _with_gate_off(_with_families_off(tree.data)))
    gate = tree.data.get("gate")
    if gate is not None:
        gate = json.loads(json.dumps(gate, default=str))  # YAML reads a day as a date
        _check_gate(tree, gate)
    return Config(
        plan=file.plan(),
        model=_beside(tree.path, file.model.path),
        data=_beside(tree.path, file.data.path),
        gate=gate,
        folder=tree.path.parent,
        lines={"": tree.lines(("gate",)).get("", 1), **tree.lines(("gate", "assertions"))},
    )


def _tree(path: Path | None) -> Tree:
    if path is None:
        return empty()
    return read_toml(path) if path.suffix.lower() == ".toml" else read_yaml(path)


def _beside(config: Path, written: str | None) -> Path | None:
    return None if written is None else config.parent / written


def _with_families_off(data: Any) -> Any:  # noqa: ANN401 - user data
    """`rotation: off` (False, says YAML) is the empty list; what runs on request is left out."""
    if not isinstance(data, dict) or not isinstance(data.get("families"), dict):
        return data
    families = {
        name: _EMPTY.get(name, block) if block is False or block == "off" else block
        for name, block in data["families"].items()
    }
    if families.get("spatial") == {}:
        families["spatial"] = {"preset": "sp10"}
    return {**data, "families": families}


def _with_gate_off(data: Any) -> Any:  # noqa: ANN401 - user data
    """`on_missing: off` is False, says YAML."""
    gate = data.get("gate") if isinstance(data, dict) else None
    if not isinstance(gate, dict) or not isinstance(gate.get("baseline"), dict):
        return data
    if gate["baseline"].get("on_missing") is not False:
        return data
    return {**data, "gate": {**gate, "baseline": {**gate["baseline"], "on_missing": "off"}}}


def _validated(tree: Tree, data: Any) -> ConfigFile:  # noqa: ANN401 - user data
    if not isinstance(data, dict):
        raise tree.complaint((), "the file must hold keys, starting with version: 1")
    try:
        return ConfigFile.model_validate_json(json.dumps(data, default=str, allow_nan=False))
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False)
    except (ValueError, TypeError, RecursionError):
        raise tree.complaint((), "it holds NaN, infinity or a key that is no text") from None
    loc = errors[0]["loc"]
    if errors[0]["type"] == "extra_forbidden":
        raise tree.complaint(loc, f"unknown key{_suggestion(tree, loc)}")
    written = _written(data, loc)
    # Where a value may have several forms, each form has a complaint of its own.
    here = [error["msg"] for error in errors if _written(data, error["loc"]) == written]
    reason = " or: ".join(text.removeprefix("Value error, ") for text in dict.fromkeys(here))
    raise tree.complaint(written, reason)


def _written(data: Any, loc: Sequence[str | int]) -> Sequence[str | int]:  # noqa: ANN401 - user data
    """`loc` up to where the file goes; pydantic adds the name of the alternative it tried."""
    for depth, part in enumerate(loc):
        inside = isinstance(data, dict) and part in data
        if not inside and not (isinstance(data, list) and isinstance(part, int)):
            missing = depth == len(loc) - 1 and isinstance(data, dict)
            return loc if missing else loc[:depth]
        data = data[part]
    return loc


def _suggestion(tree: Tree, loc: Sequence[str | int]) -> str:
    """The nearest key that is allowed where `loc` ends, as a variable where one is misspelt."""
    whole = schema()
    near = difflib.get_close_matches(str(loc[-1]), _keys(whole, whole, loc[:-1]), n=1, cutoff=0.5)
    if not near:
        return ""
    meant, depth, setting = near[0], len(loc), tree.setting_of(loc)
    if setting is not None and setting.variable and len(setting.key) >= depth:
        meant = variable_of([*setting.key[: depth - 1], meant, *setting.key[depth:]])
    return f" (did you mean {meant}?)"


def _keys(whole: dict[str, Any], part: dict[str, Any], loc: Sequence[str | int]) -> list[str]:
    if "$ref" in part:
        return _keys(whole, whole["$defs"][part["$ref"].rpartition("/")[2]], loc)
    # A block may have alternatives beside keys of its own, as the gate does.
    found = [key for choice in part.get("anyOf", ()) for key in _keys(whole, choice, loc)]
    properties: dict[str, Any] = part.get("properties", {})
    if not loc:
        return [*properties, *found]
    return [*_keys(whole, properties.get(str(loc[0]), {}), loc[1:]), *found]


def _check_gate(tree: Tree, gate: Mapping[str, Any]) -> None:
    try:
        read_policy(gate)
    except HoldfastError as error:
        where = tree.where(["gate", *_meant(error, gate)])
        error.add_note(f"at {where}")
        raise


def _meant(error: HoldfastError, gate: Mapping[str, Any]) -> list[Any]:
    """The part of the gate that an error is about, when it says so: by its name or its number."""
    said = error.fields.get("id") or error.fields.get("reason", "")
    number = re.match(r"(assertions|ignore)\.(\d+)\b", said)
    assertions = list(gate.get("assertions") or ())
    if number and number[1] == "ignore":
        return ["ignore", int(number[2])]
    if number and int(number[2]) < len(assertions):
        return ["assertions", assertions[int(number[2])]]
    if said.startswith("baseline"):
        return ["baseline"]
    named = [
        name for name in assertions if said == name or said.startswith((f"{name}: ", f"{name} "))
    ]
    if named:
        return ["assertions", named[0]]
    ignored = [place for place, one in enumerate(gate.get("ignore") or ()) if one["id"] == said]
    return ["ignore", ignored[0]] if ignored else ["assertions"]
