"""Graphs of many kinds: cut or refused with a reason, never guessed."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import load_from_string

import toys
import truth_nets
from auditing import plan_of, run
from holdfast.diagnose.cutting import cut_up
from holdfast.diagnose.graph_facts import graph_facts
from holdfast.diagnose.rules import walk_graph
from holdfast.diagnose.walking import Walked
from holdfast.records.causes import GraphFacts, PieceKind
from holdfast.records.model import Layout
from holdfast.runtimes.image_graph import UntoldError
from holdfast.runtimes.onnx_graph import image_graph
from holdfast.runtimes.onnx_model import open_onnx
from holdfast.runtimes.onnx_taps import taps_of
from toy_probes import flat, noise
from toys import model, node, tensor, value
from truth_images import natural


def _walked(file: bytes, size: int, layout: Layout = Layout.nchw) -> Walked:
    graph = image_graph(load_from_string(file), "image", "scores")
    return walk_graph(graph, {}, layout, (size, size))


def _facts(file: bytes, size: int, layout: Layout = Layout.nchw) -> GraphFacts:
    found = graph_facts(_walked(file, size, layout))
    assert found is not None
    return found


def _codes(facts: GraphFacts) -> set[str]:
    return {str(note.code) for note in facts.notes}


def _net(nodes: list[Any], weights: list[Any], size: int = 16, classes: int = 3) -> bytes:
    """A trunk that leaves four channels in `map`, pooled into scores."""
    head = [
        node("GlobalAveragePool", ["map"], "pooled"),
        node("Flatten", ["pooled"], "row"),
        node("MatMul", ["row", "fc"], "scores"),
    ]
    fc = tensor("fc", np.random.default_rng(0).normal(size=(4, classes)))
    image, scores = value("image", ["n", 1, size, size]), value("scores", ["n", classes])
    return model([*nodes, *head], [image], [scores], [*weights, fc])


def _kernel(name: str, out: int, taken: int, side: int) -> Any:
    return tensor(name, np.random.default_rng(1).normal(size=(out, taken, side, side)))


def test_branches_with_other_strides_and_centres_are_noted() -> None:
    kernels = [_kernel("a", 4, 1, 3), _kernel("b", 4, 1, 2)]
    skewed = _net(
        [
            node("Conv", ["image", "a"], "one", strides=[2, 2], pads=[1, 1, 0, 0]),
            node("Conv", ["image", "b"], "other", strides=[2, 2]),
            node("Add", ["one", "other"], "map"),
        ],
        kernels,
    )
    assert "SKEW" in _codes(_facts(skewed, 16))
    same = _net(
        [
            node("Conv", ["image", "b"], "one", strides=[2, 2]),
            node("Conv", ["image", "b"], "other", strides=[2, 2]),
            node("Add", ["one", "other"], "map"),
        ],
        kernels[1:],
    )
    assert "SKEW" not in _codes(_facts(same, 16))


@pytest.mark.parametrize(("size", "uneven"), [(32, True), (33, False)])
def test_gt12_the_padding_is_uneven_on_an_even_size_only(size: int, *, uneven: bool) -> None:
    facts = _facts(truth_nets.c4_net(2, size), size)
    assert ("UNEVEN_PADDING" in _codes(facts)) == uneven
    assert facts.padding_modes == ("constant",)


def test_automatic_padding_and_channels_last_are_read_alike() -> None:
    kernel = _kernel("k", 4, 1, 3)
    same = _net(
        [node("Conv", ["image", "k"], "map", strides=[2, 2], auto_pad="SAME_UPPER")], [kernel]
    )
    facts = _facts(same, 16)
    assert facts.horizontal.map_size == 8
    assert "UNEVEN_PADDING" in _codes(facts)  # (0, 1) at stride 2: u = 0 and still skewed
    last = _net(
        [
            node("Transpose", ["image"], "turned", perm=[0, 3, 1, 2]),
            node("Conv", ["turned", "k"], "map", strides=[2, 2], auto_pad="SAME_UPPER"),
        ],
        [kernel],
    )
    assert _facts(last, 16, Layout.nhwc).horizontal == facts.horizontal


def test_squeeze_and_excite_keeps_the_map_and_tokens_keep_their_grid() -> None:
    kernel = _kernel("k", 4, 1, 1)
    gated = _net(
        [
            node("Conv", ["image", "k"], "c"),
            node("GlobalAveragePool", ["c"], "g"),
            node("Sigmoid", ["g"], "s"),
            node("Mul", ["c", "s"], "map"),
        ],
        [kernel],
    )
    assert _facts(gated, 16).head == "global_pool"
    weights = [
        _kernel("patch", 4, 1, 4),
        tensor("rows", [0, 4, 16], "int64"),
        tensor("places", np.random.default_rng(3).normal(size=(1, 16, 4))),
        tensor("fc", np.ones((4, 3))),
        tensor("one", [1], "int64"),
    ]
    nodes = [
        node("Conv", ["image", "patch"], "patches", strides=[4, 4]),
        node("Reshape", ["patches", "rows"], "list"),
        node("Transpose", ["list"], "tokens", perm=[0, 2, 1]),
        node("Add", ["tokens", "places"], "placed"),
        node("ReduceMean", ["placed", "one"], "mean", keepdims=0),
        node("MatMul", ["mean", "fc"], "scores"),
    ]
    image, scores = value("image", ["n", 1, 16, 16]), value("scores", ["n", 3])
    facts = _facts(model(nodes, [image], [scores], weights), 16)
    assert facts.head == "tokens"
    assert facts.horizontal.stride_px == 4
    assert "POS_CONST" in _codes(facts)
    assert facts.strided[0].stop_band_share is not None


def test_what_is_not_recognised_is_unknown_and_never_cut() -> None:
    walked = _walked(truth_nets.orbit_of_turns(averaged=True), 16)
    cuts, sections = cut_up(walked)
    assert [cut.tensor for cut in cuts] == ["image", "flat", "scores"]
    assert sections[-1].kind(whole_period=True) is PieceKind.unknown


def test_a_long_graph_is_cut_into_few_pieces_that_keep_what_samples() -> None:
    nodes, name = [], "image"
    for step in range(60):
        nodes.append(node("Relu", [name], f"r{step}"))
        name = f"r{step}"
    nodes.append(node("Conv", [name, "k"], "map", strides=[2, 2]))
    _, sections = cut_up(_walked(_net(nodes, [_kernel("k", 4, 1, 2)]), 16), most=10)
    assert len(sections) == 10
    assert sum(len(section.seats) for section in sections) == 64
    (sampling,) = [each for each in sections if each.kind(whole_period=False) is PieceKind.sampling]
    beside = {seat.role for seat in sampling.seats if max(seat.stride) == 1}
    assert beside == {PieceKind.exact}, "what can go wrong otherwise stays apart"


def _opened(file: bytes) -> Any:
    return open_onnx(file, hashlib.sha256(file).hexdigest(), 1)


def test_a_tail_gives_the_scores_that_follow_from_a_tensor() -> None:
    opened = _opened(toys.circular_net(2))
    taps = taps_of(opened)
    images = (natural(3, 16)[:, None] / 255).astype(np.float32)
    taps.settle(images)
    middle, scores = taps.tensors(["r1", "scores"])(images)
    assert np.allclose(taps.tail("r1", middle)(middle), scores, atol=1e-6)
    assert not np.allclose(taps.tail("r1", middle)(2 * middle), scores, atol=1e-3)
    assert np.allclose(scores, opened(images), atol=1e-6)


def test_control_flow_is_not_cut() -> None:
    with pytest.raises(UntoldError, match="control flow"):
        taps_of(_opened(toys.endless_loop()))


def test_the_plan_turns_it_off_and_a_finding_names_the_cause(tmp_path: Path) -> None:
    probes = flat(tmp_path / "p.zip", noise(4, 32, 32, seed=1))
    off = run(toys.band_of_column(), probes, plan_of(shifts_px=[[4, 0]], causes=False)).result
    assert off.causes is not None
    assert off.causes.label is None
    assert "causes: false" in off.causes.sentence
    assert not [each for each in off.findings if each.id.startswith("cause.")]
    on = run(toys.band_of_column(), probes, plan_of(shifts_px=[[4, 0]])).result
    (named,) = [each for each in on.findings if each.id.startswith("cause.")]
    assert named.id == "cause.head"
    assert "global average pooling" in named.hint


def _chain(strides: list[int], sides: list[int], size: int, *, circular: bool) -> bytes:
    """Convolutions with kernels of ones, padded by half a kernel."""
    nodes, weights, name = [], [], "image"
    for step, (stride, side) in enumerate(zip(strides, sides, strict=False)):
        pads = [side // 2] * 4
        if circular:
            weights.append(tensor(f"p{step}", [0, 0, *pads[:2], 0, 0, *pads[:2]], "int64"))
            nodes.append(node("Pad", [name, f"p{step}"], f"w{step}", mode="wrap"))
            name, pads = f"w{step}", [0] * 4
        out = "map" if step == len(strides) - 1 else f"c{step}"
        weights.append(tensor(f"k{step}", np.ones((4 if out == "map" else 1, 1, side, side))))
        nodes.append(node("Conv", [name, f"k{step}"], out, strides=[stride] * 2, pads=pads))
        name = out
    return _net(nodes, weights, size)


@settings(max_examples=12, deadline=None)
@given(
    strides=st.lists(st.sampled_from([1, 2, 3]), min_size=1, max_size=3),
    sides=st.lists(st.sampled_from([1, 3, 5]), min_size=3, max_size=3),
    circular=st.booleans(),
)
def test_stride_field_and_padding_are_those_that_the_runtime_shows(
    strides: list[int], sides: list[int], *, circular: bool
) -> None:
    """Generated trunks: rolls show the stride, an impulse the field, mirrors uneven padding."""
    total = int(np.prod(strides))
    size = total * max(2, -(-64 // total))
    file = _chain(strides, sides, size, circular=circular)
    facts = _facts(file, size)
    trunk = taps_of(_opened(file)).tensors(["map"])
    image = np.random.default_rng(5).random((1, 1, size, size), np.float32)
    once = trunk(image)[0]
    assert facts.horizontal.stride_px == total
    assert once.shape[3] == facts.horizontal.map_size
    if circular:
        after = trunk(np.roll(image, total, 3))[0]
        assert np.allclose(np.roll(once, 1, 3), after, rtol=1e-4)
    else:
        mirrored = np.allclose(trunk(image[..., ::-1])[0][..., ::-1], once, rtol=1e-4)
        # a window of one pixel meets no padding, yet its samples lie askew
        askew = any(stride > 1 and side == 1 for stride, side in zip(strides, sides, strict=False))
        assert mirrored == ("UNEVEN_PADDING" not in _codes(facts) and not askew)
    spot = np.zeros_like(image)
    spot[..., 0] = 1
    middle = facts.horizontal.map_size // 2
    seen = [d for d in range(size) if trunk(np.roll(spot, d, 3))[0][0, 0, 0, middle] > 0]
    assert seen[-1] - seen[0] + 1 == facts.horizontal.receptive_field_px
