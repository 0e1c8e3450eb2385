"""Every key of the configuration is a HOLDFAST_* variable, too."""

from pathlib import Path
from typing import Any

import pytest

from commands import holdfast
from configs import FULL
from factories import audit_result
from holdfast.catalogue import CATALOGUE
from holdfast.errors import HoldfastError
from holdfast_cli.config import Config, read_config
from holdfast_cli.order import find_config
from holdfast_cli.settings import from_environment, from_options, variable_of
from settings_names import config_keys, known_variables

LIMIT, WORST = "HOLDFAST_DATA__LIMIT", "HOLDFAST_GATE__ASSERTIONS__TRANSLATION__WORST_CASE"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "holdfast.yaml"
    path.write_text(FULL)
    return path


def _read(path: Path | None, **variables: str) -> Config:
    return read_config(path, from_environment(variables))


def test_every_key_below_a_block_has_a_variable_of_its_own() -> None:
    keys = {key for key in config_keys() if len(key) > 1}
    assert ("families", "spatial", "grid", "shifts_x_px") in keys
    assert ("gate", "assertions", "translation.worst_case") in keys
    for key in keys:
        [setting] = from_environment({variable_of(key): "1"})
        assert setting.key == key
    assert len({variable_of(key) for key in keys}) == len(keys)
    assert {variable_of(["gate", "assertions", each.id]) for each in CATALOGUE} >= {WORST}


def test_no_other_variable_of_ours_is_one() -> None:
    assert len(known_variables()) > 30
    assert from_environment(dict.fromkeys(known_variables(), "3")) == []


def test_values_are_yaml_as_those_of_set(path: Path) -> None:
    config = _read(
        path,
        HOLDFAST_DATA__LIMIT="5",
        HOLDFAST_MODEL__INPUT__CROP="[8, 9]",
        HOLDFAST_FAMILIES__SCALE="off",
        HOLDFAST_GATE__ASSERTIONS__TRANSLATION__WORST_CASE="[error, {min: 0.2}]",
        HOLDFAST_GATE__ON_INCONCLUSIVE="pass",
        HOLDFAST_DATA="/var/lib/holdfast",
        HOLDFAST_URL="http://127.0.0.1",
        DATA__LIMIT="7",
    )
    options = [
        "data.limit=5",
        "model.input.crop=[8, 9]",
        "families.scale=off",
        "gate.assertions.translation.worst_case=[error, {min: 0.2}]",
        "gate.on_inconclusive=pass",
    ]
    assert config == read_config(path, from_options(options))
    assert config.plan.limit == 5


def test_a_key_inside_wins_over_its_block_whatever_the_order(path: Path) -> None:
    both = {LIMIT: "7", "HOLDFAST_GATE__BASELINE": "{branch: main}"}
    inside = {"HOLDFAST_GATE__BASELINE__ON_MISSING": "warn"}
    for variables in ({**both, **inside}, {**inside, **both}):
        gate = _read(path, **variables).gate
        assert gate is not None
        assert gate["baseline"] == {"branch": "main", "on_missing": "warn"}


def test_an_empty_variable_is_not_set(path: Path) -> None:
    assert _read(path, HOLDFAST_DATA__LIMIT="").plan.limit == 10


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("HOLDFAST_DATA__LIMMIT", "3", "unknown key (did you mean HOLDFAST_DATA__LIMIT?)"),
        ("HOLDFAST_DATTA__LIMIT", "3", "unknown key (did you mean HOLDFAST_DATA__LIMIT?)"),
        ("HOLDFAST_MODEL__INPUT", "{preser: unit}", "unknown key (did you mean preset?)"),
        ("HOLDFAST_GATE__ON_INKONCLUSIVE", "pass", "mean HOLDFAST_GATE__ON_INCONCLUSIVE?)"),
        ("HOLDFAST_DATA__LIMIT", "0", "data.limit: Input should be greater than or equal to 1"),
        ("HOLDFAST_DATA__LIMIT", "[", "its value is not YAML that can be read"),
        ("HOLDFAST___LIMIT", "3", "write it as HOLDFAST_BLOCK__KEY"),
        ("HOLDFAST_DATA__", "3", "write it as HOLDFAST_BLOCK__KEY"),
    ],
)
def test_a_wrong_variable_is_named(path: Path, name: str, value: str, says: str) -> None:
    with pytest.raises(HoldfastError) as caught:
        _read(path, **{name: value})
    assert caught.value.code == "invalid_config"
    assert caught.value.fields["where"] == name
    assert says in caught.value.sentence


def test_a_misspelt_assertion_is_named_with_its_variable(path: Path) -> None:
    name = "HOLDFAST_GATE__ASSERTIONS__SCALE__DRIF"
    with pytest.raises(HoldfastError) as caught:
        _read(path, **{name: "[error, {max: 0.1}]"})
    assert (caught.value.code, caught.value.__notes__) == ("unknown_assertion", [f"at {name}"])
    assert "scale.drift" in caught.value.hint


def test_the_command_line_wins_over_variables_which_win_over_the_file(path: Path) -> None:
    limits = {
        name: find_config(path, options, variables).plan.limit
        for name, options, variables in (
            ("file", [], {}),
            ("variable", [], {LIMIT: "5"}),
            ("option", ["data.limit=4"], {LIMIT: "5"}),
        )
    }
    assert limits == {"file": 10, "variable": 5, "option": 4}
    with pytest.raises(HoldfastError, match=r"--set data\.limit"):
        find_config(path, ["data.limit=0"], {LIMIT: "5"})


def test_a_gate_may_stand_in_variables_alone_and_they_are_said(tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text(audit_result().model_dump_json())
    name = "HOLDFAST_GATE__ASSERTIONS__TRANSLATION__CONSISTENCY"
    codes = []
    for limit in ("0.0", "0.99999"):
        value = f"[error, {{min: {limit}}}]"
        settings: dict[str, Any] = {name: value}
        done = holdfast("gate", "result.json", cwd=tmp_path, **settings)
        assert done.stderr == f"using {name}\n"
        codes.append(done.returncode)
    assert codes == [0, 1]
