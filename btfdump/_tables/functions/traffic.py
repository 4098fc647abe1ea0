"""What network devices have received and sent, where the kernel itself counts it.

A driver that has a function for it (`ndo_get_stats64`) may count in any way: those that are named
here are known to add up what every CPU has counted, and of any other nothing is told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._tables.functions import column

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump._kernel.context import Context
    from btfdump._kernel.value import Value

    Count = Callable[[Value], "int | None"]

_TSTATS, _DSTATS, _OF_ALL, _SENT, _OWN = "tstats", "dstats", "loopback", "lstats", "stats"
_GETTERS = {
    "dev_get_tstats64": _TSTATS,  # net/core/dev.c
    "ip_tunnel_get_stats64": _TSTATS,  # net/ipv4/ip_tunnel_core.c (until 5.10)
    "dev_get_dstats64": _DSTATS,  # net/core/dev.c
    "loopback_get_stats64": _OF_ALL,  # drivers/net/loopback.c: what is sent is received
    "dummy_get_stats64": _SENT,  # drivers/net/dummy.c: nothing is received
}
_TYPES = {"NETDEV_PCPU_STAT_TSTATS": _TSTATS, "NETDEV_PCPU_STAT_DSTATS": _DSTATS}
"""What dev_get_stats() reads of a device whose driver has no function."""
_STRUCTS = {_TSTATS: "pcpu_sw_netstats", _DSTATS: "pcpu_dstats"}
_LIGHT = "pcpu_lstats"


class Traffic:
    """Reads one count of devices: "rx_bytes", "rx_packets", "tx_bytes" or "tx_packets".

    Mirrors dev_get_stats() (net/core/dev.c).
    """

    def __init__(self, kernel: Context, name: str) -> None:
        self._kernel = kernel
        self._name = name
        self._kinds: dict[int, str] = {}
        kernel.struct("net_device").offset(f"stats.{name}")

    def of(self, device: Value) -> int | None:
        """Return the count of a `struct net_device`, None if nobody but its driver knows it."""
        kind = self._kind(device)
        if kind == _OWN:
            return self._own(device)
        if kind in _STRUCTS:
            shared = self._sum(int(device.member_(kind)), _STRUCTS[kind], self._name)
            return self._own(device) + shared if shared is not None else None
        if kind == _OF_ALL or (kind == _SENT and self._name.startswith("tx")):
            return self._sum(int(device.lstats), _LIGHT, self._name.partition("_")[2])
        return 0 if kind == _SENT else None

    def _kind(self, device: Value) -> str:
        """Return where the counts of a device are, "" if that is not known."""
        ops = device.netdev_ops
        if not ops:
            return _OWN
        if getter := int(ops.ndo_get_stats64):
            if getter not in self._kinds:
                name = (self._kernel.symbolize(getter) or "").partition(" ")[0]
                self._kinds[getter] = _GETTERS.get(name, "")
            return self._kinds[getter]
        if ops.ndo_get_stats:
            return ""
        if not device.has_member_("pcpu_stat_type"):
            return _OWN
        return _TYPES.get(device.pcpu_stat_type.enumerator_() or "", _OWN)

    def _own(self, device: Value) -> int:
        """Return what is counted in the device itself: netdev_stats_to_stats64()."""
        return int(device.stats.member_(self._name))

    def _sum(self, pointer: int, struct: str, name: str) -> int | None:
        """Return the sum of a member over all CPUs; `pointer` is a `__percpu` one."""
        kernel = self._kernel
        if not pointer:
            return None
        offset, total = kernel.struct(struct).offset(name), 0
        for area in kernel.target.per_cpu_offsets:
            data = kernel.target.read(kernel.wrap(pointer + area + offset), 8)
            total += int.from_bytes(data, kernel.layouts.byteorder)
        return total & 0xFFFFFFFFFFFFFFFF


@column()
def rx_bytes(kernel: Context) -> Count:
    """Bytes that a network device has received, None if its driver alone knows."""
    return Traffic(kernel, "rx_bytes").of


@column()
def rx_packets(kernel: Context) -> Count:
    """Packets that a network device has received, None if its driver alone knows."""
    return Traffic(kernel, "rx_packets").of


@column()
def tx_bytes(kernel: Context) -> Count:
    """Bytes that a network device has sent, None if its driver alone knows."""
    return Traffic(kernel, "tx_bytes").of


@column()
def tx_packets(kernel: Context) -> Count:
    """Packets that a network device has sent, None if its driver alone knows."""
    return Traffic(kernel, "tx_packets").of
