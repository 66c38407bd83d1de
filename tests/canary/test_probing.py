"""A debug copy in a child process, asked for any tensor."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from tfx_parity.canary.probing import Prober, ProbeRefused, ProbeTimeout

pytestmark = [pytest.mark.native, pytest.mark.tensorflow]
X = np.arange(8, dtype=np.float32).reshape(2, 4)


def _prober(model: Path, folder: Path, seconds: float = 60.0, **options: bool) -> Prober:
    deadline = time.monotonic() + seconds
    return Prober(model, folder, "serving_default", deadline=deadline, **options)


def test_outputs_come_with_every_tensor_that_is_asked_for(
    graph_models: Path, tmp_path: Path
) -> None:
    """The same outputs whether more is asked for or not, numbers and strings."""
    texts = np.array([b"a", b"\xff\x00 b"], object)
    with _prober(graph_models / "branches" / "1", tmp_path) as prober:
        look = prober.look({"text": texts}, prober.plan.tensors)
        plain = prober.look({"text": texts}, [])

    assert {"ids", "text"} == set(plain.outputs)
    assert {} == plain.tensors
    for name, value in plain.outputs.items():
        assert value.tolist() == look.outputs[name].tolist()
    assert set(prober.plan.tensors) == set(look.tensors)
    assert any(value.dtype == object for value in look.tensors.values())


def test_a_refused_run_leaves_the_child_ready(graph_models: Path, tmp_path: Path) -> None:
    """TensorFlow's text is kept apart from the words, as it may quote what was sent."""
    with _prober(graph_models / "nested" / "1", tmp_path) as prober:
        with pytest.raises(ProbeRefused, match="INVALID_ARGUMENT") as refused:
            prober.look({"x": X[:, :3]}, [])
        answered = prober.look({"x": X}, [])

    assert "Matrix size-incompatible" in refused.value.message
    assert "Matrix" not in str(refused.value)
    assert X.tolist() == answered.outputs["x"].tolist()


def test_a_model_that_cannot_be_loaded_is_told(tmp_path: Path) -> None:
    """No graph, no probe."""
    with (
        pytest.raises(ProbeRefused, match="DATA_LOSS"),
        _prober(tmp_path / "missing", tmp_path / "copy"),
    ):
        pass


def test_a_deadline_that_passed_ends_the_child(graph_models: Path, tmp_path: Path) -> None:
    """Nothing is waited for longer, and no descriptor stays open."""
    before = len(os.listdir("/proc/self/fd"))
    with (
        pytest.raises(ProbeTimeout),
        _prober(graph_models / "nested" / "1", tmp_path, seconds=0.0),
    ):
        pass

    assert before == len(os.listdir("/proc/self/fd"))


def test_the_model_itself_can_be_run_as_it_is(graph_models: Path, tmp_path: Path) -> None:
    """Its own folder in place of the copy's: nothing is written there."""
    model = graph_models / "nested" / "1"
    before = sorted(model.iterdir())
    with (
        _prober(model, model, graph_rewriter=False) as itself,
        _prober(model, tmp_path) as copy,
    ):
        answers = [prober.look({"x": X}, []).outputs["y"] for prober in (itself, copy)]

    assert answers[0].tolist() == answers[1].tolist()
    assert before == sorted(model.iterdir())
