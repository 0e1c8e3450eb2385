"""Keys of the configuration from `--set` and from HOLDFAST_* variables; both read the same YAML.

A variable is HOLDFAST_ and the key with two underscores for each dot. Other parts of Holdfast read
variables without two underscores (HOLDFAST_DATA is the folder of a service), so none is both.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, final

import yaml

from holdfast.errors import HoldfastError

__all__ = ["Setting", "from_environment", "from_options", "variable_of"]

_PREFIX: Final = "HOLDFAST_"
_DEEPER: Final = "__"
_OF_GROUP: Final = re.compile(r"([^=]+@(?:class|group)=[^=]+)(=)(.*)")
_ASSERTIONS: Final = ("gate", "assertions")


@final
@dataclass(frozen=True)
class Setting:
    """One key that is set outside of the file; `said` is how the user set it."""

    said: str
    key: tuple[str, ...]
    value: Any
    variable: bool = False


def from_options(written: Sequence[str]) -> list[Setting]:
    """What `--set key=value` asks for: keys with dots, values in YAML.

    Raises:
        HoldfastError: `invalid_config` for what is not `key=value` with a value in YAML.
    """
    found = []
    for option in written:
        of_group = _OF_GROUP.fullmatch(option)
        key, equals, value = of_group.groups() if of_group else option.partition("=")
        said = f"--set {key}"
        if not equals or not all(key.split(".")):
            raise HoldfastError("invalid_config", where=said, reason="write it as key=value")
        found.append(Setting(said, _key(key.split(".")), _value(said, value)))
    return found


def from_environment(environ: Mapping[str, str]) -> list[Setting]:
    """What variables ask for, the shallower keys first; an empty one counts as not set.

    CI systems hand down an empty variable where nobody defined one.

    Raises:
        HoldfastError: `invalid_config` for a name without a key, or a value that is not YAML.
    """
    found = []
    for name, value in environ.items():
        rest = name.removeprefix(_PREFIX)
        if rest == name or _DEEPER not in rest or not value.strip():
            continue
        parts = rest.lower().split(_DEEPER)
        if not all(parts):
            reason = f"write it as {variable_of(['block', 'key'])}"
            raise HoldfastError("invalid_config", where=name, reason=reason)
        found.append(Setting(name, _key(parts), _value(name, value), variable=True))
    # Not in the order of the environment, which nobody chose.
    return sorted(found, key=lambda setting: (len(setting.key), setting.said))


def variable_of(key: Sequence[str]) -> str:
    """The variable of a key."""
    return _PREFIX + _DEEPER.join(key).replace(".", _DEEPER).upper()


def _key(parts: Sequence[str]) -> tuple[str, ...]:
    """A measurement's id has a dot of its own, and its class may have more."""
    if tuple(parts[:2]) == _ASSERTIONS and parts[2:]:
        return (*_ASSERTIONS, ".".join(parts[2:]))
    return tuple(parts)


def _value(said: str, written: str) -> Any:  # noqa: ANN401 - user data
    try:
        return yaml.safe_load(written)
    except (yaml.YAMLError, ValueError, RecursionError):
        reason = "its value is not YAML that can be read"
        raise HoldfastError("invalid_config", where=said, reason=reason) from None
