"""`holdfast audit` on this machine: what is printed, written and refused before any work."""

import hashlib
import json
import time
from pathlib import Path

from commands import holdfast


def test_the_screen_names_preset_measurements_and_intervals(audited: Path) -> None:
    printed = (audited / "audit.out").read_text()
    assert "120 images, 120 labelled, 32 x 32 px" in printed
    assert "the most accurate one on the labelled images" in printed
    assert "95 % interval" in printed
    assert "translation.consistency" in printed
    assert "No gate: nothing was decided." in printed


def test_progress_is_on_stderr_in_plain_lines(audited: Path) -> None:
    lines = (audited / "audit.err").read_text().splitlines()
    assert lines[0] == "using holdfast.yaml"
    assert "everywhere.onnx: moving the pictures 100 %" in lines
    assert len(lines) < 12


def test_the_per_sample_file_stands_beside_the_result(audited: Path) -> None:
    record = json.loads((audited / "result.json").read_text())
    samples = (audited / "result.samples.parquet").read_bytes()
    assert record["samples"]["sha256"] == hashlib.sha256(samples).hexdigest()


def test_the_configuration_reaches_the_audit(audited: Path) -> None:
    record = json.loads((audited / "result.json").read_text())
    assert record["plan"]["limit"] == 120
    assert {cell["family"] for cell in record["cells"]} == {"translation", "rotation"}


def test_options_win_over_the_configuration(tmp_path: Path, audited: Path, digits: Path) -> None:
    options = ["--limit", 30, "--seed", 7, "--confidence", 0.8, "--input", "unit"]
    config = ["--config", audited / "holdfast.yaml", "-o", "r.json"]
    model = [digits / "gap.onnx", "--data", digits / "probes.zip"]
    done = holdfast("audit", *model, *options, *config, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    plan = json.loads((tmp_path / "r.json").read_text())["plan"]
    assert (plan["limit"], plan["seed"], plan["confidence"]) == (30, 7, 0.8)
    assert plan["input"]["preset"] == "unit"
    assert "80 % interval" in done.stdout


def test_model_and_images_may_come_from_the_configuration(tmp_path: Path, digits: Path) -> None:
    text = f"version: 1\nmodel: {{path: {digits}/gap.onnx}}\ndata: {{path: {digits}/probes.zip}}\n"
    (tmp_path / "holdfast.yaml").write_text(text + "families: {rotation: off, scale: off}\n")
    done = holdfast("audit", "--limit", 20, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_an_unknown_suffix_is_refused_before_any_work(tmp_path: Path, digits: Path) -> None:
    began = time.monotonic()
    model = [digits / "gap.onnx", "--data", digits / "probes.zip"]
    done = holdfast("audit", *model, "-o", "report.pdf", cwd=tmp_path)
    assert done.returncode == 2
    assert "error[unsupported_output_format]: report.pdf" in done.stderr
    assert "opening the model" not in done.stderr
    assert time.monotonic() - began < 20


def test_an_output_that_cannot_be_written_is_refused_before_any_work(
    tmp_path: Path, digits: Path
) -> None:
    (tmp_path / "file").write_text("")
    model = [digits / "gap.onnx", "--data", digits / "probes.zip"]
    done = holdfast("audit", *model, "-o", "file/report.json", cwd=tmp_path)
    assert done.returncode == 2
    assert "opening the model" not in done.stderr


def test_a_missing_extra_is_one_clear_line(tmp_path: Path, digits: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['onnxruntime'] = None\n")
    model = [digits / "gap.onnx", "--data", digits / "probes.zip"]
    done = holdfast("audit", *model, cwd=tmp_path, PYTHONPATH=tmp_path)
    assert done.returncode == 2
    assert "pip install 'holdfast[audit]'" in done.stderr
    assert len(done.stderr.splitlines()) == 2


def test_nobody_meets_a_traceback(tmp_path: Path, digits: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import holdfast.probes.pack as pack\n"
        "def broken(path): raise ZeroDivisionError\n"
        "pack.packed = broken\n"
    )
    model = [digits / "gap.onnx", "--data", digits / "probes.zip"]
    done = holdfast("audit", *model, cwd=tmp_path, PYTHONPATH=tmp_path)
    assert done.returncode == 5
    assert "error[internal]" in done.stderr
    assert "ZeroDivisionError in sitecustomize.py:2" in done.stderr
    assert "Traceback" not in done.stderr
