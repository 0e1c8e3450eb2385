"""Name the cause of moving scores for real classifiers.

`python bench/cause_labels.py MODEL=IMAGES[=PRESET] …` prints one row per model, of a
folder or an archive of images: label, shares,
drift under rolls by 1 px and by the total stride, stride, receptive field, head, seconds.
"""

import hashlib
import io
import sys
import time
from pathlib import Path

from holdfast.audit import Origin, audit
from holdfast.probes.pack import packed
from holdfast.probes.probe_set import content_digest, open_probes
from holdfast.records.base import read_record
from holdfast.records.plan import AuditPlan
from holdfast.records.result import AuditResult, SandboxLevel
from holdfast.runtimes.opening import Terms, open_model

HERE = SandboxLevel(
    mode="auto",
    in_force=False,
    landlock_abi=0,
    seccomp=False,
    no_new_privs=False,
    capabilities_dropped=False,
    missing=("a bench of trusted files runs in its own process",),
)
IMAGES = 60
SHIFTS_PX = [[dx, dy] for dx in (-2, 0, 2) for dy in (-2, 0, 2) if dx or dy]


def audited(model: Path, images: Path, preset: str) -> AuditResult:
    """A short audit with eight shifts and no controls."""
    data = {
        "input": {"preset": preset},
        "families": {
            "translation": {"shifts_px": SHIFTS_PX},
            "rotation": {"angles_deg": []},
            "scale": {"zooms": []},
        },
        "limit": IMAGES,
        "controls": 0,
    }
    opened = open_model(
        model.read_bytes(), hashlib.sha256(model.read_bytes()).hexdigest(), Terms(threads=1)
    )
    with packed(images) as archive, archive.open("rb") as file:
        probes = open_probes(file)
        origin = Origin(
            probes_sha256="0" * 64, probes_digest=content_digest(probes), sandbox=HERE, threads=1
        )
        return audit(
            opened,
            probes,
            read_record(AuditPlan, data, "invalid_plan"),
            policy=None,
            origin=origin,
            samples=io.BytesIO(),
            on_progress=lambda _: None,
        )


def row(name: str, result: AuditResult, seconds: float) -> str:
    """One line of the table."""
    causes = result.causes
    if causes is None:
        return f"| {name} | not asked |"
    shares = ", ".join(f"{each.label} {each.share:.2f}" for each in causes.shares)
    graph = causes.graph
    seen = ["", "", ""]
    if graph is not None:
        field = graph.horizontal.receptive_field_px
        seen = [
            f"{graph.horizontal.stride_px:g}",
            "all" if field is None else f"{field:g}",
            graph.head,
        ]
    drift = [
        "" if value is None else f"{value:.3f}"
        for value in (causes.pixel_drift, causes.period_drift)
    ]
    cells = [name, causes.label or causes.sentence, shares, *drift, *seen, f"{seconds:.1f}"]
    return "| " + " | ".join(cells) + " |"


def main(arguments: list[str]) -> None:
    """Print the table."""
    print("| model | label | shares | drift 1 px | drift at S | S px | field px | head | s |")
    print("|---|---|---|---:|---:|---:|---:|---|---:|")
    for argument in arguments:
        model, images, *preset = argument.split("=")
        began = time.monotonic()
        result = audited(Path(model), Path(images), preset[0] if preset else "auto")
        print(row(Path(model).name, result, time.monotonic() - began), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
