"""Refuses a model that does more than arithmetic, before ONNX Runtime reads it.

A model in a bundle comes from outside. An ONNX model can read files (external data), loop without
end, define functions, draw random numbers, or need more memory than the device has. `check_model`
reads the file itself (`protobuf`). It accepts one graph of the operators in `shapes.OPERATORS`, if
every value has a bounded size. It refuses everything else, and the message names the reason.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple, NoReturn

from sordino.errors import BundleError
from sordino.onnx.graph import Graph, GraphError, Node, agree, build_graph, value
from sordino.onnx.protobuf import Bounds, MalformedError, Message, parse_message
from sordino.onnx.schema import EXTERNAL, MODEL, STRINGS, SUBGRAPH
from sordino.onnx.shapes import (
    FLOAT,
    INT64,
    ITEM_BYTES,
    OPERATORS,
    RANK,
    Operator,
    OperatorCall,
    ShapeError,
    Tensor,
)

DOMAINS: Final = ("", "ai.onnx")
"""Two names of ONNX's standard operators."""

CONTROL_FLOW: Final = frozenset({"If", "Loop", "Scan", "SequenceMap"})
RANDOM_OPERATORS: Final = frozenset(
    {
        "Bernoulli",
        "Multinomial",
        "RandomNormal",
        "RandomNormalLike",
        "RandomUniform",
        "RandomUniformLike",
    }
)
STRING_TYPE: Final = 8  # the data type of text
REASONS_SHOWN: Final = 4  # in one message
REMEMBERED: Final = 32  # reasons, and accepted models, in memory

BATCH: Final = 32
"""The size of all free dimensions at once, to check products of them."""

BOUNDS: Final = Bounds(fields=1 << 16, entries=1 << 11, depth=32)

LONG: Final = 4096
"""The size of one free dimension while the others are 1: forty seconds of frames, or a batch in the
lab. Larger inputs are checked before the model runs on them (`fits_memory`).
"""


class Limits(NamedTuple):
    """The limits of a model. The defaults are those of a bundle."""

    operators: Mapping[str, Operator] = OPERATORS
    """The rule of each operator that the model may have."""
    opsets: range = range(18, 19)
    """The versions of the operators."""
    ir_versions: range = range(8, 9)
    """The versions of the file format."""
    metadata: frozenset[str] = frozenset({"onnx.infer", "onnx.quant.pre_process"})
    """Keys of metadata. ONNX Runtime reads settings from some other keys."""
    model_bytes: int = 1 << 27
    """The size of the file."""
    initialiser_bytes: int = 1 << 26
    """The size of one constant."""
    bounds: Bounds = BOUNDS
    """The limits of one message."""
    symbols: int = 4
    """Free dimensions of all inputs."""
    elements: int = 1 << 25
    """Numbers in one value."""
    all_elements: int = 1 << 29
    """Numbers in all values together, as if none were freed. The largest encoder of sordino has
    half of them at 30 s.
    """
    live_elements: int = 1 << 29
    """Numbers in memory together: those that a later operator still reads."""
    work: int = 1 << 26
    """Multiplications for each row of the input: for each unit of the product of all free
    dimensions.
    """
    whole_work: int = 1 << 62
    """Multiplications of the whole model."""
    constant_work: int = 1 << 24
    """Multiplications of constants only, which ONNX Runtime computes when it loads a model."""
    advice: str = (
        "expected a model of sordino, which has none of this: do not use the bundle, get it again "
        "from its author"
    )
    """The end of a message: what was expected, and the next step."""


BUNDLE: Final = Limits()
LARGE_ENCODER: Final = BUNDLE._replace(
    model_bytes=1 << 30, initialiser_bytes=1 << 28, all_elements=1 << 34, work=1 << 62
)
"""The limits of an encoder that sordino writes from the weights of a folder, in the lab."""
_ACCEPTED: Final[set[bytes]] = set()  # SHA-256 of models


def check_model(content: bytes, name: str, limits: Limits = BUNDLE) -> None:
    """Raise `BundleError` for a model that is not plain arithmetic within the limits.

    - `name`: the name of the file, for the message.
    """
    digest = hashlib.sha256(content).digest()
    if limits is BUNDLE and digest in _ACCEPTED:  # when the bundle was read
        return
    _check_content(content, name, limits)
    if limits is BUNDLE:
        if len(_ACCEPTED) >= REMEMBERED:
            _ACCEPTED.clear()
        _ACCEPTED.add(digest)


def _check_content(content: bytes, name: str, limits: Limits) -> None:
    graph = parse_graph(content, name, limits)
    try:
        _sizes(graph, limits)
    except (GraphError, ShapeError) as error:
        _raise(name, [str(error)], limits, error)


def parse_graph(content: bytes, name: str, limits: Limits) -> Graph:
    """The graph of a model within the limits; the sizes of its values are not checked yet.

    Raises `BundleError` as `check_model` does.
    """
    if len(content) > limits.model_bytes:
        _raise(name, [f"a model of {len(content)} bytes"], limits)
    if content[4:8] == b"ORTM":  # ONNX Runtime would read it as its own format, whatever else it is
        _raise(name, ["the format of ONNX Runtime"], limits)
    findings = _Findings(limits)
    try:
        model = parse_message(content, MODEL, "Model", limits.bounds, findings)
        if not model:
            raise MalformedError("an empty file")
    except MalformedError as error:
        if findings.reasons:
            _raise(name, [*findings.first_reasons(), str(error)], limits, error)
        raise BundleError(
            f"{name}: not a model that ONNX Runtime reads, {error}: write the bundle again"
        ) from error
    if findings.reasons:
        _raise(name, findings.first_reasons(), limits)
    try:
        _versions(model, limits)
        return build_graph(model["graph"], limits.initialiser_bytes, limits.operators)
    except (GraphError, ShapeError) as error:
        _raise(name, [str(error)], limits, error)


def fits_memory(
    content: bytes, shapes: Mapping[str, tuple[int, ...]], limits: Limits = BUNDLE
) -> bool:
    """Whether all values of an accepted model have a bounded size for inputs of these shapes."""
    graph = build_graph(
        parse_message(content, MODEL, "Model", limits.bounds, _Findings(limits))["graph"],
        limits.initialiser_bytes,
        limits.operators,
    )
    return size_problem(graph, shapes, limits) is None


def size_problem(graph: Graph, shapes: Mapping[str, tuple[int, ...]], limits: Limits) -> str | None:
    """The reason why a value or the work is too large for inputs of these shapes, or None."""
    symbols: dict[str, int] = {}
    for declared in graph.inputs:
        for name, size in zip(declared.dimensions or (), shapes[declared.name], strict=True):
            if isinstance(name, str):
                symbols[name] = max(size, symbols.get(name, 0))
    try:
        _infer_shapes(graph, symbols, limits)
    except GraphError as error:
        return str(error)
    return None


def check_models(files: Mapping[str, bytes], models: Iterable[str], bundle: str) -> None:
    """Check the models of a bundle: files with the suffix of a model, and models of policies."""
    for name in sorted({name for name in files if name.endswith(".onnx")}.union(models)):
        check_model(files[name], f"{bundle}: {name}")


def _raise(
    name: str, reasons: list[str], limits: Limits, cause: Exception | None = None
) -> NoReturn:
    raise BundleError(f"{name}: {', '.join(reasons)}: {limits.advice}") from cause


class _Findings:
    """Parts of a file that no model may have, in any graph, subgraph and function."""

    def __init__(self, limits: Limits) -> None:
        self.limits, self.reasons = limits, dict[str, None]()

    def refuse(self, reason: str) -> None:
        if reason == EXTERNAL or len(self.reasons) < REMEMBERED:
            self.reasons[reason] = None

    def visit(self, kind: str, message: Message) -> None:
        reasons: Iterator[str] = iter(())
        if kind == "Node":
            reasons = self._node(message)
        elif kind == "Tensor":
            reasons = self._tensor(message)
        for reason in reasons:
            self.refuse(reason)

    def first_reasons(self) -> list[str]:
        """The first reasons, the most important before the others."""
        return sorted(self.reasons, key=lambda reason: (reason != EXTERNAL, reason == SUBGRAPH))[
            :REASONS_SHOWN
        ]

    def _node(self, node: Message) -> Iterator[str]:
        kind, domain = node.get("op_type", ""), node.get("domain", "")
        if domain not in DOMAINS:
            yield f"operator domain {domain}"
        elif kind in CONTROL_FLOW:
            yield f"control flow: {kind}"
        elif kind in RANDOM_OPERATORS:
            yield f"random operator: {kind}"
        elif kind not in self.limits.operators:
            yield f"operator {kind}"

    def _tensor(self, tensor: Message) -> Iterator[str]:
        if tensor.get("data_location"):
            yield EXTERNAL
        dtype = tensor.get("data_type", 0)
        if dtype == STRING_TYPE:
            yield STRINGS
        elif dtype not in ITEM_BYTES:
            yield f"data type {dtype}"


def _versions(model: Message, limits: Limits) -> None:
    """Raise `GraphError` for another version of the format or of its operators."""
    if model.get("ir_version") not in limits.ir_versions:
        raise GraphError(f"IR version {model.get('ir_version')}")
    opsets = model.get("opset_import", [])
    for opset in opsets:
        if opset.get("domain", "") not in DOMAINS:
            raise GraphError(f"operator domain {opset['domain']}")
        if opset.get("version") not in limits.opsets:
            raise GraphError(f"opset {opset.get('version')}")
    if len(opsets) != 1:
        raise GraphError(f"{len(opsets)} opsets")
    if "graph" not in model:
        raise GraphError("no graph")
    for entry in model.get("metadata", []):
        if entry.get("key") not in limits.metadata:
            raise GraphError(f"metadata {entry.get('key')!r}")


def _sizes(graph: Graph, limits: Limits) -> None:
    """Raise where a value or the work is too large for a choice of the free dimensions."""
    symbols = _free(graph)
    if len(symbols) > limits.symbols:
        raise GraphError(f"shape with {len(symbols)} free dimensions")
    choices = [
        dict.fromkeys(symbols, 1),
        *({**dict.fromkeys(symbols, 1), name: LONG} for name in symbols),
    ]
    for choice in [*choices, *([dict.fromkeys(symbols, BATCH)] if len(symbols) > 1 else [])]:
        _infer_shapes(graph, choice, limits)


def _free(graph: Graph) -> list[str]:
    """The free dimensions of all inputs, in order."""
    names = [
        size
        for declared in graph.inputs
        for size in declared.dimensions or ()
        if isinstance(size, str)
    ]
    return list(dict.fromkeys(names))


def _infer_shapes(graph: Graph, symbols: dict[str, int], limits: Limits) -> None:
    """Infer the shape of every value, as if the model ran on inputs of this size."""
    values = {
        **graph.initialisers,
        **{declared.name: value(declared, symbols) for declared in graph.inputs},
    }
    sources = frozenset(values)
    work, constant_work, elements, live = 0, 0, 0, 0
    most_work = min(limits.whole_work, limits.work * math.prod(symbols.values()))
    last_use = _last_uses(graph)
    for position, node in enumerate(graph.nodes):
        outputs, cost = _infer_outputs(node, values, limits)
        values.update(zip(node.outputs, outputs, strict=False))
        size = sum(output.size for output in outputs)
        elements, live = elements + size, live + size
        if elements > limits.all_elements or live > limits.live_elements:
            most = limits.all_elements if elements > limits.all_elements else limits.live_elements
            raise GraphError(f"values of more than {most} numbers together")
        ends = {name for name in (*node.inputs, *node.outputs) if last_use[name] == position}
        live -= sum(values[name].size for name in ends if name not in sources)
        work += cost
        constant_work += cost * outputs[0].constant
        if constant_work > limits.constant_work or work > most_work:
            raise GraphError(
                f"{node.kind} of too much work, of {max(work, constant_work)} multiplications"
            )
    for declared in graph.outputs:
        if declared.dtype not in (FLOAT, INT64):
            raise GraphError(
                f"output {declared.name!r} of data type {declared.dtype}, expected float32 or int64"
            )
    chosen = dict(symbols)
    for declared in (*graph.outputs, *graph.declared):
        if declared.name in values:
            try:
                agree(declared, values[declared.name], chosen)
            except ShapeError as error:
                raise GraphError(f"shape of value {declared.name!r}: {error}") from error


def _last_uses(graph: Graph) -> dict[str, int]:
    """The position of the last node that reads or makes a value; outputs of the model stay."""
    uses: dict[str, int] = {}
    for position, node in enumerate(graph.nodes):
        uses.update(dict.fromkeys((*node.inputs, *node.outputs), position))
    return uses | dict.fromkeys((declared.name for declared in graph.outputs), len(graph.nodes))


def _infer_outputs(
    node: Node, values: Mapping[str, Tensor], limits: Limits
) -> tuple[list[Tensor], int]:
    """The outputs of one node, and their cost in multiplications."""
    inputs = tuple(values[name] for name in node.inputs)
    call = OperatorCall(inputs, node.attributes)
    constant = all(tensor.constant for tensor in inputs)
    try:
        outputs = node.operator.infer(call)
    except ShapeError as error:
        raise GraphError(f"shape of {node.kind}: {error}") from error
    if not 0 < len(node.outputs) <= len(outputs):
        raise GraphError(f"{node.kind} of {len(node.outputs)} outputs")
    largest = outputs[0]  # no operator has a larger second output
    if largest.size > limits.elements or len(largest.shape) > RANK:
        raise GraphError(
            f"shape {largest.shape} of {node.kind}, expected at most {limits.elements} numbers"
        )
    if constant:
        outputs = [tensor._replace(constant=True) for tensor in outputs]
    read = max((tensor.size for tensor in inputs), default=0)
    return outputs, max(outputs[0].size * node.operator.cost(call), read)
