"""The corpus of bad inputs beside this checkout: every model, archive and image has its code."""

import io
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from auditing import LIMITS, plan_of, run
from corpus import load_corpus
from holdfast.archive import image_members, open_zip, read_member
from holdfast.errors import HoldfastError
from holdfast.probes.decode import decode
from holdfast.probes.sniff import check_archive
from holdfast.runtimes.opening import describe_model
from toy_probes import flat, noise

# Most are no classifiers, so a refusal of input or output comes before the expected answer.
SEEN_OTHERWISE = {
    "onnx_ok": "unsupported_output",
    "onnx_xss_names": "unsupported_output",
    "onnx_random": "unsupported_output",
    "onnx_bomb_expand": "unsupported_input",
    "onnx_bomb_range": "unsupported_output",
    "onnx_nan_output": "unsupported_output",
    "onnx_bundle_ok": "unsupported_input",
}
SMALL = LIMITS.model_copy(update={"memory_bytes": 3 << 30})
QUICK = SMALL.model_copy(update={"stall_s": 3.0})
_LARGE = 1 << 20
AT_RUN = {"memory_limit", "time_limit", "run_failed", "op_unknown", ""}


@pytest.fixture(scope="module")
def corpus(shared: Path) -> ModuleType:
    return load_corpus(shared)


def _code(act: Callable[[], object]) -> str:
    try:
        act()
    except HoldfastError as error:
        return error.code
    return ""


def _wrong(
    corpus: ModuleType, kinds: tuple[str, ...], act: Callable[[bytes, str], object]
) -> list[str]:
    """The cases whose answer is not the one that is expected."""
    cases = [case for case in corpus.CASES if case.kind in kinds]
    assert len(cases) > 10
    wrong = []
    for case in cases:
        data = case.make()
        wanted = "" if case.stage in ("ok", "warn", "ok-escaped") else case.code
        wanted = SEEN_OTHERWISE.get(case.name, wanted)
        seen = _code(lambda data=data, wanted=wanted: act(data, wanted))  # type: ignore[misc] # bound at once
        if seen != wanted:
            wrong.append(f"{case.name}: {seen or 'accepted'} instead of {wanted or 'accepted'}")
    return wrong


def test_every_image_archive_of_the_corpus_has_its_code(corpus: ModuleType) -> None:
    def read(data: bytes, _: str) -> None:
        check_archive(io.BytesIO(data))
        with open_zip(io.BytesIO(data)) as archive:
            for member in image_members(archive):
                read_member(archive, member)

    assert _wrong(corpus, ("zip",), read) == []


def test_every_single_image_of_the_corpus_has_its_code(corpus: ModuleType) -> None:
    assert _wrong(corpus, ("img",), lambda data, _: decode(data, "x.png", 3)) == []


def test_every_onnx_file_of_the_corpus_has_its_code_in_the_locked_child(
    corpus: ModuleType, tmp_path: Path
) -> None:
    probes = flat(tmp_path / "probes.zip", noise(3, 8, 8, 3))

    def audit(data: bytes, wanted: str) -> None:
        if len(data) < _LARGE and _code(lambda: describe_model(data, "0")) not in AT_RUN:
            describe_model(data, "0")  # refused by the structure alone, no need for a child
        # What never ends is cut short; what fills the memory may take its time on a busy machine.
        limits = QUICK if wanted == "time_limit" else SMALL
        run(data, probes, plan_of(crop=8), limits=limits if len(data) < _LARGE else LIMITS)

    assert _wrong(corpus, ("onnx", "bundle"), audit) == []
