"""The ladder: pairs of arms in order; the first that differs names the cause."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tfx_parity.canary.inspection import ModelInspection
from tfx_parity.canary_validator.coverage_check import CoverageFindings
from tfx_parity.canary_validator.features import find_preprocessing_skew
from tfx_parity.canary_validator.noise import NOISE, find_noise, shadowed
from tfx_parity.canary_validator.rungs import Rungs
from tfx_parity.canary_validator.trainer_causes import find_glue, find_trainer_causes
from tfx_parity.canary_validator.transport import find_transport_skew
from tfx_parity.findings import Cause, CauseCode


@dataclass(frozen=True)
class Ladder:
    """Every rung, climbed.

    Attributes:
        rungs: The pairs, in order, compared or not.
        causes: The causes that the rungs prove, first cause first.
    """

    rungs: Rungs
    causes: tuple[Cause, ...]

    @property
    def noise_ratio(self) -> float | None:
        """The greatest ratio of the noise rungs; None: not measured, or beyond any tolerance."""
        found = [self.rungs[pair].rung for pair in NOISE]
        ratios = [rung.max_ratio for rung in found if rung.examples]
        known = [ratio for ratio in ratios if ratio is not None]
        return max(known, default=None) if len(known) == len(ratios) else None


def climb(
    rungs: Rungs,
    coverage: CoverageFindings,
    inspection: ModelInspection,
    *,
    is_native: bool,
) -> Ladder:
    """Name the causes of what differs, the first cause first.

    Args:
        rungs: The pairs, compared.
        coverage: What the coverage rows showed.
        inspection: What the model shows without a request.
        is_native: Whether the canary is the native one, whose only difference from the in-process
            reference is the graph rewriter.
    """
    noise = find_noise(rungs, inspection)
    if noise:
        rungs = shadowed(rungs, noise)
    causes = noise + _non_finite(rungs)
    causes += find_preprocessing_skew(rungs["M", "Bt"], coverage, rungs.recorded)
    if not noise:
        causes += find_trainer_causes(rungs, inspection)
        causes += find_glue(rungs, causes)
        causes += _run_time(rungs, is_native=is_native) + find_transport_skew(rungs)
        causes += _unexplained(rungs, causes)
    return Ladder(rungs, tuple(causes))


def _non_finite(rungs: Rungs) -> list[Cause]:
    rung = rungs["T", "C"]
    if rung.outputs is None:
        return []
    counts = {
        name: int(np.count_nonzero(output.non_finite_mismatch))
        for name, output in rung.outputs.outputs.items()
    }
    found = {name: count for name, count in counts.items() if count}
    if not found:
        return []
    place = f"output {', '.join(sorted(found))}"
    detail = f"NaN or infinity on one side only, in {max(found.values())} examples."
    return [rungs.cause(CauseCode.NON_FINITE, place, rung, detail)]


def _run_time(rungs: Rungs, *, is_native: bool) -> list[Cause]:
    code = CauseCode.GRAPH_OPTIMISATION if is_native else CauseCode.RUNTIME_SKEW
    for pair in (("Bt", "Ct"), ("B", "C")):
        rung = rungs[pair]
        if rung.is_different:
            detail = f"{rung.counts} between in process ({pair[0]}) and canary ({pair[1]})."
            return [rungs.cause(code, rungs.signature_place, rung, detail)]
    return []


def _unexplained(rungs: Rungs, causes: Sequence[Cause]) -> list[Cause]:
    """Return a cause where the headline differs and no single rung does."""
    rung = rungs["T", "C"]
    if causes or not rung.is_different:
        return []
    detail = f"{rung.counts} between T and C; each rung between them lies within tolerance."
    return [rungs.cause(CauseCode.RUNTIME_SKEW, rungs.signature_place, rung, detail)]
