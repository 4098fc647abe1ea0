"""Maps: every element and byte as read another way, and as user space in the guest wrote them."""

from __future__ import annotations

from collections import defaultdict

import pytest

from btfdump._bpf.maps import MAPS
from tests.support.bpf_maps import DUMPS, elements, hexes, items, same_element, same_objects

# What was read another way


@pytest.mark.parametrize("name", DUMPS)
def test_every_element_to_the_byte(name, opened, truth):
    kernel = opened(name)
    compared = 0
    for known in truth(name)["maps"]:
        if "elems" not in known:
            continue
        found = elements(kernel.bpf.map(known["id"]))
        expected = known["elems"]
        if "cpus" in (expected or [{}])[0]:
            expected = [
                elem | {"cpu": cpu, "data": copy["data"] if isinstance(copy, dict) else copy}
                for elem in expected
                for cpu, copy in enumerate(elem["cpus"])
            ]
        assert len(found) == len(expected), known["name"]
        for element, elem in zip(found, expected, strict=True):
            same_element(element, elem)
            compared += 1
    assert compared > 70


@pytest.mark.parametrize("name", ["tagged", "stock"])
def test_lists_and_trees_in_values(name, opened, truth):
    kernel = opened(name)
    special = truth(name)["special"]
    for known in special["m_list"]:
        head = kernel.bpf.map("m_list")[known["index"]].head
        assert head.address_ == int(known["head"], 16)
        same_objects(list(head.walk_()), known["elems"])
    same_objects(list(kernel.bpf.map(".bss.A")[0].g_list.walk_()), special["g_list"]["elems"])


# What user space wrote


@pytest.mark.parametrize("name", DUMPS)
@pytest.mark.parametrize("map_name", ["h_conf", "h_plain", "lru", "arr", "in0", "in1", "lpm"])
def test_keys_and_values_are_what_was_written(name, map_name, opened, written):
    found = {hexes(e.key): hexes(e.value) for e in elements(opened(name).bpf.map(map_name))}
    assert found == {record["key"]: record["value"] for record in written(name)[map_name]}


@pytest.mark.parametrize("name", DUMPS)
@pytest.mark.parametrize("map_name", ["pcpu", "pcpu_h"])
def test_each_cpus_copy_is_what_was_written(name, map_name, opened, written):
    copies: dict[str, str] = defaultdict(str)
    for element in elements(opened(name).bpf.map(map_name)):
        copies[hexes(element.key)] += hexes(element.value)
    for record in written(name)[map_name]:
        assert copies[record["key"]] == record["value"]


# Counts, types, ways in


@pytest.mark.parametrize("name", DUMPS)
def test_counts_agree_with_walks(name, opened):
    counted = 0
    for map_ in opened(name).bpf.maps():
        count = map_.count_()
        if count is not None and map_.kind_ not in ("BLOOM_FILTER", "ARENA"):
            copies = len(elements(map_))
            cpus = len(map_._context_.target.per_cpu_offsets) if "PERCPU" in map_.kind_ else 1
            assert count * cpus == copies, map_.name_
            counted += 1
    assert counted >= 14


def test_every_type_of_map_has_a_family(opened):
    enum = opened("tagged").btf.find("enum", "bpf_map_type")
    names = {name.removeprefix("BPF_MAP_TYPE_") for name in enum.names.values()}
    assert names - {"UNSPEC", "__MAX_BPF_MAP_TYPE"} <= MAPS.built_in


# Damage


def test_a_type_nobody_knows(patched, poke):
    poke(patched.bpf.map("rb").map_type, 77)
    assert items(patched, "rb")[1] == [
        "maps of type 77 are not known to this version: contents not shown"
    ]
