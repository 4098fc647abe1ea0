"""BTF from files: raw blobs, .BTF sections of ELF files, /sys/kernel/btf."""

from __future__ import annotations

from pathlib import Path

from btfdump._btf.reader import Btf
from btfdump._btf.wire import is_split, is_whole
from btfdump.errors import BtfFormatError, MissingDataError, TargetError

_SYSFS = Path("/sys/kernel/btf")


def open_btf(path: str | Path, *, base: Btf | str | Path | None = None) -> Btf:
    """Read and check the BTF in a file: a raw blob, or an ELF file (vmlinux, .ko, BPF .o).

    A module's BTF is split on its kernel's; `base` is that BTF, or a file that has it. For the
    files of /sys/kernel/btf, and for .ko files with a .BTF.base section, the base is found without
    it. A blob may be compressed with gzip. Raises `TargetError` if the file cannot be read, has no
    BTF, or does not fit its base, `MissingDataError` if a base is needed and missing, and
    `BtfFormatError` if its BTF is malformed.
    """
    from btfdump._targets.elf import read_btf

    path = Path(path)
    found = read_btf(path)
    if base is None and path.parent == _SYSFS and path.name != "vmlinux":
        base = _SYSFS / "vmlinux"
    if isinstance(base, str | Path):
        base = open_btf(base)
    if base is None and found.base:
        base = Btf.from_bytes(found.base, name=f"{path.name} base")
    if base is not None:
        return split_on(path, found.btf, base, found.pointer_size)
    if is_split(found.btf, path.name):
        raise MissingDataError(
            f"{path}: is split BTF, as that of a module, and its base is missing",
            "give the BTF of its kernel as the base (--base FILE)",
        )
    return Btf.from_bytes(found.btf, name=path.name, pointer_size=found.pointer_size)


def split_on(
    path: Path,
    data: bytes,
    base: Btf,
    pointer_size: int | None = None,
    remedy: str = "give the BTF of the very kernel that it was built for (--base FILE)",
) -> Btf:
    """Read BTF on top of its base; raises `TargetError` if the two do not belong together."""
    if is_whole(data, path.name):  # a malformed header is no fault of the base
        raise TargetError(
            f"{path}: is not split on any other BTF: all of its types are its own; give no base"
        )
    try:
        btf = Btf.from_bytes(data, base=base, name=path.name, pointer_size=pointer_size)
    except BtfFormatError as error:
        raise TargetError(
            f"{path}: does not fit its base {base.name}, or is damaged, at offset "
            f"{error.offset:#x}: {error.reason}; {remedy}"
        ) from error
    if not btf.fits_base():
        raise TargetError(
            f"{path}: does not fit its base {base.name}: names in it begin in the middle of "
            f"others; {remedy}"
        )
    return btf
