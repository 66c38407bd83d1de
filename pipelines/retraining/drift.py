"""How the data of a span differ from those that the served model was trained on, in words.

It is told and decides nothing: data that drift are what retraining is for. From where on a drift is
told is the schema's to say (`drift_comparator`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

_STATISTICS = "artifacts/StatisticsGen/statistics/*/Split-train/FeatureStats.pb"


def describe_drift(run: Path, previous: Path, schema_file: Path) -> Sequence[str]:
    """Return a line for each feature that drifted, sorted by name.

    Args:
        run: The folder of the new span's run.
        previous: The folder of the earlier span's run.
        schema_file: A schema with drift comparators, as text.
    """
    # Loaded where it is asked for: it brings TensorFlow.
    import tensorflow_data_validation as tfdv  # noqa: PLC0415
    from tensorflow_metadata.proto.v0 import anomalies_pb2  # noqa: PLC0415

    drifts = {
        anomalies_pb2.AnomalyInfo.COMPARATOR_L_INFTY_HIGH,
        anomalies_pb2.AnomalyInfo.COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH,
    }
    anomalies = tfdv.validate_statistics(
        tfdv.load_stats_binary(str(_statistics(run))),
        schema=tfdv.load_schema_text(str(schema_file)),
        environment="TRAINING",
        previous_statistics=tfdv.load_stats_binary(str(_statistics(previous))),
    )
    return [
        f"{name}: {reason.description}"
        for name, info in sorted(anomalies.anomaly_info.items())
        for reason in info.reason
        if reason.type in drifts
    ]


def has_statistics(run: Path) -> bool:
    """Tell whether a run left statistics to compare with."""
    return any(run.glob(_STATISTICS))


def _statistics(run: Path) -> Path:
    (path,) = run.glob(_STATISTICS)
    return path
