"""Errors as a user reads them: one code, one sentence, one hint, on stderr. Never a traceback."""

import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Final

from holdfast.errors import HoldfastError
from holdfast_cli.exits import EXIT, INTERRUPTED

__all__ = ["guarded", "internal", "missing_part", "show_error"]

_EXTRA_OF: Final = {
    **dict.fromkeys(["altair", "jinja2", "vl_convert", "narwhals"], "report"),
    **dict.fromkeys(["numpy", "onnx", "onnxruntime", "cv2", "PIL", "pyarrow", "scipy"], "audit"),
    **dict.fromkeys(
        ["alembic", "celery", "fastapi", "kombu", "psycopg", "pydantic_settings", "redis"], "server"
    ),
    **dict.fromkeys(["sqlalchemy", "starlette", "structlog", "uvicorn"], "server"),
}


def show_error(error: HoldfastError) -> int:
    """Print `error` and answer its exit code."""
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True, soft_wrap=True, highlight=False)
    console.print(Text.assemble((f"error[{error.code}]", "bold red"), f": {error.sentence}"))
    for note in getattr(error, "__notes__", []):
        console.print(Text(f"  {note}"))
    if error.hint:
        console.print(Text.assemble(("hint", "bold cyan"), f": {error.hint}"))
    return EXIT[error.kind]


def guarded(run: Callable[[], int]) -> int:
    """The exit code of `run`, whatever happens in it; a user never meets a traceback."""
    try:
        return run()
    except HoldfastError as error:
        return show_error(error)
    except KeyboardInterrupt:
        return INTERRUPTED
    except ModuleNotFoundError as error:
        return show_error(missing_part(error) or internal(error))
    except Exception as error:  # noqa: BLE001 - see above
        return show_error(internal(error))


def missing_part(error: ModuleNotFoundError) -> HoldfastError | None:
    """The error for a library that an extra would install; None for a module of any other kind."""
    extra = _EXTRA_OF.get((error.name or "").partition(".")[0])
    return HoldfastError("missing_extra", extra=extra) if extra else None


def internal(error: Exception) -> HoldfastError:
    """The error for what nobody foresaw; HOLDFAST_TRACEBACK=1 prints where it came from."""
    if os.environ.get("HOLDFAST_TRACEBACK"):
        traceback.print_exception(error, file=sys.stderr)
    last = traceback.extract_tb(error.__traceback__)[-1:]
    place = f" in {Path(last[0].filename).name}:{last[0].lineno}" if last else ""
    return HoldfastError("internal", request_id=f"{type(error).__name__}{place}")
