"""`holdfast token create`: the first admin token, and any other, straight in the database."""

import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from holdfast.errors import HoldfastError
from holdfast_cli import options as opt

__all__ = ["app"]

_UNITS_S = {"m": 60.0, "h": 3600.0, "d": 86400.0}


def _lifetime_s(text: str) -> float:
    found = re.fullmatch(r"(\d{1,6})([mhd])", text.strip())
    if not found:
        raise typer.BadParameter("write it as 90m, 12h or 365d")
    return float(found[1]) * _UNITS_S[found[2]]


app = typer.Typer(help="Make tokens for a service, in its database.", no_args_is_help=True)
_SLUG = r"[a-z0-9][a-z0-9._-]{0,63}"


class ScopeName(StrEnum):
    """What a token may do, as `holdfast_db.tokens.SCOPES` names it."""

    read = "read"
    audit = "audit"
    admin = "admin"


@app.callback()
def _tokens() -> None:
    """With a callback typer keeps `create` a word of its own."""


@app.command()
def create(
    *,
    name: Annotated[str, typer.Option(help="Whose it is; shown in lists.", show_default=False)],
    scope: Annotated[
        ScopeName,
        typer.Option(help="read: look; audit: also upload and start; admin: everything."),
    ] = ScopeName.audit,
    project: Annotated[
        str | None,
        typer.Option(help="The only project it reaches; all when left out.", show_default=False),
    ] = None,
    expires: Annotated[
        float | None,
        typer.Option(
            parser=_lifetime_s,
            metavar="TIME",
            help="Good for so long: 90m, 12h, 365d; for ever when left out.",
            show_default=False,
        ),
    ] = None,
    data: opt.DataFolder = opt.DATA,
) -> None:
    """Make a token and print it. It is shown this once; the service knows its digest only."""
    from holdfast_cli.local import need

    need("server")
    print(_made(name, scope.value, project, expires, data))


def _made(name: str, scope: str, project: str | None, expires_s: float | None, data: Path) -> str:
    import os

    from holdfast_db.projects import ensure_project
    from holdfast_db.session import Database
    from holdfast_db.settings import StorageSettings
    from holdfast_db.tokens import NewToken, add_token

    if project is not None and not re.fullmatch(_SLUG, project):
        reason = "a project is named by small letters, digits and . _ -"
        raise HoldfastError("invalid_config", where="--project", reason=reason)
    os.environ["HOLDFAST_DATA"] = str(data.resolve())
    end = None if expires_s is None else datetime.now(UTC) + timedelta(seconds=expires_s)
    database = Database(StorageSettings().database_url)
    try:
        database.migrate()
        with database.transaction() as session:
            if project is not None:
                ensure_project(session, project)
            return add_token(session, NewToken(name, scope, project, end))[1]
    finally:
        database.close()
