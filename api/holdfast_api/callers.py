"""Who asks: what a token lets its owner do, and how a request says whose it is.

HOLDFAST_AUTH=off ---- nobody is asked; only loopback names are served
HOLDFAST_AUTH=on ----- every request needs a token, also when none was made yet
HOLDFAST_AUTH=auto --- on as soon as HOLDFAST_TOKEN is set or any token was ever made (the default)
"""

import os
import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, final

from starlette.datastructures import Headers

from holdfast_api.sessions import cookie_owner, key_from, same_token, sign
from holdfast_api.settings import ApiSettings
from holdfast_db.session import Database
from holdfast_db.tables import TokenRow
from holdfast_db.tokens import SCOPES, any_token, is_unnoted, live_token, live_token_by_id, note_use

__all__ = ["EVERYBODY", "NOBODY", "Caller", "Door"]

_ROOT: Final = "root"


@final
@dataclass(frozen=True)
class Caller:
    """The owner of a token. `project` None reaches every project; `scope` None may do nothing.

    `id` is the token's, `root` for HOLDFAST_TOKEN, empty where nobody was asked.
    """

    id: str
    name: str
    scope: str | None
    project: str | None = None
    expires_at: datetime | None = None

    def has(self, scope: str) -> bool:
        """Whether this caller may do what needs `scope`."""
        return self.scope is not None and SCOPES.index(self.scope) >= SCOPES.index(scope)


EVERYBODY: Final = Caller("", "everybody", "admin")
"""Whoever asks where no tokens are in use."""
NOBODY: Final = Caller("", "nobody", None, project="")
"""Whoever asks for something that is open to all; no project has this slug, so no row is seen."""


@final
class Door:
    """Knows the callers. Everything here may wait for the database: call it from a thread."""

    def __init__(self, settings: ApiSettings, db: Database, data: Path) -> None:
        """Look callers up in `db`; `data` keeps the key of the sessions if no setting has it."""
        self._settings = settings
        self._db = db
        self._data = data
        self._was_on = False

    def is_on(self) -> bool:
        """Whether callers must say who they are. Once so, it stays so: rows of tokens stay."""
        if self._settings.auth != "auto" or self._settings.has_token:
            return self._settings.auth != "off"
        if not self._was_on:
            with self._db.reading() as session:
                self._was_on = any_token(session)
        return self._was_on

    def known(self, headers: Headers, cookie: str) -> Caller | None:
        """Whose request this is, by its token, else by its session."""
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            caller = self.by_secret(given.strip())
            if caller is not None:
                return caller
        return self.by_cookie(cookie)

    def lets_stay(self, caller: Caller, headers: Headers, cookie: str) -> bool:
        """Whether a request that was let in would be let in now: tokens end, and come into use."""
        if caller.id == EVERYBODY.id:
            return not self.is_on()
        return self.known(headers, cookie) is not None

    def by_secret(self, secret: str) -> Caller | None:
        """The owner of a token, while it is good."""
        if self._is_root(secret):
            return _root()
        with self._db.reading() as session:
            row = live_token(session, secret)
        return None if row is None else self._used(row)

    def by_cookie(self, cookie: str) -> Caller | None:
        """The owner of a session, while it and the token behind it are good."""
        owner = cookie_owner(cookie, self._key)
        if owner is None:
            return None
        if owner == _ROOT:
            return _root() if self._settings.has_token else None
        with self._db.reading() as session:
            row = live_token_by_id(session, owner)
        return None if row is None else self._used(row)

    def cookie_of(self, caller: Caller) -> str:
        """A new session of a caller, ready to be set as a cookie."""
        return sign(self._key(caller.id), caller.id, self._settings.session_s)

    def _is_root(self, secret: str) -> bool:
        token = self._settings.token.get_secret_value()
        return bool(token) and same_token(secret, token)

    def _used(self, row: TokenRow) -> Caller:
        if is_unnoted(row):
            with self._db.transaction() as session:
                note_use(session, row)
        return Caller(row.id, row.name, row.scope, row.project, row.expires_at)

    def _key(self, owner: str) -> bytes:
        """The key of a session; that of the root token ends with the token."""
        token = self._settings.token.get_secret_value()
        secret = self._settings.session_secret.get_secret_value() or token or self._stored_key()
        return key_from(secret, token if owner == _ROOT else owner)

    def _stored_key(self) -> str:
        """A key of our own, made once, for services without a setting for it."""
        path = self._data / "session.key"
        if not path.exists():
            fresh = path.with_name(f"session.{secrets.token_hex(8)}")
            with os.fdopen(
                os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w"
            ) as file:
                file.write(secrets.token_hex(32))
            try:
                os.link(fresh, path)  # of several processes the first one's key counts
            except FileExistsError:
                pass
            finally:
                fresh.unlink()
        return path.read_text()


def _root() -> Caller:
    return Caller(_ROOT, "HOLDFAST_TOKEN", "admin")
