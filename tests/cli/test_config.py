"""`holdfast.yaml`: what is read, and what is refused with file and line."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from configs import FULL
from holdfast.errors import HoldfastError
from holdfast.records.plan import AuditPlan, Preset
from holdfast_cli.config import Config, read_config
from holdfast_cli.config_file import schema
from holdfast_cli.settings import from_options


def _read(folder: Path, text: str) -> Config:
    path = folder / "holdfast.yaml"
    path.write_text(text)
    return read_config(path)


def test_every_key_reaches_the_plan_and_the_gate(tmp_path: Path) -> None:
    config = _read(tmp_path, FULL)
    assert config.plan.limit == 10
    assert config.plan.seed == 3
    assert config.plan.input.preset is Preset.custom
    assert config.plan.input.crop == (20, 30)
    assert config.plan.families.translation is not None
    assert config.plan.families.translation.shifts_px == ((1, 0), (-4, 4))
    assert config.gate is not None
    assert config.gate["on_inconclusive"] == "fail"


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    config = _read(tmp_path, FULL)
    assert config.model == tmp_path / "models" / "m.onnx"
    assert config.data == tmp_path / "probes.zip"


@pytest.mark.parametrize("off", ["off", '"off"', "false"])
def test_a_family_that_is_off_is_an_empty_list(tmp_path: Path, off: str) -> None:
    families = _read(tmp_path, f"version: 1\nfamilies:\n  rotation: {off}\n").plan.families
    assert families.rotation is not None
    assert families.rotation.angles_deg == ()
    assert families.translation is None  # left out: the default list


ON_REQUEST = ["spatial", "circular", "displacement", "lattice"]


@pytest.mark.parametrize("name", ON_REQUEST)
def test_a_family_on_request_runs_with_an_empty_block_and_only_then(
    tmp_path: Path, name: str
) -> None:
    asked = _read(tmp_path, f"version: 1\nfamilies: {{{name}: {{}}}}\n").plan.families
    off = _read(tmp_path, f"version: 1\nfamilies: {{{name}: off}}\n").plan.families
    assert [each for each in ON_REQUEST if getattr(asked, each) is not None] == [name]
    assert off == AuditPlan().families


def test_an_empty_spatial_block_is_the_small_preset(tmp_path: Path) -> None:
    families = _read(tmp_path, "version: 1\nfamilies: {spatial: {}}\n").plan.families
    assert families.spatial is not None
    assert families.spatial.preset == "sp10"


def test_how_much_is_measured_reaches_the_plan(tmp_path: Path) -> None:
    audit = "audit: {controls: 7, full: true, causes: false}"
    text = f"version: 1\nmodel: {{output_kind: multilabel_logits}}\n{audit}\n"
    plan = _read(tmp_path, text).plan
    assert (plan.controls, plan.full, plan.output_kind) == (7, True, "multilabel_logits")
    assert not plan.causes
    plan = _read(tmp_path, "version: 1\n").plan
    assert plan == AuditPlan()


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        (
            "version: 1\nmodel:\n  inputt: {}\n",
            3,
            "inputt: unknown key (did you mean input?)",
        ),
        ("version: 1\ndata:\n  limmit: 3\n", 3, "data.limmit: unknown key (did you mean limit?)"),
        ("version: 1\ngates: {}\n", 2, "gates: unknown key (did you mean gate?)"),
        ("version: 1\nmodel:\n  input:\n    preset: imagnet\n", 4, "'imagenet'"),
        ("version: 1\nmodel:\n  input:\n    crop: [1, 2, 3]\n", 4, "or: "),
        ("version: 1\nfamilies:\n  scale: {zooms: [0.5, 1.0]}\n", 3, "identity"),
        ("version: 1\nfamilies:\n  rotation:\n    angels_deg: [1]\n", 3, "required"),
        ("version: 1\nfamilies:\n  translation:\n    shifts_px:\n    - [1, x]\n", 5, "integer"),
        ("model: {}\n", 1, "version: Field required"),
        ("version: 2\n", 1, "version: Input should be 1"),
        ("version: 1\naudit:\n  controls: -1\n", 3, "greater than or equal to 0"),
        ("version: 1\nfamilies:\n  spatial: {preset: sp11}\n", 3, "sp775"),
        ("version: 1\nfamilies:\n  spatial: {search: worst}\n", 3, "exactly one of preset"),
        ("version: 1\ndata:\n  limit: 0\n", 3, "greater than or equal to 1"),
        ("version: 1\ndata:\n  limit: .nan\n", 1, "NaN"),
        ("version: 1\ndata: {}\ndata: {}\n", 3, "data stands twice"),
        ("version: 1\nmodel: [1\n", 3, "expected ',' or ']'"),
        ("just text\n", 1, "must hold keys"),
        ("", 1, "must hold keys"),
        ("version: 1\ngate: {assertions: [a]}\n", 2, "gate.assertions"),
        ("version: 1\ngate: {on_inkonclusive: pass}\n", 2, "(did you mean on_inconclusive?)"),
    ],
)
def test_a_wrong_file_is_refused_with_its_line(
    tmp_path: Path, text: str, line: int, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("holdfast.yaml").write_text(text)
    with pytest.raises(HoldfastError) as caught:
        read_config(Path("holdfast.yaml"))
    assert caught.value.code == "invalid_config"
    assert caught.value.fields["where"] == f"holdfast.yaml:{line}"
    assert says in caught.value.sentence


@pytest.mark.parametrize(
    ("assertions", "code", "line"),
    [
        ("accuracy: off\n    scale.drif: [error, {max: 1}]", "unknown_assertion", 5),
        ("accuracy: [error, {min: 0.9}]\n    scale.drift: error", "invalid_policy", 5),
        ("accuracy: [fatal, {min: 0.9}]", "invalid_policy", 4),
        ("accuracy: [error, 0.9]", "invalid_policy", 4),
        ("accuracy: off", "invalid_policy", 3),
    ],
)
def test_a_wrong_gate_is_refused_with_its_line(
    tmp_path: Path, assertions: str, code: str, line: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(HoldfastError) as caught:
        _read(Path(), f"version: 1\ngate:\n  assertions:\n    {assertions}\n")
    assert caught.value.code == code
    assert caught.value.__notes__ == [f"at holdfast.yaml:{line}"]


def test_a_long_path_never_hides_the_line(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    with pytest.raises(HoldfastError) as caught:
        _read(folder, "version: 1\nwrong: 1\n")
    assert caught.value.fields["where"] == "holdfast.yaml:2"


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(HoldfastError, match="file_not_found"):
        read_config(tmp_path / "none.yaml")


def test_the_published_schema_agrees_with_the_reader() -> None:
    validator = jsonschema.Draft202012Validator(schema())
    validator.check_schema(schema())
    validator.validate(json.loads(json.dumps(yaml.safe_load(FULL))))
    wrong = yaml.safe_load(FULL.replace("data:", "dataa:"))
    assert not validator.is_valid(wrong)


def test_every_key_says_what_it_means() -> None:
    made = schema()
    inside = {"$defs": dict(made["$defs"])}
    # A family is either its block or `off`.
    families = [name for name in made["$defs"] if name.endswith("Family")]
    assert len(families) == 7
    for name in families:
        inside["$defs"][name] = made["$defs"][name]["anyOf"][0]
    for block in [made, *inside["$defs"].values()]:
        for key, value in block.get("properties", {}).items():
            target = value.get("$ref", "").rpartition("/")[2]
            meaning = value.get("description") or inside["$defs"][target].get("description")
            assert meaning, f"{block['title']}.{key}"


def test_an_option_changes_keys_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "holdfast.yaml"
    path.write_text(FULL)
    settings = [
        "data.limit=5",
        "model.input.crop=[8, 9]",
        "families.rotation={angles_deg: [5]}",
        "gate.assertions.scale.drift=[error, {max: 0.2}]",
        "gate.assertions.accuracy@class=a.b=[error, {min: 0.2}]",
    ]
    config = read_config(path, from_options(settings))
    assert (config.plan.limit, config.plan.seed, config.plan.input.crop) == (5, 3, (8, 9))
    assert config.gate is not None
    assert config.gate["assertions"]["scale.drift"] == ["error", {"max": 0.2}]
    assert config.gate["assertions"]["accuracy@class=a.b"] == ["error", {"min": 0.2}]
    assert config.gate["assertions"]["translation.drift"] == ["warn", {"max": 0.1}]
    assert config.model == tmp_path / "models" / "m.onnx"
    assert read_config(None, from_options(["data.seed=4"])).plan.seed == 4


@pytest.mark.parametrize(
    ("setting", "where", "says"),
    [
        ("data.limit", "--set data.limit", "key=value"),
        ("=3", "--set ", "key=value"),
        ("data..limit=3", "--set data..limit", "key=value"),
        ("data.limit=[", "--set data.limit", "YAML"),
        ("data.limit=0", "--set data.limit", "greater than or equal to 1"),
        ("data.limmit=3", "--set data.limmit", "did you mean limit?"),
        ("data=3", "--set data", "data"),
        ("families.spatial.search=worst", "--set families.spatial.search", "exactly one of"),
    ],
)
def test_a_wrong_option_is_named(tmp_path: Path, setting: str, where: str, says: str) -> None:
    path = tmp_path / "holdfast.yaml"
    path.write_text(FULL)
    with pytest.raises(HoldfastError) as caught:
        read_config(path, from_options([setting]))
    assert caught.value.code == "invalid_config"
    assert caught.value.fields["where"] == where
    assert says in caught.value.sentence


def test_the_lines_of_assertions_are_kept_for_those_who_show_them(tmp_path: Path) -> None:
    assert _read(tmp_path, FULL).lines == {
        "": 11,
        "translation.consistency": 12,
        "translation.drift": 13,
        "rotation.consistency": 14,
    }
    assert _read(tmp_path, "version: 1\ngate:\n  preset: smoke\n").lines == {"": 2}
    assert read_config(None).lines == {"": 1}
