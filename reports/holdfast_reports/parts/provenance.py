"""The small print: which model, which images, which code, under which lock."""

from holdfast.records.model import ModelCard
from holdfast.records.result import AuditResult, Normalisation, SandboxLevel
from holdfast_reports.parts.repeat import command, configuration
from holdfast_reports.shapes import Fact, FactGroup, Provenance
from holdfast_reports.words import TIMES, count, number, text

__all__ = ["normalisation_words", "provenance"]

_HOW = {
    "given": "as the plan says",
    "most_accurate": "chosen: the most accurate on a few labelled images",
    "default": "the default; nothing was declared",
}


def provenance(result: AuditResult) -> Provenance:
    """Everything that is needed to repeat the audit and to trust that it was this model."""
    return Provenance(
        groups=(_model(result), _images(result), _method(result), _place(result)),
        command=command(result.plan),
        configuration=configuration(result.plan, result.sequential),
    )


def _model(result: AuditResult) -> FactGroup:
    card = result.model
    facts = (
        Fact("SHA-256", result.provenance.model_sha256, code=True),
        Fact("Format", _format(card)),
        Fact("Size", _size(card)),
        Fact("Input", "; ".join(_tensor(t.name, t.dtype, t.shape) for t in card.inputs[:4])),
        Fact("Output read", f"{text(card.output)} ({result.provenance.output_kind})"),
        *(Fact("Note", text(warning, 240)) for warning in card.warnings[:8]),
    )
    return FactGroup("Model", facts)


def _format(card: ModelCard) -> str:
    parts = [str(card.format)]
    if card.opset is not None:
        parts.append(f"opset {card.opset}")
    if card.architecture is not None:
        parts.append(f"network {text(card.architecture)}")
    return ", ".join([*parts, count(card.size_bytes, "byte")])


def _size(card: ModelCard) -> str:
    parameters = count(card.n_parameters, "parameter")
    return parameters if card.n_nodes is None else f"{parameters}, {count(card.n_nodes, 'node')}"


def _tensor(name: str, dtype: str, shape: tuple[int | str | None, ...] | None) -> str:
    axes = "of unknown shape" if shape is None else f"[{', '.join(map(_axis, shape[:8]))}]"
    return f"{text(name)} {text(dtype)} {axes}"


def _axis(axis: int | str | None) -> str:
    return "?" if axis is None else text(axis, 24)


def _images(result: AuditResult) -> FactGroup:
    probes, origin = result.probes, result.provenance
    height, width = origin.crop_px
    canvas = origin.canvas_px
    sizes = f"{canvas[0]} {TIMES} {canvas[1]} px" if canvas else "of different sizes"
    facts = (
        Fact("Archive SHA-256", origin.probes_sha256, code=True),
        Fact("Content digest", origin.probes_digest, code=True),
        Fact(
            "Images",
            f"{probes.n_used:,} used of {probes.n_given:,}, {probes.n_labelled:,} with a label",
        ),
        Fact("View", f"{height} {TIMES} {width} px, cut from a canvas {sizes} (height, width)"),
        Fact("Normalisation", normalisation_words(origin.normalisation)),
        Fact("Fill", f"grey level {result.plan.input.fill} of 255"),
    )
    return FactGroup("Images", facts)


def normalisation_words(done: Normalisation) -> str:
    """What was done to a pixel, as a formula, and who decided it."""
    mean = ", ".join(number(value) for value in done.mean)
    std = ", ".join(number(value) for value in done.std)
    return (
        f"{text(done.preset)}, {_HOW[done.how]}: x = (pixel {TIMES} {number(done.scale)} "
        f"\N{MINUS SIGN} [{mean}]) / [{std}], {done.order}"
    )


def _method(result: AuditResult) -> FactGroup:
    origin = result.provenance
    facts = (
        Fact("Plan digest", text(origin.plan_digest), code=True),
        *(
            Fact(f"Digest, {text(name)}", text(value), code=True)
            for name, value in origin.family_digests.items()
        ),
        Fact("Seed", str(origin.seed)),
        Fact("Controls", _controls(result)),
        Fact(
            "Noise floor",
            f"{number(origin.noise_floor)}, the largest relative difference between two runs on "
            "the same views of the first images",
        ),
        Fact("Intervals", text(origin.interval_method, 400)),
        Fact(
            "Samples",
            f"{result.samples.name}, {count(result.samples.n_rows, 'row')}; every number can be "
            "computed again from it",
        ),
        Fact("Samples SHA-256", result.samples.sha256, code=True),
    )
    return FactGroup("Method", facts)


def _controls(result: AuditResult) -> str:
    ran = {control.n_images for cell in result.cells for control in cell.controls}
    if not ran:
        return "none ran"
    return f"on the first {count(max(ran), 'image')} of the seeded order"


def _place(result: AuditResult) -> FactGroup:
    origin = result.provenance
    versions = ", ".join(f"{text(n, 40)} {text(v, 40)}" for n, v in origin.versions.items())
    facts = (
        Fact("Holdfast", text(origin.engine_version)),
        Fact("Libraries", versions),
        Fact("Device", f"{text(origin.device)}, {count(origin.threads, 'thread')}"),
        Fact("Sandbox", _sandbox(origin.sandbox)),
        Fact("Started", f"{text(origin.started_at)}, took {origin.duration_s:.1f} s"),
    )
    return FactGroup("Machine", facts)


def _sandbox(level: SandboxLevel) -> str:
    layers = {
        f"Landlock ABI {level.landlock_abi}": level.landlock_abi > 0,
        "seccomp": level.seccomp,
        "no new privileges": level.no_new_privs,
        "capabilities dropped": level.capabilities_dropped,
    }
    held = ", ".join(name for name, on in layers.items() if on) or "no layer"
    missing = "; ".join(text(part, 120) for part in level.missing[:8])
    note = f". Experimental rules for a GPU. {text(level.note)}" if level.gpu else ""
    state = "in force" if level.in_force else "not fully in force"
    said = f"{state} (mode {level.mode}): {held}" + (f"; missing: {missing}" if missing else "")
    return said + note
