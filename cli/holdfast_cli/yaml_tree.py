"""Read YAML and keep the line of every key."""

from collections.abc import Iterator
from pathlib import Path

import yaml

from holdfast.errors import HoldfastError
from holdfast_cli.tree import Spot, Tree, place, read_text

__all__ = ["read_yaml"]


def read_yaml(path: Path) -> Tree:
    """Read one file.

    Raises:
        HoldfastError: `file_not_found`, or `invalid_config` for a text that is not YAML, a key that
            stands twice, or a value that JSON could not hold.
    """
    loader = yaml.SafeLoader(read_text(path))
    try:
        root = loader.get_single_node()
        for line, key in _twice(root):
            raise HoldfastError(
                "invalid_config", where=place(path, line), reason=f"{key} stands twice"
            )
        data = loader.construct_document(root) if root else None
        return Tree(path, data, _spot(1, root))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise HoldfastError(
            "invalid_config", where=place(path, line), reason=error.problem or "this is not YAML"
        ) from None
    except (yaml.YAMLError, ValueError, RecursionError):
        raise Tree(path, None).complaint((), "this is not YAML that can be read") from None
    finally:
        loader.dispose()


def _spot(line: int, node: yaml.Node | None) -> Spot:
    """A key stands where it is written, an element of a list where its value begins."""
    if isinstance(node, yaml.MappingNode):
        parts = [(key.value, key, value) for key, value in node.value]
    elif isinstance(node, yaml.SequenceNode):
        parts = [(index, value, value) for index, value in enumerate(node.value)]
    else:
        return Spot(line)
    spots = {str(name): _spot(at.start_mark.line + 1, value) for name, at, value in parts}
    return Spot(line, spots)


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
