"""The machines that QEMU emulates for guests: one for each architecture, by Debian's name of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

ByteOrder: TypeAlias = Literal["little", "big"]


@dataclass(frozen=True)
class Machine:
    """How QEMU emulates a machine, and what compiles programs for it."""

    architecture: str
    qemu: str
    package: str
    """Debian's package with it."""
    options: tuple[str, ...]
    console: str
    bus: str
    """What virtio devices hang on: "pci" or "ccw"."""
    has_vmcoreinfo: bool
    """Whether the guest can leave its VMCOREINFO with QEMU."""
    byteorder: ByteOrder = "little"
    cross: str = ""
    """Prefix of the cross compiler's name; "" where this machine's own compiler does."""
    append: str = ""
    """What its kernels are told beyond what all are."""

    @property
    def is_native(self) -> bool:
        """Whether the programs of this machine run on it."""
        return not self.cross


_TCG = ("-accel", "tcg,thread=multi")
MACHINES = {
    machine.architecture: machine
    for machine in (
        Machine(
            "amd64",
            "qemu-system-x86_64",
            "qemu-system-x86",
            (*_TCG, "-cpu", "max"),
            "ttyS0",
            "pci",
            True,
            # Whether interrupts of the timer come is tried for a time that a busy machine has not.
            append="no_timer_check",
        ),
        Machine(
            "arm64",
            "qemu-system-aarch64",
            "qemu-system-arm",
            # Signed pointers take most of an emulated processor's time, if they are done properly.
            (*_TCG, "-machine", "virt,gic-version=3", "-cpu", "max,pauth-impdef=on"),
            "ttyAMA0",
            "pci",
            True,
            cross="aarch64-linux-gnu-",
        ),
        Machine(
            "s390x",
            "qemu-system-s390x",
            "qemu-system-misc",
            (*_TCG, "-machine", "s390-ccw-virtio", "-cpu", "max"),
            "ttysclp0",
            "ccw",
            False,
            "big",
            "s390x-linux-gnu-",
        ),
    )
}
AMD64 = MACHINES["amd64"]
