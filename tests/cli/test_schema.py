"""The published JSON Schema of `holdfast.yaml` accepts what the reader accepts, and no more."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from holdfast.errors import HoldfastError
from holdfast_cli.config import Config, read_config
from holdfast_cli.config_file import schema

HEAD = "version: 1\ngate:\n"


@pytest.fixture(scope="module")
def validator(repo: Path) -> jsonschema.Draft202012Validator:
    """Of the file that is published, which has to be the one that the code makes."""
    written = json.loads((repo / "docs/reference/holdfast.schema.json").read_text())
    assert written == schema()
    return jsonschema.Draft202012Validator(
        written, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )


def _read(folder: Path, text: str) -> Config | HoldfastError:
    (folder / "holdfast.yaml").write_text(text)
    try:
        return read_config(folder / "holdfast.yaml")
    except HoldfastError as error:
        return error


def _as_json(text: str) -> Any:
    return json.loads(json.dumps(yaml.safe_load(text), default=str))


def _examples(repo: Path) -> list[str]:
    pages = [repo / "README.md", *sorted((repo / "docs").rglob("*.md"))]
    blocks = [
        block
        for page in pages
        for block in re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL)
    ]
    files = [path.read_text() for path in (repo / "examples").rglob("holdfast.yaml")]
    return [text for text in [*blocks, *files] if re.search(r"^version: 1$", text, re.MULTILINE)]


def test_every_example_of_the_documents_is_accepted_by_both(
    repo: Path, tmp_path: Path, validator: jsonschema.Draft202012Validator
) -> None:
    examples = _examples(repo)
    assert len(examples) >= 4
    for text in examples:
        assert isinstance(_read(tmp_path, text), Config), text
        validator.validate(_as_json(text))


GOOD = [
    "preset: smoke",
    "preset: smoke\n  assertions: {}",
    "assertions: {accuracy: [error, {min: 0.5}]}",
    "assertions: {accuracy: [error, {max_drop: 0.01}], scale.drift: off}",
    "assertions: {accuracy: [off, {}], scale.drift: [warn, {max: 0.1, max_drop: 0}]}",
    "assertions: {translation.consistency@class=cat: [error, {min: 0.5}]}",
    "assertions: {'accuracy@group=a=b.c': [error, {min: 0.5, max_drop: 1}]}",
    "assertions: {'accuracy@class=*': [warn, {min: 0.5}]}",
    "preset: strict\n  baseline: {branch: main, on_missing: off}",
    "preset: strict\n  baseline: {file: old/result.json, on_missing: warn}",
    "preset: strict\n  baseline: {}",
    "preset: smoke\n  ignore: [{id: scale.consistency, until: 2027-01-31, reason: upright}]",
    "preset: smoke\n  ignore: [{id: scale.consistency, until: '2027-01-31', reason: upright}]",
]
BAD = [
    "{}",
    "on_inconclusive: fail",
    "assertions: {}",
    "assertions: {accuracy: off}",
    "assertions: {accuracy: [off, {min: 0.5}]}",
    "assertions: {accuracy: error}",
    "assertions: {accuracy: [error]}",
    "assertions: {accuracy: [error, {}]}",
    "assertions: {accuracy: [true, {min: 0.5}]}",
    "assertions: {accuracy: [fatal, {min: 0.5}]}",
    "assertions: {accuracy: [error, {min: high}]}",
    "assertions: {accuracy: [error, {minimum: 0.5}]}",
    "assertions: {accuracy: [error, {min: 0.5}, {max: 0.6}]}",
    "assertions: {accuracy: [error, {max_drop: -0.1}]}",
    "assertions: {accuracy: [error, {max_drop: 1.1}]}",
    "assertions: {acuracy: [error, {min: 0.5}]}",
    "assertions: {rotation.logit_drift: [error, {max: 0.1}]}",
    "assertions: {rotation.accuracy_drop: [error, {max_drop: 0.1}]}",
    "assertions: {rotation.worst_case@class=cat: [error, {min: 0.1}]}",
    "assertions: {accuracy@class=: [error, {min: 0.1}]}",
    "assertions: {accuracy@kind=cat: [error, {min: 0.1}]}",
    "assertions: {accuracy@: [error, {min: 0.1}]}",
    "preset: lenient",
    "preset: smoke\n  baseline: {branch: main, file: a.json}",
    "preset: smoke\n  baseline: {branch: ''}",
    "preset: smoke\n  baseline: {on_missing: maybe}",
    "preset: smoke\n  baseline: {on_missing: true}",
    "preset: smoke\n  baseline: {brunch: main}",
    "preset: smoke\n  ignore: [{id: scale.consistency, until: 2027-01-31}]",
    "preset: smoke\n  ignore: [{id: scale.consistency, reason: upright}]",
    "preset: smoke\n  ignore: [{id: scale.consistency, until: soon, reason: upright}]",
    "preset: smoke\n  ignore: [{id: scale.consistency, until: 2027-01-31, reason: ''}]",
    "preset: smoke\n  ignore: [{id: scale.consistancy, until: 2027-01-31, reason: upright}]",
    "preset: smoke\n  ignore: [{until: 2027-01-31, reason: upright}]",
    "preset: smoke\n  ignore: {id: scale.consistency}",
]


@pytest.mark.parametrize("gate", GOOD)
def test_what_the_reader_takes_the_schema_takes(
    gate: str, tmp_path: Path, validator: jsonschema.Draft202012Validator
) -> None:
    found = _read(tmp_path, f"{HEAD}  {gate}\n")
    assert isinstance(found, Config), found
    validator.validate(_as_json(f"{HEAD}  {gate}\n"))


@pytest.mark.parametrize("gate", BAD)
def test_what_the_reader_refuses_the_schema_refuses(
    gate: str, tmp_path: Path, validator: jsonschema.Draft202012Validator
) -> None:
    found = _read(tmp_path, f"{HEAD}  {gate}\n")
    assert isinstance(found, HoldfastError), found
    assert not validator.is_valid(_as_json(f"{HEAD}  {gate}\n"))
    where = [found.fields.get("where", ""), *getattr(found, "__notes__", [])]
    assert any(re.search(r"holdfast\.yaml:\d+$", place) for place in where)


@pytest.mark.parametrize(
    ("gate", "line", "says"),
    [
        (
            "preset: smoke\n  ignore:\n  - {id: accuracy, until: 2027-01-31, reason: why}",
            5,
            "nowhere",
        ),
        (
            "preset: smoke\n  ignore:\n  - {id: acuracy, until: 2027-01-31, reason: why}",
            5,
            "Did you mean accuracy?",
        ),
        (
            "assertions:\n    accuracy: [error, {min: 1}]\n    accuracy@class=: [error, {min: 1}]",
            5,
            "must end with",
        ),
        (
            "assertions:\n    rotation.consistancy@class=cat: [error, {min: 1}]",
            4,
            "Did you mean rotation.consistency@class=cat?",
        ),
        (
            "assertions:\n    scale.accuracy_drop: [error, {max_drop: 1}]",
            4,
            "max_drop is for",
        ),
    ],
)
def test_a_complaint_names_the_line_and_what_was_meant(
    gate: str, line: int, says: str, tmp_path: Path
) -> None:
    error = _read(tmp_path, f"{HEAD}  {gate}\n")
    assert isinstance(error, HoldfastError)
    assert error.__notes__[0].endswith(f"holdfast.yaml:{line}")
    assert says in f"{error.sentence} {error.hint}"
