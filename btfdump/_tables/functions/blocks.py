"""Block devices: all that there are, and their I/O (block/)."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from btfdump._kernel.value_at import offset_of, value_at
from btfdump._kernel.variables import find_global
from btfdump._tables.functions import column, objects
from btfdump.errors import CorruptDataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from btfdump._kernel.context import Context
    from btfdump._kernel.value import Value

_OF_DEVICE = "struct bdev_inode"
_MOST_DEVICES = 1 << 18
_MOST_QUEUES = 1 << 14
_MOST_TAGS = 1 << 16
_IN_FLIGHT = 1
"""MQ_RQ_IN_FLIGHT (include/linux/blk-mq.h: enum mq_rq_state)."""
_IS_WRITE = 1
"""The bit of a request's operation that says that data goes to the device (op_is_write())."""


@objects("struct block_device")
def block_devices(kernel: Context) -> Callable[[], Iterator[Value]]:
    """All block devices, disks and partitions: parts of the inodes of the file system `bdev`."""

    def of() -> Iterator[Value]:
        inodes = find_global(kernel, "blockdev_superblock").s_inodes.walk_()
        inside = offset_of(kernel, _OF_DEVICE, "vfs_inode")
        found = []
        for inode in islice(inodes, _MOST_DEVICES):
            start = kernel.wrap(inode.address_ - inside)
            found.append(value_at(kernel, _OF_DEVICE, start).bdev)
        yield from reversed(found)  # the newest is the first in the list

    return of


@column()
def in_flight(kernel: Context) -> Callable[[Value], list[int] | None]:
    """Reads and writes that a block device has been given and has not ended: [reads, writes].

    Mirrors part_in_flight() and blk_mq_in_flight() (block/genhd.c).
    """
    cpus = range(len(kernel.target.per_cpu_offsets))

    def of(device: Value) -> list[int] | None:
        disk = device.bd_disk
        if not disk or not disk.queue:
            return None
        queue = disk.queue
        if queue.mq_ops:
            part = 0 if _is_whole(device) else device.address_
            return _of_requests(queue, part)
        if not device.bd_stats:
            return None
        counts = [0, 0]
        for cpu in cpus:
            for direction, count in enumerate(device.bd_stats[cpu].in_flight):
                counts[direction] += int(count.a.counter if count.has_member_("a") else count)
        return counts

    return of


def _is_whole(device: Value) -> bool:
    """Whether a block device is a whole disk: `part0` of its `struct gendisk`.

    Until 5.11 that was no block device but a `struct hd_struct` (cb8432d650fc).
    """
    part = device.bd_disk.part0
    return int(part) == device.address_ if part.is_pointer_ else not device.bd_partno


def _of_requests(queue: Value, part: int) -> list[int]:
    """Count the requests of a queue that its driver has; those of a partition, if not 0."""
    counts = [0, 0]
    seen: set[int] = set()
    for hardware in islice(_hardware_queues(queue), _MOST_QUEUES):
        tags = hardware.tags
        if not tags or int(tags) in seen:  # disks may share tags
            continue
        seen.add(int(tags))
        if int(tags.nr_tags) > _MOST_TAGS:
            raise CorruptDataError(f"{int(tags.nr_tags)} tags of a queue", int(tags))
        for request in tags.rqs.walk_():
            is_ours = int(request.q) == int(queue)
            if is_ours and int(request.state) == _IN_FLIGHT and part in (0, int(request.part)):
                counts[int(request.cmd_flags) & _IS_WRITE] += 1
    return counts


def _hardware_queues(queue: Value) -> Iterator[Value]:
    """Yield each `struct blk_mq_hw_ctx`: of an array, or from 5.18 to 6.18 of an xarray."""
    name = "hctx_table" if queue.has_member_("hctx_table") else "queue_hw_ctx"
    yield from queue.member_(name).walk_()


@column()
def completed(kernel: Context) -> Callable[[Value], list[int] | None]:
    """Reads and writes that a block device has ended: [reads, writes], of `ios` of `bd_stats`."""
    cpus = range(len(kernel.target.per_cpu_offsets))

    def of(device: Value) -> list[int] | None:
        if not device.bd_stats:
            return None
        found = [0, 0]
        for cpu in cpus:
            counts = device.bd_stats[cpu].ios
            for direction in (0, 1):
                found[direction] += int(counts[direction])
        return found

    return of


@column()
def block_kind(kernel: Context) -> Callable[[Value], str]:
    """Whether a block device is a disk or a partition."""
    del kernel
    return lambda device: "disk" if _is_whole(device) else "part"
