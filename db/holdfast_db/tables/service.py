"""What the service knows about its own processes."""

from datetime import datetime
from typing import Any

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from holdfast_db.columns import Id, Word
from holdfast_db.tables.base import Base

__all__ = ["LeaseRow", "WorkerRow"]


class WorkerRow(Base):
    """A sign of life of one worker. `boot_id` is new at each of its starts.

    `slots` is how many shards it works on at a time, `gpu` the name of its accelerator.
    """

    __tablename__ = "worker"

    hostname: Mapped[str] = mapped_column(String(255), primary_key=True)
    boot_id: Mapped[Id]
    last_seen: Mapped[datetime]
    queues: Mapped[list[str]]
    slots: Mapped[int] = mapped_column(default=1, server_default="1")
    gpu: Mapped[str | None] = mapped_column(String(255))
    sandbox: Mapped[dict[str, Any]]


class LeaseRow(Base):
    """Who does what only one may do at a time."""

    __tablename__ = "lease"

    name: Mapped[Word] = mapped_column(primary_key=True)
    holder: Mapped[str] = mapped_column(String(255))
    until: Mapped[datetime]
