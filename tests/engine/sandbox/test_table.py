"""The per-sample file as CSV, from a real child."""

import csv
import io
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from auditing import LIMITS
from holdfast.errors import HoldfastError
from holdfast.samples import SCHEMA
from holdfast.sandbox.table import samples_csv

_ROW = {
    "probe": "a.png",
    "role": "cell",
    "family": "translation",
    "cell": 0,
    "shift_x_px": -1.5,
    "predicted": 1,
    "predicted_probability": 0.5,
    "reference_probability": 0.25,
    "margin": -0.125,
    "logit_drift": 0.0,
    "flip": True,
    "tie": False,
    "fill_share": 0.0,
}


def _file(folder: Path, names: list[str]) -> Path:
    blank = dict.fromkeys(SCHEMA.names)
    rows = [{**blank, **_ROW, "probe": name} for name in names]
    path = folder / "samples.parquet"
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), path)
    return path


def test_every_row_comes_with_all_digits_and_no_formula(tmp_path: Path) -> None:
    names = ["a.png", "=1+1", "+x", "-x", "@x", "\tx", 'q"u,o\nte', "\u00e9"]
    path = _file(tmp_path, names)
    text = b"".join(samples_csv(path, mode="required", limits=LIMITS)).decode()
    head, *rows = csv.reader(io.StringIO(text, newline=""))
    assert head == SCHEMA.names
    seen = [dict(zip(head, row, strict=True)) for row in rows]
    assert [row["probe"] for row in seen] == [
        *("a.png", "'=1+1", "'+x", "'-x", "'@x", "'\tx", 'q"u,o\nte', "\u00e9")
    ]
    assert {row["shift_x_px"] for row in seen} == {"-1.5"}, "a number is no formula"
    assert {row["label"] for row in seen} == {""}
    assert {row["flip"] for row in seen} == {"True"}


_ALONE = """
import os, sys
heavy = {"numpy", "scipy", "PIL", "cv2", "onnx", "onnxruntime", "torch"}

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in heavy:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Absent())
from holdfast.records.job import ChildLimits, TableJob
from holdfast.sandbox.duty import perform
samples = os.open(sys.argv[1], os.O_RDONLY)
job = TableJob(mode="auto", limits=ChildLimits(), parent_pid=1, samples_fd=samples, result_fd=1)
perform(job.model_dump_json().encode(), None, lambda _: None)
"""


def test_it_needs_nothing_that_the_api_does_not_have(tmp_path: Path) -> None:
    path = _file(tmp_path, ["a.png"])
    run = subprocess.run(
        [sys.executable, "-c", _ALONE, str(path)], capture_output=True, check=False, text=True
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines()[1].startswith("a.png,")


def _damaged(data: bytes) -> bytes:
    """A file whose directory is whole and whose pages are not."""
    return data[:4] + bytes(len(data) // 4) + data[4 + len(data) // 4 :]


@pytest.mark.parametrize("change", [lambda _: b"PAR1" + bytes(200) + b"PAR1", _damaged])
def test_what_is_no_samples_file_is_refused(
    tmp_path: Path, change: Callable[[bytes], bytes]
) -> None:
    path = _file(tmp_path, ["a.png"] * 10)
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(HoldfastError) as refused:
        list(samples_csv(path, mode="required", limits=LIMITS))
    assert refused.value.code == "invalid_samples"


def test_a_reader_that_leaves_takes_the_child_along(tmp_path: Path) -> None:
    path = _file(tmp_path, [f"{n:06}.png" for n in range(60_000)])
    blocks = samples_csv(path, mode="required", limits=LIMITS)
    assert next(blocks).startswith(b"probe,label,")
    blocks.close()  # type: ignore[attr-defined] # it is a generator
    assert not [each for each in threading.enumerate() if each.name == "table"]
