"""Models and probe sets: uploaded bytes under a name."""

import re
from typing import Annotated, Final

from fastapi import APIRouter, Query, Response
from sqlalchemy.orm import InstrumentedAttribute, Session

from holdfast.archive import count_images
from holdfast.errors import HoldfastError
from holdfast_api.filing import filed_under
from holdfast_api.ids import known_id
from holdfast_api.parts import Parts, PartsDep
from holdfast_api.problems import declare
from holdfast_api.requests import AssetQuery, ModelRequest, ProbeSetRequest
from holdfast_api.storing import (
    MODEL_REFUSALS,
    check_blob,
    find_blob,
    kind_of_archive,
    kind_of_model,
    show,
)
from holdfast_api.views import ModelListView, ModelView, ProbeSetListView, ProbeSetView
from holdfast_db.assets import NewModel, NewProbeSet, add_model, add_probe_set
from holdfast_db.projects import ensure_project
from holdfast_db.queries import (
    get_model,
    get_probe_set,
    list_models,
    list_probe_sets,
)
from holdfast_db.references import OPEN, count_audits
from holdfast_db.removal import remove_asset
from holdfast_db.store import StoredBlob
from holdfast_db.tables import AuditRow, ModelRow, ProbeSetRow

__all__ = ["model_view", "probe_set_view", "router"]

_ARCHITECTURE: Final = re.compile(r"(torchvision|timm)/[a-z0-9_]{1,80}(\.[a-z0-9_]{1,60})?")
router = APIRouter(prefix="/v1", tags=["Models and probe sets"])


@router.post(
    "/models",
    status_code=201,
    responses={
        200: {"model": ModelView, "description": "This file has this name already."},
        **declare(
            *("not_found", "upload_not_ready", "name_taken", "architecture_unavailable"),
            *MODEL_REFUSALS,
        ),
    },
)
def create_model(body: ModelRequest, parts: PartsDep, response: Response) -> ModelView:
    """Give an uploaded model file a name."""
    project = filed_under(parts, body.project)
    blob, filename = _blob_of(parts, body)
    has_architecture = _check_architecture(body.architecture)
    path = parts.store.path(blob.sha256)
    new = NewModel(
        name=body.name,
        format=kind_of_model(path, has_architecture=has_architecture),
        blob=blob,
        project=project,
        filename=filename,
        architecture=body.architecture,
    )
    with parts.db.transaction() as session:
        ensure_project(session, project)
        row, is_new = add_model(session, new)
        check_blob(parts, blob)
        if row.architecture != body.architecture:
            was = row.architecture or "a file without architecture"
            raise HoldfastError("name_taken", architecture=was)
    _created(response, f"/v1/models/{row.id}", is_new=is_new)
    return model_view(row)


@router.get("/models", responses=declare("invalid_request"))
def get_models(parts: PartsDep, query: Annotated[AssetQuery, Query()]) -> ModelListView:
    """Models, newest first."""
    with parts.db.reading() as session:
        found = list_models(session, **query.model_dump())
    return ModelListView(
        items=[model_view(row) for row in found.items], next_cursor=found.next_cursor
    )


@router.get("/models/{model_id}", responses=declare("not_found"))
def get_one_model(model_id: str, parts: PartsDep) -> ModelView:
    """One model."""
    with parts.db.reading() as session:
        row = get_model(session, known_id(model_id, "model"))
    if row is None:
        raise HoldfastError("not_found", what="model")
    return model_view(row)


@router.post(
    "/probe-sets",
    status_code=201,
    responses={
        200: {"model": ProbeSetView, "description": "This file has this name already."},
        **declare("not_found", "upload_not_ready", "not_a_zip"),
    },
)
def create_probe_set(body: ProbeSetRequest, parts: PartsDep, response: Response) -> ProbeSetView:
    """Give an uploaded archive of images a name."""
    project = filed_under(parts, body.project)
    blob, _ = _blob_of(parts, body)
    path = parts.store.path(blob.sha256)
    new = NewProbeSet(
        name=body.name,
        archive=kind_of_archive(path),
        blob=blob,
        project=project,
        images=count_images(path),
    )
    with parts.db.transaction() as session:
        ensure_project(session, project)
        row, is_new = add_probe_set(session, new)
        check_blob(parts, blob)
    _created(response, f"/v1/probe-sets/{row.id}", is_new=is_new)
    return probe_set_view(row)


@router.get("/probe-sets", responses=declare("invalid_request"))
def get_probe_sets(parts: PartsDep, query: Annotated[AssetQuery, Query()]) -> ProbeSetListView:
    """Probe sets, newest first."""
    with parts.db.reading() as session:
        found = list_probe_sets(session, **query.model_dump())
    return ProbeSetListView(
        items=[probe_set_view(row) for row in found.items], next_cursor=found.next_cursor
    )


@router.get("/probe-sets/{probe_set_id}", responses=declare("not_found"))
def get_one_probe_set(probe_set_id: str, parts: PartsDep) -> ProbeSetView:
    """One probe set."""
    with parts.db.reading() as session:
        row = get_probe_set(session, known_id(probe_set_id, "probe set"))
    if row is None:
        raise HoldfastError("not_found", what="probe set")
    return probe_set_view(row)


@router.delete(
    "/models/{model_id}",
    status_code=204,
    responses=declare("not_found", "open_audits", "in_use"),
)
def delete_model(
    model_id: str, parts: PartsDep, *, audits: Annotated[bool, Query()] = False
) -> None:
    """Remove a model; with `audits=true` the finished audits of it, too."""
    with parts.db.transaction() as session:
        row = get_model(session, known_id(model_id, "model"))
        _remove(session, row, "model", AuditRow.model_id, along=audits)


@router.delete(
    "/probe-sets/{probe_set_id}",
    status_code=204,
    responses=declare("not_found", "open_audits", "in_use"),
)
def delete_probe_set(
    probe_set_id: str, parts: PartsDep, *, audits: Annotated[bool, Query()] = False
) -> None:
    """Remove a probe set; with `audits=true` the finished audits on it, too."""
    with parts.db.transaction() as session:
        row = get_probe_set(session, known_id(probe_set_id, "probe set"))
        _remove(session, row, "probe set", AuditRow.probe_set_id, along=audits)


def _remove(
    session: Session,
    row: ModelRow | ProbeSetRow | None,
    what: str,
    user: InstrumentedAttribute[str],
    *,
    along: bool,
) -> None:
    """Remove what no open audit needs; results go only when it is said that they may."""
    if row is None:
        raise HoldfastError("not_found", what=what)
    users = count_audits(session, user, row.id)
    if any(state in users for state in OPEN):
        raise HoldfastError("open_audits", what=what)
    if users and not along:
        raise HoldfastError("in_use", what=what, n=sum(users.values()))
    remove_asset(session, row, user)


def model_view(row: ModelRow) -> ModelView:
    """What callers see of a model."""
    return ModelView.model_validate(row, from_attributes=True)


def probe_set_view(row: ProbeSetRow) -> ProbeSetView:
    """What callers see of a probe set."""
    return ProbeSetView.model_validate(row, from_attributes=True)


def _blob_of(parts: Parts, body: ModelRequest | ProbeSetRequest) -> tuple[StoredBlob, str | None]:
    """The bytes that a request names, and the file name they came under."""
    sha256, filename = body.sha256, None
    if body.upload_id is not None:
        upload = show(parts, body.upload_id)
        if upload.state != "complete":
            raise HoldfastError("upload_not_ready", id=upload.id)
        sha256, filename = upload.sha256, upload.filename
    known = find_blob(parts, sha256 or "")
    if known is None:
        raise HoldfastError("not_found", what="blob")
    return StoredBlob(known.sha256, known.size_bytes), filename


def _check_architecture(name: str | None) -> bool:
    """Whether there is one. Only the child, which has the libraries, knows all that exist."""
    if name is not None and not _ARCHITECTURE.fullmatch(name):
        reason = "write timm/<name> or torchvision/<name>"
        raise HoldfastError("architecture_unavailable", name=name, reason=reason)
    return name is not None


def _created(response: Response, location: str, *, is_new: bool) -> None:
    response.headers["Location"] = location
    if not is_new:
        response.status_code = 200
