"""The command line and models of PyTorch: the lock, the architecture, what `inspect` shows."""

import json
from pathlib import Path

import torch

import torch_nets as nets
from commands import holdfast
from toy_probes import flat, noise


def test_torchscript_runs_in_mode_auto_where_the_self_test_passes(tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(nets.trace(nets.build("flatten_head")))
    flat(tmp_path / "p.zip", noise(6, 32, 32, 3))
    (tmp_path / "holdfast.yaml").write_text(
        "version: 1\nfamilies: {translation: {shifts_px: [[1, 0]]}, rotation: off, scale: off}\n"
    )
    done = holdfast(
        "audit", "m", "--data", "p.zip", "--input", "unit", "-o", "r.json", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    sandbox = json.loads((tmp_path / "r.json").read_text())["provenance"]["sandbox"]
    assert (sandbox["mode"], sandbox["in_force"]) == ("required", True)


def test_torchscript_is_refused_in_mode_container(tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(nets.trace(nets.build("flatten_head")))
    done = holdfast("inspect", "m", "--sandbox", "container", cwd=tmp_path)
    assert done.returncode == 4
    assert "torchscript_needs_sandbox" in done.stderr


def test_inspect_shows_a_pt2_without_onnx_s_words(tmp_path: Path) -> None:
    dim = torch.export.Dim("n", min=1, max=64)
    (tmp_path / "m").write_bytes(nets.pt2(nets.build("cnn"), batch=dim))
    done = holdfast("inspect", "m", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    shown = {line.split()[0]: line.split(None, 1)[1] for line in done.stdout.splitlines()[1:]}
    assert shown["format"].strip() == "pt2"
    assert shown["batch"].strip() == "1 to 64"
    assert shown["head"].strip() == "global_pool"
    assert "None" not in done.stdout
    assert "opset" not in done.stdout


def test_weights_ask_for_their_architecture_and_take_it_from_anywhere(tmp_path: Path) -> None:
    header = b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    (tmp_path / "m").write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    asked = holdfast("inspect", "m", cwd=tmp_path)
    assert asked.returncode == 4
    assert "architecture_needed" in asked.stderr
    named = holdfast("inspect", "m", "--architecture", "keras/x", cwd=tmp_path)
    assert named.returncode == 4
    assert "keras/x" in named.stderr
    flat(tmp_path / "p.zip", noise(4, 8, 8, 3))
    (tmp_path / "holdfast.yaml").write_text("version: 1\nmodel: {architecture: keras/y}\n")
    written = holdfast("audit", "m", "--data", "p.zip", cwd=tmp_path)
    assert written.returncode == 4
    assert "keras/y" in written.stderr
    given = holdfast("audit", "m", "--data", "p.zip", "--architecture", "keras/z", cwd=tmp_path)
    assert given.returncode == 4
    assert "keras/z" in given.stderr
