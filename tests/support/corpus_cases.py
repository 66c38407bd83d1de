"""The corpus of planted faults: what each case must give."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """A case and what its check must say.

    Attributes:
        name: Its builder's name.
        plants: What is planted, in a few words.
        row: The number of its root cause in docs/faults.md; None where none was reported.
        library: What the model is made with.
        verdict: What the check must say.
        codes: The codes of all causes, the first cause first.
        place: What the first cause's place must hold.
    """

    name: str
    plants: str
    row: int | None
    library: str
    verdict: str
    codes: tuple[str, ...]
    place: str = ""


def _fault(
    name: str, plants: str, row: int | None, codes: str, place: str, library: str = "tf.Module"
) -> Case:
    return Case(name, plants, row, library, "FAIL", tuple(codes.split()), place)


FAULTS = (
    _fault("truncated_graph", "saved_model.pb cut short", 28, "LOAD_FAILED", "model"),
    _fault("half_copied_version", "the variables are not there", 28, "UNINITIALISED", "variable"),
    _fault(
        "op_of_another_tensorflow",
        "an op that this TensorFlow does not know",
        27,
        "UNSERVABLE_OP",
        "op SoftmaxV9",
    ),
    _fault("lost_vocabulary", "a vocabulary is lost", 11, "MISSING_ASSET", "assets/colour"),
    _fault("corrupt_warmup", "a warm-up file of rubbish", 31, "WARMUP_FAILED", "warmup_requests"),
    _fault(
        "warmup_of_another_signature",
        "warm-up requests for a signature that was renamed",
        31,
        "WARMUP_FAILED",
        "warmup_requests",
    ),
    _fault(
        "changed_vocabulary",
        "a vocabulary in another order",
        28,
        "TRANSFORM_GRAPH_STALE PREPROCESSING_SKEW",
        "model",
    ),
    _fault(
        "predictions_of_another_transform",
        "trained on another run of the transform graph",
        28,
        "TRANSFORM_GRAPH_STALE",
        "model",
    ),
    _fault(
        "written_by_another_tensorflow",
        "a model that TensorFlow 2.11 wrote",
        27,
        "VERSION_MISMATCH",
        "TensorFlow 2.11 in the model",
    ),
    _fault(
        "scaling_forgotten",
        "a z-score that serving leaves out",
        29,
        "PREPROCESSING_SKEW",
        "size_z (from size)",
    ),
    _fault(
        "scaled_twice",
        "a scaling that serving does twice",
        5,
        "PREPROCESSING_SKEW",
        "vector_01 (from vector)",
    ),
    _fault(
        "mean_for_missing",
        "a missing number filled with the mean",
        1,
        "MISSING_VALUE_SKEW",
        "count_z (from count)",
    ),
    _fault(
        "empty_string_for_absent",
        "an absent string sent as an empty one",
        2,
        "MISSING_VALUE_SKEW",
        "tags_id (from tags)",
    ),
    _fault(
        "key_of_another_spelling",
        "a feature parsed under another key, with a default",
        3,
        "PREPROCESSING_SKEW TRANSPORT_SKEW MISSING_VALUE_SKEW",
        "colour_id (from colour)",
    ),
    _fault(
        "float16_weights", "weights through float16", None, "PRECISION_LOSS", "kernel (float16)"
    ),
    _fault("bfloat16_weights", "weights through bfloat16", 17, "PRECISION_LOSS", "(bfloat16)"),
    _fault(
        "exported_before_the_last_step",
        "weights of one step before the last",
        28,
        "WEIGHTS_DIFFER",
        "kernel",
    ),
)
CLEAN: tuple[Case, ...] = ()
CASES = (*FAULTS, *CLEAN)
