"""Files: what the store holds, what is on its way to it, and the names it goes by."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from holdfast_db.columns import Id, Sha256, Word, utc_now
from holdfast_db.ids import new_id
from holdfast_db.tables.base import Base

__all__ = ["BlobRow", "ModelRow", "ProbeSetRow", "UploadRow"]


class BlobRow(Base):
    """A file in the store."""

    __tablename__ = "blob"

    sha256: Mapped[Sha256] = mapped_column(primary_key=True)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class UploadRow(Base):
    """A file that is announced (`open`), has come (`complete`) or was refused (`failed`).

    `sha256` is the announced digest while open and the real one afterwards. `project` is whose it
    is, NULL when the sender was bound to none.
    """

    __tablename__ = "upload"
    __table_args__ = (
        CheckConstraint("kind IN ('model', 'probes')", name="kind"),
        CheckConstraint("state IN ('open', 'complete', 'failed')", name="state"),
    )

    id: Mapped[Id] = mapped_column(primary_key=True, default=new_id)
    project: Mapped[str | None] = mapped_column(String(64))
    kind: Mapped[Word]
    via: Mapped[Word] = mapped_column(default="put", server_default="put")
    state: Mapped[Word] = mapped_column(default="open")
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    filename: Mapped[str | None] = mapped_column(String(255))
    sha256: Mapped[Sha256 | None]
    offset: Mapped[int] = mapped_column(BigInteger, default=0)
    error_code: Mapped[Word | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    expires_at: Mapped[datetime] = mapped_column(index=True)


class ModelRow(Base):
    """A model file under a name. The same file may have several names.

    `architecture` names the network that bare weights belong to, empty when the file tells itself.
    """

    __tablename__ = "model"
    __table_args__ = (UniqueConstraint("project", "name", "sha256"),)

    id: Mapped[Id] = mapped_column(primary_key=True, default=new_id)
    project: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(255))
    sha256: Mapped[Sha256] = mapped_column(ForeignKey("blob.sha256"), index=True)
    format: Mapped[Word]
    architecture: Mapped[str | None] = mapped_column(String(64))
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    filename: Mapped[str | None] = mapped_column(String(255))
    created_at: Mapped[datetime] = mapped_column(default=utc_now, index=True)


class ProbeSetRow(Base):
    """An archive of images under a name; `archive` is zip or npz.

    `images` is how many it seems to hold, from its directory alone; NULL when that cannot be told.
    """

    __tablename__ = "probe_set"
    __table_args__ = (UniqueConstraint("project", "name", "sha256"),)

    id: Mapped[Id] = mapped_column(primary_key=True, default=new_id)
    project: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(255))
    sha256: Mapped[Sha256] = mapped_column(ForeignKey("blob.sha256"), index=True)
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    archive: Mapped[Word]
    images: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now, index=True)
