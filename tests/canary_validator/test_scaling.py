"""A forgotten scaling is fitted, and other weights are not taken for one."""

from __future__ import annotations

import numpy as np

from tfx_parity.canary_validator.scaling import fit_scaling

_RANDOM = np.random.default_rng(0)
_FEATURES = _RANDOM.normal([40, -3, 1200], [12, 0.5, 300], size=(128, 3))
_MEANS, _DEVIATIONS = np.array([41.0, -3.1, 1180.0]), np.array([11.5, 0.52, 310.0])
_HIDDEN, _LAST = _RANDOM.normal(size=(3, 8)), _RANDOM.normal(size=(8, 2))


def _model(features: np.ndarray) -> np.ndarray:
    """A small network with a kink, answering in float32."""
    hidden = np.maximum(features @ _HIDDEN, 0)
    return (hidden @ _LAST).astype(np.float32).astype(np.float64)


def test_a_forgotten_z_score_is_found() -> None:
    """Mean and deviation of the training data, which the sample's only resemble."""
    trainer = _model((_FEATURES - _MEANS) / _DEVIATIONS)

    found = fit_scaling(_model, _FEATURES, trainer)

    assert found is not None
    np.testing.assert_allclose(found.means, _MEANS, rtol=1e-4)
    np.testing.assert_allclose(found.deviations, _DEVIATIONS, rtol=1e-4)
    assert "(a - 41) / 11.5" in found.words(["a", "b", "c"])


def test_other_weights_are_no_scaling() -> None:
    """A linear model with other weights is one of scaled features, but of no statistics'."""
    weights, other = np.array([[0.5], [2.0], [0.01]]), np.array([[0.6], [1.7], [0.012]])

    found = fit_scaling(lambda features: features @ weights, _FEATURES, _FEATURES @ other)

    assert found is None


def test_features_that_are_z_scores_already_are_left_alone() -> None:
    """Where scaling would change nothing, nothing can be told by it."""
    features = _RANDOM.normal(size=(128, 3))

    assert fit_scaling(_model, features, _model(features * 1.1)) is None


def test_a_model_that_refuses_is_not_fitted() -> None:
    """No answer, no scaling."""
    assert fit_scaling(lambda _: None, _FEATURES, _model(_FEATURES)) is None
