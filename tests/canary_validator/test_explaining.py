"""What explains a difference where requests and predictions are all there is."""

from __future__ import annotations

from tfx_parity.canary_validator.explaining import lacking_examples
from tfx_parity.protos import Example


def _example(**features: list[float]) -> bytes:
    example = Example()
    for name, values in features.items():
        example.features.feature[name].float_list.value.extend(values)
    return example.SerializeToString()


def test_examples_that_lack_a_value_are_found_by_feature() -> None:
    """A feature that is absent, or there without a value; one that nobody holds is none."""
    records = [_example(age=[1.0], size=[2.0]), _example(age=[]), _example(size=[3.0], none=[])]

    assert {"age": {1, 2}, "size": {1}} == lacking_examples(records)
