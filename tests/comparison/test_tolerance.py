import ml_dtypes
import numpy as np
import pytest

from tfx_parity.comparison.tolerance import (
    DEFAULTS,
    EXACT,
    TRANSFORMED_FEATURES,
    Tolerance,
    TolerancePolicy,
)
from tfx_parity.errors import BadInputError


@pytest.mark.parametrize("dtype", ["int8", "uint64", "bool", "object"])
def test_integers_booleans_and_bytes_are_exact_by_default(dtype: str) -> None:
    """What has no rounding gets no tolerance."""
    assert TolerancePolicy().for_output("any", dtype) == EXACT


def test_floats_get_the_tolerance_of_their_dtype() -> None:
    """Each float dtype has its own default, bfloat16 too."""
    policy = TolerancePolicy()
    assert Tolerance(rtol=1e-4, atol=1e-6) == policy.for_output("scores", np.float32)
    assert Tolerance(rtol=1e-7, atol=1e-9) == policy.for_output("scores", np.float64)
    assert Tolerance(rtol=5e-3, atol=1e-3) == policy.for_output("scores", np.float16)
    assert Tolerance(rtol=1.6e-2, atol=1e-2) == policy.for_output("scores", ml_dtypes.bfloat16)


def test_an_override_holds_for_its_exact_name_alone() -> None:
    """An override never reaches an output whose name is merely similar."""
    policy = TolerancePolicy.from_mapping({"scores": {"rtol": 1e-2, "atol": 0}})
    assert Tolerance(rtol=1e-2, atol=0) == policy.for_output("scores", np.float32)
    assert DEFAULTS["float32"] == policy.for_output("Scores", np.float32)
    assert DEFAULTS["float32"] == policy.for_output("scores_1", np.float32)


def test_transformed_features_have_a_stricter_policy() -> None:
    """Transform's outputs are computed element by element, so float32 gets a hundredth."""
    assert Tolerance(rtol=1e-6, atol=1e-7) == TRANSFORMED_FEATURES.for_output("x_xf", np.float32)
    assert TRANSFORMED_FEATURES.for_output("id_xf", np.int64) == EXACT
    assert TRANSFORMED_FEATURES.for_output("word_xf", object) == EXACT


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        pytest.param({"rtol": 1e-3}, "give both", id="rtol alone"),
        pytest.param({"atol": 1e-3}, "give both", id="atol alone"),
        pytest.param({"rtol": 1, "atol": 1, "ptol": 1}, "'ptol'", id="unknown key"),
        pytest.param({"rtol": -1e-3, "atol": 0}, "rtol.*-0.001", id="negative"),
        pytest.param({"rtol": float("nan"), "atol": 0}, "nan", id="nan"),
        pytest.param({"rtol": 0, "atol": float("inf")}, "atol.*inf", id="infinite"),
        pytest.param({"rtol": True, "atol": 0}, "True", id="boolean"),
        pytest.param({"rtol": "1e-3", "atol": 0}, "'1e-3'", id="text"),
        pytest.param(1e-3, "0.001", id="bare number"),
        pytest.param(None, "None", id="nothing"),
    ],
)
def test_an_unusable_override_is_refused_with_its_output_and_value(
    entry: object, message: str
) -> None:
    """A mistaken tolerance is bad input, never a default."""
    with pytest.raises(BadInputError, match=f"'scores'.*{message}"):
        TolerancePolicy.from_mapping({"scores": entry})


def test_an_override_of_an_output_that_does_not_exist_is_refused() -> None:
    """A misspelt override would otherwise leave the output at its default."""
    policy = TolerancePolicy.from_mapping({"score": {"rtol": 1e-2, "atol": 0}})
    with pytest.raises(BadInputError, match="'score'; the outputs are 'label', 'scores'"):
        policy.require_outputs(["scores", "label"])
    policy.require_outputs(["score"])


@pytest.mark.parametrize("dtype", ["object", "bool"])
def test_a_tolerance_for_what_has_no_distance_is_refused(dtype: str) -> None:
    """Bytes and booleans are equal or not."""
    policy = TolerancePolicy({"word": Tolerance(rtol=0, atol=1)})
    with pytest.raises(BadInputError, match=f"'word'.*{dtype}.*remove"):
        policy.for_output("word", dtype)


def test_quantised_integers_may_be_allowed_one_step() -> None:
    """An override gives integers an absolute tolerance."""
    policy = TolerancePolicy({"q": Tolerance(rtol=0, atol=1)})
    assert Tolerance(rtol=0, atol=1) == policy.for_output("q", np.uint8)


def test_a_dtype_that_no_rule_covers_is_refused() -> None:
    """Fixed-width bytes drop trailing NULs, so they have no tolerance."""
    with pytest.raises(TypeError, match=r"'word'.*bytes24"):
        TolerancePolicy().for_output("word", np.dtype("S3"))


@pytest.mark.parametrize(
    ("rows", "atol"),
    [
        ([np.float32([0.2, 0.8])] * 50, 1e-6),
        ([np.float32([40, -50, 0])] * 50, 1e-4),
        ([np.float32([0.5])] * 500 + [np.float32([1e9])], 1e-6),
        ([np.float32([np.nan, np.inf])] * 50, 1e-6),
        ([np.float32([])] * 3, 1e-6),
        ([np.array(b"text", object)], 0),
        ([np.int64(7000)], 0),
    ],
    ids=["shares", "an embedding", "one outlier", "no number", "empty", "texts", "integers"],
)
def test_what_is_allowed_at_zero_grows_with_an_outputs_numbers(
    rows: list[np.ndarray], atol: float
) -> None:
    """Twice what nearly all of them stay under, and never less than the default."""
    policy = TolerancePolicy().sized_by({"y": rows})

    found = policy.for_output("y", rows[0].dtype)

    assert atol == pytest.approx(found.atol)
    assert TolerancePolicy().for_output("y", rows[0].dtype).rtol == found.rtol


def test_a_tolerance_that_was_asked_for_stays_as_it_is() -> None:
    """An override is what somebody chose."""
    policy = TolerancePolicy.from_mapping({"y": {"rtol": 0, "atol": 1e-3}})

    sized = policy.sized_by({"y": [np.float32([1e6])]})

    assert Tolerance(0, 1e-3) == sized.for_output("y", np.float32)
