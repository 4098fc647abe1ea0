"""Block devices, and I/O that is made to be in flight."""

from __future__ import annotations

import pytest

from btfdump._kernel.value_at import value_at
from tests.support.patched import PatchedKernel
from tests.support.tabulated import rows


def test_disks_of_a_guest(opened):
    found = {row["name"]: row for row in rows(opened("tagged"), "blocks")}
    assert list(found) == ["ram0", "ram1"]
    disk = found["ram0"]
    assert (disk["number"], disk["kind"], disk["size"]) == (1 << 20, "disk", 2 << 20)
    assert (disk["operations"], disk["openers"]) == ("brd_fops", 1)  # it is mounted
    assert found["ram1"]["openers"] == 0
    assert disk["in_flight"] == [0, 0]


@pytest.mark.parametrize("name", ["stock", "stock-7.3", "s390x"])
def test_guests_without_disks(opened, name):
    assert rows(opened(name), "blocks") == []


def test_io_that_bios_are_counted_for(opened):
    plain = opened("tagged")
    kernel = PatchedKernel(plain)
    device = value_at(kernel, "struct block_device", rows(plain, "blocks", "ram0")[0]["device"])
    for cpu, (reads, writes) in enumerate([(3, 1), (-1, 4)]):
        for one, count in zip(device.bd_stats[cpu].in_flight, (reads, writes), strict=True):
            kernel.target.write(one.address_, count.to_bytes(8, "little", signed=True))
        for one, count in zip(device.bd_stats[cpu].ios, (10, 20), strict=False):
            kernel.target.write(one.address_, count.to_bytes(8, "little"))
    (row,) = rows(kernel, "blocks", "ram0")
    assert row["in_flight"] == [2, 5]
    assert row["ended"] == [20, 40]


def test_requests_that_a_driver_has(opened):
    """Of a queue of requests, as most drivers have it: hardware queues, tags, requests."""
    plain = opened("tagged")
    kernel = PatchedKernel(plain)
    disk, part = (
        value_at(kernel, "struct block_device", row["device"]) for row in rows(plain, "blocks")
    )
    task = plain.task(1).address_  # memory that is there
    hardware, tags, table = task, task + 1024, task + 2048
    requests = [task + 2560 + 512 * number for number in range(4)]

    def put(type_, address, **members):
        value = value_at(kernel, f"struct {type_}", address)
        for name, number in members.items():
            member = value.member_(name)
            kernel.target.write(member.address_, number.to_bytes(member.size_, "little"))

    queue = int(disk.bd_disk.queue)
    room = value_at(kernel, "struct request_queue", queue).hctx_table.address_
    put("request_queue", queue, mq_ops=1)
    head = plain.struct("xarray").offset("xa_head")
    kernel.target.write(room + head, hardware.to_bytes(8, "little"))
    put("blk_mq_hw_ctx", hardware, tags=tags)
    put("blk_mq_tags", tags, nr_tags=4, rqs=table)
    for at, (request, state, operation, owner) in enumerate(
        zip(requests, (1, 1, 1, 0), (0, 1, 1, 0), (disk, disk, part, disk), strict=True)
    ):
        kernel.target.write(table + 8 * at, request.to_bytes(8, "little"))
        put("request", request, q=queue, state=state, cmd_flags=operation, part=owner.address_)
    (row,) = rows(kernel, "blocks", "ram0")
    assert row["in_flight"] == [1, 2]
    # Of a partition those that are its own count.
    put("block_device", part.address_, bd_disk=int(disk.bd_disk))
    assert [row["in_flight"] for row in rows(kernel, "blocks")] == [[1, 2], [0, 1]]
    assert [row["kind"] for row in rows(kernel, "blocks")] == ["disk", "part"]
