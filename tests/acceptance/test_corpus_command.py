"""The whole corpus of bad inputs through the local command: each file has its own answer."""

from collections.abc import Sequence
from pathlib import Path

import pytest

import toys
from command_runner import Answer, Answers, run_all
from commands import environment
from corpus import BadFile
from toy_probes import flat, noise

pytestmark = pytest.mark.timeout(900)  # a machine that others use, too, may need minutes
MEMORY_BYTES = 3 << 29
LIMITS = {"HOLDFAST_CHILD_MEMORY_BYTES": MEMORY_BYTES, "HOLDFAST_CHILD_CPU_S": 6}
COMMAND_BYTES = 400 << 20
"""What the command itself may hold, whatever the file is: it never opens it."""
QUICK = """\
version: 1
families:
  translation: {shifts_px: [[1, 0]]}
  rotation: off
  scale: off
"""


@pytest.fixture(scope="module")
def answers(files: list[BadFile], tmp_path_factory: pytest.TempPathFactory) -> Answers:
    folder = tmp_path_factory.mktemp("corpus")
    (folder / "good.onnx").write_bytes(toys.linear())
    (folder / "holdfast.yaml").write_text(QUICK)
    flat(folder / "good.zip", noise(3, 8, 8, 3))
    orders: dict[str, Sequence[object]] = {}
    for file in files:
        (folder / file.name).write_bytes(file.data)
        model, data = (file.name, "good.zip") if file.is_model else ("good.onnx", file.name)
        orders[file.name] = ["audit", model, "--data", data, *_options(file)]
    return run_all(orders, folder, environment(**LIMITS))


def _options(file: BadFile) -> list[str]:
    named = ["--architecture", file.architecture] if file.architecture else []
    mode = ["--sandbox", file.mode] if file.mode else []
    return ["--input", "unit", "--crop", "8", "--threads", "1", *named, *mode]


def _fault(file: BadFile, answer: Answer) -> str:
    """What is wrong with an answer, empty when nothing is."""
    if not file.code:
        return "" if answer.exit == 0 else f"refused: {answer.err[-300:]}"
    hinted = f"error[{file.code}]: " in answer.err and "\nhint: " in answer.err
    named = file.reason in answer.err
    plain = "Traceback" not in answer.err and "\x1b" not in answer.err
    if answer.exit == 4 and hinted and named and plain:
        return ""
    return f"exit {answer.exit} instead of {file.code}: {answer.err[-300:]}"


def test_every_file_has_its_code_sentence_and_hint(files: list[BadFile], answers: Answers) -> None:
    assert len(files) == 134
    faults = {file.name: _fault(file, answers.by_name[file.name]) for file in files}
    assert {name: fault for name, fault in faults.items() if fault} == {}


def test_no_payload_ran(answers: Answers, marker: Path) -> None:
    assert len(answers.by_name) == 134
    assert not marker.exists()


def test_memory_stayed_bounded(answers: Answers) -> None:
    assert answers.children_bytes < MEMORY_BYTES
    assert answers.command_bytes < COMMAND_BYTES
