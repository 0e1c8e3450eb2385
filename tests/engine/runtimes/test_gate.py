"""The gate refuses by code what would exhaust memory or time, before a session exists."""

from collections.abc import Callable

import pytest
from onnx import FunctionProto, ModelProto, NodeProto, TensorProto, helper

import toys
from holdfast.errors import HoldfastError
from holdfast.records.model import ModelCard
from holdfast.runtimes.onnx_model import card_of, open_onnx

IMAGE = toys.value("image", ["n", 3, 8, 8])
SCORES = toys.value("scores", ["n", 192])


def _changed(change: Callable[[ModelProto], object]) -> bytes:
    """A good model with one thing changed."""
    made = ModelProto.FromString(toys.linear())
    change(made)
    return bytes(made.SerializeToString())


def _with_weight(**fields: object) -> bytes:
    def change(made: ModelProto) -> None:
        weight = TensorProto(name="w2", **fields)  # type: ignore[arg-type]
        made.graph.initializer.append(weight)

    return _changed(change)


def _external(location: str) -> bytes:
    def change(made: ModelProto) -> None:
        weight = made.graph.initializer[0]
        weight.ClearField("raw_data")
        weight.data_location = TensorProto.EXTERNAL
        weight.external_data.add(key="location", value=location)

    return _changed(change)


def _with_functions(calls: dict[str, list[str]], entry: str) -> bytes:
    """Functions by name with the names of what each calls, one after the other."""
    opset = [helper.make_opsetid("", 20), helper.make_opsetid("own", 1)]

    def function(name: str, called: list[str]) -> FunctionProto:
        steps = [*("x" if not i else f"t{i}" for i in range(len(called))), "y"]
        nodes = [
            helper.make_node(
                inner, [steps[i]], [steps[i + 1]], domain="own" if inner in calls else ""
            )
            for i, inner in enumerate(called)
        ]
        return helper.make_function("own", name, ["x"], ["y"], nodes, opset)

    nodes = [
        helper.make_node(entry, ["image"], ["moved"], domain="own"),
        toys.node("Flatten", ["moved"], "scores"),
    ]
    graph = helper.make_graph(nodes, "g", [IMAGE], [SCORES])
    made = helper.make_model(
        graph,
        opset_imports=opset,
        ir_version=10,
        functions=[function(name, called) for name, called in calls.items()],
    )
    return bytes(made.SerializeToString())


def _nested(depth: int) -> bytes:
    """If inside If, `depth` deep."""
    inner = toys.node("Identity", ["image"], "y0")
    for level in range(1, depth + 1):
        output = toys.value(f"y{level - 1}", None)
        last = toys.node("Identity", ["image"], f"y{level - 1}")
        branches = [helper.make_graph([one], "b", [], [output]) for one in (inner, last)]
        inner = toys.node(
            "If", ["yes"], f"y{level}", then_branch=branches[0], else_branch=branches[1]
        )
    nodes = [inner, toys.node("Flatten", [f"y{depth}"], "scores")]
    return toys.model(nodes, [IMAGE], [SCORES], [toys.tensor("yes", [True], "bool")])


def _foreign(domain: str, kind: str) -> bytes:
    nodes: list[NodeProto] = [
        helper.make_node(kind, ["image"], ["x"], domain=domain),
        toys.node("Flatten", ["x"], "scores"),
    ]
    return toys.model(nodes, [IMAGE], [SCORES])


LAUGHS = {f"f{n}": [f"f{n - 1}"] * 2 for n in range(1, 26)} | {"f0": ["Relu", "Relu"]}
CHAIN = {f"f{n}": [f"f{n - 1}"] for n in range(1, 3000)} | {"f0": ["Relu"]}

REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "text": (lambda: b"hello\n" * 50, "invalid_onnx"),
    "a cut file": (lambda: toys.linear()[:-200], "invalid_onnx"),
    "a model without a graph": (lambda: _changed(lambda m: m.ClearField("graph")), "invalid_onnx"),
    "a graph without nodes": (
        lambda: _changed(lambda m: m.graph.ClearField("node")),
        "invalid_onnx",
    ),
    "a future format": (lambda: _changed(lambda m: setattr(m, "ir_version", 99)), "ir_version"),
    "a future opset": (lambda: toys.linear(opset=27), "opset"),
    "an ancient opset": (lambda: toys.linear(opset=6), "opset"),
    "no opset": (lambda: _changed(lambda m: m.ClearField("opset_import")), "opset"),
    "training information": (lambda: _changed(lambda m: m.training_info.add()), "onnx_unsupported"),
    "sparse weights": (
        lambda: _changed(lambda m: m.graph.sparse_initializer.add()),
        "onnx_unsupported",
    ),
    "a foreign operator": (lambda: _foreign("ai.onnx.contrib", "PyOp"), "op_not_allowed"),
    "a compiled part": (lambda: _foreign("com.microsoft", "EPContext"), "op_not_allowed"),
    "machine learning operators": (
        lambda: _foreign("ai.onnx.ml", "SVMClassifier"),
        "op_not_allowed",
    ),
    "weights in another file": (lambda: _external("weights.bin"), "external_data"),
    "weights in /etc": (lambda: _external("/etc/passwd"), "external_data"),
    "weights at an address": (lambda: _external("*/_ORT_MEM_ADDR_/*"), "external_data"),
    "a short weight": (
        lambda: _with_weight(data_type=1, dims=[3], raw_data=bytes(8)),
        "invalid_onnx",
    ),
    "a weight of 2^80": (lambda: _with_weight(data_type=1, dims=[1 << 40, 1 << 40]), "too_large"),
    "a weight with a negative side": (lambda: _with_weight(data_type=1, dims=[-1]), "invalid_onnx"),
    "an unknown data type": (lambda: _with_weight(data_type=77, dims=[1]), "invalid_onnx"),
    "much text": (
        lambda: _with_weight(data_type=8, dims=[1], string_data=[bytes(2 << 20)]),
        "too_large",
    ),
    "a function that calls itself": (
        lambda: _with_functions({"f": ["f"]}, "f"),
        "recursive_function",
    ),
    "two functions in a ring": (
        lambda: _with_functions({"f": ["g"], "g": ["f"]}, "f"),
        "recursive_function",
    ),
    "a billion laughs": (lambda: _with_functions(LAUGHS, "f25"), "too_large"),
    "a chain of 3000 functions": (lambda: _with_functions(CHAIN, "f2999"), "too_deep"),
    "30 nested branches": (lambda: _nested(30), "too_deep"),
    "too many nodes": (
        lambda: _changed(lambda m: m.graph.node.extend([NodeProto(op_type="Relu")] * 50_001)),
        "too_large",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_the_gate_refuses(what: str) -> None:
    make, code = REFUSED[what]
    with pytest.raises(HoldfastError) as raised:
        card_of(make(), "0")
    assert raised.value.code == code


@pytest.mark.parametrize("depth", [1, 15])
def test_reasonable_nesting_passes_and_runs(depth: int) -> None:
    n_nodes = open_onnx(_nested(depth), "0", 1).card.n_nodes
    assert n_nodes is not None
    assert n_nodes >= depth


def test_functions_are_counted_once_per_call() -> None:
    card = card_of(_with_functions({"f": ["g", "g"], "g": ["Relu"]}, "f"), "0")
    assert isinstance(card, ModelCard)


def test_an_operator_that_its_opset_lacks_is_named_so_when_loading() -> None:
    data = toys.model([toys.node("Nonsense", ["image"], "scores")], [IMAGE], [SCORES])
    with pytest.raises(HoldfastError) as raised:
        open_onnx(data, "0", 1)
    assert raised.value.code == "op_unknown"


def test_a_graph_that_does_not_fit_together_does_not_load() -> None:
    data = toys.model([toys.node("Relu", ["nowhere"], "scores")], [IMAGE], [SCORES])
    with pytest.raises(HoldfastError) as raised:
        open_onnx(data, "0", 1)
    assert raised.value.code == "load_failed"


def test_no_message_of_a_library_reaches_the_user() -> None:
    for make, _ in REFUSED.values():
        with pytest.raises(HoldfastError) as raised:
            card_of(make(), "0")
        said = raised.value.sentence + raised.value.hint
        assert "protobuf" not in said.lower()
        assert "/" not in said.replace("m.onnx", "")
        assert raised.value.__cause__ is None


def test_far_too_many_nodes_are_refused_before_anybody_walks_over_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Five million empty nodes fit into ten megabytes; one look at each takes seconds."""

    def walked(_: ModelProto) -> None:
        pytest.fail("somebody walked over the nodes")

    monkeypatch.setattr("holdfast.runtimes.onnx_model.plain_tail", walked)
    data = _changed(lambda made: made.graph.node.extend([NodeProto()] * 50_001))
    with pytest.raises(HoldfastError) as raised:
        card_of(data, "0")
    assert raised.value.code == "too_large"
