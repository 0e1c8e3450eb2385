"""Compare an audit that just ended with a stored baseline."""

import tempfile
from pathlib import Path

from holdfast.records.comparison import Comparison
from holdfast.records.job import ChildLimits
from holdfast.sandbox.parent import AuditOutput, SandboxMode, compare_results

__all__ = ["MARGIN", "RESULT_NAME", "SAMPLES_SUFFIX", "compare_with"]

MARGIN = 0.01
"""What counts as a loss where no assertion says it: the default of the science reference, 4.5."""

RESULT_NAME = "result.json"
SAMPLES_SUFFIX = ".samples.parquet"
"""What the per-sample file beside a result is called, instead of `.json`."""


def compare_with(
    baseline: Path, output: AuditOutput, *, mode: SandboxMode, limits: ChildLimits
) -> Comparison:
    """Compare in a locked child.

    Args:
        baseline: the older result.json; its per-sample file lies beside it.
        output: what the newer audit left.
        mode: how much of the sandbox must be in force.
        limits: bounds of the child.

    Raises:
        HoldfastError: `file_not_found`, `invalid_result`, `invalid_samples`, a limit was met, or
            `not_comparable` where the two did not ask the same of the same images.
    """
    with tempfile.TemporaryDirectory(prefix="holdfast-") as folder:
        result, samples = Path(folder) / "candidate.json", Path(folder) / "candidate.parquet"
        result.write_bytes(output.result_json)
        samples.write_bytes(output.samples)
        older = (baseline, baseline.with_suffix(SAMPLES_SUFFIX))
        return compare_results(older, (result, samples), MARGIN, mode=mode, limits=limits)
