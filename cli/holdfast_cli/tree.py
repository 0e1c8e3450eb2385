"""A configuration as data, with the place of every key, so that a complaint can point at it."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, final

from holdfast.errors import HoldfastError
from holdfast_cli.settings import Setting

__all__ = ["DEFAULT_NAME", "Spot", "Tree", "changed", "empty", "place", "read_text"]

DEFAULT_NAME: Final = "holdfast.yaml"
_MAX_PATH: Final = 64


@final
@dataclass(frozen=True)
class Spot:
    """Where one part of a file stands: its line, and the parts in it by key or index."""

    line: int
    inside: dict[str, "Spot"] = field(default_factory=dict)


@final
@dataclass(frozen=True)
class Tree:
    """The data of one file and where each part of it stands."""

    path: Path
    data: Any
    root: Spot = field(default_factory=lambda: Spot(1))
    settings: tuple[Setting, ...] = ()
    """What options and variables changed; later ones win."""

    def where(self, loc: Sequence[object]) -> str:
        """`file:line` of the deepest part of `loc` that exists, or what changed it."""
        setting = self.setting_of(loc)
        if setting is not None:
            return setting.said
        spot = self.root
        for part in loc:
            if str(part) not in spot.inside:
                break
            spot = spot.inside[str(part)]
        return place(self.path, spot.line)

    def setting_of(self, loc: Sequence[object]) -> Setting | None:
        """The last option or variable that set `loc`, a part of it or what it is in."""
        key = tuple(map(str, loc))
        for setting in reversed(self.settings):
            depth = min(len(key), len(setting.key))
            if key and key[:depth] == setting.key[:depth]:
                return setting
        return None

    def lines(self, loc: Sequence[str]) -> dict[str, int]:
        """The line of each part of a block, and under an empty name of the block itself."""
        spot: Spot | None = self.root
        for part in loc:
            spot = spot.inside.get(part) if spot else None
        if spot is None:
            return {}
        return {"": spot.line, **{name: part.line for name, part in spot.inside.items()}}

    def complaint(self, loc: Sequence[object], reason: str) -> HoldfastError:
        """An `invalid_config` that names file, line and the path of the key."""
        name = ".".join(str(part) for part in loc)
        text = f"{name}: {reason}" if name else reason
        return HoldfastError("invalid_config", where=self.where(loc), reason=text.rstrip("."))


def empty() -> Tree:
    """A file that only says its version, where there is none."""
    return Tree(Path(DEFAULT_NAME), {"version": 1})


def changed(tree: Tree, settings: Sequence[Setting]) -> Tree:
    """The tree with keys set anew; a key between them that is no block becomes one."""
    if not settings:
        return tree
    data: Any = copy.deepcopy(tree.data) if isinstance(tree.data, dict) else {}
    for setting in settings:
        _put(data, setting.key, setting.value)
    return replace(tree, data=data, settings=tuple(settings))


def _put(data: dict[str, Any], key: Sequence[str], value: Any) -> None:  # noqa: ANN401 - user data
    for part in key[:-1]:
        inside = data.get(part)
        data[part] = inside if isinstance(inside, dict) else {}
        data = data[part]
    data[key[-1]] = value


def place(path: Path, line: int) -> str:
    """`file:line`; texts of errors are cut, and the line must not be what is lost."""
    written = str(path)
    return f"{written if len(written) <= _MAX_PATH else path.name}:{line}"


def read_text(path: Path) -> str:
    """The text of a configuration.

    Raises:
        HoldfastError: `file_not_found`.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise HoldfastError("file_not_found", path=path) from None
