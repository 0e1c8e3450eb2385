"""Read YAML and keep the line of every key, so that a complaint can point at it."""

import copy
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, final

import yaml

from holdfast.errors import HoldfastError

__all__ = ["YamlTree", "changed", "empty", "read_yaml"]

_MAX_PATH = 64
_OF_GROUP = re.compile(r"([^=]+@(?:class|group)=[^=]+)(=)(.*)")


@final
@dataclass(frozen=True)
class YamlTree:
    """The data of one YAML file and where each part of it stands."""

    path: Path
    data: Any
    _root: yaml.Node | None
    settings: tuple[str, ...] = ()
    """Keys, with dots, that an option changed."""

    def where(self, loc: Sequence[object]) -> str:
        """`file:line` of the deepest part of `loc` that exists, or the option that changed it."""
        name = ".".join(map(str, loc))
        for key in self.settings:
            if f"{name}.".startswith(f"{key}."):
                return f"--set {key}"
        node, line = self._root, 1
        for part in loc:
            step = _step(node, part)
            if step is None:
                break
            line, node = step
        return _place(self.path, line)

    def complaint(self, loc: Sequence[object], reason: str) -> HoldfastError:
        """An `invalid_config` that names file, line and the path of the key."""
        name = ".".join(str(part) for part in loc)
        text = f"{name}: {reason}" if name else reason
        return HoldfastError("invalid_config", where=self.where(loc), reason=text.rstrip("."))


def empty() -> YamlTree:
    """A file that only says its version, where there is none."""
    return YamlTree(Path("holdfast.yaml"), {"version": 1}, None)


def changed(tree: YamlTree, settings: Sequence[str]) -> YamlTree:
    """The tree with keys set anew; a key between them that is no block becomes one.

    Raises:
        HoldfastError: `invalid_config` for what is not `key=value` with a value in YAML.
    """
    if not settings:
        return tree
    data: Any = copy.deepcopy(tree.data) if isinstance(tree.data, dict) else {}
    keys = []
    for setting in settings:
        of_group = _OF_GROUP.fullmatch(setting)
        key, equals, written = of_group.groups() if of_group else setting.partition("=")
        where = f"--set {key}"
        if not equals or not all(key.split(".")):
            raise HoldfastError("invalid_config", where=where, reason="write it as key=value")
        _put(data, _parts(key), _value(where, written))
        keys.append(key)
    return replace(tree, data=data, settings=tuple(keys))


def _parts(key: str) -> list[str]:
    """A measurement's id has a dot of its own, and its class may have more."""
    block, dot, rest = key.partition("gate.assertions.")
    return ["gate", "assertions", rest] if dot and not block else key.split(".")


def _value(where: str, written: str) -> Any:  # noqa: ANN401 - user data
    try:
        return yaml.safe_load(written)
    except (yaml.YAMLError, ValueError, RecursionError):
        reason = "its value is not YAML that can be read"
        raise HoldfastError("invalid_config", where=where, reason=reason) from None


def _put(data: dict[str, Any], parts: Sequence[str], value: Any) -> None:  # noqa: ANN401 - as above
    for part in parts[:-1]:
        inside = data.get(part)
        data[part] = inside if isinstance(inside, dict) else {}
        data = data[part]
    data[parts[-1]] = value


def _place(path: Path, line: int) -> str:
    """`file:line`; texts of errors are cut, and the line must not be what is lost."""
    written = str(path)
    return f"{written if len(written) <= _MAX_PATH else path.name}:{line}"


def _step(node: yaml.Node | None, part: object) -> tuple[int, yaml.Node] | None:
    """The line and the value below `node` that `part`, a key or an index, names."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(part):
                return key.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        value = node.value[part]
        return value.start_mark.line + 1, value
    return None


def read_yaml(path: Path) -> YamlTree:
    """Read one file.

    Raises:
        HoldfastError: `file_not_found`, or `invalid_config` for a text that is not YAML, a key that
            stands twice, or a value that JSON could not hold.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise HoldfastError("file_not_found", path=path) from None
    loader = yaml.SafeLoader(text)
    try:
        root = loader.get_single_node()
        tree = YamlTree(path, None, root)
        for line, key in _twice(root):
            raise HoldfastError(
                "invalid_config", where=_place(path, line), reason=f"{key} stands twice"
            )
        return YamlTree(path, loader.construct_document(root) if root else None, root)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise HoldfastError(
            "invalid_config", where=_place(path, line), reason=error.problem or "this is not YAML"
        ) from None
    except (yaml.YAMLError, ValueError, RecursionError):
        raise tree.complaint((), "this is not YAML that can be read") from None
    finally:
        loader.dispose()


def _twice(node: yaml.Node | None) -> Iterator[tuple[int, str]]:
    """Keys that stand twice in one mapping: YAML would silently keep the last."""
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                yield key.start_mark.line + 1, str(key.value)
            seen.add(str(key.value))
            yield from _twice(value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _twice(value)
