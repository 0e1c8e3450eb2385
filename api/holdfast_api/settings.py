"""The settings of the API: environment variables with the prefix `HOLDFAST_`."""

from typing import Annotated

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

__all__ = ["LOOPBACK_NAMES", "ApiSettings"]

LOOPBACK_NAMES = ("127.0.0.1", "localhost", "::1")
"""The names that no other web site can make a browser use for this service."""


class ApiSettings(BaseSettings):
    """What the API alone needs to know; storage and broker have their own settings."""

    model_config = SettingsConfigDict(
        env_prefix="HOLDFAST_", extra="ignore", use_attribute_docstrings=True
    )

    token: SecretStr = SecretStr("")
    """The shared token. Without one only loopback names are served."""
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

    @field_validator("allowed_hosts", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(name.strip() for name in value.split(",") if name.strip())
        return value

    @property
    def has_token(self) -> bool:
        """Whether callers must identify themselves."""
        return bool(self.token.get_secret_value())

    @property
    def hosts(self) -> frozenset[str]:
        """The names that are served without a token."""
        return frozenset(name.lower() for name in (*LOOPBACK_NAMES, *self.allowed_hosts))
