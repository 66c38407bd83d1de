"""A scaling that the trainer did and the served model does not, found by fitting it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_Float = NDArray[np.float64]
_MOST_FEATURES = 32
_STEPS = 8
_HALVINGS = 4
# Of a feature's deviation. Answers are float32: a smaller step drowns in their rounding.
_PROBE = 1e-2
# How far the statistics of the training data may lie from those of the sample, in deviations.
_PLAUSIBLE = 0.3
# Of the spread of the trainer's answers.
_LEFT_OVER = 1e-3
_SHOWN = 3


@dataclass(frozen=True)
class Scaling:
    """What z-scores a feature vector: `(x - mean) / deviation`, feature by feature.

    Attributes:
        means: float64 [features].
        deviations: float64 [features], none zero.
    """

    means: _Float
    deviations: _Float

    def apply(self, features: _Float) -> _Float:
        """Return scaled features, [examples, features]."""
        return (features - self.means) / self.deviations

    def words(self, names: list[str]) -> str:
        """Name the features and their statistics, some of them where they are many.

        Args:
            names: Of all features.
        """
        texts = [
            f"({name} - {mean:.4g}) / {deviation:.4g}"
            for name, mean, deviation in zip(names, self.means, self.deviations, strict=True)
        ]
        more = f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
        return ", ".join(texts[:_SHOWN]) + more


def fit_scaling(
    ask: Callable[[_Float], _Float | None], features: _Float, trainer: _Float
) -> Scaling | None:
    """Fit the z-scores by which a served model comes closest to its trainer, by Gauss-Newton.

    It begins at the sample's own mean and deviation and must end near them: other weights can be
    written as a scaling of the features, too, but of none that statistics of the data explain.

    Args:
        ask: Answers features, [examples, features], by [examples, outputs]; None where refused.
        features: What the requests hold.
        trainer: The trainer's answers, [examples, outputs].

    Returns:
        The scaling, None where there is no plausible one. Whether all answers agree within their
        tolerance under it is for the caller to see.
    """
    means, deviations = features.mean(axis=0), features.std(axis=0)
    if not 0 < features.shape[1] <= _MOST_FEATURES or not np.isfinite(features).all():
        return None
    is_scaled = (np.abs(means) < _PLAUSIBLE * deviations) & (np.abs(deviations - 1) < _PLAUSIBLE)
    if (deviations == 0).any() or is_scaled.all():
        return None
    fit = _Fit(ask, features, trainer, deviations)
    found = fit.descend(np.concatenate([means / deviations, np.ones_like(means)]))
    if found is None:
        return None
    scaling = fit.scaling(found)
    is_near = np.abs(scaling.means - means) < _PLAUSIBLE * deviations
    is_alike = np.abs(scaling.deviations / deviations - 1) < _PLAUSIBLE
    is_close = fit.left_over(found) <= _LEFT_OVER * np.ptp(trainer)
    return scaling if (is_near & is_alike).all() and is_close else None


@dataclass(frozen=True)
class _Fit:
    """A fit's parameters are means and deviations in units of the sample's deviations."""

    ask: Callable[[_Float], _Float | None]
    features: _Float
    trainer: _Float
    units: _Float

    def scaling(self, parameters: _Float) -> Scaling:
        means, deviations = np.split(parameters, 2)
        return Scaling(means * self.units, deviations * self.units)

    def descend(self, parameters: _Float) -> _Float | None:
        """Return the parameters that no step betters any more, None where the model refuses."""
        residual = self._residual(parameters)
        for _ in range(_STEPS):
            jacobian = None if residual is None else self._jacobian(parameters, residual)
            if jacobian is None or residual is None:
                return None
            step = np.asarray(np.linalg.lstsq(jacobian, -residual, rcond=None)[0], np.float64)
            better = self._shorter(parameters, step, float(np.linalg.norm(residual)))
            if better is None:
                break
            parameters, residual = better
        return parameters

    def left_over(self, parameters: _Float) -> float:
        """Return by how much answers differ from the trainer's at most."""
        residual = self._residual(parameters)
        return float(np.inf if residual is None else np.abs(residual).max())

    def _shorter(
        self, parameters: _Float, step: _Float, length: float
    ) -> tuple[_Float, _Float] | None:
        """Return where a step leads, halved until it is for the better."""
        for halving in range(_HALVINGS):
            tried = parameters + step / 2**halving
            residual = self._residual(tried)
            if residual is not None and float(np.linalg.norm(residual)) < length:
                return tried, residual
        return None

    def _residual(self, parameters: _Float) -> _Float | None:
        scaling = self.scaling(parameters)
        if (scaling.deviations <= 0).any():
            return None
        answers = self.ask(scaling.apply(self.features))
        if answers is None or not np.isfinite(answers).all():
            return None
        return (answers - self.trainer).ravel()

    def _jacobian(self, parameters: _Float, residual: _Float) -> _Float | None:
        columns = []
        for position in range(len(parameters)):
            probed = parameters.copy()
            probed[position] += _PROBE
            found = self._residual(probed)
            if found is None:
                return None
            columns.append((found - residual) / _PROBE)
        return np.stack(columns, axis=1)
