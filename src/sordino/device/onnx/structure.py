"""Refuses a model that is more than arithmetic, before ONNX Runtime sees it.

A model in a bundle comes from outside. An ONNX model can read files (external data), loop without
end, call functions of its own, draw random numbers, or ask for more memory than there is. `check`
reads the file itself (`protobuf`). It accepts one graph of the operators in `onnx_shapes`, if every
value has a bounded size. It refuses everything else, and the message names the reason.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from sordino.device.onnx.graph import Graph, GraphError, Node, agree, graph_of, value
from sordino.device.onnx.protobuf import Bounds, MalformedError, Message, parse
from sordino.device.onnx.schema import EXTERNAL, MODEL, STRINGS, SUBGRAPH
from sordino.device.onnx.shapes import (
    FLOAT,
    INT64,
    ITEM_BYTES,
    OPERATORS,
    RANK,
    Call,
    ShapeError,
    Tensor,
)
from sordino.errors import BundleError

DOMAINS: Final = ("", "ai.onnx")
"""Both name ONNX's own operators."""

CONTROL: Final = frozenset({"If", "Loop", "Scan", "SequenceMap"})
RANDOM: Final = frozenset(
    {
        "Bernoulli",
        "Multinomial",
        "RandomNormal",
        "RandomNormalLike",
        "RandomUniform",
        "RandomUniformLike",
    }
)
STRING: Final = 8  # the data type of text
NAMED: Final = 4  # reasons in one message
KEPT: Final = 32  # reasons, and models that passed, in memory

BATCH: Final = 32
"""All free dimensions at once, so that products of them count."""

BOUNDS: Final = Bounds(fields=1 << 16, entries=1 << 11, depth=32)

LONG: Final = 4096
"""One free dimension, the others being 1: forty seconds of frames, or a batch of the lab. Larger
inputs are checked before the model runs on them (`fits`).
"""


@dataclass(frozen=True)
class Limits:
    """What a model may be. The defaults are for the models of a bundle."""

    operators: frozenset[str] = frozenset(OPERATORS)
    """Names in `onnx_shapes.OPERATORS`."""
    opsets: range = range(18, 19)
    ir_versions: range = range(8, 9)
    metadata: frozenset[str] = frozenset({"onnx.infer", "onnx.quant.pre_process"})
    """Keys of metadata; ONNX Runtime reads settings from some others."""
    model_bytes: int = 1 << 27
    initialiser_bytes: int = 1 << 26
    bounds: Bounds = BOUNDS
    symbols: int = 4
    """Free dimensions of all inputs."""
    elements: int = 1 << 25
    """Numbers in one value."""
    work: int = 1 << 26
    """Multiplications for each row of the input, that is for each unit of the product of all free
    dimensions.
    """
    constant_work: int = 1 << 24
    """Multiplications of constants alone, which ONNX Runtime computes when it loads a model."""


BUNDLE: Final = Limits()
_PASSED: Final[set[bytes]] = set()  # SHA-256 of models that passed


def check(content: bytes, what: str, limits: Limits = BUNDLE) -> None:
    """Raise `BundleError` for a model that is not plain arithmetic within the limits.

    - `what`: the name of the file, for the message.
    """
    digest = hashlib.sha256(content).digest()
    if limits is BUNDLE and digest in _PASSED:  # when the bundle was read; the model is loaded next
        return
    _check(content, what, limits)
    if limits is BUNDLE:
        if len(_PASSED) >= KEPT:
            _PASSED.clear()
        _PASSED.add(digest)


def _check(content: bytes, what: str, limits: Limits) -> None:
    if len(content) > limits.model_bytes:
        _raise(what, [f"a model of {len(content)} bytes"])
    if content[4:8] == b"ORTM":  # ONNX Runtime would read it as its own format, whatever else it is
        _raise(what, ["the format of ONNX Runtime"])
    findings = _Findings(limits)
    try:
        model = parse(content, MODEL, "Model", limits.bounds, findings)
        if not model:
            raise MalformedError("an empty file")
    except MalformedError as error:
        if findings.reasons:
            _raise(what, [*findings.named(), str(error)], error)
        raise BundleError(
            f"{what}: not a model that ONNX Runtime reads, {error}: write the bundle again"
        ) from error
    if findings.reasons:
        _raise(what, findings.named())
    try:
        _versions(model, limits)
        _sizes(graph_of(model["graph"], limits.initialiser_bytes), limits)
    except (GraphError, ShapeError) as error:
        _raise(what, [str(error)], error)


def fits(content: bytes, shapes: Mapping[str, tuple[int, ...]], limits: Limits = BUNDLE) -> bool:
    """Whether all values of a model that passed `check` have a bounded size for inputs of these
    shapes.
    """
    graph = graph_of(
        parse(content, MODEL, "Model", limits.bounds, _Findings(limits))["graph"],
        limits.initialiser_bytes,
    )
    symbols: dict[str, int] = {}
    for declared in graph.inputs:
        for name, size in zip(declared.dimensions or (), shapes[declared.name], strict=True):
            if isinstance(name, str):
                symbols[name] = max(size, symbols.get(name, 0))
    try:
        _run(graph, symbols, limits)
    except GraphError:
        return False
    return True


def check_files(files: Mapping[str, bytes], models: Iterable[str], what: str) -> None:
    """Check the files of a bundle that are models by their name, and those that its policies call
    models.
    """
    for name in sorted({name for name in files if name.endswith(".onnx")}.union(models)):
        check(files[name], f"{what}: {name}")


def _raise(what: str, reasons: list[str], cause: Exception | None = None) -> None:
    raise BundleError(
        f"{what}: {', '.join(reasons)}: expected a model of sordino, which has none of this: do "
        "not use the bundle, "
        "get it again from its author"
    ) from cause


class _Findings:
    """Everything in a file that no model may have, in any graph, subgraph and function."""

    def __init__(self, limits: Limits) -> None:
        self.limits, self.reasons = limits, dict[str, None]()

    def refuse(self, reason: str) -> None:
        if reason == EXTERNAL or len(self.reasons) < KEPT:
            self.reasons[reason] = None

    def visit(self, kind: str, message: Message) -> None:
        reasons: Iterator[str] = iter(())
        if kind == "Node":
            reasons = self._node(message)
        elif kind == "Tensor":
            reasons = self._tensor(message)
        for reason in reasons:
            self.refuse(reason)

    def named(self) -> list[str]:
        """The first few reasons, the most telling before the others."""
        return sorted(self.reasons, key=lambda reason: (reason != EXTERNAL, reason == SUBGRAPH))[
            :NAMED
        ]

    def _node(self, node: Message) -> Iterator[str]:
        kind, domain = node.get("op_type", ""), node.get("domain", "")
        if domain not in DOMAINS:
            yield f"operator domain {domain}"
        elif kind in CONTROL:
            yield f"control flow: {kind}"
        elif kind in RANDOM:
            yield f"random operator: {kind}"
        elif kind not in self.limits.operators:
            yield f"operator {kind}"

    def _tensor(self, tensor: Message) -> Iterator[str]:
        if tensor.get("data_location"):
            yield EXTERNAL
        dtype = tensor.get("data_type", 0)
        if dtype == STRING:
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
    """Raise where a value or the work is too large for some choice of the free dimensions."""
    symbols = _free(graph)
    if len(symbols) > limits.symbols:
        raise GraphError(f"shape with {len(symbols)} free dimensions")
    choices = [
        dict.fromkeys(symbols, 1),
        *({**dict.fromkeys(symbols, 1), name: LONG} for name in symbols),
    ]
    for choice in [*choices, *([dict.fromkeys(symbols, BATCH)] if len(symbols) > 1 else [])]:
        _run(graph, choice, limits)


def _free(graph: Graph) -> list[str]:
    """The free dimensions of all inputs, in order."""
    names = [
        size
        for declared in graph.inputs
        for size in declared.dimensions or ()
        if isinstance(size, str)
    ]
    return list(dict.fromkeys(names))


def _run(graph: Graph, symbols: dict[str, int], limits: Limits) -> None:
    """Give every value its shape, as if the model ran on inputs of this size."""
    values = {
        **graph.initialisers,
        **{declared.name: value(declared, symbols) for declared in graph.inputs},
    }
    work, constant_work = 0, 0
    for node in graph.nodes:
        outputs, cost = _outputs(node, values, limits)
        values.update(zip(node.outputs, outputs, strict=False))
        work += cost
        constant_work += cost * outputs[0].constant
        if constant_work > limits.constant_work or work > limits.work * math.prod(symbols.values()):
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


def _outputs(node: Node, values: Mapping[str, Tensor], limits: Limits) -> tuple[list[Tensor], int]:
    """The outputs of one node, and what they cost."""
    inputs = tuple(values[name] for name in node.inputs)
    call = Call(inputs, node.attributes)
    constant = all(tensor.constant for tensor in inputs)
    try:
        outputs = node.operator.infer(call)
    except ShapeError as error:
        raise GraphError(f"shape of {node.kind}: {error}") from error
    if not 0 < len(node.outputs) <= len(outputs):
        raise GraphError(f"{node.kind} of {len(node.outputs)} outputs")
    largest = outputs[0]  # of none has another output more numbers
    if largest.size > limits.elements or len(largest.shape) > RANK:
        raise GraphError(
            f"shape {largest.shape} of {node.kind}, expected at most {limits.elements} numbers"
        )
    if constant:
        outputs = [tensor._replace(constant=True) for tensor in outputs]
    read = max((tensor.size for tensor in inputs), default=0)
    return outputs, max(outputs[0].size * node.operator.cost(call), read)
