"""One stored tensor of an ONNX file: does it hold what it says, and inside the file?"""

from onnx import TensorProto

from holdfast.errors import HoldfastError

__all__ = ["DTYPES", "byte_size", "check_tensor"]

_MAX_ELEMENTS = 1 << 31
_MAX_STRING_BYTES = 1 << 20

_BITS: dict[int, int] = {
    TensorProto.FLOAT: 32,
    TensorProto.UINT8: 8,
    TensorProto.INT8: 8,
    TensorProto.UINT16: 16,
    TensorProto.INT16: 16,
    TensorProto.INT32: 32,
    TensorProto.INT64: 64,
    TensorProto.BOOL: 8,
    TensorProto.FLOAT16: 16,
    TensorProto.DOUBLE: 64,
    TensorProto.UINT32: 32,
    TensorProto.UINT64: 64,
    TensorProto.BFLOAT16: 16,
    TensorProto.UINT4: 4,
    TensorProto.INT4: 4,
    TensorProto.FLOAT8E4M3FN: 8,
    TensorProto.FLOAT8E5M2: 8,
    TensorProto.FLOAT8E4M3FNUZ: 8,
    TensorProto.FLOAT8E5M2FNUZ: 8,
}
_FIELDS: dict[int, str] = {
    TensorProto.FLOAT: "float_data",
    TensorProto.DOUBLE: "double_data",
    TensorProto.INT64: "int64_data",
    TensorProto.UINT64: "uint64_data",
    TensorProto.UINT32: "uint64_data",
}
DTYPES: dict[int, str] = {
    TensorProto.FLOAT: "float32",
    TensorProto.FLOAT16: "float16",
    TensorProto.UINT8: "uint8",
    TensorProto.INT8: "int8",
    TensorProto.INT32: "int32",
    TensorProto.INT64: "int64",
    TensorProto.DOUBLE: "float64",
    TensorProto.BOOL: "bool",
    TensorProto.STRING: "string",
}


def check_tensor(tensor: TensorProto) -> int:
    """Compare the declared size with the bytes that are there.

    Returns:
        the number of elements.

    Raises:
        HoldfastError: `external_data`, `invalid_onnx` or `too_large`.
    """
    if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
        raise HoldfastError("external_data")
    if tensor.data_type == TensorProto.STRING:
        if sum(len(text) for text in tensor.string_data) > _MAX_STRING_BYTES:
            raise HoldfastError("too_large", what="A string tensor", limit=_MAX_STRING_BYTES)
        return len(tensor.string_data)
    size, count = byte_size(tensor), _elements(tensor)
    if tensor.raw_data:
        whole = len(tensor.raw_data) == size
    else:
        stored = len(getattr(tensor, _FIELDS.get(tensor.data_type, "int32_data")))
        whole = stored in (count, (count + 1) // 2)  # two 4-bit values share an entry
    if not whole:
        raise HoldfastError("invalid_onnx", reason="a tensor does not hold what its shape says")
    return count


def byte_size(tensor: TensorProto) -> int:
    """How many bytes the values of a tensor take, by its type and shape.

    Raises:
        HoldfastError: `invalid_onnx` or `too_large`.
    """
    if tensor.data_type not in _BITS:
        raise HoldfastError("invalid_onnx", reason=f"a tensor has data type {tensor.data_type}")
    return (_elements(tensor) * _BITS[tensor.data_type] + 7) // 8


def _elements(tensor: TensorProto) -> int:
    count = 1
    for side in tensor.dims:
        if side < 0:
            raise HoldfastError("invalid_onnx", reason="a tensor has a negative side")
        count *= side
        if count > _MAX_ELEMENTS:
            raise HoldfastError("too_large", what="A tensor", limit=_MAX_ELEMENTS)
    return count
