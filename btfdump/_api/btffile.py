"""BTF from files: raw blobs, .BTF sections of ELF files, /sys/kernel/btf."""

from __future__ import annotations

from pathlib import Path

from btfdump._btf.reader import Btf
from btfdump.errors import BtfFormatError, TargetError

_SYSFS = Path("/sys/kernel/btf")


def open_btf(path: str | Path, *, base: Btf | str | Path | None = None) -> Btf:
    """Read and check the BTF in a file: a raw blob, or an ELF file (vmlinux, .ko, BPF .o).

    A module's BTF is split on its kernel's; `base` is that BTF, or a file that has it. For the
    files of /sys/kernel/btf, and for .ko files with a .BTF.base section, the base is found without
    it. Raises `TargetError` if the file cannot be read or has no BTF, and `BtfFormatError` if its
    BTF is malformed or if a base is needed and missing.
    """
    from btfdump._targets.elf import btf_sections, read_btf_file

    path = Path(path)
    data = read_btf_file(path)
    if base is None and path.parent == _SYSFS and path.name != "vmlinux":
        base = _SYSFS / "vmlinux"
    if isinstance(base, str | Path):
        base = open_btf(base)
    if base is None:
        try:
            distilled = btf_sections(path).base
        except TargetError:  # a raw blob
            distilled = b""
        if distilled:
            base = Btf.from_bytes(distilled, name=f"{path.name} base")
    try:
        return Btf.from_bytes(data, base=base, name=path.name)
    except BtfFormatError as error:
        if base is not None:
            raise
        reason = f"{error.reason} (a module's BTF is split: it needs its kernel's as a base)"
        raise BtfFormatError(error.offset, reason) from error
