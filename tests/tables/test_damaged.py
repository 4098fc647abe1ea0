"""Tables, declared or of the whole system, on damaged memory: they end, and say what is lost."""

from __future__ import annotations

import json
import random
from itertools import islice
from typing import TYPE_CHECKING, Any

import pytest

from btfdump._kernel.following import Troubles
from btfdump._kernel.notes import Note, without_notes
from btfdump._render import Options
from btfdump._render.table import render_table
from btfdump._roots import Query, table_of
from btfdump._system.routing import every_route
from btfdump._system.sockets.finding import listed_sockets
from btfdump._tables.library import names
from btfdump.errors import BtfdumpError
from tests.support.patched import PatchedKernel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from btfdump._api.kernel import Kernel

OTHERS = ("log", "sys", "sockets", "routes", "mem", "locks", "waiters", "ipcs", "devices")
MOST_ROWS = 20_000


def of_tasks(kernel: Kernel) -> Iterator[tuple[int, int]]:
    """Yield (address, size) of what the tables read of tasks."""
    for task in islice(kernel.tasks(), 40, None):
        yield task.address_, task.size_
        yield int(task.stack) + (1 << 14) - 1024, 1024
        for pointer in (task.mm, task.files, task.signal, task.nsproxy, task.cred):
            if pointer:
                yield int(pointer), pointer.deref_().size_
        if task.files:
            table = task.files.fdt.deref_()
            yield table.address_, table.size_
            yield int(table.fd), 64
        if task.mm:
            for area in islice(task.mm.mm_mt.walk_(), 3):
                yield area.address_, area.size_


def of_kernel(kernel: Kernel) -> Iterator[tuple[int, int]]:
    """Yield (address, size) of what the tables of the kernel itself read."""
    for head in ("sparse_irqs", "workqueues", "worker_pool_idr", "cgroup_roots", "slab_caches"):
        for one in islice(kernel[head].walk_(), 8):
            yield one.address_, min(one.size_, 1024)
    for pool in kernel["worker_pool_idr"].walk_():
        for worker in pool.workers.walk_():
            yield worker.address_, worker.size_
    for name in ("runqueues", "timer_bases", "hrtimer_bases"):
        for cpu in (0, 1):
            value = kernel.per_cpu(kernel[name], cpu)
            yield value.address_, value.size_
    for name in ("chrdevs", "cdev_map"):
        value = kernel[name]
        yield (int(value) if value.is_pointer_ else value.address_), 512
    for queue in kernel["workqueues"].walk_():
        yield next(iter(queue.pwqs.walk_())).address_, 256
    yield kernel["cgroup_roots"].address_, 16
    for inode in kernel["blockdev_superblock"].s_inodes.walk_():
        yield inode.address_ - 1024, 2048


def objects(kernel: Kernel) -> Iterator[tuple[int, int]]:
    """Yield (address, size) of what the tables read."""
    yield from of_tasks(kernel)
    yield from of_kernel(kernel)
    for head in ("modules", "slab_caches"):
        for one in kernel[head].walk_():
            yield one.address_, min(one.size_, 512)
    for net in kernel["net_namespace_list"].walk_():
        for table in net.ipv4.fib_table_hash.walk_():
            yield int(table.tb_data), 64
        for tree in net.ipv6.fib_table_hash.walk_():
            yield tree.address_, tree.size_
        for device in net.dev_base_head.walk_():
            yield device.address_, device.size_
            if device.ip_ptr:
                yield int(device.ip_ptr), 64
    log = kernel["prb"].deref_()
    yield log.address_, log.size_
    for start in (log.desc_ring.descs, log.desc_ring.infos):
        yield int(start), 64 * start.deref_().size_
    for sock in without_notes(listed_sockets(kernel)):
        yield sock.address_, 512
    for route in without_notes(every_route(kernel, Troubles())):
        yield route.route, 200
    for mount in kernel.task(1).nsproxy.mnt_ns.mounts.walk_():
        yield mount.address_, mount.size_


@pytest.mark.parametrize("seed", range(16))
def test_tables_end_and_are_whole(opened: Callable[[str], Kernel], seed: int) -> None:
    plain = opened("tagged")
    places = list(objects(plain))
    kernel = PatchedKernel(plain)
    chance = random.Random(seed)
    for _ in range(40):
        address, size = chance.choice(places)
        at = address + chance.randrange(0, max(size - 8, 1)) // 8 * 8
        values = (0, 0x11, chance.getrandbits(64), (1 << 64) - 1, chance.choice(places)[0])
        kernel.target.write(at, chance.choice(values).to_bytes(8, "little"))
    for name in (*names(), *OTHERS):
        for filters in ({}, {"threads": ()}) if name == "ps" else ({},):
            read(kernel, name, filters)


def read(kernel: Any, name: str, filters: Any) -> None:
    kind = table_of(name)
    assert kind is not None
    try:
        table = kind.table(kernel, Query((), filters))
    except BtfdumpError:
        return
    text = "".join(islice(render_table(table, "jsonl", Options()), MOST_ROWS))
    assert text.count("\n") < MOST_ROWS
    for line in text.splitlines():
        json.loads(line)
    lines = "".join(render_table(kind.table(kernel, Query((), filters)), "text", Options(width=80)))
    assert lines.isascii() or lines.translate({9: "", 10: ""}).isprintable()


def test_what_is_lacking_is_told(opened: Callable[[str], Kernel]) -> None:
    """Of a task whose memory is gone all cells behind it are None, and one note says so."""
    plain = opened("stock")
    kernel = PatchedKernel(plain)
    task = next(t for t in kernel.tasks() if int(t.pid) == 184)
    kernel.target.write(task.mm.address_, (0x1230).to_bytes(8, "little"))
    kind = table_of("ps")
    assert kind is not None
    row, *others = kind.table(kernel, Query(("184",))).rows
    assert not isinstance(row, Note)
    assert (row["rss"], row["vsz"], row["comm"]) == (None, None, "w_alpha")
    texts = [one.text for one in others if isinstance(one, Note)]
    assert texts[0].startswith("task.mm: cannot read ")
    assert len(texts) == len({text.partition(": ")[0] for text in texts})
