"""Where data lives: environment variables with the prefix `HOLDFAST_`."""

from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

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
