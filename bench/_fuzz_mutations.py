"""Mutations of files: of any bytes, and of the parts that a format's reader looks at."""

import io
import json
import random
import struct
import zipfile
from collections.abc import Callable
from typing import Any

import onnx
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from holdfast.runtimes.pt2_ops import is_allowed

__all__ = ["mutated"]

_NUMBERS = (0, 1, 2, 3, 7, 16, 127, 128, 255, 256, 65535, 65536, (1 << 31) - 1, 1 << 31, 1 << 32)
_LARGE = (-1, -2, (1 << 62), (1 << 63) - 1, -(1 << 63))
_TEXTS = ("", "x", "y", "a" * 300, "../../etc/passwd", "\u202e<script>", "NaN", "0", "\x00")
_LOCAL, _CENTRAL, _END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
# offset and size of the fields of each record of a zip (APPNOTE 4.3)
_FIELDS = {
    _LOCAL: ((4, 2), (6, 2), (8, 2), (14, 4), (18, 4), (22, 4), (26, 2), (28, 2)),
    _CENTRAL: (
        *((8, 2), (10, 2), (16, 4), (20, 4), (24, 4), (28, 2)),
        *((30, 2), (32, 2), (34, 2), (38, 4), (42, 4)),
    ),
    _END: ((4, 2), (8, 2), (10, 2), (12, 4), (16, 4), (20, 2)),
}
Change = Callable[[random.Random, bytes], bytes]


def mutated(rng: random.Random, kind: str, data: bytes, other: bytes) -> bytes:
    """`data` with one to three changes of its kind; `other` is a file to splice from."""
    changes = (*_ANY, *_OF_KIND[kind], *_OF_KIND[kind])  # what knows the format goes deeper
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        change = rng.choice(changes)
        try:
            data = change(rng, data) if change is not _spliced else _spliced(rng, data, other)
        except Exception:  # noqa: BLE001 - an earlier change broke what this one reads
            data = _flipped(rng, data)
    return data


# --- any bytes


def _place(rng: random.Random, data: bytes) -> int:
    return rng.randrange(len(data)) if data else 0


def _flipped(rng: random.Random, data: bytes) -> bytes:
    made = bytearray(data or b"\0")
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        made[rng.randrange(len(made))] ^= 1 << rng.randrange(8)
    return bytes(made)


def _overwritten(rng: random.Random, data: bytes) -> bytes:
    at = _place(rng, data)
    return data[:at] + rng.randbytes(rng.choice((1, 2, 4, 8, 64))) + data[at + 8 :]


def _cut(rng: random.Random, data: bytes) -> bytes:
    return data[: _place(rng, data)]


def _holed(rng: random.Random, data: bytes) -> bytes:
    at = _place(rng, data)
    return data[:at] + data[at + rng.choice((1, 2, 8, 100)) :]


def _repeated(rng: random.Random, data: bytes) -> bytes:
    at = _place(rng, data)
    return data[:at] + data[at : at + rng.choice((1, 8, 64, 1000))] * 2 + data[at:]


def _length_edited(rng: random.Random, data: bytes) -> bytes:
    """A number of 1 to 8 bytes somewhere, where it may be a length."""
    size = rng.choice((1, 2, 4, 8))
    at = _place(rng, data)
    number = rng.choice((*_NUMBERS, *_LARGE, len(data), len(data) - 1)) % (1 << 8 * size)
    return data[:at] + number.to_bytes(size, rng.choice(("little", "big"))) + data[at + size :]


def _spliced(rng: random.Random, data: bytes, other: bytes = b"") -> bytes:
    at, start = _place(rng, data), _place(rng, other)
    piece = other[start : start + rng.randrange(1, 512)]
    return data[:at] + piece + data[at + rng.choice((0, len(piece))) :]


_ANY: tuple[Any, ...] = (
    *(_flipped, _flipped, _overwritten, _cut, _holed, _repeated, _length_edited, _spliced),
)


# --- values, by their type


def _number(rng: random.Random) -> int:
    return rng.choice((*_NUMBERS, *_LARGE, rng.randrange(-8, 300)))


def _changed(rng: random.Random, value: Any) -> Any:  # noqa: ANN401 - a leaf of JSON
    if isinstance(value, bool) or value is None:
        return rng.choice((True, False, None, _number(rng)))
    if isinstance(value, int):
        return _number(rng)
    if isinstance(value, float):
        return rng.choice((0.0, 1e300, float(_number(rng)), -1e-9))
    choice = (value[: len(value) // 2], value + "x", *_TEXTS)
    return rng.choice((*choice, _number(rng)))


# --- protobuf


def _field_edited(rng: random.Random, data: bytes) -> bytes:
    """One to three fields of an ONNX file, anywhere in its tree."""
    model = onnx.load_from_string(data)
    for _ in range(rng.choice((1, 1, 2, 3))):
        message: Message = model
        while (inner := _inner(message)) and rng.random() < 0.85:  # noqa: PLR2004 - deep more often
            message = rng.choice(inner)
        _edit(rng, message)
    return bytes(model.SerializePartialToString())


def _inner(message: Message) -> list[Message]:
    found: list[Message] = []
    for field, value in message.ListFields():
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            found += list(value) if field.is_repeated else [value]
    return found


def _edit(rng: random.Random, message: Message) -> None:
    field = rng.choice(list(message.DESCRIPTOR.fields))
    value = getattr(message, field.name)
    if field.is_repeated:
        _edit_list(rng, field, value)
    elif field.type == FieldDescriptor.TYPE_MESSAGE or rng.random() < 0.2:  # noqa: PLR2004
        message.ClearField(field.name)
    else:
        setattr(message, field.name, _scalar(rng, field))


def _edit_list(rng: random.Random, field: FieldDescriptor, value: Any) -> None:  # noqa: ANN401
    act = rng.choice(("drop", "double", "set"))
    if act == "drop" and len(value):
        del value[rng.randrange(len(value))]
    elif field.type == FieldDescriptor.TYPE_MESSAGE:
        added = value.add()
        if len(value) > 1:
            added.CopyFrom(value[rng.randrange(len(value) - 1)])
    elif act == "set" and len(value):
        value[rng.randrange(len(value))] = _scalar(rng, field)
    else:
        value.append(_scalar(rng, field))


def _scalar(rng: random.Random, field: FieldDescriptor) -> Any:  # noqa: ANN401
    if field.name == "op_type":
        return rng.choice(_OPERATORS)
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        text = rng.choice((*_TEXTS, "w", "b", "flat", "conv"))
        return text.encode() if field.type == FieldDescriptor.TYPE_BYTES else text
    if field.cpp_type in (FieldDescriptor.CPPTYPE_FLOAT, FieldDescriptor.CPPTYPE_DOUBLE):
        return rng.choice((0.0, -1.0, 1e30, float("nan"), float("inf")))
    if field.cpp_type == FieldDescriptor.CPPTYPE_ENUM:
        return rng.randrange(16)
    number = _number(rng)
    small = field.cpp_type in (FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_UINT32)
    return number % (1 << 31) if small else number


_OPERATORS = sorted({schema.name for schema in onnx.defs.get_all_schemas()})


# --- JSON


def _leaves(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:  # noqa: ANN401 - JSON
    parts = tree.items() if isinstance(tree, dict) else enumerate(tree)
    found: list[tuple[Any, ...]] = []
    for key, value in parts:
        here = (*path, key)
        found += _leaves(value, here) if isinstance(value, (dict, list)) else [here]
    return found


def _json_edited(rng: random.Random, text: bytes) -> bytes:
    tree = json.loads(text)
    for _ in range(rng.choice((1, 1, 2, 3))):
        path = rng.choice(_leaves(tree))
        parent = tree
        for key in path[:-1]:
            parent = parent[key]
        if rng.random() < 0.15:  # noqa: PLR2004 - seldom
            del parent[path[-1]]
        elif path[-1] == "target":
            parent["target"] = rng.choice(_TARGETS)
        else:
            parent[path[-1]] = _changed(rng, parent[path[-1]])
    return json.dumps(tree).encode()


def _aten() -> list[str]:
    import torch  # noqa: PLC0415 - only for its list of operators

    names = torch._C._dispatch_get_all_op_names()  # noqa: SLF001 - there is no public list
    full = (name if "." in name else f"{name}.default" for name in names if "aten::" in name)
    targets = ("torch.ops." + name.replace("::", ".") for name in full)
    return sorted(target for target in targets if is_allowed(target))


_TARGETS = _aten()


def _header_edited(rng: random.Random, data: bytes) -> bytes:
    """The JSON in front of a safetensors file, its length kept true most of the time."""
    (size,) = struct.unpack("<Q", data[:8])
    text = _json_edited(rng, data[8 : 8 + size])
    said = len(text) if rng.random() < 0.9 else _number(rng) % (1 << 64)  # noqa: PLR2004 - mostly
    return struct.pack("<Q", said) + text + data[8 + size :]


# --- zip and npy


def _record_edited(rng: random.Random, data: bytes) -> bytes:
    """One field of a local header, of the directory or of the end record."""
    signature = rng.choice((_LOCAL, _CENTRAL, _CENTRAL, _END))
    places = [at for at in range(len(data)) if data.startswith(signature, at)]
    at = rng.choice(places)
    offset, size = rng.choice(_FIELDS[signature])
    number = rng.choice((*_NUMBERS, len(data), rng.getrandbits(32))) % (1 << 8 * size)
    made = bytearray(data)
    made[at + offset : at + offset + size] = number.to_bytes(size, "little")
    return bytes(made)


def _member_edited(rng: random.Random, data: bytes) -> bytes:
    """One member, its name or its bytes; the zip around it is whole again."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [
            (info.filename, archive.read(info), info.compress_type) for info in archive.infolist()
        ]
    chosen = rng.randrange(len(members))
    name, content, method = members[chosen]
    act = rng.random()
    if act < 0.1:  # noqa: PLR2004 - seldom
        members[chosen] = (rng.choice((*_TEXTS[1:], name.upper(), name + "/")), content, method)
    elif act < 0.2:  # noqa: PLR2004 - seldom
        del members[chosen]
    else:
        members[chosen] = (name, _inside(rng, name, content), method)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content, method in members:
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content, method)
    return file.getvalue()


def _inside(rng: random.Random, name: str, content: bytes) -> bytes:
    if name.endswith(".json") and rng.random() < 0.8:  # noqa: PLR2004 - mostly
        return _json_edited(rng, content)
    if name.endswith(".onnx") and rng.random() < 0.8:  # noqa: PLR2004 - mostly
        return _field_edited(rng, content)
    if name.endswith(".npy") and rng.random() < 0.8:  # noqa: PLR2004 - mostly
        return _npy_edited(rng, content)
    return bytes(rng.choice(_ANY[:-1])(rng, content))


def _npy_edited(rng: random.Random, content: bytes) -> bytes:
    """The magic, the version, the length or the text of an array's header."""
    act = rng.randrange(4)
    if act == 0:
        at = rng.randrange(10)
        return content[:at] + rng.randbytes(1) + content[at + 1 :]
    (size,) = struct.unpack("<H", content[8:10])
    text, body = content[10 : 10 + size].decode("latin-1"), content[10 + size :]
    old, new = rng.choice(
        (
            ("'|u1'", rng.choice(("'|O'", "'<f8'", "'|S9'", "'<i4'", "'>u2'", "'|V3'", "'<U1'"))),
            ("False", rng.choice(("True", "None", "1"))),
            ("(6,", rng.choice(("(-6,", "(0,", "(6.0,", "(1000000000000,", "((6,),", "(True,"))),
            ("16, 16", rng.choice(("1, 256", "16, -16", "0, 0", "16", "99999, 99999"))),
            ("{", rng.choice(("", "{{", "__import__('os'){", "[" * 500))),
        )
    )
    text = text.replace(old, new, 1)
    return content[:8] + struct.pack("<H", len(text) % 65536) + text.encode("latin-1") + body


_OF_KIND: dict[str, tuple[Change, ...]] = {
    "onnx": (_field_edited,) * 6,
    "bundle": (_member_edited,) * 4 + (_record_edited,) * 2,
    "torch_zip": (_member_edited,) * 6 + (_record_edited,) * 2,
    "safetensors": (_header_edited,) * 6,
    "zip": (_member_edited,) * 3 + (_record_edited,) * 4,
    "npz": (_member_edited,) * 5 + (_record_edited,) * 3,
}
