import re
from dataclasses import replace

import pytest

from factories import audit_data, audit_result, result_of, verdict_on
from holdfast_reports.charts.curve import curve_svg
from holdfast_reports.charts.heat import heat_svg
from holdfast_reports.charts.svg import HEAT, HEAT_INK, INK
from holdfast_reports.shapes import Curve, HeatMap
from holdfast_reports.view import view
from html_pages import read_page


@pytest.fixture(scope="module")
def curves() -> list[Curve]:
    result = audit_result()
    verdict = verdict_on(result, rotation__consistency=("error", {"min": 0.85, "max": 0.99}))
    return [family.curve for family in view(result, verdict).families if family.curve]


@pytest.fixture(scope="module")
def heat() -> HeatMap:
    found = view(audit_result(), None).families[0].heat
    assert found is not None
    return found


def _texts(svg: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


def _points(path: str) -> list[tuple[float, float]]:
    pairs = [pair.split(",") for pair in path.split("L")]
    return [(float(x), float(y)) for x, y in pairs]


def test_a_drawing_has_no_style_no_script_and_no_address(
    curves: list[Curve], heat: HeatMap
) -> None:
    for svg in [*map(curve_svg, curves), heat_svg(heat)]:
        names = {name for _, a in read_page(svg).elements for name in a}
        assert not names & {"style", "href", "xlink:href", "onload", "xmlns", "xmlns:xlink"}
        assert "http" not in svg
        assert not re.search("<(?:script|style|image|a|foreignobject)[ >]", svg, re.IGNORECASE)


def test_every_colour_follows_the_page(curves: list[Curve], heat: HeatMap) -> None:
    for svg in [*map(curve_svg, curves), heat_svg(heat)]:
        fills = set(re.findall(r'(?:fill|stroke)="([^"]*)"', svg))
        assert {fill for fill in fills if not fill.startswith("var(--")} <= {"none", "transparent"}


def test_no_two_roles_share_a_colour() -> None:
    every = [*INK.values(), *HEAT, *HEAT_INK]
    assert len(every) == len(set(every))


def test_a_curve_has_a_dot_for_each_point_and_the_words_of_its_axis(curves: list[Curve]) -> None:
    svg = curve_svg(curves[1])
    assert svg.count('fill="var(--card, ') == len(curves[1].points)
    texts = _texts(svg)
    minus = "\N{MINUS SIGN}"
    assert [t for t in texts if "°" in t] == [f"{minus}15°", f"{minus}5°", "0°", "+5°", "+15°"]
    assert "angle, counter-clockwise (degrees)" in texts


def test_the_limits_of_the_policy_are_dashed_lines_with_their_numbers(
    curves: list[Curve],
) -> None:
    assert curve_svg(curves[1]).count("stroke-dasharray") == 2
    assert {"0.85", "0.99"} <= set(_texts(curve_svg(curves[1])))
    assert "stroke-dasharray" not in curve_svg(curves[0])


def test_the_band_lies_around_the_line(curves: list[Curve]) -> None:
    svg = curve_svg(curves[0])
    (band,) = re.findall(r'd="M([^"]*)Z" fill="var\(--band', svg)
    (line,) = re.findall(r'd="M([^"]*)" stroke="var\(--series', svg)
    places, seen = _points(band), dict(_points(line))
    half = len(places) // 2
    for (x, high), (_, low) in zip(places[:half], places[: half - 1 : -1], strict=True):
        assert min(high, low) <= seen[x] <= max(high, low)


def test_a_long_curve_has_few_ticks_and_no_dots(curves: list[Curve]) -> None:
    first = curves[1].points[0]
    points = tuple(replace(first, x=float(place)) for place in range(200))
    svg = curve_svg(replace(curves[1], points=points))
    assert 'fill="var(--card, ' not in svg
    assert len([t for t in _texts(svg) if "°" in t]) <= 9


def test_the_map_moves_right_with_dx_and_down_with_dy() -> None:
    data = audit_data()
    pattern = data["cells"][0]
    shares = {(-1, -1): 0.11, (1, -1): 0.22, (-1, 1): 0.33, (1, 1): 0.44}
    data["cells"] = [pattern | {"shift_px": list(s), "consistency": v} for s, v in shares.items()]
    heat = view(result_of(data), None).families[0].heat
    assert heat is not None
    found = re.findall(r'translate\(([\d.]+),([\d.]+)\)"[^>]*>(0\.\d\d)</text>', heat_svg(heat))
    at = {value: (float(x), float(y)) for x, y, value in found}
    assert at["0.11"][0] == at["0.33"][0] < at["0.22"][0] == at["0.44"][0]
    assert at["0.11"][1] == at["0.22"][1] < at["0.33"][1] == at["0.44"][1]


def test_the_map_paints_each_shift_in_the_colour_of_its_step(heat: HeatMap) -> None:
    svg = heat_svg(heat)
    for step in range(len(HEAT)):
        n = len([cell for cell in heat.cells if cell.step == step])
        assert svg.count(f'fill="var(--heat-{step}, ') == n
        assert svg.count(f'fill="var(--heat-ink-{step}, ') == n


def test_a_large_map_prints_no_numbers(heat: HeatMap) -> None:
    wide = tuple(range(-9, 10))
    cells = tuple(replace(heat.cells[0], dx=dx, dy=dy) for dx in wide for dy in wide)
    svg = heat_svg(replace(heat, dxs=wide, dys=wide, cells=cells, printed=False))
    assert heat.cells[0].label not in _texts(svg)


def test_the_words_of_a_drawing_are_escaped(curves: list[Curve]) -> None:
    hostile = replace(curves[0], title="<script>x</script>", description='"><b onclick=x>')
    page = read_page(curve_svg(hostile))
    assert not page.named("script") + page.named("b")
    assert "<script>x</script>" in page.text
