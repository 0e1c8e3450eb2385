"""The evidence of a sequential audit: when it stopped, and how strong each answer is."""

from holdfast.records.detail import SequentialTest
from holdfast.records.policy import Judgement
from holdfast_reports.parts.reading import Reading
from holdfast_reports.words import count, number, odds

__all__ = ["evidence_of", "evidence_sentence", "stopped_sentence"]


def evidence_sentence(reading: Reading) -> str:
    """How a sequential audit went; empty for an audit of a fixed number of images."""
    seen = reading.result.sequential
    if seen is None:
        return ""
    rule = (
        "After every image two bets are settled for each limit, one that it is kept and one that "
        f"it is broken; the first to reach {number(round(1 / seen.alpha, 1))} : 1 decides. Without "
        "a decision the assertion is inconclusive: more images may decide it. The intervals hold "
        "wherever the audit stops."
    )
    if not all(test.n_images for test in seen.tests):
        rule += " Where no such bet is possible the whole interval has to keep the limit."
    if seen.stopped:
        return f"{stopped_sentence(reading)} {rule}"
    return f"The audit went through all {count(seen.n_planned, 'image')}. {rule}"


def stopped_sentence(reading: Reading) -> str:
    """`Stopped after 80 of 360 images: every assertion is decided.`; empty when it did not."""
    seen = reading.result.sequential
    if seen is None or not seen.stopped:
        return ""
    planned = count(seen.n_planned, "image")
    return f"Stopped after {seen.n_images:,} of {planned}: every assertion is decided."


def evidence_of(reading: Reading, judgement: Judgement) -> str:
    """The bets on the limits of one assertion; empty where there were none."""
    seen = reading.result.sequential
    limits = {("min", judgement.min), ("max", judgement.max)}
    tests = [
        test
        for test in (seen.tests if seen else ())
        if test.id == judgement.id and test.n_images and (test.side, test.limit) in limits
    ]
    return " ".join(_said(test) for test in tests)


def _said(test: SequentialTest) -> str:
    if test.decision is not None:  # the sentence of the judgement says after how many images
        passed = test.decision == "passed"
        gain = odds(test.log_e_pass if passed else test.log_e_fail)
        said = "it holds" if passed else "it is broken"
        return f"Evidence that {said}, in the end: {gain}."
    after, holds = count(test.n_images, "image"), odds(test.log_e_pass)
    return (
        f"Undecided after {after}: evidence that it holds {holds}, that it is broken "
        f"{odds(test.log_e_fail)}."
    )
