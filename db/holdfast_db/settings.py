"""Where data lives: environment variables with the prefix `HOLDFAST_`."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from holdfast_db.hook_rules import read_allow

__all__ = ["StorageSettings"]


class StorageSettings(BaseSettings):
    """What everything that stores something needs to know.

    `data` holds the files and, unless `database_url` says otherwise, a SQLite database.
    """

    model_config = SettingsConfigDict(env_prefix="HOLDFAST_", extra="ignore")

    data: Path = Path(".holdfast")
    database_url: Annotated[
        str,
        Field(
            validate_default=True,
            default_factory=lambda given: f"sqlite:///{given['data'].resolve()}/holdfast.db",
        ),
    ]
    min_free_bytes: Annotated[int, Field(ge=0)] = 1 << 30
    """Nothing is stored while the disk has less room than this."""
    webhook_allow: str = ""
    """Where webhooks may go, see `hook_rules.read_allow`; empty turns them off."""

    @field_validator("webhook_allow")
    @classmethod
    def _is_readable(cls, text: str) -> str:
        read_allow(text)
        return text
