"""The whole corpus of bad inputs through one running service with one worker."""

import contextlib
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

import toys
from corpus import BadFile
from holdfast_api.statuses import STATUS
from memory_watch import Peaks, watching
from services import Service, embedded
from toy_probes import flat, noise

pytestmark = pytest.mark.timeout(900)  # a machine that others use, too, may need minutes
MEMORY_BYTES = 3 << 29
LASTING_BYTES = 400 << 20
"""What each process of the service may hold, whatever is sent: none of them opens a file."""
PLAN = {
    "input": {"preset": "unit", "crop": 8},
    "families": {
        "translation": {"shifts_px": [[1, 0]]},
        "rotation": {"angles_deg": []},
        "scale": {"zooms": []},
    },
    "controls": 0,
}
SETTINGS = {
    "HOLDFAST_CONCURRENCY": 2,
    "HOLDFAST_CHILD_MEMORY_BYTES": MEMORY_BYTES,
    "HOLDFAST_CHILD_CPU_S": 6,
    "HOLDFAST_CHILD_THREADS": 1,
}
PATIENCE_S = 600
_NO_NET = "torchvision/no_such_net"
REFUSED = {
    "mnist_onnxmodels.onnx": "opset",
    "squeezenet_dao_fp16_winml.onnx": "op_unknown",
    "superres_prepost_op18_ortext.onnx": "op_not_allowed",
    "asl.ptl": "load_failed",
}


@dataclass(frozen=True)
class Said:
    """What the service said to one file: nothing is wrong when `code` is empty."""

    code: str
    sentence: str
    hint: str
    at_upload: bool
    status: int


@dataclass(frozen=True)
class Run:
    """Everything that came of the corpus, and what the service looked like before and after."""

    said: dict[str, Said]
    before: int
    after: int
    log: str
    good: str
    ready: str
    peaks: Peaks


class Caller:
    """A client of the service that sends files and asks for audits of them."""

    def __init__(self, url: str, folder: Path) -> None:
        """Bring the good model and the good images."""
        self.http = httpx.Client(base_url=url, timeout=60)
        probes = flat(folder / "good.zip", noise(3, 8, 8, 3)).read_bytes()
        self.good = {
            "model": self.named("model", self.put("model", toys.linear())),
            "probes": self.named("probes", self.put("probes", probes)),
        }

    def put(self, kind: str, data: bytes) -> httpx.Response:
        """Announce and send; the answer is of whichever was refused."""
        body = {"kind": kind, "size_bytes": len(data)}
        announced = self.http.post("/v1/uploads", json=body)
        if not announced.is_success:
            return announced
        return self.http.put(announced.json()["url"], content=data)

    def name(self, kind: str, sent: httpx.Response, **more: str) -> httpx.Response:
        """Give an uploaded file a name."""
        where = "models" if kind == "model" else "probe-sets"
        body = {"name": "good", "upload_id": sent.json()["id"], **more}
        return self.http.post(f"/v1/{where}", json=body)

    def named(self, kind: str, sent: httpx.Response) -> str:
        """The id under which an uploaded file is audited."""
        return str(self.name(kind, sent).raise_for_status().json()["id"])

    def audit(self, ids: dict[str, str], **more: object) -> str:
        """Ask for an audit; `more` goes into its plan."""
        plan = {**PLAN, **{key: value for key, value in more.items() if value is not None}}
        body = {"model_id": ids["model"], "probe_set_id": ids["probes"], "plan": plan}
        return str(self.http.post("/v1/audits", json=body).raise_for_status().json()["id"])

    def send(self, file: BadFile) -> Said | str:
        """What is said at once, or the id of the audit that will say it."""
        kind = "model" if file.is_model else "probes"
        sent = self.put(kind, file.data)
        if sent.is_success:
            sent = self.name(kind, sent, name=file.name, **_named_network(file))
        if sent.is_success:
            return self.audit({**self.good, kind: str(sent.json()["id"])})
        return self.refusal(sent)

    def refusal(self, sent: httpx.Response) -> Said:
        """The problem document of an upload that was not taken."""
        problem = sent.json()
        assert sent.headers["content-type"] == "application/problem+json"
        return Said(
            problem["code"],
            problem["detail"],
            problem["hint"],
            at_upload=True,
            status=sent.status_code,
        )

    def ended(self, audit_id: str, deadline: float) -> Said:
        """How an audit ended."""
        while True:
            view = self.http.get(f"/v1/audits/{audit_id}", params={"wait": 10}).json()
            if view["state"] in ("done", "failed"):
                error: dict[str, Any] = view["error"] or dict.fromkeys(
                    ("code", "sentence", "hint"), ""
                )
                words = (error["code"], error["sentence"], error["hint"])
                return Said(*words, at_upload=False, status=200)
            assert time.monotonic() < deadline, f"{audit_id} is still {view['state']}"


def _named_network(file: BadFile) -> dict[str, str]:
    """The rows' stand-in for a network is no name; what has one is read before it is looked up."""
    if file.architecture is None:
        return {}
    told = file.architecture
    return {"architecture": _NO_NET if told == "selftest/fc" else told}


@pytest.fixture(scope="module")
def service(files: list[BadFile], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    assert files
    with embedded(tmp_path_factory.mktemp("service"), **SETTINGS) as running:
        yield running


@pytest.fixture(scope="module")
def caller(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    made = Caller(service.url, tmp_path_factory.mktemp("sent"))
    with contextlib.closing(made.http):
        yield made


@pytest.fixture(scope="module")
def outcome(service: Service, caller: Caller, files: list[BadFile]) -> Run:
    before = service.worker_pid()
    with watching(service.process.pid) as peaks:
        with ThreadPoolExecutor(4) as pool:
            sent = dict(
                zip([file.name for file in files], pool.map(caller.send, files), strict=True)
            )
        deadline = time.monotonic() + PATIENCE_S
        said = {
            name: answer if isinstance(answer, Said) else caller.ended(answer, deadline)
            for name, answer in sent.items()
        }
        good = caller.ended(caller.audit(caller.good), deadline).code
    ready = caller.http.get("/readyz").json()["status"]
    log = service.log.read_text(errors="replace")
    return Run(said, before, service.worker_pid(), log, good, ready, peaks)


def _expected(file: BadFile) -> tuple[str, bool]:
    """The code, and whether it comes at once."""
    if file.name == "sd_hub_architecture":  # no name of an architecture at all
        return file.code, True
    if file.name == "ts_no_sandbox":  # the sandbox of a service is in force
        return "", False
    return file.code, file.at_upload


def _fault(file: BadFile, said: Said) -> str:
    code, at_upload = _expected(file)
    right = (said.code, said.at_upload) == (code, at_upload) and file.reason in said.sentence
    worded = not code or (said.sentence and said.hint)
    status = said.status == (STATUS[code] if at_upload else 200)
    return "" if right and worded and status else f"{said} instead of {code or 'accepted'}"


def test_every_file_has_its_code_sentence_and_hint(files: list[BadFile], outcome: Run) -> None:
    assert len(outcome.said) == len(files) == 134
    faults = {file.name: _fault(file, outcome.said[file.name]) for file in files}
    assert {name: fault for name, fault in faults.items() if fault} == {}


def test_no_payload_ran(outcome: Run, marker: Path) -> None:
    assert len(outcome.said) == 134
    assert not marker.exists()


def test_the_same_worker_lives_and_audits_a_good_model(outcome: Run) -> None:
    """A process of its pool may be another one: each ends after 50 audits, on purpose."""
    assert outcome.after == outcome.before
    assert "WorkerLostError" not in outcome.log
    assert "signal" not in outcome.log
    assert (outcome.good, outcome.ready) == ("", "ready")


def test_memory_stayed_bounded(outcome: Run) -> None:
    assert outcome.peaks.n_children > 50
    assert 0 < outcome.peaks.child_bytes < MEMORY_BYTES
    assert len([size for size in outcome.peaks.lasting.values() if size]) >= 4
    assert max(outcome.peaks.lasting.values()) < LASTING_BYTES


@pytest.mark.parametrize("name", REFUSED)
def test_a_real_model_that_must_be_refused_is(
    outcome: Run, caller: Caller, shared: Path, name: str
) -> None:
    assert outcome.ready
    sent = caller.put("model", (shared / "assets/models/refuse" / name).read_bytes())
    audit_id = caller.audit({**caller.good, "model": caller.named("model", sent)})
    said = caller.ended(audit_id, time.monotonic() + PATIENCE_S)
    assert said.code == REFUSED[name]
    assert said.hint


def test_a_real_model_that_dies_of_two_images_is_audited_one_by_one(
    outcome: Run, service: Service, caller: Caller, shared: Path
) -> None:
    """Its first batch is tried again, image by image; the worker notices nothing."""
    file = shared / "assets/models/refuse/mobilenet_quantized_ios_old.pt"
    model = caller.named("model", caller.put("model", file.read_bytes()))
    spec = {"preset": "unit", "crop": 224}
    audit_id = caller.audit({**caller.good, "model": model}, input=spec)
    assert caller.ended(audit_id, time.monotonic() + PATIENCE_S).code == ""
    result = caller.http.get(f"/v1/audits/{audit_id}/result.json").json()
    assert result["model"]["batching"] in ("fails", "crashes")
    assert result["probes"]["n_used"] == 3
    assert service.worker_pid() == outcome.before
