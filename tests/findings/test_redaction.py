"""A redacted result holds nothing of what clients sent, in any form of the report."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from parity_results import cause, each_result, failing, refusing, skewed, worst
from rich.console import Console

from tfx_parity.findings import ParityResult, WorstElement, redacted
from tfx_parity.reporting.console import print_result
from tfx_parity.reporting.html_page import to_html
from tfx_parity.reporting.report_json import to_json

SECRETS = ("Biscoe", "Dream", "4500")


def _forms(result: ParityResult) -> dict[str, str]:
    screen = io.StringIO()
    print_result(result, Console(file=screen, width=200))
    return {
        "json": to_json(result).decode(),
        "html": to_html(result).decode(),
        "console": screen.getvalue(),
    }


@pytest.mark.parametrize("result", [failing(), refusing(), skewed()])
def test_nothing_that_clients_sent_is_in_any_form(result: ParityResult) -> None:
    """Raw examples, feature values and quoted requests are gone; before, they were there."""
    open_text = "".join(_forms(result).values())
    assert any(secret in open_text for secret in SECRETS)

    for form, text in _forms(redacted(result)).items():
        assert [secret for secret in SECRETS if secret in text] == [], form


def test_numbers_that_the_model_predicts_stay() -> None:
    """The report still proves its cause: both values, their distance, and the points."""
    before, after = failing(), redacted(failing())

    first = after.causes[0].evidence.worst[0]
    assert ("0.25", "0.5", 5321.5, None) == (
        first.reference,
        first.candidate,
        first.ratio,
        first.raw,
    )
    assert [pair.outputs for pair in before.pairs] == [pair.outputs for pair in after.pairs]
    assert after.redacted


def test_strings_that_the_model_answers_are_left_out() -> None:
    """A model may repeat what it was sent."""
    element = worst(reference="Biscoe", candidate="Dream", is_string=True, ratio=None, ulps=None)
    first = cause()
    evidence = replace(first.evidence, worst=(element,))
    result = redacted(replace(failing(), causes=(replace(first, evidence=evidence),)))

    (found,) = result.causes[0].evidence.worst
    assert ("(left out)", "(left out)") == (found.reference, found.candidate)


def test_values_of_transformed_features_are_left_out() -> None:
    """They may be raw values, or lead back to them; their counts and ratios stay."""
    features = redacted(skewed()).pairs[0]

    assert {"(left out)"} == {
        text for element in features.worst for text in (element.reference, element.candidate)
    }
    assert [5321.5] == [e.ratio for e in features.worst if e.ratio is not None]
    assert {None} == {output.scatter for output in features.outputs}
    assert 40 == features.outputs[0].mismatching_examples


@each_result
def test_redacting_twice_changes_nothing_more(result: ParityResult) -> None:
    """What is left out stays out, and what stays, stays."""
    once = redacted(result)

    assert once == redacted(once)
    assert isinstance(once, ParityResult)
    assert all(isinstance(e, WorstElement) for c in once.causes for e in c.evidence.worst)


def test_the_values_that_slices_are_made_by_are_left_out() -> None:
    """The features of a slice and its metrics stay."""
    sides = redacted(skewed()).metrics

    assert sides is not None
    assert [(("island", "(left out)"),)] == [m.slice for m in sides.metrics[1:2]]
    assert [0.985, 0.735, -0.25] == [
        value for m in sides.metrics[1:2] for value in (m.trainer, m.canary, m.difference)
    ]
