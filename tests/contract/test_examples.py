"""`tf.Example` records as numpy."""

from __future__ import annotations

import numpy as np
import pytest
from feature_order import written_in_order
from hypothesis import given
from hypothesis import strategies as st

from tfx_parity.contract import Domain, RawFeature, TransformedFeature
from tfx_parity.contract.examples import (
    component_arrays,
    decode_rows,
    in_canonical_order,
    raw_arrays,
    rows_of_components,
    without_features,
)
from tfx_parity.errors import BadInputError
from tfx_parity.protos import Example


def _record(**features: list[object]) -> bytes:
    example = Example()
    for name, values in features.items():
        entry = example.features.feature[name]
        if values and isinstance(values[0], bytes):
            entry.bytes_list.value.extend(values)
        elif values and isinstance(values[0], float):
            entry.float_list.value.extend(values)
        else:
            entry.int64_list.value.extend(values)
    return example.SerializeToString()


def _raw(dtype: str, kind: str, shape: tuple[int | None, ...]) -> RawFeature:
    return RawFeature("f", dtype, kind, shape, kind == "fixed", Domain())  # type: ignore[arg-type]


@given(st.permutations(["a", "b", "c", "d"]))
def test_the_canonical_order_is_one_whatever_order_a_writer_chose(names: list[str]) -> None:
    """Records that differ in the order of their map alone become the same bytes, of equal sense."""
    record = _record(a=[1], b=[b"x", b"y"], c=[0.5], d=[])

    canonical = in_canonical_order(written_in_order(record, names))

    assert in_canonical_order(record) == canonical
    assert Example.FromString(record) == Example.FromString(canonical)


@given(st.permutations(["a", "b", "c"]))
def test_a_feature_is_taken_out_and_the_bytes_do_not_depend_on_the_order(names: list[str]) -> None:
    """What is not there need not be taken out."""
    record = _record(a=[1], b=[1], c=[1])

    cut = without_features(written_in_order(record, names), ["b", "not there"])

    assert without_features(record, ["b"]) == cut
    assert {"a", "c"} == set(Example.FromString(cut).features.feature)


@pytest.mark.parametrize(
    ("dtype", "values", "mark"),
    [
        ("string", [b"x"], b""),
        ("float32", [1.5], np.nan),
        ("int64", [7], np.iinfo(np.int64).min),
    ],
    ids=["string", "float", "int"],
)
def test_a_missing_value_is_the_mark_of_its_type(
    dtype: str, values: list[object], mark: object
) -> None:
    """A single-valued feature is one value a record, the mark where it has none."""
    records = [_record(f=values), _record(f=[]), _record()]

    array = raw_arrays(records, [_raw(dtype, "varlen", (1,))])["f"]

    assert (3,) == array.shape
    np.testing.assert_array_equal(np.array([values[0], mark, mark], array.dtype), array)


def test_values_of_differing_numbers_are_padded_with_marks() -> None:
    """A feature of any number of values becomes a matrix as wide as the longest."""
    array = raw_arrays([_record(f=[1, 2]), _record(f=[3])], [_raw("int64", "varlen", (None,))])["f"]

    assert [[1, 2], [3, np.iinfo(np.int64).min]] == array.tolist()


def test_a_fixed_feature_keeps_its_shape() -> None:
    """A vector is one row of its own shape a record."""
    array = raw_arrays([_record(f=[1.0, 2.0])] * 3, [_raw("float32", "fixed", (2,))])["f"]

    assert ((3, 2), np.float32) == (array.shape, array.dtype)


@given(
    rows=st.lists(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=4), min_size=1, max_size=6),
    kind=st.sampled_from(["varlen", "ragged"]),
)
def test_components_come_back_as_the_rows_they_were_made_of(
    rows: list[list[int]], kind: str
) -> None:
    """Sparse and ragged parts hold every row's values in order, empty rows included."""
    feature = TransformedFeature("f", "int64", kind, (None,), ())  # type: ignore[arg-type]
    parts = component_arrays([_record(f=list(row)) for row in rows], [feature])

    back = rows_of_components(parts, feature, len(rows))

    assert back is not None
    assert rows == [row.tolist() for row in back]


def test_a_sparse_feature_has_the_shape_of_its_longest_row() -> None:
    """The parts are those of a sparse tensor that tf.io.parse_example makes."""
    feature = TransformedFeature("f", "int64", "varlen", (None,), ())

    parts = component_arrays([_record(f=[5, 6]), _record(), _record(f=[7])], [feature])

    assert [[0, 0], [0, 1], [2, 0]] == parts["f_indices"].tolist()
    assert ([5, 6, 7], [3, 2]) == (parts["f_values"].tolist(), parts["f_dense_shape"].tolist())


def test_outputs_without_the_feature_have_no_rows_of_it() -> None:
    """A signature that leaves a feature out is told from one that answers it empty."""
    for kind in ("fixed", "varlen", "ragged"):
        feature = TransformedFeature("f", "int64", kind, (None,), ())  # type: ignore[arg-type]
        assert rows_of_components({}, feature, 2) is None


def test_a_record_of_another_graph_is_told() -> None:
    """A fixed feature with another number of values names the feature and the record."""
    feature = TransformedFeature("f", "float32", "fixed", (2,), ())

    with pytest.raises(BadInputError, match=r"\(2,\) values .* 'f' in record 1, found 1"):
        decode_rows([_record(f=[1.0, 2.0]), _record(f=[1.0])], feature)
