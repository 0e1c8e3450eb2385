"""Logs of every process of the service: JSON lines on standard error; for people on a terminal.

No values of variables are ever written: one of them may be a token.
"""

import logging
import sys
from typing import Literal

import structlog
from pydantic import field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from structlog.typing import Processor

__all__ = ["LogSettings", "set_up_logs"]

_SHARED: tuple[Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)


class LogSettings(BaseSettings):
    """How much is logged, and how it looks."""

    model_config = SettingsConfigDict(
        env_prefix="HOLDFAST_", extra="ignore", use_attribute_docstrings=True
    )

    log_level: Literal["", "debug", "info", "warning", "error", "critical"] = ""
    """Empty: info for each part on its own, warning for `holdfast serve` with everything in it."""
    log_format: Literal["auto", "json", "console"] = "auto"
    """auto: JSON lines, but for people when standard error is a terminal."""

    @field_validator("log_level", mode="before")
    @classmethod
    def _lower(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value


def set_up_logs(otherwise: str = "info") -> None:
    """Send our logs and those of every library through one formatter.

    Args:
        otherwise: the level when HOLDFAST_LOG_LEVEL does not say one.
    """
    settings = LogSettings()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_SHARED,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_renderers(settings.log_format),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel((settings.log_level or otherwise).upper())
    # A broker that is a folder has no host name, which is no reason to warn at each connection.
    logging.getLogger("kombu.connection").setLevel(logging.ERROR)
    # Each request to the service is a line of our own, and each of ours to others none of theirs.
    logging.getLogger("uvicorn.access").disabled = True
    logging.getLogger("httpx").setLevel(logging.WARNING)
    # It tells its dialect whenever a probe asks whether the tables are those of this release.
    logging.getLogger("alembic.runtime.migration").setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def _renderers(wanted: str) -> list[Processor]:
    if wanted == "console" or (wanted == "auto" and sys.stderr.isatty()):
        return [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
