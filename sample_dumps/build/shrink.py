"""Turn an unfiltered ELF dump into a small kdump-compressed one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._api.opening import open_core
from btfdump._targets.vmcoreinfo import parse

from . import kdump
from .elfdump import ElfDump
from .pagefilter import PageFilter

if TYPE_CHECKING:
    from collections import Counter
    from pathlib import Path

UTSNAME = ("sysname", "nodename", "release", "version", "machine", "domainname")


def shrink(source: Path, out: Path) -> tuple[kdump.Written, Counter[str]]:
    """Write `out`; return what was written, and what was left out for what reason."""
    with ElfDump(source) as dump, open_core(source) as kernel:
        vmcoreinfo = dump.note_descriptions["VMCOREINFO"]
        info = parse(vmcoreinfo)
        present = list(dump.frames())
        kept, dropped = PageFilter(kernel, info).sort(present)
        names = kernel["init_uts_ns"].name
        machine = kdump.Machine(
            names=tuple(names.member_(field).string_() for field in UTSNAME),
            processors=int(kernel["nr_cpu_ids"]),
            physical_base=int(info["NUMBER(phys_base)"]),
            notes=dump.notes,
            vmcoreinfo=vmcoreinfo,
        )
        return kdump.write(out, machine, present, kept, dump.page), dropped
