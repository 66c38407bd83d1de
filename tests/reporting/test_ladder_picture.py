"""The ladder as a picture: everything is drawn, in order, and nothing hides anything."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from parity_results import PAIRS, STAGES, arm, failing, passing, refusing, rung, unloadable

from tfx_parity.findings import ParityResult
from tfx_parity.reporting.ladder_picture import (
    GLYPHS,
    LadderPicture,
    Node,
    narrow_picture,
    wide_picture,
)

DRAWINGS = {"wide": wide_picture, "narrow": narrow_picture}
each_drawing = pytest.mark.parametrize("draw", DRAWINGS.values(), ids=DRAWINGS.keys())


def _of_arms(names: list[str]) -> ParityResult:
    """Return a result of some arms, in this order, with the pairs among them."""
    pairs = [pair for pair in PAIRS if set(pair) <= set(names)]
    return replace(
        passing(),
        arms=tuple(arm(name) for name in names),
        ladder=tuple(rung(pair) for pair in pairs),
    )


def _overlap(picture: LadderPicture, one: Node, other: Node) -> bool:
    return abs(one.x - other.x) < picture.node_width and abs(one.y - other.y) < picture.node_height


@each_drawing
@given(names=st.lists(st.sampled_from(sorted(STAGES)), unique=True))
def test_any_set_of_arms_is_drawn_whole(draw: object, names: list[str]) -> None:
    """Every arm has a box, every pair a line with a sign; boxes neither overlap nor stick out."""
    result = _of_arms(names)
    picture = draw(result, None)  # type: ignore[operator]

    assert names == [node.arm.name for node in picture.nodes]
    assert {rung.pair for rung in result.ladder} == {edge.rung.pair for edge in picture.edges}
    assert not any(_overlap(picture, a, b) for a, b in combinations(picture.nodes, 2))
    for node in picture.nodes:
        assert 0 <= node.x <= picture.width - picture.node_width
        assert 0 <= node.y <= picture.height - picture.node_height
    for edge in picture.edges:
        assert 0 <= edge.x <= picture.width
        assert 0 <= edge.y <= picture.height


@each_drawing
def test_no_sign_hides_another(draw: object) -> None:
    """The signs of a whole ladder lie apart by more than their own size."""
    picture = draw(passing(), None)  # type: ignore[operator]

    distances = [abs(complex(a.x - b.x, a.y - b.y)) for a, b in combinations(picture.edges, 2)]
    assert min(distances) > 20


def test_stages_stand_from_left_to_right() -> None:
    """Training, in process, canary, REST, each stage in a band of its own."""
    picture = wide_picture(passing(), None)

    assert ["training", "in process", "canary", "REST"] == [band.label for band in picture.bands]
    ends = [0.0, *(x for band in picture.bands for x in (band.x, band.x + band.width))]
    assert ends == sorted(ends)
    for node in picture.nodes:
        (band,) = [band for band in picture.bands if band.label == STAGES[node.arm.name]]
        assert band.x <= node.x <= band.x + band.width - picture.node_width


def test_stages_stand_from_top_to_bottom_on_a_phone() -> None:
    """The trainer stands above in process, that above the canary, that above REST."""
    rows = {node.arm.name: node.y for node in narrow_picture(passing(), None).nodes}

    assert rows["T"] < rows["A"] < rows["B"] < rows["C"] < rows["R"] < rows["Rc"] < rows["Rr"]
    assert rows["M"] < rows["Bt"] < rows["Ct"]


@each_drawing
def test_each_state_has_its_sign_and_its_class(draw: object) -> None:
    """Colour is never the only sign."""
    states = list(GLYPHS)
    ladder = tuple(rung(pair, states[number % len(states)]) for number, pair in enumerate(PAIRS))
    picture = draw(replace(passing(), ladder=ladder), None)  # type: ignore[operator]

    for edge in picture.edges:
        assert GLYPHS[edge.rung.state] == edge.glyph
        assert edge.rung.state.replace(" ", "-") == edge.css
    assert len(set(GLYPHS.values())) == len(GLYPHS)


@each_drawing
def test_the_pair_that_breaks_is_marked_and_drawn_last(draw: object) -> None:
    """Its line lies on top, and both its arms are marked."""
    picture = draw(failing(), ("T", "A"))  # type: ignore[operator]

    assert ("T", "A") == picture.edges[-1].rung.pair
    assert ["differs broken"] == [e.css for e in picture.edges if "broken" in e.css]
    assert {"T", "A"} == {node.arm.name for node in picture.nodes if "broken" in node.css}


@each_drawing
@pytest.mark.parametrize(
    ("result", "name", "words"),
    [(refusing(), "Rr", "✕ 40 failed"), (unloadable(), "C", "✕ no answer")],
    ids=["refused requests", "no server"],
)
def test_an_arm_that_fails_says_so(
    draw: object, result: ParityResult, name: str, words: str
) -> None:
    """Where requests fail, or nothing answers at all, the arm itself is marked."""
    picture = draw(result, None)  # type: ignore[operator]

    failing_nodes = [node for node in picture.nodes if node.css == "failing"]
    assert [(name, words)] == [(node.arm.name, node.lines[-1]) for node in failing_nodes]


def test_the_picture_is_told_in_words() -> None:
    """Who cannot see it hears each pair and its state."""
    words = wide_picture(failing(), None).words

    assert "T and A: differs" in words
    assert len(PAIRS) == words.count(": ")
