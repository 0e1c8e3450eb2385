"""An audit on a service: bring the files, ask, wait, fetch. The same output as an audit here."""

import json
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, final

import typer

from holdfast.errors import HoldfastError
from holdfast.probes.pack import packed
from holdfast.records.base import read_record
from holdfast.records.comparison import Comparison
from holdfast.records.policy import Verdict
from holdfast_cli.client import Client, told
from holdfast_cli.formats import Outcome
from holdfast_cli.order import Asked, Order
from holdfast_cli.outputs import parse_result
from holdfast_cli.progress import Report, progress

__all__ = [
    "Place",
    "asked_of",
    "audit_there",
    "check_done",
    "compared_there",
    "connect",
    "fetch",
    "is_open",
    "start_there",
    "stored_there",
    "submit",
    "wait_for",
]

_POLL_S: Final = 20
_COMPARE_S: Final = 600
_ID: Final = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_OPEN: Final = ("queued", "running")


@final
@dataclass(frozen=True)
class Place:
    """Where on a service an audit belongs; without a project, where the token does."""

    project: str | None = None
    branch: str | None = None
    commit: str | None = None


def connect(url: str) -> Client:
    """A client with the token of the environment."""
    return Client(url, os.environ.get("HOLDFAST_TOKEN"))


def submit(client: Client, order: Order, place: Place, report: Report) -> dict[str, Any]:
    """Upload what the service does not have and ask for the audit; answer its view."""
    model = _bring(client, "model", order.model, order.model.name, report)
    with packed(order.data) as probes:
        probe_set = _bring(client, "probes", probes, order.data.name, report)
    if order.plan.architecture is not None:
        model["architecture"] = order.plan.architecture
    project = {} if place.project is None else {"project": place.project}
    files = {
        "model_id": client.post("/v1/models", {**project, **model})["id"],
        "probe_set_id": client.post("/v1/probe-sets", {**project, **probe_set})["id"],
    }
    return client.post("/v1/audits", {**project, **files, **asked_of(order, place)})


def asked_of(order: Order, place: Place) -> dict[str, Any]:
    """What the body of a request for an audit says besides its project and files."""
    body = {
        "branch": place.branch,
        "commit": place.commit,
        "plan": json.loads(order.plan.model_dump_json(exclude={"schema_version"})),
        "policy": order.gate,
        "device": order.device.value,
    }
    return body if order.baseline is None else {**body, "baseline": _named(order.baseline)}


def _named(asked: Asked) -> dict[str, str]:
    """A baseline as a service knows it.

    Raises:
        typer.BadParameter: a file, which the service does not have.
    """
    if asked.path is not None:
        why = "a service compares with what it has: name a branch or the id of an audit"
        raise typer.BadParameter(why, param_hint="--baseline")
    return {"audit_id" if _ID.fullmatch(asked.name) else "branch": asked.name}


def _bring(
    client: Client, kind: Literal["model", "probes"], path: Path, name: str, report: Report
) -> dict[str, str]:
    """Upload a file; answer what its registration under a name says."""

    def step(done: int, total: int) -> None:
        report(f"uploading {name}", done, total)

    return {"name": name, "sha256": client.upload(kind, path, name, step)}


def wait_for(
    client: Client, audit: dict[str, Any], timeout_s: float, report: Report
) -> dict[str, Any]:
    """Wait until the audit is done.

    Raises:
        HoldfastError: why it failed; `wait_timeout` when it is still going on. Ctrl-C passes
            through after a line that says so: the audit belongs to the service, not to us.
    """
    page, deadline = client.absolute(audit["links"]["page"]), time.monotonic() + timeout_s
    try:
        while is_open(audit):
            left = deadline - time.monotonic()
            if left <= 0:
                raise HoldfastError("wait_timeout", limit=f"{timeout_s:g}", url=page)
            step = audit["progress"]
            report(step["stage"] or audit["state"], step["done"], step["total"])
            audit = client.get(audit["links"]["self"], wait=max(1, min(_POLL_S, int(left))))
    except KeyboardInterrupt:
        typer.echo(f"The audit goes on: {page}", err=True)
        raise
    check_done(audit)
    return audit


def is_open(audit: dict[str, Any]) -> bool:
    """Whether an audit has not ended yet."""
    return audit["state"] in _OPEN


def check_done(audit: dict[str, Any]) -> None:
    """Raise, as an error of ours, why an audit that ended is not done."""
    if audit["state"] != "done":
        error = audit["error"] or {"code": "cancelled"}
        raise told(error["code"], error.get("sentence"), error.get("hint"))


def fetch(client: Client, audit: dict[str, Any]) -> Outcome:
    """Everything that a finished audit left."""
    links = audit["links"]
    result_json = client.content(links["result"])
    verdict = None
    if audit["decision"] is not None:
        verdict = Verdict.model_validate_json(client.content(links["verdict"]))
    return Outcome(
        result=parse_result(result_json, client.absolute(links["result"])),
        result_json=result_json,
        samples=lambda: client.content(links["samples"]),
        report=lambda: client.content(links["report"]),
        verdict=verdict,
        page=client.absolute(links["page"]),
    )


def audit_there(client: Client, order: Order, place: Place, timeout_s: float) -> Outcome:
    """Run one audit on a service and bring its result back.

    Raises:
        HoldfastError: everything that can be wrong, with the same codes as an audit here.
    """
    with progress(order.name) as report:
        audit = wait_for(client, submit(client, order, place, report), timeout_s, report)
    return fetch(client, audit)


def start_there(client: Client, order: Order, place: Place) -> str:
    """Only ask for an audit; answer the address of its page."""
    with progress(order.name) as report:
        return client.absolute(submit(client, order, place, report)["links"]["page"])


def stored_there(client: Client, audit_id: str) -> Outcome:
    """What an audit of the service left.

    Raises:
        HoldfastError: `not_found`, `not_done`, or why the audit failed.
    """
    if not _ID.fullmatch(audit_id):
        raise HoldfastError("file_not_found", path=audit_id)
    audit = client.get(f"/v1/audits/{audit_id}")
    if is_open(audit):
        raise HoldfastError("not_done", state=audit["state"])
    check_done(audit)
    return fetch(client, audit)


def compared_there(client: Client, baseline: str, candidate: str, margin: float) -> Comparison:
    """The service's comparison of two audits; waits while a worker computes it.

    Raises:
        HoldfastError: `not_found`, `not_done`, `not_comparable`; `wait_timeout` after minutes.
    """
    asked = {"a": baseline, "b": candidate, "margin": margin}
    deadline = time.monotonic() + _COMPARE_S
    while (answer := client.get("/v1/compare", **asked)).get("retry_after_s"):
        if time.monotonic() > deadline:
            page = client.absolute(f"/audits/{candidate}")
            raise HoldfastError("wait_timeout", limit=_COMPARE_S, url=page)
        time.sleep(float(answer["retry_after_s"]))
    return read_record(Comparison, answer, "unreachable")
