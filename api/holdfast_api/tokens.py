"""Tokens: made, listed without their secrets, revoked."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import AwareDatetime, BaseModel

from holdfast.errors import HoldfastError
from holdfast_api.filing import filed_under
from holdfast_api.ids import known_id
from holdfast_api.parts import PartsDep
from holdfast_api.problems import declare
from holdfast_api.requests import PageQuery, Request, ScopeName, Slug, Title
from holdfast_db.pages import read_page
from holdfast_db.projects import ensure_project
from holdfast_db.tables import TokenRow
from holdfast_db.tokens import NewToken, add_token, revoke_token

__all__ = ["router"]

router = APIRouter(prefix="/v1/tokens", tags=["Projects and tokens"])


class TokenRequest(Request):
    """Asks for a token. Without `project` it reaches what the asking token reaches."""

    name: Title
    scope: ScopeName
    project: Slug | None = None
    expires_at: AwareDatetime | None = None


class TokenView(BaseModel):
    """A token without its secret. `hint` is how it begins; `last_used_at` is the hour."""

    id: str
    name: str
    hint: str
    scope: ScopeName
    project: str | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


class NewTokenView(TokenView):
    """A new token. `token` is shown here once and kept nowhere."""

    token: str


class OwnTokenView(BaseModel):
    """The token that asks; `id` is `root` for HOLDFAST_TOKEN, empty where no token is needed."""

    id: str
    name: str
    scope: ScopeName
    project: str | None
    expires_at: datetime | None


class TokenListView(BaseModel):
    """A page of tokens, newest first."""

    items: list[TokenView]
    next_cursor: str | None


@router.post("", status_code=201, responses=declare("not_found"))
def create_token(body: TokenRequest, parts: PartsDep, response: Response) -> NewTokenView:
    """Make a token. A token of one project makes tokens of that project only."""
    is_bound = body.project is not None or parts.caller.project is not None
    project = filed_under(parts, body.project) if is_bound else None
    new = NewToken(body.name, body.scope, project, body.expires_at)
    with parts.db.transaction() as session:
        if project is not None:
            ensure_project(session, project)
        row, secret = add_token(session, new)
    response.headers["Cache-Control"] = "no-store"
    return NewTokenView(**_view(row).model_dump(), token=secret)


@router.get("", responses=declare("invalid_request"))
def get_tokens(parts: PartsDep, query: Annotated[PageQuery, Query()]) -> TokenListView:
    """Tokens, newest first, with the revoked and expired ones; never a secret."""
    wanted = [] if query.project is None else [TokenRow.project == query.project]
    with parts.db.reading() as session:
        found = read_page(session, TokenRow, wanted, limit=query.limit, cursor=query.cursor)
    return TokenListView(items=[_view(row) for row in found.items], next_cursor=found.next_cursor)


@router.get("/self")
def get_own_token(parts: PartsDep) -> OwnTokenView:
    """What the token that asks may do."""
    return OwnTokenView.model_validate(parts.caller, from_attributes=True)


@router.delete("/{token_id}", status_code=204, responses=declare("not_found"))
def delete_token(token_id: str, parts: PartsDep) -> None:
    """Revoke a token, and every session that was opened with it, from now on."""
    with parts.db.transaction() as session:
        if not revoke_token(session, known_id(token_id, "token")):
            raise HoldfastError("not_found", what="token")


def _view(row: TokenRow) -> TokenView:
    return TokenView.model_validate(row, from_attributes=True)
