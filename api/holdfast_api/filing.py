"""Under which project a new thing is filed."""

from typing import Final

from holdfast.errors import HoldfastError
from holdfast_api.parts import Parts

__all__ = ["DEFAULT_PROJECT", "filed_under"]

DEFAULT_PROJECT: Final = "default"


def filed_under(parts: Parts, asked: str | None) -> str:
    """The project of a new thing: what the caller asked for, if a bound token may, or its own.

    A token without a project files under any slug; `ensure_project` then makes the row, so that
    nobody has to set up anything before the first audit.

    Raises:
        HoldfastError: `not_found` for any project but the token's.
    """
    own = parts.caller.project
    if own is None:
        return asked or DEFAULT_PROJECT
    if asked not in (None, own):
        raise HoldfastError("not_found", what="project")
    return own
