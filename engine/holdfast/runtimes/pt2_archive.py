"""Take a .pt2 archive apart: JSON and raw tensor bytes, nothing else is opened.

`torch.export.load` unpickles members, evaluates the text of symbolic expressions, executes guards
and opens compiled libraries. None of that is needed: the graph is JSON, the weights are raw bytes.
"""

import io
import json
import re
import zipfile
from dataclasses import dataclass
from typing import Any

import torch

from holdfast.archive import open_zip
from holdfast.errors import HoldfastError
from holdfast.runtimes.torch_tensor import ELEMENT_BYTES, strided, unpack
from holdfast.runtimes.torch_zip import check_members, member_bytes, open_torch_zip

__all__ = ["DTYPES", "Pt2Archive", "read_pt2"]

_SCHEMA_MAJOR = 8
_MAX_JSON_BYTES = 64 << 20
_STRIDED = 7
# torch/_export/serde/schema.py, ScalarType
DTYPES = {
    1: torch.uint8,
    2: torch.int8,
    3: torch.int16,
    4: torch.int32,
    5: torch.int64,
    6: torch.float16,
    7: torch.float32,
    8: torch.float64,
    12: torch.bool,
    13: torch.bfloat16,
}
"""Element types by their number in the JSON."""
_MEMBER = re.compile(
    r"archive_format|archive_version|byteorder|\.data/(version|serialization_id)|\.format_version|"
    r"\.storage_alignment|models/model\.json|"
    r"data/weights/(weight_\d+|model_weights_config\.json)|"
    r"data/constants/(tensor_\d+|model_constants_config\.json)|"
    r"data/sample_inputs/model\.pt|extra/.*"
)
_TENSOR_FILE = re.compile(r"(weight|tensor)_\d+")
_COMPILED = (".so", ".cubin", ".o", ".cpp")
_OLD_LAYOUT = "serialized_exported_program.json"
_CONFIGS = (
    ("data/weights/", "model_weights_config.json"),
    ("data/constants/", "model_constants_config.json"),
)


@dataclass(frozen=True)
class Pt2Archive:
    """The JSON of the one model, and its stored tensors by their full name."""

    document: dict[str, Any]
    tensors: dict[str, torch.Tensor]


def read_pt2(data: bytes) -> Pt2Archive:
    """Check the archive and read its JSON and its tensors.

    Raises:
        HoldfastError: `aotinductor`, `pt2_unsupported`, `pickle`, `bad_archive`, `too_large`, or
            what is wrong with the zip.
    """
    archive, root = _open(data)
    with archive:
        _check_head(archive, root)
        document = _json(archive, f"{root}/models/model.json")
        version = _dict(document, "schema_version").get("major")
        if version != _SCHEMA_MAJOR:
            raise HoldfastError("pt2_unsupported", what=f"schema version {str(version)[:20]}")
        tensors: dict[str, torch.Tensor] = {}
        for folder, config in _CONFIGS:
            entries = _dict(_json(archive, f"{root}/{folder}{config}"), "config")
            for name, entry in entries.items():
                tensors[name] = _tensor(archive, f"{root}/{folder}", name, entry)
    return Pt2Archive(document, tensors)


def _open(data: bytes) -> tuple[zipfile.ZipFile, str]:
    """The archive and its root, when every member is one that a plain .pt2 has."""
    with open_zip(io.BytesIO(data)) as archive:
        names = archive.namelist()
    if _OLD_LAYOUT in names:  # it has no root folder
        raise HoldfastError("pt2_unsupported", what="the layout of torch 2.8 and older")
    below = [name.partition("/")[2] for name in names]
    if any(name.startswith("data/aotinductor/") or name.endswith(_COMPILED) for name in below):
        raise HoldfastError("aotinductor")
    archive, root = open_torch_zip(data)
    check_members(archive, _MEMBER, "pt2_unsupported")
    return archive, root


def _check_head(archive: zipfile.ZipFile, root: str) -> None:
    for name, expected in (("archive_format", b"pt2"), ("byteorder", b"little")):
        if member_bytes(archive, f"{root}/{name}") != expected:
            raise HoldfastError("bad_archive", reason=f"its {name} is not {expected.decode()}")


def _json(archive: zipfile.ZipFile, name: str) -> dict[str, Any]:
    raw = member_bytes(archive, name)
    if len(raw) > _MAX_JSON_BYTES:
        raise HoldfastError("too_large", what="The JSON of the graph", limit=_MAX_JSON_BYTES)
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        raise HoldfastError("bad_archive", reason="its JSON cannot be read") from None
    if not isinstance(found, dict):
        raise HoldfastError("bad_archive", reason="its JSON is no object")
    return found


def _dict(found: dict[str, Any], key: str) -> dict[str, Any]:
    value = found.get(key)
    if not isinstance(value, dict):
        raise HoldfastError("bad_archive", reason=f"its JSON has no {key}")
    return value


def _tensor(archive: zipfile.ZipFile, folder: str, name: str, entry: Any) -> torch.Tensor:  # noqa: ANN401 - JSON
    try:
        path, meta = entry["path_name"], entry["tensor_meta"]
        if entry.get("use_pickle") or not _TENSOR_FILE.fullmatch(path):
            raise HoldfastError("pickle", name=name)
        dtype, layout = DTYPES.get(meta["dtype"]), meta["layout"]
        shape, strides = ([_int(side) for side in meta[key]] for key in ("sizes", "strides"))
        offset = _int(meta["storage_offset"])
    except (LookupError, TypeError, AttributeError, ValueError):
        raise HoldfastError("bad_archive", reason=f"{name[:60]} is not described") from None
    if dtype is None or layout != _STRIDED:
        raise HoldfastError("pt2_unsupported", what=f"{name[:40]} with another element type")
    raw = member_bytes(archive, f"{folder}{path}")
    whole = len(raw) // ELEMENT_BYTES[dtype] * ELEMENT_BYTES[dtype]
    return strided(unpack(memoryview(raw)[:whole], dtype), shape, strides, offset, name)


def _int(size: dict[str, Any]) -> int:
    """A size that is a plain number; a stored tensor has no symbolic ones."""
    value = size["as_int"]
    if type(value) is not int:
        raise TypeError
    return value
