"""Lists, pages, and what refers to files."""

import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select

from holdfast.errors import HoldfastError
from holdfast_db import jobs, queries
from holdfast_db.assets import NewModel, add_model
from holdfast_db.ids import new_id
from holdfast_db.presence import SignOfLife, hold_lease, say_alive, say_goodbye
from holdfast_db.session import Database
from holdfast_db.tables import ModelRow
from rows import BLOB, Submit


def _pages(db: Database, between: Callable[[], object]) -> list[list[str]]:
    pages, cursor = [], None
    while True:
        with db.reading() as session:
            page = queries.list_audits(session, queries.AuditFilters(), limit=2, cursor=cursor)
        pages.append([row.id for row in page.items])
        cursor = page.next_cursor
        if cursor is None:
            return pages
        between()


def test_pages_are_newest_first_and_stable_while_rows_come(db: Database, submit: Submit) -> None:
    ids = [submit() for _ in range(5)][::-1]
    assert _pages(db, submit) == [ids[:2], ids[2:4], ids[4:]]


def test_a_full_last_page_has_no_next(db: Database, submit: Submit) -> None:
    ids = [submit() for _ in range(4)][::-1]
    assert _pages(db, lambda: None) == [ids[:2], ids[2:]]


@pytest.mark.parametrize("cursor", ["x", "é", "", "AAAA", "MjAyNi0xMS0yNCB4", "MjAyNi0xMS0yNA=="])
def test_a_cursor_that_is_not_ours_is_a_mistake_of_the_caller(db: Database, cursor: str) -> None:
    with pytest.raises(HoldfastError, match="invalid_request"), db.reading() as session:
        queries.list_models(session, cursor=cursor)


def test_filters_narrow_a_list(db: Database, submit: Submit) -> None:
    mine = submit(project="mine")
    submit(project="yours")
    with db.reading() as session:
        filters = queries.AuditFilters(project="mine", state="queued")
        assert [row.id for row in queries.list_audits(session, filters).items] == [mine]
        assert queries.list_audits(session, queries.AuditFilters(state="done")).items == []
        assert queries.count_queued(session) == 2


def test_an_order_names_the_files_of_an_audit(db: Database, taken: jobs.Claim) -> None:
    with db.reading() as session:
        order = queries.get_order(session, taken.audit_id)
    assert order == queries.Order(BLOB.sha256, BLOB.sha256, "{}", None)


def test_the_same_file_under_the_same_name_is_one_model(db: Database) -> None:
    def add(_: int) -> tuple[str, bool]:
        with db.transaction() as session:
            row, is_new = add_model(session, NewModel("a model", "onnx", BLOB))
            return row.id, is_new

    with ThreadPoolExecutor(4) as pool:
        seen = list(pool.map(add, range(4)))
    assert len({row_id for row_id, _ in seen}) == 1
    assert [is_new for _, is_new in seen].count(True) == 1
    with db.transaction() as session:
        other, is_new = add_model(session, NewModel("another name", "onnx", BLOB))
        assert is_new
        assert session.scalar(select(func.count()).select_from(ModelRow)) == 2
        assert set(queries.get_models(session, [other.id, "none"])) == {other.id}


def test_ids_are_version_7_and_sort_by_time() -> None:
    ids = []
    for _ in range(3):
        ids.append(new_id())
        time.sleep(0.002)
    assert ids == sorted(ids)
    assert {uuid.UUID(each).version for each in ids} == {7}
    assert {uuid.UUID(each).variant for each in ids} == {uuid.RFC_4122}


def test_one_holder_has_a_lease_until_it_ends(db: Database) -> None:
    def hold(holder: str, lease_s: float) -> bool:
        with db.transaction() as session:
            return hold_lease(session, "scheduler", holder, lease_s)

    assert hold("a", 60)
    assert not hold("b", 60)
    assert hold("a", -1)
    assert hold("b", 60)
    assert not hold("a", 60)


def test_of_many_first_holders_one_gets_the_lease(db: Database) -> None:
    def hold(number: int) -> bool:
        with db.transaction() as session:
            return hold_lease(session, "scheduler", f"holder {number}", 60)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(hold, range(8))).count(True) == 1


def test_a_workers_row_is_renewed_and_only_its_own_start_removes_it(db: Database) -> None:
    sandbox = {"mode": "required", "ok": True, "why": ""}
    with db.transaction() as session:
        say_alive(session, SignOfLife("cpu@here", "boot-1", sandbox=sandbox, slots=3, gpu="a card"))
        say_alive(session, SignOfLife("cpu@here", "boot-2", ("cpu", "gpu"), sandbox, slots=2))
        say_goodbye(session, "cpu@here", "boot-1")
    with db.reading() as session:
        (row,) = queries.list_workers(session)
    assert (row.boot_id, row.queues, row.sandbox) == ("boot-2", ["cpu", "gpu"], sandbox)
    assert (row.slots, row.gpu) == (2, None)
    with db.transaction() as session:
        say_goodbye(session, "cpu@here", "boot-2")
        assert queries.list_workers(session) == []
