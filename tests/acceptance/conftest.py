"""The corpus of bad inputs, made once for the command and for the service."""

from pathlib import Path

import pytest

from corpus import BadFile, bad_files, load_corpus


@pytest.fixture(scope="session")
def marker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a payload of the corpus would leave its mark."""
    return tmp_path_factory.mktemp("marked") / "marker"


@pytest.fixture(scope="session")
def files(shared: Path, marker: Path) -> list[BadFile]:
    """All rows of the corpus."""
    return list(bad_files(load_corpus(shared, marker)))
