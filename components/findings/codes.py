"""The causes of a difference, by stable codes, in the order in which they are looked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class CauseCode(str, Enum):
    """What made a served model answer otherwise than its trainer; the first found comes first."""

    LOAD_FAILED = "LOAD_FAILED"
    MISSING_ASSET = "MISSING_ASSET"
    WARMUP_FAILED = "WARMUP_FAILED"
    UNSERVABLE_OP = "UNSERVABLE_OP"
    SIGNATURE_MISMATCH = "SIGNATURE_MISMATCH"
    LABEL_REQUIRED = "LABEL_REQUIRED"
    DTYPE_MISMATCH = "DTYPE_MISMATCH"
    SHAPE_MISMATCH = "SHAPE_MISMATCH"
    UNINITIALISED = "UNINITIALISED"
    REQUEST_FAILED = "REQUEST_FAILED"
    TRANSFORM_GRAPH_STALE = "TRANSFORM_GRAPH_STALE"
    TRAINING_MODE = "TRAINING_MODE"
    NONDETERMINISTIC = "NONDETERMINISTIC"
    REINITIALISED = "REINITIALISED"
    BATCH_DEPENDENT = "BATCH_DEPENDENT"
    CONCURRENCY = "CONCURRENCY"
    NON_FINITE = "NON_FINITE"
    PREPROCESSING_SKEW = "PREPROCESSING_SKEW"
    MISSING_VALUE_SKEW = "MISSING_VALUE_SKEW"
    PRECISION_LOSS = "PRECISION_LOSS"
    WEIGHTS_DIFFER = "WEIGHTS_DIFFER"
    SIGNATURE_GLUE = "SIGNATURE_GLUE"
    GRAPH_OPTIMISATION = "GRAPH_OPTIMISATION"
    RUNTIME_SKEW = "RUNTIME_SKEW"
    TRANSPORT_SKEW = "TRANSPORT_SKEW"
    VERSION_MISMATCH = "VERSION_MISMATCH"


@dataclass(frozen=True)
class Meaning:
    """What a code says to people.

    Attributes:
        family: preprocessing, input handling, run time, types or initialisation.
        summary: What happened, in a few words.
        advice: What to do, in one sentence.
    """

    family: str
    summary: str
    advice: str


MEANINGS: Mapping[CauseCode, Meaning] = {
    CauseCode.LOAD_FAILED: Meaning(
        "initialisation",
        "the server cannot load the model",
        "Export the model again and compare the folder's files with what was exported.",
    ),
    CauseCode.MISSING_ASSET: Meaning(
        "initialisation",
        "a file that the model reads at start is not there",
        "Save the vocabulary with the model: keep the layer or table that reads it as an attribute "
        "of the saved module.",
    ),
    CauseCode.WARMUP_FAILED: Meaning(
        "initialisation",
        "a warm-up request fails, and with it the load",
        "Write assets.extra/tf_serving_warmup_requests anew from requests that the model answers.",
    ),
    CauseCode.UNSERVABLE_OP: Meaning(
        "initialisation",
        "the graph holds an op that a server cannot run",
        "Replace the op by TensorFlow ops; Python code (py_function, numpy_function) does not "
        "leave the training process.",
    ),
    CauseCode.SIGNATURE_MISMATCH: Meaning(
        "input handling",
        "the signature offers other names than were recorded",
        "Export the signature under the names of the recorded predictions, or record them anew.",
    ),
    CauseCode.LABEL_REQUIRED: Meaning(
        "input handling",
        "the model asks its clients for the label",
        "Take the label out of the feature spec that the serving function parses with.",
    ),
    CauseCode.DTYPE_MISMATCH: Meaning(
        "types",
        "a tensor has another type than was recorded",
        "Cast inside the serving function, so that the signature keeps the recorded type.",
    ),
    CauseCode.SHAPE_MISMATCH: Meaning(
        "input handling",
        "a tensor has another shape than was recorded",
        "Let the model answer one row an example, in the recorded shape.",
    ),
    CauseCode.UNINITIALISED: Meaning(
        "initialisation",
        "a variable or table that the model reads has no value in a server",
        "Track every variable and table by the saved module (Keras 3: use export_for_serving or "
        "keras.export.ExportArchive, not tf.saved_model.save).",
    ),
    CauseCode.REQUEST_FAILED: Meaning(
        "initialisation",
        "the server refuses or fails requests that were recorded with an answer",
        "Send the failing request from the evidence to the model and follow the server's message.",
    ),
    CauseCode.TRANSFORM_GRAPH_STALE: Meaning(
        "preprocessing",
        "the model holds another transform graph than the trainer used",
        "Export the model with the transform graph that it was trained on.",
    ),
    CauseCode.TRAINING_MODE: Meaning(
        "run time",
        "the model was exported in its training mode",
        "Call the model with training=False in the serving function.",
    ),
    CauseCode.NONDETERMINISTIC: Meaning(
        "run time",
        "the same request gets different answers",
        "Take random ops out of the serving function, or derive their seed from the input.",
    ),
    CauseCode.REINITIALISED: Meaning(
        "initialisation",
        "another start of the server gives other answers",
        "Restore every variable and table from the export: none may be initialised at load.",
    ),
    CauseCode.CONCURRENCY: Meaning(
        "run time",
        "requests that run at the same time change each other's answers",
        "Take variables that requests write to out of the serving function.",
    ),
    CauseCode.BATCH_DEPENDENT: Meaning(
        "input handling",
        "an example's answer depends on the examples beside it",
        "Use statistics of training instead of the batch's, and reduce over features only.",
    ),
    CauseCode.NON_FINITE: Meaning(
        "types",
        "one side answers NaN or infinity where the other answers a number",
        "Look for overflow, division by zero or log of zero that only one of the paths guards.",
    ),
    CauseCode.PREPROCESSING_SKEW: Meaning(
        "preprocessing",
        "serving makes other features of the same raw example",
        "Apply the transform graph in the serving function, and nothing beside it.",
    ),
    CauseCode.MISSING_VALUE_SKEW: Meaning(
        "preprocessing",
        "serving fills missing values otherwise than training",
        "Fill missing values inside preprocessing_fn only.",
    ),
    CauseCode.PRECISION_LOSS: Meaning(
        "types",
        "the served weights are the trained ones, rounded",
        "Export the weights in the precision of training, or record predictions of the rounded "
        "model.",
    ),
    CauseCode.WEIGHTS_DIFFER: Meaning(
        "initialisation",
        "the served model does not hold the weights that the trainer asked",
        "Export after the last training step, and from the very model that was asked.",
    ),
    CauseCode.SIGNATURE_GLUE: Meaning(
        "input handling",
        "features and weights agree; what joins them in the signature does not",
        "Compare order, casts and post-processing in the serving function with the trainer's call.",
    ),
    CauseCode.GRAPH_OPTIMISATION: Meaning(
        "run time",
        "the server's graph rewriter changes the answers",
        "Let no decision hang on this step's last bits, and report the rewrite to TensorFlow.",
    ),
    CauseCode.RUNTIME_SKEW: Meaning(
        "run time",
        "the server computes the same graph to other answers",
        "Compare the server's TensorFlow version and build with the trainer's.",
    ),
    CauseCode.TRANSPORT_SKEW: Meaning(
        "input handling",
        "the same request gets another answer over REST than over gRPC",
        "Send what JSON cannot carry (missing values, types) as serialized tf.Examples in base64.",
    ),
    CauseCode.VERSION_MISMATCH: Meaning(
        "run time",
        "the server is of another TensorFlow than the model",
        "Serve with the TensorFlow minor version that the model was exported with, or export anew.",
    ),
}
