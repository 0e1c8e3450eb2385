"""Bad files through the local command and through the service: each has its own code."""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import onnx
import pytest
from onnx import TensorProto, helper

from commands import holdfast
from services import Service, embedded


def _model(input_shape: list[int | str], classes: int) -> bytes:
    """A real classifier: global mean, one weight per class."""
    rank = len(input_shape)
    axes = helper.make_tensor("axes", TensorProto.INT64, [rank - 1], list(range(1, rank)))
    slopes = helper.make_tensor("w", TensorProto.FLOAT, [1, classes], list(range(classes)))
    nodes = [
        helper.make_node("ReduceMean", ["x", "axes"], ["mean"], keepdims=0),
        helper.make_node("Unsqueeze", ["mean", "one"], ["column"]),
        helper.make_node("MatMul", ["column", "w"], ["y"]),
    ]
    one = helper.make_tensor("one", TensorProto.INT64, [1], [1])
    graph = helper.make_graph(
        nodes,
        "mean",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, input_shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", classes])],
        [axes, slopes, one],
    )
    opsets = [helper.make_opsetid("", 18)]
    return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString())


def _with_one_broken(archive: Path) -> bytes:
    """The example's probes with one of ten images cut in half."""
    out = io.BytesIO()
    with zipfile.ZipFile(archive) as source, zipfile.ZipFile(out, "w") as target:
        for place, name in enumerate(sorted(source.namelist())[:10]):
            data = source.read(name)
            target.writestr(name, data[: len(data) // 2] if place == 3 else data)
    return out.getvalue()


def _empty_zip() -> bytes:
    out = io.BytesIO()
    zipfile.ZipFile(out, "w").close()
    return out.getvalue()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, digits: Path) -> Path:
    folder = tmp_path_factory.mktemp("bad")
    good = (digits / "everywhere.onnx").read_bytes()
    (folder / "good.onnx").write_bytes(good)
    (folder / "good.zip").write_bytes((digits / "probes.zip").read_bytes())
    (folder / "picture.onnx").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(64))
    (folder / "truncated.onnx").write_bytes(good[: len(good) // 2])
    (folder / "text.onnx").write_text("This is not a model. It is a text file.\n" * 20)
    (folder / "empty.onnx").write_bytes(b"")
    (folder / "three_classes.onnx").write_bytes(_model(["n", 1, 32, 32], 3))
    (folder / "rows.onnx").write_bytes(_model(["n", 40], 10))
    (folder / "empty.zip").write_bytes(_empty_zip())
    (folder / "broken_image.zip").write_bytes(_with_one_broken(digits / "probes.zip"))
    (folder / "not_a.zip").write_text("file,label\n")
    onnx.checker.check_model(str(folder / "rows.onnx"))
    return folder


_CASES = [
    ("picture.onnx", "good.zip", "unsupported_format"),
    ("truncated.onnx", "good.zip", "invalid_onnx"),
    ("text.onnx", "good.zip", "unsupported_format"),
    ("empty.onnx", "good.zip", "empty_file"),
    ("rows.onnx", "good.zip", "unsupported_input"),
    ("three_classes.onnx", "good.zip", "labels_mismatch"),
    ("good.onnx", "empty.zip", "empty_archive"),
    ("good.onnx", "not_a.zip", "not_a_zip"),
    ("good.onnx", "broken_image.zip", "too_many_bad_images"),
]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with embedded(tmp_path_factory.mktemp("service")) as running:
        yield running


@pytest.mark.parametrize(("model", "data", "code"), _CASES)
def test_the_local_command_names_the_fault(files: Path, model: str, data: str, code: str) -> None:
    answer = holdfast(
        *("audit", files / model, "--data", files / data, "--input", "unit"), cwd=files
    )
    assert f"error[{code}]: " in answer.stderr
    assert "\nhint: " in answer.stderr
    assert "Traceback" not in answer.stderr
    assert answer.returncode == 4


@pytest.mark.parametrize(("model", "data", "code"), _CASES)
def test_the_service_names_the_same_fault(
    service: Service, files: Path, model: str, data: str, code: str
) -> None:
    answer = holdfast(
        *("audit", files / model, "--data", files / data, "--input", "unit"),
        *("--server", service.url, "--wait"),
        cwd=files,
    )
    assert f"error[{code}]: " in answer.stderr
    assert answer.returncode == 4
    assert httpx.get(f"{service.url}/readyz").json()["status"] == "ready"
