"""Read an ONNX graph into plain data; nothing is run. The model has passed the gate."""

from collections.abc import Iterable, Sequence
from typing import Any

from onnx import AttributeProto, ModelProto, NodeProto, helper, numpy_helper

from holdfast.runtimes.image_graph import Array, ImageGraph, Op, UntoldError, folded

__all__ = ["image_graph"]

_MAX_OPS, _MAX_NODES = 2_000, 20_000
_CUT = 80
_SIZES_ONLY = ("Shape", "Size")
_DECISIONS = ("Softmax", "Sigmoid", "LogSoftmax", "ArgMax", "Hardmax")
_PASS_THROUGH = ("Identity", "Cast", "Reshape", "Flatten", "Squeeze")
_MAX_FOLDS = 6


def image_graph(model: ModelProto, image: str, output: str) -> ImageGraph:
    """What lies between the tensors `image` and `output`.

    Raises:
        UntoldError: it has control flow, functions, or more operators than are looked at.
    """
    graph = model.graph
    if model.functions:
        raise UntoldError("its operators are functions of the file's own")
    if len(graph.node) > _MAX_NODES:  # some exporters write thousands that work out sizes
        raise UntoldError(f"it has more than {_MAX_NODES} operators")
    if any(_has_body(node) for node in graph.node):
        raise UntoldError("it has control flow")
    makers = {name: node for node in graph.node for name in node.output if name}
    scores = _before_decision(makers, output)
    kept = _between(graph.node, image, scores)
    if not kept:
        raise UntoldError("its scores do not depend on the image")
    if len(kept) > _MAX_OPS:
        raise UntoldError(f"more than {_MAX_OPS} operators lie between the image and the scores")
    made = {image, *(name for node in kept for name in node.output)}
    stored = _Stored(model, makers)
    read = dict.fromkeys(name for node in kept for name in node.input if name)
    return ImageGraph(
        image=image,
        scores=scores,
        ops=tuple(_op(place, node) for place, node in enumerate(kept)),
        steady=tuple(name for name in read if name in makers and name not in made),
        stored=stored,
    )


def _has_body(node: NodeProto) -> bool:
    return any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute)


def _before_decision(makers: dict[str, NodeProto], output: str) -> str:
    """The last tensor before a softmax, sigmoid or argmax at the end, else the output itself."""
    name, found = output, output
    while name in makers:
        node = makers[name]
        if node.op_type in _DECISIONS:
            found = node.input[0]
        elif node.op_type not in _PASS_THROUGH:
            break
        name = node.input[0]
    return found


def _between(nodes: Sequence[NodeProto], image: str, scores: str) -> list[NodeProto]:
    """Nodes that depend on the pixels of `image` and that `scores` depends on, in order."""
    seen = {image}
    after = []
    for node in nodes:
        if node.op_type not in _SIZES_ONLY and seen.intersection(node.input):
            seen.update(node.output)
            after.append(node)
    needed, kept = {scores}, []
    for node in reversed(after):
        if needed.intersection(node.output):
            needed.update(node.input)
            kept.append(node)
    return kept[::-1]


class _Stored:
    """Looks up stored tensors, and folds the few operators that exporters put on them."""

    def __init__(self, model: ModelProto, makers: dict[str, NodeProto]) -> None:
        self._tensors = {tensor.name: tensor for tensor in model.graph.initializer}
        self._makers = makers

    def __call__(self, name: str) -> Array | None:
        return self._value(name, 0)

    def _value(self, name: str, depth: int) -> Array | None:
        if name in self._tensors:
            return numpy_helper.to_array(self._tensors[name])
        node = self._makers.get(name)
        if node is None or depth > _MAX_FOLDS:
            return None
        if node.op_type == "Constant":
            return _constant(node)
        inputs = [self._value(given, depth + 1) for given in node.input if given]
        whole = [value for value in inputs if value is not None]
        if not inputs or len(whole) < len(inputs):
            return None
        return folded(node.op_type, _attributes(node.attribute), whole)


def _constant(node: NodeProto) -> Array | None:
    for attribute in node.attribute:
        if attribute.name == "value":
            return numpy_helper.to_array(attribute.t)
    return None


def _op(place: int, node: NodeProto) -> Op:
    return Op(
        place=place,
        name=(node.name or (node.output[0] if node.output else node.op_type))[:_CUT],
        kind=node.op_type[:_CUT],
        inputs=tuple(node.input),
        outputs=tuple(node.output),
        attributes=_attributes(node.attribute),
    )


def _attributes(attributes: Iterable[AttributeProto]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for attribute in attributes:
        if attribute.type in _PLAIN:
            value = helper.get_attribute_value(attribute)
            found[attribute.name] = (
                value.decode(errors="replace") if isinstance(value, bytes) else value
            )
    return found


_PLAIN = (
    AttributeProto.INT,
    AttributeProto.INTS,
    AttributeProto.FLOAT,
    AttributeProto.FLOATS,
    AttributeProto.STRING,
)
