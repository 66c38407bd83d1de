"""Numbers of a feature as a whole: training's beside what clients send."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from google.protobuf.message import DecodeError
from tensorflow_metadata.proto.v0 import statistics_pb2

from tfx_parity.errors import BadInputError
from tfx_parity.findings import FaultCode, FaultKind, PayloadFault
from tfx_parity.protos import Example

# So few values can lie together anywhere.
MIN_VALUES = 20
# Raw values whose mean is that far from training's are not those of training.
_FAR_STANDARD_DEVIATIONS = 3.0
# What scaling makes of numbers: z-scores, and the unit interval.
_LARGEST_Z_MEAN = 1.0
_Z_DEVIATIONS = (0.1, 4.0)


@dataclass
class NumericSummary:
    """Count, mean, spread and range of a feature's values, mergeable by adding values.

    Attributes:
        count: How many values.
        mean: Their mean.
        squares: Sum of squared distances from the mean.
        minimum: The smallest.
        maximum: The largest.
    """

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0
    minimum: float = math.inf
    maximum: float = -math.inf

    @property
    def deviation(self) -> float:
        """The standard deviation."""
        return math.sqrt(self.squares / self.count) if self.count else 0.0

    def add(self, values: Iterable[float]) -> None:
        """Add values one by one (Welford's method); those that are not finite are passed over."""
        for value in values:
            if not math.isfinite(value):
                continue
            self.count += 1
            step = value - self.mean
            self.mean += step / self.count
            self.squares += step * (value - self.mean)
            self.minimum = min(self.minimum, value)
            self.maximum = max(self.maximum, value)


Summaries = dict[str, NumericSummary]


def add_example(summaries: Summaries, record: bytes) -> None:
    """Add the numbers of a serialized `tf.Example` to the summaries of its features."""
    for name, feature in Example.FromString(record).features.feature.items():
        kind = feature.WhichOneof("kind")
        if kind in ("float_list", "int64_list"):
            values = getattr(feature, kind).value
            summaries.setdefault(name, NumericSummary()).add(map(float, values))


def summaries_of(statistics: statistics_pb2.DatasetFeatureStatisticsList) -> Summaries:
    """Return the summaries that TFDV's statistics hold, of the first dataset."""
    found: Summaries = {}
    for feature in statistics.datasets[0].features if statistics.datasets else ():
        numbers = feature.num_stats
        count = numbers.common_stats.tot_num_values
        if feature.WhichOneof("stats") == "num_stats" and count:
            name = feature.name or ".".join(feature.path.step)
            squares = numbers.std_dev**2 * count
            found[name] = NumericSummary(count, numbers.mean, squares, numbers.min, numbers.max)
    return found


def read_training_summaries(path: Path) -> Summaries:
    """Return the summaries of a file of StatisticsGen (`FeatureStats.pb`).

    Raises:
        BadInputError: If there is no such file, or it holds something else.
    """
    try:
        data = path.read_bytes()
        statistics = statistics_pb2.DatasetFeatureStatisticsList.FromString(data)
    except (OSError, DecodeError) as error:
        raise BadInputError(
            f"Expected statistics as StatisticsGen writes them (FeatureStats.pb) at {path}, "
            f"found: {error}."
        ) from error
    return summaries_of(statistics)


def preprocessed_already(
    trained: Mapping[str, NumericSummary], served: Mapping[str, NumericSummary]
) -> Iterator[PayloadFault]:
    """Yield a fault for each feature that clients seem to scale before they send it.

    That is where the values as a whole lie far from training's, and where scaling by training's
    own statistics would have put them.

    Args:
        trained: Training's raw features.
        served: The same of the payloads.
    """
    for name in sorted(set(trained) & set(served)):
        raw, sent = trained[name], served[name]
        if sent.count < MIN_VALUES or not raw.deviation:
            continue
        is_far = abs(sent.mean - raw.mean) > _FAR_STANDARD_DEVIATIONS * raw.deviation
        if is_far and (_is_z_scored(raw, sent) or _is_in_unit_interval(sent)):
            yield PayloadFault(
                code=FaultCode.ALREADY_PREPROCESSED,
                kind=FaultKind.SUSPECT,
                file="",
                record=0,
                row=None,
                pointer="",
                input=name,
                expected=f"as in training {_text(raw)}",
                found=f"over {sent.count:,} values {_text(sent)}",
            )


def _is_z_scored(raw: NumericSummary, sent: NumericSummary) -> bool:
    low, high = _Z_DEVIATIONS
    reach = max(abs(raw.minimum - raw.mean), abs(raw.maximum - raw.mean)) / raw.deviation
    return (
        abs(sent.mean) <= _LARGEST_Z_MEAN
        and low <= sent.deviation <= high
        and max(abs(sent.minimum), abs(sent.maximum)) <= 2 * reach
    )


def _is_in_unit_interval(sent: NumericSummary) -> bool:
    return 0 <= sent.minimum < sent.maximum <= 1


def _text(summary: NumericSummary) -> str:
    return f"mean {summary.mean:.4g}, between {summary.minimum:.4g} and {summary.maximum:.4g}"
