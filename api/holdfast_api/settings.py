"""The settings of the API: environment variables with the prefix `HOLDFAST_`."""

from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from holdfast_db.hook_rules import read_allow
from holdfast_db.jobs import SHARD_IMAGES

__all__ = ["LOOPBACK_NAMES", "ApiSettings"]

LOOPBACK_NAMES = ("127.0.0.1", "localhost", "::1")
"""The names that no other web site can make a browser use for this service."""


class ApiSettings(BaseSettings):
    """What the API alone needs to know; storage and broker have their own settings."""

    model_config = SettingsConfigDict(
        env_prefix="HOLDFAST_", extra="ignore", use_attribute_docstrings=True
    )

    token: SecretStr = SecretStr("")
    """A token of the operator, which may do everything; it is kept nowhere else."""
    auth: Literal["auto", "on", "off"] = "auto"
    """Whether callers need a token: auto asks as soon as one is set or was ever made."""
    session_secret: SecretStr = SecretStr("")
    """Signs the sessions of browsers; the same for all API processes. Empty: a file of our own."""
    rate_limit: Annotated[str, Field(pattern=r"^(\d+/(second|minute|hour))?$")] = "3000/minute"
    """How many requests one token may send; empty for any number."""
    rate_store: Annotated[str, Field(pattern=r"^(rediss?://.*)?$")] = ""
    """A Redis in which several API processes count requests together; empty: each counts alone."""
    host: str = "127.0.0.1"
    """The address to listen on; another one than loopback needs a token."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    """The port to listen on; 0 takes any that is free."""
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = ()
    """Further names that are served without a token, separated by commas."""
    max_model_bytes: Annotated[int, Field(ge=1)] = 2 << 30
    """The largest model."""
    max_probes_bytes: Annotated[int, Field(ge=1)] = 2 << 30
    """The largest archive of images."""
    max_json_bytes: Annotated[int, Field(ge=1 << 10)] = 1 << 20
    """The largest body of any request except the bytes of an upload."""
    max_queued: Annotated[int, Field(ge=1)] = 1000
    """No audit is taken while so many wait."""
    shard_images: Annotated[int, Field(ge=64)] = SHARD_IMAGES
    """An audit of more images is cut into parts of about so many, for several workers."""
    upload_ttl_s: Annotated[int, Field(ge=60)] = 24 * 3600
    """An announced file has to come within this time."""
    upload_grace_s: Annotated[float, Field(gt=0)] = 60.0
    """How long an upload may be as slow as it likes."""
    upload_bytes_per_s: Annotated[int, Field(ge=1)] = 16 << 10
    """An upload slower than this, after the grace time, is cut off."""
    worker_fresh_s: Annotated[int, Field(ge=1)] = 60
    """A worker that was not heard of for longer does not count as alive."""
    session_s: Annotated[int, Field(ge=60)] = 7 * 24 * 3600
    """How long a browser stays signed in."""
    poll_s: Annotated[float, Field(gt=0, le=10)] = 1.0
    """How often the long poll and the event stream look into the database."""

    sandbox: Literal["required", "auto", "container"] = "required"
    """How much of the sandbox must be in force where the API itself has a file opened."""
    webhook_allow: str = ""
    """Where webhooks may go, as the scheduler has it; empty turns them off."""

    @field_validator("webhook_allow")
    @classmethod
    def _is_readable(cls, text: str) -> str:
        read_allow(text)
        return text

    @field_validator("allowed_hosts", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(name.strip() for name in value.split(",") if name.strip())
        return value

    @property
    def has_token(self) -> bool:
        """Whether the operator has set a token."""
        return bool(self.token.get_secret_value())

    @property
    def asks_for_tokens(self) -> bool:
        """Whether every caller needs a token for sure.

        That one was made once is not enough: a new, empty database must not be open to all.
        """
        return self.auth == "on" or (self.auth == "auto" and self.has_token)

    @property
    def hosts(self) -> frozenset[str]:
        """The names that are served without a token."""
        return frozenset(name.lower() for name in (*LOOPBACK_NAMES, *self.allowed_hosts))
