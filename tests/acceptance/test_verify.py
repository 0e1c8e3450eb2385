import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from commands import holdfast


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory, digits: Path) -> Path:
    path = tmp_path_factory.mktemp("audited") / "result.json"
    answer = holdfast(
        *("audit", digits / "centered.onnx", "--data", digits / "probes.zip"),
        *("--config", digits / "holdfast.yaml", "--limit", "70", "-o", path),
        cwd=path.parent,
    )
    assert answer.returncode == 1, answer.stderr
    return path


@pytest.fixture
def copy(audited: Path, tmp_path: Path) -> Path:
    for file in audited.parent.iterdir():
        shutil.copy(file, tmp_path / file.name)
    return tmp_path / audited.name


def test_an_untouched_result_follows_from_its_samples(audited: Path) -> None:
    answer = holdfast("verify", audited, cwd=audited.parent)
    assert answer.returncode == 0, answer.stderr
    assert "37 measurements and 94 cells" in answer.stdout


def _accuracy(result: Any) -> None:
    result["measurements"][0]["value"] -= 0.01


def _interval(result: Any) -> None:
    result["measurements"][2]["high"] += 1e-9


def _cell(result: Any) -> None:
    result["cells"][5]["drift"] += 1e-6


def _fewer_cells(result: Any) -> None:
    del result["cells"][-1]


@pytest.mark.parametrize("forge", [_accuracy, _interval, _cell, _fewer_cells])
def test_a_number_that_was_changed_is_found(copy: Path, forge: Callable[[Any], None]) -> None:
    result = json.loads(copy.read_text())
    forge(result)
    copy.write_text(json.dumps(result))
    answer = holdfast("verify", copy, cwd=copy.parent)
    assert "error[result_mismatch]" in answer.stderr
    assert answer.returncode == 4


def _rewritten(copy: Path, name: str, values: Any) -> None:
    """Change one column and claim the new file's digest, as a careful forger would."""
    path = copy.with_suffix(".samples.parquet")
    file = pq.ParquetFile(path)
    sizes = [file.metadata.row_group(place).num_rows for place in range(file.num_row_groups)]
    table = file.read()
    column = table.schema.get_field_index(name)
    changed = table.set_column(column, table.schema.field(name), pa.array(values))
    start = 0
    with pq.ParquetWriter(path, changed.schema) as writer:
        for n_rows in sizes:  # a row group is a block of whole images
            writer.write_table(changed.slice(start, n_rows), row_group_size=n_rows)
            start += n_rows


def test_samples_that_were_changed_are_found(copy: Path) -> None:
    table = pq.read_table(copy.with_suffix(".samples.parquet"))
    predicted = table["predicted"].to_numpy().copy()
    predicted[1] = (predicted[1] + 1) % 10
    _rewritten(copy, "predicted", predicted.astype(np.int32))
    answer = holdfast("verify", copy, cwd=copy.parent)
    assert "error[result_mismatch]" in answer.stderr
    assert answer.returncode == 4


def test_what_is_no_per_sample_file_is_refused(copy: Path) -> None:
    answer = holdfast("verify", copy, copy, cwd=copy.parent)
    assert "error[invalid_samples]" in answer.stderr
    assert answer.returncode == 2
