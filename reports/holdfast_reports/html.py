"""Set a view as one HTML file that is complete without a network and runs no script."""

import base64
import hashlib
from importlib.resources import files
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from holdfast.records.policy import Verdict
from holdfast.records.result import AuditResult
from holdfast_reports.charts.curve import curve_svg
from holdfast_reports.charts.heat import heat_svg
from holdfast_reports.charts.small import small_svg
from holdfast_reports.shapes import ReportView
from holdfast_reports.view import view

__all__ = ["CONTENT_SECURITY_POLICY", "html_report", "render_html", "set_page"]


def _style() -> str:
    """The style sheet as it stands between the tags; the hash is over exactly these characters."""
    text = files("holdfast_reports").joinpath("templates/report.css").read_text("utf-8")
    if "<" in text:
        raise ValueError("report.css must not hold a less-than sign: it is not escaped")
    return text


_STYLE: Final = _style()
_STYLE_SHA256: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

_META_POLICY: Final = (
    f"default-src 'none'; img-src data:; style-src 'sha256-{_STYLE_SHA256}'; base-uri 'none'; "
    "form-action 'none'"
)
CONTENT_SECURITY_POLICY: Final = f"{_META_POLICY}; frame-ancestors 'none'; sandbox"
"""The header for a served report. The file itself holds the part that a meta element may say."""

_environment: Final = Environment(
    loader=PackageLoader("holdfast_reports"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def html_report(result: AuditResult, verdict: Verdict | None, *, name: str = "") -> str:
    """A whole report of one result.

    Args:
        result: what was seen.
        verdict: what was decided, None for an audit without a policy.
        name: what people call the model; may be hostile.
    """
    return render_html(view(result, verdict, name=name))


def render_html(report: ReportView) -> str:
    """Set a view. Adds markup and drawings, no words and no numbers of its own."""
    return set_page("report.html.j2", report=report, drawings=_drawings(report))


def set_page(template: str, **views: object) -> str:
    """Set one of our templates with the style sheet and the policy that allows nothing else."""
    return _environment.get_template(template).render(
        policy=_META_POLICY,
        style=Markup(_STYLE),  # noqa: S704 - our own file, checked when it was read
        **views,
    )


def _drawings(report: ReportView) -> dict[str, Markup]:
    families = (*report.families, *report.others)
    drawn = {family.curve.id: curve_svg(family.curve) for family in families if family.curve}
    drawn |= {family.heat.id: heat_svg(family.heat) for family in families if family.heat}
    return drawn | {chart.id: small_svg(chart) for family in families for chart in family.more}
