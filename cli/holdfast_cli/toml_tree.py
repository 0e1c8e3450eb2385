"""Read `[tool.holdfast]` of a pyproject.toml and keep the line of every key."""

import re
import tomllib
from pathlib import Path
from typing import Any, Final

from holdfast.errors import HoldfastError
from holdfast_cli.toml_places import spots_of
from holdfast_cli.tree import Spot, Tree, place, read_text

__all__ = ["PYPROJECT", "has_table", "read_toml"]

PYPROJECT: Final = "pyproject.toml"
_TABLE: Final = ("tool", "holdfast")
_WHERE: Final = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)")
_LIMITS: Final = frozenset({"min", "max", "max_drop"})


def has_table(path: Path) -> bool:
    """Whether a file is there and holds the table; a file without the word is not parsed.

    Raises:
        HoldfastError: `invalid_config` for a text with the word that is not TOML.
    """
    return (
        path.is_file()
        and _TABLE[-1] in (text := read_text(path))
        and _table(_parsed(path, text)) is not None
    )


def read_toml(path: Path) -> Tree:
    """Read the table of one file.

    A measurement's id has a dot, which TOML without quotes reads as a table in a table: both are
    the same here.

    Raises:
        HoldfastError: `file_not_found`, or `invalid_config` for a text that is not TOML or does not
            hold the table.
    """
    text = read_text(path)
    data = _table(_parsed(path, text))
    if data is None:
        reason = f"there is no [{'.'.join(_TABLE)}] in it"
        raise HoldfastError("invalid_config", where=place(path, 1), reason=reason)
    spot = spots_of(text)
    for part in _TABLE:
        spot = spot.inside[part]
    return Tree(path, _with_joined_ids(data), _with_joined_spots(data, spot))


def _parsed(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        said = str(error)
    except RecursionError:
        said = "It is nested too deeply"
    found = _WHERE.search(said)
    line = int(found[1]) if found and found[1] else text.count("\n") + 1
    reason = _WHERE.sub("", said)
    raise HoldfastError("invalid_config", where=place(path, line), reason=reason)


def _table(document: dict[str, Any]) -> Any:  # noqa: ANN401 - user data
    data: Any = document
    for part in _TABLE:
        data = data.get(part) if isinstance(data, dict) else None
    return data


def _with_joined_ids(data: Any) -> Any:  # noqa: ANN401 - user data
    assertions = _assertions(data)
    if not isinstance(assertions, dict):
        return data
    joined = {".".join(key): value for key, value in _leaves(assertions, ())}
    return {**data, "gate": {**data["gate"], "assertions": joined}}


def _with_joined_spots(data: Any, spot: Spot) -> Spot:  # noqa: ANN401 - user data
    assertions = _assertions(data)
    if not isinstance(assertions, dict):
        return spot
    gate = spot.inside["gate"]
    block = gate.inside["assertions"]
    joined = {}
    for key, _ in _leaves(assertions, ()):
        below = block
        for part in key:
            below = below.inside[part]
        joined[".".join(key)] = below
    block = Spot(block.line, joined)
    return Spot(
        spot.line, {**spot.inside, "gate": Spot(gate.line, {**gate.inside, "assertions": block})}
    )


def _assertions(data: Any) -> Any:  # noqa: ANN401 - user data
    for part in ("gate", "assertions"):
        data = data.get(part) if isinstance(data, dict) else None
    return data


def _leaves(block: dict[str, Any], above: tuple[str, ...]) -> list[tuple[tuple[str, ...], Any]]:
    """Every assertion with the parts of its id; a block of limits alone is a (wrong) value."""
    found = []
    for key, value in block.items():
        if isinstance(value, dict) and value and not _LIMITS & value.keys():
            found += _leaves(value, (*above, key))
        else:
            found.append(((*above, key), value))
    return found
