"""The HOLDFAST_* variables that the code reads, found in the code."""

from collections.abc import Iterator
from functools import cache
from typing import Any

from pydantic_settings import BaseSettings
from typer.main import get_command

import holdfast_api.app
import holdfast_worker.scheduler
from holdfast_cli.cache import VARIABLE
from holdfast_cli.config_file import schema
from holdfast_cli.main import app

__all__ = ["config_keys", "known_variables"]

LOADED = (holdfast_api.app, holdfast_worker.scheduler)
"""The classes of settings are found below their base once these are loaded."""


@cache
def known_variables() -> frozenset[str]:
    """Of settings classes, of options of the command line, and of its cache."""
    fields = {
        f"HOLDFAST_{name}".upper()
        for each in _below(BaseSettings)
        if each.__module__.startswith("holdfast")
        for name in each.model_fields
    }
    commands = get_command(app).commands.values()  # type: ignore[attr-defined]
    options = {
        str(parameter.envvar)
        for command in commands
        for parameter in command.params
        if parameter.envvar
    }
    return frozenset(fields | options | {VARIABLE})


@cache
def config_keys() -> frozenset[tuple[str, ...]]:
    """Every key of the configuration with the blocks around it, each measurement among them."""
    whole = schema()
    return frozenset(_keys(whole, whole))


def _keys(whole: dict[str, Any], part: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    while "$ref" in part:
        part = whole["$defs"][part["$ref"].rpartition("/")[2]]
    for choice in part.get("anyOf", ()):
        yield from _keys(whole, choice)
    for name, inside in part.get("properties", {}).items():
        yield (name,)
        for below in _keys(whole, inside):
            yield (name, *below)


def _below(base: type[BaseSettings]) -> list[type[BaseSettings]]:
    return [each for child in base.__subclasses__() for each in (child, *_below(child))]
