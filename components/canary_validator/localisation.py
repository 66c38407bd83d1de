"""The first tensor that differs while all that feeds it agrees."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from tfx_parity.canary.graph import node_name
from tfx_parity.canary.probe_plan import PlannedNode, ProbePlan
from tfx_parity.canary.probing import ProbeError
from tfx_parity.canary_validator.observation import Observation, Observer, PairKind, Question
from tfx_parity.canary_validator.places import Place, place_of, readable_path
from tfx_parity.canary_validator.tensor_differences import Difference
from tfx_parity.errors import ServerUnavailableError

# These hand on what they get, in another shape at most: nothing begins to differ in them.
_TRANSPARENT = frozenset(
    {
        "CheckNumerics",
        "EnsureShape",
        "ExpandDims",
        "Identity",
        "IdentityN",
        "PlaceholderWithDefault",
        "PreventGradient",
        "Reshape",
        "Snapshot",
        "Squeeze",
        "StopGradient",
    }
)
# Where the answers themselves differ by less than floors, floors sink to this part of that.
_SHARE_OF_OUTPUT = 0.1
_NAMED = 3


@dataclass(frozen=True)
class Located:
    """What the search for a place found.

    Attributes:
        places: Where answers part, the likeliest first; empty where none could be found.
        detail: How the first of them differs, or why none could be found, in a few sentences.
        message: The words of what failed, which may quote what was sent; empty where nothing did.
    """

    places: tuple[Place, ...]
    detail: str
    message: str = ""


@dataclass(frozen=True)
class _Source:
    """A tensor that differs while its nearest comparable ancestors agree.

    Attributes:
        tensor: Its name.
        node: Its node.
        difference: How far it lies apart.
        padded: Tensors between it and those ancestors that have another shape alone, in order.
        rounded: Those ancestors that differ by roundings, which count as agreeing, in order.
    """

    tensor: str
    node: PlannedNode
    difference: Difference
    padded: tuple[str, ...]
    rounded: tuple[str, ...]


def locate(question: Question, deadline_s: float) -> Located:
    """Find where the answers of two arms part that run the same graph.

    Args:
        question: Which answers part.
        deadline_s: How long the search may take.
    """
    try:
        with TemporaryDirectory(prefix="tfx-parity-debug-") as folder:
            deadline = time.monotonic() + deadline_s
            with Observer(question, Path(folder), deadline) as observer:
                return _locate(question, observer)
    except ProbeError as error:
        return Located((), f"No place was found: {error}.", error.message)
    except (ServerUnavailableError, OSError) as error:
        return Located((), "No place was found: the debug copy could not be run.", str(error))


def _locate(question: Question, observer: Observer) -> Located:
    plan = observer.plan
    if not observer.is_faithful():
        return Located(
            (),
            "No place was found: with the graph rewriter off, the debug copy of the model answers "
            "otherwise than the model.",
        )
    seen = observer.observe([])
    if not seen.failing.any():
        return Located(
            (),
            f"No place was found: asked {question.kind.value}, the debug copy of the model gave "
            f"equal answers to {question.count} examples.",
        )
    candidates = list(_candidates(plan, question.kind))
    differences = observer.explore(candidates)
    search = _Search(plan, seen, differences)
    sources = search.sources()
    if not sources:
        return Located(
            (),
            f"No place was found under observation: of {len(candidates)} tensors "
            f"{len(differences)} could be looked at in time, and none of them differs while what "
            "feeds it agrees.",
        )
    places = tuple(place_of(source.node, plan) for source in sources)
    return Located(places, _words(question, seen, sources, differences))


def _candidates(plan: ProbePlan, kind: PairKind) -> Iterable[str]:
    """Yield the tensors in which answers could begin to part.

    Shapes, and what is made of them, differ between a batch and one example by their nature.
    """
    for node in plan.nodes.values():
        is_natural = kind is PairKind.GROUPING and node.is_of_shapes
        if node.op not in _TRANSPARENT and not is_natural:
            yield from node.tensors


class _Search:
    """Walks from the outputs that differ to where that begins."""

    def __init__(
        self, plan: ProbePlan, seen: Observation, differences: Mapping[str, Difference]
    ) -> None:
        self._plan = plan
        self._failing = seen.failing
        self._differences = differences
        self._floors = _inherited_floors(plan, differences)
        self._share = self._share_of_floors(seen)
        self._order = {name: number for number, name in enumerate(plan.nodes)}

    def _share_of_floors(self, seen: Observation) -> float:
        """Return by what to multiply the floors, so that they stay under what the outputs show."""
        ratios = [
            _size(difference, seen.failing) / max(difference.floor, self._floors[node_name(tensor)])
            for tensor, difference in seen.outputs.items()
            if difference.floor
        ]
        ratios = [ratio for ratio in ratios if ratio > 0]
        return min(1.0, _SHARE_OF_OUTPUT * max(ratios)) if ratios else 1.0

    def sources(self) -> list[_Source]:
        """Return the sources: those that agree on agreeing examples first, then in order."""
        found = []
        seen: set[str] = set()
        waiting, _ = self._nearest(self._plan.outputs.values())
        waiting = {tensor for tensor in waiting if self._differs(tensor)}
        while waiting:
            tensor = waiting.pop()
            seen.add(tensor)
            node = self._plan.nodes[node_name(tensor)]
            known, padded = self._nearest(node.sources)
            differing = {source for source in known if self._differs(source)}
            waiting |= differing - seen
            if not differing:
                rounded = sorted(filter(self._is_rounded, known), key=self._position)
                difference = self._differences[tensor]
                found.append(_Source(tensor, node, difference, tuple(padded), tuple(rounded)))
        return sorted(found, key=self._rank)

    def _rank(self, source: _Source) -> tuple[bool, tuple[int, str]]:
        difference = source.difference
        differs_on_all = difference.is_by_row and self._exceeds(
            source.node, difference, ~self._failing
        )
        return differs_on_all, self._position(source.tensor)

    def _differs(self, tensor: str) -> bool:
        node = self._plan.nodes[node_name(tensor)]
        return self._exceeds(node, self._differences[tensor], self._failing)

    def _is_rounded(self, tensor: str) -> bool:
        return _size(self._differences[tensor], self._failing) > 0

    def _position(self, tensor: str) -> tuple[int, str]:
        return self._order[node_name(tensor)], tensor

    def _exceeds(self, node: PlannedNode, difference: Difference, rows: NDArray[np.bool_]) -> bool:
        return _size(difference, rows) > self._floors[node.name] * self._share

    def _nearest(self, tensors: Iterable[str]) -> tuple[set[str], list[str]]:
        """Return the nearest comparable tensors, and those passed on the way whose shape varies."""
        known: set[str] = set()
        varying: set[str] = set()
        seen: set[str] = set()
        waiting = list(tensors)
        while waiting:
            tensor = waiting.pop()
            if tensor in seen or node_name(tensor) not in self._plan.nodes:
                continue
            seen.add(tensor)
            difference = self._differences.get(tensor)
            if difference is not None and difference.examples is not None:
                known.add(tensor)
                continue
            if difference is not None and difference.shapes is not None:
                varying.add(tensor)
            waiting.extend(self._plan.nodes[node_name(tensor)].sources)
        return known, sorted(varying, key=self._position)


def _size(difference: Difference, rows: NDArray[np.bool_]) -> float:
    """Return the greatest difference of some examples."""
    if difference.examples is None or not rows.any():
        return 0.0
    return float(difference.examples[rows].max())


def _inherited_floors(plan: ProbePlan, differences: Mapping[str, Difference]) -> dict[str, float]:
    """Return each node's floor: no finer than those of what it was computed from."""
    floors: dict[str, float] = {}
    for node in plan.nodes.values():
        inherited = [floors.get(node_name(source), 0.0) for source in node.sources]
        own = [differences[tensor].floor for tensor in node.tensors if tensor in differences]
        floors[node.name] = max([*inherited, *own], default=0.0)
    return floors


def _words(
    question: Question,
    seen: Observation,
    sources: list[_Source],
    differences: Mapping[str, Difference],
) -> str:
    """Return how the first source differs, what is padded before it, and the other sources."""
    first = sources[0]
    size = _size(first.difference, seen.failing)
    measure = f" (relative RMS up to {size:.2g})" if np.isfinite(size) else ""
    kind = "" if first.difference.is_by_row else ", one value for all examples,"
    text = (
        f"Asked {question.kind.value}, {readable_path(first.node.name)}{kind} differs{measure} "
        f"while all that feeds it agrees; {len(differences)} tensors were looked at."
    )
    if first.padded:
        text += f" {_padding_words(first.padded[0], differences)}"
    if first.rounded:
        rounded = ", ".join(readable_path(node_name(tensor)) for tensor in first.rounded[:_NAMED])
        text += f" It makes more of the roundings by which {rounded} differs."
    others = [readable_path(source.node.name) for source in sources[1:]]
    if others:
        more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
        text += f" So do {', '.join(others[:_NAMED])}{more}."
    return text


def _padding_words(tensor: str, differences: Mapping[str, Difference]) -> str:
    shapes = differences[tensor].shapes
    if shapes is None:
        return ""
    together, alone = shapes
    shortest = min(alone)
    return (
        f"It reads {readable_path(node_name(tensor))}, whose shape is {list(together)} in the "
        f"batch and {list(shortest)} alone: what the batch adds to an example counts."
    )
