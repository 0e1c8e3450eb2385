"""What real nets measure, to set the limits of the gate's presets by.

Prints the gateable measurements of every net with their intervals. One argument: the folder with
`models` and `images`.
"""

import argparse
import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

from holdfast.gate import judge, read_policy
from holdfast.probes.pack import packed
from holdfast.records.base import read_record
from holdfast.records.job import ChildLimits
from holdfast.records.plan import AuditPlan
from holdfast.sandbox.parent import run_audit

NETS = (
    ("mnist_cntk_winml.onnx", "mnist2000.npz", "byte", 1000),
    ("cifar10_imageclassifier_winml.onnx", "cifar10_500", "symmetric", None),
    ("squeezenet1_fp16_winml.onnx", "imagenet200", "caffe", None),
    ("shufflenet-v2-12-int8.onnx", "imagenet200", "imagenet", None),
)
PRESETS = ("smoke", "recommended", "strict")
KINDS = ("consistency", "worst_case", "drift", "accuracy_drop", "robust_accuracy")


def main() -> None:
    """Audit all nets without a gate and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("assets", type=Path)
    assets = parser.parse_args().assets
    libraries = ", ".join(f"{name} {version(name)}" for name in ("onnxruntime", "numpy"))
    print(f"{datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, {libraries}")
    print("| net | family | " + " | ".join(KINDS) + " |")
    print("|---|---|" + "---|" * len(KINDS))
    verdicts = []
    for model, images, preset, limit in NETS:
        asked = {"input": {"preset": preset}, "limit": limit, "controls": 0}
        with packed(assets / "images" / images) as data:
            result = run_audit(
                assets / "models" / model,
                data,
                read_record(AuditPlan, asked, "invalid_plan"),
                mode="auto",
                limits=ChildLimits(threads=os.cpu_count() or 1),
                on_progress=lambda _: None,
                cancelled=lambda: False,
            ).result
        values = {m.id: m.value for m in result.measurements}
        for family in ("translation", "rotation", "scale"):
            shown = " | ".join(f"{values[f'{family}.{kind}']:.3f}" for kind in KINDS)
            print(f"| {Path(model).stem} | {family} | {shown} |", flush=True)
        verdicts += [
            (model, name, judge(result, read_policy({"preset": name})).decision) for name in PRESETS
        ]
    print("\n| net | preset | verdict |\n|---|---|---|")
    for model, name, decision in verdicts:
        print(f"| {Path(model).stem} | {name} | {decision} |")


if __name__ == "__main__":
    main()
