"""What the machine lacks is no fault of the model: ports, disk, files; told, and nothing left."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.native, pytest.mark.tensorflow]

DEADLINE_S = 60
# A parent that has everything imported, then lacks something, then starts a canary.
PARENT = """
    import fcntl, os, resource, socket, struct, sys
    from pathlib import Path
    from tfx_parity.canary.native import NativeBackend
    from tfx_parity.errors import ServerUnavailableError

    def limit(what, most):
        resource.setrlimit(getattr(resource, "RLIMIT_" + what), (most, most))

    def loopback_up():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
            request = struct.pack("16sh14x", b"lo", 0x1 | 0x40)  # IFF_UP | IFF_RUNNING
            fcntl.ioctl(any_socket, 0x8914, request)  # SIOCSIFFLAGS

    def take_all_ports():
        Path("/proc/sys/net/ipv4/ip_local_port_range").write_text("40000 40003")
        taken = []
        for port in range(40000, 40004):
            taken.append(socket.socket())
            taken[-1].bind(("127.0.0.1", port))
            taken[-1].listen()
        return taken

    rewriter = True
    {lack}
    try:
        with NativeBackend(graph_rewriter=rewriter).start(Path(sys.argv[1]), startup_deadline_s=50):
            print("started")
    except ServerUnavailableError as error:
        print("unavailable:", error)
"""


def _run(model: Path, lack: str, *before: str) -> str:
    """Run a parent that lacks something; returns what it says. None of its processes is left."""
    code = textwrap.dedent(PARENT).format(lack=lack)
    started = time.monotonic()
    parent = subprocess.Popen(
        [*before, sys.executable, "-c", code, str(model)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    told, log = parent.communicate(timeout=DEADLINE_S)
    assert time.monotonic() - started < DEADLINE_S
    assert 0 == parent.returncode, log
    assert [] == _servers_of(model)
    return told


def _servers_of(model: Path) -> list[str]:
    lines = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = file.read_bytes().decode(errors="replace")
        except OSError:
            continue  # it ended meanwhile
        if "tfx_parity.canary.server" in line and str(model) in line:
            lines.append(line)
    return lines


@pytest.fixture
def model(models: Path, tmp_path: Path) -> Path:
    """A model under a path of its own, by which its servers are known."""
    link = tmp_path / "model" / "1"
    link.parent.mkdir()
    link.symlink_to(models / "affine" / "1")
    return link


@pytest.mark.parametrize(
    ("lack", "told"),
    [
        ("limit('FSIZE', 16); rewriter = False", "room"),
        ("limit('NOFILE', 8)", "unavailable"),
        ("limit('NOFILE', 11)", "unavailable"),
        ("limit('AS', 1 << 29)", "unavailable"),
    ],
    ids=["disk full", "no files", "few files", "no memory"],
)
def test_what_is_used_up_is_told(model: Path, lack: str, told: str) -> None:
    """The server is unavailable: an error to try again after, never a verdict on the model."""
    said = _run(model, lack)

    assert said.startswith("unavailable:"), said
    assert told in said


def test_no_port_is_told(model: Path) -> None:
    """In a network of its own, whose four ports are all taken."""
    isolated = ("unshare", "--map-root-user", "--net")
    try:
        allowed = subprocess.run([*isolated, "true"], capture_output=True, check=False).returncode
    except FileNotFoundError:
        allowed = 1
    if allowed != 0:
        pytest.skip("this system lets nobody make a network of their own")
    said = _run(model, "loopback_up(); taken = take_all_ports()", *isolated)

    assert said.startswith("unavailable: Expected a free port of 127.0.0.1"), said


def test_the_same_parent_starts_a_canary_where_it_lacks_nothing(model: Path) -> None:
    """What the others are told is the fault's doing."""
    assert "started\n" == _run(model, "pass")
