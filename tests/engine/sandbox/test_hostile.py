"""A child that was taken over: whatever it says, the parent answers with an error and lives."""

import json
import sys
import time
from pathlib import Path

import pytest

import toys
from auditing import LIMITS, plan_of, run
from children import child_pids, stand_in
from holdfast.errors import HoldfastError
from holdfast.records.job import ChildLimits
from holdfast.sandbox import process
from holdfast.sandbox.parent import AuditOutput
from toy_probes import flat, noise

MODEL = toys.mean_pixel(size=(8, 8))
HEAD = """
import json, os, signal, sys, time
with os.fdopen(int(sys.argv[-1]), "rb") as file:
    job = json.load(file)
def say(data):
    data = data if isinstance(data, bytes) else json.dumps(data).encode() + b"\\n"
    while data:
        data = data[os.write(job["reply_fd"], data):]
"""


def _answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, limits: ChildLimits = LIMITS
) -> HoldfastError:
    """The error of an audit whose child runs `code`."""
    probes = flat(tmp_path / "probes.zip", noise(2, 8, 8))
    monkeypatch.setattr(sys, "executable", str(stand_in(tmp_path, HEAD + code)))
    before = child_pids()
    with pytest.raises(HoldfastError) as raised:
        run(MODEL, probes, plan_of(), limits=limits)
    assert child_pids() == before
    return raised.value


PROTOCOL = {
    "text": 'say(b"hello\\n")',
    "bytes of a pickle": 'say(b"\\x80\\x04K\\x01.\\n")',
    "a number": "say(7)",
    "a list": "say([{'done': True}])",
    "null": "say(None)",
    "nothing known": "say({'hello': 1})",
    "done and more": "say({'done': True, 'more': 1})",
    "not quite done": "say({'done': 'yes'})",
    "2 MB without an end": 'say(b"x" * (2 << 20))',
    "500,000 brackets": 'say(b"[" * 500_000 + b"\\n")',
    "500,000 brackets of progress": 'say(b\'{"progress":\' + b"[" * 500_000 + b"\\n")',
    "a number of 5,000 digits": 'say(b\'{"progress":\' + b"9" * 5000 + b"}\\n")',
    "progress of another kind": "say({'progress': 'much'})",
    "negative progress": "say({'progress': {'stage': 'loading', 'done': -1, 'total': 0}})",
    "progress that is no number": (
        'say(b\'{"progress": {"stage": "loading", "done": NaN, "total": 0}}\\n\')'
    ),
    "progress of another stage": "say({'progress': {'stage': 'x', 'done': 0, 'total': 0}})",
    "progress with more": (
        "say({'progress': {'stage': 'loading', 'done': 0, 'total': 0, 'path': '/etc'}})"
    ),
    "an unknown code": "say({'error': 'hacked', 'fields': {}})",
    "a code of another part": "say({'error': 'unauthorized'})",
    "a code of a finished cancel": "say({'error': 'cancelled'})",
    "a code that is no text": "say({'error': ['bad_image']})",
    "done without a result": "say({'done': True})",
    "a result that is no record": "os.write(job['result_fd'], b'{}'); say({'done': True})",
    "a result of 500,000 brackets": (
        "os.write(job['result_fd'], b'[' * 500_000); say({'done': True})"
    ),
    "a result that is too long": (
        "os.ftruncate(job['result_fd'], (64 << 20) + 1); say({'done': True})"
    ),
}


@pytest.mark.parametrize("what", PROTOCOL)
def test_nonsense_is_a_protocol_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    assert _answer(tmp_path, monkeypatch, PROTOCOL[what]).code == "protocol"


def test_progress_nested_almost_too_deep_is_a_protocol_error() -> None:
    """Reading may just succeed where writing it again does not."""
    for depth in (*range(100, 900, 50), *range(900, 1000)):
        child = process.Child.__new__(process.Child)
        child._buffer, child._on_progress = b"", lambda _: None
        with pytest.raises(HoldfastError, match="protocol"):
            child._take(b'{"progress":' + b"[" * depth + b"]" * depth + b"}\n")


@pytest.mark.parametrize(
    "fields",
    [
        {"code": "x", "self": "y", "name": "z"},
        {"name": {"a": [1, 2]}},
        {str(number): "x" for number in range(1000)},
        [1, 2],
        "text",
        None,
    ],
    ids=["names of arguments", "nested", "many", "a list", "text", "null"],
)
def test_the_fields_of_a_refusal_cannot_break_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fields: object
) -> None:
    words = json.dumps({"error": "bad_image", "fields": fields})
    error = _answer(tmp_path, monkeypatch, f"say(json.loads({words!r}))")
    assert error.code == "bad_image"
    assert len(error.fields) <= 8


def test_the_words_of_a_refusal_are_cut_and_cleaned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = "say({'error': 'bad_image', 'fields': {'name': '\\x1b[2J{code}\\u202e' + 'x' * 9000}})"
    error = _answer(tmp_path, monkeypatch, words)
    assert error.sentence.startswith("[2J{code}xxx")
    assert len(error.sentence) < 140


def test_a_breakdown_inside_is_internal_and_its_details_stay_in_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    error = _answer(tmp_path, monkeypatch, "say({'error': 'internal', 'detail': 'line 7 of x'})")
    assert error.code == "internal"
    assert "line 7" not in str(error)
    assert "line 7 of x" in caplog.text


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("sys.exit(0)", "exit 0"),
        ("sys.exit(3)", "exit 3"),
        ("os.abort()", "SIGABRT"),
        ("os.kill(os.getpid(), 40)", "signal 40"),
        ("os.kill(os.getpid(), signal.SIGTERM)", "SIGTERM"),
    ],
)
def test_an_end_without_a_last_word_is_a_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, said: str
) -> None:
    error = _answer(tmp_path, monkeypatch, code)
    assert error.code == "model_crashed"
    assert said in error.sentence


@pytest.mark.parametrize(
    "code",
    [
        "os.kill(os.getpid(), signal.SIGSTOP)",
        "time.sleep(60)",
        "signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)",
        'say(b"{"); time.sleep(60)',
    ],
    ids=["stopped", "silent", "stubborn", "half a word"],
)
def test_silence_meets_the_time_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    limits = LIMITS.model_copy(update={"stall_s": 0.6})
    assert _answer(tmp_path, monkeypatch, code, limits).code == "time_limit"


def test_a_child_that_hangs_up_and_goes_on_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "_SILENT_S", 0.3)
    began = time.monotonic()
    code = "os.close(job['reply_fd']); time.sleep(60)"
    assert _answer(tmp_path, monkeypatch, code).code == "protocol"
    assert time.monotonic() - began < 5


def test_endless_progress_meets_the_wall_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "while True: say({'progress': {'stage': 'loading', 'done': 0, 'total': 0}})"
    limits = LIMITS.model_copy(update={"wall_s": 1.0})
    error = _answer(tmp_path, monkeypatch, code, limits)
    assert error.code == "time_limit"
    assert "HOLDFAST_CHILD_WALL_S" in error.sentence


LIES = {
    "the truth": ("", "", None),
    "the truth and 64 MB of blanks": ("", " " * (64 << 20), None),
    "another model": ("provenance", "model_sha256", "f" * 64),
    "other probes": ("provenance", "probes_sha256", "f" * 64),
    "other samples": ("samples", "sha256", "f" * 64),
    "shorter samples": ("samples", "size_bytes", 1),
}


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, AuditOutput]:
    probes = flat(tmp_path_factory.mktemp("honest") / "probes.zip", noise(2, 8, 8))
    return probes, run(MODEL, probes, plan_of())


@pytest.mark.parametrize("what", LIES)
def test_a_result_about_something_else_is_a_protocol_error(
    honest: tuple[Path, AuditOutput], monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    (probes, true), (record, field, value) = honest, LIES[what]
    told = json.loads(true.result_json)
    if value is not None:
        told[record][field] = value
    blanks = field if value is None else ""
    (probes.parent / "result").write_text(json.dumps(told) + blanks)
    (probes.parent / "samples").write_bytes(true.samples)
    code = f"""
for name in ("result", "samples"):
    with os.fdopen(job[name + "_fd"], "wb", closefd=False) as file:
        file.write(open({str(probes.parent)!r} + "/" + name, "rb").read())
say({{"done": True}})
"""
    monkeypatch.setattr(sys, "executable", str(stand_in(probes.parent, HEAD + code)))
    if what == "the truth":
        assert run(MODEL, probes, plan_of()).result_json == true.result_json
        return
    with pytest.raises(HoldfastError, match="protocol"):
        run(MODEL, probes, plan_of())
