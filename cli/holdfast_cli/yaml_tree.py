"""Read YAML and keep the line of every key, so that a complaint can point at it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import yaml

from holdfast.errors import HoldfastError

__all__ = ["YamlTree", "read_yaml"]

_MAX_PATH = 64


@final
@dataclass(frozen=True)
class YamlTree:
    """The data of one YAML file and where each part of it stands."""

    path: Path
    data: Any
    _root: yaml.Node | None

    def where(self, loc: Sequence[object]) -> str:
        """`file:line` of the deepest part of `loc` that exists."""
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
