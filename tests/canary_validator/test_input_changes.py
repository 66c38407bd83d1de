"""The changes of requests that are tried, by what an input is."""

from __future__ import annotations

import numpy as np
import pytest

from tfx_parity.canary_validator.input_changes import InputChange, input_changes, input_losses
from tfx_parity.canary_validator.recorded import Rows
from tfx_parity.findings import CauseCode

_IMAGE = np.arange(4 * 5 * 3, dtype=np.float32).reshape(4, 5, 3)


def _changes(**inputs: np.ndarray) -> dict[str, tuple[InputChange, Rows]]:
    """Return each change of one example by its words, and the example changed."""
    rows = {name: [row] for name, row in inputs.items()}
    return {change.words: (change, change.apply(rows)) for change in input_changes(rows)}


def test_images_get_other_channels_and_scales() -> None:
    """Channels in reverse order, 0 to 1 for 0 to 255, with the image's own dtype and shape."""
    found = _changes(image=_IMAGE)

    reverse, reversed_rows = found["of channels in reverse order (RGB and BGR)"]
    np.testing.assert_array_equal(_IMAGE[..., ::-1], reversed_rows["image"][0])
    np.testing.assert_array_equal(_IMAGE / 255, found["divided by 255"][1]["image"][0])
    assert {np.dtype(np.float32)} == {rows["image"][0].dtype for _, rows in found.values()}
    assert CauseCode.PREPROCESSING_SKEW is reverse.code


def test_numbers_are_rounded_to_fewer_bits() -> None:
    """float16 and bfloat16 on the way are a loss of precision."""
    value = np.float32([1 / 3, 70000])

    found = _changes(x=value)

    rounded, rows = found["rounded to float16"]
    assert (CauseCode.PRECISION_LOSS, "input 'x'") == (rounded.code, rounded.place)
    expected = np.float32([np.float16(1 / 3), np.inf])
    np.testing.assert_array_equal(expected, rows["x"][0])


def test_ids_begin_elsewhere_and_are_not_scaled() -> None:
    """An id has no scale; a first id of zero or one, and the order of a sequence, are mistaken."""
    found = _changes(ids=np.int64([1, 2, 3]))

    assert {"greater by one", "smaller by one", "in reverse order"} == set(found)
    assert [2, 3, 4] == found["greater by one"][1]["ids"][0].tolist()
    assert [3, 2, 1] == found["in reverse order"][1]["ids"][0].tolist()


def test_a_single_integer_may_be_a_time_of_another_unit() -> None:
    """Milliseconds for seconds, cut as integers are."""
    found = _changes(clicked_at=np.int64(1_700_000_000_999))

    words = "divided by 1000 (milliseconds and seconds)"
    assert 1_700_000_000 == found[words][1]["clicked_at"][0]


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.uint16, np.uint64])
@pytest.mark.parametrize("shape", [(), (1,)])
def test_an_integer_of_few_bits_is_changed_like_any_other(
    dtype: type, shape: tuple[int, ...]
) -> None:
    """A thousand and a million are no uint8, which NumPy 2 refuses to multiply by them."""
    found = _changes(count=np.full(shape, 7, dtype))

    for words, expected in {
        "divided by 1000 (milliseconds and seconds)": 0,
        "multiplied by 1000 (seconds and milliseconds)": 7000,
        "multiplied by 1,000,000 (seconds and microseconds)": 7_000_000,
    }.items():
        (row,) = found[words][1]["count"]
        assert (np.int64(expected).astype(dtype), np.dtype(dtype)) == (row.item(), row.dtype)


@pytest.mark.parametrize(
    ("row", "words", "expected"),
    [
        ([5, 6, 0, 0], "padded in front, not behind", [0, 0, 5, 6]),
        ([0, 0, 5, 0, 6], "padded behind, not in front", [5, 0, 6, 0, 0]),
        ([0, 0], None, None),
    ],
    ids=["behind", "in front", "nothing else"],
)
def test_padding_changes_sides(
    row: list[int], words: str | None, expected: list[int] | None
) -> None:
    """Zeros before or behind a sequence go to its other end, those inside it stay."""
    found = _changes(ids=np.int64(row))

    assert words is None or expected == found[words][1]["ids"][0].tolist()
    assert ([] if words is None else [words]) == [w for w in found if w.startswith("padded")]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("turned into lower case", " grün "),
        ("turned into text without spaces around it", "GRÜN"),
        ("turned into Unicode's decomposed form (NFD)", " GRU\u0308N "),
    ],
    ids=["lower", "strip", "decomposed"],
)
def test_texts_are_written_otherwise(words: str, expected: str) -> None:
    """Case and spaces around a text, in any script."""
    text = np.array(" GRÜN ".encode(), dtype=object)

    assert expected == _changes(text=text)[words][1]["text"][0].item().decode()


def test_bytes_that_are_no_text_stay_bytes() -> None:
    """What is no UTF-8 goes through unharmed."""
    data = np.array(b"\xff\xfeA", dtype=object)

    assert b"\xff\xfea" == _changes(data=data)["turned into lower case"][1]["data"][0].item()


def test_inputs_of_one_kind_change_places() -> None:
    """Two inputs of one dtype and shape, and no others."""
    found = _changes(a=np.int64([1]), b=np.int64([2]), c=np.int64([3, 4]))

    swap, rows = found["in each other's place"]
    assert (CauseCode.SIGNATURE_GLUE, "inputs 'a' and 'b'") == (swap.code, swap.place)
    assert (2, 1) == (rows["a"][0].item(), rows["b"][0].item())


def test_a_loss_loses_no_more_when_it_is_made_again() -> None:
    """Fewer bits of numbers, the case and spaces of texts."""
    inputs: Rows = {
        "ids": [np.int64([2**31 + 5, 7])],
        "seconds": [np.float64([1 / 3, 1e300])],
        "text": [np.array([b" \xc3\x84pfel "], object)],
    }

    losses = {(loss.place, loss.words): loss for loss in input_losses(inputs)}

    assert [5 - 2**31, 7] == losses["input 'ids'", "cut to int32"].apply(inputs)["ids"][0].tolist()
    for loss in losses.values():
        once = loss.apply(inputs)
        again = loss.apply(once)
        assert {n: r[0].tolist() for n, r in once.items()} == {
            n: r[0].tolist() for n, r in again.items()
        }, loss.words
