"""A trained model as something that can be asked: tf_keras (Keras 2), Keras 3 or `tf.Module`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tfx_parity.contract import ServingContract, TransformedFeature
from tfx_parity.errors import BadInputError

_KERAS_PACKAGES = frozenset({"keras", "tf_keras"})


class ServableModel:
    """A trained model, asked with transformed features by name.

    Not a `tf.Module` on purpose: a module that held the model would save it whole, Python layers
    and all, which takes seconds and (Keras 3) saves variables that a server cannot find.

    Attributes:
        features: The transformed features that the model takes, in the contract's order.
    """

    def __init__(self, model: Callable[..., object], contract: ServingContract) -> None:
        """Wrap a trained model.

        Args:
            model: A built Keras model, or a callable `tf.Module` that takes a dict of transformed
                features.
            contract: The serving contract of the transform graph that it was trained on.

        Raises:
            BadInputError: If the model takes a feature that the transform graph does not make, or
                one that needs a label.
        """
        if not callable(model):
            raise BadInputError(
                "Expected a Keras model or a callable tf.Module, found a "
                f"{type(model).__name__} that cannot be called. Give it a __call__(features)."
            )
        self._model = model
        self._is_keras = any(
            c.__module__.split(".")[0] in _KERAS_PACKAGES for c in type(model).__mro__
        )
        self._inputs = getattr(model, "input", None) if self._is_keras else None
        self.features = _needed_features(_input_names(self._inputs), contract)

    def __call__(self, features: Mapping[str, object]) -> dict[str, tf.Tensor]:
        """Return what the model answers, by output name.

        Args:
            features: At least the transformed features that the model takes.

        Raises:
            BadInputError: If the model answers something else than tensors.
        """
        taken = {feature.name: features[feature.name] for feature in self.features}
        if self._is_keras:
            return _named_outputs(self._model(self._as_inputs(taken), training=False))
        return _named_outputs(self._model(taken))

    def _as_inputs(self, taken: Mapping[str, object]) -> object:
        """Return features in the structure of the Keras model's inputs."""
        if self._inputs is None or isinstance(self._inputs, Mapping):
            return dict(taken)
        names = _input_names(self._inputs) or []
        return [taken[name] for name in names] if len(names) > 1 else taken[names[0]]

    def variables(self) -> dict[str, NDArray[np.generic]]:
        """Return the model's variables by the path that its author knows, sorted."""
        paths: dict[str, NDArray[np.generic]] = {}
        for variable in getattr(self._model, "variables", ()):
            path = str(getattr(variable, "path", variable.name)).removesuffix(":0")
            while path in paths:  # Keras 2 lets two layers' variables share a name.
                path += "'"
            paths[path] = np.asarray(variable.numpy())
        return dict(sorted(paths.items()))

    def trackables(self) -> list[object]:
        """Return what must be saved with a function that calls the model.

        Variables, lookup tables and assets, wherever in the model they lie. For Keras 3 the
        `tf.Variable` inside each `keras.Variable`: saved otherwise, the model answers in eager
        Python and fails every request in a server ("Could not find variable").
        """
        held = trackables_below(self._model)
        inner = [getattr(v, "_value", v) for v in getattr(self._model, "variables", ())]
        return list({id(item): item for item in (*held, *inner)}.values())


def trackables_below(root: object) -> list[object]:
    """Return the variables, resources and assets that an object reaches."""
    if not isinstance(root, tf.__internal__.tracking.Trackable):
        return []
    kinds = (tf.Variable, tf.saved_model.experimental.TrackableResource, tf.saved_model.Asset)
    return [item for item in tf.train.TrackableView(root).descendants() if isinstance(item, kinds)]


def _input_names(inputs: object) -> list[str] | None:
    """Return a Keras model's input names, None where it takes a dict of whatever it is given."""
    if inputs is None:
        return None
    if isinstance(inputs, Mapping):
        return list(inputs)
    if isinstance(inputs, list | tuple):
        return [str(tensor.name) for tensor in inputs]
    return [str(inputs.name)]  # type: ignore[attr-defined]


def _needed_features(
    names: Sequence[str] | None, contract: ServingContract
) -> tuple[TransformedFeature, ...]:
    if names is None:
        return contract.serving_features
    made = {feature.name: feature for feature in contract.transformed_features}
    if missing := sorted(set(names) - set(made)):
        raise BadInputError(
            f"Expected every input of the model among the transform graph's outputs, found the "
            f"inputs {missing} and the outputs {sorted(made)}. Name the model's inputs after "
            "transformed features, or return them from preprocessing_fn."
        )
    _refuse_labels([made[name] for name in names], contract)
    return tuple(f for f in contract.transformed_features if f.name in set(names))


def _refuse_labels(features: Sequence[TransformedFeature], contract: ServingContract) -> None:
    labels = set(contract.label_features)
    for feature in features:
        if found := sorted(labels & set(feature.raw_features)):
            raise BadInputError(
                "Expected no label among the raw features of the serving signature, found "
                f"{found}: the model takes the transformed feature {feature.name!r}, which depends "
                "on it. Clients do not send labels; take the feature out of the model's inputs."
            )


def _named_outputs(answer: object) -> dict[str, tf.Tensor]:
    if isinstance(answer, Mapping):
        named = {str(name): value for name, value in answer.items()}
    elif isinstance(answer, list | tuple):
        named = {f"output_{i}": value for i, value in enumerate(answer)}
    else:
        named = {"outputs": answer}
    for name, value in named.items():
        if isinstance(value, tf.SparseTensor | tf.RaggedTensor) or not named:
            raise BadInputError(
                f"Expected dense tensors as the model's outputs, found a {type(value).__name__} in "
                f"{name!r}. TF Serving answers dense tensors only; make it dense in the model."
            )
    return {name: tf.convert_to_tensor(value) for name, value in named.items()}
