"""A data folder, tiny files to audit, and a result that a real child made."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import toy_probes
import toys
from auditing import plan_of, run
from holdfast.records.base import canonical_json
from holdfast.sandbox.parent import AuditOutput
from holdfast_db.session import Database
from holdfast_db.store import FileStore
from workers import Files, Place

_PLAN = plan_of(shifts_px=[(1, 0), (0, 2)])
_POLICY = '{"assertions": [{"id": "translation.consistency", "level": "error", "min": 0.0}]}'


@pytest.fixture(scope="session")
def probes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight small images with labels."""
    path = tmp_path_factory.mktemp("probes") / "probes.zip"
    return toy_probes.flat(path, toy_probes.noise(8, 16, 16), [0, 1] * 4)


@pytest.fixture(scope="session")
def files(probes: Path) -> Files:
    """An audit that is done at once."""
    model = toys.linear(size=(16, 16), channels=1, classes=2)
    return Files(model, probes.read_bytes(), canonical_json(_PLAN).decode(), _POLICY)


@pytest.fixture(scope="session")
def output(files: Files, probes: Path) -> AuditOutput:
    """What a real child makes of these files."""
    return run(files.model, probes, _PLAN)


@pytest.fixture(scope="session")
def slow_files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """An audit that takes many heartbeats and tells its progress from the start."""
    path = tmp_path_factory.mktemp("probes") / "many.zip"
    toy_probes.flat(path, toy_probes.noise(112, 64, 64), [0, 1] * 56)
    shifts = [(dx, dy) for dx in range(-7, 8) for dy in range(-7, 8) if (dx, dy) != (0, 0)]
    plan = canonical_json(plan_of(shifts_px=shifts, full=True)).decode()
    return Files(toys.circular_net(size=64), path.read_bytes(), plan, _POLICY)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A data folder with an empty database and store."""
    data = tmp_path / "data"
    db = Database(f"sqlite:///{data}/holdfast.db")
    db.migrate()
    yield Place(data, db, FileStore(data))
    db.close()
