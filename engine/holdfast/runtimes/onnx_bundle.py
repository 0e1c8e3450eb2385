"""A model and its one side file, which torch.onnx.export writes by default, made one file.

The side file's bytes are copied into the model here, so neither ONNX nor the runtime ever opens a
second file: a name inside a model is data, not a path.
"""

import io
import zipfile
import zlib
from collections.abc import Iterator

from onnx import GraphProto, ModelProto, NodeProto, TensorProto

from holdfast.archive import open_zip
from holdfast.errors import HoldfastError
from holdfast.runtimes.onnx_gate import parse
from holdfast.runtimes.onnx_tensor import byte_size

__all__ = ["inline_bundle"]

_MAX_BYTES = (2 << 30) - (1 << 20)  # a protobuf holds at most 2 GiB
_KEYS = frozenset({"location", "offset", "length", "checksum"})
_FILES = 2


def inline_bundle(data: bytes) -> bytes:
    """One self-contained model from a zip of `*.onnx` and the side file that it names.

    Raises:
        HoldfastError: `bad_archive`, `external_data`, `invalid_onnx` or `too_large`.
    """
    try:
        with open_zip(io.BytesIO(data)) as archive:
            model, side = _members(archive)
            return _inlined(archive.read(model), side.filename, archive.read(side))
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, zlib.error):
        raise HoldfastError("bad_archive", reason="a member is damaged") from None


def _members(archive: zipfile.ZipFile) -> tuple[zipfile.ZipInfo, zipfile.ZipInfo]:
    members = [member for member in archive.infolist() if not member.is_dir()]
    models = [member for member in members if member.filename.endswith(".onnx")]
    if len(members) != _FILES or len(models) != 1:
        raise HoldfastError("bad_archive", reason="it is not one .onnx file and its side file")
    if any(_is_odd(member) for member in members):
        raise HoldfastError("bad_archive", reason="it has folders, odd names or odd compression")
    if sum(member.file_size for member in members) > _MAX_BYTES:
        raise HoldfastError("too_large", what="The model", limit=_MAX_BYTES)
    return models[0], next(member for member in members if member is not models[0])


def _is_odd(member: zipfile.ZipInfo) -> bool:
    name = member.orig_filename
    plain = member.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    return any(mark in name for mark in "/\\\0") or not plain or bool(member.flag_bits & 1)


def _inlined(model_bytes: bytes, side_name: str, side: bytes) -> bytes:
    model, used = parse(model_bytes), 0
    for tensor in _tensors(model):
        if tensor.data_location != TensorProto.EXTERNAL:
            continue
        start, length = _place(tensor, side_name, len(side))
        used += length
        if used > _MAX_BYTES:  # many tensors may point at the same bytes
            raise HoldfastError("too_large", what="The model's weights", limit=_MAX_BYTES)
        tensor.raw_data = side[start : start + length]
        tensor.ClearField("external_data")
        tensor.data_location = TensorProto.DEFAULT
    return bytes(model.SerializeToString())


def _place(tensor: TensorProto, side_name: str, available: int) -> tuple[int, int]:
    """Where a tensor's bytes lie in the side file: inside it, as many as its shape needs."""
    entries = {entry.key: entry.value for entry in tensor.external_data}
    needed = byte_size(tensor)
    start = _whole(entries.get("offset", "0"))
    length = _whole(entries.get("length", str(needed)))
    good = (
        len(entries) == len(tensor.external_data)
        and entries.keys() <= _KEYS
        and entries.get("location") == side_name
        and length == needed
        and 0 <= start <= available - needed
    )
    if not good:
        raise HoldfastError("external_data")
    return start, needed


def _whole(text: str) -> int:
    digits = text.isascii() and text.isdigit() and len(text) < 16  # noqa: PLR2004 - a petabyte
    return int(text) if digits else -1


def _tensors(model: ModelProto) -> Iterator[TensorProto]:
    yield from _in_graph(model.graph)
    for function in model.functions:
        for node in function.node:
            yield from _in_node(node)


def _in_graph(graph: GraphProto) -> Iterator[TensorProto]:
    yield from graph.initializer
    for node in graph.node:
        yield from _in_node(node)


def _in_node(node: NodeProto) -> Iterator[TensorProto]:
    for attribute in node.attribute:
        if attribute.HasField("t"):
            yield attribute.t
        yield from attribute.tensors
        graphs = [*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs]
        for graph in graphs:
            yield from _in_graph(graph)
