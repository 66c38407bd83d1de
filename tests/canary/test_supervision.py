"""Pieces of supervision that need no server."""

from __future__ import annotations

import os
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfx_parity.canary.startup import Stage, StartupReport
from tfx_parity.canary.supervision import LogTail, describe_exit
from tfx_parity.serving_api.status import Code

pytestmark = pytest.mark.system


def _tail_of(chunks: list[bytes], limit: int) -> LogTail:
    """Write chunks into a pipe that a tail drains, and wait until it has seen the end."""
    reading, writing = os.pipe()
    tail = LogTail(os.fdopen(reading, "rb", buffering=0), limit)
    with os.fdopen(writing, "wb", buffering=0) as pipe:
        for chunk in chunks:
            pipe.write(chunk)
    tail.join(10)
    return tail


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=20), st.integers(1, 60))
def test_a_tail_is_the_end_of_all_that_was_written(chunks: list[bytes], limit: int) -> None:
    """Whatever the chunks, what is kept is the last bytes of the whole."""
    whole = b"".join(chunks)

    expected = "\n".join(whole[-limit:].decode(errors="replace").splitlines())

    assert expected == _tail_of(chunks, limit).text(lines=1000)


def test_a_writer_never_waits_for_a_tail() -> None:
    """Far more than a pipe holds can be written, and the last lines alone are told."""
    lines = [f"line {number}\n".encode() * 100 for number in range(10_000)]

    assert _tail_of(lines, 4096).text(lines=3).splitlines() == ["line 9999"] * 3


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, "ended with exit code 0"),
        (3, "ended with exit code 3"),
        (-9, "was killed by signal 9 (SIGKILL)"),
        (-6, "was killed by signal 6 (SIGABRT)"),
        (-63, "was killed by signal 63 (unknown)"),
    ],
)
def test_an_exit_is_told_in_words(code: int, words: str) -> None:
    """A signal is told by number and name."""
    assert words == describe_exit(code)


@given(
    st.builds(
        StartupReport,
        stage=st.sampled_from(Stage),
        message=st.text(),
        code=st.sampled_from(Code),
        grpc_port=st.integers(0, 65535),
        rest_port=st.integers(0, 65535),
        version=st.integers(),
        tensorflow=st.text(),
    )
)
def test_a_startup_report_survives_its_line(report: StartupReport) -> None:
    """A report is one line, and reads back the same: a text with line ends and surrogates too."""
    line = report.to_line()

    assert b"\n" not in line
    assert report == StartupReport.from_line(line)


def test_a_report_with_bytes_that_are_no_utf8_survives_its_line() -> None:
    """TensorFlow's texts can echo any byte."""
    report = StartupReport(Stage.MODEL_REFUSED, "\udcff\n", code=Code.DATA_LOSS)

    assert report == StartupReport.from_line(report.to_line())


def test_no_thread_is_left_by_a_tail() -> None:
    """A tail's thread ends with its stream."""
    before = threading.active_count()
    _tail_of([b"x"], 10)

    assert before == threading.active_count()
