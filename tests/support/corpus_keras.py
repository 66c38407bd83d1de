"""Small Keras models with the layers that act otherwise in training, of either Keras."""

from __future__ import annotations

from corpus_folder import normals


def classifier(keras: object) -> object:
    """Return a classifier of four numbers with dropout.

    Args:
        keras: The module `keras` or `tf_keras`.
    """
    keras.utils.set_random_seed(1)
    inputs = keras.Input((4,), name="x")
    hidden = keras.layers.Dense(8, activation="relu", name="hidden")(inputs)
    dropped = keras.layers.Dropout(0.5, name="drop")(hidden)
    return keras.Model(inputs, keras.layers.Dense(3, name="logits")(dropped))


def image_classifier(keras: object) -> object:
    """Return a classifier of small images with batch normalisation, whose statistics are set.

    Args:
        keras: The module `keras` or `tf_keras`.
    """
    keras.utils.set_random_seed(2)
    inputs = keras.Input((6, 6, 3), name="x")
    maps = keras.layers.Conv2D(4, 3, name="convolution")(inputs)
    norm = keras.layers.BatchNormalization(name="norm")
    pooled = keras.layers.GlobalAveragePooling2D(name="pool")(norm(maps))
    model = keras.Model(inputs, keras.layers.Dense(3, name="logits")(pooled))
    norm.set_weights([1 + normals(4, seed=n) ** 2 for n in range(4)])
    return model
