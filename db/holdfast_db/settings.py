"""Where data lives: environment variables with the prefix `HOLDFAST_`."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from holdfast_db.hook_rules import read_allow

__all__ = ["StorageSettings"]


class StorageSettings(BaseSettings):
    """What everything that stores something needs to know."""

    model_config = SettingsConfigDict(
        env_prefix="HOLDFAST_", extra="ignore", use_attribute_docstrings=True
    )

    data: Path = Path(".holdfast")
    """The folder of everything that is not elsewhere: files, the SQLite database, the queue."""
    database_url: Annotated[
        str,
        Field(
            validate_default=True,
            default_factory=lambda given: f"sqlite:///{given['data'].resolve()}/holdfast.db",
        ),
    ]
    """A SQLite file in the data folder, or postgresql+psycopg://user:password@host/name."""
    store_url: Annotated[str, Field(pattern=r"^(s3://[a-z0-9][a-z0-9.-]{1,62}(/.*)?)?$")] = ""
    """Empty: files are in the data folder. Else s3://bucket/prefix, with the AWS_* variables."""
    cache_bytes: Annotated[int, Field(ge=0)] = 20 << 30
    """About how many bytes of files from a bucket are kept in the data folder."""
    min_free_bytes: Annotated[int, Field(ge=0)] = 1 << 30
    """Nothing is stored while the disk of the data folder has less room than this."""
    webhook_allow: str = ""
    """Where webhooks may go, see `hook_rules.read_allow`; empty turns them off."""

    @field_validator("webhook_allow")
    @classmethod
    def _is_readable(cls, text: str) -> str:
        read_allow(text)
        return text
