"""The corpus of bad inputs beside this checkout: its files, and the answer that each must get."""

import importlib.util
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import torch_nets as nets

__all__ = ["BadFile", "bad_files", "code_of", "load_corpus"]

# Most are no classifiers, so a refusal of input or output comes before the row's own answer.
_NO_CLASSIFIER = {
    "onnx_ok": "unsupported_output",
    "onnx_xss_names": "unsupported_output",
    "onnx_random": "unsupported_output",
    "onnx_bomb_expand": "unsupported_input",
    "onnx_bomb_range": "unsupported_output",
    "onnx_nan_output": "unsupported_output",
    "onnx_bundle_ok": "unsupported_input",
}
# The rows' stand-in for a network, `selftest/fc`, is none that a user can name.
_NO_NETWORK = dict.fromkeys(
    ("sd_ok", "sd_checkpoint", "sd_wrong_keys", "st_ok", "st_wrong_keys"),
    "architecture_unavailable",
)
_TOLD = {**_NO_CLASSIFIER, **_NO_NETWORK, "st_no_architecture": "architecture_needed"}
_ACCEPTED = ("ok", "ok-escaped", "ok-no-exec", "warn")


@dataclass(frozen=True)
class BadFile:
    """One row of the corpus as a user would send it.

    Attributes:
        name: the row's name.
        kind: `onnx`, `bundle`, `pt`, `pt2`, `ts`, `state_dict`, `safetensors`, `zip` or `img`; a
            single image is sent alone in a zip.
        data: the bytes.
        code: the error of an audit, empty when it is audited.
        reason: of images that are skipped, why.
        at_upload: the service refuses it at once.
        architecture: what it is sent with.
        mode: the mode of the sandbox, when not the usual one.
    """

    name: str
    kind: str
    data: bytes
    code: str
    reason: str
    at_upload: bool
    architecture: str | None
    mode: str | None

    @property
    def is_model(self) -> bool:
        """Whether it is sent as a model, and not as images."""
        return self.kind not in ("zip", "img")


def load_corpus(shared: Path, marker: Path | None = None) -> ModuleType:
    """The module whose `CASES` are the corpus; it must not silence our warnings.

    Payloads create `marker` when they run, else a file in the temporary folder.
    """
    spec = importlib.util.spec_from_file_location("corpus_cases", shared / "badinputs" / "gen.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("warnings.simplefilter", lambda *_: None)
        if marker is not None:
            patched.setenv("MARKER", str(marker))
        spec.loader.exec_module(module)
    return module


def bad_files(corpus: ModuleType) -> Iterator[BadFile]:
    """All rows, made one after the other."""
    for case in corpus.CASES:
        with nets.quiet():
            data = case.make()
        yield BadFile(
            name=case.name,
            kind=case.kind,
            data=_alone(data) if case.kind == "img" else data,
            code=code_of(case),
            reason=case.code if _is_image(case) else "",
            at_upload=case.stage == "upload",
            architecture=case.context.get("architecture"),
            mode=case.context.get("mode"),
        )


def code_of(case: Any) -> str:
    """The error that an audit of this row ends with, empty when it is audited."""
    if case.name in _TOLD:
        return _TOLD[case.name]
    if _is_image(case):
        return "too_many_bad_images"
    return "" if case.stage in _ACCEPTED else str(case.code)


def _is_image(case: Any) -> bool:
    """A fault of one image or member; the rest of the archive would be used."""
    return case.stage == "audit" and case.kind in ("zip", "img")


def _alone(image: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in ("a.png", "b.png"):
            archive.writestr(zipfile.ZipInfo(name), image)
    return file.getvalue()
