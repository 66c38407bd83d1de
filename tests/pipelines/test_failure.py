"""What is shown of an error."""

from __future__ import annotations

import pytest

from tfx_parity.errors import BadInputError
from tfx_parity.pipelines.failure import MAX_LINES, describe_failure


def _raised(error: Exception) -> Exception:
    """Return an error that was raised in a function, as that of a step is."""

    def user_function() -> None:
        raise error

    try:
        user_function()
    except type(error) as raised:
        return raised
    raise AssertionError


def test_it_is_type_message_and_place() -> None:
    """The reader sees what was raised and in which line of their own code."""
    first, place = describe_failure(_raised(KeyError("beak"))).splitlines()

    assert first == "KeyError: 'beak'"
    assert place.startswith(f"at {__file__}:")
    assert place.endswith(" in user_function")


def test_our_own_errors_speak_for_themselves() -> None:
    """A message of ours says what, where and what to do: no type, no place."""
    assert (
        describe_failure(_raised(BadInputError("Expected a, found b."))) == "Expected a, found b."
    )


def test_the_last_error_of_a_workers_traceback_is_taken() -> None:
    """Beam raises a worker's traceback as text; the frames are left out."""
    text = (
        "Traceback (most recent call last):\n"
        '  File "a.py", line 1, in f\n'
        "    g()\n"
        "KeyError: 'first'\n\n"
        "During handling of the above exception, another exception occurred:\n\n"
        "Traceback (most recent call last):\n"
        '  File "b.py", line 2, in g\n'
        "    h()\n"
        "    ^^^\n"
        "ValueError: second [while running 'Analyze']\nwith a second line\n"
    )

    shown = describe_failure(RuntimeError(text))

    assert shown == "ValueError: second [while running 'Analyze']\nwith a second line"


def test_colours_are_left_out() -> None:
    """Keras colours its messages; a log or a pipe should not get the codes."""
    assert (
        describe_failure(ValueError("\x1b[1mInput 0\x1b[0m is wrong"))
        == "ValueError: Input 0 is wrong"
    )


@pytest.mark.parametrize(
    ("head", "kept"),
    [("long story\n", "line 0"), ("in user code:\n", "line 99")],
)
def test_a_long_message_is_shortened(head: str, kept: str) -> None:
    """The start is kept, or the end where TensorFlow begins with the user's stack."""
    message = head + "\n".join(f"line {number}" for number in range(100))

    lines = describe_failure(ValueError(message)).splitlines()

    assert len(lines) <= MAX_LINES
    assert kept in lines
    assert "line 50" not in lines


def test_a_traceback_that_was_cut_is_shown_as_it_is() -> None:
    """Where nothing follows the frames, the text itself is better than nothing."""
    text = 'Traceback (most recent call last):\n  File "a.py", line 1, in f'

    assert text == describe_failure(RuntimeError(text))
