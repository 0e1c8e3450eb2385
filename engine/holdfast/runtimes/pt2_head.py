"""What stands between the last feature map and the scores of an exported graph."""

from holdfast.records.model import Head, OutputKind
from holdfast.runtimes.pt2_graph import Graph, Ref, Step

__all__ = ["head_of", "output_kind_of"]

_POOLS = (
    *("adaptive_avg_pool2d", "_adaptive_avg_pool2d", "adaptive_max_pool2d"),
    *("avg_pool2d", "max_pool2d", "max_pool2d_with_indices"),
)
_REDUCTIONS = ("mean", "amax", "max")
_DENSE = ("linear", "addmm", "mm", "matmul", "bmm")
_FLATTENS = ("flatten", "view", "reshape", "_unsafe_view")
_CONVOLUTIONS = ("conv2d", "convolution")
_MAP_RANK = 4
_PASS_THROUGH = ("flatten", "view", "reshape", "squeeze", "unsqueeze", "alias", "clone", "detach")
_SOFTMAX = ("softmax", "_softmax")
_MAX_STEPS = 64


def head_of(graph: Graph, output: str) -> Head:
    """Walk back from `output` along first arguments until a global pool or a flattened map.

    What the walk does not recognise is `unknown`: a claim about a cause needs a measurement anyway.
    """
    makers = _makers(graph)
    dense = False
    for _ in range(_MAX_STEPS):
        step = makers.get(output)
        if step is None:
            break
        name, before = _name(step), _first(step)
        if _pools_all(graph, step, output):
            return Head.global_pool
        if before is None or name in _POOLS or _is_wide_convolution(graph, step):
            break
        if dense and name in _FLATTENS and not _is_one_place(graph, before):
            return Head.flatten if len(_shape(graph, before)) == _MAP_RANK else Head.unknown
        dense = dense or name in _DENSE
        output = before
    return Head.unknown


def output_kind_of(graph: Graph, output: str) -> OutputKind | None:
    """Probabilities when the last operator of substance is a softmax, else not known."""
    makers = _makers(graph)
    for _ in range(_MAX_STEPS):
        step = makers.get(output)
        if step is None:
            return None
        name = _name(step)
        if name in _SOFTMAX:
            return OutputKind.probabilities
        before = _first(step)
        if name not in _PASS_THROUGH or before is None:
            return None
        output = before
    return None


def _makers(graph: Graph) -> dict[str, Step]:
    return {name: step for step in graph.steps for name in step.outputs if isinstance(name, str)}


def _name(step: Step) -> str:
    """`mean` for `torch.ops.aten.mean.dim`."""
    parts = step.target.split(".")
    return parts[3] if len(parts) > 3 else step.target  # noqa: PLR2004 - torch.ops.aten.name


def _pools_all(graph: Graph, step: Step, output: str) -> bool:
    """A pool down to one value per channel: over both axes of a map, or over all tokens."""
    name = _name(step)
    if name in _POOLS:
        return _is_one_place(graph, output)
    return name in _REDUCTIONS and len(step.args) > 1 and isinstance(step.args[1], list)


def _is_wide_convolution(graph: Graph, step: Step) -> bool:
    """One whose kernel sees more than one place."""
    if _name(step) not in _CONVOLUTIONS:
        return False
    weight = step.args[1] if len(step.args) > 1 else None
    stored = graph.stored.get(weight.name) if isinstance(weight, Ref) else None
    return stored is None or tuple(stored.shape[2:]) != (1, 1)


def _is_one_place(graph: Graph, name: str) -> bool:
    """A map of 1 x 1 positions."""
    shape = _shape(graph, name)
    return len(shape) == _MAP_RANK and shape[2:] == (1, 1)


def _shape(graph: Graph, name: str) -> tuple[int | None, ...]:
    """The axes that the export wrote down; None for a free one, nothing when it is unreadable."""
    try:
        sizes = graph.tensor_values[name]["sizes"]
        return tuple(side.get("as_int") for side in sizes)
    except (LookupError, TypeError, AttributeError):
        return ()


def _first(step: Step) -> str | None:
    """The value that a step continues; addmm has its bias in front."""
    place = 1 if _name(step) == "addmm" else 0
    if place >= len(step.args) or not isinstance(step.args[place], Ref):
        return None
    reference: Ref = step.args[place]
    return reference.name
