"""The ladder and the verdict, from arms' answers made by hand."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from tfx_parity.canary.inspection import ModelInspection, OpUse, RandomOpUse
from tfx_parity.canary.variables import ServedVariable
from tfx_parity.canary_validator.answers import Answers, Missing
from tfx_parity.canary_validator.comparing import Limits
from tfx_parity.canary_validator.coverage_check import no_coverage
from tfx_parity.canary_validator.decision import decide
from tfx_parity.canary_validator.ladder import Ladder, climb
from tfx_parity.canary_validator.recorded import Recorded
from tfx_parity.canary_validator.rungs import compare_all
from tfx_parity.comparison.tolerance import TolerancePolicy
from tfx_parity.contract import (
    Digests,
    Domain,
    RawFeature,
    ServingContract,
    TransformedFeature,
    VariableDigest,
)
from tfx_parity.findings import CauseCode, Decision, Verdict
from tfx_parity.protos import Example

COUNT = 400
RANDOM = np.random.default_rng(0)
SCORES = RANDOM.normal(size=(COUNT, 3)).astype(np.float32)
FEATURE = RANDOM.normal(size=(COUNT, 1)).astype(np.float32)
LIMITS = Limits(max_mismatch_rate=0.01, confidence=0.95)
PREDICTION_ARMS = ("T", "C", "C again", "C'", "C1", "Cs", "Cp", "A", "B", "R", "Rc", "Rr")
FEATURE_ARMS = ("M", "Bt", "Ct")
CONTRACT = ServingContract(
    raw_features=(RawFeature("f", "float32", "varlen", (1,), False, Domain()),),
    label_features=("label",),
    transformed_features=(TransformedFeature("f_xf", "float32", "fixed", (1,), ("f",)),),
    signatures={},
    missing_values={},
    digests=Digests("graph", "schema", "sample", {}),
    versions={},
)


def _examples(missing: frozenset[int] = frozenset()) -> list[bytes]:
    records = []
    for index in range(COUNT):
        example = Example()
        if index not in missing:
            example.features.feature["f"].float_list.value.append(float(index))
        records.append(example.SerializeToString())
    return records


def _answers(rows: np.ndarray, name: str) -> Answers:
    return Answers(tuple(range(len(rows))), {name: list(rows)}, {})


def _arms(changes: Mapping[str, np.ndarray | None]) -> dict[str, Answers | Missing]:
    """Return arms that all agree, but for the changed ones; None leaves an arm out."""
    arms: dict[str, Answers | Missing] = {}
    for name in (*PREDICTION_ARMS, *FEATURE_ARMS):
        output, rows = ("f_xf", FEATURE) if name in FEATURE_ARMS else ("scores", SCORES)
        rows = changes.get(name, rows)
        arms[name] = Missing("left out") if rows is None else _answers(rows, output)
    return arms


def _inspection(**changes: object) -> ModelInspection:
    fields = {
        "variables": (),
        "uninitialised_variables": (),
        "unservable_ops": (),
        "random_ops": (),
        "batch_statistics_ops": (),
        "narrowing_casts": (),
        "tensorflow_version": "2.16.2",
        "load_failure": None,
    }
    return ModelInspection(**(fields | changes))


def _climb(
    changes: Mapping[str, np.ndarray | None],
    *,
    inspection: ModelInspection | None = None,
    variables: tuple[VariableDigest, ...] = (),
    missing: frozenset[int] = frozenset(),
) -> Ladder:
    records, trained = _examples(missing), changes.get("T")
    recorded = Recorded(
        signature_name="serving_default",
        inputs={"examples": [np.array(record, dtype=object) for record in records]},
        outputs={"scores": list(SCORES if trained is None else trained)},
        transformed=None,
        coverage=(),
        variables=variables,
        contract=CONTRACT,
        source="made by hand",
    )
    rungs = compare_all(recorded, _arms(changes), TolerancePolicy(), LIMITS)
    coverage = no_coverage("made by hand")
    return climb(rungs, coverage, inspection or _inspection(), is_native=True)


def _decide(ladder: Ladder) -> tuple[Verdict, Decision]:
    coverage = no_coverage("made by hand").summary()
    return decide(ladder, (), coverage, LIMITS)


def _changed(rows: np.ndarray, share: float = 1.0, by: float = 0.1) -> np.ndarray:
    other = rows.copy()
    other[: int(len(rows) * share)] += by
    return other


OTHER = _changed(SCORES)
OTHER_FEATURE = _changed(FEATURE)
SERVED = ("C", "C again", "C'", "C1", "Cs", "Cp", "R", "Rc", "Rr")


def _all(arms: tuple[str, ...], rows: np.ndarray) -> dict[str, np.ndarray]:
    return dict.fromkeys(arms, rows)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"C again": OTHER}, CauseCode.NONDETERMINISTIC),
        ({"C'": OTHER}, CauseCode.REINITIALISED),
        ({"C1": OTHER}, CauseCode.BATCH_DEPENDENT),
        ({"Cs": OTHER}, CauseCode.BATCH_DEPENDENT),
        ({"C1": OTHER, "Cs": OTHER, "Cp": OTHER}, CauseCode.BATCH_DEPENDENT),
        ({"Cp": OTHER}, CauseCode.CONCURRENCY),
        (dict.fromkeys(("C again", "C'", "C1", "Cs", "Cp"), OTHER), CauseCode.NONDETERMINISTIC),
        (
            {**_all((*SERVED, "B"), OTHER), **_all(("Bt", "Ct"), OTHER_FEATURE)},
            CauseCode.PREPROCESSING_SKEW,
        ),
        (_all((*SERVED, "A", "B"), OTHER), CauseCode.WEIGHTS_DIFFER),
        (_all((*SERVED, "B"), OTHER), CauseCode.SIGNATURE_GLUE),
        (_all(SERVED, OTHER), CauseCode.GRAPH_OPTIMISATION),
        ({"R": OTHER}, CauseCode.TRANSPORT_SKEW),
        ({"Rc": OTHER}, CauseCode.TRANSPORT_SKEW),
        ({"R": OTHER, "Rc": OTHER}, CauseCode.TRANSPORT_SKEW),
        ({"Rr": OTHER}, CauseCode.TRANSPORT_SKEW),
    ],
    ids=lambda value: value.value if isinstance(value, CauseCode) else "",
)
def test_the_first_rung_that_differs_names_the_cause(
    changes: dict[str, np.ndarray], code: CauseCode
) -> None:
    """Arms that differ from one rung upwards give the code of that rung alone, and FAIL."""
    ladder = _climb(changes)

    assert [code] == [cause.code for cause in ladder.causes]
    assert Verdict.FAIL is _decide(ladder)[0]


def test_another_signature_that_is_right_does_not_accuse_the_transport() -> None:
    """serve_raw answers as the trainer did: what differs is serving_default, and not REST."""
    arms = tuple(arm for arm in SERVED if arm != "Rr")

    ladder = _climb(_all((*arms, "B"), OTHER))

    assert [CauseCode.SIGNATURE_GLUE] == [cause.code for cause in ladder.causes]


def test_arms_that_agree_pass() -> None:
    """Where every rung agrees there is no cause, and the bound is told."""
    ladder = _climb({})
    verdict, decision = _decide(ladder)

    assert (verdict, ladder.causes) == (Verdict.PASS, ())
    assert "0 of 400 examples differ: under 0.75% at 95% confidence" in decision.sentence


def test_a_missing_value_is_told_from_other_preprocessing() -> None:
    """Features that differ only where a raw feature is missing are MISSING_VALUE_SKEW."""
    missing = frozenset(range(20))
    features = FEATURE.copy()
    features[:20] += 1

    ladder = _climb({"Bt": features, "Ct": features}, missing=missing)

    assert [cause.code for cause in ladder.causes] == [CauseCode.MISSING_VALUE_SKEW]
    assert "f_xf (from f)" in ladder.causes[0].place


def test_noise_with_batch_statistics_in_the_graph_is_training_mode_first() -> None:
    """A training op in the graph explains the noise that it makes, which is told as well."""
    use = OpUse(op="FusedBatchNormV3", node="bn", function="f")

    ladder = _climb({"C1": OTHER}, inspection=_inspection(batch_statistics_ops=(use,)))

    expected = [CauseCode.TRAINING_MODE, CauseCode.BATCH_DEPENDENT]
    assert expected == [cause.code for cause in ladder.causes]


def test_a_state_that_requests_change_is_no_training_mode() -> None:
    """What is assigned explains no answer that changes though the same batch is asked."""
    use = OpUse(op="AssignVariableOp", node="state", function="f")

    ladder = _climb({"C again": OTHER}, inspection=_inspection(batch_statistics_ops=(use,)))

    assert [CauseCode.NONDETERMINISTIC] == [cause.code for cause in ladder.causes]


@pytest.mark.parametrize(("masks", "codes"), [(True, 2), (False, 1)], ids=["masks", "adds"])
def test_random_numbers_are_training_mode_where_they_mask(masks: bool, codes: int) -> None:
    """Dropout compares its random numbers and masks; noise that is added is no training phase."""
    use = RandomOpUse("RandomUniform", "uniform", "f", seeded=False, masks=masks)

    ladder = _climb({"C again": OTHER}, inspection=_inspection(random_ops=(use,)))

    expected = [CauseCode.TRAINING_MODE, CauseCode.NONDETERMINISTIC][-codes:]
    assert expected == [cause.code for cause in ladder.causes]


@pytest.mark.parametrize(
    ("by", "casts", "code", "place"),
    [
        (2e-3, 1, CauseCode.PRECISION_LOSS, "op Cast (node to_half)"),
        (2.0, 1, CauseCode.SIGNATURE_GLUE, "signature 'predict_transformed'"),
        (2e-3, 0, CauseCode.SIGNATURE_GLUE, "signature 'predict_transformed'"),
    ],
    ids=["slight", "not slight", "no cast"],
)
def test_equal_weights_and_casts_to_fewer_bits_are_a_loss_of_precision(
    by: float, casts: int, code: CauseCode, place: str
) -> None:
    """Only where the graph casts down and nothing differs by more than roundings."""
    trained = VariableDigest("dense/kernel", "float32", (2,), "exact", "half", "brain")
    served = ServedVariable("dense/kernel", "kernel", "float", (2,), "exact", reachable=True)
    other = (SCORES + np.float32(by)).astype(np.float32)
    uses = (OpUse("Cast", "to_half", "f"),) * casts

    ladder = _climb(
        _all((*SERVED, "A", "B"), other),
        inspection=_inspection(variables=(served,), narrowing_casts=uses),
        variables=(trained,),
    )

    assert [(code, place)] == [(cause.code, cause.place) for cause in ladder.causes]


def test_a_graph_that_reads_the_clock_is_told() -> None:
    """Two requests of one moment agree; what the trainer answered earlier does not."""
    use = RandomOpUse("Timestamp", "now", "f", seeded=False, masks=False)
    changes: dict[str, np.ndarray | None] = {**_all((*SERVED, "B"), OTHER)}
    changes |= dict.fromkeys(("A", "M", "Bt", "Ct", "Rr"))

    (cause,) = _climb(changes, inspection=_inspection(random_ops=(use,))).causes

    assert (CauseCode.NONDETERMINISTIC, "op Timestamp (node now)") == (cause.code, cause.place)


def test_noise_shadows_what_it_would_make_differ() -> None:
    """Behind a noisy canary the rungs that need its answers are not compared, and say why."""
    ladder = _climb({"C again": OTHER, "R": OTHER})

    rung = ladder.rungs["C", "R"].rung
    assert (rung.state, "NONDETERMINISTIC" in rung.reason) == ("not compared", True)


def test_rounded_weights_are_precision_loss_with_their_names() -> None:
    """A served variable with the digest of the rounded trained one proves the rounding."""
    trained = VariableDigest("dense/kernel", "float32", (2,), "exact", "half", "brain")
    served = ServedVariable("dense/kernel", "", "float", (2,), "half", True)

    ladder = _climb(
        _all((*SERVED, "A", "B"), OTHER),
        inspection=_inspection(variables=(served,)),
        variables=(trained,),
    )

    assert [cause.code for cause in ladder.causes] == [CauseCode.PRECISION_LOSS]
    assert ladder.causes[0].place == "variable dense/kernel (float16)"


def test_equal_weights_are_never_blamed() -> None:
    """Where every trained variable is served as it was, the glue around them is named."""
    trained = VariableDigest("dense/kernel", "float32", (2,), "exact", "half", "brain")
    served = ServedVariable("dense/kernel", "", "float", (2,), "exact", True)

    ladder = _climb(
        _all((*SERVED, "A", "B"), OTHER),
        inspection=_inspection(variables=(served,)),
        variables=(trained,),
    )

    assert [cause.code for cause in ladder.causes] == [CauseCode.SIGNATURE_GLUE]


def test_without_arms_beside_the_trainer_the_words_say_what_is_missing() -> None:
    """With T and C alone the difference is WEIGHTS_DIFFER "or preprocessing", arms named."""
    changes: dict[str, np.ndarray | None] = {**_all((*SERVED, "B"), OTHER)}
    changes |= dict.fromkeys(("A", "M", "Bt", "Ct", "Rr"))

    (cause,) = _climb(changes).causes

    assert CauseCode.WEIGHTS_DIFFER is cause.code
    assert "or preprocessing. Arms missing: A, Bt, Ct, M, Rr." in cause.evidence.detail


def test_a_model_that_is_right_in_process_is_not_accused() -> None:
    """Where T and B agree the rewriter did it, though T and C are all that is recorded."""
    changes: dict[str, np.ndarray | None] = {**_all(SERVED, OTHER)}
    changes |= dict.fromkeys(("A", "M", "Bt", "Ct", "Rr"))

    assert [CauseCode.GRAPH_OPTIMISATION] == [cause.code for cause in _climb(changes).causes]


def test_nan_on_one_side_is_told_as_such() -> None:
    """A NaN that only the canary answers is NON_FINITE, before anything else about values."""
    broken = SCORES.copy()
    broken[:50, 1] = np.nan

    ladder = _climb(_all(SERVED, broken))

    assert CauseCode.NON_FINITE is ladder.causes[0].code
    assert Verdict.FAIL is _decide(ladder)[0]


def test_infinities_alone_do_not_accuse_the_weights() -> None:
    """Where T and C alone are known and all that differs is infinite, nothing else is said."""
    broken = SCORES.copy()
    broken[:50, 1] = -np.inf
    changes: dict[str, np.ndarray | None] = {**_all((*SERVED, "B"), broken)}
    changes |= dict.fromkeys(("A", "M", "Bt", "Ct", "Rr"))

    assert [CauseCode.NON_FINITE] == [cause.code for cause in _climb(changes).causes]


def test_nan_on_both_sides_leaves_nothing_to_prove() -> None:
    """A reference that is broken itself is INCONCLUSIVE, however well the canary agrees."""
    broken = SCORES.copy()
    broken[:50] = np.nan
    ladder = _climb(_all(PREDICTION_ARMS, broken))

    verdict, decision = _decide(ladder)

    assert Verdict.INCONCLUSIVE is verdict
    assert "the trainer answers NaN on 12.5% of the examples" in decision.sentence


def test_too_few_examples_are_inconclusive_and_say_how_many_are_needed() -> None:
    """Agreement on fewer examples than the bound needs is not a pass."""
    few = {name: rows[:50] for name, rows in dict.fromkeys(PREDICTION_ARMS, SCORES).items()}
    few |= dict.fromkeys(FEATURE_ARMS, FEATURE[:50])

    verdict, decision = _decide(_climb(few))

    assert Verdict.INCONCLUSIVE is verdict
    assert "299 examples would be needed" in decision.sentence


def test_nothing_compared_is_never_a_pass() -> None:
    """With no arm but the canary's own there is no verdict on the model."""
    alone: dict[str, np.ndarray | None] = dict.fromkeys(
        ("T", "A", "B", "M", "Bt", "Ct", "R", "Rc", "Rr")
    )

    assert Verdict.INCONCLUSIVE is _decide(_climb(alone))[0]


def test_a_rate_within_the_allowance_but_not_proven_is_inconclusive() -> None:
    """Three of 400 differ: under the one percent allowed, and its bound is not."""
    ladder = _climb(_all((*SERVED, "A", "B"), _changed(SCORES, share=0.0075)))

    assert Verdict.INCONCLUSIVE is _decide(ladder)[0]
    assert [cause.code for cause in ladder.causes] == [CauseCode.WEIGHTS_DIFFER]
