"""Gate a model inside a test-suite: `assert_holds(model, probes, policy)`.

Nothing of the engine is loaded before the first call, so that the plugin costs a test run that does
not use it next to nothing.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from holdfast.records.plan import AuditPlan
    from holdfast.records.policy import GatePolicy, Verdict
    from holdfast.sandbox.parent import AuditOutput

__all__ = ["assert_holds", "audit"]


def assert_holds(
    model: Any,  # noqa: ANN401 - a path, a function or a module of PyTorch
    probes: Any,  # noqa: ANN401 - a path or arrays
    policy: "GatePolicy | Mapping[str, Any] | str",
    *,
    plan: "AuditPlan | Mapping[str, Any] | None" = None,
    baseline: str | Path | None = None,
    channels: int | None = None,
) -> "Verdict":
    """Audit a model and fail the test that calls this unless its gate passes.

    Args:
        model: the path of a model file, which is opened in a locked child process; or, for code
            that you trust, a function from a normalised float32 batch (n, c, h, w) to scores
            (n, k), or a `torch.nn.Module`, which run in this process without any sandbox.
        probes: the path of a folder, a zip or an .npz file; or an array of images, uint8
            (n, h, w, c) or (n, h, w), or a pair of such an array and labels (n,).
        policy: the `gate:` block of a `holdfast.yaml`, the name of a preset, or a policy.
        plan: what to try: `{"input": {"preset": "imagenet", "crop": 224}, "families": {...},
            "limit": 200, "seed": 0}`; left out, the defaults. A function or a module needs
            `input.crop`, unless arrays tell it.
        baseline: a `result.json` with its per-sample file beside it, or a folder that holds both
            as `result.json` and `result.samples.parquet`, for `max_drop`.
        channels: of a function or a module; left out, those of the arrays, else 3.

    Returns:
        The verdict, which passed.

    Raises:
        AssertionError: the gate failed or could not be decided; the message lists every assertion.
        HoldfastError: the policy, the plan, the model or the images cannot be used.
    """
    __tracebackhide__ = True
    from holdfast.pytest.holding import hold

    return hold(model, probes, policy, plan=plan, baseline=baseline, channels=channels)


def audit(
    model: Any,  # noqa: ANN401 - as above
    probes: Any,  # noqa: ANN401 - as above
    *,
    plan: "AuditPlan | Mapping[str, Any] | None" = None,
    policy: "GatePolicy | Mapping[str, Any] | str | None" = None,
    channels: int | None = None,
) -> "AuditOutput":
    """Only audit; arguments as those of `assert_holds`. Write what it gives for a later baseline.

    Returns:
        `result`, a record; `result_json` and `samples`, the bytes of the two files.

    Raises:
        HoldfastError: the policy, the plan, the model or the images cannot be used.
    """
    from holdfast.pytest.holding import audited

    return audited(model, probes, plan, policy, channels)
