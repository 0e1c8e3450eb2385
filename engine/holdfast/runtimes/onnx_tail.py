"""The tail that classical-ML exporters add: a table of names and scores, and a looked-up label.

Their operators (`ai.onnx.ml`) stay out of the runtime. A ZipMap only joins names to scores that
are there already, so it is replaced by its input; an output that such an operator alone makes is
left out when scores remain.
"""

from dataclasses import dataclass

from onnx import GraphProto, ModelProto, NodeProto, TensorProto

from holdfast.runtimes.class_names import tidy

__all__ = ["Tail", "plain_tail"]

_DOMAIN = "ai.onnx.ml"


@dataclass(frozen=True)
class Tail:
    """What was changed: nothing in most files.

    Attributes:
        class_names: names that a ZipMap gave its scores, when they are not just 0, 1, 2, ….
        notes: one sentence per change.
    """

    class_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def plain_tail(model: ModelProto) -> Tail:
    """Replace ZipMaps at the outputs and leave out looked-up labels; changes `model` in place."""
    graph = model.graph
    makers = {name: node for node in graph.node for name in node.output}
    ends = {output.name: makers.get(output.name) for output in graph.output}
    maps = {name: node for name, node in ends.items() if _is(node, "ZipMap")}
    names: tuple[str, ...] = ()
    for name, node in maps.items():
        names = names or _names(node)
        _as_floats(graph, name, _length(node))
        _as_identity(node)
    looked_up = [name for name, node in ends.items() if name not in maps and _is(node)]
    if len(looked_up) == len(ends):
        return Tail(names)  # the gate says which operator is in the way
    for name in looked_up:
        _leave_out(graph, name)
    notes = [f"{name[:80]}: the scores of its table are read" for name in maps]
    notes += [f"{name[:80]}: left out, its operator is not run here" for name in looked_up]
    return Tail(names, tuple(notes))


def _is(node: NodeProto | None, kind: str | None = None) -> bool:
    return node is not None and node.domain == _DOMAIN and kind in (None, node.op_type)


def _names(node: NodeProto | None) -> tuple[str, ...]:
    for attribute in node.attribute if node is not None else ():
        if attribute.name == "classlabels_strings":
            return tidy(text.decode("utf-8", "replace") for text in attribute.strings)
        if attribute.name == "classlabels_int64s":
            numbers = list(attribute.ints)
            return () if numbers == list(range(len(numbers))) else tidy(map(str, numbers))
    return ()


def _as_identity(node: NodeProto | None) -> None:
    if node is not None:
        node.op_type, node.domain = "Identity", ""
        del node.attribute[:]


def _length(node: NodeProto | None) -> int:
    """How many names a ZipMap has."""
    attributes = node.attribute if node is not None else ()
    return sum(len(attribute.strings) + len(attribute.ints) for attribute in attributes)


def _as_floats(graph: GraphProto, name: str, length: int) -> None:
    for output in graph.output:
        if output.name == name:
            output.type.Clear()
            output.type.tensor_type.elem_type = TensorProto.FLOAT
            output.type.tensor_type.shape.dim.add()
            output.type.tensor_type.shape.dim.add(dim_value=length)


def _leave_out(graph: GraphProto, name: str) -> None:
    """Remove an output and its maker, where nobody else reads what that makes."""
    kept = [output for output in graph.output if output.name != name]
    del graph.output[:]
    graph.output.extend(kept)
    read = {taken for node in graph.node for taken in node.input}
    nodes = [node for node in graph.node if name not in node.output or read & set(node.output)]
    if len(nodes) < len(graph.node):
        del graph.node[:]
        graph.node.extend(nodes)
