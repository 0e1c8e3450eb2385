"""Weights without a graph: plain tensors only, and the network that the plan names."""

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import torch_nets as nets
from auditing import LIMITS, plan_of, run
from corpus import load_corpus
from holdfast.errors import HoldfastError
from holdfast.runtimes.architecture import build, with_weights
from holdfast.runtimes.opening import Terms, open_model
from holdfast.runtimes.safetensors_file import read_safetensors
from holdfast.runtimes.state_dict import plain_tensors, read_state_dict
from holdfast.sandbox.parent import inspect_model
from toy_probes import flat, noise

Tree = dict[str, torch.Tensor]
DTYPES = {torch.float32: "F32", torch.float16: "F16", torch.int64: "I64", torch.bool: "BOOL"}


def _safetensors(tree: Tree, **header: Any) -> bytes:
    """The format written by hand; `header` adds to it or replaces entries."""
    entries: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    body = b""
    for name, tensor in tree.items():
        raw = tensor.numpy().tobytes()
        entries[name] = {
            "dtype": DTYPES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [len(body), len(body) + len(raw)],
        }
        body += raw
    text = json.dumps({**entries, **header}).encode()
    return struct.pack("<Q", len(text)) + text + body


TREE: Tree = {
    "a": torch.arange(6, dtype=torch.float32).reshape(2, 3) / 7,
    "b": torch.tensor(5),
    "c": torch.tensor([True, False]),
    "empty": torch.empty((0, 4)),
    "half": torch.tensor([0.5, 1.5], dtype=torch.float16),
}


@pytest.mark.parametrize(
    "read",
    [
        lambda: read_safetensors(_safetensors(TREE)),
        lambda: read_state_dict(nets.pth(TREE)),
        lambda: read_state_dict(nets.pth({"epoch": 3, "state_dict": TREE})),
        lambda: read_state_dict(nets.pth({"model": TREE})),
    ],
)
def test_tensors_come_back_as_they_were_saved(read: Callable[[], Tree]) -> None:
    found = read()
    assert found.keys() == TREE.keys()
    for name, tensor in TREE.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor)


def test_our_reader_reads_what_the_format_s_own_library_writes() -> None:
    library = nets.optional("safetensors.torch")
    found = read_safetensors(library.save(TREE))
    assert all(torch.equal(found[name], tensor) for name, tensor in TREE.items())


ENTRY = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
TWICE = f'{{"a":{json.dumps(ENTRY)},"a":{json.dumps(ENTRY)}}}'.encode()
BAD_SAFETENSORS: dict[str, bytes] = {
    "an overlap": _safetensors({"a": torch.zeros(2)}, b=ENTRY),
    "a hole": _safetensors({"a": torch.zeros(2)}, b={**ENTRY, "data_offsets": [12, 20]}),
    "too few bytes": _safetensors({"a": torch.zeros(2)})[:-1],
    "bytes left over": _safetensors({"a": torch.zeros(2)}) + b"\0",
    "a shape of other bytes": _safetensors({"a": torch.zeros(2)}, a={**ENTRY, "shape": [3]}),
    "a negative side": _safetensors({"a": torch.zeros(2)}, a={**ENTRY, "shape": [-2]}),
    "a truth value as side": _safetensors({"a": torch.zeros(2)}, a={**ENTRY, "shape": [True, 2]}),
    "an unknown type": _safetensors({"a": torch.zeros(2)}, a={**ENTRY, "dtype": "F4"}),
    "an entry that is no object": _safetensors({}, a=[1]),
    "a header of text": struct.pack("<Q", 4) + b"{abc" + bytes(8),
    "a name twice": struct.pack("<Q", len(TWICE)) + TWICE + bytes(8),
    "deep nesting": struct.pack("<Q", 100_001) + b"{" + b"[" * 100_000 + bytes(8),
}


@pytest.mark.parametrize("what", BAD_SAFETENSORS)
def test_what_is_no_safetensors_file_is_refused(what: str) -> None:
    with pytest.raises(HoldfastError, match="invalid_safetensors"):
        read_safetensors(BAD_SAFETENSORS[what])


@pytest.mark.parametrize(
    "tree",
    [
        [1, 2],
        {},
        {"a": 1},
        {"a": torch.zeros(1).expand(1 << 40)},
        {"a": torch.empty(4, device="meta")},
        {"a": torch.zeros(2, dtype=torch.complex64)},
        {"x" * 300: torch.zeros(1)},
        {3: torch.zeros(1)},
    ],
)
def test_what_is_no_plain_tensor_is_refused(tree: object) -> None:
    with pytest.raises(HoldfastError, match="invalid_state_dict"):
        plain_tensors(tree, "invalid_state_dict")


# --- networks ---


class _Dense(nn.Module):
    """What the corpus calls `selftest/fc`."""

    def __init__(self, num_classes: int = 2) -> None:
        super().__init__()
        self.fc = nn.Linear(3, num_classes, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.fc(x.mean((2, 3)))
        return scores


def test_the_head_takes_as_many_classes_as_the_weights_have() -> None:
    weights = {"fc.weight": torch.rand(7, 3)}
    module = with_weights("selftest/fc", _Dense, weights)
    batch = torch.rand(2, 3, 4, 4)
    assert torch.equal(module(batch), batch.mean((2, 3)) @ weights["fc.weight"].T)
    assert not module.training


def test_the_prefix_of_data_parallel_training_is_dropped() -> None:
    weights = {"module.fc.weight": torch.rand(2, 3)}
    module = with_weights("selftest/fc", _Dense, weights)
    assert torch.equal(module.state_dict()["fc.weight"], weights["module.fc.weight"])


@pytest.mark.parametrize(
    "weights",
    [
        {"head.weight": torch.zeros(2, 3)},
        {"fc.weight": torch.zeros(2, 4)},
        {"fc.weight": torch.zeros(2, 3), "fc.bias": torch.zeros(2)},
        {"fc.weight": torch.zeros(3)},
    ],
)
def test_weights_of_another_network_are_refused(weights: Tree) -> None:
    with pytest.raises(HoldfastError) as raised:
        with_weights("selftest/fc", _Dense, weights)
    assert raised.value.code == "weights_mismatch"
    assert "selftest/fc" in raised.value.sentence


@pytest.mark.parametrize(
    "name",
    ["resnet18", "timm/hf-hub:evil/net", "timm/../x", "keras/resnet50", "timm/", "timm/A", ""],
)
def test_a_name_of_another_form_is_no_architecture(name: str) -> None:
    with pytest.raises(HoldfastError) as raised:
        build(name, {"a": torch.zeros(1)})
    assert raised.value.code == "architecture_unavailable"


@pytest.mark.parametrize("library", ["timm", "torchvision"])
def test_an_architecture_that_a_package_lacks_or_a_package_that_is_absent_is_named(
    library: str,
) -> None:
    with pytest.raises(HoldfastError) as raised:
        build(f"{library}/no_such_net", {"a": torch.zeros(1)})
    assert raised.value.code == "architecture_unavailable"
    assert library in raised.value.sentence


def test_weights_without_an_architecture_say_how_to_name_it() -> None:
    with pytest.raises(HoldfastError) as raised:
        open_model(_safetensors({"a": torch.zeros(2)}), "0")
    assert raised.value.code == "architecture_needed"
    assert "--architecture" in raised.value.hint
    assert "holdfast[zoo]" in raised.value.hint


@pytest.mark.parametrize("form", ["state_dict", "safetensors"])
@pytest.mark.parametrize("architecture", ["timm/test_resnet", "torchvision/squeezenet1_1"])
def test_real_networks_give_the_scores_of_pytorch(form: str, architecture: str) -> None:
    library, _, name = architecture.partition("/")
    package = nets.optional(library)
    torch.manual_seed(0)
    make = package.create_model if library == "timm" else package.models.get_model
    module = make(name, num_classes=7).eval()
    tree = module.state_dict()
    data = nets.pth(tree) if form == "state_dict" else _safetensors(tree)
    model = open_model(data, "0", Terms(architecture=architecture))
    batch = np.random.default_rng(0).random((3, 3, 64, 64), dtype=np.float32)
    assert np.abs(model(batch) - nets.eager(module, batch)).max() < 1e-5
    assert (model.card.format, model.card.architecture) == (form, architecture)
    assert (model.card.channels, model.card.height_px, model.card.batch) == (3, None, None)
    assert model.card.n_parameters == sum(tensor.numel() for tensor in module.parameters())


def test_the_locked_child_audits_weights(tmp_path: Path) -> None:
    timm = nets.optional("timm")
    torch.manual_seed(0)
    module = timm.create_model("test_resnet", num_classes=4).eval()
    model, probes = tmp_path / "m", flat(tmp_path / "p.zip", noise(8, 32, 32, 3))
    model.write_bytes(nets.pth(module.state_dict()))
    plan = plan_of(crop=32, shifts_px=[[2, 0]], architecture="timm/test_resnet")
    output = run(model, probes, plan)
    assert output.result.model.format == "state_dict"
    assert output.result.model.n_classes == 4
    assert output.result.plan.architecture == "timm/test_resnet"
    card = inspect_model(model, mode="required", limits=LIMITS, architecture="timm/test_resnet")
    assert card.architecture == "timm/test_resnet"


def test_in_the_locked_child_a_pickled_module_is_refused_with_the_way_out(tmp_path: Path) -> None:
    model, probes = tmp_path / "m", flat(tmp_path / "p.zip", noise(4, 8, 8, 3))
    model.write_bytes(nets.pth(nn.Linear(2, 2)))
    for plan in (plan_of(), plan_of(architecture="timm/resnet18")):
        with pytest.raises(HoldfastError) as raised:
            run(model, probes, plan)
        assert raised.value.code == "pickle_refused"
        assert "torch.export.export(" in raised.value.hint
        assert "torch.export.save(" in raised.value.hint


# --- the corpus ---

SEEN_OTHERWISE = {"st_no_architecture": "architecture_needed"}


def _open(data: bytes, architecture: str | None) -> None:
    """As `open_model`, with the corpus' own stand-in for a network."""
    if architecture != "selftest/fc":
        open_model(data, "0", Terms(architecture=architecture))
        return
    try:
        open_model(data, "0", Terms(architecture=architecture))
    except HoldfastError as error:
        if error.code != "architecture_unavailable":
            raise
    is_zip = data[:2] == b"PK"
    weights = (
        read_state_dict(data)
        if is_zip
        else plain_tensors(read_safetensors(data), "invalid_safetensors")
    )
    with_weights("selftest/fc", _Dense, weights)


def test_every_file_of_weights_of_the_corpus_has_its_code_and_no_payload_runs(
    shared: Path,
) -> None:
    corpus = load_corpus(shared)
    nets.optional("safetensors")
    marker = Path(corpus.MARK)
    marker.unlink(missing_ok=True)
    kinds = ("state_dict", "safetensors", "pt")
    cases = [case for case in corpus.CASES if case.kind in kinds]
    assert len(cases) >= 25
    wrong = []
    for case in cases:
        with nets.quiet():
            data = case.make()
        seen = ""
        try:
            _open(data, case.context.get("architecture"))
        except HoldfastError as error:
            seen = error.code
        wanted = SEEN_OTHERWISE.get(case.name, case.code)
        if seen != wanted or marker.exists():
            wrong.append(f"{case.name}: {seen or 'accepted'} instead of {wanted or 'accepted'}")
    assert wrong == []
