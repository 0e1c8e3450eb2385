"""SARIF 2.1.0: problems as code-scanning alerts. The rules come from the catalogue.

Source: OASIS, Static Analysis Results Interchange Format 2.1.0, errata 01.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from holdfast.catalogue import find
from holdfast.records.policy import Verdict
from holdfast.records.result import AuditResult
from holdfast_reports.formats.issues import (
    NOWHERE,
    Issue,
    fingerprints,
    issues,
    judged,
    line_of,
    subject,
)
from holdfast_reports.parts.against import baseline_name
from holdfast_reports.parts.assertions import assertion_title
from holdfast_reports.words import text

__all__ = ["SCHEMA_URI", "render_sarif"]

_CUT: Final = 600
SCHEMA_URI: Final = "https://json.schemastore.org/sarif-2.1.0.json"


def render_sarif(
    result: AuditResult,
    verdict: Verdict | None,
    *,
    name: str = "",
    path: str = "",
    lines: Mapping[str, int] = NOWHERE,
) -> str:
    """The problems of one audit as one SARIF run.

    Levels: `error` keeps the gate from passing, `warning` does not, `note` is undecided and of
    level warn. What is undecided is no `kind: open`, because code scanning hides all but `fail`.

    Args:
        result: what was seen.
        verdict: what was decided; None leaves the findings only.
        name: what people call the model; may be hostile.
        path: the file that an alert points to, relative to the root of the repository; the name
            of the model when left out.
        lines: where each assertion stands in that file; under an empty name the block of them.
    """
    found = issues(result, verdict)
    rules = _rules(found, verdict)
    places = {rule["id"]: index for index, rule in enumerate(rules)}
    called, origin = subject(result, name), result.provenance
    file, prints = path or called, fingerprints(found, name=name, path=path)
    run = {
        "tool": {"driver": _driver(origin.engine_version, rules)},
        "automationDetails": {"id": f"holdfast/{_uri(called)}/"},
        "columnKind": "utf16CodeUnits",
        "invocations": [{"executionSuccessful": True, **_started(origin.started_at)}],
        "results": [
            _result(issue, places[issue.rule], (file, line_of(issue, lines)), fingerprint)
            | _baseline_state(issue, verdict)
            for issue, fingerprint in zip(found, prints, strict=True)
        ],
        "properties": {
            "model": called,
            "modelSha256": origin.model_sha256,
            "planDigest": origin.plan_digest,
            "decision": verdict.decision if verdict else "none",
            **_baseline(verdict),
        },
    }
    log = {"$schema": SCHEMA_URI, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=2, ensure_ascii=False) + "\n"


def _driver(version: str, rules: list[dict[str, Any]]) -> dict[str, Any]:
    return {"name": "Holdfast", "version": text(version), "rules": rules}


def _rules(found: tuple[Issue, ...], verdict: Verdict | None) -> list[dict[str, Any]]:
    """A rule for every assertion of the policy and every finding, by id."""
    hints = {issue.rule: issue.hint for issue in reversed(found)}
    ids = {text(judgement.id) for judgement in judged(verdict)} | hints.keys()
    return [_rule(rule, hints.get(rule, "")) for rule in sorted(ids)]


def _rule(rule: str, hint: str) -> dict[str, Any]:
    entry, words = find(rule), assertion_title(rule)
    if entry is None:
        full = f"The audit found: {words}."
        guide = hint or "The result of the audit says more."
        tags = ["robustness", "finding"]
    else:
        full = f"{entry.question} {entry.method}"
        guide = f"{entry.read} {entry.better.capitalize()} is better. Source: {entry.source}."
        tags = ["robustness", entry.id.partition(".")[0]]
    return {
        "id": rule,
        "shortDescription": {"text": _unlinked(words)},
        "fullDescription": {"text": _unlinked(full)},
        "help": {"text": _unlinked(guide)},
        "properties": {"tags": tags},
    }


def _result(issue: Issue, index: int, place: tuple[str, int], fingerprint: str) -> dict[str, Any]:
    message = f"{issue.title}: {issue.message} {issue.hint}".rstrip()
    made: dict[str, Any] = {
        "ruleId": issue.rule,
        "ruleIndex": index,
        "level": issue.severity,
        "message": {"text": _unlinked(message)},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": _uri(place[0]), "uriBaseId": "%SRCROOT%"},
                    "region": {"startLine": place[1]},
                }
            }
        ],
        "partialFingerprints": {"holdfastRule/v1": fingerprint},
    }
    if issue.judgement:
        fields = {"decision", "level", "value", "low", "high", "min", "max", "n_images"}
        fields |= {"max_drop", "change", "ignored_until", "images_to_decide"}
        made["properties"] = issue.judgement.model_dump(mode="json", include=fields)
    return made


def _baseline_state(issue: Issue, verdict: Verdict | None) -> dict[str, str]:
    """Whether the baseline had the problem, too (SARIF 2.1.0, 3.27.24); empty when nobody knows.

    A loss is new by its nature; a limit that the baseline's value already broke is unchanged.
    """
    if verdict is None or verdict.baseline is None:
        return {}
    if verdict.baseline.same_model:
        return {"baselineState": "unchanged"}
    judgement = issue.judgement
    if judgement is None or judgement.change is None:
        return {}
    seen, least, most = judgement.change.baseline, judgement.min, judgement.max
    broken = (least is not None and seen < least) or (most is not None and seen > most)
    return {"baselineState": "unchanged" if broken else "new"}


def _baseline(verdict: Verdict | None) -> dict[str, Any]:
    """What the whole run was compared with, and which families regressed."""
    if verdict is None or verdict.baseline is None:
        return {}
    summary = verdict.baseline
    lost = [row.model_dump(mode="json") for row in summary.families if row.regressed]
    return {
        "baseline": {
            "name": baseline_name(summary),
            "modelSha256": summary.model_sha256,
            "summary": text(summary.sentence, _CUT),
            "regressed": [
                row | {"flipped": [text(name) for name in row["flipped"]]} for row in lost
            ],
        }
    }


def _unlinked(words: str) -> str:
    """Text that embeds no link (SARIF 2.1.0, 3.11.6: `[text](target)`)."""
    return words.replace("](", "] (")


def _uri(path: str) -> str:
    """A relative URI; everything that could end or restart one is encoded."""
    return quote(path, safe="/", errors="replace")


def _started(started_at: str) -> dict[str, str]:
    """The start in UTC; a date without a zone, or no date at all, is left out."""
    try:
        started = datetime.fromisoformat(started_at)
    except ValueError:
        return {}
    if started.tzinfo is None:
        return {}
    return {"startTimeUtc": f"{started.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"}
