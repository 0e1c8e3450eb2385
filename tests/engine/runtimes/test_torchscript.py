"""TorchScript runs code when it is loaded: only under the lock, and only harmless operators."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import torch_nets as nets
from auditing import LIMITS, measured, plan_of, run
from corpus import load_corpus
from holdfast.errors import HoldfastError
from holdfast.probes.pack import packed
from holdfast.records.plan import InputSpec, Preset
from holdfast.runtimes.batching import FAILS_IN_BATCHES, MIXES_IMAGES
from holdfast.runtimes.opening import Terms, describe_model, open_model
from holdfast.runtimes.torchscript import DEPRECATED
from holdfast.sandbox.parent import inspect_model, run_audit
from toy_probes import flat, noise

# These nets are our own, so they may run in this process.
TRUSTED = Terms(sandboxed=True)
BATCH = np.random.default_rng(3).random((5, 3, 32, 32), dtype=np.float32)


@pytest.mark.parametrize("name", ["cnn", "vit", "flatten_head"])
def test_the_scores_of_a_traced_net_are_those_of_pytorch(name: str) -> None:
    module = nets.build(name)
    model = open_model(nets.trace(module), "0", TRUSTED)
    assert np.abs(model(BATCH) - nets.eager(module, BATCH)).max() < 1e-5
    assert model.card.warnings[0] == DEPRECATED


def test_a_scripted_net_gives_the_scores_of_pytorch() -> None:
    module = nets.build("cnn")
    model = open_model(nets.script(module), "0", TRUSTED)
    assert np.abs(model(BATCH) - nets.eager(module, BATCH)).max() < 1e-5


@pytest.mark.parametrize(("name", "size"), [("cnn", None), ("vit", 32), ("flatten_head", 32)])
def test_the_size_that_a_net_takes_is_found_by_trying(name: str, size: int | None) -> None:
    card = describe_model(nets.trace(nets.build(name)), "0", TRUSTED)
    assert (card.format, card.channels, card.layout) == ("torchscript", 3, "nchw")
    assert (card.height_px, card.width_px) == (size, size)
    assert card.outputs[0].shape == (None, {"cnn": 10, "vit": 10, "flatten_head": 6}[name])
    assert (card.opset, card.ir_version) == (None, None)
    parameters = sum(tensor.numel() for tensor in nets.build(name).parameters())
    assert card.n_parameters == parameters


def test_an_unusual_size_is_found_when_it_is_declared() -> None:
    module = nn.Sequential(nn.Flatten(), nn.Linear(1 * 20 * 44, 3)).eval()
    buffer = io.BytesIO()
    with nets.quiet():
        torch.jit.save(torch.jit.trace(module, torch.rand(1, 1, 20, 44)), buffer)  # type: ignore[no-untyped-call]
    declared = Terms(sandboxed=True, size_px=(20, 44))
    card = describe_model(buffer.getvalue(), "0", declared)
    assert (card.channels, card.height_px, card.width_px) == (1, 20, 44)
    with pytest.raises(HoldfastError, match="unsupported_input"):
        describe_model(buffer.getvalue(), "0", TRUSTED)


class _BakedBatch(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(8, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.dense(x.mean((2, 3)).repeat(1, 3)[:, :8].reshape(1, 8))
        return scores


class _Mixes(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        pooled = x.mean((2, 3))
        return pooled - pooled.mean(0, keepdim=True) * 0.5


@pytest.mark.parametrize(("net", "why"), [(_BakedBatch, FAILS_IN_BATCHES), (_Mixes, MIXES_IMAGES)])
def test_a_net_that_cannot_keep_a_batch_runs_one_by_one_and_says_so(
    net: type[nn.Module], why: str
) -> None:
    torch.manual_seed(0)
    module = net().eval()
    model = open_model(nets.trace(module), "0", TRUSTED)
    assert model.card.batch is None
    scores = model(BATCH)
    alone = np.concatenate([nets.eager(module, image[None]) for image in BATCH])
    assert np.abs(scores - alone).max() < 1e-5
    assert model.card.batch == 1
    assert why in model.card.warnings


def test_a_net_of_honest_batches_keeps_its_batch() -> None:
    model = open_model(nets.trace(nets.build("vit")), "0", TRUSTED)
    model(BATCH)
    assert model.card.batch is None
    assert model.card.warnings == (DEPRECATED,)


# --- the lock ---


def test_nothing_is_loaded_where_the_sandbox_is_not_in_force(tmp_path: Path) -> None:
    data = nets.trace(nets.build("cnn"))
    with pytest.raises(HoldfastError, match="torchscript_needs_sandbox"):
        open_model(data, "0")
    model, probes = tmp_path / "m", flat(tmp_path / "p.zip", noise(4, 32, 32, 3))
    model.write_bytes(data)
    for mode in ("auto", "container"):
        with pytest.raises(HoldfastError) as raised:
            run_audit(
                model,
                probes,
                plan_of(shifts_px=[[1, 0]]),
                mode=mode,
                limits=LIMITS,
                on_progress=lambda _: None,
                cancelled=lambda: False,
            )
        assert raised.value.code == "torchscript_needs_sandbox"
        assert mode in raised.value.sentence


def test_the_locked_child_audits_and_inspects_torchscript(tmp_path: Path) -> None:
    model, probes = tmp_path / "m", flat(tmp_path / "p.zip", noise(12, 32, 32, 3))
    model.write_bytes(nets.trace(nets.build("flatten_head")))
    output = run(model, probes, plan_of(shifts_px=[[2, 0]]))
    assert output.result.model.format == "torchscript"
    assert DEPRECATED in output.result.model.warnings
    assert output.result.provenance.sandbox.in_force
    card = inspect_model(model, mode="required", limits=LIMITS)
    assert (card.height_px, card.width_px, card.channels) == (32, 32, 3)


# --- hostile and real files ---


def test_no_torchscript_of_the_corpus_is_loaded_without_the_sandbox(
    shared: Path, tmp_path: Path
) -> None:
    """With it: see tests/acceptance."""
    corpus = load_corpus(shared, tmp_path / "marker")
    cases = [case for case in corpus.CASES if case.kind == "ts"]
    assert len(cases) >= 10
    for case in cases:
        with nets.quiet():
            data = case.make()
        with pytest.raises(HoldfastError, match="torchscript_needs_sandbox"):
            open_model(data, "0")
    assert not (tmp_path / "marker").exists()


@pytest.mark.parametrize("name", ["resnet18", "mobilenetv3_small_100", "vit_tiny_patch16_224"])
def test_traced_networks_of_timm_give_the_scores_of_pytorch(name: str) -> None:
    timm = nets.optional("timm")
    torch.manual_seed(0)
    module = timm.create_model(name, pretrained=False).eval()
    batch = np.random.default_rng(1).random((3, 3, 224, 224), dtype=np.float32)
    model = open_model(nets.trace(module, size=224), "0", TRUSTED)
    assert np.abs(model(batch) - nets.eager(module, batch)).max() < 1e-5


class _DiesOfTwo(nn.Module):
    """Reads far behind its memory as soon as there are two images, or with the first one."""

    def __init__(self, images: int) -> None:
        super().__init__()
        self.images = images

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        if batch.shape[0] >= self.images:
            lengths = torch.full([1], 1 << 40, dtype=torch.int64)
            wild = torch.segment_reduce(batch.flatten(), "sum", lengths=lengths, unsafe=True)
            return wild.expand(batch.shape[0], 3)
        return batch.mean(dim=(2, 3))


def test_a_model_that_dies_of_a_batch_is_audited_image_by_image(tmp_path: Path) -> None:
    probes = flat(tmp_path / "p.zip", noise(6, 8, 8, 3))
    path = tmp_path / "m.pt"
    path.write_bytes(nets.script(_DiesOfTwo(2)))
    stages: list[str] = []
    output = run(
        path,
        probes,
        plan_of(crop=8, shifts_px=[[1, 0]]),
        on_progress=lambda progress: stages.append(progress.stage),
    )
    assert list(dict.fromkeys(stages)) == ["loading", "probing", "measuring", "writing"]
    assert (output.result.model.batch, output.result.model.batching) == (1, "crashes")
    assert "batch_crashes" in [finding.id for finding in output.result.findings]
    assert output.result.probes.n_used == 6


def test_a_model_that_dies_of_one_image_has_crashed(tmp_path: Path) -> None:
    path = tmp_path / "m.pt"
    path.write_bytes(nets.script(_DiesOfTwo(1)))
    with pytest.raises(HoldfastError, match="model_crashed"):
        run(path, flat(tmp_path / "p.zip", noise(6, 8, 8, 3)), plan_of(crop=8))


# file, images, plan, lowest and highest accuracy
REAL: list[tuple[str, str, dict[str, Any], float, float]] = [
    ("cifar10_resnet20_traced.pt", "cifar10_500", {"preset": "imagenet"}, 0.78, 0.83),
    (
        "mobilenet_quantized2_ios.pt",
        "imagenet200",
        {"preset": "imagenet", "crop": 224, "limit": 60},
        0.75,
        0.95,
    ),
    (
        "refuse/mobilenet_quantized_ios_old.pt",
        "imagenet200",
        {"preset": "imagenet", "crop": 224, "limit": 60},
        0.75,
        0.95,
    ),
]


@pytest.mark.parametrize(("name", "data", "plan", "low", "high"), REAL)
def test_a_real_file_has_the_accuracy_that_is_known_of_it(
    shared: Path, *, name: str, data: str, plan: dict[str, Any], low: float, high: float
) -> None:
    model = shared / "assets" / "models" / name
    with packed(shared / "assets" / "images" / data) as probes:
        output = run(model, probes, plan_of(**plan, shifts_px=[[1, 0]]))
    accuracy = measured(output.result, "accuracy").value
    assert accuracy is not None
    assert low < accuracy < high
    one_by_one = output.result.model.batch == 1
    assert one_by_one == name.startswith("refuse/")
    assert (FAILS_IN_BATCHES in output.result.model.warnings) == one_by_one


def test_a_real_file_of_the_lite_interpreter_has_its_accuracy(shared: Path) -> None:
    assets = shared / "assets"
    plan = plan_of(limit=150, shifts_px=[[1, 0]])
    spec = InputSpec(preset=Preset.custom, scale=1 / 255, mean=(0.1307,), std=(0.3081,))
    declared = plan.model_copy(update={"input": spec})
    output = run(assets / "models" / "vit4mnist.ptl", assets / "images/mnist2000.npz", declared)
    accuracy = measured(output.result, "accuracy").value
    assert accuracy is not None
    assert accuracy > 0.94
    assert output.result.model.arithmetic == "int8"


def test_a_real_file_that_needs_another_runtime_does_not_load(shared: Path) -> None:
    path = shared / "assets" / "models" / "refuse" / "asl.ptl"
    with pytest.raises(HoldfastError, match="load_failed"):
        inspect_model(path, mode="required", limits=LIMITS)
