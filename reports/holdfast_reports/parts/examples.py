"""The worst flips: what the picture was taken for before and after the motion."""

from holdfast.records.result import AuditResult, Example, MovedView
from holdfast_reports.shapes import ExampleView, Prediction
from holdfast_reports.words import exact, number, share, shift, text, zoom

__all__ = ["examples"]

_ARROW = "\N{NO-BREAK SPACE}\N{RIGHTWARDS ARROW}\N{NO-BREAK SPACE}"


def examples(result: AuditResult) -> tuple[ExampleView, ...]:
    """In the order of the engine: by family, the largest loss of confidence first."""
    names = result.probes.class_names
    return tuple(_example(example, names) for example in result.examples)


def _example(example: Example, names: tuple[str, ...]) -> ExampleView:
    before, after, motion = example.before, example.after, _motion(example)
    probe, label = text(example.probe), example.label
    kept = (
        f"{share(before.reference_probability, 2)}{_ARROW}{share(after.reference_probability, 2)}"
    )
    return ExampleView(
        motion=motion,
        probe=probe,
        label="" if label is None else _class(label, names),
        before=_prediction(before, label, names, f"{probe}, unmoved"),
        after=_prediction(after, label, names, f"{probe}, {motion.lower()}"),
        lost=f"Confidence in the first answer: {kept}",
    )


def _prediction(view: MovedView, label: int | None, names: tuple[str, ...], alt: str) -> Prediction:
    return Prediction(
        picture=f"data:{view.picture.media_type};base64,{view.picture.base64}",
        alt=alt,
        answer=_class(view.predicted, names),
        confidence=share(view.probability, 2),
        right=None if label is None else view.predicted == label,
    )


def _class(index: int, names: tuple[str, ...]) -> str:
    named = text(names[index]) if 0 <= index < len(names) else ""
    return named or f"class {index}"


def _motion(example: Example) -> str:
    """Every part of the motion that is one; a spatial motion has up to three."""
    parts: list[str] = []
    if example.angle_deg:
        way = "counter-clockwise" if example.angle_deg > 0 else "clockwise"
        parts.append(f"turned {number(round(abs(example.angle_deg), 1))}° {way}")
    if example.zoom is not None and example.zoom != 1:
        parts.append(f"{'enlarged' if example.zoom > 1 else 'shrunk'} to {zoom(example.zoom)}")
    if example.shift_px is not None and any(example.shift_px):
        parts.append(f"shifted {shift(*example.shift_px)}")
    if example.exact is not None:
        parts.append(exact(example.exact))
    return ", ".join(parts).capitalize() or "Moved"
