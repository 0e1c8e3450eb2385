"""One real audit of the example, shared by the tests that only need some result."""

from pathlib import Path

import pytest

from commands import holdfast

CONFIG = """\
version: 1
families:
  translation: {shifts_px: [[1, 0], [6, 6]]}
  rotation: {angles_deg: [-10, 10]}
  scale: off
data: {limit: 120}
"""


@pytest.fixture(scope="session")
def audited(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `result.json` and `result.samples.parquet` of a short audit."""
    folder = tmp_path_factory.mktemp("audited")
    (folder / "holdfast.yaml").write_text(CONFIG)
    model, data = digits / "everywhere.onnx", digits / "probes.zip"
    done = holdfast("audit", model, "--data", data, "-o", "result.json", cwd=folder)
    assert done.returncode == 0, done.stderr
    (folder / "audit.out").write_text(done.stdout)
    (folder / "audit.err").write_text(done.stderr)
    return folder
