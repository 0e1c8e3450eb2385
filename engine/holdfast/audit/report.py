"""Put the result together: measurements, findings, and where they come from."""

import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from holdfast import __version__
from holdfast.audit.canvases import CanvasReader
from holdfast.audit.detailing import certificate, curves, groups
from holdfast.audit.estimating import Estimator
from holdfast.audit.explaining import concluded
from holdfast.audit.ledger import Ledger
from holdfast.audit.measuring import cell_records, measurements
from holdfast.audit.prepare import Setup
from holdfast.audit.tally import Tally
from holdfast.diagnose import Evidence, Seen, findings
from holdfast.geometry import Frame
from holdfast.records.base import digest
from holdfast.records.families import Families
from holdfast.records.model import ModelCard, ModelFormat
from holdfast.records.plan import AuditPlan
from holdfast.records.result import (
    AuditResult,
    Example,
    Normalisation,
    ProbeSummary,
    Provenance,
    SampleFile,
    SandboxLevel,
)
from holdfast.stats import ANYTIME_METHOD, METHOD

__all__ = ["Gathered", "Origin", "assemble", "versions"]

_LIBRARIES = (
    "numpy",
    "onnx",
    "onnxruntime",
    "opencv-python-headless",
    "pillow",
    "pyarrow",
    "scipy",
)
_OF_TORCH = {
    ModelFormat.pt2,
    ModelFormat.torchscript,
    ModelFormat.state_dict,
    ModelFormat.safetensors,
}


@dataclass(frozen=True)
class Origin:
    """What only the caller knows about an audit's circumstances."""

    probes_sha256: str
    probes_digest: str
    sandbox: SandboxLevel
    threads: int
    device: str = "cpu"


@dataclass(frozen=True)
class Gathered:
    """Everything that was seen, before it is a record."""

    ledger: Ledger
    frame: Frame
    reader: CanvasReader
    examples: tuple[Example, ...]
    samples: SampleFile
    causes: Evidence | str
    started_at: str
    duration_s: float


def assemble(plan: AuditPlan, card: ModelCard, origin: Origin, gathered: Gathered) -> AuditResult:
    """Build the record; `plan` is resolved."""
    setup, tally = gathered.ledger.setup, gathered.ledger.tally
    model = card.model_copy(update={"n_classes": setup.n_classes, "output_kind": setup.kind})
    normalisation = _normalisation(setup)
    probes = _summary(gathered.reader, tally, setup.n_classes)
    stopping = gathered.ledger.stopping
    evidence = stopping.evidence(len(gathered.reader.order)) if stopping else None
    estimator = Estimator(plan.confidence, anytime=stopping is not None)
    measured, cells = measurements(tally, estimator), cell_records(tally, estimator)
    causes = concluded(gathered.causes, measured, cells)
    seen = Seen(
        model=model,
        normalisation=normalisation,
        tried=tuple((str(c.preset), c.accuracy, c.n_images) for c in setup.tried),
        probes=probes,
        measurements=measured,
        cells=cells,
        sandbox=origin.sandbox,
        mapping=setup.mapping,
        degenerate=tuple(str(reason) for reason in gathered.ledger.watch.found()),
        certificate=certificate(tally),
        stopped=evidence is not None and evidence.stopped,
        causes=causes,
    )
    return AuditResult(
        plan=plan,
        provenance=_provenance(plan, model, origin, gathered, normalisation),
        model=model,
        probes=probes,
        measurements=measured,
        cells=cells,
        findings=findings(seen),
        examples=gathered.examples,
        samples=gathered.samples,
        curves=curves(tally, estimator),
        groups=groups(tally, estimator, probes.class_names),
        sequential=evidence,
        causes=causes,
    )


def _provenance(
    plan: AuditPlan,
    model: ModelCard,
    origin: Origin,
    gathered: Gathered,
    normalisation: Normalisation,
) -> Provenance:
    sizes = gathered.ledger.canvas_sizes
    return Provenance(
        engine_version=__version__,
        model_sha256=model.sha256,
        probes_sha256=origin.probes_sha256,
        probes_digest=origin.probes_digest,
        plan_digest=digest(plan),
        family_digests=_family_digests(plan.families),
        seed=plan.seed,
        canvas_px=next(iter(sizes)) if len(sizes) == 1 else None,
        crop_px=gathered.frame.crop,
        normalisation=normalisation,
        output_kind=gathered.ledger.setup.kind,
        interval_method=f"{100 * plan.confidence:g}% two-sided. "
        + (ANYTIME_METHOD if gathered.ledger.stopping else METHOD),
        noise_floor=gathered.ledger.setup.noise_floor,
        device=origin.device,
        threads=origin.threads,
        versions=versions(model.format),
        sandbox=origin.sandbox,
        started_at=gathered.started_at,
        duration_s=gathered.duration_s,
    )


def versions(kind: ModelFormat) -> dict[str, str]:
    """Of Python and of the libraries that make the numbers of such a model."""
    libraries = (*_LIBRARIES, "torch") if kind in _OF_TORCH else _LIBRARIES
    return {"python": platform.python_version()} | {name: _version(name) for name in libraries}


def _version(library: str) -> str:
    """Of a library; ONNX Runtime with CUDA is the same module in another package."""
    try:
        return version(library)
    except PackageNotFoundError:
        return f"{version(f'{library}-gpu')} with CUDA"


def _normalisation(setup: Setup) -> Normalisation:
    feed, channels = setup.feed, len(setup.feed.mean)
    return Normalisation(
        preset=str(feed.preset),
        scale=feed.scale,
        mean=feed.mean,
        std=feed.std,
        order="grey" if channels == 1 else ("bgr" if feed.order == "bgr" else "rgb"),
        how=setup.how,
    )


def _summary(reader: CanvasReader, tally: Tally, n_classes: int | None) -> ProbeSummary:
    names = reader.probes.class_names
    return ProbeSummary(
        n_given=len(reader.order),
        n_used=tally.n_images,
        n_labelled=int((tally.labels >= 0).sum()),
        skipped=tuple(reader.skipped[index] for index in sorted(reader.skipped)),
        class_names=tuple(name[:80] for name in names) if len(names) == n_classes else (),
    )


def _family_digests(families: Families) -> dict[str, str]:
    named = {name: getattr(families, name) for name in Families.model_fields}
    return {name: digest(family) for name, family in named.items() if family is not None}
