"""`tfx-parity serve` while models come and go, beside another server, and watched by Prometheus."""

from __future__ import annotations

import gzip
import json
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from serve_command import TIMEOUT_S, Server, check_predict, rest, serving

pytestmark = [pytest.mark.native, pytest.mark.tensorflow]

TWO = {"instances": [2.0]}


def _wait_until(found: Callable[[], object], wanted: object) -> None:
    """Wait until something is found; whatever else is found meanwhile was still the former."""
    deadline = time.monotonic() + 20
    while found() != wanted:
        assert time.monotonic() < deadline, found()
        time.sleep(0.1)


def _publish(model: Path, base: Path, version: int) -> None:
    """Put a version below a base path at once, as a Pusher does."""
    shutil.copytree(model, base.with_name("beside"))
    base.with_name("beside").rename(base / str(version))


def _fetch(
    server: Server, path: str, body: bytes | None = None, **headers: str
) -> tuple[int, bytes, str | None]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(f"http://{server.rest_address}{path}", body, named)
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:  # noqa: S310
            return response.status, response.read(), response.headers["Content-Encoding"]
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(), error.headers["Content-Encoding"]


def test_versions_are_served_as_they_come_and_go(models: Path, tmp_path: Path) -> None:
    """The latest answers within seconds, an older one is unloaded, a bad one replaces nothing."""
    base = tmp_path / "base"
    base.mkdir()
    _publish(models / "scaled" / "1", base, 1)
    with serving(tmp_path, "--model_name=m", f"--model_base_path={base}") as running:

        def answer() -> object:
            return rest(running, "m:predict", TWO)[1].get("predictions", "none")

        def states() -> object:
            listed = rest(running, "m")[1]["model_version_status"]
            return [(found["version"], found["state"]) for found in listed]

        _wait_until(answer, [2.0])
        _publish(models / "scaled" / "3", base, 3)
        _wait_until(answer, [6.0])
        assert [("3", "AVAILABLE"), ("1", "END")] == states()
        (base / "4").mkdir()
        _wait_until(states, [("4", "END"), ("3", "AVAILABLE"), ("1", "END")])
        assert [6.0] == answer()
        shutil.rmtree(base / "3")
        shutil.rmtree(base / "4")
        _wait_until(answer, [2.0])
        shutil.rmtree(base / "1")
        _wait_until(answer, "none")
        assert (404, {"error": "Servable not found for request: Latest(m)"}) == rest(
            running, "m:predict", TWO
        )
        _publish(models / "scaled" / "2", base, 7)
        _wait_until(answer, [4.0])
        base.rename(tmp_path / "elsewhere")
        time.sleep(2)

        assert [4.0] == answer()


def test_a_base_path_is_looked_at_once_where_the_flag_says_so(models: Path, tmp_path: Path) -> None:
    """With --file_system_poll_wait_seconds=0 a version that comes later is not served."""
    base = tmp_path / "base"
    base.mkdir()
    _publish(models / "scaled" / "1", base, 1)
    with serving(
        tmp_path,
        "--model_name=m",
        f"--model_base_path={base}",
        "--file_system_poll_wait_seconds=0",
    ) as running:
        _publish(models / "scaled" / "3", base, 3)
        time.sleep(2.5)

        assert (200, {"predictions": [2.0]}) == rest(running, "m:predict", TWO)


def test_a_unix_socket_is_the_last_ones_that_could_load_its_model(
    models: Path, tmp_path: Path
) -> None:
    """Servers may be started one after the other at the same path; one that fails takes nothing."""
    path = tmp_path / "shared.sock"
    flags = "--model_name=m", "--grpc_channel_arguments=grpc.max_connection_age_ms=2000,a.b=text"
    two, three = models / "half_plus_two", models / "half_plus_three"
    (tmp_path / "broken" / "1").mkdir(parents=True)
    with serving(tmp_path, *flags, f"--model_base_path={two}", socket_path=path) as first:
        check_predict(f"unix:{path}", "m", 3.0, 123)
        broken = serving(tmp_path, f"--model_base_path={tmp_path / 'broken'}", socket_path=path)
        with pytest.raises(AssertionError), broken:
            pass
        check_predict(f"unix:{path}", "m", 3.0, 123)
        with serving(tmp_path, *flags, f"--model_base_path={three}", socket_path=path):
            check_predict(f"unix:{path}", "m", 4.0, 123)
            check_predict(first.grpc_address, "m", 3.0, 123)


def test_http_around_the_answers(models: Path, tmp_path: Path) -> None:
    """Metrics where the config says, bodies may be gzipped and answers are not, no other pages."""
    config = tmp_path / "monitoring.txt"
    config.write_text('prometheus_config { enable: true, path: "/watch/metrics" }')
    with serving(
        tmp_path,
        "--model_name=m",
        f"--model_base_path={models / 'half_plus_two'}",
        f"--monitoring_config_file={config}",
    ) as running:
        body = gzip.compress(json.dumps(TWO).encode())
        answer = _fetch(
            running, "/v1/models/m:predict", body, Content_Encoding="gzip", Accept_Encoding="gzip"
        )
        no_gzip = _fetch(running, "/v1/models/m:predict", b"junk", Content_Encoding="gzip")
        check_predict(running.grpc_address, "m", 3.0, 123)
        rest(running, "none:predict", TWO)
        status, page, _ = _fetch(running, "/watch/metrics")
        others = [_fetch(running, path)[0] for path in ("/", "/watch", "/v2/health/ready")]

    assert (200, {"predictions": [3.0]}, None) == (answer[0], json.loads(answer[1]), answer[2])
    assert (400, {"error": "JSON Parse error: The document is empty"}) == (
        no_gzip[0],
        json.loads(no_gzip[1]),
    )
    assert 200 == status
    assert b"# TYPE :tensorflow:serving:request_count counter\n" in page
    assert b':tensorflow:serving:request_count{model_name="m",status="OK"} 3\n' in page
    assert b'model_name="none",status="NOT_FOUND"} 1\n' in page
    assert b'{model_name="m",API="predict",entrypoint="REST"} 1\n' in page
    assert b'{model_name="m",API="Predict",entrypoint="GRPC"} 2\n' in page
    assert [404, 404, 404] == others


def test_a_model_of_several_processors(models: Path, tmp_path: Path) -> None:
    """What a mirrored strategy saved is served by a machine that knows one processor."""
    flags = "--model_name=m", f"--model_base_path={models / 'mirrored'}"
    with serving(tmp_path, *flags) as running:
        assert (200, {"predictions": [[2.0]]}) == rest(running, "m:predict", {"instances": [[2.0]]})
