from statistics import fmean

import pytest
import yaml

from factories import (
    ANGLES_DEG,
    SHIFTS_PX,
    audit_data,
    audit_result,
    left_out,
    result_of,
    verdict_on,
)
from holdfast.records.base import read_record
from holdfast.records.plan import AuditPlan
from holdfast.records.policy import Decision, Verdict
from holdfast.records.result import AuditResult
from holdfast_reports.shapes import ReportView
from holdfast_reports.view import view
from results import finding


@pytest.fixture
def result() -> AuditResult:
    return audit_result()


@pytest.fixture
def verdict(result: AuditResult) -> Verdict:
    return verdict_on(
        result,
        accuracy=("error", {"min": 0.5}),
        translation__consistency=("error", {"min": 0.9}),
        rotation__worst_case=("warn", {"min": 0.99}),
        scale__drift=("error", {"max": 0.03}),
    )


@pytest.fixture
def report(result: AuditResult, verdict: Verdict) -> ReportView:
    return view(result, verdict, name="birds-v3.onnx")


def test_the_same_result_and_verdict_give_the_same_view(
    result: AuditResult, verdict: Verdict
) -> None:
    assert view(result, verdict) == view(result, verdict)


def test_the_banner_says_the_verdict_and_the_weakest_family(report: ReportView) -> None:
    assert (report.banner.status, report.banner.word) == ("failed", "Failed")
    assert report.banner.sentence == "1 of 3 assertions failed: translation.consistency."
    assert report.banner.weakest == (
        "Weakest under translation: 61 of 100 shifted pictures keep their answer."
    )
    assert report.page_title == "Failed: birds-v3.onnx"


@pytest.mark.parametrize("decision", list(Decision))
def test_every_decision_has_its_word_and_its_shape(
    result: AuditResult, verdict: Verdict, decision: Decision
) -> None:
    banner = view(result, verdict.model_copy(update={"decision": decision})).banner
    assert banner.status == decision
    assert banner.word == decision.capitalize()


def test_without_a_policy_nothing_is_called_passed(result: AuditResult) -> None:
    report = view(result, None)
    assert report.banner.status == "none"
    assert report.banner.word == "Measured, not judged"
    assert report.assertions == ()
    assert all(not card.limits for card in report.headlines)
    assert all(family.curve and family.curve.limits == () for family in report.families)


def test_a_fault_is_said_on_top_and_no_family_is_praised() -> None:
    fault = finding("constant_model", "error") | {"sentence": "All scores are the same."}
    banner = view(result_of(audit_data() | {"findings": [fault]}), None).banner
    assert banner.alert == "All scores are the same."
    assert banner.weakest == ""


def test_the_headlines_are_shares_of_a_hundred_with_their_intervals(report: ReportView) -> None:
    translation, rotation, scale = report.headlines
    assert (translation.number, rotation.number, scale.number) == ("61", "90.5", "97.2")
    assert translation.sentence == "shifted pictures keep their answer"
    assert translation.detail == "Consistency 0.610 (0.586 to 0.631)"
    assert translation.scope == "24 shifts up to 2 px, 200 images"
    assert rotation.scope == "4 angles from \N{MINUS SIGN}15° to +15°, 200 images"


def test_a_failed_worst_case_shows_on_the_card_of_its_family(report: ReportView) -> None:
    shown = {card.family: card.limits for card in report.headlines}
    assert [(limit.status, limit.words) for limit in shown["rotation"]] == [
        ("failed", "Worst case at least 0.99 (warns only)")
    ]
    assert [limit.words for limit in shown["scale"]] == ["Drift at most 0.03"]


def test_the_gravest_assertions_come_first_with_their_sentences(report: ReportView) -> None:
    assert [row.id for row in report.assertions] == [
        "translation.consistency",
        "rotation.worst_case",
        "scale.drift",
        "accuracy",
    ]
    first, second = report.assertions[:2]
    assert (first.word, first.required, second.required) == ("Failed", True, False)
    assert first.title == "Consistency, translation"
    assert first.limit == "at least 0.9"
    assert first.sentence == "Observed 0.6100 [0.5860, 0.6310] on 200 images breaks min 0.9."


def test_every_measurement_is_in_the_table_of_numbers(report: ReportView) -> None:
    shown = {measure.title: [cell.value for cell in measure.cells] for measure in report.measures}
    assert shown["Consistency"] == ["0.610", "0.905", "0.972"]
    assert shown["Worst case"] == ["0.590", "0.885", "0.952"]
    assert shown["Drift"] == ["0.390", "0.095", "0.028"]
    assert list(shown) == [
        "Consistency",
        "Worst case",
        "Drift",
        "Accuracy when moved",
        "Accuracy drop",
        "Robust accuracy",
        "Pair consistency",
        "Modal consistency",
        "Logit drift",
        "Flip probability",
        "Excess flips",
        "Worst cell",
    ]
    assert [m.title for m in report.measures if m.folded] == list(shown)[6:]
    assert (report.accuracy.value, report.accuracy.detail) == ("0.930", "0.885 to 0.961")


def test_the_curve_of_translation_is_the_mean_over_the_shifts_of_one_distance(
    report: ReportView, result: AuditResult
) -> None:
    curve = report.families[0].curve
    assert curve is not None
    cells = [cell for cell in result.cells if cell.family == "translation"]
    far = [c for c in cells if max(abs(c.shift_px[0]), abs(c.shift_px[1])) == 2]
    assert len(far) == 16
    assert [point.x for point in curve.points] == [0, 1, 2]
    last = curve.points[-1]
    assert last.y == pytest.approx(fmean(c.consistency for c in far))
    assert last.low == pytest.approx(fmean(c.consistency_low for c in far))
    assert last.high == pytest.approx(fmean(c.consistency_high for c in far))
    assert "mean over all shifts" in curve.caption


def test_the_other_curves_have_one_point_per_cell_and_the_unmoved_picture(
    report: ReportView,
) -> None:
    rotation, scale = report.families[1].curve, report.families[2].curve
    assert rotation is not None
    assert scale is not None
    assert [point.x for point in rotation.points] == sorted([*ANGLES_DEG, 0.0])
    assert [(p.x, p.y, p.low, p.high) for p in scale.points if p.x == 1] == [(1, 1, 1, 1)]


def test_the_gate_line_is_the_limit_of_consistency_only(report: ReportView) -> None:
    assert [f.curve and f.curve.limits for f in report.families] == [(0.9,), (), ()]


def test_headings_say_what_is_seen(report: ReportView) -> None:
    minus = "\N{MINUS SIGN}"
    assert [family.seen for family in report.families] == [
        "falls to 0.73 at 2 px",
        f"falls to 0.82 at {minus}15°",
        "falls to 0.93 at zoom 1.25\N{MULTIPLICATION SIGN}",
    ]


def test_a_steady_family_is_not_said_to_fall() -> None:
    data = audit_data()
    for cell in data["cells"]:
        cell["consistency"] = 1.0 if cell["family"] == "rotation" else 0.981
        cell["consistency_high"] = 1.0
    seen = [family.seen for family in view(result_of(data), None).families]
    assert seen == [
        "stays at 0.98 or above at every distance",
        "no answer changed at any angle",
        "stays at 0.98 or above at every zoom",
    ]


@pytest.mark.parametrize(("lowest", "start"), [(0.3, 0.0), (0.62, 0.5), (0.93, 0.8)])
def test_all_curves_share_one_axis_that_holds_every_bound(lowest: float, start: float) -> None:
    data = audit_data()
    for cell in data["cells"]:
        cell["consistency_low"] = 0.95
    data["cells"][0]["consistency_low"] = lowest
    data["cells"][0]["shift_px"] = [5, 5]
    families = view(result_of(data), None).families
    assert {family.curve and family.curve.axis_from for family in families} == {start}


def test_the_map_holds_every_shift(report: ReportView) -> None:
    heat = report.families[0].heat
    assert heat is not None
    assert sorted([c.dx, c.dy] for c in heat.cells) == sorted(SHIFTS_PX)
    assert heat.printed
    steps = {c.label: c.step for c in heat.cells}
    assert steps["0.83"] == 4
    assert steps["0.75"] == 3


@pytest.mark.parametrize(
    "shifts",
    [[[1, 0], [2, 0], [-3, 0]], [[place, 7 * place] for place in range(1, 60)]],
    ids=["on a line", "spread wide"],
)
def test_shifts_that_make_no_map_give_none(shifts: list[list[int]]) -> None:
    data = audit_data()
    pattern = data["cells"][0]
    data["cells"] = [pattern | {"shift_px": shift} for shift in shifts]
    family = view(result_of(data), None).families[0]
    assert family.heat is None
    assert family.curve is not None
    assert len(family.tables[1].rows) == len(shifts)


def test_a_very_long_list_of_cells_shows_the_lowest_and_says_so() -> None:
    data = audit_data()
    pattern = data["cells"][0]
    data["cells"] = [
        pattern | {"shift_px": [dx, dy], "consistency": 0.9 - dx / 1000}
        for dx in range(1, 31)
        for dy in range(1, 31)
    ]
    table = view(result_of(data), None).families[0].tables[1]
    assert len(table.rows) == 200
    assert table.rows[0][:2] == ("+30, +1", "0.870")
    assert table.note.startswith("The 200 lowest of 900 are shown")


def test_a_family_that_was_left_out_says_why() -> None:
    report = view(result_of(left_out(audit_data(), "scale")), None)
    card, family = report.headlines[2], report.families[2]
    assert card.number == ""
    assert card.sentence == "The plan leaves this family out."
    assert (family.seen, family.summary) == ("not measured", "The plan leaves this family out.")
    assert family.curve is None
    assert [measure.cells[2].value for measure in report.measures] == [""] * 12


def test_examples_name_motion_classes_and_the_loss(report: ReportView) -> None:
    first, second, third = report.examples
    assert first.motion == "Shifted 2 px right, 1 px up"
    assert second.motion == "Turned 15° clockwise"
    assert third.motion == "Shrunk to 0.8\N{MULTIPLICATION SIGN}"
    assert (first.before.answer, first.before.right) == ("cat", True)
    assert (first.after.answer, first.after.right) == ("dog", False)
    assert first.label == "cat"
    assert first.lost.endswith("0.93\N{NO-BREAK SPACE}→\N{NO-BREAK SPACE}0.12")


def test_skipped_images_are_listed_with_a_whole_reason(report: ReportView) -> None:
    assert [(skipped.probe, skipped.reason) for skipped in report.skipped] == [
        ("dogs/broken.png", "Is not a readable PNG, JPEG, WebP or BMP image."),
        ("dogs/huge.png", "Has too many pixels."),
    ]
    assert report.skipped_note == "2 of 202 images could not be used."


def test_many_skipped_images_are_cut_and_counted() -> None:
    data = audit_data()
    skipped = [{"probe": f"{place}.png", "code": "no_such_code"} for place in range(60)]
    data["probes"] |= {"skipped": skipped}
    report = view(result_of(data), None)
    assert len(report.skipped) == 50
    assert report.skipped[0].reason == "No such code."
    assert report.skipped_note.endswith("The first 50 are listed.")


def test_the_written_configuration_reads_back_as_the_plan(result: AuditResult) -> None:
    spec = {"preset": "custom", "scale": 1e-05, "mean": [0.0], "std": [2e-05], "order": "rgb"}
    data = audit_data()
    data["plan"]["input"] |= spec
    data["plan"] |= {"confidence": 0.99, "controls": 17, "full": True}
    plan = result_of(data).plan
    written = view(result_of(data), None).provenance
    read = yaml.safe_load(written.configuration)
    again = read_record(
        AuditPlan,
        {"input": read["model"]["input"], "families": read["families"], "confidence": 0.99}
        | read["data"]
        | read["audit"],
        "invalid_plan",
    )
    assert again == plan
    assert "--confidence 0.99" in written.command
    assert "--confidence" not in view(result, None).provenance.command


def test_provenance_names_model_images_method_and_machine(report: ReportView) -> None:
    groups = {
        group.title: {f.name: f.value for f in group.facts} for group in report.provenance.groups
    }
    assert list(groups) == ["Model", "Images", "Method", "Machine"]
    assert groups["Model"]["SHA-256"] == "0" * 64
    assert groups["Method"]["Seed"] == "0"
    assert groups["Machine"]["Sandbox"].startswith("in force (mode auto): Landlock ABI 1, seccomp")
    assert "as the plan says" in groups["Images"]["Normalisation"]


def test_a_model_without_a_name_goes_by_its_digest(result: AuditResult) -> None:
    assert view(result, None).subject == "Model 000000000000"
    assert view(result, None, name="\u202e").subject == "Model 000000000000"
