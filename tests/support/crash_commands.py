"""drgn's own commands of the crash utility, whose output on the stock 7.3 dump was recorded.

`python -m tests.support.crash_commands CORE VMLINUX > drgn-crash.json.xz` records it: what each
form prints where drgn has the DWARF of a vmlinux and btfdump is not asked. The forms that fail
there are left out.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import lzma
import os
import sys
import time
from typing import TYPE_CHECKING
from unittest import mock

import drgn.commands._crash  # noqa: F401 - registers them
from drgn import Program
from drgn.commands import run_command
from drgn.helpers.linux.pid import find_task

if TYPE_CHECKING:
    from collections.abc import Iterator

_LONG = 1 << 17

FORMS = """
set 1
ascii
bt 1
bt -a
bt -f 1
bt -l 1
btop 0x5000
dev
dev -d
dev -i
dev -p
eval 5+5
files 1
files -d {pwd}
foreach bt
ipcs
irq
irq -a
irq -b
irq -s
kmem -h
kmem -i
kmem -n
kmem -o
kmem -p
kmem -s
kmem -v
kmem -V
kmem -z
log
log -T
mod
mount
net
net -a
p init_task.comm
p jiffies
p -x jiffies
p runqueues:a
ps
ps -a 1
ps -c 1
ps -g 1
ps -G
ps -l
ps -m
ps -p 1
ps -r
ps -s
ps -S
ps -t
ptob 5
ptov 0x1000
rd -64 {task} 8
rd -a linux_banner
rd jiffies 4
runq
runq -g
runq -m
runq -t
set
sig 1
sig -l
sig -s 0x5
struct task_struct
struct task_struct {task}
struct task_struct.pid,comm {task}
swap
sym 0xffffffff81000010
sym -q jiffies
sym schedule
sys
task 1
task -R comm 1
timer
timer -r
tree -t maple {mm}
tree -t xarray -r address_space.i_pages {task}
vm 1
vtop {task}
whatis init_task
whatis schedule
whatis task_struct
""".strip().splitlines()
"""Commands as they are typed; `{task}` is the address of the task of pid 1, and so on.

`set 1` comes first: others need a task, and the one that paniced is none here. Left out is what
fails with DWARF, and `sym -l`: a megabyte of symbols, of which only ELF files have the absolute.
"""


def output_of(prog: Program, form: str) -> str:
    """Return what a command prints; raises what it raises."""
    task = find_task(prog, 1)
    command = form.format(
        task=hex(task),
        mm=hex(task.mm),
        pwd=hex(task.fs.pwd.dentry),
    )
    out = io.StringIO()
    with contextlib.redirect_stdout(out), plainly():
        run_command(prog, f"crash {command}")
    return out.getvalue()


def brief(output: str) -> str:
    """Return an output as it is recorded: of what is long, its hash."""
    if len(output) < _LONG:
        return output
    return f"sha256 {hashlib.sha256(output.encode()).hexdigest()}"


@contextlib.contextmanager
def plainly() -> Iterator[None]:
    """Have what is printed not depend on the terminal and the time zone."""
    with mock.patch.dict(os.environ, {"TZ": "UTC", "COLUMNS": "80", "LINES": "24"}):
        time.tzset()
        yield
    time.tzset()


def main(core: str, vmlinux: str) -> None:
    """Write what the forms print with DWARF."""
    prog = Program()
    prog.set_core_dump(core)
    prog.load_debug_info([vmlinux])
    found = {}
    for form in FORMS:
        try:
            found[form] = brief(output_of(prog, form))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever they raise
            print(f"{form}: {type(error).__name__}: {error}", file=sys.stderr)
    sys.stdout.buffer.write(lzma.compress(json.dumps(found).encode()))


if __name__ == "__main__":
    main(*sys.argv[1:])
