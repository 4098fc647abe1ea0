"""What the files in /proc and /sys tell about the running kernel, however its memory is read."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from btfdump._targets.proc_kallsyms import ProcKallsyms
from btfdump.errors import MissingDataError, TargetError

if TYPE_CHECKING:
    from btfdump._targets.symbols import SymbolSource

_ELF = b"\x7fELF"
_FORBIDDEN = frozenset({errno.EPERM, errno.EACCES})


@dataclass(frozen=True)
class RunningKernel:
    """The kernel that this process runs on; `root` is where its /proc and /sys are mounted."""

    root: Path = Path("/")

    @property
    def kcore(self) -> Path:
        """The kernel's memory as an ELF core file (fs/proc/kcore.c)."""
        return self.root / "proc/kcore"

    def check_kcore(self) -> None:
        """Raise `TargetError` saying why /proc/kcore cannot be read, and what to do."""
        try:
            with self.kcore.open("rb") as file:
                magic = file.read(len(_ELF))
        except FileNotFoundError:
            raise MissingDataError(
                f"there is no {self.kcore}: the kernel was built without it "
                "(CONFIG_PROC_KCORE=n), or it is hidden",
                "boot a kernel that has it, or take a vmcore",
            ) from None
        except OSError as error:
            if error.errno not in _FORBIDDEN:
                raise TargetError(f"{self.kcore}: {error.strerror}") from None
            raise self._forbidden(error.errno) from None
        if magic != _ELF:
            raise MissingDataError(
                f"{self.kcore} is masked, as containers do: it is no core file",
                "run on the host, outside of the container",
            )

    def _forbidden(self, number: int | None) -> TargetError:
        if self.lockdown == "confidentiality":
            return TargetError(
                f"{self.kcore}: the kernel is locked down (confidentiality) and lets nobody read "
                "its memory; boot without lockdown=confidentiality, or take a vmcore"
            )
        if number == errno.EACCES:
            return TargetError(f"{self.kcore}: only root may read it; run as root, with sudo")
        return TargetError(
            f"{self.kcore}: not permitted, though root: the capability CAP_SYS_RAWIO is missing, "
            "as in a container; run on the host, or grant it"
        )

    @cached_property
    def lockdown(self) -> str:
        """The lockdown mode: "none", "integrity" or "confidentiality" (security/lockdown)."""
        # No file: securityfs is not mounted, or the kernel has no lockdown.
        text = self._text("sys/kernel/security/lockdown")
        return text.partition("[")[2].partition("]")[0] or "none"

    @cached_property
    def kptr_restrict(self) -> int:
        """The sysctl kernel.kptr_restrict: who sees addresses in /proc; 0 if it is not told."""
        text = self._text("proc/sys/kernel/kptr_restrict")
        return int(text) if text.isdecimal() else 0

    @property
    def release(self) -> str:
        """The kernel release as in `uname -r`, "" if it is not told."""
        return self._text("proc/sys/kernel/osrelease")

    def _text(self, path: str) -> str:
        """Return the text of a small file, "" if it cannot be read."""
        try:
            return (self.root / path).read_bytes().decode(errors="replace").strip()
        except OSError:
            return ""

    def btf(self) -> bytes | None:
        """Return the BTF of vmlinux from sysfs, None if not there (kernel/bpf/sysfs_btf.c)."""
        return self._sysfs_btf("vmlinux")

    def module_btf(self, name: str) -> bytes | None:
        """Return the BTF of the loaded module `name` from sysfs, None if it is not there."""
        return self._sysfs_btf(name) if name.isascii() and "/" not in name else None

    def _sysfs_btf(self, name: str) -> bytes | None:
        try:
            return (self.root / "sys/kernel/btf" / name).read_bytes()
        except OSError:
            return None

    def kallsyms(self) -> SymbolSource:
        """Return the symbols in /proc/kallsyms.

        Raises `MissingDataError` if there are none, or if their addresses are hidden from this
        process (kernel/ksyms_common.c, kallsyms_show_value).
        """
        path = self.root / "proc/kallsyms"
        try:
            table = ProcKallsyms(path.read_bytes())
        except OSError as error:
            raise MissingDataError(
                f"{path}: {error.strerror}", "give the symbols with --vmlinux FILE"
            ) from None
        if not table.has_addresses:
            raise MissingDataError(
                f"{path} hides the addresses (kernel.kptr_restrict={self.kptr_restrict})",
                self._show_addresses(),
            )
        return table

    def _show_addresses(self) -> str:
        if self.kptr_restrict >= 2:
            return "as root: sysctl kernel.kptr_restrict=1"
        return "run as root, or with CAP_SYSLOG"
