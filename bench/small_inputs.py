"""Which translation list for small inputs? Both lists on small nets, with what the shifts lose.

Printed per list: consistency, accuracy when moved, largest fill share of a cell, and how much of
the flips the same lost content explains without the motion (control / cell flips). One argument:
the folder with `models` and `images`.
"""

import argparse
import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

from holdfast.families.defaults import SMALL_TRANSLATION, TRANSLATION
from holdfast.probes.pack import packed
from holdfast.records.base import read_record
from holdfast.records.families import TranslationFamily
from holdfast.records.job import ChildLimits
from holdfast.records.plan import AuditPlan
from holdfast.records.result import AuditResult
from holdfast.sandbox.parent import run_audit

NETS = (
    ("mnist_cntk_winml.onnx", "mnist2000.npz", "byte"),
    ("cifar10_imageclassifier_winml.onnx", "cifar10_500", "symmetric"),
)
LISTS = (("Tr-2D, 48 shifts up to 3 px", SMALL_TRANSLATION), ("Tr-8, 24 up to 8 px", TRANSLATION))


def audited(model: Path, data: Path, preset: str, shifts: TranslationFamily) -> AuditResult:
    """One audit of 500 images with one list; all images have controls."""
    families = {
        "translation": {"shifts_px": [list(shift) for shift in shifts.shifts_px]},
        "rotation": {"angles_deg": []},
        "scale": {"zooms": []},
    }
    asked = {"input": {"preset": preset}, "families": families, "limit": 500, "controls": 500}
    return run_audit(
        model,
        data,
        read_record(AuditPlan, asked, "invalid_plan"),
        mode="auto",
        limits=ChildLimits(threads=os.cpu_count() or 1),
        on_progress=lambda _: None,
        cancelled=lambda: False,
    ).result


def row(name: str, words: str, result: AuditResult) -> str:
    """One line of the table."""
    values = {m.id: m.value for m in result.measurements}
    pairs = [(cell.controls[0], cell) for cell in result.cells]
    still = sum(control.flip_rate for control, _ in pairs)
    moved = sum(control.flip_rate + control.excess_flip_rate for control, _ in pairs)
    fill = max(cell.fill_share for _, cell in pairs)
    return (
        f"| {name} | {words} | {values['translation.consistency']:.3f} "
        f"| {values['accuracy']:.3f} | {values['translation.accuracy']:.3f} | {fill:.2f} "
        f"| {still / moved:.2f} |"
    )


def main() -> None:
    """Measure both nets with both lists."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("assets", type=Path)
    assets = parser.parse_args().assets
    libraries = ", ".join(f"{name} {version(name)}" for name in ("onnxruntime", "numpy"))
    print(f"{datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, {libraries}")
    print("| net | list | consistency | accuracy | moved | largest fill | explained by loss |")
    print("|---|---|---|---|---|---|---|")
    for model, images, preset in NETS:
        with packed(assets / "images" / images) as data:
            for words, shifts in LISTS:
                result = audited(assets / "models" / model, data, preset, shifts)
                print(row(Path(model).stem, words, result), flush=True)


if __name__ == "__main__":
    main()
