"""The operators that a .pt2 may call: a fixed list, so a newer torch allows nothing by itself.

Out are: files (`from_file`, `save`), output (`_print`), uninitialised memory (`empty*`), changing a
tensor's storage (`set_`, `resize_`), values that leave the graph (`_local_scalar_dense`), operators
of higher order, and every namespace but `aten`.
"""

import math
import operator
from collections.abc import Callable
from functools import cache
from typing import Any

import torch

__all__ = ["RANDOM", "Operator", "find", "is_allowed"]

Operator = Callable[..., Any]

# name: the overload `default`; name:a/b: these overloads.
_ATEN = """
_adaptive_avg_pool2d _adaptive_avg_pool3d _assert_async:msg _assert_scalar _assert_tensor_metadata
_fft_c2r _fft_r2c _log_softmax _native_batch_norm_legit:default/no_stats
_native_batch_norm_legit_no_training _safe_softmax _scaled_dot_product_attention_math _softmax
_to_copy _upsample_bicubic2d_aa:default/vec _upsample_bilinear2d_aa:vec _weight_norm abs absolute
acos acosh adaptive_avg_pool1d adaptive_avg_pool2d adaptive_max_pool1d adaptive_max_pool2d
add:Scalar/Tensor add_:Scalar/Tensor addbmm addcdiv addcmul addmm:default/dtype addmv
affine_grid_generator alias all:default/dim/dims alpha_dropout amax amin any:default/dim/dims
arange:default/start/start_step argmax argmin argsort as_strided asin asinh atan atan2 atanh
avg_pool1d avg_pool2d avg_pool3d baddbmm:default/dtype batch_norm bilinear
bitwise_and:Scalar/Tensor bitwise_left_shift:Tensor_Scalar bitwise_not bitwise_or:Scalar/Tensor
bitwise_right_shift:Tensor_Scalar bitwise_xor:Scalar/Tensor bmm broadcast_to cat ceil celu
channel_shuffle chunk clamp:Tensor/default clamp_:Tensor/default clamp_max:Tensor/default
clamp_max_ clamp_min:Tensor/default clamp_min_ clone col2im concat concatenate constant_pad_nd
contiguous conv1d:default/padding conv2d:default/padding conv3d:default/padding conv_transpose1d
conv_transpose2d:input conv_transpose3d:input convolution copy copy_:Tensor/default
copysign:Tensor cos cosh cosine_similarity count_nonzero:dim_IntList cross cumprod cumsum detach
detach_ diagonal diff div:Scalar/Scalar_mode/Tensor/Tensor_mode div_:Scalar/Tensor divide:Tensor
dot dropout dropout_ einsum elu elu_ embedding eq:Scalar/Tensor erf erf_ erfc erfinv exp exp_
expand expand_as expm1 feature_dropout fill:Scalar/Tensor fill_:Scalar/Tensor flatten:using_ints
flip fliplr flipud float_power:Tensor_Scalar floor floor_divide:Scalar/default fmod:Scalar/Tensor
frac full full_like gather ge:Scalar/Tensor gelu glu grid_sampler grid_sampler_2d group_norm
gt:Scalar/Tensor hardshrink hardsigmoid hardsigmoid_ hardswish hardswish_ hardtanh hardtanh_
heaviside hstack hypot im2col index:Tensor index_add index_put index_select instance_norm isfinite
isinf isnan layer_norm le:Scalar/Tensor leaky_relu leaky_relu_ lerp:Scalar/Tensor lift_fresh_copy
linalg_cross linalg_matmul linalg_norm linalg_vector_norm linear
linspace:Scalar_Tensor/Tensor_Scalar/Tensor_Tensor/default log log10 log1p log2 log_sigmoid
log_softmax:int logaddexp logcumsumexp logical_and logical_not logical_or logical_xor logit
logsumexp lt:Scalar/Tensor masked_fill:Scalar/Tensor masked_fill_:Scalar/Tensor masked_scatter
matmul max:default/dim/other max_pool1d max_pool2d max_pool2d_with_indices max_pool3d
max_pool3d_with_indices maximum mean:default/dim meshgrid:default/indexing min:default/dim/other
minimum mish mish_ mm moveaxis:int movedim:int/intlist mul:Scalar/Tensor mul_:Scalar/Tensor
multiply:Scalar/Tensor mv nan_to_num narrow:Tensor/default native_batch_norm
native_channel_shuffle native_dropout native_group_norm native_layer_norm ne:Scalar/Tensor neg
neg_ new_full new_ones new_zeros nonzero norm:Scalar/ScalarOpt_dim numel one_hot ones ones_like
outer pad permute pixel_shuffle pixel_unshuffle pow:Scalar/Tensor_Scalar/Tensor_Tensor pow_:Scalar
prelu prod:default/dim_int rand rand_like randn randperm ravel reciprocal reflection_pad1d
reflection_pad2d reflection_pad3d relu relu6 relu6_ relu_ remainder:Scalar/Tensor repeat
repeat_interleave:self_int replication_pad2d replication_pad3d reshape reshape_as rms_norm roll
rot90 round rrelu rsqrt rsub:Scalar/Tensor scalar_tensor scaled_dot_product_attention
scatter:src/value scatter_add scatter_reduce:two select:int select_scatter selu sigmoid sigmoid_
sign silu silu_ sin sinh slice:Tensor slice_scatter softmax:int softplus softshrink sort
split:Tensor/sizes split_with_sizes sqrt sqrt_ square squeeze:default/dim/dims squeeze_:dim stack
std:correction/default/dim std_mean:dim sub:Scalar/Tensor sub_:Scalar/Tensor subtract:Tensor
sum:default/dim_IntList swapaxes swapdims sym_constrain_range sym_constrain_range_for_size
sym_numel sym_size:int sym_storage_offset sym_stride:int t tan tanh tanh_
tensor_split:indices/sections threshold tile to:device/dtype topk transpose:int tril triu
true_divide:Tensor trunc type_as unbind:int unflatten:int unfold unsafe_chunk unsafe_split:Tensor
unsqueeze unsqueeze_ upsample_bicubic2d:default/vec upsample_bilinear2d:default/vec
upsample_nearest1d:vec upsample_nearest2d:default/vec var:correction/default/dim
var_mean:correction/dim view view_as vstack where:Scalar/ScalarOther/ScalarSelf/self xlogy:Tensor
zero_ zeros zeros_like
""".split()  # noqa: SIM905 - fifty lines instead of five hundred

_SYMBOLIC: dict[str, Operator] = {
    **{
        f"_operator.{name}": getattr(operator, name)
        for name in (
            *("add", "sub", "mul", "floordiv", "mod", "neg", "pow", "truediv", "and_", "or_"),
            *("eq", "ne", "lt", "le", "gt", "ge"),
        )
    },
    "math.ceil": math.ceil,
    "math.floor": math.floor,
    "math.trunc": math.trunc,
    "torch.sym_max": max,
    "torch.sym_min": min,
    "torch.sym_float": float,
    "torch.sym_int": int,
    "torch.sym_not": operator.not_,
}
"""Arithmetic on sizes, which are plain numbers when the graph runs."""

RANDOM = frozenset(
    f"torch.ops.aten.{name}.default"
    for name in ("rand", "randn", "randperm", "rand_like", "native_dropout", "alpha_dropout")
)
"""Allowed operators that draw random numbers."""


@cache
def _allowed() -> dict[str, tuple[str, str]]:
    """Full name -> (packet, overload)."""
    table: dict[str, tuple[str, str]] = {}
    for entry in _ATEN:
        name, _, overloads = entry.partition(":")
        for overload in (overloads or "default").split("/"):
            table[f"torch.ops.aten.{name}.{overload}"] = (name, overload)
    return table


def is_allowed(target: str) -> bool:
    """Whether a graph may call `target`."""
    return target in _SYMBOLIC or target in _allowed()


def find(target: str) -> Operator | None:
    """The operator of an allowed name; None when this torch does not have it.

    Only names of the list above are looked up, never text of a file.
    """
    if target in _SYMBOLIC:
        return _SYMBOLIC[target]
    name, overload = _allowed()[target]
    return getattr(getattr(torch.ops.aten, name, None), overload, None)
