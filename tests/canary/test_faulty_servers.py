"""A server that dies, is killed or whose parent goes: told in time, and nothing is left running."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

from tfx_parity.canary.client import CanaryDied
from tfx_parity.canary.native import NativeBackend

pytestmark = [pytest.mark.native, pytest.mark.tensorflow]

X = np.ones(2, np.float32)
# A parent with a canary and a thread that asks it without end.
ASKING = """
    import signal, sys, threading, time
    from pathlib import Path
    import numpy as np
    from tfx_parity.canary.native import NativeBackend

    # A shell's background job ignores it, and would hand that down.
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def ask(client):
        while True:
            client.predict("serving_default", {"x": np.ones(1, np.float32)})

    with NativeBackend().start(Path(sys.argv[1])) as canary:
        threading.Thread(target=ask, args=(canary.client,), daemon=True).start()
        time.sleep(0.2)
        print("asking", flush=True)
        time.sleep(600)
"""


def _is_running(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def test_a_crash_on_the_fifth_request_is_told(models: Path) -> None:
    """Four answers, then the signal and the server's last lines, over gRPC and REST, in time."""
    with NativeBackend(request_deadline_s=30).start(models / "fifth") as canary:
        counts = [
            canary.client.predict("serving_default", {"x": X})["count"].item() for _ in range(4)
        ]
        started = time.monotonic()
        with pytest.raises(CanaryDied, match="SIGABRT") as died:
            canary.client.predict("serving_default", {"x": X})
        with pytest.raises(CanaryDied, match="SIGABRT"):
            canary.client.predict_rows("serving_default", [1.0])

    assert counts == [1, 2, 3, 4]
    assert "the fifth" in str(died.value)
    assert time.monotonic() - started < 20


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_canary_ends_with_its_parent_while_it_is_asked(
    models: Path, number: signal.Signals
) -> None:
    """Whatever ends the parent, the child is gone within seconds, requests under way or not."""
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(ASKING), str(models / "scaled")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "asking\n"
        tasks = Path(f"/proc/{parent.pid}/task").glob("*/children")
        [child] = {int(pid) for file in tasks for pid in file.read_text().split()}
        os.kill(parent.pid, number)
        parent.wait(20)
        deadline = time.monotonic() + 10
        while _is_running(child) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not _is_running(child)
    finally:
        parent.kill()
        parent.wait()
        assert parent.stdout is not None
        parent.stdout.close()
