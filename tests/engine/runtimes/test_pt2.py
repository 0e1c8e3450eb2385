"""A .pt2 runs in our own interpreter: the scores are PyTorch's, nothing of the file is executed."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import torch_nets as nets
from auditing import measured, plan_of, run
from corpus import load_corpus
from holdfast.errors import HoldfastError
from holdfast.probes.pack import packed
from holdfast.records.model import Head, OutputKind
from holdfast.runtimes import pt2_ops
from holdfast.runtimes.opening import describe_model, open_model
from holdfast.runtimes.pt2_archive import read_pt2
from holdfast.runtimes.pt2_graph import parse_graph
from toy_probes import flat, noise

FREE = torch.export.Dim("n", min=1, max=64)
BATCH = np.random.default_rng(3).random((5, 3, 32, 32), dtype=np.float32)


def _edited(data: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    """The archive with its `models/model.json` changed."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(made, "w") as new:
        for member in old.infolist():
            content = old.read(member)
            if member.filename.endswith("models/model.json"):
                document = json.loads(content)
                change(document)
                content = json.dumps(document).encode()
            new.writestr(member.filename, content)
    return made.getvalue()


def _refusal(data: bytes) -> HoldfastError:
    with pytest.raises(HoldfastError) as raised:
        open_model(data, "0")(BATCH)
    return raised.value


@pytest.mark.parametrize("name", nets.NETS)
def test_the_scores_are_those_of_pytorch(name: str) -> None:
    module = nets.build(name)
    model = open_model(nets.pt2(module, batch=FREE), "0")
    assert np.array_equal(model(BATCH), nets.eager(module, BATCH))


@pytest.mark.parametrize("name", nets.NETS)
def test_a_decomposed_program_gives_nearly_the_same(name: str) -> None:
    module, buffer = nets.build(name), io.BytesIO()
    with nets.quiet():
        program = torch.export.export(
            module, (torch.rand(2, 3, 32, 32),), dynamic_shapes=({0: FREE},)
        )
        torch.export.save(program.run_decompositions(), buffer)
    model = open_model(buffer.getvalue(), "0")
    assert np.abs(model(BATCH) - nets.eager(module, BATCH)).max() < 1e-5


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_a_fixed_batch_takes_any_number_of_images(n: int) -> None:
    module = nets.build("cnn")
    model = open_model(nets.pt2(module, n=3), "0")
    assert model.card.batch == 3
    assert np.abs(model(BATCH[:n]) - nets.eager(module, BATCH[:n])).max() < 1e-5


def test_a_free_batch_keeps_the_bounds_of_its_export() -> None:
    module = nets.build("cnn")
    dim = torch.export.Dim("n", min=2, max=3)
    model = open_model(nets.pt2(module, batch=dim), "0")
    assert (model.card.batch, model.card.batch_min, model.card.batch_max) == (None, 2, 3)
    for n in (1, 2, 4, 5):
        assert np.abs(model(BATCH[:n]) - nets.eager(module, BATCH[:n])).max() < 1e-5


def test_the_card_tells_what_the_graph_says() -> None:
    card = describe_model(nets.pt2(nets.build("cnn"), batch=FREE), "abc")
    parameters = sum(tensor.numel() for tensor in nets.build("cnn").parameters())
    assert (card.format, card.sha256, card.n_parameters) == ("pt2", "abc", parameters)
    assert (card.opset, card.ir_version, card.architecture) == (None, None, None)
    assert (card.layout, card.channels, card.height_px, card.width_px) == ("nchw", 3, 32, 32)
    assert (card.batch, card.batch_min, card.batch_max) == (None, 1, 64)
    assert card.inputs[0].dtype == "float32"
    assert card.n_nodes is not None
    assert card.n_nodes > 10
    assert card.warnings == ()


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("cnn", Head.global_pool),
        ("group_norm", Head.global_pool),
        ("flatten_head", Head.flatten),
        ("vit", Head.unknown),
    ],
)
def test_the_head_is_read_from_the_graph(name: str, head: Head) -> None:
    assert describe_model(nets.pt2(nets.build(name), batch=FREE), "0").head is head


def test_a_pool_that_leaves_places_is_no_global_pool() -> None:
    layers = [nn.Conv2d(3, 2, 3, padding=1), nn.MaxPool2d(16), nn.Conv2d(2, 2, 1), nn.Flatten()]
    assert describe_model(nets.pt2(nn.Sequential(*layers)), "0").head is Head.unknown


def test_a_softmax_at_the_end_makes_probabilities() -> None:
    kinds = {
        name: describe_model(nets.pt2(nets.build(name), batch=FREE), "0").output_kind
        for name in ("vit", "cnn")
    }
    assert kinds == {"vit": OutputKind.probabilities, "cnn": None}


def test_half_precision_and_channels_last_inputs_are_fed_as_declared() -> None:
    class Nhwc(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.mean((1, 2)).float()

    buffer = io.BytesIO()
    with nets.quiet():
        example = torch.rand(2, 8, 12, 3).half()
        torch.export.save(torch.export.export(Nhwc(), (example,)), buffer)
    model = open_model(buffer.getvalue(), "0")
    batch = np.random.default_rng(0).random((4, 3, 8, 12), dtype=np.float32)
    assert (model.card.layout, model.card.height_px, model.card.width_px) == ("nhwc", 8, 12)
    expected = batch.astype(np.float16).astype(np.float64).mean((2, 3))
    assert np.abs(model(batch) - expected).max() < 1e-3


def test_a_model_that_changes_its_input_in_place_does_not_change_ours() -> None:
    class InPlace(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.mul_(2).add_(1).relu_().mean((2, 3))

    model = open_model(nets.pt2(InPlace(), batch=FREE), "0")
    batch = BATCH.copy()
    assert np.abs(model(batch) - (2 * BATCH.astype(float) + 1).mean((2, 3))).max() < 1e-5
    assert np.array_equal(batch, BATCH)


def test_dropout_that_is_left_on_is_said() -> None:
    module = nn.Sequential(nn.Flatten(), nn.Linear(3072, 4), nn.Dropout(0.5)).train()
    card = describe_model(nets.pt2(module, batch=FREE), "0")
    assert any("draws random numbers" in warning for warning in card.warnings)


def test_every_operator_of_the_list_is_one_of_this_pytorch() -> None:
    absent = [name for name in pt2_ops._allowed() if pt2_ops.find(name) is None]
    assert absent == []


@pytest.mark.parametrize(
    "name", ["from_file", "save", "_print", "set_", "resize_", "empty", "_local_scalar_dense"]
)
def test_no_operator_reaches_outside_the_graph(name: str) -> None:
    packet = getattr(torch.ops.aten, name, None)
    overloads = packet.overloads() if packet is not None else ["default"]
    assert not [o for o in overloads if pt2_ops.is_allowed(f"torch.ops.aten.{name}.{o}")]


def _nodes(document: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = document["graph_module"]["graph"]["nodes"]
    return found


BROKEN: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "a value that is used before it is made": (lambda d: _nodes(d).reverse(), "bad_archive"),
    "an argument of no known kind": (
        lambda d: _nodes(d)[-1]["inputs"][0].update(arg={"as_graph": {"name": "g"}}),
        "pt2_unsupported",
    ),
    "an argument that the operator does not have": (
        lambda d: _nodes(d)[-1]["inputs"][0].update(name="evil"),
        "bad_archive",
    ),
    "two kinds at once": (
        lambda d: _nodes(d)[-1]["inputs"][0].update(arg={"as_int": 1, "as_bool": True}),
        "bad_archive",
    ),
    "a truth value as a number": (
        lambda d: _nodes(d)[-1]["inputs"][0].update(arg={"as_int": True}),
        "bad_archive",
    ),
    "a list instead of a node": (lambda d: _nodes(d).append([]), "bad_archive"),  # type: ignore[arg-type]
    "a weight that is not there": (
        lambda d: d["graph_module"]["signature"]["input_specs"][0]["parameter"].update(
            parameter_name="x"
        ),
        "bad_archive",
    ),
    "a custom object as input": (
        lambda d: d["graph_module"]["signature"]["input_specs"].append({"custom_obj": {}}),
        "pt2_unsupported",
    ),
    "a second image": (
        lambda d: d["graph_module"]["signature"]["input_specs"].append(
            {"user_input": {"arg": {"as_tensor": {"name": "x"}}}}
        ),
        "unsupported_input",
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_graph_that_is_not_whole_is_refused(what: str) -> None:
    change, code = BROKEN[what]
    assert _refusal(_edited(nets.pt2(nets.build("cnn"), batch=FREE), change)).code == code


@pytest.mark.parametrize(
    ("key", "value"),
    [("sizes", [{"as_int": 1 << 39}]), ("strides", [{"as_int": -1}]), ("sizes", [])],
)
def test_a_weight_with_an_impossible_shape_is_refused(key: str, value: object) -> None:
    made = io.BytesIO()
    data = nets.pt2(nets.build("cnn"), batch=FREE)
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(made, "w") as new:
        for member in old.infolist():
            content = old.read(member)
            if member.filename.endswith("model_weights_config.json"):
                config = json.loads(content)
                config["config"]["body.1.weight"]["tensor_meta"][key] = value
                content = json.dumps(config).encode()
            new.writestr(member.filename, content)
    assert _refusal(made.getvalue()).code == "bad_archive"


def test_memory_is_free_as_soon_as_a_value_is_no_longer_needed() -> None:
    graph = parse_graph(read_pt2(nets.pt2(nets.build("cnn"), batch=FREE)))
    made = [name for step in graph.steps for name in step.outputs if isinstance(name, str)]
    freed = [name for step in graph.steps for name in step.last_use]
    assert set(made) - set(freed) == set(graph.outputs)
    assert len(freed) == len(set(freed))


# --- in the locked child, and real files ---


def test_the_locked_child_audits_a_pt2(tmp_path: Path) -> None:
    data = nets.pt2(nets.build("cnn"), batch=FREE)
    probes = flat(tmp_path / "probes.zip", noise(12, 32, 32, 3))
    output = run(data, probes, plan_of(shifts_px=[[2, 0]], angles_deg=[10.0]))
    assert output.result.model.format == "pt2"
    assert output.result.model.n_classes == 10
    assert output.result.provenance.sandbox.in_force
    assert measured(output.result, "translation.consistency").value is not None


def test_a_real_resnet_has_the_accuracy_that_is_known_of_it(shared: Path) -> None:
    model = shared / "assets" / "models" / "cifar10_resnet20_dynbatch.pt2"
    with packed(shared / "assets" / "images" / "cifar10_500") as probes:
        output = run(model, probes, plan_of("imagenet", shifts_px=[[1, 0]]))
    accuracy = measured(output.result, "accuracy").value
    assert accuracy is not None
    assert 0.78 < accuracy < 0.83
    assert output.result.model.head is Head.global_pool


@pytest.mark.parametrize("name", ["resnet18", "mobilenetv3_small_100", "vit_tiny_patch16_224"])
def test_networks_of_timm_give_the_scores_of_pytorch(name: str) -> None:
    timm = nets.optional("timm")
    torch.manual_seed(0)
    module = timm.create_model(name, pretrained=False).eval()
    data = nets.pt2(module, batch=torch.export.Dim.DYNAMIC, size=224)
    batch = np.random.default_rng(1).random((3, 3, 224, 224), dtype=np.float32)
    model = open_model(data, "0")
    assert np.array_equal(model(batch), nets.eager(module, batch))


def test_every_pt2_of_the_corpus_has_its_code_and_no_payload_runs(shared: Path) -> None:
    corpus = load_corpus(shared)
    marker = Path(corpus.MARK)
    marker.unlink(missing_ok=True)
    cases = [case for case in corpus.CASES if case.kind == "pt2"]
    assert len(cases) >= 18
    batch = np.random.default_rng(0).random((2, 3, 8, 8), dtype=np.float32)
    wrong = []
    for case in cases:
        seen = ""
        with nets.quiet():
            data = case.make()
        try:
            open_model(data, "0")(batch)
        except HoldfastError as error:
            seen = error.code
        if seen != case.code or marker.exists():
            wrong.append(f"{case.name}: {seen or 'accepted'} instead of {case.code or 'accepted'}")
    assert wrong == []
