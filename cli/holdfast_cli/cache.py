"""Results of audits on this machine, kept by everything that they depend on.

The key is the SHA-256 of one line per part, `name=value`: the digests of model, images and plan,
that of the policy where it may stop the audit early, the mode of the sandbox, the device, and the
versions of Holdfast and of the libraries that compute. An entry is a folder with `result.json` and
`result.samples.parquet`. All entries are in `$HOLDFAST_CACHE` (`off`: none), else in
`$XDG_CACHE_HOME/holdfast/results`, else in `~/.cache/holdfast/results`.
"""

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import typer
from pydantic import ValidationError

from holdfast import __version__
from holdfast.records.base import digest
from holdfast.records.plan import AuditPlan
from holdfast.records.policy import GatePolicy
from holdfast.records.result import AuditResult
from holdfast.sandbox.parent import AuditOutput

__all__ = ["VARIABLE", "Cache", "cache_folder", "key_of"]

VARIABLE: Final = "HOLDFAST_CACHE"

_LIBRARIES: Final = (
    *("numpy", "onnx", "onnxruntime", "opencv-python-headless", "pillow", "pyarrow", "scipy"),
    *("onnxruntime-gpu", "torch", "timm", "torchvision"),
)
_MOST_ENTRIES: Final = 100
_FILES: Final = ("result.json", "result.samples.parquet")


def cache_folder(environ: Mapping[str, str] = os.environ) -> Path | None:
    """Where entries are; None where the environment turns the cache off."""
    named = environ.get(VARIABLE)
    if named:
        return None if named == "off" else Path(named)
    try:
        base = environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    except RuntimeError:  # a container may run as a user without a home
        return None
    return Path(base) / "holdfast" / "results"


def key_of(
    model: Path,
    probes: Path,
    plan: AuditPlan,
    policy: GatePolicy | None,
    mode: str,
    *,
    device: str = "cpu",
) -> str:
    """The key of an audit; `probes` is the packed archive."""
    parts = {
        "model": _sha256(model),
        "probes": _sha256(probes),
        "plan": digest(plan),
        "policy": digest(policy) if policy and _may_stop(policy, plan) else "none",
        "mode": mode,
        "device": device,
        "holdfast": __version__,
        **{name: _version(name) for name in _LIBRARIES},
    }
    lines = "".join(f"{name}={value}\n" for name, value in parts.items())
    return hashlib.sha256(lines.encode()).hexdigest()


def _may_stop(policy: GatePolicy, plan: AuditPlan) -> bool:
    return not plan.full and not policy.needs_every_image


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "none"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Cache:
    """The entries of one folder. Nothing in it ever breaks an audit: it costs a line on stderr."""

    def __init__(self, folder: Path) -> None:
        """Remember the folder; it is made with the first entry."""
        self._folder = folder

    def find(self, key: str) -> AuditOutput | None:
        """What an earlier audit of this key left; an entry that is damaged is as none."""
        entry = self._folder / key
        if not entry.is_dir():
            return None
        try:
            result_json, samples = ((entry / name).read_bytes() for name in _FILES)
            result = AuditResult.model_validate_json(result_json)
        except (OSError, ValidationError):
            self._remove(entry)
            return None
        if hashlib.sha256(samples).hexdigest() != result.samples.sha256:
            self._remove(entry)
            return None
        with contextlib.suppress(OSError):
            os.utime(entry)  # the oldest use leaves first
        return AuditOutput(result, result_json, samples)

    def keep(self, key: str, output: AuditOutput) -> None:
        """Store what an audit left, whole or not at all."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            part = Path(tempfile.mkdtemp(prefix=".part-", dir=self._folder))
            for name, content in zip(_FILES, (output.result_json, output.samples), strict=True):
                (part / name).write_bytes(content)
            try:
                part.rename(self._folder / key)
            except OSError:  # another audit was faster, or a damaged entry is in the way
                shutil.rmtree(part, ignore_errors=True)
            self._trim()
        except OSError:
            typer.echo(f"the result cannot be kept in {self._folder}", err=True)

    def _remove(self, entry: Path) -> None:
        typer.echo(f"the stored result {entry} is damaged and is measured again", err=True)
        shutil.rmtree(entry, ignore_errors=True)

    def _trim(self) -> None:
        """Keep the entries that were used last."""
        entries = sorted(
            (path for path in self._folder.iterdir() if not path.name.startswith(".")),
            key=lambda path: path.stat().st_mtime,
        )
        for entry in entries[:-_MOST_ENTRIES]:
            shutil.rmtree(entry, ignore_errors=True)
