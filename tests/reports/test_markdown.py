"""The Markdown summary, read back by a parser: what is foreign is text and nothing else."""

from collections.abc import Iterator

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from ci_outputs import HOSTILE, VERDICTS, hostile, shuffled, standings
from factories import audit_data, left_out, result_of
from holdfast_reports.formats.markdown import render_markdown

OURS = {"<code>", "</code>", "<details><summary>Run it again</summary>\n", "</details>\n"}


def _tokens(text: str) -> Iterator[Token]:
    for token in MarkdownIt("commonmark", {"html": True}).enable("table").parse(text):
        yield token
        yield from token.children or ()


def _rows(text: str) -> list[list[str]]:
    rows: list[list[str]] = []
    cell = False
    for token in _tokens(text):
        if token.type == "tr_open":
            rows.append([])
        elif token.type in ("td_open", "th_open"):
            rows[-1].append("")
            cell = True
        elif token.type in ("td_close", "th_close"):
            cell = False
        elif cell and token.type in ("text", "text_special"):
            rows[-1][-1] += token.content
    return rows


def _shown(text: str) -> str:
    return "".join(token.content for token in _tokens(text) if token.type == "text")


@pytest.mark.parametrize(
    ("kind", "head"),
    [
        ("passed", "Holdfast: Passed"),
        ("failed", "Holdfast: Failed"),
        ("inconclusive", "Holdfast: Inconclusive"),
        ("none", "Holdfast: Measured, not judged"),
    ],
)
def test_the_verdict_stands_first(kind: str, head: str) -> None:
    text = render_markdown(*standings(kind), name="m.onnx")
    assert text.splitlines()[0].endswith(head)
    assert "<code>m.onnx</code>" in text


def test_every_assertion_has_its_interval_limit_and_images() -> None:
    rows = _rows(render_markdown(*standings("failed")))
    assert rows[0] == ["verdict", "assertion", "observed [interval]", "limit", "images"]
    assert [row[1:] for row in rows[1:6]] == [
        ["translation.consistency", "0.610 [0.586, 0.631]", "at least 0.9", "200"],
        ["rotation.consistency", "0.905 [0.881, 0.926]", "at least 0.99", "200"],
        ["scale.consistency", "0.972 [0.948, 0.993]", "at least 0.97", "200"],
        ["scale.drift", "0.028 [0.004, 0.049]", "at most 0.03", "200"],
        ["accuracy", "0.930 [0.885, 0.961]", "at least 0.5", "200"],
    ]
    assert [row[0][2:] for row in rows[1:6]] == [
        "Failed",
        "Failed (warn)",
        "Inconclusive",
        "Inconclusive (warn)",
        "Passed",
    ]


def test_without_a_policy_the_headline_numbers_are_shown_or_why_there_are_none() -> None:
    rows = _rows(render_markdown(result_of(left_out(audit_data(), "scale")), None))
    assert ["accuracy", "0.930 [0.885, 0.961]", "200"] in rows
    assert ["scale.consistency", "The plan leaves this family out.", "0"] in rows


def test_the_worst_images_lead_by_lost_confidence() -> None:
    data = audit_data()
    data["examples"][1]["after"]["reference_probability"] = 0.01
    data["examples"][1]["probe"] = "worst.png"
    rows = _rows(render_markdown(result_of(data), None))
    place = rows.index(["image", "motion", "unmoved", "moved"])
    assert rows[place + 1] == ["worst.png", "Turned 15° clockwise", "cat 0.93", "dog 0.81"]


def test_the_audit_can_be_run_again_from_it() -> None:
    text = render_markdown(*standings("failed"))
    fences = [token for token in _tokens(text) if token.type == "fence"]
    assert [fence.info for fence in fences] == ["sh", "yaml"]
    assert fences[0].content.startswith("holdfast audit MODEL --data IMAGES --config holdfast.yaml")
    assert fences[1].content.startswith("version: 1\n")


@pytest.mark.parametrize("payload", HOSTILE)
def test_hostile_text_is_text(payload: str) -> None:
    text = render_markdown(*hostile(payload), name=payload)
    harmless = render_markdown(*hostile("x"), name="x")
    kinds = [token.type for token in _tokens(text) if token.type not in ("text", "text_special")]
    wanted = [token.type for token in _tokens(harmless)]
    assert kinds == [kind for kind in wanted if kind not in ("text", "text_special")]
    assert {t.content for t in _tokens(text) if t.type.startswith("html_")} <= OURS
    # GitHub makes links of these without any markup.
    assert not [sign for sign in ("www.", "http:", "@") if sign in text]
    assert [len(row) for row in _rows(text)] == [len(row) for row in _rows(harmless)]
    if payload.isprintable():
        assert _shown(text).count(payload) >= 3


def test_a_fence_cannot_be_closed_by_what_it_holds() -> None:
    data = audit_data()
    data["plan"] |= {"architecture": "timm/```\n````x"}
    text = render_markdown(result_of(data), None)
    [_, fence] = [token for token in _tokens(text) if token.type == "fence"]
    assert "````x" in fence.content
    assert fence.content.rstrip().endswith("}")


@pytest.mark.parametrize("kind", VERDICTS)
@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_the_result_does_not_matter(kind: str, seed: int) -> None:
    result, verdict = standings(kind)
    assert render_markdown(shuffled(result, seed), verdict) == render_markdown(result, verdict)
