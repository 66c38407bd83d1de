"""Parity results made by hand, one for every kind of report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from tfx_parity.findings import (
    FEATURES,
    PREDICTIONS,
    Arm,
    Cause,
    CauseCode,
    Consequence,
    Coverage,
    Decision,
    Evidence,
    MetricSides,
    OutputSummary,
    PairSummary,
    ParityResult,
    RatioHistogram,
    Rung,
    Scatter,
    SlicedMetric,
    Verdict,
    WorstElement,
    no_metrics,
)

COUNT = 344
EDGES = (0.0, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0, 1e3, 1e4)
RAW = {"island": "Biscoe", "body_mass_g": "4500"}
STAGES = {
    "T": "training",
    "M": "training",
    "A": "in process",
    "B": "in process",
    "Bt": "in process",
    "C": "canary",
    "C again": "canary",
    "C'": "canary",
    "C1": "canary",
    "Cs": "canary",
    "Cp": "canary",
    "Ct": "canary",
    "R": "REST",
    "Rc": "REST",
    "Rr": "REST",
}
PAIRS = (
    *(("C", name) for name in ("C again", "C'", "C1", "Cs", "Cp")),
    *(("T", "C"), ("M", "Bt"), ("T", "A"), ("A", "B"), ("Bt", "Ct"), ("B", "C")),
    *(("C", name) for name in ("R", "Rc", "Rr")),
)
_FEATURE_ARMS = {"M", "Bt", "Ct"}


def arm(name: str, *, failed: int = 0, missing: str | None = None) -> Arm:
    """Return an arm that answered every example but for those that failed."""
    gives = FEATURES if name in _FEATURE_ARMS else PREDICTIONS
    answered = 0 if missing is not None else COUNT - failed
    return Arm(name, f"what {name} answers", STAGES[name], gives, answered, failed, missing)


def rung(pair: tuple[str, str], state: str = "agrees", reason: str = "") -> Rung:
    """Return a rung in a state."""
    if state == "not compared":
        return Rung(pair, 0, 0, None, None, None, state, reason)
    mismatching = {"agrees": 0, "undecided": 2, "differs": 40}[state]
    ratio = {"agrees": 0.02, "undecided": 3.0, "differs": 5321.5}[state]
    return Rung(pair, COUNT, mismatching, 0.0087, ratio, 2e-7, state)


def worst(**changes: object) -> WorstElement:
    """Return an element that differs."""
    fields: dict[str, object] = {
        "example": 7,
        "output": "scores",
        "index": (1,),
        "reference": "0.25",
        "candidate": "0.5",
        "is_string": False,
        "ratio": 5321.5,
        "ulps": 8_388_608,
        "raw": RAW,
    }
    return WorstElement(**(fields | changes))  # type: ignore[arg-type]


def output(name: str = "scores", **changes: object) -> OutputSummary:
    """Return an output of three scores that differs a little."""
    fields: dict[str, object] = {
        "name": name,
        "dtype": "float32",
        "tolerance": "|a-b| <= 1e-06 + 0.0001 * |reference|",
        "examples": COUNT,
        "mismatching_examples": 40,
        "elements": 3 * COUNT,
        "mismatching_elements": 41,
        "max_ratio": 5321.5,
        "max_difference": 0.25,
        "ratios": RatioHistogram(EDGES, (900, 50, 20, 10, 6, 5, 20, 10, 5, 5, 1, 0)),
        "scatter": Scatter((0.25, 0.1, 0.9), (0.5, 0.1, 0.9), 1),
        "consequence": Consequence("the greatest of 3 scores", COUNT, 0, 12, 3, 1e-3, -0.01, 0.98),
    }
    return OutputSummary(**(fields | changes))  # type: ignore[arg-type]


def metric(**changes: object) -> SlicedMetric:
    """Return a metric that differs on the penguins of one island."""
    fields: dict[str, object] = {
        "name": "accuracy",
        "slice": (("island", "Biscoe"),),
        "trainer": 0.985,
        "canary": 0.735,
        "difference": -0.25,
    }
    return SlicedMetric(**(fields | changes))  # type: ignore[arg-type]


def metrics() -> MetricSides:
    """Return metrics of both sides that differ overall and on one slice."""
    equal = {"trainer": 0.96875, "canary": 0.96875, "difference": 0.0}
    return MetricSides(
        examples=COUNT,
        metrics=(
            metric(slice=(), trainer=0.985, canary=0.98, difference=-0.005),
            metric(),
            metric(slice=(("island", "Dream"),), **equal),
            metric(name="auc, class 2", trainer=None, canary=None, difference=None),
        ),
        notes=("Plots are not compared.",),
    )


def passing() -> ParityResult:
    """Return a result of a model that answers alike in every way."""
    clean = output(
        mismatching_examples=0,
        mismatching_elements=0,
        max_ratio=0.02,
        ratios=RatioHistogram(EDGES, (900, 50, 62, 20, 0, 0, 0, 0, 0, 0, 0, 0)),
        scatter=Scatter((0.25, 0.1, 0.9), (0.25, 0.1, 0.9), 0),
        consequence=Consequence("the greatest of 3 scores", COUNT, 0, 0, 0, 1e-8, 1e-9, 1.0),
    )
    near = worst(candidate="0.25000003", ratio=0.02, ulps=1)
    return ParityResult(
        verdict=Verdict.PASS,
        causes=(),
        decision=Decision(
            ("T", "C"), COUNT, 0, 0.0087, 0.95, 0.01, 0.0, "0 of 344 examples differ"
        ),
        arms=tuple(arm(name) for name in STAGES),
        ladder=tuple(rung(pair) for pair in PAIRS),
        pairs=(PairSummary(("T", "C"), (clean,), 0, (near,)),),
        coverage=Coverage(28, 0, (), None),
        tolerances={"scores": "|a-b| <= 1e-06 + 0.0001 * |reference|"},
        environment={"canary": "native, TensorFlow 2.16.2", "model": "/models/penguins/4"},
        not_exercised=("GPU kernels",),
        reproduce="tfx-parity check /models/penguins/4 --predictions /runs/4",
        redacted=False,
        sampling="Every arm was asked for all 344 examples.",
    )


def cause(
    code: CauseCode = CauseCode.WEIGHTS_DIFFER, pair: tuple[str, str] | None = ("T", "A")
) -> Cause:
    """Return a cause with its evidence."""
    evidence = Evidence(pair, 40, COUNT, "40 of 344 examples differ.", (worst(),))
    return Cause(code, "variable dense/kernel", evidence)


def failing() -> ParityResult:
    """Return a result of a model with other weights."""
    differing = {("T", "A"), ("T", "C")}
    base = passing()
    return replace(
        base,
        verdict=Verdict.FAIL,
        causes=(cause(),),
        decision=replace(base.decision, mismatching=40, sentence="40 of 344 examples differ"),
        ladder=tuple(rung(pair, "differs" if pair in differing else "agrees") for pair in PAIRS),
        pairs=tuple(PairSummary(pair, (output(),), 0, (worst(),)) for pair in sorted(differing)),
    )


def unloadable() -> ParityResult:
    """Return a result of a model to which no request could be put."""
    base = passing()
    reason = "not asked: MISSING_ASSET"
    evidence = Evidence(None, 0, 0, "NOT_FOUND: assets/island; No such file or directory")
    return replace(
        base,
        verdict=Verdict.FAIL,
        causes=(Cause(CauseCode.MISSING_ASSET, "assets/island", evidence),),
        decision=replace(
            base.decision,
            examples=0,
            mismatching=0,
            upper_bound=None,
            noise_ratio=None,
            sentence="No example was compared: NOT_FOUND",
        ),
        arms=tuple(arm(name, missing=reason) for name in STAGES),
        ladder=tuple(rung(pair, "not compared", reason) for pair in PAIRS),
        pairs=(),
        coverage=Coverage(0, 0, (), reason),
        metrics=no_metrics(reason),
    )


def refusing() -> ParityResult:
    """Return a result of a model that fails requests, over REST and for rare values."""
    base = passing()
    message = 'JSON Value: "Biscoe" Type: String is not of expected type: float'
    evidence = Evidence(("C", "Rr"), 40, COUNT, "40 requests are refused.", message=message)
    return replace(
        base,
        verdict=Verdict.FAIL,
        causes=(Cause(CauseCode.TRANSPORT_SKEW, "REST requests of arm Rr", evidence),),
        arms=tuple(arm(name, failed=40 * (name == "Rr")) for name in STAGES),
        coverage=Coverage(
            28, 2, ("island = missing: refused", "sex = empty: refused"), None, (message,)
        ),
    )


def undecided() -> ParityResult:
    """Return a result of too few examples, of a model that has nothing but one signature."""
    base = passing()
    missing = {"M", "A", "Bt", "Ct", "Rr"}
    decision = replace(
        base.decision, mismatching=2, upper_bound=0.0182, sentence="2 of 344 examples differ"
    )
    return replace(
        base,
        verdict=Verdict.INCONCLUSIVE,
        decision=decision,
        arms=tuple(arm(n, missing="no such signature" if n in missing else None) for n in STAGES),
        ladder=tuple(
            rung(pair, "not compared", "an arm is missing")
            if missing & set(pair)
            else rung(pair, "undecided" if pair == ("T", "C") else "agrees")
            for pair in PAIRS
        ),
        coverage=Coverage(0, 0, (), "no coverage rows were recorded"),
    )


def skewed() -> ParityResult:
    """Return a result of a model whose serving makes other features, strings among them."""
    base = failing()
    feature = worst(output="island_xf", index=(), reference="Biscoe", candidate="Dream")
    feature = replace(feature, is_string=True, ratio=None, ulps=None)
    scaled = output(name="mass_xf", consequence=None)
    texts = output(
        name="island_xf",
        dtype="string",
        tolerance="exact",
        max_ratio=None,
        max_difference=0.0,
        ratios=RatioHistogram(EDGES, (300, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 44)),
        scatter=None,
        consequence=None,
    )
    pair = PairSummary(("M", "Bt"), (texts, scaled), 3, (feature, worst(output="mass_xf")))
    evidence = Evidence(("M", "Bt"), 40, COUNT, "Of 344 examples differ: island_xf on 44.")
    skew = Cause(
        CauseCode.PREPROCESSING_SKEW,
        "transformed feature island_xf (from island)",
        replace(evidence, worst=pair.worst),
    )
    differing = {("M", "Bt"), ("T", "C")}
    return replace(
        base,
        causes=(skew, cause(CauseCode.SIGNATURE_GLUE, ("A", "B"))),
        ladder=tuple(rung(p, "differs" if p in differing else "agrees") for p in PAIRS),
        pairs=(pair, base.pairs[-1]),
        metrics=metrics(),
    )


def bare() -> ParityResult:
    """Return a result that holds as little as a result can."""
    return replace(
        passing(),
        verdict=Verdict.INCONCLUSIVE,
        decision=Decision(("B", "C"), 0, 0, None, 0.95, 0.01, None, "nothing was compared"),
        arms=(),
        ladder=(),
        pairs=(),
        coverage=Coverage(0, 0, (), "none"),
        tolerances={},
        environment={},
        not_exercised=(),
        reproduce="",
        sampling="",
    )


def crowded(text: str = "x" * 500) -> ParityResult:
    """Return a result with more of everything than a page can show, in long texts."""
    raw = {f"{text}{number}": text for number in range(300)}
    element = worst(output=text, reference=text, candidate=text, raw=raw)
    points = tuple(0.001 * number for number in range(500))
    many = output(text, scatter=Scatter(points, points[::-1], 400))
    evidence = Evidence(("T", "A"), 40, COUNT, text, (element,) * 5, text)
    lean = replace(evidence, worst=(replace(element, raw=None),))
    return replace(
        failing(),
        causes=(
            Cause(CauseCode.WEIGHTS_DIFFER, text, evidence),
            *(Cause(CauseCode.NON_FINITE, text, lean),) * 199,
        ),
        pairs=(
            PairSummary(("T", "A"), (many,) * 6, 94, (element,) * 5),
            PairSummary(("T", "C"), (many,) * 6, 94, (element,) * 5),
        ),
        coverage=Coverage(5000, 5000, (text,) * 5000, None, (text,) * 5000),
        tolerances={f"{text}{number}": text for number in range(100)},
        environment={f"{text}{number}": text for number in range(40)},
        not_exercised=(text,) * 40,
        reproduce=text,
        sampling=text,
        metrics=MetricSides(COUNT, (metric(name=text, slice=((text, text),)),) * 500, (text,) * 20),
        warnings=(Cause(CauseCode.VERSION_MISMATCH, text, lean),),
    )


def warned() -> ParityResult:
    """Return a result that passes although the server is of another TensorFlow."""
    evidence = Evidence(None, 0, COUNT, "The server is 2.21; at most 2e-08 apart.")
    place = "TensorFlow 2.16 in the model, 2.21 in the server"
    return replace(passing(), warnings=(Cause(CauseCode.VERSION_MISMATCH, place, evidence),))


RESULTS: Mapping[str, ParityResult] = {
    "passing": passing(),
    "failing": failing(),
    "unloadable": unloadable(),
    "refusing": refusing(),
    "undecided": undecided(),
    "skewed": skewed(),
    "bare": bare(),
    "warned": warned(),
    "crowded": crowded(),
}

# Pages, screens and copies of the crowded one take as long as those of all others.
each_result = pytest.mark.parametrize(
    "result",
    [
        pytest.param(result, id=name, marks=[pytest.mark.thorough] if name == "crowded" else [])
        for name, result in RESULTS.items()
    ],
)
