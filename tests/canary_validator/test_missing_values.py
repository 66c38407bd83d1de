"""The raw feature whose absence explains which examples differ."""

from __future__ import annotations

import pytest

from tfx_parity.canary_validator.missing_values import shared_absence
from tfx_parity.protos import Example


def _example(**features: list[float]) -> bytes:
    example = Example()
    for name, values in features.items():
        example.features.feature[name].float_list.value.extend(values)
    return example.SerializeToString()


RECORDS = [
    _example(age=[1.0], size=[2.0]),
    _example(age=[], size=[2.0]),
    _example(size=[3.0], none=[]),
    _example(age=[4.0]),
]


@pytest.mark.parametrize(
    ("differing", "expected"),
    [({1, 2}, "age"), ({3}, "size"), ({1}, None), ({0, 1, 2}, None), ({1, 2, 3}, None)],
    ids=["absent or empty", "another", "half of those", "one has a value", "two features"],
)
def test_the_feature_that_all_lack_is_named(differing: set[int], expected: str | None) -> None:
    """Every example that differs lacks it, and most that lack it differ."""
    assert expected == shared_absence(RECORDS, differing)
