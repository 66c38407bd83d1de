"""Ops of a model that a server cannot run, or whose results change by themselves."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tfx_parity.canary.graph import GraphWalk, PlacedNode, ancestors, node_name
from tfx_parity.canary.op_registry import has_cpu_kernel, is_stateful, registered_ops
from tfx_parity.canary.session import INIT_OP_SIGNATURE
from tfx_parity.protos import DataType, MetaGraphDef, NodeDef

# Stateful ops that draw numbers from a generator of the kernel's own, seeded by `seed` and `seed2`
# or, where both are 0, from the system (tensorflow/core/ops/random_ops.cc and others).
_KERNEL_SEEDED = frozenset(
    {
        "AllCandidateSampler",
        "FixedUnigramCandidateSampler",
        "LearnedUnigramCandidateSampler",
        "LogUniformCandidateSampler",
        "Multinomial",
        "ParameterizedTruncatedNormal",
        "RandomCrop",
        "RandomGamma",
        "RandomPoisson",
        "RandomPoissonV2",
        "RandomShuffle",
        "RandomStandardNormal",
        "RandomUniform",
        "RandomUniformInt",
        "SampleDistortedBoundingBox",
        "SampleDistortedBoundingBoxV2",
        "ThreadUnsafeUnigramCandidateSampler",
        "TruncatedNormal",
        "UniformCandidateSampler",
    }
)
# Ops that advance a generator kept in a variable (stateful_random_ops.cc), or ask the system.
_GENERATORS = frozenset(
    {
        "NonDeterministicInts",
        "RngReadAndSkip",
        "RngSkip",
        "StatefulRandomBinomial",
        "StatefulStandardNormal",
        "StatefulStandardNormalV2",
        "StatefulTruncatedNormal",
        "StatefulUniform",
        "StatefulUniformFullInt",
        "StatefulUniformInt",
    }
)
# What they answer changes with the time that passes.
CLOCKS = frozenset({"Timestamp"})
# Keras 3 draws with stateless ops whose seed it reads from a variable and writes back.
_STATELESS_PREFIXES = ("StatelessRandom", "StatelessTruncatedNormal", "StatelessMultinomial")
_SEED_READS = _GENERATORS | {"ReadVariableOp"}
_BATCH_NORMS = frozenset({"FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"})
# tf.function(jit_compile=True) marks the nodes that call it. TF Serving switches XLA off unless it
# is started with --xla_cpu_compilation_enabled (main.cc): "XLA compilation disabled".
_MUST_COMPILE = "_XlaMustCompile"
_ASSIGNMENTS = (
    "Assign",
    "ResourceScatter",
    "Scatter",
)
# Statistics are numbers with a fraction; counters and the states of generators are integers.
_FRACTIONAL = frozenset(
    {DataType.DT_HALF, DataType.DT_BFLOAT16, DataType.DT_FLOAT, DataType.DT_DOUBLE}
)
# Dropout compares random numbers with its rate (older graphs round them down), then masks with
# what comes of it: nn_ops.py, _dropout.
_SCALES = frozenset({"Add", "AddV2", "Cast", "Identity", "Mul", "RealDiv", "Reshape", "Sub"})
_COMPARES = frozenset({"Floor", "Greater", "GreaterEqual", "Less", "LessEqual"})
_PASSES_ON = frozenset({"Cast", "Identity", "LogicalNot", "Reshape"})
_MASKS = frozenset({"Mul", "MulNoNan", "Select", "SelectV2"})
_STEPS = 4
_NARROW = frozenset({DataType.DT_HALF, DataType.DT_BFLOAT16})
_WIDE = frozenset({DataType.DT_FLOAT, DataType.DT_DOUBLE})


@dataclass(frozen=True)
class OpUse:
    """One use of an op.

    Attributes:
        op: The op; `OP[_XlaMustCompile]` where it could run, were it not to be compiled by XLA.
        node: The node's name.
        function: The function that holds the node; empty for the top-level graph.
    """

    op: str
    node: str
    function: str


@dataclass(frozen=True)
class RandomOpUse(OpUse):
    """One use of a random op.

    Attributes:
        seeded: Whether its numbers are the same after each fresh start; they change between
            requests all the same.
        masks: Whether its numbers are compared and then mask a tensor, as dropout does.
    """

    seeded: bool
    masks: bool


@dataclass(frozen=True)
class OpUses:
    """The uses that matter, each sorted by function and node.

    Attributes:
        unservable: Reachable from a signature and without a CPU kernel or to be compiled by XLA,
            or not registered at all (a custom op) wherever it stands: then the load fails.
        random: Reachable, with numbers that change between requests; the clock's among them.
        batch_statistics: Reachable batch normalisation in training mode, and assignments to
            variables of floating type.
        narrowing: Reachable casts from float32 or float64 to float16 or bfloat16.
    """

    unservable: tuple[OpUse, ...]
    random: tuple[RandomOpUse, ...]
    batch_statistics: tuple[OpUse, ...]
    narrowing: tuple[OpUse, ...]

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> OpUses:
        """Read what `dataclasses.asdict` made."""
        return cls(
            unservable=tuple(OpUse(**use) for use in value["unservable"]),
            random=tuple(RandomOpUse(**use) for use in value["random"]),
            batch_statistics=tuple(OpUse(**use) for use in value["batch_statistics"]),
            narrowing=tuple(OpUse(**use) for use in value["narrowing"]),
        )


def signature_tensors(meta_graph: MetaGraphDef) -> list[str]:
    """Return the output tensors of every signature that a client can call."""
    return [
        info.name
        for name, definition in meta_graph.signature_def.items()
        if name != INIT_OP_SIGNATURE
        for info in definition.outputs.values()
    ]


def find_op_uses(meta_graph: MetaGraphDef) -> OpUses:
    """Find the ops that matter in a model, in all functions that its signatures reach."""
    walk = GraphWalk(meta_graph.graph_def, is_stateful)
    reachable = list(walk.reachable(signature_tensors(meta_graph)))
    unknown = [placed for placed in walk.everything() if not _is_known(placed.node.op, walk)]
    no_kernel = [
        placed
        for placed in reachable
        if placed.node.op in registered_ops() and not has_cpu_kernel(placed.node.op)
    ]
    compiled = [
        placed
        for placed in reachable
        if _MUST_COMPILE in placed.node.attr and placed.node.attr[_MUST_COMPILE].b
    ]
    return OpUses(
        unservable=_uses([*unknown, *no_kernel], map(_compiled_use, compiled)),
        random=_random_uses(walk, reachable),
        batch_statistics=_uses(placed for placed in reachable if _uses_batch(placed.node)),
        narrowing=_uses(placed for placed in reachable if _narrows(placed.node)),
    )


def _is_known(op: str, walk: GraphWalk) -> bool:
    return op in registered_ops() or op in walk.functions


def _use(placed: PlacedNode) -> OpUse:
    return OpUse(placed.node.op, placed.node.name, placed.function)


def _compiled_use(placed: PlacedNode) -> OpUse:
    use = _use(placed)
    return dataclasses.replace(use, op=f"{use.op}[{_MUST_COMPILE}]")


def _uses(placed: Iterable[PlacedNode], others: Iterable[OpUse] = ()) -> tuple[OpUse, ...]:
    return tuple(sorted([*map(_use, placed), *others], key=lambda use: (use.function, use.node)))


def _random_uses(walk: GraphWalk, reachable: Iterable[PlacedNode]) -> tuple[RandomOpUse, ...]:
    uses = []
    for placed in reachable:
        node = placed.node
        if node.op in _KERNEL_SEEDED:
            seeded = bool(node.attr["seed"].i or node.attr["seed2"].i)
        elif node.op in CLOCKS:
            seeded = False
        elif node.op in _GENERATORS or _draws_with_read_seed(walk, placed):
            seeded = node.op != "NonDeterministicInts"
        else:
            continue
        masks = node.op not in CLOCKS and _masks(placed.node, walk.beside(placed))
        uses.append(RandomOpUse(**dataclasses.asdict(_use(placed)), seeded=seeded, masks=masks))
    return tuple(sorted(uses, key=lambda use: (use.function, use.node)))


def _draws_with_read_seed(walk: GraphWalk, placed: PlacedNode) -> bool:
    if not placed.node.op.startswith(_STATELESS_PREFIXES):
        return False
    # The first input is the shape (or the logits), which may depend on anything.
    sources = ancestors(walk.beside(placed), placed.node.input[1:])
    return any(source.op in _SEED_READS for source in sources.values())


def _masks(random: NodeDef, nodes: Mapping[str, NodeDef]) -> bool:
    """Whether a node's numbers are compared within a few steps, and mask a tensor soon after."""
    compared = _first_of(_COMPARES, [random], _SCALES, nodes)
    return bool(_first_of(_MASKS, compared, _PASSES_ON, nodes))


def _first_of(
    wanted: frozenset[str],
    starts: Sequence[NodeDef],
    passed: frozenset[str],
    nodes: Mapping[str, NodeDef],
) -> list[NodeDef]:
    """Return the nodes of some ops that a few nodes of other ops lead to."""
    found, names = [], {start.name for start in starts}
    for _ in range(_STEPS):
        readers = [n for n in nodes.values() if names & {node_name(i) for i in n.input}]
        found += [reader for reader in readers if reader.op in wanted]
        names = {reader.name for reader in readers if reader.op in passed}
    return found


def _uses_batch(node: NodeDef) -> bool:
    if node.op in _BATCH_NORMS:
        # A SavedModel leaves out attributes that have their default, and this one's is true.
        return "is_training" not in node.attr or bool(node.attr["is_training"].b)
    is_assignment = node.op.startswith(_ASSIGNMENTS) and is_stateful(node.op)
    return is_assignment and not _FRACTIONAL.isdisjoint(
        (node.attr["dtype"].type, node.attr["T"].type)
    )


def _narrows(node: NodeDef) -> bool:
    is_cast = node.op == "Cast" and node.attr["SrcT"].type in _WIDE
    return is_cast and node.attr["DstT"].type in _NARROW
