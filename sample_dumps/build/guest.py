"""A Linux guest under QEMU, emulated, with an agent that runs commands in it."""

from __future__ import annotations

import json
import shlex
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import initramfs, kernels
from .agent import Agent, AgentError, CommandTimeout, Result
from .qmp import Qmp, QmpError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .kernels import KernelFiles

__all__ = ["AgentError", "CommandTimeout", "Guest", "GuestError", "QmpError", "Result"]

APPEND = "rootfstype=ramfs panic=-1 loglevel=4 lsm=lockdown,yama,bpf"
# Guests take a few seconds, and far more on a busy machine: whoever waits longer waits for nothing.
BOOT_SECONDS = 600.0
COMMAND_SECONDS = 600.0


class GuestError(Exception):
    """A guest does not boot; the message has the end of its console."""


class Guest:
    """A running guest; close it, or use it in a `with` statement."""

    def __init__(
        self,
        kernel: KernelFiles,
        *,
        python: bool = True,
        memory_mib: int = 640,
        cpus: int = 2,
        append: str = "",
        shell: bool = False,
        drives: Sequence[Path] = (),
        archives: Sequence[Path] = (),
    ) -> None:
        """Boot it: `drives` are images of disks, `archives` are unpacked over its own."""
        self.kernel = kernel
        self.folder = Path(tempfile.mkdtemp(prefix="btfdump-guest-"))
        self.qmp_socket = self.folder / "qmp-free"
        """A second QMP socket, not connected: one for a debugger."""
        self._qemu: subprocess.Popen[bytes] | None = None
        self._qmp: Qmp | None = None
        self._agent: Agent | None = None
        try:
            self._make_initramfs(python, archives)
            command = self._command(memory_mib, cpus, shell, append)
            self._start([*command, *self._drives(drives)], shell)
        except BaseException:
            self.close()
            raise

    @classmethod
    def boot(cls, version: str, **options: Any) -> Guest:
        """Boot Debian's kernel of a series ("6.1", "6.12") and wait until its workload runs."""
        return cls(kernels.debian(version), **options)

    def __enter__(self) -> Guest:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(
        self, command: str | Sequence[str], timeout: float = COMMAND_SECONDS, stdin: bytes = b""
    ) -> Result:
        """Run a program with arguments, or a line for the shell, as root; wait for it.

        Raises CommandTimeout when it was killed after `timeout` seconds.
        """
        words = ["sh", "-c", command] if isinstance(command, str) else list(command)
        return self._connected().run(words, timeout, stdin)

    def check(self, command: str | Sequence[str], timeout: float = COMMAND_SECONDS) -> bytes:
        """Run a command that must succeed and return its output."""
        result = self.run(command, timeout)
        if result.status:
            errors = result.stderr.decode(errors="replace")
            raise GuestError(f"{command!r} gave status {result.status}: {errors}")
        return result.stdout

    def put(self, path: str, data: bytes) -> None:
        """Write a file in the guest."""
        result = self.run(f"cat > {shlex.quote(path)}", stdin=data)
        if result.status:
            raise GuestError(result.stderr.decode(errors="replace"))

    def get(self, path: str) -> bytes:
        """Read a file of the guest."""
        return self.check(["cat", path])

    def workload(self) -> Any:
        """Return what the guest's workload says it made: see rootfs/README.md."""
        return json.loads(self.get("/run/workload/bpf.json"))

    def qmp(self, command: str, **arguments: Any) -> Any:
        """Run a QMP command; raises QmpError when QEMU refuses."""
        if self._qmp is None:
            raise GuestError("the guest is closed")
        return self._qmp.command(command, **arguments)

    def stop(self) -> None:
        """Stop the guest's processors: its memory stays as it is."""
        self.qmp("stop")

    def cont(self) -> None:
        """Let the guest's processors run again."""
        self.qmp("cont")

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Stop the guest's processors for the length of a `with` statement."""
        self.stop()
        try:
            yield
        finally:
            self.cont()

    def dump(self, path: Path, form: str = "elf") -> Path:
        """Write the guest's memory: as "elf", "kdump-zlib", "kdump-lzo" or "kdump-snappy"."""
        arguments = {"paging": False, "protocol": f"file:{path.resolve()}", "format": form}
        self.qmp("dump-guest-memory", **arguments)
        return path

    def console(self) -> str:
        """Return what the kernel and the first process have printed."""
        log = self.folder / "console"
        return log.read_text(errors="replace") if log.exists() else ""

    def close(self) -> None:
        """End the guest and remove its files."""
        for connection in (self._agent, self._qmp):
            if connection is not None:
                connection.close()
        self._agent = self._qmp = None
        if self._qemu is not None:
            self._qemu.kill()
            self._qemu.wait()
            self._qemu = None
        shutil.rmtree(self.folder, ignore_errors=True)

    def wait(self) -> None:
        """Wait until QEMU has ended."""
        if self._qemu is not None:
            self._qemu.wait()

    def _make_initramfs(self, python: bool, archives: Sequence[Path]) -> None:
        with (self.folder / "initramfs").open("wb") as out:
            for part in (*initramfs.archives(self.kernel, python=python), *archives):
                with part.open("rb") as source:
                    shutil.copyfileobj(source, out, 1 << 20)

    def _start(self, command: Sequence[str], shell: bool) -> None:
        stdin = None if shell else subprocess.DEVNULL
        with (self.folder / "qemu.err").open("wb") as errors:
            self._qemu = subprocess.Popen(command, stdin=stdin, stderr=errors)
        deadline = time.monotonic() + BOOT_SECONDS
        try:
            connection = self._connect("agent", deadline)
            self._agent = Agent(connection, self.kernel.machine.byteorder)
            self._qmp = Qmp(self._connect("qmp", deadline))
            self._qmp.negotiate()
            self._agent.wait_ready(deadline - time.monotonic())
        except (AgentError, QmpError, OSError) as error:
            tail = self.console()[-2000:] + (self.folder / "qemu.err").read_text()
            raise GuestError(f"{self.kernel.release} does not boot: {error}\n{tail}") from error
        (self.folder / "initramfs").unlink()

    def _command(self, memory_mib: int, cpus: int, shell: bool, append: str) -> list[str]:
        machine = self.kernel.machine
        # The kernel ends QEMU when this process dies, whatever kills it.
        command = ["setpriv", "--pdeathsig", "KILL", machine.qemu, *machine.options]
        words = [APPEND, f"console={machine.console}", machine.append, append]
        words += ["btfdump.shell"] if shell else []
        command += ["-append", " ".join(filter(None, words)), "-smp", str(cpus)]
        command += ["-m", str(memory_mib), "-nodefaults", "-no-reboot", "-display", "none"]
        command += ["-kernel", str(self.kernel.image), "-initrd", str(self.folder / "initramfs")]
        command += ["-device", "vmcoreinfo"] if machine.has_vmcoreinfo else []
        command += ["-serial", f"file:{self.folder / 'console'}"]
        if shell:
            command += ["-chardev", "stdio,id=shell,signal=off", "-serial", "chardev:shell"]
        for name in ("qmp", "qmp-free"):
            command += ["-qmp", f"unix:{self.folder / name},server=on,wait=off"]
        command += ["-device", f"virtio-serial-{machine.bus}"]
        command += ["-chardev", f"socket,id=agent,path={self.folder / 'agent'},server=on,wait=off"]
        return [*command, "-device", "virtserialport,chardev=agent,name=btfdump.agent"]

    def _drives(self, images: Sequence[Path]) -> list[str]:
        command: list[str] = []
        for number, image in enumerate(images):
            command += ["-drive", f"if=none,id=drive{number},format=raw,file={image}"]
            command += ["-device", f"virtio-blk-{self.kernel.machine.bus},drive=drive{number}"]
        return command

    def _connect(self, name: str, deadline: float) -> socket.socket:
        """Connect to a socket of QEMU's as soon as it listens."""
        while True:
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(BOOT_SECONDS)
            try:
                connection.connect(str(self.folder / name))
            except OSError as error:
                connection.close()
                if time.monotonic() > deadline or (self._qemu and self._qemu.poll() is not None):
                    raise AgentError(f"QEMU does not start: {name}: {error}") from error
                time.sleep(0.02)
            else:
                return connection

    def _connected(self) -> Agent:
        if self._agent is None:
            raise GuestError("the guest is closed")
        return self._agent
