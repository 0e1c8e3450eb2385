"""Controls, evidence, curves, groups and the families on request."""

import copy
from typing import Any

import pytest
import yaml

from factories import absent, audit_data, deep_data, result_of, verdict_on
from holdfast.records.result import AuditResult
from holdfast_reports.charts.curve import curve_svg
from holdfast_reports.charts.small import small_svg
from holdfast_reports.html import html_report
from holdfast_reports.shapes import ReportView
from holdfast_reports.view import view
from html_pages import read_page
from results import finding

MINUS = "\N{MINUS SIGN}"


@pytest.fixture(scope="module")
def result() -> AuditResult:
    return result_of(deep_data())


@pytest.fixture(scope="module")
def report(result: AuditResult) -> ReportView:
    verdict = verdict_on(
        result,
        accuracy=("error", {"min": 0.5}),
        translation__consistency=("error", {"min": 0.9}),
        rotation__consistency=("warn", {"min": 0.9}),
        scale__consistency=("error", {"min": 0.1}),
    )
    return view(result, verdict)


def _changed(**changes: Any) -> ReportView:
    return view(result_of(deep_data() | changes), None)


def test_controls_are_told_with_and_without_the_motion(report: ReportView) -> None:
    translation, rotation, _ = report.families
    assert translation.controls[0].startswith(
        "With the same lost content but no motion 2.0 % of the views flip; with the motion 2"
    )
    assert translation.controls[1] == (
        "Excess flips over the same lost content, which remain for the motion: "
        f"{MINUS}0.010 ({MINUS}0.040 to +0.020), on 100 images."
    )
    assert rotation.controls == (
        "With the same resampling but no motion 2.0 % of the views flip; with the motion 13.0 %.",
    )


def test_only_a_finding_says_that_it_is_not_geometry(report: ReportView) -> None:
    assert [family.cause for family in report.families] == ["", "", ""]
    found = [finding("rotation.resampling", "warning"), finding("scale.content_loss", "warning")]
    causes = [family.cause for family in _changed(findings=found).families]
    assert causes == ["", "Resampling, not geometry", "Lost content, not geometry"]


def test_the_control_is_a_line_in_the_curve_and_rows_in_its_table(report: ReportView) -> None:
    curve = report.families[1].curve
    assert curve is not None
    (line,) = curve.controls
    assert (line.kind, line.words) == ("blur", "same resampling, not moved")
    assert line.points == ((-15.0, 0.98), (-5.0, 0.98), (0.0, 1.0), (5.0, 0.98), (15.0, 0.98))
    assert curve_svg(curve).count('stroke-dasharray="2,3"') == 1
    (table,) = [t for t in report.families[1].more_tables if t.caption == "Controls"]
    assert len(table.rows) == 4
    assert ("+15°", "resampling", "2.0 %", "18.0 %", "+0.160", "+0.110 to +0.200") in table.rows
    assert "first 100 images" in table.note


def test_without_controls_nothing_is_said_about_them() -> None:
    report = view(result_of(audit_data()), None)
    assert all(not (f.controls or f.cause or f.more_tables) for f in report.families)
    assert all(f.curve and f.curve.controls == () for f in report.families)
    method = {f.name: f.value for f in report.provenance.groups[2].facts}
    assert method["Controls"] == "none ran"


def test_the_axis_holds_a_control_that_falls_below_the_curve() -> None:
    data = deep_data()
    for cell in data["cells"]:
        cell["consistency_low"] = 0.95
        for control in cell.get("controls", []):
            control["flip_rate"] = 0.4
    starts = {f.curve.axis_from for f in view(result_of(data), None).families if f.curve}
    assert starts == {0.5}


def test_the_small_curves_have_their_numbers_in_a_table(report: ReportView) -> None:
    worst, first = report.families[0].more
    assert (worst.id, first.id) == ("worst-of-k-translation", "first-flip-translation")
    assert [row[:2] for row in worst.table.rows] == [
        ("1", "0.610"),
        ("8", "0.400"),
        ("24", "0.250"),
    ]
    assert [point.x for point in worst.points] == [1, 8, 24]
    # Nothing has flipped before the picture moves.
    assert [(p.x, p.y) for p in first.points][:2] == [(0, 1), (1, 0.8)]
    assert first.table.rows[1] == ("1.414", "0.700", "0.670 to 0.730")
    for chart in (worst, first):
        assert f'id="{chart.id}-t"' in small_svg(chart)
    assert report.families[1].more == ()


def test_a_curve_of_one_point_is_no_curve(report: ReportView) -> None:
    assert report.others[0].id == "spatial"
    assert report.others[0].more == ()


def test_classes_and_groups_stand_with_the_weakest_first(report: ReportView) -> None:
    by_class, by_group = report.groups
    assert by_class.columns == ("Class", "Images", "Clean accuracy", "Translation")
    assert [row[0] for row in by_class.rows] == ["cat", "bird"]
    assert by_class.rows[0][1:] == ("60", "0.700 (0.600 to 0.720)", "0.700 (0.600 to 0.720)")
    assert not by_class.folded
    assert by_group.rows[0][0] == "night"


def test_many_classes_are_folded() -> None:
    pattern = deep_data()["groups"][0]
    groups = [pattern | {"name": f"class {place}"} for place in range(13)]
    (table,) = _changed(groups=groups).groups
    assert table.folded
    (table,) = _changed(groups=groups[:12]).groups
    assert not table.folded


def test_the_evidence_is_told_as_odds_beside_each_assertion(report: ReportView) -> None:
    said = {row.id: row.evidence for row in report.assertions}
    assert said == {
        "accuracy": "Evidence that it holds, in the end: more than 24 : 1.",
        "translation.consistency": "Evidence that it is broken, in the end: more than "
        "1,000,000 : 1.",
        "rotation.consistency": "Undecided after 200 images: evidence that it holds more than "
        "1 : 1, that it is broken at most 1 : 1.",
        "scale.consistency": "",  # a limit that the audit did not run with
    }
    assert report.evidence.startswith("Stopped after 200 of 500 images: every assertion is decided")
    assert "the first to reach 20 : 1 decides" in report.evidence
    assert "the whole interval has to keep the limit" in report.evidence
    assert "200 of 500 images" in report.facts


def test_an_audit_of_a_fixed_number_of_images_has_no_evidence() -> None:
    report = _changed(sequential=None)
    assert report.evidence == ""
    assert "200 images" in report.facts
    page = read_page(html_report(result_of(deep_data() | {"sequential": None}), None))
    assert "bets" not in page.text


def test_an_audit_that_was_not_stopped_says_so() -> None:
    sequential = deep_data()["sequential"] | {"stopped": False, "n_planned": 200}
    report = _changed(sequential=sequential)
    assert report.evidence.startswith("The audit went through all 200 images.")


def test_the_written_configuration_repeats_the_limits_that_stopped_the_audit(
    report: ReportView,
) -> None:
    read = yaml.safe_load(report.provenance.configuration)
    assert read["gate"]["assertions"] == {
        "accuracy": ["error", {"min": 0.5}],
        "translation.consistency": ["error", {"min": 0.9}],
        "rotation.consistency": ["error", {"min": 0.9}],
        "scale.drift": ["error", {"max": 0.5}],
    }
    assert "gate" not in yaml.safe_load(_changed(sequential=None).provenance.configuration)


def test_the_families_on_request_have_a_section_of_their_own(report: ReportView) -> None:
    assert [family.title for family in report.families] == ["Translation", "Rotation", "Scale"]
    spatial, circular, displacement, lattice = report.others
    assert [bool(family.curve) for family in report.others] == [False, True, True, False]
    assert spatial.seen == "10 of 100 images keep their answer everywhere"
    assert circular.seen == "falls to 0.50 at 4 px"
    assert circular.summary.startswith("3 rolls up to 4 px. ")
    assert displacement.summary.startswith("1 place up to 6 px. ")
    assert [row[0] for row in lattice.tables[0].rows] == ["turned 90°", "mirrored"]
    assert spatial.tables[0].rows[0][0] == f"+12.3°; +1.3, {MINUS}3 px; 1\N{MULTIPLICATION SIGN}"
    (stride,) = [t for t in circular.more_tables if t.caption == "Stride phase"]
    assert stride.rows == (("2 px", "0.875"), ("4 px", "-0.125"))
    consistency = report.other_measures[0]
    assert [cell.value for cell in consistency.cells] == ["0.400"] * 4
    assert view(result_of(audit_data()), None).others == ()


def test_a_searched_family_without_cells_still_shows_what_it_found() -> None:
    data = deep_data()
    data["cells"] = [cell for cell in data["cells"] if cell["family"] != "spatial"]
    spatial = view(result_of(data), None).others[0]
    assert (spatial.id, spatial.tables) == ("spatial", ())
    assert spatial.seen == "10 of 100 images keep their answer everywhere"


def test_units_decide_how_a_number_is_written(report: ReportView) -> None:
    shown = {m.title: m.cells for m in report.measures}
    assert shown["Accuracy drop"][1].value == "+0.031"
    assert shown["Logit drift"][1].value == "1.250"
    assert shown["Excess flips"][0].detail == f"{MINUS}0.040 to +0.020"


def test_every_measure_says_what_it_means(report: ReportView) -> None:
    meanings = {m.title: m.meaning for m in report.measures}
    assert all(len(meaning) > 30 for meaning in meanings.values())
    assert "the share of the motions that are right" in meanings["Accuracy drop"]
    assert "Bonferroni" in meanings["Worst cell"]


def test_a_model_that_gives_labels_only_has_no_drift() -> None:
    data = deep_data()
    for cell in data["cells"]:
        cell["drift"] = None
    table = view(result_of(data), None).families[1].tables[0]
    assert "Drift" not in table.columns
    assert {len(row) for row in table.rows} == {len(table.columns)}


def test_the_page_shows_all_of_it(result: AuditResult) -> None:
    page = read_page(html_report(result, None))
    for words in (
        "On request: other motions",
        "Who is hit hardest",
        "Worst of k motions",
        "same resampling, not moved",
        "0, the largest relative difference between two runs on the same views of the first images",
        "on the first 100 images of the seeded order",
    ):
        assert words in page.text, words
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert page.unbalanced == []


def test_what_is_missing_in_the_table_of_families_on_request_says_why() -> None:
    data = deep_data()
    data["measurements"].append(absent("lattice.excess_flip_rate", "no controls ran"))
    page = read_page(html_report(result_of(data), None))
    assert "Not measured. No controls ran." in page.text


def test_making_a_view_changes_nothing(result: AuditResult) -> None:
    before = copy.deepcopy(result)
    view(result, None)
    assert result == before
