"""Ids that come in a path or a body: of our form, or of nothing that is here."""

import re
from typing import Final

from holdfast.errors import HoldfastError

__all__ = ["known_id"]

_FORM: Final = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")


def known_id(text: str, what: str) -> str:
    """The id, if it has the form of ours; a database need not look for anything else.

    Raises:
        HoldfastError: `not_found`.
    """
    if not _FORM.fullmatch(text):
        raise HoldfastError("not_found", what=what)
    return text
