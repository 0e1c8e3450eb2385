"""The cache of results: what makes an entry another one, what is damaged, what leaves first."""

import os
from pathlib import Path

import pytest

from commands import holdfast
from holdfast.gate import read_policy
from holdfast.records.plan import AuditPlan
from holdfast.sandbox.parent import AuditOutput
from holdfast_cli.cache import Cache, cache_folder, key_of
from holdfast_cli.outputs import parse_result

CONFIG = """\
version: 1
model: {input: {preset: unit}}
data: {limit: 20}
audit: {controls: 0}
families: {translation: {shifts_px: [[1, 0]]}, rotation: off, scale: off}
"""
AGAIN = "nothing was measured: an earlier audit had the same model"


@pytest.fixture
def output(audited: Path) -> AuditOutput:
    stored = (audited / "result.json").read_bytes()
    samples = (audited / "result.samples.parquet").read_bytes()
    return AuditOutput(parse_result(stored, "result.json"), stored, samples)


def test_the_same_audit_is_not_done_twice_and_says_so(tmp_path: Path, digits: Path) -> None:
    (tmp_path / "holdfast.yaml").write_text(CONFIG)
    command = ["audit", digits / "gap.onnx", "--data", digits / "probes.zip"]
    first = holdfast(*command, "-o", "a.json", cwd=tmp_path, HOLDFAST_CACHE="cache")
    assert (first.returncode, AGAIN in first.stderr) == (0, False)
    again = holdfast(*command, "-o", "b.json", cwd=tmp_path, HOLDFAST_CACHE="cache")
    assert (again.returncode, AGAIN in again.stderr) == (0, True)
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    samples = [(tmp_path / f"{name}.samples.parquet").read_bytes() for name in "ab"]
    assert samples[0] == samples[1]
    anew = holdfast(*command, "--no-cache", cwd=tmp_path, HOLDFAST_CACHE="cache")
    assert (anew.returncode, AGAIN in anew.stderr) == (0, False)


def test_whatever_can_change_the_numbers_changes_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_bytes(b"1")
    other.write_bytes(b"2")
    plan, full = AuditPlan(), AuditPlan(full=True)
    policy = read_policy({"preset": "smoke"})
    keys = [
        key_of(one, other, plan, None, "auto"),
        key_of(other, other, plan, None, "auto"),
        key_of(one, one, plan, None, "auto"),
        key_of(one, other, AuditPlan(seed=1), None, "auto"),
        key_of(one, other, plan, policy, "auto"),
        key_of(one, other, plan, read_policy({"preset": "strict"}), "auto"),
        key_of(one, other, plan, None, "required"),
        key_of(one, other, plan, None, "auto", device="gpu"),
    ]
    monkeypatch.setattr("holdfast_cli.cache.__version__", "9")
    keys.append(key_of(one, other, plan, None, "auto"))
    monkeypatch.undo()
    monkeypatch.setattr("holdfast_cli.cache.version", lambda _: "9")
    keys.append(key_of(one, other, plan, None, "auto"))
    monkeypatch.undo()
    assert len(set(keys)) == len(keys)
    assert key_of(one, other, plan, None, "auto") == keys[0]
    # A policy that cannot stop the audit early changes no number.
    assert key_of(one, other, full, policy, "auto") == key_of(one, other, full, None, "auto")


def test_an_entry_comes_back_as_it_was(tmp_path: Path, output: AuditOutput) -> None:
    cache = Cache(tmp_path / "cache")
    assert cache.find("k") is None
    cache.keep("k", output)
    assert cache.find("k") == output
    assert (tmp_path / "cache").stat().st_mode & 0o077 == 0
    cache.keep("k", output)  # of an audit that ran at the same time
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["k"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("result.json", b"{"),
        ("result.json", b""),
        ("result.samples.parquet", b"other bytes"),
        ("result.json", None),
    ],
)
def test_a_damaged_entry_is_ignored_with_a_message_and_made_anew(
    tmp_path: Path,
    output: AuditOutput,
    name: str,
    content: bytes | None,
    capsys: pytest.CaptureFixture[str],
) -> None:
    cache = Cache(tmp_path)
    cache.keep("k", output)
    path = tmp_path / "k" / name
    path.unlink() if content is None else path.write_bytes(content)
    assert cache.find("k") is None
    assert "is damaged and is measured again" in capsys.readouterr().err
    cache.keep("k", output)
    assert cache.find("k") == output


def test_what_was_not_used_longest_leaves_first(
    tmp_path: Path, output: AuditOutput, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("holdfast_cli.cache._MOST_ENTRIES", 2)
    cache = Cache(tmp_path)
    for place, key in enumerate(("old", "newer")):
        cache.keep(key, output)
        os.utime(tmp_path / key, (place, place))
    assert cache.find("old") == output  # used again
    cache.keep("newest", output)
    assert {path.name for path in tmp_path.iterdir()} == {"old", "newest"}


def test_a_folder_that_cannot_be_written_costs_a_line(
    tmp_path: Path, output: AuditOutput, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    Cache(tmp_path / "file" / "below").keep("k", output)
    assert "cannot be kept" in capsys.readouterr().err


def test_the_environment_says_where_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder({"HOLDFAST_CACHE": "off"}) is None
    assert cache_folder({"HOLDFAST_CACHE": "x"}) == Path("x")
    assert cache_folder({"XDG_CACHE_HOME": "/c"}) == Path("/c/holdfast/results")
    assert cache_folder({}) == tmp_path / ".cache" / "holdfast" / "results"
