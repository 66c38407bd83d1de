"""The survey: asks every arm, each for as many examples as it takes to decide."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tfx_parity.canary_validator.answers import Answers, Missing, merged
from tfx_parity.canary_validator.arms import MEANINGS, Pair
from tfx_parity.canary_validator.comparing import Compared, Limits
from tfx_parity.canary_validator.panel import Batches
from tfx_parity.canary_validator.rungs import PAIRS, compare_pair
from tfx_parity.canary_validator.sample import SEED, Sample, draw_sample
from tfx_parity.comparison.bounds import lower_bound
from tfx_parity.comparison.tolerance import TolerancePolicy

# Whether JSON can carry a request depends on the example, and one that is refused fails the model.
_REST = ("R", "Rc", "Rr")


@dataclass(frozen=True)
class Surveyed:
    """What every arm answered.

    Attributes:
        answers: Every arm's answers, in the order of the report.
        sampling: Which arms were asked for which examples, in one sentence.
    """

    answers: Mapping[str, Answers | Missing]
    sampling: str


@dataclass(frozen=True)
class Survey:
    """Asks every arm.

    The two arms that the verdict's rate is taken of are asked for every example, and so are those
    over REST; the others are asked for a random sample, and, where those two differ, for the
    batches of the examples that differ most. Every other pair has a bound of its own: one that
    agrees in each example of its sample is proven, one whose rate surely lies over the limit is
    refuted, and for any other its arms are asked for the rest of the examples, too.

    Attributes:
        ask_arm: Asks an arm, by its name, for the examples of some batches.
        deciding: The pair that the verdict's rate is taken of.
        count: How many examples there are.
        batch_size: How many to ask for at once.
        limits: What decides over a count.
        policy: The tolerance of each output.
    """

    ask_arm: Callable[[str, Batches], Answers | Missing]
    deciding: Pair
    count: int
    batch_size: int
    limits: Limits
    policy: TolerancePolicy

    def ask(self) -> Surveyed:
        """Ask every arm.

        Raises:
            CanaryDied: If a server is dead.
        """
        sample = draw_sample(self.count, self.batch_size, self.limits)
        whole = (*self.deciding, *_REST)
        answers = {arm: self.ask_arm(arm, sample.all) for arm in whole}
        sample = sample.holding(self._worst(answers))
        others = [arm for arm in MEANINGS if arm not in whole]
        answers |= {arm: self.ask_arm(arm, sample.every) for arm in others}
        in_doubt = self._in_doubt(answers) if sample.rest else set()
        doubtful = [arm for arm in others if arm in in_doubt]
        for arm in doubtful:
            answers[arm] = _joined(answers[arm], self.ask_arm(arm, sample.rest))
        return Surveyed({arm: answers[arm] for arm in MEANINGS}, self._words(sample, doubtful))

    def _worst(self, answers: Mapping[str, Answers | Missing]) -> set[int]:
        """Return the examples that differ most where the verdict is a FAIL already.

        In any other case they would make the sample a biased one.
        """
        compared = compare_pair(self.deciding, answers, self.policy, self.limits)
        if compared.rung.state != "differs":
            return set()
        return {element.example for element in compared.worst(None)}

    def _in_doubt(self, answers: Mapping[str, Answers | Missing]) -> set[str]:
        """Return the arms of the pairs that a sample neither proves nor refutes."""
        return {
            arm
            for pair in PAIRS
            if self._is_doubtful(compare_pair(pair, answers, self.policy, self.limits))
            for arm in pair
        }

    def _is_doubtful(self, compared: Compared) -> bool:
        rung = compared.rung
        if not rung.mismatching:
            return False
        surely = lower_bound(rung.mismatching, rung.examples, self.limits.confidence)
        return surely <= self.limits.max_mismatch_rate

    def _words(self, sample: Sample, doubtful: Sequence[str]) -> str:
        if not sample.rest:
            return f"Every arm was asked for all {self.count:,} examples."
        some = sum(map(len, sample.every))
        words = f"{', '.join(self.deciding)} and the arms over REST were asked for all "
        words += f"{self.count:,} examples, every other arm for {some:,} of them in batches drawn "
        words += f"at random (seed {SEED})"
        if doubtful:
            words += f"; then, to decide, {', '.join(doubtful)} for the rest"
        return f"{words}."


def _joined(first: Answers | Missing, rest: Answers | Missing) -> Answers | Missing:
    if isinstance(first, Missing) or isinstance(rest, Missing):
        return first
    return merged([first, rest])
