import json
from pathlib import Path
from typing import Any

import pytest

from commands import holdfast
from services import Service, embedded

_OF_THE_RUN = ("started_at", "duration_s", "threads", "sandbox")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with embedded(tmp_path_factory.mktemp("service")) as running:
        yield running


def _numbers(path: Path) -> dict[str, Any]:
    """A result without what describes the run rather than what was seen."""
    result: dict[str, Any] = json.loads(path.read_text())
    for name in _OF_THE_RUN:
        result["provenance"].pop(name)
    return result


def test_the_service_gives_the_numbers_of_the_local_command(
    service: Service, digits: Path, tmp_path: Path
) -> None:
    model, config = digits / "everywhere.onnx", digits / "holdfast.yaml"
    common = ("audit", model, "--data", digits / "probes.zip", "--config", config)
    local = holdfast(*common, "-o", "local.json", cwd=tmp_path)
    there = ("--server", service.url, "--wait", "-o", "remote.json")
    remote = holdfast(*common, *there, cwd=tmp_path)
    assert (local.returncode, remote.returncode) == (0, 0), local.stderr + remote.stderr
    assert _numbers(tmp_path / "local.json") == _numbers(tmp_path / "remote.json")


def test_a_folder_is_audited_alike_here_and_there(
    service: Service, shared: Path, tmp_path: Path
) -> None:
    model = shared / "assets" / "models" / "mnist_cntk_winml.onnx"
    data = shared / "assets" / "images" / "mnist300_imagefolder.zip"
    common = ("audit", model, "--data", data, "--input", "byte", "--limit", "60")
    local = holdfast(*common, "-o", "local.json", cwd=tmp_path)
    there = ("--server", service.url, "--wait", "-o", "remote.json")
    remote = holdfast(*common, *there, cwd=tmp_path)
    assert (local.returncode, remote.returncode) == (0, 0), local.stderr + remote.stderr
    assert _numbers(tmp_path / "local.json") == _numbers(tmp_path / "remote.json")
