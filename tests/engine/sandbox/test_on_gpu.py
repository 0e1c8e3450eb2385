"""An audit on a real GPU under the real lock; skips, visibly, where PyTorch finds none."""

from pathlib import Path
from typing import Any

import pytest
import torch

import torch_nets as nets
from auditing import LIMITS, plan_of
from holdfast.errors import HoldfastError
from holdfast.records.job import Progress
from holdfast.records.result import AuditResult
from holdfast.sandbox.gpu import VARIABLE
from holdfast.sandbox.parent import AuditOutput, run_audit
from toy_probes import flat, noise

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch finds no GPU here")
PLAN = plan_of(
    crop=32,
    shifts_px=[[1, 0], [3, -4]],
    angles_deg=[7, -20],
    zooms=[0.8, 1.2],
    controls=6,
    full=True,
)


class Wide(torch.nn.Module):
    """Needs 6 MiB for an image, and 1.5 GiB for a batch of an audit on a GPU."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x.repeat(1, 512, 1, 1) * 2).mean((2, 3))[:, :5]


@pytest.fixture(autouse=True)
def _enabled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "experimental")


def _audit(folder: Path, device: str, kind: str = "pt2", **given: Any) -> AuditOutput:
    net = Wide().eval() if kind == "wide" else nets.build("cnn")
    free = torch.export.Dim("n", min=1, max=1024)
    model = folder / "model"
    model.write_bytes(nets.script(net) if kind == "script" else nets.pt2(net, batch=free))
    probes = flat(folder / "p.zip", noise(24, 40, 40, 3))
    words: dict[str, Any] = {"mode": "required", "limits": LIMITS, "device": device}
    heard: dict[str, Any] = {"on_progress": lambda _: None, "cancelled": lambda: False}
    return run_audit(model, probes, PLAN, **{**words, **heard, **given})


def _numbers(result: AuditResult) -> dict[str, float | None]:
    return {each.id: each.value for each in result.measurements}


@pytest.mark.parametrize("kind", ["pt2", "script"])
def test_the_numbers_are_those_of_the_cpu(tmp_path: Path, kind: str) -> None:
    there, here = (_audit(tmp_path, device, kind).result for device in ("gpu", "cpu"))
    assert (there.provenance.device, here.provenance.device) == ("gpu", "cpu")
    assert there.provenance.sandbox.in_force
    assert there.provenance.sandbox.gpu
    assert _numbers(there) == pytest.approx(_numbers(here), abs=1e-3, nan_ok=True)


def test_two_runs_are_the_same(tmp_path: Path) -> None:
    first, second = (_audit(tmp_path, "gpu") for _ in range(2))
    assert first.samples == second.samples
    assert first.result.provenance.noise_floor == 0.0


def test_an_audit_that_is_cancelled_leaves_no_memory_of_the_gpu_taken(tmp_path: Path) -> None:
    free = torch.cuda.mem_get_info()[0]
    seen: list[Progress] = []
    with pytest.raises(HoldfastError, match="cancelled"):
        _audit(
            tmp_path,
            "gpu",
            on_progress=seen.append,
            cancelled=lambda: any(each.stage == "measuring" for each in seen),
        )
    assert torch.cuda.mem_get_info()[0] >= free - (64 << 20)


def test_more_memory_of_the_gpu_than_allowed_is_refused(tmp_path: Path) -> None:
    limits = LIMITS.model_copy(update={"gpu_memory_bytes": 1 << 28})
    with pytest.raises(HoldfastError, match="memory_limit"):
        _audit(tmp_path, "gpu", "wide", limits=limits)
    assert _audit(tmp_path, "gpu", "wide").result.provenance.device == "gpu"
