"""What a guest runs is what its workload says: the truth that other tests compare with."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from sample_dumps.build.guest import Guest

pytestmark = pytest.mark.kernel

PROCESSES = {
    "init": {"bpfload", "oak"},
    "oak": {"birch", "cedar", "elm", "fir", "hazel", "larch", "maple", "rowan", "willow"},
    "larch": {"larch-dead"},
    "maple": {"maple-child"},
    "rowan": {"rowan-traced"},
}


def test_the_workload_has_nothing_to_complain_of(guest: Guest):
    errors = guest.check("cat /run/workload/*.err").decode()
    if guest.workload()["has_graphs"]:
        assert errors == ""
    else:  # bpf_list_head and the like came after 6.1
        assert all("graphs.bpf.o" in line or "func ksym" in line for line in errors.splitlines())


def test_graphs_are_there_on_the_newer_kernel(guest: Guest):
    assert guest.workload()["has_graphs"] == guest.kernel.release.startswith("6.12")


def test_the_process_tree(guest: Guest):
    names: dict[int, str] = {}
    parents: dict[int, int] = {}
    # Whatever ends meanwhile cannot be read.
    for line in guest.run("cat /proc/[0-9]*/stat").stdout.decode().splitlines():
        pid, _, rest = line.partition(" (")
        name, _, fields = rest.rpartition(") ")
        names[int(pid)] = name
        parents[int(pid)] = int(fields.split()[1])
    for parent, children in PROCESSES.items():
        found = {names[pid] for pid, ppid in parents.items() if names.get(ppid) == parent}
        assert children <= found


@pytest.mark.parametrize("name", ["by_port", "by_number", "recent", "untyped", "prefixes"])
def test_maps_hold_what_was_put_into_them(guest: Guest, name: str):
    dumped = json.loads(guest.check(f"bpftool map dump -j name {name}"))
    found = {_bytes(entry["key"]): _bytes(entry["value"]) for entry in dumped}
    elements = [entry for entry in guest.workload()["elements"] if entry["map"] == name]
    assert found == {entry["key"]: entry["value"] for entry in elements}


def test_values_are_as_their_types_say(guest: Guest):
    dumped = json.loads(guest.check("bpftool map dump -j name routes"))
    routes = [entry["formatted"]["value"] for entry in dumped]
    assert [route["name"] for route in routes] == [f"route {index}" for index in range(5)]
    assert [route["metric"] for route in routes] == [-index * 1000000007 for index in range(5)]


def _bytes(words: list[str]) -> str:
    return "".join(word.removeprefix("0x") for word in words)
