"""`[tool.holdfast]` of a pyproject.toml is `holdfast.yaml` in another form."""

import json
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from commands import holdfast
from configs import FULL, HARD, TABLE
from factories import audit_result
from holdfast.errors import HoldfastError
from holdfast_cli.config import read_config
from holdfast_cli.toml_places import spots_of
from holdfast_cli.tree import Spot


def _of_data(data: Any, above: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    items = data.items() if isinstance(data, dict) else enumerate(data)
    found = set()
    for key, value in items:
        found.add((*above, str(key)))
        if isinstance(value, dict | list):
            found |= _of_data(value, (*above, str(key)))
    return found


def _of_spots(spot: Spot, above: tuple[str, ...] = ()) -> dict[tuple[str, ...], int]:
    found = {}
    for key, below in spot.inside.items():
        found[(*above, key)] = below.line
        found |= _of_spots(below, (*above, key))
    return found


@pytest.mark.parametrize("text", [HARD, TABLE, HARD.replace("\n", "\r\n"), "", "# nothing"])
def test_the_scanner_sees_the_keys_that_the_parser_sees(text: str) -> None:
    assert _of_spots(spots_of(text)).keys() == _of_data(tomllib.loads(text))


def test_the_scanner_and_the_parser_agree_on_our_own_file(repo: Path) -> None:
    text = (repo / "pyproject.toml").read_text()
    found = _of_spots(spots_of(text))
    assert found.keys() == _of_data(tomllib.loads(text))
    lines = text.splitlines()
    assert all(key[-1].isdigit() or key[-1] in lines[line - 1] for key, line in found.items())


@pytest.mark.parametrize(
    ("key", "says"),
    [
        (("a", "b", "c.d"), 'a.b."c.d" = 1'),
        (('esc"A',), r'"esc\"\u0041"'),
        (("list", "1", "1", "three"), "1, [2"),
        (("list", "2", "six", "seven"), "{ five"),
        (("list", "3"), "1979-05-27"),
        (("a", "b", "g"), '[ "a" . b'),
        (("rows", "1", "id"), "id = 2"),
        (("rows", "1", "below", "1", "z", "z"), "z.z = 1"),
    ],
)
def test_the_line_is_that_of_the_key(key: tuple[str, ...], says: str) -> None:
    line = _of_spots(spots_of(HARD))[key]
    assert HARD.splitlines()[line - 1].strip().startswith(says)


def test_the_table_is_the_same_configuration(tmp_path: Path) -> None:
    (tmp_path / "holdfast.yaml").write_text(FULL)
    (tmp_path / "pyproject.toml").write_text(TABLE)
    table, file = (read_config(tmp_path / name) for name in ("pyproject.toml", "holdfast.yaml"))
    assert table.lines.keys() == file.lines.keys()
    assert replace(table, lines=file.lines) == file


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("limit = 10", "limmit = 10", 7, "data.limmit: unknown key (did you mean limit?)"),
        ("on_incon", "on_inkon", 20, "gate.on_inkonclusive: unknown key (did you mean on_inconcl"),
        ("version = 1", "", 4, "version: Field required"),
        ("limit = 10", "limit = 0", 7, "greater than or equal to 1"),
        ("[1, 0]", "[1, 'x']", 8, "integer"),
        ('"custom"', '"kustom"', 12, "'imagenet'"),
        ("scale = 0.5", "scale = = 0.5", 13, "Invalid value"),
        ("scale = 0.5", "scale = nan", 4, "NaN"),
        ("order", "scale", 16, "overwrite"),
        ("crop = [20, 30]", "crop = [20", 19, "Unclosed array"),
    ],
)
def test_a_wrong_table_is_refused_with_its_line(
    here: Path, old: str, new: str, line: int, says: str
) -> None:
    assert old in TABLE
    (here / "pyproject.toml").write_text(TABLE.replace(old, new))
    with pytest.raises(HoldfastError) as caught:
        read_config(Path("pyproject.toml"))
    assert caught.value.code == "invalid_config"
    assert says in caught.value.sentence
    assert caught.value.fields["where"] == f"pyproject.toml:{line}"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("translation.cons", "translation.kons", ("unknown_assertion", 23, "translation.consist")),
        (
            '"translation.drift"',
            '"translation.drif"',
            ("unknown_assertion", 24, "translation.drift"),
        ),
        ('["warn", {max = 0.1}]', "{max = 0.1}", ("invalid_policy", 24, "")),
        ('"warn"', '"warm"', ("invalid_policy", 24, "")),
    ],
)
def test_a_wrong_assertion_is_refused_with_its_line(
    here: Path, old: str, new: str, told: tuple[str, int, str]
) -> None:
    code, line, hint = told
    (here / "pyproject.toml").write_text(TABLE.replace(old, new))
    with pytest.raises(HoldfastError) as caught:
        read_config(Path("pyproject.toml"))
    assert (caught.value.code, caught.value.__notes__) == (code, [f"at pyproject.toml:{line}"])
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("text", "line"), [("[project]\n", 1), ("[tool]\nholdfast = 3\n", 2), ("tool = 3\n", 1)]
)
def test_a_file_that_is_named_must_hold_the_table(tmp_path: Path, text: str, line: int) -> None:
    path = tmp_path / "other.toml"
    path.write_text(text)
    with pytest.raises(HoldfastError) as caught:
        read_config(path)
    assert caught.value.code == "invalid_config"
    assert caught.value.fields["where"].endswith(f"other.toml:{line}")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "result.json").write_text(audit_result().model_dump_json())
    return tmp_path


LIMIT = '[tool.holdfast]\nversion = 1\ngate.assertions.translation.consistency = ["error", {X}]\n'
PASSES, FAILS = LIMIT.replace("X", "min = 0.0"), LIMIT.replace("X", "min = 0.99999")


def test_it_is_found_in_the_folder_and_said(folder: Path) -> None:
    (folder / "pyproject.toml").write_text(PASSES)
    done = holdfast("gate", "result.json", "-o", "out.sarif", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "using pyproject.toml\n")
    (folder / "pyproject.toml").write_text(FAILS)
    outputs = ("-o", "out.sarif", "-o", "out.codequality.json")
    done = holdfast("gate", "result.json", *outputs, cwd=folder, GITHUB_ACTIONS="true")
    assert done.returncode == 1
    # The alert is shown at the assertion.
    assert "::error file=pyproject.toml,line=3,title=" in done.stdout
    alerts = json.loads((folder / "out.sarif").read_text())["runs"][0]["results"]
    [alert] = [each for each in alerts if each["ruleId"] == "translation.consistency"]
    place = alert["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "pyproject.toml"
    assert place["region"] == {"startLine": 3}
    entries = json.loads((folder / "out.codequality.json").read_text())
    [entry] = [each for each in entries if each["check_name"] == "translation.consistency"]
    assert entry["location"] == {"path": "pyproject.toml", "lines": {"begin": 3}}


def test_holdfast_yaml_wins_and_that_is_said(folder: Path) -> None:
    (folder / "pyproject.toml").write_text(FAILS)
    text = "version: 1\ngate: {assertions: {translation.consistency: [error, {min: 0.0}]}}\n"
    (folder / "holdfast.yaml").write_text(text)
    done = holdfast("gate", "result.json", cwd=folder)
    assert done.returncode == 0
    assert "using holdfast.yaml (it wins: [tool.holdfast] of pyproject.toml is not" in done.stderr
    named = holdfast("gate", "result.json", "--config", "pyproject.toml", cwd=folder)
    assert (named.returncode, named.stderr) == (1, "")


@pytest.mark.parametrize("text", ["[project]\nname = 'a'\n", "[project\nname = 'a'\n"])
def test_a_file_that_is_not_about_us_is_not_used(folder: Path, text: str) -> None:
    (folder / "pyproject.toml").write_text(text)
    done = holdfast("gate", "result.json", cwd=folder)
    assert done.returncode == 2
    assert "there is no gate to judge by" in done.stderr
    assert "using" not in done.stderr


def test_a_gate_is_not_lost_in_a_damaged_file(folder: Path) -> None:
    (folder / "pyproject.toml").write_text(f"{PASSES}[project\n")
    done = holdfast("report", "result.json", "-o", "junit.xml", cwd=folder)
    assert done.returncode == 2
    assert "error[invalid_config]: pyproject.toml:4: " in done.stderr
