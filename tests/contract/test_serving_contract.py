"""The serving contract as a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from alphabet import ALPHABET
from hypothesis import given
from hypothesis import strategies as st

from tfx_parity.contract import Digests, Domain, RawFeature, ServingContract, TransformedFeature
from tfx_parity.contract.serving_contract import FILE_NAME, read_contract
from tfx_parity.errors import BadInputError

_NAMES = st.text(ALPHABET, min_size=1, max_size=12)
_DTYPES = st.sampled_from(["string", "float32", "int64"])
_SHAPES = st.lists(st.none() | st.integers(1, 9), max_size=3).map(tuple)
_DOMAINS = st.builds(
    Domain,
    minimum=st.none() | st.integers(-9, 9),
    maximum=st.none() | st.floats(-9, 9),
    values=st.lists(_NAMES, max_size=3).map(tuple),
)
_RAW = st.builds(
    RawFeature,
    _NAMES,
    _DTYPES,
    st.sampled_from(["fixed", "varlen"]),
    _SHAPES,
    st.booleans(),
    _DOMAINS,
)
_TRANSFORMED = st.builds(
    TransformedFeature,
    _NAMES,
    _DTYPES,
    st.sampled_from(["fixed", "varlen", "ragged"]),
    _SHAPES,
    st.lists(_NAMES, max_size=3).map(tuple),
)
_WORDS = st.dictionaries(_NAMES, _NAMES, max_size=3)
CONTRACTS = st.builds(
    ServingContract,
    raw_features=st.lists(_RAW, max_size=3).map(tuple),
    label_features=st.lists(_NAMES, max_size=2).map(tuple),
    transformed_features=st.lists(_TRANSFORMED, max_size=3).map(tuple),
    signatures=_WORDS,
    missing_values=_WORDS,
    digests=st.builds(Digests, _NAMES, _NAMES, _NAMES, _WORDS),
    versions=_WORDS,
)


@given(contract=CONTRACTS)
def test_a_contract_comes_back_as_it_was_written(contract: ServingContract) -> None:
    """JSON keeps every field, names in any script included."""
    assert contract == ServingContract.from_json(contract.to_json(), "here")


def _contract(*features: TransformedFeature, labels: tuple[str, ...] = ()) -> ServingContract:
    return ServingContract((), labels, features, {}, {}, Digests("g", "s", "p", {}), {})


def test_features_that_depend_on_a_label_are_not_for_serving() -> None:
    """Serving can make the features whose raw ones hold no label."""
    free = TransformedFeature("a", "float32", "fixed", (1,), ("x",))
    bound = TransformedFeature("b", "float32", "fixed", (1,), ("x", "y"))

    assert (free,) == _contract(free, bound, labels=("y",)).serving_features


def test_a_folder_without_a_contract_has_none(tmp_path: Path) -> None:
    """The absence of the file is no error: models of other makers have none."""
    assert read_contract(tmp_path) is None


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda fields: fields.update(format=99), "of format 1 in .*, found 99"),
        (lambda fields: fields.pop("digests"), "without 'digests'"),
        (lambda fields: fields["digests"].update(more="x"), "unexpected keyword argument 'more'"),
        (lambda fields: fields["transformed_features"][0].pop("shape"), "a transformed feature"),
    ],
    ids=["format", "missing", "unknown", "feature"],
)
def test_a_file_of_another_make_is_told(tmp_path: Path, change: object, text: str) -> None:
    """What is not exactly a contract of this format is refused with the file and the field."""
    feature = TransformedFeature("a", "float32", "fixed", (1,), ("x",))
    fields = json.loads(_contract(feature).to_json())
    change(fields)  # type: ignore[operator]
    (tmp_path / FILE_NAME).write_text(json.dumps(fields))

    with pytest.raises(BadInputError, match=text):
        read_contract(tmp_path)


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    """Half a file is an error that names the file."""
    (tmp_path / FILE_NAME).write_bytes(_contract().to_json()[:20])

    with pytest.raises(BadInputError, match=f"invalid JSON in .*{FILE_NAME}"):
        read_contract(tmp_path)
