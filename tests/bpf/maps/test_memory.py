"""The memory of a map, as the kernel sums it."""

from __future__ import annotations

from tests.support.registered import rows


def test_memory_as_the_kernel_sums_it(opened):
    """By hand, from `map_mem_usage` of each type and the sizes of this kernel's structs."""
    by_name = {row["name"]: row["memory"] for row in rows(opened("tagged"))[0]}
    assert by_name["in0"] == 264 + 2 * 8
    assert by_name["pcpu"] == 264 + 3 * 8 + 3 * 24 * 2
    assert by_name["btfs.data"] == 4096 + 4096
    assert by_name["queue"] == 264 + 9 * 16
    assert by_name["ts_stat"] == 432 + 2 * 16
    assert by_name["h_plain"] == 896 + 32 * 16 + 4 * 2 * 8 + 7 * (64 + 8)
