"""What devices have received and sent, against /proc/net/dev of the guests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from btfdump._kernel.notes import Note
from btfdump._roots import Query, table_of
from tests.support.patched import PatchedKernel

if TYPE_CHECKING:
    from btfdump._api.kernel import Kernel

COUNTS = ("rx_bytes", "rx_packets", "tx_bytes", "tx_packets")


def devices(kernel: Kernel, name: str) -> list[dict[str, Any]]:
    kind = table_of("net")
    assert kind is not None
    found: list[Any] = list(kind.table(kernel, Query((name,))).rows)
    assert not [row for row in found if isinstance(row, Note)]
    return found


def counts(row: dict[str, Any]) -> tuple[int | None, ...]:
    return tuple(row[name] for name in COUNTS)


@pytest.mark.parametrize("name", ["tagged", "stock", "s390x"])
def test_what_proc_printed(opened, console, name):
    """A device may have sent more between that and the end."""
    seen = 0
    for line in console(name, "netdev").splitlines()[2:]:
        device, _, numbers = line.partition(":")
        if not numbers:
            continue
        printed = [int(number) for number in numbers.split()]
        told = counts(devices(opened(name), device.strip())[0])
        if told[0] is None:
            assert device.strip() in ("veth0", "ve0")  # whose driver alone knows
            continue
        seen += 1
        expected = (printed[0], printed[1], printed[8], printed[9])
        both = zip(told, expected, strict=True)
        assert all(now is not None and now >= then for now, then in both)
        if device.strip() == "lo":
            assert told == expected != (0, 0, 0, 0)
    assert seen >= 3


@pytest.mark.parametrize("name", ["stock-7.3", "garden"])
def test_other_kernels(opened, name):
    """Of the loopback device as much is sent as received; a dummy one receives nothing."""
    loop = counts(devices(opened(name), "lo")[0])
    assert loop[:2] == loop[2:] != (0, 0)
    dummy = counts(devices(opened(name), "dum0")[0])
    assert dummy[:2] == (0, 0)
    assert dummy[3] is not None


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("NONE", (7, 7, 7, 7)), ("TSTATS", (12, 12, 12, 12)), ("LSTATS", (7, 7, 7, 7))],
)
def test_without_a_function_of_the_driver_the_kernel_counts(opened, kind, expected):
    kernel = PatchedKernel(opened("stock"))
    device = next(d for d in kernel["init_net"].dev_base_head.walk_() if d.name == "dum0")

    def put(address: int, number: int, size: int = 8) -> None:
        kernel.target.write(kernel.wrap(address), number.to_bytes(size, "little"))

    put(device.netdev_ops.ndo_get_stats64.address_, 0)
    put(device.pcpu_stat_type.address_, {"NONE": 0, "LSTATS": 1, "TSTATS": 2}[kind], 1)
    for name in COUNTS:
        put(device.stats.member_(name).address_, 7)
        start = kernel.struct("pcpu_sw_netstats").offset(name)
        for number, area in enumerate(kernel.target.per_cpu_offsets, 2):
            put(int(device.tstats) + area + start, number)
    assert counts(devices(kernel, "dum0")[0]) == expected


def test_of_an_unknown_driver_nothing_is_told(opened):
    kernel = PatchedKernel(opened("stock"))
    device = next(d for d in kernel["init_net"].dev_base_head.walk_() if d.name == "dum0")
    other = kernel.symbol("loopback_setup")
    kernel.target.write(device.netdev_ops.ndo_get_stats64.address_, other.to_bytes(8, "little"))
    assert counts(devices(kernel, "dum0")[0]) == (None,) * 4
    kernel.target.write(device.netdev_ops.ndo_get_stats64.address_, bytes(8))
    kernel.target.write(device.netdev_ops.ndo_get_stats.address_, other.to_bytes(8, "little"))
    assert counts(devices(kernel, "dum0")[0]) == (None,) * 4
