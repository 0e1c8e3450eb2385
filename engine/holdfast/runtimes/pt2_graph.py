"""The graph of a .pt2: JSON in, a checked list of steps out.

After `parse_graph` every operator is an allowed one, every name is defined before it is used and
every argument is a plain value or a reference, so the interpreter has nothing left to doubt.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from holdfast.errors import HoldfastError
from holdfast.runtimes.pt2_archive import DTYPES, Pt2Archive
from holdfast.runtimes.pt2_ops import Operator, find, is_allowed

__all__ = ["Graph", "Ref", "Step", "parse_graph"]

_MAX_STEPS = 200_000
_SHOWN = 4
_MAX_NAME = 1024
_MEMORY_FORMATS = {
    1: torch.contiguous_format,
    2: torch.channels_last,
    3: torch.channels_last_3d,
    4: torch.preserve_format,
}
_STRIDED = 7
_PLAIN = {
    "as_int": int,
    "as_float": (int, float),
    "as_bool": bool,
    "as_string": str,
}
_PLAIN_LISTS = {"as_ints": int, "as_floats": (int, float), "as_bools": bool}
_SYMBOLS = ("as_sym_int", "as_sym_bool", "as_sym_float")
_SYMBOL_LISTS = ("as_sym_ints", "as_sym_bools", "as_sym_floats")


@dataclass(frozen=True)
class Ref:
    """A value that the graph computes or is given."""

    name: str


@dataclass(frozen=True)
class Step:
    """One call. `args` hold plain values, `Ref`s and lists of both; `outputs` are names.

    `last_use` are the names that no later step needs. An output that is a tuple of names is a list
    of tensors; None is dropped.
    """

    target: str
    operator: Operator
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    outputs: tuple[str | tuple[str, ...] | None, ...]
    last_use: tuple[str, ...] = ()


@dataclass(frozen=True)
class Graph:
    """What the interpreter runs; `tensor_values` and `ranges` are JSON for the card only."""

    steps: tuple[Step, ...]
    stored: dict[str, torch.Tensor]
    parameters: frozenset[str]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    tensor_values: dict[str, Any]
    ranges: dict[str, Any]


def parse_graph(archive: Pt2Archive) -> Graph:
    """The graph of the archive's model.

    Raises:
        HoldfastError: `op_not_allowed`, `pt2_unsupported`, `bad_archive` or `too_large`.
    """
    try:
        module = archive.document["graph_module"]
        graph, signature = module["graph"], module["signature"]
        stored, inputs = _inputs(signature["input_specs"], archive.tensors)
        outputs = tuple(_outputs(signature["output_specs"]))
        steps = _steps(graph["nodes"])
        _check_names(steps, {*stored, *inputs}, outputs)
        values, ranges = dict(graph["tensor_values"]), dict(archive.document["range_constraints"])
        parameters = frozenset(
            _name(spec["arg"]["name"])
            for kind, spec in map(_only, signature["input_specs"])
            if kind == "parameter"
        )
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError):
        raise HoldfastError("bad_archive", reason="its graph cannot be read") from None
    return Graph(
        steps=_with_last_use(steps, {*stored, *outputs}),
        stored=stored,
        parameters=parameters,
        inputs=inputs,
        outputs=outputs,
        tensor_values=values,
        ranges=ranges,
    )


def _only(union: dict[str, Any]) -> tuple[str, Any]:
    """A tagged value of the schema: an object with one key."""
    ((kind, value),) = union.items()
    return kind, value


def _name(value: Any) -> str:  # noqa: ANN401 - JSON
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_NAME:
        raise TypeError
    return value


# The interpreter is given a copy of its input, and buffers that change are its own.
_MUTATIONS = ("buffer_mutation", "user_input_mutation")
_STORED = {
    "parameter": "parameter_name",
    "buffer": "buffer_name",
    "tensor_constant": "tensor_constant_name",
}


def _inputs(
    specs: list[Any], tensors: dict[str, torch.Tensor]
) -> tuple[dict[str, torch.Tensor], tuple[str, ...]]:
    """The stored tensors by their name in the graph, and the names of what the user gives."""
    stored: dict[str, torch.Tensor] = {}
    given: list[str] = []
    for kind, spec in map(_only, specs):
        if kind in _STORED:
            stored[_name(spec["arg"]["name"])] = tensors[spec[_STORED[kind]]]
        elif kind == "user_input" and "as_tensor" in spec["arg"]:
            given.append(_name(spec["arg"]["as_tensor"]["name"]))
        elif kind == "user_input":
            raise HoldfastError("unsupported_input", reason="one of its inputs is no tensor")
        elif kind != "constant_input":
            raise HoldfastError("pt2_unsupported", what=f"an input of the kind {kind[:40]}")
    return stored, tuple(given)


def _outputs(specs: list[Any]) -> Iterator[str]:
    for kind, spec in map(_only, specs):
        if kind == "user_output" and "as_tensor" in spec["arg"]:
            yield _name(spec["arg"]["as_tensor"]["name"])
        elif kind not in ("user_output", *_MUTATIONS):
            raise HoldfastError("pt2_unsupported", what=f"an output of the kind {kind[:40]}")


def _steps(nodes: list[Any]) -> tuple[Step, ...]:
    if len(nodes) > _MAX_STEPS:
        raise HoldfastError("too_large", what="The number of operators", limit=_MAX_STEPS)
    refused = sorted({str(node["target"])[:60] for node in nodes if not _is_known(node)})
    if refused:
        raise HoldfastError("op_not_allowed", op=", ".join(refused[:_SHOWN]))
    return tuple(map(_step, nodes))


def _is_known(node: dict[str, Any]) -> bool:
    target = node["target"]
    return isinstance(target, str) and is_allowed(target)


def _step(node: dict[str, Any]) -> Step:
    target = node["target"]
    operator = find(target)
    if operator is None:
        raise HoldfastError("op_not_allowed", op=target)
    given = [(entry["name"], _value(entry["arg"])) for entry in node["inputs"]]
    args, kwargs = _call(operator, given)
    return Step(target, operator, args, kwargs, tuple(map(_output, node["outputs"])))


def _call(
    operator: Operator, given: list[tuple[str, Any]]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Positional and keyword arguments as the operator's schema names them."""
    schema = getattr(operator, "_schema", None)
    if schema is None:  # arithmetic on sizes: positions only
        return tuple(value for _, value in given), {}
    named = dict(given)
    if len(named) != len(given) or not named.keys() <= {arg.name for arg in schema.arguments}:
        raise HoldfastError("bad_archive", reason=f"{schema.name} has other arguments")
    args = []
    for argument in schema.arguments:
        if argument.kwarg_only or argument.name not in named:
            break
        args.append(named.pop(argument.name))
    return tuple(args), named


def _value(union: dict[str, Any]) -> Any:  # noqa: ANN401 - whatever an operator takes
    kind, value = _only(union)
    if kind == "as_none":
        return None
    if kind in _PLAIN:
        return _plain(value, _PLAIN[kind])
    if kind in _PLAIN_LISTS:
        return [_plain(item, _PLAIN_LISTS[kind]) for item in value]
    if kind in _SYMBOLS:
        return _symbol(value)
    if kind in _SYMBOL_LISTS:
        return [_symbol(item) for item in value]
    return _tensor_value(kind, value)


def _tensor_value(kind: str, value: Any) -> Any:  # noqa: ANN401 - as above
    if kind == "as_tensor":
        return Ref(_name(value["name"]))
    if kind == "as_tensors":
        return [Ref(_name(item["name"])) for item in value]
    if kind == "as_optional_tensor":
        return _optional(value)
    if kind == "as_optional_tensors":
        return [_optional(item) for item in value]
    return _constant(kind, value)


def _constant(kind: str, value: Any) -> Any:  # noqa: ANN401 - as above
    if kind == "as_scalar_type":
        return DTYPES[value]
    if kind == "as_memory_format":
        return _MEMORY_FORMATS[value]
    if kind == "as_layout" and value == _STRIDED:
        return torch.strided
    if kind == "as_device":  # wherever it was exported: it runs here
        return torch.device("cpu")
    raise HoldfastError("pt2_unsupported", what=f"an argument of the kind {kind[:40]}")


def _plain(value: Any, kinds: Any) -> Any:  # noqa: ANN401 - JSON
    """Python takes a bool for an int; the schema does not. JSON writes infinities as text."""
    if kinds == (int, float) and value in ("Infinity", "-Infinity", "NaN"):
        return float(value)
    if not isinstance(value, kinds) or (isinstance(value, bool) and kinds is not bool):
        raise TypeError
    return value


def _symbol(union: dict[str, Any]) -> Any:  # noqa: ANN401 - a number or a reference
    kind, value = _only(union)
    if kind == "as_name":
        return Ref(_name(value))
    return _plain(value, {"as_int": int, "as_float": (int, float), "as_bool": bool}[kind])


def _optional(union: dict[str, Any]) -> Ref | None:
    kind, value = _only(union)
    return None if kind == "as_none" else Ref(_name(value["name"]))


def _output(union: dict[str, Any]) -> str | tuple[str, ...] | None:
    kind, value = _only(union)
    if kind == "as_tensor":
        return _name(value["name"])
    if kind in _SYMBOLS:
        return _name(value["as_name"])
    if kind == "as_tensors":
        return tuple(_name(item["name"]) for item in value)
    if kind == "as_none":
        return None
    raise HoldfastError("pt2_unsupported", what=f"a result of the kind {kind[:40]}")


def _refs(step: Step) -> Iterator[str]:
    for value in (*step.args, *step.kwargs.values()):
        for item in value if isinstance(value, list) else (value,):
            if isinstance(item, Ref):
                yield item.name


def _made(step: Step) -> Iterator[str]:
    for output in step.outputs:
        if isinstance(output, str):
            yield output
        elif output is not None:
            yield from output


def _check_names(steps: tuple[Step, ...], known: set[str], outputs: tuple[str, ...]) -> None:
    defined = set(known)
    for step in steps:
        if not defined.issuperset(_refs(step)):
            raise HoldfastError("bad_archive", reason="its graph uses a value before it is made")
        defined.update(_made(step))
    if not defined.issuperset(outputs):
        raise HoldfastError("bad_archive", reason="its graph does not make its outputs")


def _with_last_use(steps: tuple[Step, ...], kept: set[str]) -> tuple[Step, ...]:
    """Mark what no later step needs, so that memory is free again as early as in eager mode."""
    seen = set(kept)
    marked: list[Step] = []
    for step in reversed(steps):
        mine = dict.fromkeys((*_refs(step), *_made(step)))
        last = tuple(name for name in mine if name not in seen)
        seen.update(mine)
        marked.append(Step(step.target, step.operator, step.args, step.kwargs, step.outputs, last))
    return tuple(reversed(marked))
