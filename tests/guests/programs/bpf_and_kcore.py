"""Runs in a guest as root: reads the kernel through BPF and /proc/kcore; prints JSON."""

from __future__ import annotations

import json
import os
import random
import subprocess
from pathlib import Path
from typing import Any

from btfdump._api.kernel import Kernel
from btfdump._btf.reader import Btf
from btfdump._targets.memory import read_many
from btfdump._targets.sources import open_live
from btfdump._targets.via_bpf import BpfTarget
from btfdump.errors import BtfdumpError, FaultError

PAGE = 4096
# Walks over a changing list that came to their end, processes that were made meanwhile.
WALKS, FORKS = 20, 500
MOST_WALKS = 400
bpf, kcore = open_live("bpf"), open_live("kcore")
assert isinstance(bpf, BpfTarget)
kernel = Kernel(bpf, Btf.from_bytes(bpf.btf_bytes(), name="vmlinux", check=False))
known = bpf._memory._map
results: dict[str, Any] = {}


def fault(address, size=8):
    try:
        bpf.read(address, size)
    except FaultError as error:
        return [error.address - address, error.reason]
    return None


def processes():
    """Return how many processes have ever been made."""
    stat = Path("/proc/stat").read_text()
    return int(stat.partition("\nprocesses ")[2].split()[0])


def differs(address, size):
    """Whether both sources disagree, and go on to when asked again: the kernel is running."""
    return all(bpf.read(address, size) != kcore.read(address, size) for _ in range(5))


def compared(addresses, size=PAGE):
    return {"count": len(addresses), "differ": sum(differs(address, size) for address in addresses)}


rng = random.Random(1)
start, end = known.direct_map
pages = [
    rng.randrange(low, high, PAGE)
    for low, high in [r for r in known.readable if start <= r[0] < end]
    for _ in range(200)
]
results["pages of RAM"] = compared(pages)
stext = bpf.symbol("_stext")
results["pages of text"] = compared([stext + at * PAGE for at in range(0, 1000, 50)])
init = kernel.task(1)
results["stack"] = compared([int(init.stack)], 64)
modules = list(kernel["modules"].walk_())
results["modules"] = compared([module.address_ for module in modules], modules[0].size_)
runqueue = bpf.symbol("runqueues")
results["per-CPU"] = compared([runqueue + offset for offset in bpf.per_cpu_offsets], 8)

# What may not be read

results["devices"] = [fault(low) for low, _ in known.devices]
results["video memory"] = fault(start + 0xA0000)
results["into video memory"] = fault(start + 0x9E000, 4 * PAGE)
results["guard page"] = fault(int(init.stack) + 4 * PAGE - 8, 16)
results["refused"] = [
    fault(address) for address in (0, 8, 0x7FFF_0000_0000, 1 << 63, (1 << 64) - 4, end)
]

# Many at once, and chains

# The kernel is running: what differs, or is not the list of processes, may be so when asked again.
wrong = set(range(100))
for _ in range(5):
    tasks = list(kernel.tasks())
    requests = [(task.address_, 64) for task in tasks] * 20 + [(8, 8), (start + 0xA0000, 8)]
    found = read_many(bpf, requests)
    wrong &= {at for at in range(100) if found[at] != kcore.read(*requests[at])}
    results["many"] = {"refused": found[-2:], "differ": len(wrong)}
    if not wrong:
        break
offset = kernel.value("struct task_struct", 0).tasks.address_
head = bpf.symbol("init_task") + offset
for _ in range(5):
    chain = bpf.copy_chain(head, head, init.size_, link_offset=offset)
    links = [task.address_ + offset for task in kernel.tasks() if task.pid == task.tgid]
    results["chain"] = {
        "links": [link for link, _ in chain] == links,
        "size": all(len(data) == init.size_ for _, data in chain),
        "count": len(chain),
    }
    if results["chain"]["links"]:
        break

# Lists that change while they are walked

storm = "while :; do true & true & true & wait; done"
children = [subprocess.Popen(["sh", "-c", storm]) for _ in range(2)]
walks = noted = 0
strange = []


def is_enough():
    return walks - noted >= WALKS and processes() - before >= FORKS


before = processes()
while not is_enough() and walks < MOST_WALKS:
    walks += 1
    try:
        for task in kernel.tasks():
            pid, comm = int(task.pid), task.comm.string_()
            seen = hex(int(task.real_cred)), hex(int(task.sched_class)), hex(int(task.flags))
            if not (0 < pid < 1 << 22 and comm.isprintable()) or "0x0" in seen[:2]:
                strange.append((pid, comm, *seen))
    except BtfdumpError:
        noted += 1
for child in children:
    child.kill()
results["storm"] = {
    "walks": walks,
    "noted": noted,
    "strange": strange,
    "forks": processes() - before,
    "is_enough": is_enough(),
}


# Without privileges


def status():
    lines = Path("/proc/self/status").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    return {name: fields[name].split() for name in ("Uid", "Gid", "Groups", "CapPrm", "NoNewPrivs")}


os.environ.update(SUDO_UID="1000", SUDO_GID="1000")
bpf.drop_privileges()
results["dropped"] = {
    **status(),
    "reads": kernel.task(1).comm.string_(),
    "stack": fault(int(kernel.task(2).stack), 64),
    "refreshed": known is not bpf._memory._map,
}
try:
    Path("/proc/kcore").open("rb").close()
    results["dropped"]["kcore"] = True
except PermissionError:
    results["dropped"]["kcore"] = False
kernel.close()
results["closed"] = fault(stext)
print(json.dumps(results))
