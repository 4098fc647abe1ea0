"""The command without its start: each run is a fork of a process that has loaded it all.

Most of a short command's time is the loading of Python modules and of the library. Who runs a
hundred of them starts `serving()`, and gives the shell the script that it yields in place of
`btfdump`: arguments, environment, folder, files and exit status are those of a process of its own.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

TOP = Path(__file__).parents[2]
LENGTH = 1 << 16
"""Bytes of the longest command line and environment, as JSON."""
CLIENT = """\
#!{python} -IS
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    what = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
    socket.send_fds(server, [what + b"\\n"], [0, 1, 2])
    status = server.recv(1)
os._exit(status[0] if status else 70)
"""


@contextlib.contextmanager
def serving(
    folder: Path, environment: Mapping[str, str], first: Sequence[Sequence[str]]
) -> Iterator[Path]:
    """Start a server; yield the path of `btfdump` in a folder, which asks it.

    The commands `first` are run at the start for what they load, and their output is thrown away.
    """
    address, script = str(folder / "socket"), folder / "btfdump"
    script.write_text(CLIENT.format(python=sys.executable, address=address))
    script.chmod(0o755)
    command = [sys.executable, "-m", "tests.support.command_server", address, json.dumps(first)]
    with subprocess.Popen(
        command, cwd=TOP, env=dict(environment), stdout=subprocess.PIPE
    ) as server:
        try:
            assert server.stdout is not None
            assert server.stdout.read(1) == b"!", "the server did not start"
            yield script
        finally:
            server.kill()


def _serve(address: str, first: list[list[str]]) -> NoReturn:
    from btfdump._cli import main

    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen()
        for words in first:
            with contextlib.redirect_stdout(io.StringIO()):
                main(words)
        os.write(1, b"!")
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # no child is waited for
        while True:
            connection, _ = listening.accept()
            with connection:
                if not os.fork():
                    listening.close()
                    _run(connection)


def _run(connection: socket.socket) -> NoReturn:
    """Be the command that a client asks for, and tell it the exit status."""
    from btfdump._cli import main

    status = 1
    try:
        what, files, _, _ = socket.recv_fds(connection, LENGTH, 3)
        while not what.endswith(b"\n"):
            what += connection.recv(LENGTH)
        words, folder, environment = json.loads(what)
        for number, file in enumerate(files):
            os.dup2(file, number)
            os.close(file)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        sys.argv = ["btfdump", *words]
        sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        try:
            status = main()
        except SystemExit as error:
            status = error.code if isinstance(error.code, int) else int(error.code is not None)
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        connection.send(bytes([status & 0xFF]))
        os._exit(status)


if __name__ == "__main__":
    _serve(sys.argv[1], json.loads(sys.argv[2]))
