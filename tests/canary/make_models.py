"""Make the SavedModels of the canary's tests: `python make_models.py DIR`.

They are made by TensorFlow itself, each at DIR/NAME/1.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

import keras
import tensorflow as tf
import tf_keras

DTYPES = (
    "float32", "float64", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64",
    "bool", "string", "half", "bfloat16",
)  # fmt: skip


class Holder(tf.Module):
    """A module that things can be tracked on."""


def dtypes(path: str) -> None:
    """One identity signature for each dtype."""
    module, signatures = Holder(), {}
    for name in DTYPES:
        spec = tf.TensorSpec(None, getattr(tf, name), name="v")
        function = tf.function(lambda v: {"o": tf.identity(v)}, input_signature=[spec])
        setattr(module, f"f_{name}", function)
        signatures[f"t_{name}"] = function
    tf.saved_model.save(module, path, signatures=signatures)


class Scaled(tf.Module):
    """`y = factor x`."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = tf.Variable(factor)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def serve(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        """Answer."""
        return {"y": x * self.factor}


def scaled(path: str) -> None:
    """Three versions: version n answers `y = n x`."""
    for version in (1, 2, 3):
        module = Scaled(float(version))
        tf.saved_model.save(
            module,
            str(Path(path).with_name(str(version))),
            signatures={"serving_default": module.serve},
        )


class Affine(tf.Module):
    """`y = x w + b`, and one signature for each thing a server can suffer."""

    def __init__(self) -> None:
        super().__init__()
        self.w = tf.Variable([[1.0, -2.0], [0.5, 0.25], [3.0, 1.0]], name="w")
        self.b = tf.Variable([0.125, -0.5], name="b")

    @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32, name="x")])
    def serve(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        """Answer."""
        logits = tf.matmul(x, self.w) + self.b
        return {"y": logits, "text_bytes": tf.strings.as_string(tf.reduce_sum(logits, axis=1))}

    @tf.function(input_signature=[tf.TensorSpec([], tf.int64, name="turns")])
    def spin(self, turns: tf.Tensor) -> dict[str, tf.Tensor]:
        """Take as long as asked."""
        last = tf.while_loop(lambda i: i < turns, lambda i: [i + 1], [tf.constant(0, tf.int64)])
        return {"turns": last[0]}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def crash(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        """Take the server down."""
        tf.print("about to abort", output_stream=sys.stderr)
        # Abort is not stateful: nothing runs it unless something depends on it.
        with tf.control_dependencies([tf.raw_ops.Abort(error_msg="aborted on purpose")]):
            return {"x": x + self.b[0]}

    @tf.function(input_signature=[tf.TensorSpec([], tf.int64, name="lines")])
    def chatter(self, lines: tf.Tensor) -> dict[str, tf.Tensor]:
        """Print a kilobyte a line, on both streams."""
        for line in tf.range(lines):
            tf.print("line", line, "." * 900, output_stream=sys.stderr)
            tf.print("on standard output", line, output_stream=sys.stdout)
        return {"lines": lines}


class Fifth(tf.Module):
    """Counts its requests, and takes the server down with the fifth."""

    def __init__(self) -> None:
        super().__init__()
        self.count = tf.Variable(0, name="count")

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def serve(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        """Answer, while it goes well."""
        count = self.count.assign_add(1)
        tf.print("request", count, output_stream=sys.stderr)
        if count >= 5:
            with tf.control_dependencies([tf.raw_ops.Abort(error_msg="the fifth")]):
                count = tf.identity(count)
        return {"count": count, "x": x}


def fifth(path: str) -> None:
    """A model that answers four requests."""
    module = Fifth()
    tf.saved_model.save(module, path, signatures={"serving_default": module.serve})


def affine(path: str) -> None:
    """A plain tf.Module."""
    module = Affine()
    tf.saved_model.save(
        module,
        path,
        signatures={
            "serving_default": module.serve,
            "spin": module.spin,
            "crash": module.crash,
            "chatter": module.chatter,
        },
    )


def division(path: str) -> None:
    """A division that the graph rewriter makes a multiplication, inside a function."""
    module = Holder()
    module.serve = tf.function(
        lambda x: {"y": tf.floor(x / 61.0)},
        input_signature=[tf.TensorSpec([None], tf.float32, name="x")],
    )
    tf.saved_model.save(module, path, signatures={"serving_default": module.serve})


def vocabulary(path: str) -> None:
    """A string lookup table that is filled from an asset."""
    file = Path(path).parent / "vocabulary.txt"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("Adelie\nChinstrap\nGentoo\n")
    module = Holder()
    module.asset = tf.saved_model.Asset(str(file))
    module.table = tf.lookup.StaticVocabularyTable(
        tf.lookup.TextFileInitializer(
            module.asset, tf.string, tf.lookup.TextFileIndex.WHOLE_LINE, tf.int64,
            tf.lookup.TextFileIndex.LINE_NUMBER,
        ),
        num_oov_buckets=2,
    )  # fmt: skip
    module.serve = tf.function(
        lambda s: {"id": module.table.lookup(s)},
        input_signature=[tf.TensorSpec([None], tf.string, name="s")],
    )
    tf.saved_model.save(module, path, signatures={"serving_default": module.serve})


def _of_x(
    module: tf.Module, function: object, path: str, width: int = 3, **options: object
) -> None:
    module.serve = tf.function(
        function, input_signature=[tf.TensorSpec([None, width], tf.float32, name="x")], **options
    )
    tf.saved_model.save(module, path, signatures={"serving_default": module.serve})


def python_function(path: str) -> None:
    """An op without a kernel outside Python, inside a function that a function calls."""
    inner = tf.function(lambda x: tf.py_function(lambda v: v * 2, [x], tf.float32))
    _of_x(Holder(), lambda x: {"y": tf.cond(tf.size(x) > 0, lambda: inner(x), lambda: x)}, path)


def compiled(path: str) -> None:
    """A function that must be compiled by XLA, which TF Serving does not do unless told."""
    inner = tf.function(lambda x: x * 2, jit_compile=True)
    _of_x(Holder(), lambda x: {"y": inner(x)}, path)


def compiled_below(path: str) -> None:
    """The same as a signature itself, in a loop and in a branch; and one that need not be."""
    module = Holder()
    inner = tf.function(lambda x: x * 2, jit_compile=True)
    plain = tf.function(lambda x: x * 2, jit_compile=False)
    signatures = {}
    for name, function, options in (
        ("serving_default", lambda x: {"y": x * 2}, {"jit_compile": True}),
        ("loop", lambda x: {"y": tf.while_loop(lambda i, _: i < 1, lambda i, v: [i + 1, inner(v)],
                                               [tf.constant(0), x])[1]}, {}),
        ("branch", lambda x: {"y": tf.cond(tf.size(x) > 0, lambda: inner(x), lambda: x)}, {}),
        ("plain", lambda x: {"y": plain(x)}, {}),
    ):  # fmt: skip
        concrete = tf.function(
            function, input_signature=[tf.TensorSpec([None, 3], tf.float32, name="x")], **options
        )
        setattr(module, name, concrete)
        signatures[name] = concrete
    tf.saved_model.save(module, path, signatures=signatures)


def random(path: str) -> None:
    """Stateful random ops with and without a seed, and a stateless one with a fixed seed."""
    module = Holder()
    signatures = {}
    for name, function in {
        "unseeded": lambda x: {"y": x + tf.raw_ops.RandomUniform(shape=tf.shape(x), dtype=x.dtype)},
        "seeded": lambda x: {
            "y": x + tf.raw_ops.RandomUniform(shape=tf.shape(x), dtype=x.dtype, seed=7, seed2=8)
        },
        "stateless": lambda x: {"y": x + tf.random.stateless_uniform(tf.shape(x), [1, 2])},
    }.items():
        concrete = tf.function(
            function, input_signature=[tf.TensorSpec([None, 3], tf.float32, name="x")]
        )
        setattr(module, name, concrete)
        signatures[name] = concrete
    tf.saved_model.save(module, path, signatures=signatures)


def batch_norm(path: str) -> None:
    """Batch normalisation (tf_keras, images) called as in training."""
    module = Holder()
    module.layer = tf_keras.layers.BatchNormalization()
    module.layer.build((None, 2, 2, 3))
    module.serve = tf.function(
        lambda x: {"y": module.layer(x, training=True)},
        input_signature=[tf.TensorSpec([None, 2, 2, 3], tf.float32, name="x")],
    )
    tf.saved_model.save(module, path, signatures={"serving_default": module.serve})


def _keras3_model(*, dropout: bool = False) -> keras.Model:
    keras.utils.set_random_seed(3)
    inputs = keras.Input([3], name="x")
    hidden = keras.layers.Dense(4, activation="relu")(inputs)
    hidden = keras.layers.Dropout(0.5)(hidden) if dropout else hidden
    return keras.Model(inputs, keras.layers.Dense(2)(hidden))


def keras3_lost(path: str) -> None:
    """A Keras 3 model held by a module: eager Python answers, every session request fails."""
    module = Holder()
    module.model = _keras3_model()
    _of_x(module, lambda x: {"y": module.model(x, training=False)}, path)


def keras3_dropout(path: str) -> None:
    """A Keras 3 model with dropout left on, its variables tracked."""
    module = Holder()
    module.model = _keras3_model(dropout=True)
    module.values = [variable._value for variable in module.model.variables]
    _of_x(module, lambda x: {"y": module.model(x, training=True)}, path)


def keras3_export(path: str) -> None:
    """A Keras 3 model exported by its own exporter."""
    model = _keras3_model()
    archive = keras.export.ExportArchive()
    archive.track(model)
    archive.add_endpoint(
        "serving_default",
        lambda x: {"y": model(x, training=False)},
        input_signature=[tf.TensorSpec([None, 3], tf.float32, name="x")],
    )
    archive.write_out(path, verbose=False)


def keras2(path: str) -> None:
    """A tf_keras model."""
    tf_keras.utils.set_random_seed(4)
    inputs = tf_keras.Input([3], name="x")
    hidden = tf_keras.layers.Dense(4, activation="relu")(inputs)
    hidden = tf_keras.layers.BatchNormalization()(hidden)
    model = tf_keras.Model(inputs, tf_keras.layers.Dense(2)(hidden))
    model.save(path, save_format="tf")


def _v1_signatures(serialized: tf.Tensor) -> dict[str, object]:
    v1 = tf.compat.v1
    parsed = tf.io.parse_example(serialized, {"x": tf.io.FixedLenFeature([2], tf.float32)})
    scores = tf.concat([parsed["x"], 1.0 - parsed["x"]], axis=1)
    classes = tf.tile(tf.constant([[b"a", b"b", b"c", b"d"]]), [tf.shape(scores)[0], 1])
    build = v1.saved_model.signature_def_utils
    return {
        "classify": build.classification_signature_def(serialized, classes, scores),
        "regress": build.regression_signature_def(serialized, tf.reduce_sum(parsed["x"], axis=1)),
        "serving_default": build.predict_signature_def(
            {"examples": serialized}, {"scores": scores}
        ),
    }


def estimator(path: str) -> None:
    """The three signatures of an estimator, over serialized tf.Examples."""
    v1 = tf.compat.v1
    with v1.Graph().as_default(), v1.Session() as session:
        serialized = v1.placeholder(tf.string, [None], name="examples")
        builder = v1.saved_model.Builder(path)
        builder.add_meta_graph_and_variables(
            session, ["serve"], signature_def_map=_v1_signatures(serialized)
        )
        builder.save()


def _half_plus(added: float, base: Path) -> None:
    """`y = x / 2 + added` with a signature for each API, version 123, as an estimator saves it."""
    v1 = tf.compat.v1
    build = v1.saved_model.signature_def_utils
    with v1.Graph().as_default(), v1.Session() as session:
        serialized = v1.placeholder(tf.string, name="tf_example")
        parsed = tf.io.parse_example(
            tf.reshape(serialized, [-1]), {"x": tf.io.FixedLenFeature([1], tf.float32)}
        )
        x = tf.identity(parsed["x"], name="x")
        y = tf.add(x * 0.5, added, name="y")
        builder = v1.saved_model.Builder(str(base / "123"))
        builder.add_meta_graph_and_variables(
            session,
            ["serve"],
            signature_def_map={
                "serving_default": build.predict_signature_def({"x": x}, {"y": y}),
                "classify_x_to_y": build.classification_signature_def(serialized, None, y),
                "regress_x_to_y": build.regression_signature_def(serialized, y),
            },
        )
        builder.save()


def half_plus_two(path: str) -> None:
    """A model like that of TensorFlow Serving's tests."""
    _half_plus(2.0, Path(path).parent)


def half_plus_three(path: str) -> None:
    """Another one."""
    _half_plus(3.0, Path(path).parent)


def half_plus_two_tf2(path: str) -> None:
    """The first of them as TensorFlow 2 saves it, version 123: every method name is Predict's."""
    module = Holder()
    module.a, module.b = tf.Variable(0.5), tf.Variable(2.0)

    def half_plus_two_of(examples: tf.Tensor) -> tf.Tensor:
        x = tf.io.parse_example(examples, {"x": tf.io.FixedLenFeature([1], tf.float32)})["x"]
        return module.a * x + module.b

    texts = [tf.TensorSpec([None], tf.string, name="inputs")]
    module.classify = tf.function(lambda inputs: {"scores": half_plus_two_of(inputs)}, texts)
    module.regress = tf.function(lambda inputs: {"outputs": half_plus_two_of(inputs)}, texts)
    module.predict = tf.function(
        lambda x: {"y": module.a * x + module.b}, [tf.TensorSpec([1], tf.float32, name="x")]
    )
    signatures = {
        "serving_default": module.predict,
        "classify_x_to_y": module.classify,
        "regress_x_to_y": module.regress,
    }
    tf.saved_model.save(module, str(Path(path).parent / "123"), signatures=signatures)


def mirrored(path: str) -> None:
    """A Keras model made under a strategy of two processors, as TensorFlow 2 saves it."""
    strategy = tf.distribute.MirroredStrategy(["/cpu:0", "/cpu:1"])
    with strategy.scope():
        model = tf_keras.Sequential(
            [
                tf_keras.layers.Input([1], dtype="float32", name="x"),
                tf_keras.layers.Dense(1, kernel_initializer="ones", bias_initializer="zeros"),
                tf_keras.layers.Lambda(lambda x: x, name="y"),
            ]
        )
    tf.saved_model.save(model, path)


def signatures(path: str) -> None:
    """A module with several signatures."""
    module = Holder()
    spec = [tf.TensorSpec([None], tf.float32, name="x")]
    module.half = tf.function(lambda x: {"y": x / 2}, input_signature=spec)
    module.double = tf.function(lambda x: {"y": x * 2}, input_signature=spec)
    tf.saved_model.save(module, path, signatures={"half": module.half, "double": module.double})


def endless(path: str) -> None:
    """A model whose initialisation never ends."""
    v1 = tf.compat.v1
    with v1.Graph().as_default(), v1.Session() as session:
        v1.disable_control_flow_v2()
        x = v1.placeholder(tf.float32, [None], name="x")
        loop = v1.while_loop(lambda i: i >= 0, lambda i: [i * 1], [tf.constant(1)])
        signature = v1.saved_model.signature_def_utils.predict_signature_def({"x": x}, {"y": x + 1})
        builder = v1.saved_model.Builder(path)
        builder.add_meta_graph_and_variables(
            session, ["serve"], signature_def_map={"serving_default": signature},
            main_op=tf.group(loop),
        )  # fmt: skip
        builder.save()


MODELS = (
    affine, fifth, scaled, dtypes, division, vocabulary, python_function, compiled,
    compiled_below, random, batch_norm, keras3_lost, keras3_dropout, keras3_export, keras2,
    estimator, half_plus_two, half_plus_three, half_plus_two_tf2, mirrored, signatures, endless,
)  # fmt: skip


def main() -> None:
    """Make them all, on two processors that TensorFlow takes for devices."""
    (processor,) = tf.config.list_physical_devices("CPU")
    device = tf.config.LogicalDeviceConfiguration()
    tf.config.set_logical_device_configuration(processor, [device, device])
    for make in MODELS:
        make(str(Path(sys.argv[1]) / make.__name__ / "1"))


if __name__ == "__main__":
    main()
