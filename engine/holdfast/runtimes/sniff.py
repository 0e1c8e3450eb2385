"""Model format from the bytes alone. Standard library only; a file name is never looked at.

Nothing is unpickled and no member of a zip is opened: only the names in its directory count.
"""

import struct
from pathlib import Path
from typing import BinaryIO

from holdfast.archive import open_zip
from holdfast.errors import HoldfastError
from holdfast.records.model import ModelFormat

__all__ = ["sniff", "sniff_file"]

_MAX_SAFETENSORS_HEADER_BYTES = 100_000_000
_PICKLE = 0x80
_MAX_PICKLE_PROTOCOL = 5
_WIRE_TYPES = (0, 1, 2, 5)


def sniff(path: Path, *, has_architecture: bool = False) -> ModelFormat:
    """The format of the model file at `path`; see `sniff_file`."""
    with path.open("rb") as file:
        return sniff_file(file, has_architecture=has_architecture)


def sniff_file(file: BinaryIO, *, has_architecture: bool = False) -> ModelFormat:
    """The format that the bytes of `file` promise; the sandboxed child has the last word.

    A state_dict and a pickled module are the same zip. Only who names an architecture can mean the
    first; then the child looks whether it is one.

    Raises:
        HoldfastError: `empty_file`, `pickle_refused`, `invalid_safetensors`, `unsupported_format`,
            or what is wrong with a zip.
    """
    size = file.seek(0, 2)
    file.seek(0)
    head = file.read(16)
    if not head:
        raise HoldfastError("empty_file", what="The model file")
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return _sniff_zip(file, has_architecture=has_architecture)
    if head[0] == _PICKLE and len(head) > 1 and head[1] <= _MAX_PICKLE_PROTOCOL:
        raise HoldfastError("pickle_refused")
    if _is_safetensors(head, size):
        return ModelFormat.safetensors
    # Protobuf has no magic number: a legal first tag (fields 1 to 15) makes it a candidate. Text
    # files start with one now and then, so the child has the last word.
    if 8 <= head[0] < 128 and head[0] & 7 in _WIRE_TYPES:  # noqa: PLR2004 - first tags
        return ModelFormat.onnx
    if head[8:9] == b"{":
        raise HoldfastError("invalid_safetensors", reason="its header is longer than the file")
    raise HoldfastError("unsupported_format")


def _is_safetensors(head: bytes, size: int) -> bool:
    if len(head) <= 8 or head[8:9] != b"{":  # noqa: PLR2004 - an 8-byte length comes first
        return False
    announced = int(struct.unpack("<Q", head[:8])[0])
    return announced <= min(_MAX_SAFETENSORS_HEADER_BYTES, size - 8)


def _sniff_zip(file: BinaryIO, *, has_architecture: bool) -> ModelFormat:
    try:
        with open_zip(file) as archive:
            full = archive.namelist()
    except HoldfastError as error:
        if error.code == "empty_archive":
            raise HoldfastError("unsupported_format") from None
        raise
    names = {name.split("/", 1)[-1] for name in full}
    if "archive_format" in names or "serialized_exported_program.json" in full:
        return ModelFormat.pt2
    if len(full) == 2 and sum(name.endswith(".onnx") for name in full) == 1:  # noqa: PLR2004
        return ModelFormat.onnx_bundle
    return _sniff_pickles(names, has_architecture=has_architecture)


def _sniff_pickles(names: set[str], *, has_architecture: bool) -> ModelFormat:
    """The zips of `torch.save` and its kin, which all hold a `data.pkl`."""
    if ".data/extern_modules" in names:  # torch.package: Python sources and pickles
        raise HoldfastError("pickle_refused")
    if "constants.pkl" in names or any(name.startswith("code/") for name in names):
        return ModelFormat.torchscript
    if "data.pkl" not in names:
        raise HoldfastError("unsupported_format")
    if not has_architecture:
        raise HoldfastError("pickle_refused")
    return ModelFormat.state_dict
