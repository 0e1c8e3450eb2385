"""Assertions about the images of a class or a group, or about each of them."""

import difflib
from collections.abc import Callable

from holdfast.gate.limits import Seen, seen_in
from holdfast.gate.parts import RANK, Part, undecided
from holdfast.records.detail import GroupNumbers
from holdfast.records.policy import Assertion, Decision, GroupOf
from holdfast.records.result import AuditResult

__all__ = ["absence", "each_part", "group_numbers"]

_WORDS = {"class": "classes", "group": "groups"}


def group_numbers(result: AuditResult, assertion: Assertion, group: GroupOf) -> list[GroupNumbers]:
    """The numbers of the class or group, or of each; by name."""
    found = [
        row
        for row in result.groups
        if (row.measurement, row.kind) == (assertion.measurement, group.kind)
        and (group.is_each or row.name == group.name)
    ]
    return sorted(found, key=lambda row: row.name)


def absence(result: AuditResult, assertion: Assertion, group: GroupOf) -> str:
    """Why there are no numbers, with the nearest name that has some."""
    if group.is_each:
        return f"no {group.kind} has enough images to be measured"
    names = [
        row.name
        for row in result.groups
        if (row.measurement, row.kind) == (assertion.measurement, group.kind)
    ]
    near = difflib.get_close_matches(group.name, names, n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    return f"no {group.kind} {group.name} has enough images to be measured{hint}"


def each_part(
    assertion: Assertion,
    group: GroupOf,
    rows: list[GroupNumbers],
    decide: Callable[[Assertion, Seen], Part],
) -> tuple[Part, GroupNumbers]:
    """Decide for each class or group; all must hold, so no level is adjusted (section 4.6).

    Args:
        assertion: whose group is `*`.
        group: its group.
        rows: the numbers of each, at least one.
        decide: decides an assertion about one of them.

    Returns:
        The gravest decision, told with the class or group that it comes from, and its numbers.
    """
    told = []
    for row in rows:
        one = assertion.model_copy(
            update={"id": f"{assertion.measurement}@{group.kind}={row.name}"}
        )
        seen = seen_in(row)
        told.append((undecided("it was not measured") if seen is None else decide(one, seen), row))
    holds = sum(part.decision is Decision.passed for part, _ in told)
    worst, row = min(told, key=lambda pair: (RANK.index(pair[0].decision), pair[1].value))
    count = f"{holds} of {len(rows)} {_WORDS[group.kind]} hold"
    sentence = f"{count}; {row.name}: {worst.sentence}"
    return Part(worst.decision, sentence, worst.images_to_decide), row
