"""Who holds BPF objects: equal to what /proc/*/fdinfo said in the guest."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from btfdump._bpf.registry import registered
from btfdump._roots.holders import find_holders
from tests.support.patched import PatchedKernel

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump._api.kernel import Kernel

_PROCESS = re.compile(r"@@ /proc/(\d+) (.+)")
_OBJECT = re.compile(r"fd \d+ -> anon_inode:bpf[-_](prog|map|link) \|.*?\b\1_id:\t(\d+)")


def said_by_the_guest(text: str) -> set[tuple[str, int, str]]:
    """Return (kind, id, process) for every descriptor of a BPF object."""
    found = set()
    who = ""
    for line in text.splitlines():
        process = _PROCESS.match(line)
        if process is not None:
            who = f"{process[2]}({process[1]})"
        for kind, number in _OBJECT.findall(line):
            found.add((kind, int(number), who))
    return found


@pytest.mark.parametrize("name", ["tagged", "stock", "s390x"])
def test_holders(
    opened: Callable[[str], Kernel], console: Callable[[str, str], str], name: str
) -> None:
    kernel = opened(name)
    holders = find_holders(kernel)
    assert holders.notes == []
    found = set()
    for kind, symbol in (("prog", "prog_idr"), ("map", "map_idr"), ("link", "link_idr")):
        for value in registered(kernel, symbol, f"struct bpf_{kind}"):
            number = int(value.aux.id if kind == "prog" else value.id)
            found |= {(kind, number, who) for who in holders.of(value.address_)}
    expected = said_by_the_guest(console(name, "fds"))
    assert len(expected) > 10
    assert found == expected


def test_a_damaged_table_of_files(opened: Callable[[str], Kernel]) -> None:
    kernel = PatchedKernel(opened("tagged"))
    table = kernel.task(74).files.fdt.deref_()
    kernel.target.write(table.max_fds.address_, b"\xff\xff\xff\xff")
    holders = find_holders(kernel)
    assert holders.by_address == {}  # nobody else holds any
    assert "claims 4294967295 descriptors" in holders.notes[0].text
