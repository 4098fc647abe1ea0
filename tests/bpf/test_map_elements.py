"""Maps: every element and byte as read another way, and as user space in the guest wrote them."""

from __future__ import annotations

import json
import lzma
import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pytest

from btfdump.bpf.maps import MAPS
from btfdump.bpf.maps.elements import Element, Keys
from btfdump.errors import CorruptDataError, FaultError, ObjectNotFoundError
from btfdump.walk import Anomaly

if TYPE_CHECKING:
    from btfdump.api.kernel import Kernel
    from btfdump.bpf.maps.map_value import MapValue
    from btfdump.kernel.value import Value

DUMPS = ("tagged", "stock", "s390x")
FOLDERS = {name: f"{name}-6.12" for name in DUMPS}


@pytest.fixture(scope="module")
def written(dump_file):
    """Return name of a dump -> what user space wrote into its maps, by map."""
    known: dict[str, dict[str, list[dict[str, Any]]]] = {}

    def load(name: str) -> dict[str, list[dict[str, Any]]]:
        if name not in known:
            with lzma.open(dump_file(f"{FOLDERS[name]}/console.log.xz"), "rb") as file:
                log = file.read().decode("utf-8", "replace").replace("\r", "")
            pattern = r"=== BEGIN bpf_truth.json\n(.*?)\n=== END"
            records = json.loads(re.search(pattern, log, re.DOTALL)[1])  # type: ignore[index]
            by_map = defaultdict(list)
            for record in records:
                by_map[record["map"]].append(record)
            known[name] = dict(by_map)
        return known[name]

    return load


def hexes(value: Value | None) -> str:
    return value.bytes_().hex() if value is not None else ""


def elements(map_: MapValue) -> list[Element]:
    found = list(map_.elements_())
    assert not [item for item in found if isinstance(item, Anomaly)]
    return [item for item in found if isinstance(item, Element)]


# What was read another way


@pytest.mark.parametrize("name", DUMPS)
def test_every_map_is_found(name, opened, truth):
    kernel = opened(name)
    expected = [(m["id"], m["name"], m["addr"]) for m in truth(name)["maps"]]
    found = [(int(m.id), m.member_("name").string_(), hex(m.address_)) for m in kernel.bpf.maps()]
    assert found == expected
    for known in truth(name)["maps"]:
        map_ = kernel.bpf.map(known["id"])
        assert f"BPF_MAP_TYPE_{map_.kind_}" == known["type_name"].removesuffix("_DEPRECATED")
        assert map_.address_ == int(known["addr"], 16)


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


def same_element(element: Element, elem: dict[str, Any]) -> None:
    assert element.cpu == elem.get("cpu")
    if "key" in elem:
        assert hexes(element.key) == elem["key"]
    if "index" in elem:
        assert int(element.key) == elem["index"]  # type: ignore[arg-type]
    if "owner" in elem:
        assert element.owner is not None
        assert element.owner.address_ == int(elem["owner"], 16)
    if "inner_map" in elem:
        assert element.value.address_ == int(elem["inner_map"], 16)
        assert int(element.value.id) == elem["inner_id"]
        return
    where = elem.get("value_addr") or elem.get("data_addr") or elem.get("addr")
    if where is not None:
        assert element.value.address_ == int(where, 16)
    assert hexes(element.value) == elem.get("value", elem.get("data"))


@pytest.mark.parametrize("name", ["tagged", "stock"])
def test_lists_and_trees_in_values(name, opened, truth):
    kernel = opened(name)
    special = truth(name)["special"]
    for known in special["m_list"]:
        head = kernel.bpf.map("m_list")[known["index"]].head
        assert head.address_ == int(known["head"], 16)
        same_objects(list(head.walk_()), known["elems"])
    same_objects(list(kernel.bpf.map(".bss.A")[0].g_list.walk_()), special["g_list"]["elems"])


def same_objects(found: list[Value], expected: list[dict[str, Any]]) -> None:
    assert [value.address_ for value in found] == [int(e["obj"], 16) for e in expected]
    for value, elem in zip(found, expected, strict=True):
        assert value.bytes_().hex() == elem["data"][: 2 * value.size_]


@pytest.mark.parametrize("name", ["tagged", "stock"])
def test_struct_ops(name, opened, truth):
    (known,) = [m for m in truth(name)["maps"] if m["name"] == "btfs_cc"]
    (element,) = elements(opened(name).bpf.map("btfs_cc"))
    assert element.value.address_ == int(known["kvalue_addr"], 16)
    assert element.value.data.address_ == int(known["ops_addr"], 16)
    assert str(element.value.type_) == "struct bpf_struct_ops_tcp_congestion_ops"
    assert element.value.data.member_("name").string_() == known["struct_ops_name"]


# What user space wrote


@pytest.mark.parametrize("name", DUMPS)
@pytest.mark.parametrize("map_name", ["h_conf", "h_plain", "lru", "arr", "in0", "in1", "lpm"])
def test_keys_and_values_are_what_was_written(name, map_name, opened, written):
    found = {hexes(e.key): hexes(e.value) for e in elements(opened(name).bpf.map(map_name))}
    assert found == {record["key"]: record["value"] for record in written(name)[map_name]}


@pytest.mark.parametrize("name", DUMPS)
def test_queue_in_the_order_of_writing(name, opened, written):
    found = [hexes(element.value) for element in elements(opened(name).bpf.map("queue"))]
    assert found == [record["value"] for record in written(name)["queue"]]


@pytest.mark.parametrize("name", DUMPS)
def test_prefixes_in_order(name, opened):
    found = [
        (element.key.addr.value_(), int(element.key.prefixlen))  # type: ignore[union-attr]
        for element in elements(opened(name).bpf.map("lpm"))
    ]
    assert found == sorted(found)
    assert len(found) == 5


@pytest.mark.parametrize("name", DUMPS)
@pytest.mark.parametrize("map_name", ["pcpu", "pcpu_h"])
def test_each_cpus_copy_is_what_was_written(name, map_name, opened, written):
    copies: dict[str, str] = defaultdict(str)
    for element in elements(opened(name).bpf.map(map_name)):
        copies[hexes(element.key)] += hexes(element.value)
    for record in written(name)[map_name]:
        assert copies[record["key"]] == record["value"]


@pytest.mark.parametrize("name", DUMPS)
def test_storage_is_what_was_written(name, opened, written):
    kernel = opened(name)
    for map_name in ("ts_stat", "ts_flags", "in_note", "sk_note", "cg_note"):
        if map_name not in written(name):
            continue  # the s390x kernel has no BPF LSM
        found = elements(kernel.bpf.map(map_name))
        values = sorted(record["value"] for record in written(name)[map_name])
        assert sorted(hexes(element.value) for element in found) == values
        if map_name.startswith("ts_"):
            pids = {int(re.match(r"pid=(\d+)", r["note"])[1]) for r in written(name)[map_name]}  # type: ignore[index]
            assert {int(element.owner.pid) for element in found} == pids  # type: ignore[union-attr]


# Counts, types, ways in


@pytest.mark.parametrize("name", DUMPS)
def test_counts_agree_with_walks(name, opened):
    counted = 0
    for map_ in opened(name).bpf.maps():
        count = map_.count_()
        if count is not None and map_.kind_ not in ("BLOOM_FILTER", "ARENA"):
            copies = len(elements(map_))
            cpus = len(map_.context_.target.per_cpu_offsets) if "PERCPU" in map_.kind_ else 1
            assert count * cpus == copies, map_.name_
            counted += 1
    assert counted >= 14


def test_types_come_from_the_maps_own_btf(opened):
    kernel = opened("tagged")
    assert str(kernel.bpf.map("h_conf").types_.key) == "struct conf_key"
    assert str(kernel.bpf.map("h_conf").types_.value) == "struct conf_val"
    queue = kernel.bpf.map("queue").types_
    assert (queue.value, queue.no_value) == (None, "was loaded without BTF")
    assert str(kernel.bpf.map("btfs.data").types_.value) == ".data"


def test_global_data_by_variable(opened):
    data = opened("tagged").bpf.map("btfs.data")[0]
    assert data.g_stat.label.string_() == "global"
    assert data.g_state.enumerator_() == "BTFS_RUNNING"
    assert data.g_matrix.value_() == [[1, 2, 3], [-4, -5, -6]]
    rodata = opened("tagged").bpf.map("btfs.rodata")[0]
    assert (int(rodata.ro_magic), rodata.ro_name.string_()) == (0xB7FD0B7F, "btfs-rodata")


def test_kptrs_lead_where_the_record_says(opened):
    kernel = opened("tagged")
    for key, value in kernel.bpf.map("m_kptr").items_():
        assert value.task.facts_.provenance == "kptr"
        task = value.task.deref_()
        assert task.type_ is kernel.type("struct task_struct").btf.skip_modifiers(task.type_)
        obj = value.obj.deref_()
        assert str(obj.type_) == "struct elem"
        assert int(obj.key) == 900 + int(key)
        assert int(obj.val) == int(task.pid)


def test_special_fields_are_what_they_are(opened):
    kernel = opened("tagged")
    for key, value in kernel.bpf.map("m_timer").items_():
        assert str(value.t.type_) == "struct bpf_timer"
        timer = value.t.timer
        assert int(timer.cb.member_("map")) == kernel.bpf.map("m_timer").address_
        assert int(value.id) == 50 + int(key)
    (first, *_) = kernel.bpf.map("m_list")[0].head.walk_()
    assert int(first.l2.owner) == kernel.bpf.map("m_list")[0].head.address_


def test_by_id_by_name_by_pattern(opened):
    kernel = opened("tagged")
    assert kernel.bpf.map(11).address_ == kernel.bpf.map("h_conf").address_
    with pytest.raises(ObjectNotFoundError, match="no map has id 999 among the 28 found"):
        kernel.bpf.map(999)
    with pytest.raises(ObjectNotFoundError, match="no map is called 'nothing'"):
        kernel.bpf.map("nothing")
    with pytest.raises(ObjectNotFoundError, match=r"3 maps are called 'ts_\*': ids 6, 7, 8"):
        kernel.bpf.map("ts_*")


def test_an_index_is_a_key(opened):
    kernel = opened("tagged")
    assert int(kernel.bpf.map("h_plain")[17]) == 0x1122334455667788 * 2
    assert kernel.bpf.map("arr")[2].member_("name").string_() == "conf-2"
    for name, key, text in (
        ("h_plain", 18, "map h_plain has no element with key 18"),
        ("h_conf", 0, "the keys of map h_conf are no integers"),
        ("pcpu", 1, "map pcpu has a copy of each value for every CPU"),
    ):
        with pytest.raises(IndexError, match=text):
            kernel.bpf.map(name)[key]


def test_every_type_of_map_has_a_family(opened):
    enum = opened("tagged").btf.find("enum", "bpf_map_type")
    names = {name.removeprefix("BPF_MAP_TYPE_") for name in enum.names.values()}
    assert names - {"UNSPEC", "__MAX_BPF_MAP_TYPE"} <= MAPS.built_in


# Damage


def items(kernel: Kernel, name: str) -> tuple[list[Element], list[str]]:
    found = list(kernel.bpf.map(name).elements_())
    notes = [item.message for item in found if isinstance(item, Anomaly)]
    return [item for item in found if isinstance(item, Element)], notes


def first_of(name: str, truth: Any) -> dict[str, Any]:
    """Return the first element of a hash table of the tagged kernel."""
    (known,) = [m for m in truth("tagged")["maps"] if m["name"] == name]
    return known["elems"][0]


def test_a_chain_that_loops(patched, poke, truth):
    elem = first_of("h_plain", truth)
    node = patched.value("struct htab_elem", int(elem["elem"], 16))
    poke(node.hash_node.next, node.address_)
    found, notes = items(patched, "h_plain")
    assert len(found) == 7
    text = f"cycle: {elem['elem']} leads back to {elem['elem']}"
    assert notes == [f"bucket {elem['bucket']}: {text}"]
    with pytest.raises(CorruptDataError, match="leads back to"):
        list(patched.bpf.map("h_plain").items_())


def test_a_chain_into_nowhere(patched, poke, truth):
    elem = first_of("h_plain", truth)
    node = patched.value("struct htab_elem", int(elem["elem"], 16))
    poke(node.hash_node.next, 0xFFFF_F000_0000_1230)
    found, notes = items(patched, "h_plain")
    assert len(found) == 7
    assert notes == [
        f"bucket {elem['bucket']}: entry at 0xfffff00000001230 is unreadable: not mapped"
    ]


def test_a_chain_without_its_mark(patched, poke, truth):
    elem = first_of("h_plain", truth)
    poke(patched.value("struct htab_elem", int(elem["elem"], 16)).hash_node.next, 0)
    found, notes = items(patched, "h_plain")
    assert len(found) == 7
    text = f"next of {elem['elem']} is NULL: it ends without its mark"
    assert notes == [f"bucket {elem['bucket']}: {text}"]


def test_an_element_that_is_there_in_part(patched, truth):
    elem = first_of("h_plain", truth)
    patched.target.unmap(int(elem["value_addr"], 16), 8)
    found, notes = items(patched, "h_plain")
    assert len(found) == 6
    assert notes == [f"bucket {elem['bucket']}: element at {elem['elem']} is unreadable in part"]


def test_an_element_of_another_bucket(patched, poke, truth):
    elem = first_of("h_plain", truth)
    poke(patched.value("struct htab_elem", int(elem["elem"], 16)).hash, elem["bucket"] + 1)
    found, notes = items(patched, "h_plain")
    assert len(found) == 6
    assert f"is of bucket {elem['bucket'] + 1} by its hash" in notes[0]


@pytest.mark.parametrize("count", [0, 3, 0xFFFF_FFFF])
def test_a_number_of_buckets_that_makes_no_sense(patched, poke, count):
    poke(patched.bpf.map("h_plain").inside_("bpf_htab").n_buckets, count)
    assert items(patched, "h_plain") == ([], [f"n_buckets is {count}, no power of two"])


def test_more_buckets_than_memory(patched, poke):
    """The count is believed as far as the buckets can be read; then it ends, and is said."""
    poke(patched.bpf.map("h_plain").inside_("bpf_htab").n_buckets, 1 << 20)
    found, notes = items(patched, "h_plain")
    assert len(found) <= 7
    assert len(notes) == 66
    assert "chains are broken: buckets from" in notes[-1]


def test_an_array_of_elements_that_do_not_fit(patched, poke):
    poke(patched.bpf.map("arr").inside_("bpf_array").elem_size, 16)
    assert items(patched, "arr") == ([], ["elem_size is 16, value_size 80"])


def test_a_value_size_beyond_belief(patched, poke):
    poke(patched.bpf.map("queue").value_size, 1 << 30)
    assert items(patched, "queue")[1] == [f"value_size is {1 << 30}"]


def test_a_queue_out_of_its_slots(patched, poke):
    poke(patched.bpf.map("queue").inside_("bpf_queue_stack").head, 100)
    assert items(patched, "queue") == ([], ["head 100 and tail 0 of 9 slots"])


def test_a_trie_that_loops(patched, poke):
    root = patched.bpf.map("lpm").inside_("lpm_trie").root
    poke(root.child[0], int(root))
    found, notes = items(patched, "lpm")
    assert notes == [f"cycle: {int(root):#x} is below itself"]
    assert found


def test_a_trie_whose_prefixes_do_not_grow(patched, poke):
    root = patched.bpf.map("lpm").inside_("lpm_trie").root
    child = next(child for child in root.child if int(child))
    poke(child.prefixlen, 99)
    assert "a prefix of 99 bits below one of" in items(patched, "lpm")[1][0]
    poke(root.child[0], 0xFFFF_F000_0000_1230)
    assert any("is unreadable: not mapped" in note for note in items(patched, "lpm")[1])


def test_a_local_storage_bucket_that_is_corrupt(patched, poke):
    (elem, *_) = patched.task(1).bpf_storage.list.walk_()
    poke(elem.sdata.smap, int(patched.bpf.map("ts_stat").address_))
    _, notes = items(patched, "ts_links")
    assert "is of the map at" in notes[0]
    poke(patched.bpf.map("ts_links").inside_("bpf_local_storage_map").bucket_log, 60)
    assert items(patched, "ts_links") == ([], ["bucket_log is 60"])


def test_a_ring_buffer_whose_positions_are_wrong(patched, poke):
    buffer = patched.bpf.map("rb").inside_("bpf_ringbuf_map").rb.deref_()
    poke(buffer.producer_pos, 1 << 40)
    found, (note,) = items(patched, "rb")
    assert not found
    assert note.startswith("consumer at 0, producer at 1099511627776, 4096 bytes")


def test_records_of_a_ring_buffer(patched, poke):
    """What the guest's programs never filled: a committed, a discarded, a busy record."""
    buffer = patched.bpf.map("rb").inside_("bpf_ringbuf_map").rb.deref_()
    start = buffer.member_("data").address_
    words = {0: 5, 16: 8 | 1 << 30, 32: 16 | 1 << 31}
    for at, word in words.items():
        patched.target.write(start + at, word.to_bytes(4, "little") + bytes(4))
    patched.target.write(start + 8, b"hello")
    poke(buffer.producer_pos, 56)
    found, notes = items(patched, "rb")
    assert not notes
    assert [(e.remark, len(e.value.bytes_())) for e in found] == [
        ("position 0, 5 bytes, committed", 5),
        ("position 16, 8 bytes, discarded", 8),
        ("position 32, 16 bytes, busy", 16),
    ]
    assert bytes(found[0].value.value_()) == b"hello"
    poke(buffer.producer_pos, 48)
    assert items(patched, "rb")[1] == ["record at 32: 16 bytes reach beyond the producer"]


def test_a_type_nobody_knows(patched, poke):
    poke(patched.bpf.map("rb").map_type, 77)
    assert items(patched, "rb")[1] == [
        "maps of type 77 are not known to this version: contents not shown"
    ]


def test_a_map_that_cannot_be_read(patched):
    map_ = patched.bpf.map("h_plain")
    patched.target.unmap(map_.address_, 200)
    (note,) = [item for item in map_.elements_() if isinstance(item, Anomaly)]
    assert note.message.endswith("is unreadable: not mapped")
    with pytest.raises(FaultError):
        map_.kind_  # noqa: B018


def test_keys_of_each_kind():
    kinds = {name: MAPS.get(name).keys for name in MAPS.built_in}  # type: ignore[union-attr]
    assert kinds["HASH"] is kinds["LPM_TRIE"] is Keys.TYPED
    assert kinds["ARRAY"] is Keys.INDEX
    assert kinds["TASK_STORAGE"] is Keys.OWNER
    assert kinds["QUEUE"] is Keys.ORDER
