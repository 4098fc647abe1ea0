"""Numbers about files: modes and devices."""

from __future__ import annotations

_KINDS = {
    0o010000: "FIFO",
    0o020000: "character device",
    0o040000: "directory",
    0o060000: "block device",
    0o100000: "regular file",
    0o120000: "symbolic link",
    0o140000: "socket",
}
"""What S_IFMT selects (include/uapi/linux/stat.h)."""
_S_IFMT = 0o170000
MINOR_BITS = 20
"""Bits of the minor number in a dev_t (include/linux/kdev_t.h)."""


def mode(value: int) -> str:
    """Return what an i_mode says: `character device rw-------`."""
    if value < 0 or value >> 16:
        return ""
    kind = _KINDS.get(value & _S_IFMT, "")
    if value & _S_IFMT and not kind:
        return ""
    return f"{kind} {permissions(value)}" if kind else permissions(value)


def permissions(value: int) -> str:
    """Return permissions as ls writes them: `rwxr-sr-x`."""
    letters = []
    for shift, special, mark in ((6, 0o4000, "s"), (3, 0o2000, "s"), (0, 0o1000, "t")):
        bits = value >> shift
        run = "x" if bits & 1 else "-"
        if value & special:
            run = mark if bits & 1 else mark.upper()
        letters.append(f"{'r' if bits & 4 else '-'}{'w' if bits & 2 else '-'}{run}")
    return "".join(letters)


def device(value: int) -> str:
    """Return the major and minor number of a dev_t: `5:1`."""
    return f"{value >> MINOR_BITS}:{value & (1 << MINOR_BITS) - 1}" if value > 0 else ""
