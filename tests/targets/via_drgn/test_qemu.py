"""Attaching to QEMU: what is said of sockets that lead nowhere, and that nothing waits for ever."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from btfdump._targets.via_drgn.qemu import open_qemu
from btfdump.errors import MissingDataError, TargetError
from tests.support.effort import hangs_after

GREETING = '{"QMP": {"version": {"qemu": {"micro": 0, "minor": 2, "major": 7}}}}\r\n'
# drgn waits for answers without letting other threads run: the server is a process of its own.
SERVER = """
import json, socket, sys, time
path, pieces, replies = sys.argv[1], json.loads(sys.argv[2]), json.loads(sys.argv[3])
server = socket.socket(socket.AF_UNIX)
server.bind(path)
server.listen(1)
print("ready", flush=True)
while True:
    client, _ = server.accept()
    for piece in pieces:
        client.sendall(piece.encode())
        time.sleep(0.02)
    try:
        for line in client.makefile("rb") if pieces else ():
            command = json.loads(line)
            name = command.get("arguments", {}).get("command-line", command["execute"])
            if name in replies:
                client.sendall(json.dumps(replies[name]).encode() + b"\\r\\n")
    except OSError:
        pass
    client.close()
"""
BUSY = 120
"""Seconds of patience with a server that answers, on a machine that is busy with other things."""
ATTACH = {
    "qmp_capabilities": {"return": {}},
    "query-target": {"return": {"arch": "x86_64"}},
    "info mtree -f": {"return": ""},
}


@pytest.fixture
def serve(tmp_path):
    """Start a server that sends `pieces` to a client, then answers the commands in `replies`."""
    started = []

    def start(*pieces, replies=None):
        path = tmp_path / "qmp"
        words = [str(path), json.dumps(pieces), json.dumps(replies or {})]
        server = subprocess.Popen(
            [sys.executable, "-c", SERVER, *words], stdout=subprocess.PIPE, text=True
        )
        started.append(server)
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"
        return path

    yield start
    for server in started:
        server.kill()
        server.communicate()


def test_no_socket(tmp_path):
    with pytest.raises(TargetError, match=r"there is no such socket; start QEMU with -qmp unix:"):
        open_qemu(tmp_path / "nosuch")


def test_no_socket_but_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(TargetError, match="is not a socket"):
        open_qemu(tmp_path / "file")


def test_nobody_listens(tmp_path):
    path = tmp_path / "qmp"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
    with pytest.raises(TargetError, match="nobody listens there"):
        open_qemu(path)


def test_path_too_long(tmp_path):
    with pytest.raises(TargetError, match="qmp"):
        open_qemu(tmp_path / ("qmp" * 60))


def test_occupied(serve):
    """QEMU serves one client, and leaves the next ones waiting without a word."""
    path = serve(GREETING, replies=ATTACH)
    with socket.socket(socket.AF_UNIX) as first:
        first.connect(str(path))
        assert first.recv(1)
        match = r"another client .* one of its own, with a second"
        with hangs_after(120), pytest.raises(TargetError, match=match):
            open_qemu(path, patience=0.3)


def test_a_server_that_drips(tmp_path):
    """A time-out on the socket would begin anew with each byte."""
    code = SERVER.replace(
        "for line in",
        "while True:\n            client.sendall(b' '); time.sleep(0.05)\n        for line in",
    )
    server = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "qmp"), json.dumps([GREETING]), "{}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with server:
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"
        try:
            with hangs_after(120), pytest.raises(TargetError, match=r"no answer within 1\.8 s"):
                open_qemu(tmp_path / "qmp", patience=0.3)
        finally:
            server.kill()


def test_a_queue_behind_the_occupant(serve):
    path = str(serve(GREETING))
    clients = []
    try:
        occupant = socket.socket(socket.AF_UNIX)
        clients.append(occupant)
        occupant.connect(path)
        assert occupant.recv(1)  # it is served, so nobody leaves the queue from now on
        for _ in range(8):
            client = socket.socket(socket.AF_UNIX)
            client.setblocking(False)
            clients.append(client)
            try:
                client.connect(path)
            except BlockingIOError:
                break
        with pytest.raises(TargetError, match="others are waiting for this socket"):
            open_qemu(path, patience=0.3)
    finally:
        for client in clients:
            client.close()


def test_not_qmp(serve):
    path = serve("QEMU 7.2.0 monitor - type 'help'\n")
    with pytest.raises(TargetError, match=r"is not QMP: it says b'QEMU 7\.2\.0 monitor"):
        open_qemu(path, patience=BUSY)


def test_closed_at_once(serve):
    with pytest.raises(TargetError, match="closed the connection at once"):
        open_qemu(serve(), patience=BUSY)


def assert_no_answer(path):
    """Attach to a server that greets, and then is silent; be as patient as it needs to greet."""
    for patience in (0.1, 1, 10, 100):
        with pytest.raises(TargetError) as caught:
            open_qemu(path, patience=patience)
        if "no greeting within" not in str(caught.value):
            break
    assert f"drgn cannot attach: no answer within {6 * patience:g} s" in str(caught.value)


def test_half_a_greeting(serve):
    assert_no_answer(serve(GREETING[:20]))


def test_stuck_after_the_greeting(serve):
    assert_no_answer(serve(GREETING))


def test_a_greeting_in_pieces_and_no_vmcoreinfo(serve):
    path = serve(GREETING[:4], GREETING[4:], replies=ATTACH)
    with pytest.raises(
        MissingDataError, match=r"no VMCOREINFO; start QEMU with -device vmcoreinfo"
    ):
        open_qemu(path, patience=BUSY)


def test_qemu_refuses(serve):
    path = serve(GREETING, replies={"qmp_capabilities": {"error": {"class": "X", "desc": "no"}}})
    with pytest.raises(TargetError, match="drgn cannot attach: QMP error: X: no"):
        open_qemu(path, patience=BUSY)


def test_tcp():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(TargetError, match="no greeting within"):
            open_qemu(f"127.0.0.1:{port}", patience=0.2)
    with pytest.raises(TargetError, match="nobody listens there"):
        open_qemu(f"127.0.0.1:{port}")


def test_relative_path(serve, monkeypatch):
    path = serve(GREETING, replies=ATTACH)
    monkeypatch.chdir(path.parent)
    with pytest.raises(MissingDataError, match=r"^qmp: "):
        open_qemu(Path("qmp"), patience=BUSY)
