"""What the page says of a result: its headline, what breaks, what is shown and what is cut."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from tfx_parity.findings import (
    MEANINGS,
    PREDICTIONS,
    Arm,
    Cause,
    OutputSummary,
    PairSummary,
    ParityResult,
    Rung,
    SlicedMetric,
    Verdict,
    WorstElement,
)
from tfx_parity.reporting.figures import Figure, figures
from tfx_parity.reporting.metrics import most_different_first
from tfx_parity.reporting.wording import count_text

CAUSES_IN_FULL = 12
CAUSES_LISTED = 100
FEATURES_SHOWN = 40
LINES_SHOWN = 30
METRICS_SHOWN = 60
TRACK_DECADES = 6
_SIGNS = {Verdict.PASS: "✓", Verdict.FAIL: "✕", Verdict.INCONCLUSIVE: "?"}
_BLESSED = {Verdict.PASS: "blessed"}


@dataclass(frozen=True)
class Page:
    """A result as the page tells it."""

    result: ParityResult

    @property
    def sign(self) -> str:
        """The verdict as one character."""
        return _SIGNS[self.result.verdict]

    @property
    def blessing(self) -> str:
        """What becomes of the model."""
        return _BLESSED.get(self.result.verdict, "not blessed")

    @property
    def title(self) -> str:
        """What stands in the browser's tab."""
        causes = self.result.causes
        code = f" {causes[0].code.value}" if causes else ""
        return f"{self.result.verdict.value}{code} - parity report"

    @property
    def headline(self) -> str:
        """The result in one line."""
        if self.result.causes:
            summary = MEANINGS[self.result.causes[0].code].summary
            return summary[0].upper() + summary[1:]
        if self.result.verdict is Verdict.PASS:
            return f"{self._served} answers what {self._reference} answered"
        if self.result.verdict is Verdict.FAIL:
            return f"{self._served} does not answer what {self._reference} answered"
        return "Too little is known to bless the model"

    @property
    def _reference(self) -> str:
        return "the trainer" if self._compares_training else "the same model in process"

    @property
    def _served(self) -> str:
        return "The canary"

    @property
    def _compares_training(self) -> bool:
        arm = self._arms.get(self.result.decision.headline[0])
        return arm is not None and arm.stage == "training"

    @cached_property
    def _arms(self) -> dict[str, Arm]:
        return {arm.name: arm for arm in self.result.arms}

    def meaning(self, name: str) -> str:
        """Return what an arm is."""
        arm = self._arms.get(name)
        return "" if arm is None else arm.meaning

    @cached_property
    def broken_pair(self) -> tuple[str, str] | None:
        """The pair at which the ladder breaks: the first cause's, else the first that differs."""
        differing = [rung.pair for rung in self.result.ladder if rung.state == "differs"]
        proving = [cause.evidence.pair for cause in self.result.causes]
        return next((pair for pair in proving if pair in differing), next(iter(differing), None))

    @property
    def ladder_heading(self) -> str:
        """What the ladder shows, as a heading."""
        if self.broken_pair is not None or self._failing:
            return "Where it breaks"
        return "Every pair that was compared" if self.compared else "Nothing was compared"

    @property
    def ladder_words(self) -> str:
        """What the ladder shows, in a sentence."""
        rung = next((r for r in self.result.ladder if r.pair == self.broken_pair), None)
        if rung is not None:
            a, b = rung.pair
            return (
                f"Between {a} ({self.meaning(a)}) and {b} ({self.meaning(b)}): "
                f"{count_text(rung.mismatching)} of {count_text(rung.examples)} examples differ."
            )
        words = ["" if self.compared else "No two answers could be compared."]
        words += [
            f"{arm.name} ({arm.meaning}) failed {count_text(arm.failed)} of "
            f"{count_text(arm.failed + arm.answered)} requests."
            for arm in self._failing[:1]
        ]
        undecided = sum(rung.state == "undecided" for rung in self.compared)
        if undecided:
            words.append(f"{undecided} of {len(self.compared)} pairs are undecided.")
        elif self.compared:
            words.append(f"All {len(self.compared)} agree.")
        if self.result.causes and self.compared and not self._failing:
            words.append("The cause was seen otherwise: see above.")
        return " ".join(words).strip()

    @cached_property
    def _failing(self) -> list[Arm]:
        return [arm for arm in self.result.arms if arm.failed]

    @cached_property
    def compared(self) -> list[Rung]:
        """The pairs that were compared."""
        return [rung for rung in self.result.ladder if rung.state != "not compared"]

    def is_noise(self, rung: Rung) -> bool:
        """Whether a pair is the canary compared with itself."""
        arms = [self._arms.get(name) for name in rung.pair]
        return all(a is not None and a.stage == "canary" and a.gives == PREDICTIONS for a in arms)

    @cached_property
    def noise_ratio(self) -> float | None:
        """The greatest ratio of the canary compared with itself; None: not measured, or infinite.

        The page takes it from the pairs, which tell these two apart.
        """
        ratios = [rung.max_ratio for rung in self._noise]
        known = [ratio for ratio in ratios if ratio is not None]
        return max(known) if known and len(known) == len(ratios) else None

    @property
    def _noise(self) -> list[Rung]:
        return [rung for rung in self.compared if self.is_noise(rung)]

    def track(self, ratio: float | None) -> float:
        """Return where a ratio lies on a logarithmic track from 0 to 1; the tolerance lies at 0.5.

        The ends are zero and infinity.
        """
        if ratio is None:
            return 1.0
        if ratio <= 0:
            return 0.0
        share = 0.5 + math.log10(ratio) / (2 * TRACK_DECADES)
        return min(0.97, max(0.03, share))

    @property
    def figures(self) -> Sequence[Figure]:
        """The numbers under the verdict."""
        return figures(self.result, self.noise_ratio, has_noise=bool(self._noise))

    @property
    def causes_in_full(self) -> Sequence[Cause]:
        """The causes after the first that are told in full."""
        return self.result.causes[1:CAUSES_IN_FULL]

    @property
    def causes_listed(self) -> Sequence[Cause]:
        """The causes that are named only."""
        return self.result.causes[CAUSES_IN_FULL:CAUSES_LISTED]

    @property
    def causes_left_out(self) -> int:
        """How many causes are not on the page."""
        return max(0, len(self.result.causes) - CAUSES_LISTED)

    @cached_property
    def worst(self) -> tuple[tuple[str, str], dict[int, list[WorstElement]]]:
        """The worst elements by example, with their pair: the first cause's, else the rate's."""
        first = [cause.evidence for cause in self.result.causes[:1]]
        found = [(e.pair or self.result.decision.headline, e.worst) for e in first]
        found += [(pair.pair, pair.worst) for pair in self.result.pairs]
        pair, elements = next((f for f in found if f[1]), (self.result.decision.headline, ()))
        examples: dict[int, list[WorstElement]] = {}
        for element in elements:
            examples.setdefault(element.example, []).append(element)
        return pair, examples

    @property
    def has_mismatch(self) -> bool:
        """Whether one of the worst elements lies beyond the tolerance."""
        elements = [element for found in self.worst[1].values() for element in found]
        return any(element.ratio is None or element.ratio > 1 for element in elements)

    def unequal(self, pair: PairSummary) -> list[OutputSummary]:
        """Return the outputs of a pair that are not the same in every element."""
        return [output for output in pair.outputs if output not in self.equal(pair)]

    def equal(self, pair: PairSummary) -> list[OutputSummary]:
        """Return the outputs of a pair that are the same in every element."""
        return [o for o in pair.outputs if o.max_ratio == 0 and not o.mismatching_examples]

    @cached_property
    def metrics(self) -> Sequence[SlicedMetric]:
        """The metrics of both sides; where they are many, those that differ most."""
        sides = self.result.metrics
        if sides is None or len(sides.metrics) <= METRICS_SHOWN:
            return () if sides is None else sides.metrics
        return most_different_first(sides)[:METRICS_SHOWN]

    @property
    def metrics_left_out(self) -> int:
        """How many metrics are not on the page."""
        sides = self.result.metrics
        return 0 if sides is None else len(sides.metrics) - len(self.metrics)

    @cached_property
    def not_compared(self) -> dict[str, list[Rung]]:
        """The pairs that were not compared, by the reason."""
        reasons: dict[str, list[Rung]] = {}
        for rung in self.result.ladder:
            if rung.state == "not compared":
                reasons.setdefault(rung.reason, []).append(rung)
        return reasons

    @property
    def features_shown(self) -> int:
        """How many raw features of an example are shown at most."""
        return FEATURES_SHOWN

    @property
    def lines_shown(self) -> int:
        """How many lines a list shows at most."""
        return LINES_SHOWN

    def role(self, pair: PairSummary) -> str:
        """Say why a pair is shown in detail."""
        codes = [c.code.value for c in self.result.causes if c.evidence.pair == pair.pair]
        if codes:
            return f"shows {codes[0]}"
        return "what the verdict's rate is taken of"
