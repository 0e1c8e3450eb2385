"""What exporters write where a network has one layer is followed as that layer."""

import hashlib
from pathlib import Path

import numpy as np
from onnx import NodeProto

from auditing import plan_of, run
from holdfast.diagnose.cutting import cut_up
from holdfast.diagnose.evidence import look_at_graph
from holdfast.diagnose.places import Tokens
from holdfast.runtimes.onnx_taps import taps_of
from holdfast.runtimes.opening import Terms, open_model
from toy_probes import flat
from toys import model, node, tensor, value
from truth_images import natural

SIZE, SIDE, WIDTH, GROUPS = 16, 8, 4, 2
EXACT = 2e-5


def _unit(given: str, axis: str, wide: str, made: str) -> list[NodeProto]:
    """Every position gets the length 1, as `normalize` is written."""
    return [
        node("ReduceL2", [given, axis], f"{made}_length", keepdims=1),
        node("Clip", [f"{made}_length", "least"], f"{made}_safe"),
        node("Expand", [f"{made}_safe", wide], f"{made}_wide"),
        node("Div", [given, f"{made}_wide"], made),
    ]


def _net() -> bytes:
    """Patches, a norm of two groups of channels, lengths of 1 as a map and as tokens, a mean.

    Before the mean the images share their axis with two heads for a while.
    """
    draw = np.random.default_rng(3)
    weights = [
        tensor("patch", draw.normal(size=(WIDTH, 1, 2, 2))),
        tensor("by_group", [0, GROUPS, -1], "int64"),
        tensor("ones", [1.0] * GROUPS),
        tensor("zeros", [0.0] * GROUPS),
        tensor("as_map", [-1, WIDTH, SIDE, SIDE], "int64"),
        tensor("factor", draw.normal(size=(WIDTH, 1, 1))),
        tensor("channels", [1], "int64"),
        tensor("last", [-1], "int64"),
        tensor("least", 1e-6),
        tensor("map_wide", [1, WIDTH, SIDE, SIDE], "int64"),
        tensor("row_wide", [1, SIDE * SIDE, WIDTH], "int64"),
        tensor("by_head", [0, SIDE * SIDE, 2, WIDTH // 2], "int64"),
        tensor("crowd", [-1, SIDE * SIDE, WIDTH // 2], "int64"),
        tensor("heads_apart", [-1, 2, SIDE * SIDE, WIDTH // 2], "int64"),
        tensor("joined", [0, SIDE * SIDE, WIDTH], "int64"),
        tensor("as_row", [0, WIDTH, SIDE * SIDE], "int64"),
        tensor("fc", draw.normal(size=(WIDTH, 3))),
    ]
    nodes = [
        node("Conv", ["image", "patch"], "patches", strides=[2, 2]),
        node("Reshape", ["patches", "by_group"], "grouped"),
        node("InstanceNormalization", ["grouped", "ones", "zeros"], "normed"),
        node("Reshape", ["normed", "as_map"], "back"),
        node("Mul", ["back", "factor"], "scaled"),
        *_unit("scaled", "channels", "map_wide", "unit"),
        node("Relu", ["unit"], "active"),
        node("Reshape", ["active", "as_row"], "row"),
        node("Transpose", ["row"], "tokens", perm=[0, 2, 1]),
        *_unit("tokens", "last", "row_wide", "unit_tokens"),
        node("Reshape", ["unit_tokens", "by_head"], "heads"),
        node("Transpose", ["heads"], "heads_first", perm=[0, 2, 1, 3]),
        node("Reshape", ["heads_first", "crowd"], "crowded"),
        node("Relu", ["crowded"], "crowded_active"),
        node("Reshape", ["crowded_active", "heads_apart"], "heads_again"),
        node("Transpose", ["heads_again"], "heads_last", perm=[0, 2, 1, 3]),
        node("Reshape", ["heads_last", "joined"], "together"),
        node("ReduceMean", ["together", "channels"], "mean", keepdims=0),
        node("MatMul", ["mean", "fc"], "scores"),
    ]
    image = value("image", ["n", 1, SIZE, SIZE])
    return model(nodes, [image], [value("scores", ["n", 3])], weights)


def test_norms_of_groups_and_lengths_are_followed(tmp_path: Path) -> None:
    """All of it is exact under rolls by a patch: the mean and the length roll along."""
    probes = flat(tmp_path / "p.zip", natural(2, SIZE))
    causes = run(_net(), probes, plan_of(shifts_px=[[1, 0]])).result.causes
    assert causes is not None
    assert causes.label == "ALIASING"
    assert "unknown" not in {piece.kind for piece in causes.pieces}
    assert causes.period_drift is not None
    assert causes.pixel_drift is not None
    assert causes.period_drift <= EXACT < causes.pixel_drift
    assert causes.graph is not None
    assert (causes.graph.head, causes.graph.horizontal.stride_px) == ("tokens", 2)


def test_no_graph_is_cut_where_images_share_their_axis_with_heads() -> None:
    content = _net()
    taps = taps_of(open_model(content, hashlib.sha256(content).hexdigest(), Terms(threads=1)))
    walked = look_at_graph(taps, np.zeros((1, 1, SIZE, SIZE), np.float32))
    place = walked.places["crowded"]
    assert isinstance(place, Tokens)
    assert (place.crowded, place.rank, place.place) == (True, 3, 1)
    again = walked.places["heads_again"]
    assert isinstance(again, Tokens)
    assert (again.crowded, again.rank, again.place) == (False, 4, 2)
    tensors = {cut.tensor for cut in cut_up(walked)[0]}
    assert "heads_first" in tensors
    assert not tensors & {"crowded", "crowded_active"}
