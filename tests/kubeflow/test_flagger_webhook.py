"""What Flagger is answered."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from tfx_parity.errors import BadInputError
from tfx_parity.kubeflow.flagger_webhook import Check, WebhookServer


def _posted(**metadata: str) -> bytes:
    """Return what Flagger posts for the Canary `penguins`."""
    told = {"name": "penguins", "namespace": "test", "phase": "Progressing", "metadata": metadata}
    return json.dumps(told).encode()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[WebhookServer]:
    """A webhook on a free port, for models below tmp_path."""
    with WebhookServer(("127.0.0.1", 0), tmp_path) as webhook:
        threading.Thread(target=webhook.serve_forever, daemon=True).start()
        yield webhook
        webhook.shutdown()


def _ask(server: WebhookServer, method: str, path: str, body: bytes = b"") -> tuple[int, Any]:
    connection = HTTPConnection("127.0.0.1", server.server_address[1], timeout=300)
    connection.request(method, path, body)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def test_paths_are_those_below_the_models_folder(tmp_path: Path) -> None:
    """What Flagger names is relative to it."""
    body = _posted(model="penguins/7", predictions="run", server="canary:8500,8501")

    check = Check.parse(body, tmp_path)

    assert Check(tmp_path / "penguins/7", tmp_path / "run", "canary:8500,8501") == check
    assert "--server=canary:8500,8501" in check.command()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "Expected a Flagger webhook"),
        (b"[]", "Expected a Flagger webhook"),
        (b'{"metadata": null}', "Expected a Flagger webhook"),
        (_posted(model="a", predictions="b"), "KeyError: 'server'"),
        (b'{"metadata": {"model": 1, "predictions": "b", "server": "c"}}', "Expected texts"),
        (_posted(model="", predictions="b", server="c"), "Expected texts"),
        (_posted(model="../../etc", predictions="b", server="c"), "Expected a path below"),
        (_posted(model="a", predictions="/etc", server="c"), "Expected a path below"),
    ],
)
def test_what_cannot_be_used_is_refused(tmp_path: Path, body: bytes, message: str) -> None:
    """Other bodies than Flagger's, and paths that lead elsewhere."""
    with pytest.raises(BadInputError, match=message):
        Check.parse(body, tmp_path)


@pytest.mark.system
def test_the_server_answers_for_its_health_and_refuses_in_json(server: WebhookServer) -> None:
    """A probe gets 200, an unknown path 404, a wrong body 400 and the reason."""
    assert (200, {}) == _ask(server, "GET", "/healthz")
    assert (404, {}) == _ask(server, "GET", "/")
    status, answer = _ask(server, "POST", "/", b"{}")
    assert (400, "Expected a Flagger webhook") == (status, answer["error"][:26])
    status, answer = _ask(server, "POST", "/", b" " * (1 << 17))
    assert (400, "Expected a body of at most") == (status, answer["error"][:26])


@pytest.mark.system
def test_a_model_that_is_not_there_is_bad_input(server: WebhookServer) -> None:
    """In the words of `check`."""
    body = _posted(model="none", predictions="none", server="native")

    status, answer = _ask(server, "POST", "/", body)

    assert 400 == status
    assert "Expected" in answer["error"]


@pytest.mark.tfx
def test_only_a_model_that_serves_alike_gets_traffic(
    penguins_demo: Path, server: WebhookServer, tmp_path: Path
) -> None:
    """200 and the report for the pushed model; 412 for a copy that lost a vocabulary."""
    (run,) = (penguins_demo / "artifacts" / "Trainer" / "model_run").iterdir()
    shutil.copytree(run, tmp_path / "run")
    (version,) = (penguins_demo / "serving_model").iterdir()
    for name in ("right", "wrong"):
        shutil.copytree(version, tmp_path / name / "1")
    for vocabulary in (tmp_path / "wrong" / "1" / "assets").iterdir():
        vocabulary.unlink()

    answers = {
        name: _ask(server, "POST", "/", _posted(model=name, predictions="run", server="native"))
        for name in ("right", "wrong")
    }

    assert (200, "PASS") == (answers["right"][0], answers["right"][1]["verdict"])
    assert (412, "FAIL") == (answers["wrong"][0], answers["wrong"][1]["verdict"])
