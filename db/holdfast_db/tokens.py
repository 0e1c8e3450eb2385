"""Bearer tokens: how they look, and the rows that know them by their digest alone.

A token is `hold_`, 43 characters for 32 random bytes, and 6 for their CRC-32, so that a program
which searches for leaked secrets can tell a token from an accident. That much chance needs no slow
hash: SHA-256 is what is kept, and what a token is looked up by.
"""

import hashlib
import secrets
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import exists, or_, select, update
from sqlalchemy.orm import Session

from holdfast_db.clock import db_now
from holdfast_db.columns import utc_now
from holdfast_db.jobs.steps import changed
from holdfast_db.tables import TokenRow

__all__ = [
    "SCOPES",
    "NewToken",
    "add_token",
    "any_token",
    "digest_of",
    "is_unnoted",
    "is_well_formed",
    "live_token",
    "live_token_by_id",
    "new_secret",
    "note_use",
    "revoke_token",
    "revoke_tokens_of",
]

SCOPES: Final = ("read", "audit", "admin")
"""From the least to the most; each includes those before it."""
_PREFIX: Final = "hold_"
_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANDOM_BYTES: Final = 32
_RANDOM_CHARS: Final = 43
"""62**43 is the first power of 62 above 2**256."""
_CHECK_CHARS: Final = 6
_HINT_CHARS: Final = len(_PREFIX) + 4


@dataclass(frozen=True)
class NewToken:
    """Who may do what until when; `project` None reaches every project, `expires_at` None stays."""

    name: str
    scope: str
    project: str | None = None
    expires_at: datetime | None = None


def new_secret() -> str:
    """A token that nobody has seen yet, 54 characters."""
    body = _base62(secrets.randbits(8 * _RANDOM_BYTES), _RANDOM_CHARS)
    return f"{_PREFIX}{body}{_check(body)}"


def is_well_formed(text: str) -> bool:
    """Whether this can be a token at all; a mistyped one is not."""
    body, check = text[len(_PREFIX) : -_CHECK_CHARS], text[-_CHECK_CHARS:]
    has_form = text.startswith(_PREFIX) and len(body) == _RANDOM_CHARS
    return has_form and set(body) <= set(_ALPHABET) and check == _check(body)


def digest_of(secret: str) -> str:
    """What is kept of a token: its SHA-256, in hex."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def add_token(session: Session, new: NewToken) -> tuple[TokenRow, str]:
    """Make a token; its row, and the secret, which nobody can ask for again."""
    secret = new_secret()
    row = TokenRow(
        name=new.name,
        sha256=digest_of(secret),
        hint=secret[:_HINT_CHARS],
        scope=new.scope,
        project=new.project,
        created_at=db_now(session),
        expires_at=new.expires_at,
    )
    session.add(row)
    session.flush()
    return row, secret


def any_token(session: Session) -> bool:
    """Whether a token was ever made; a revoked or expired one counts, for its row stays."""
    return bool(session.scalar(select(exists().select_from(TokenRow))))


def live_token(session: Session, secret: str) -> TokenRow | None:
    """The row of a token that is neither revoked nor expired."""
    if not is_well_formed(secret):
        return None
    return _live(session, TokenRow.sha256 == digest_of(secret))


def live_token_by_id(session: Session, token_id: str) -> TokenRow | None:
    """The row of a token, while it is neither revoked nor expired."""
    return _live(session, TokenRow.id == token_id)


def is_unnoted(row: TokenRow) -> bool:
    """Whether this hour's use of a token still has to be noted."""
    return row.last_used_at is None or row.last_used_at < _hour(utc_now())


def note_use(session: Session, row: TokenRow) -> None:
    """Note the hour in which a token was last used: a write an hour, and no diary of its owner."""
    hour = _hour(utc_now())
    older = or_(TokenRow.last_used_at.is_(None), TokenRow.last_used_at < hour)
    stale = (TokenRow.id == row.id, older)
    changed(session, update(TokenRow).where(*stale).values(last_used_at=hour))


def revoke_token(session: Session, token_id: str) -> bool:
    """End a token now; False when there is none or it is revoked already."""
    live = (TokenRow.id == token_id, TokenRow.revoked_at.is_(None))
    return changed(session, update(TokenRow).where(*live).values(revoked_at=db_now(session))) > 0


def revoke_tokens_of(session: Session, projects: Sequence[str]) -> None:
    """End the tokens that are bound to these projects."""
    live = (TokenRow.project.in_(projects), TokenRow.revoked_at.is_(None))
    changed(session, update(TokenRow).where(*live).values(revoked_at=db_now(session)))


def _live(session: Session, which: object) -> TokenRow | None:
    row: TokenRow | None = session.scalar(select(TokenRow).where(which))  # type: ignore[arg-type]
    if row is None or row.revoked_at is not None:
        return None
    is_over = row.expires_at is not None and row.expires_at <= db_now(session)
    return None if is_over else row


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def _check(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), _CHECK_CHARS)


def _base62(number: int, chars: int) -> str:
    digits: list[str] = []
    for _ in range(chars):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
