"""What is removed by itself: what is past its time, and nothing that anybody refers to."""

import itertools
import random
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from holdfast_db.assets import add_blob, keep_blob
from holdfast_db.partials import Partials
from holdfast_db.projects import add_project, change_project
from holdfast_db.references import BLOB_USERS
from holdfast_db.retention import Cleaned, Cleaner, clean_up
from holdfast_db.session import Database
from holdfast_db.store import FileStore, StoredBlob
from holdfast_db.tables import (
    AuditRow,
    Base,
    BaselineRow,
    BlobRow,
    ComparisonRow,
    IdempotencyRow,
    ModelRow,
    ProbeSetRow,
    ResultRow,
    ShardRow,
    UploadRow,
)
from holdfast_worker.parts import Parts
from holdfast_worker.settings import WorkerSettings

NOW = datetime.now(UTC)
_NO_FILES = {"token.sha256", "idempotency.request_sha256"}


class Shelf:
    """A store of names."""

    def __init__(self) -> None:
        self.gone: list[str] = []

    def delete(self, sha256: str) -> None:
        self.gone.append(sha256)


@pytest.fixture
def partials(tmp_path: Path) -> Partials:
    return Partials(tmp_path / "uploads")


def test_every_column_with_a_digest_is_known() -> None:
    """A new column that names a file must keep that file, or the clean-up would take it."""
    named = {
        f"{table.name}.{column.name}"
        for table in Base.metadata.tables.values()
        for column in table.columns
        if column.name.endswith("sha256")
    }
    used = {f"{column.class_.__tablename__}.{column.key}" for column in BLOB_USERS}
    assert used == named - _NO_FILES - {"blob.sha256"}


def _sha(number: int) -> str:
    return f"{number:064x}"


def _blob(session: Session, number: int, age_days: float) -> str:
    add_blob(session, StoredBlob(_sha(number), 1))
    row = session.get_one(BlobRow, _sha(number))
    row.created_at = NOW - timedelta(days=age_days)
    session.flush()
    return _sha(number)


@pytest.mark.parametrize(("age_days", "stays"), [(0.5, True), (1.5, False)])
def test_a_file_that_nobody_uses_stays_for_a_day(
    db: Database, partials: Partials, age_days: float, *, stays: bool
) -> None:
    shelf = Shelf()
    with db.transaction() as session:
        sha256 = _blob(session, 1, age_days)
    assert clean_up(db, shelf, partials) == Cleaned(blobs=0 if stays else 1)
    assert shelf.gone == ([] if stays else [sha256])
    with db.reading() as session:
        assert (session.get(BlobRow, sha256) is not None) is stays


@pytest.mark.parametrize("again", ["sent", "asked for"])
def test_a_file_that_is_used_again_has_a_new_day(
    db: Database, partials: Partials, again: str
) -> None:
    with db.transaction() as session:
        sha256 = _blob(session, 1, 5)
    with db.transaction() as session:
        if again == "sent":
            add_blob(session, StoredBlob(sha256, 1))
        else:
            keep_blob(session, sha256)
    assert clean_up(db, Shelf(), partials) == Cleaned()


def test_a_worker_and_the_clean_up_may_want_the_same_file(
    db: Database, partials: Partials, tmp_path: Path
) -> None:
    """However the two meet, a file that a row names is there."""
    store = FileStore(tmp_path)
    parts = Parts(WorkerSettings.model_validate({"data": tmp_path}), db, store)
    with db.transaction() as session:
        upload = UploadRow(kind="model", size_bytes=9, expires_at=NOW + timedelta(days=9))
        session.add(upload)
    over = threading.Event()

    def clean() -> None:
        while not over.is_set():
            clean_up(db, store, partials)

    cleaner = threading.Thread(target=clean)
    cleaner.start()
    try:
        for _ in range(60):
            leaving = parts.put(b"the same")
            with db.transaction() as session:
                session.get_one(UploadRow, upload.id).sha256 = leaving.sha256
                leaving.note(session)
            assert store.exists(leaving.sha256)
            with db.transaction() as session:
                session.get_one(UploadRow, upload.id).sha256 = None
                session.get_one(BlobRow, leaving.sha256).created_at = NOW - timedelta(days=5)
    finally:
        over.set()
        cleaner.join()


def test_an_expired_upload_goes_with_its_part(db: Database, partials: Partials) -> None:
    with db.transaction() as session:
        rows = [
            UploadRow(kind="model", size_bytes=9, expires_at=NOW + timedelta(hours=hours))
            for hours in (-1, 1)
        ]
        session.add_all(rows)
    for row in rows:
        with partials.append(row.id, 0) as appender:
            appender.write(b"part")
    assert clean_up(db, Shelf(), partials) == Cleaned(uploads=1)
    assert [partials.size(row.id) for row in rows] == [0, 4]


def test_answers_are_kept_for_a_day(db: Database, partials: Partials) -> None:
    with db.transaction() as session:
        for key, hours in (("old", 25), ("new", 23)):
            made = NOW - timedelta(hours=hours)
            session.add(IdempotencyRow(key=key, request_sha256=_sha(1), created_at=made))
    assert clean_up(db, Shelf(), partials) == Cleaned(answers=1)
    with db.reading() as session:
        assert session.scalars(select(IdempotencyRow.key)).all() == ["new"]


def test_it_cleans_up_now_and_then(db: Database, partials: Partials) -> None:
    shelf = Shelf()
    cleaner = Cleaner(db, shelf, partials, every_s=3600)
    with db.transaction() as session:
        _blob(session, 1, 2)
    cleaner.run_if_due()
    with db.transaction() as session:
        _blob(session, 2, 2)
    cleaner.run_if_due()
    assert shelf.gone == [_sha(1)]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[Database]:
    """One database for all examples, emptied for each."""
    path = tmp_path_factory.mktemp("retention") / "holdfast.db"
    path.write_bytes(sqlite_template.read_bytes())
    database = Database(f"sqlite:///{path}")
    yield database
    database.close()


_TABLES: list[Any] = [
    *(ComparisonRow, BaselineRow, ResultRow, ShardRow, AuditRow, ModelRow, ProbeSetRow),
    *(UploadRow, BlobRow),
]


RowT = TypeVar("RowT", bound=Base)


class Rows:
    """Random rows, from a seed."""

    def __init__(self, session: Session, seed: int) -> None:
        self.session = session
        self.random = random.Random(seed)  # noqa: S311 - rows of a test
        self.digests = [
            _blob(session, number, self.random.choice((0.5, 2))) for number in range(12)
        ]
        self.ids = itertools.count()

    def any(self, *values: Any) -> Any:
        return self.random.choice(values)

    def add(self, row: RowT) -> RowT:
        self.session.add(row)
        self.session.flush()
        return row

    def digest(self) -> str:
        return self.random.choice(self.digests)

    def model(self) -> ModelRow:
        return self.add(
            ModelRow(
                project="p",
                name=f"m{next(self.ids)}",
                sha256=self.digest(),
                format="onnx",
                size_bytes=1,
            )
        )

    def probes(self) -> ProbeSetRow:
        return self.add(
            ProbeSetRow(
                project="p",
                name=f"d{next(self.ids)}",
                sha256=self.digest(),
                archive="zip",
                size_bytes=1,
            )
        )

    def audit(self, model: ModelRow, probes: ProbeSetRow) -> AuditRow:
        state = self.any("queued", "running", "done", "done", "done", "failed", "cancelled")
        made = NOW - timedelta(days=self.random.randrange(20) + 0.5)
        is_done = state == "done"
        return self.add(
            AuditRow(
                project=self.any("p", "keeps"),
                branch=self.any("main", "dev", None),
                model_id=model.id,
                probe_set_id=probes.id,
                plan="{}",
                state=state,
                decision=self.any("passed", "failed", None) if is_done else None,
                result_sha256=self.digest() if is_done else None,
                samples_sha256=self.digest() if is_done else None,
                remove_requested=self.random.random() < 0.1,
                created_at=made,
                finished_at=None if state in ("queued", "running") else made,
            )
        )

    def fill(self) -> None:
        models, probes = [self.model() for _ in range(2)], [self.probes() for _ in range(2)]
        audits = [self.audit(self.any(*models), self.any(*probes)) for _ in range(10)]
        for audit in audits:
            audit.baseline_id = self.any(None, self.any(*audits).id)
        for branch in ("main", "dev"):
            if self.random.random() < 0.5:
                pinned = self.any(*audits).id
                self.add(BaselineRow(project="p", branch=branch, audit_id=pinned, reason="x"))
        for number in range(2):
            self.add(
                ComparisonRow(
                    baseline_id=self.any(*audits).id,
                    audit_id=self.any(*audits).id,
                    options={},
                    options_digest=_sha(number),
                    state=self.any("queued", "done"),
                    sha256=self.any(None, self.digest()),
                )
            )
        for _ in range(2):
            state = self.any("open", "complete", "failed")
            self.add(
                UploadRow(
                    kind="model",
                    size_bytes=1,
                    state=state,
                    sha256=self.digest() if state == "complete" else None,
                    expires_at=NOW + timedelta(hours=self.any(-1, 1)),
                )
            )


def _reset(session: Session) -> None:
    for table in _TABLES:
        session.execute(delete(table))
    for slug in ("p", "keeps"):
        add_project(session, slug)
    change_project(session, "p", retention_days=7)


def _is_open(audit: AuditRow) -> bool:
    return audit.state in ("queued", "running")


def _must_stay(
    audits: list[AuditRow], baselines: set[str], pairs: list[tuple[str, str]]
) -> set[str]:
    """The audits that may not go, worked out anew in plain Python."""
    here = {a.id: a for a in audits if _is_open(a) or not a.remove_requested}
    needed = baselines | {str(a.baseline_id) for a in here.values() if _is_open(a)}
    needed |= {one for pair in pairs if set(pair) <= set(here) for one in pair}
    passed: dict[tuple[str, str], AuditRow] = {}
    for audit in sorted(here.values(), key=_age):
        if audit.decision == "passed" and audit.branch is not None:
            passed[audit.project, audit.branch] = audit
    needed |= {audit.id for audit in passed.values()}
    limit = NOW - timedelta(days=7)
    return {
        audit.id
        for audit in here.values()
        if audit.finished_at is None
        or audit.finished_at > limit
        or audit.project == "keeps"
        or audit.id in needed
    }


def _age(audit: AuditRow) -> tuple[datetime, str]:
    return audit.created_at, audit.id


@given(seed=st.integers(0, 1 << 32))
@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_nothing_that_is_needed_goes_and_all_else_does(
    plain: Database, partials: Partials, seed: int
) -> None:
    shelf = Shelf()
    with plain.transaction() as session:
        _reset(session)
        Rows(session, seed).fill()
    with plain.reading() as session:
        audits = list(session.scalars(select(AuditRow)))
        young = set(
            session.scalars(
                select(BlobRow.sha256).where(BlobRow.created_at > NOW - timedelta(days=1))
            )
        )
        baselines = set(session.scalars(select(BaselineRow.audit_id)))
        waiting = select(ComparisonRow).where(ComparisonRow.state == "queued")
        pairs = [(row.audit_id, row.baseline_id) for row in session.scalars(waiting)]
    expected = _must_stay(audits, baselines, pairs)
    clean_up(plain, shelf, partials)
    with plain.reading() as session:
        assert set(session.scalars(select(AuditRow.id))) == expected
        used = {sha for column in BLOB_USERS for sha in session.scalars(select(column)) if sha}
        kept = set(session.scalars(select(BlobRow.sha256)))
        assert kept == (used | young) & {_sha(number) for number in range(12)}
        assert set(shelf.gone) == {_sha(number) for number in range(12)} - kept
