"""Where a model computes: what can be told of a GPU without one."""

import copy
import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
import torch

import torch_nets as nets
import toys
from holdfast.errors import HoldfastError
from holdfast.runtimes.onnx_session import session_of
from holdfast.runtimes.opening import Terms, open_model
from holdfast.runtimes.pt2_archive import read_pt2
from holdfast.runtimes.pt2_graph import parse_graph
from holdfast.runtimes.pt2_model import Interpreter, open_pt2, placed
from holdfast.runtimes.torch_device import be_exact, device_for
from holdfast.runtimes.torch_model import TorchModel
from holdfast.runtimes.torch_trial import try_sizes

ON_GPU = Terms(device="gpu", gpu_memory_bytes=1 << 30, sandboxed=True)
META = torch.device("meta")
"""A device without memory or arithmetic, on which tensors of another one are refused."""


def test_onnx_runtime_without_cuda_is_refused() -> None:
    with pytest.raises(HoldfastError) as raised:
        session_of(toys.mean_pixel(), ON_GPU)
    assert raised.value.code == "gpu_not_available"
    assert "built without CUDA" in raised.value.sentence


def test_a_cuda_that_does_not_start_is_refused_and_not_replaced_by_the_cpu(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The runtime offers CUDA and, as it does where CUDA fails, makes a session on the CPU."""
    asked: list[Any] = []
    make = ort.InferenceSession

    def made(data: bytes, options: Any, providers: Any) -> Any:
        asked.append((options, providers))
        return make(data, options, providers=["CPUExecutionProvider"])

    offered = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(ort, "get_available_providers", lambda: offered)
    monkeypatch.setattr(ort, "InferenceSession", made)
    with pytest.raises(HoldfastError) as raised:
        session_of(toys.mean_pixel(), ON_GPU)
    assert raised.value.code == "gpu_not_available"
    assert "cannot start CUDA" in raised.value.sentence
    ((options, ((name, settings), fallback)),) = asked
    assert options.use_deterministic_compute
    assert (name, fallback) == ("CUDAExecutionProvider", "CPUExecutionProvider")
    assert settings == {
        "gpu_mem_limit": 1 << 30,
        "arena_extend_strategy": "kSameAsRequested",
        "use_tf32": 0,
        "cudnn_conv_algo_search": "DEFAULT",
    }


def test_on_the_cpu_nothing_of_it_is_asked_for() -> None:
    session = session_of(toys.mean_pixel(), Terms())
    assert session.get_providers() == ["CPUExecutionProvider"]


@pytest.mark.parametrize("make", [nets.pt2, nets.script])
def test_pytorch_without_cuda_is_refused(make: Any) -> None:
    model = make(nets.build("cnn"), batch=2) if make is nets.pt2 else make(nets.build("cnn"))
    with pytest.raises(HoldfastError) as raised:
        open_model(model, "0" * 64, ON_GPU)
    assert raised.value.code == "gpu_not_available"
    assert device_for(Terms()) == torch.device("cpu")


@pytest.fixture
def _flags() -> Iterator[None]:
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    before = copy.copy((cudnn.allow_tf32, cudnn.benchmark, cudnn.deterministic, matmul.allow_tf32))
    yield
    cudnn.allow_tf32, cudnn.benchmark, cudnn.deterministic, matmul.allow_tf32 = before
    torch.use_deterministic_algorithms(mode=False)


@pytest.mark.usefixtures("_flags")
def test_arithmetic_is_exact_and_the_same_each_time() -> None:
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    cudnn.allow_tf32 = cudnn.benchmark = matmul.allow_tf32 = True
    be_exact()
    assert [cudnn.allow_tf32, cudnn.benchmark, matmul.allow_tf32] == [False] * 3
    assert cudnn.deterministic
    assert torch.are_deterministic_algorithms_enabled()
    assert torch.is_deterministic_algorithms_warn_only_enabled()


class Makes(torch.nn.Module):
    """Makes tensors while it runs, on the device that its export names."""

    def forward(self, x: Any) -> Any:
        places = torch.arange(x.shape[-1], device=x.device, dtype=torch.float32)
        return (x * places + torch.ones(8, device=x.device)).mean((2, 3))


def test_everything_of_a_pt2_goes_to_the_device() -> None:
    for net, shape in ((nets.build("cnn"), (2, 3, 32, 32)), (Makes().eval(), (2, 3, 8, 8))):
        made = torch.export.export(net, (torch.zeros(shape),))
        graph = parse_graph(read_pt2(_saved(made)))
        here = Interpreter(graph)(torch.zeros(shape))
        (there,) = Interpreter(placed(graph, META))(torch.zeros(shape, device=META))
        assert (there.device, there.shape) == (META, here[0].shape)


def _saved(exported: Any) -> bytes:
    out = io.BytesIO()
    torch.export.save(exported, out)
    return out.getvalue()


def test_images_go_to_the_device_and_scores_come_back() -> None:
    model = open_pt2(nets.pt2(nets.build("cnn"), batch=2), "0" * 64)
    seen: list[Any] = []

    def forward(batch: Any) -> Any:
        seen.append(batch)
        return torch.zeros(len(batch), 10)

    there = TorchModel(model.card, forward, [model.card.output], META)
    assert there(np.zeros((2, 3, 32, 32), np.float32)).shape == (2, 10)
    assert (seen[0].device, seen[0].dtype, tuple(seen[0].shape)) == (
        META,
        torch.float32,
        (2, 3, 32, 32),
    )


def test_a_trial_of_sizes_runs_on_the_device() -> None:
    module = nets.build("cnn").to(META)
    found = try_sizes(module, (32, 32), torch.float32, META)
    assert found.channels == 3
