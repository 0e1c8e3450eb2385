"""Look into a running ONNX model: intermediate tensors, and the scores that follow from one.

Telescoping attribution (science reference, section 5.2) needs `h_i(x)`, the tensor at a cut, and
`F_i`, the part of the graph from there to the scores. Graphs are extended and cut in memory and run
by ONNX Runtime on the CPU, wherever the audit runs; the file is never changed.
"""

from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from typing import final

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from holdfast.errors import HoldfastError
from holdfast.records.model import ModelCard
from holdfast.runtimes.batching import Batched
from holdfast.runtimes.image_graph import Array, ImageGraph, UntoldError
from holdfast.runtimes.onnx_gate import parse
from holdfast.runtimes.onnx_graph import image_graph
from holdfast.runtimes.onnx_model import MAX_GRAPH_BYTES, OnnxModel, as_fed
from holdfast.runtimes.onnx_session import Session, session_of, weight_of
from holdfast.runtimes.protocol import ModelUnderTest
from holdfast.runtimes.terms import Terms

__all__ = ["Head", "Tail", "Taps", "taps_of"]

_SHARED_BYTES = 4096
_SHARED_TYPES = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.INT8, TensorProto.UINT8)


def taps_of(model: ModelUnderTest, on_run: Callable[[], None] = lambda: None) -> "Taps":
    """Open the graph of a model; `on_run` is called after every run of a part of it.

    Raises:
        UntoldError: it is no ONNX model, or one that is too large or too odd to be cut.
    """
    inner = model.inner if isinstance(model, Batched) else model
    if not isinstance(inner, OnnxModel):
        raise UntoldError("only ONNX graphs are analysed, not the format of this file")
    if inner.graph_bytes is None:
        raise UntoldError(f"the graph is larger than {MAX_GRAPH_BYTES >> 20} MiB")
    proto = parse(inner.graph_bytes)
    card = model.card
    stored = {tensor.name for tensor in proto.graph.initializer}
    image = next(value.name for value in proto.graph.input if value.name not in stored)
    return Taps(proto, image_graph(proto, image, card.output), card, on_run)


@final
class Taps:
    """A graph that may be cut anywhere. Batches have the size that the model takes.

    After `settle`, cuts and runs may be asked for from several threads at once.
    """

    def __init__(
        self, proto: ModelProto, graph: ImageGraph, card: ModelCard, on_run: Callable[[], None]
    ) -> None:
        """Use `taps_of`."""
        self._on_run = on_run
        self._proto = proto
        self.graph = graph
        self._card = card
        self._known: dict[str, Array] = {}
        self._weights = {tensor.name: tensor for tensor in proto.graph.initializer}
        self._shared = {
            name: weight_of(numpy_helper.to_array(tensor))
            for name, tensor in self._weights.items()
            if tensor.data_type in _SHARED_TYPES and len(tensor.raw_data) >= _SHARED_BYTES
        }
        self._weights |= {name: _elsewhere(self._weights[name]) for name in self._shared}
        self._kinds = {value.name: value for value in proto.graph.input}
        self._counting = Lock()
        self._image_ops = 0  # whole numbers: their sum does not depend on who is first

    @property
    def forwards(self) -> float:
        """Images that went through the model so far, parts of it counted as parts."""
        return self._image_ops / self._all_ops

    @property
    def _all_ops(self) -> int:
        return max(1, len(self.graph.ops))

    @property
    def card(self) -> ModelCard:
        """What the model is."""
        return self._card

    def settle(self, batch: NDArray[np.float32]) -> Mapping[str, Array]:
        """Run once and keep the tensors that depend on sizes only; batches stay of this size."""
        names = [name for name in self.graph.steady if self.graph.stored(name) is None]
        values = self.run(self._opened([*names, self.graph.scores]), batch) if names else []
        self._known = dict(zip(names, values, strict=False))
        return self._known

    def tensors(self, names: Sequence[str]) -> "Head":
        """A run from the image to these tensors."""
        return Head(self, self._opened(names))

    def tail(self, cut: str, like: Array) -> "Tail":
        """A run from the tensor `cut` to the scores; `like` tells its type and shape."""
        nodes = self._after(cut)
        kind = helper.np_dtype_to_tensor_dtype(like.dtype)
        given = helper.make_tensor_value_info(cut, kind, like.shape)
        return Tail(self, self._session(nodes, given, [self.graph.scores]), cut, len(nodes))

    def _opened(self, names: Sequence[str]) -> Session:
        proto = self._proto
        wanted, needed, nodes = list(dict.fromkeys(names)), set(names), []
        for node in reversed(proto.graph.node):
            if needed.intersection(node.output):
                needed.update(node.input)
                nodes.append(node)
        return self._session(nodes[::-1], self._kinds[self.graph.image], wanted)

    def _after(self, cut: str) -> list[NodeProto]:
        """The nodes from a cut to the scores, without what is known already."""
        needed, nodes = {self.graph.scores}, []
        for node in reversed(self._proto.graph.node):
            made = needed.intersection(node.output) - {cut} - set(self._known)
            if made:
                needed.update(node.input)
                nodes.append(node)
        return nodes[::-1]

    def _session(
        self, nodes: Sequence[NodeProto], given: ValueInfoProto, wanted: Sequence[str]
    ) -> Session:
        read = {name for node in nodes for name in node.input}
        made = {name for node in nodes for name in node.output}
        weights = [self._weights[name] for name in sorted(read & set(self._weights))]
        weights += [
            numpy_helper.from_array(self._known[name], name)
            for name in sorted(read & set(self._known) - made)
        ]
        outputs = [ValueInfoProto(name=name) for name in wanted]
        graph = helper.make_graph(list(nodes), "cut", [given], outputs, weights)
        model = helper.make_model(
            graph, opset_imports=self._proto.opset_import, ir_version=self._proto.ir_version
        )
        try:
            shared = {name: self._shared[name] for name in read & set(self._shared)}
            return session_of(model.SerializeToString(), Terms(), shared)
        except HoldfastError:
            raise UntoldError("a part of its graph does not load on its own") from None

    def run(self, session: Session, batch: NDArray[np.float32]) -> list[Array]:
        """What a session that takes the image gives."""
        dtype = np.dtype(self._card.inputs[0].dtype)
        fed = as_fed(batch, self._card.layout, dtype)
        return self.count(len(batch) * self._all_ops, ran(session, {self.graph.image: fed}))

    def count(self, image_ops: int, values: list[Array]) -> list[Array]:
        """Note that images went through so many operators, each counted once per image."""
        with self._counting:
            self._image_ops += image_ops
            self._on_run()
        return values


def _elsewhere(weight: TensorProto) -> TensorProto:
    """A weight that lies in memory beside the graph; its file's name is never looked up."""
    light = TensorProto(
        name=weight.name,
        dims=weight.dims,
        data_type=weight.data_type,
        data_location=TensorProto.EXTERNAL,
    )
    light.external_data.add(key="location", value="memory")
    return light


def ran(session: Session, feeds: Mapping[str, Array]) -> list[Array]:
    """What a session gives.

    Raises:
        UntoldError: it does not run, or gives something else than tensors.
    """
    try:
        values = session.run(None, dict(feeds))
    except Exception:  # noqa: BLE001 - the runtime raises many kinds
        raise UntoldError("a part of its graph does not run on its own") from None
    if not all(isinstance(value, np.ndarray) for value in values):
        raise UntoldError("its graph has values that are no tensors")
    return list(values)


@final
class Head:
    """From the image to some tensors."""

    def __init__(self, taps: Taps, session: Session) -> None:
        """Use `Taps.tensors`."""
        self._taps, self._session = taps, session

    def __call__(self, batch: NDArray[np.float32]) -> list[Array]:
        """The tensors of a normalised batch (n, c, h, w), n as in `settle`."""
        return self._taps.run(self._session, batch)


@final
class Tail:
    """From a tensor to the scores."""

    def __init__(self, taps: Taps, session: Session, cut: str, n_ops: int) -> None:
        """Use `Taps.tail`."""
        self._taps, self._session, self._cut, self._n_ops = taps, session, cut, n_ops

    def __call__(self, tensor: Array) -> Array:
        """The scores that follow from a tensor at the cut, its batch as in `settle`."""
        values = ran(self._session, {self._cut: tensor})
        return self._taps.count(len(tensor) * self._n_ops, values)[0]
