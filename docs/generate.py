"""Write the reference pages from the code: `python docs/generate.py`, or check them with `--check`.

Nobody writes these pages by hand, so none of them can be out of date: `make check` compares.
"""

import argparse
import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pydantic_settings import BaseSettings

    from holdfast.errors import ErrorText

DOCS: Final = Path(__file__).resolve().parent
NOTE: Final = "<!-- Made by `make docs`; changes here are lost. -->\n"


def _json(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def _table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in lines
    )


def cli() -> str:
    """Every command with its `--help`, as a user sees it."""
    from typer.main import get_command
    from typer.testing import CliRunner

    from holdfast_cli.main import app

    runner = CliRunner()
    commands = [[], *_commands(get_command(app))]
    parts = ["# The command line\n", NOTE, _exit_codes()]
    for command in commands:
        shown = runner.invoke(app, [*command, "--help"], prog_name="holdfast", terminal_width=100)
        lines = [line.rstrip() for line in shown.output.strip().splitlines()]
        name = " ".join(["holdfast", *command])
        parts.append(f"## `{name}`\n\n```text\n" + "\n".join(lines) + "\n```\n")
    return "\n".join(parts)


def _commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[list[str]]:  # noqa: ANN401 - click's
    """The words of every command, those of groups too, in the order of the help."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, (*path, name))
        else:
            yield [*path, name]


def _exit_codes() -> str:
    from holdfast_cli.exits import EXIT

    meaning = {
        "passed": "The gate passed, or there is no gate and the audit is done.",
        "failed": "The gate failed.",
        "usage": "The command, the configuration or the request is wrong; nothing was tried.",
        "inconclusive": "Too little evidence, or no measurement; see `--inconclusive`.",
        "refused": "The model or the data cannot be audited.",
        "broken": "The audit, the service or the wait broke; trying again may help.",
    }
    rows = sorted((str(code), meaning[name]) for name, code in EXIT.items())
    rows.append(("130", "Ctrl-C."))
    return "## Exit codes\n\n" + _table(("code", "meaning"), iter(rows)) + "\n"


def errors() -> str:
    """Every error code with who has to act, its exit code and its HTTP status."""
    from holdfast.errors import ERRORS
    from holdfast_api.statuses import status_of
    from holdfast_cli.exits import EXIT

    rows = (
        (f"`{code}`", text.kind, str(EXIT[text.kind]), str(status_of(code)), *_texts(text))
        for code, text in sorted(ERRORS.items())
    )
    return f"""# Error codes

{NOTE}
A code is stable, its texts may change; `{{…}}` is filled in. *usage*: the request is wrong.
*refused*: the model or the data cannot be audited. *broken*: the audit or the service broke.

{_table(("code", "kind", "exit", "HTTP", "what happened", "what to do"), rows)}
"""


def _texts(text: "ErrorText") -> tuple[str, str]:
    return text.sentence, text.hint


_EXPLAINS: Final = "- Cannot be asserted: it explains the others, a gate does not judge it\n"


def measurements() -> str:
    """Every measurement: what it asks, how it is computed, how to read it."""
    from holdfast.catalogue import CATALOGUE

    parts = [
        "# Measurements\n",
        NOTE,
        "Every number comes with a confidence interval; the image is the statistical unit.\n",
    ]
    parts += [
        f"## `{entry.id}`\n\n**{entry.question}**\n\n"
        f"- Computed: {entry.method}\n- Unit: {entry.unit}, {entry.better} is better\n"
        f"{'' if entry.gates else _EXPLAINS}"
        f"- How to read it: {entry.read}\n- Source: {entry.source}\n"
        for entry in CATALOGUE
    ]
    return "\n".join(parts)


_ELSEWHERE: Final = """\
## `[tool.holdfast]` in pyproject.toml

```toml
[tool.holdfast]
version = 1
model = {path = "model.onnx", input = {preset = "imagenet"}}
data = {path = "probes.zip"}

[tool.holdfast.gate.assertions]
translation.consistency = ["error", {min = 0.90, max_drop = 0.02}]
"translation.consistency@class=cat" = ["error", {min = 0.85}]
rotation.worst_case = "off"
```

A command without `--config` takes `holdfast.yaml` of its folder, or else this table of its
`pyproject.toml`; never both, and it says which. `--config` takes any file whose name ends with
`.toml`. An id without quotes, in TOML a table in a table, is the same as one with quotes.

## Variables

`HOLDFAST_` and the key in capitals, with two underscores for each dot; the value is YAML, as that
of `--set`. They hold for `audit`, `gate` and `report`, which say what they used.

| key | variable |
| --- | --- |
| `data.limit` | `HOLDFAST_DATA__LIMIT=200` |
| `model.input.crop` | `HOLDFAST_MODEL__INPUT__CROP='[224, 224]'` |
| `families.rotation` | `HOLDFAST_FAMILIES__ROTATION=off` |
| `gate.assertions.scale.drift` | `HOLDFAST_GATE__ASSERTIONS__SCALE__DRIFT='[warn, {max: 0.1}]'` |

An unknown key is an error that names the variable. An empty variable counts as not set. Of two, the
one for the key further inside wins. An assertion of a class or group has no variable of its own:
set `HOLDFAST_GATE__ASSERTIONS` as a whole. A name without two underscores is no key, whatever it
looks like: `HOLDFAST_DATA` is the folder of a service. Paths are relative to the file, without one
to the working folder.
"""


def config() -> str:
    """Every key of `holdfast.yaml`, from the schema that the reader uses."""
    from holdfast_cli.config_file import schema

    whole = schema()
    rows = (
        (f"`{name}`", _type(whole, part), _default(part), part.get("description", ""))
        for name, part in _keys(whole, whole, "")
    )
    example = (DOCS.parent / "examples" / "digits" / "holdfast.yaml").read_text()
    shifts = re.compile(r"shifts_px: \[\n.*?\n    \]", re.DOTALL)  # a page needs no 80 of them
    example = shifts.sub("shifts_px: [[-8, 0], [1, 0], [4, 4]]", example)
    return f"""# `holdfast.yaml`

{NOTE}
Unknown keys are errors, with file and line. Paths are relative to the file. An editor completes
and checks it with [holdfast.schema.json](holdfast.schema.json); start the file with
`# yaml-language-server: $schema=…/holdfast.schema.json`. The same keys may stand in
[pyproject.toml](#toolholdfast-in-pyprojecttoml) and in [variables](#variables). The command line
wins over variables, they win over the file, and the file wins over presets and defaults.

{_table(("key", "value", "left out", "meaning"), rows)}

```yaml
{example.strip()}
```

{_ELSEWHERE}"""


def _resolved(whole: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """A part of a schema with its reference and its `null` alternative looked through."""
    if "$ref" in part:
        target = whole["$defs"][part["$ref"].rpartition("/")[2]]
        return {**_resolved(whole, target), **{k: v for k, v in part.items() if k != "$ref"}}
    choices = [choice for choice in part.get("anyOf", []) if choice.get("type") != "null"]
    blocks = [found for choice in choices if "properties" in (found := _resolved(whole, choice))]
    if blocks:
        return {**blocks[0], **{k: v for k, v in part.items() if k != "anyOf"}}
    return part


def _keys(
    whole: dict[str, Any], block: dict[str, Any], above: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, part in block.get("properties", {}).items():
        found = _resolved(whole, part)
        path = f"{above}{name}"
        yield path, found
        if path != "gate.assertions":  # its keys are the measurements, a page of their own
            yield from _keys(whole, found, f"{path}.")


def _type(whole: dict[str, Any], part: dict[str, Any]) -> str:
    if "properties" in part:
        return "block"
    if "const" in part or "enum" in part:
        return ", ".join(f"`{value}`" for value in part.get("enum", [part.get("const")]))
    if "anyOf" in part:
        choices = [_type(whole, _resolved(whole, one)) for one in part["anyOf"]]
        return " or ".join(choice for choice in choices if choice != "null")
    if "prefixItems" in part:
        return f"list of {len(part['prefixItems'])}"
    if part.get("type") == "array":
        return f"list of {_type(whole, _resolved(whole, part['items']))}"
    return str(part.get("type", "any")) + _bounds(part)


def _bounds(part: dict[str, Any]) -> str:
    low, high = part.get("minimum", part.get("exclusiveMinimum")), part.get("maximum")
    if low is None or high is None:
        return ""
    return f" {low:g} to {high:g}"


def _default(part: dict[str, Any]) -> str:
    value = part.get("default")
    return "" if value is None or isinstance(value, dict) else f"`{value}`"


def settings() -> str:
    """Every HOLDFAST_* variable of the service, from the classes that read them."""
    rows = (
        (f"`HOLDFAST_{name.upper()}`", f"`{value}`" if value != "" else "", about, readers)
        for name, (value, about, readers) in sorted(_settings().items())
    )
    return f"""# Settings of the service

{NOTE}
Environment variables. What the command line reads stands beside its options in
[cli.md](cli.md). Bytes and seconds are plain numbers.

{_table(("variable", "left out", "meaning", "read by"), rows)}
"""


_READERS: Final = {
    "StorageSettings": "all parts",
    "LogSettings": "all parts",
    "BrokerSettings": "API",
    "ApiSettings": "API",
    "WorkerSettings": "workers, scheduler",
}


def _settings() -> dict[str, tuple[str, str, str]]:
    """Name to default, meaning and reader; a class reports only what it adds to its parent."""
    from pydantic_settings import BaseSettings

    import holdfast_api.app
    import holdfast_worker.scheduler

    # The classes of settings are found below their base once these are loaded.
    _ = (holdfast_api.app, holdfast_worker.scheduler)
    found: dict[str, tuple[str, str, str]] = {}
    classes = [each for each in _below(BaseSettings) if each.__module__.startswith("holdfast")]
    for each in sorted(classes, key=lambda each: each.__name__):
        inherited = {name for base in each.__bases__ for name in getattr(base, "model_fields", {})}
        for name, field in each.model_fields.items():
            if name not in inherited:
                about = " ".join((field.description or "").split())
                readers = _READERS.get(each.__name__, "API")
                said = found.get(name, ("", "", ""))[2]
                readers = f"{said}, {readers}" if said else readers
                found[name] = (_left_out(name, field.default), about, readers)
    return found


def _below(base: "type[BaseSettings]") -> "list[type[BaseSettings]]":
    return [each for child in base.__subclasses__() for each in (child, *_below(child))]


def _left_out(name: str, default: object) -> str:
    if name == "database_url":
        return "sqlite:///…/holdfast.db"
    return "" if str(default) in ("", "()", "**********") else str(default)


def config_schema() -> str:
    """JSON Schema of `holdfast.yaml`."""
    from holdfast_cli.config_file import schema

    return _json(schema())


def result_schema() -> str:
    """JSON Schema of `result.json`."""
    from holdfast.records.result import AuditResult

    made = AuditResult.model_json_schema(mode="serialization")
    return _json({"$schema": "https://json-schema.org/draft/2020-12/schema", **made})


def openapi() -> str:
    """The OpenAPI document of the service."""
    import tempfile

    from holdfast_api.app import create_app
    from holdfast_api.settings import ApiSettings
    from holdfast_db.settings import StorageSettings

    with tempfile.TemporaryDirectory() as folder:
        storage = StorageSettings(data=Path(folder))
        return _json(create_app(ApiSettings(), storage, ring=lambda _: None).openapi())


PAGES: Final[dict[str, Callable[[], str]]] = {
    "reference/cli.md": cli,
    "reference/errors.md": errors,
    "reference/measurements.md": measurements,
    "reference/config.md": config,
    "reference/settings.md": settings,
    "reference/holdfast.schema.json": config_schema,
    "result.schema.json": result_schema,
    "openapi.json": openapi,
}


def main() -> int:
    """Write all pages, or with `--check` name those that are not what would be written."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing, exit 1 on a difference"
    )
    check = parser.parse_args().check
    stale = []
    for name, make in PAGES.items():
        path, text = DOCS / name, make()
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    for name in stale:
        print(f"docs/{name} is stale, run: make docs" if check else f"wrote docs/{name}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    # What a page says must not depend on who makes it where.
    for variable in [name for name in os.environ if name.startswith("HOLDFAST_")]:
        del os.environ[variable]
    os.environ.update(COLUMNS="100", TERMINAL_WIDTH="100", NO_COLOR="1", TERM="dumb")
    os.environ.pop("FORCE_COLOR", None)
    os.environ.pop("GITHUB_ACTIONS", None)
    sys.exit(main())
