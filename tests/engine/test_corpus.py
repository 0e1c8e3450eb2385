"""Archives and images of the corpus of bad inputs, each by the part that reads it.

The whole corpus goes through the command and the service in tests/acceptance.
"""

import io
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from corpus import load_corpus
from holdfast.archive import image_members, open_zip, read_member
from holdfast.errors import HoldfastError
from holdfast.probes.decode import decode
from holdfast.probes.sniff import check_archive


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
