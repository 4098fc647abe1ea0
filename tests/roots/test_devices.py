"""Device numbers, against what drgn found by DWARF, on several kernels."""

from __future__ import annotations

import json
import lzma

import pytest

from btfdump._kernel.notes import Note
from btfdump._roots import Query, table_of
from tests.support.patched import PatchedKernel
from tests.support.tabulated import rows


def test_character_devices_are_those_that_drgn_found_by_dwarf(opened, dump_file):
    with lzma.open(dump_file("stock-6.12/drgn-helpers.json.xz"), "rt") as file:
        helpers = json.load(file)
    found = [row for row in rows(opened("stock"), "devices") if row["kind"] == "char"]
    recorded = helpers["device.for_each_registered_chrdev"][0]
    assert len(found) == len(recorded)
    for row, (number, count, name, cdev) in zip(found, recorded, strict=True):
        first, count = int(number) & 0xFFFFF, int(count)
        assert row["major"] == int(number) >> 20
        assert row["minors"] == (f"{first}-{first + count - 1}" if count > 1 else str(first))
        assert f"b{row['name']!r}" == name
        address = int(cdev.rpartition(":")[2])
        if address:  # that of the first number; where there is none, another may be served
            assert row["device"] == hex(address)
            assert row["operations"]
    majors = helpers["device.for_each_registered_blkdev"][0]
    blocks = [row for row in rows(opened("stock"), "devices") if row["kind"] == "block"]
    assert [(str(row["major"]), f"b{row['name']!r}") for row in blocks] == [
        (major, name) for major, name, _ in majors
    ]


@pytest.mark.parametrize("name", ["stock", "stock-7.3", "s390x", "tagged"])
def test_devices_of_every_kernel(opened, name):
    found = {row["name"]: row for row in rows(opened(name), "devices")}
    assert found["mem"]["operations"] == ["memory_fops"]
    assert found["misc"]["operations"] == ["misc_fops"]
    assert found["/dev/tty"]["operations"] == ["tty_fops"]
    assert found["/dev/tty"]["device"] is not None


def test_block_devices_are_served_by_their_disks(opened):
    (row,) = rows(opened("tagged"), "devices", "ramdisk")
    assert (row["kind"], row["major"], row["operations"]) == ("block", 1, ["brd_fops"])


def test_a_bucket_that_leads_back_is_told(opened):
    plain = opened("stock")
    kernel = PatchedKernel(plain)
    bucket = plain["chrdevs"][1]
    kernel.target.write(int(bucket), int(bucket).to_bytes(8, "little"))
    kind = table_of("devices")
    assert kind is not None
    found = list(kind.table(kernel, Query()).rows)
    (note,) = (one for one in found if isinstance(one, Note))
    assert "leads back to itself" in note.text
    assert [row["name"] for row in found if not isinstance(row, Note)] == ["mem", "blkext"]
