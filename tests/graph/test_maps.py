"""Maps as they are shown: their contents in every format, and the table of all of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from btfdump._bpf.maps.elements import Element
from btfdump._graph.limits import Limits, selection_of
from btfdump._graph.traverse import traverse
from btfdump._render import Root, get
from btfdump._roots.selecting import select
from btfdump.errors import MemberNotFoundError
from tests.support.annotated import texts

if TYPE_CHECKING:
    from btfdump._api.kernel import Kernel


DUMPS = ("tagged", "stock", "s390x")
UNTYPED = {
    "outer": "keys are bytes: was loaded without BTF",
    "queue": "values are bytes: was loaded without BTF",
}


def shown(kernel: Kernel, name: str, format_: str = "jsonl", **how: Any) -> str:
    limits = Limits(**how.pop("limits", {}))
    zero = how.get("zero", False)
    root = Root(traverse(kernel.bpf.map(name), limits, **how))
    return "".join(get(format_)([root], kernel.options(zero=zero, limits=limits)))


def document(kernel: Kernel, name: str, **how: Any) -> Any:
    return json.loads(shown(kernel, name, **how))


def plain(value: Any) -> Any:
    """Reduce JSON to plain values: structs to their members, enums and pointers to numbers."""
    if not isinstance(value, dict):
        return value
    if "members" in value:
        return {name: plain(inner) for name, inner in value["members"].items()}
    if "pointer" in value:
        return int(value["pointer"], 16)
    return value.get("value", value)


@pytest.mark.parametrize("name", DUMPS)
def test_every_element_is_in_the_document(name, opened):
    kernel = opened(name)
    for map_ in kernel.bpf.maps():
        label = str(int(map_.id))
        found = document(kernel, label, zero=True, limits={"elements": 1000})
        expected = [item for item in map_.elements_() if isinstance(item, Element)]
        assert found["count"] == found["shown"] == len(expected)
        assert found["map"]["type"] == map_.kind_.lower()
        for shown_one, element in zip(found["elements"], expected, strict=True):
            assert shown_one["address"] == hex(element.value.address_)
            assert shown_one.get("cpu") == element.cpu
            if element.key is not None and element.owner is None:
                assert plain(shown_one["key"]) == element.key.value_()
            if element.owner is not None:
                assert shown_one["owner"]["address"] == hex(element.owner.address_)
        text = UNTYPED.get(map_.name_)
        assert texts(found) == ([text] if text else [])


@pytest.mark.parametrize("name", DUMPS)
@pytest.mark.parametrize("format_", ["tree", "text", "json"])
def test_every_map_in_every_format(name, format_, opened):
    kernel = opened(name)
    for map_ in kernel.bpf.maps():
        out = shown(kernel, str(int(map_.id)), format_)
        assert out.isascii() or format_ == "tree"
        assert map_.name_ in out
        if format_ == "json":
            assert json.loads(out)["roots"][0]["map"]["id"] == int(map_.id)


def test_keys_are_labels(opened):
    kernel = opened("tagged")
    lines = shown(kernel, "h_conf", "tree").splitlines()
    assert lines[0] == (
        'struct bpf_map 0xffff9caa829b5c00 "h_conf" id 11  '
        "hash, 7 elements: struct conf_key -> struct conf_val"
    )
    key = "[{ .id = 1004, .port = 84, .proto = 6, .zero = 0 }]"
    assert lines[1] == f"├── {key} struct conf_val 0xffff9caa8241a0a0"
    assert lines[2] == '│   ├── name  "conf-4"  char[24]'
    text = shown(kernel, "h_conf", "text")
    assert f"  {key} = (struct conf_val){{ /* 0xffff9caa8241a0a0 */\n" in text
    prefix = "[{ .prefixlen = 24, .addr = { 10, 1, 2, 0 } }]"
    assert f"├── {prefix} 162  u32\n" in shown(kernel, "lpm", "tree")
    assert f"  {prefix} = (u32)162,\n" in shown(kernel, "lpm", "text")


def test_copies_and_owners_are_told(opened):
    kernel = opened("tagged")
    tree = shown(kernel, "pcpu_h", "tree")
    assert "percpu_hash, 4 copies on 2 CPUs: u32 -> struct cpu_cnt" in tree
    assert "[111] struct cpu_cnt 0xffff9caa83938330  cpu 1\n" in tree
    assert "  [111] /* cpu 1 */ = (struct cpu_cnt){" in shown(kernel, "pcpu_h", "text")
    tree = shown(kernel, "ts_stat", "tree")
    assert '[struct task_struct 0xffff9caa829c5900 "init" pid 1] struct task_stat' in tree


def test_values_of_maps_of_maps_are_one_line(opened):
    tree = shown(opened("tagged"), "outer", "tree")
    assert '[{ 1, 0, 0, 0 }] struct bpf_map 0xffff9caa829a2200 "in1" id 3\n' in tree


def test_lists_inside_values_are_walked(opened):
    found = document(opened("tagged"), "m_list")
    for number, element in enumerate(found["elements"]):
        head = element["members"]["head"]
        assert (head["container"], head["element"]) == ("bpf_list_head", "struct elem2")
        numbers = [entry["members"].get("n", 0) for entry in head["elements"]]
        assert numbers == [10 * number + i for i in (2, 1, 0)]
    (element,) = document(opened("tagged"), ".bss.B")["elements"]
    tree = element["members"]["g_root"]["elements"]
    assert [entry["members"]["prio"] for entry in tree] == [-5, -3, -2, 1, 2, 5]


def test_kptrs_are_followed(opened):
    for element in document(opened("tagged"), "m_kptr")["elements"]:
        task, obj = element["members"]["task"], element["members"]["obj"]
        assert task["provenance"] == obj["provenance"] == "kptr"
        assert task["target"]["summary"]["pid"] == obj["target"]["members"]["val"]


def test_limits_are_told(opened):
    kernel = opened("tagged")
    found = document(kernel, "h_conf", limits={"elements": 2})
    assert (found["shown"], found["count"], len(found["elements"])) == (2, 7, 2)
    assert "└── 5 more (--elements)" in shown(kernel, "h_conf", "tree", limits={"elements": 2})


def test_the_kernels_count_is_told_where_not_all_is_walked(patched, poke, monkeypatch):
    monkeypatch.setattr("btfdump._graph.window.MAX_BEYOND", 2)
    found = document(patched, "h_conf", limits={"elements": 1})
    assert (found["shown"], found["count"]) == (1, None)
    tree = shown(patched, "h_conf", "tree", limits={"elements": 1})
    assert "hash, 7 elements: struct conf_key" in tree
    assert "more than the 1 shown (--elements)" in tree


def test_zero_elements_of_arrays_are_counted(patched):
    patched.target.write(patched.bpf.map("in0")[1].address_, bytes(8))
    found = document(patched, "in0")
    assert [element["key"] for element in found["elements"]] == [0]
    assert (found["shown"], found["count"], found["zero_elements"]) == (1, 1, 1)
    assert "1 zero element not shown (--zero)" in shown(patched, "in0", "tree")
    assert len(document(patched, "in0", zero=True)["elements"]) == 2
    patched.target.write(patched.bpf.map("h_plain")[17].address_, bytes(8))
    assert len(document(patched, "h_plain")["elements"]) == 7  # a key was put there: it is shown


def test_members_of_values_are_selected(opened):
    kernel = opened("tagged")
    members = selection_of(["delta", "addr"])
    for element in document(kernel, "h_conf", members=members)["elements"]:
        assert element["members"].keys() == {"delta", "addr"}
    with pytest.raises(MemberNotFoundError, match="no member 'nothing'"):
        shown(kernel, "h_conf", members=selection_of(["nothing"]))


def test_paths_from_a_map(opened):
    kernel = opened("tagged")
    (found,) = select(kernel, "map(arr)[2].name")
    assert (found.name, found.value.string_()) == ("map(13)[2].name", "conf-2")
    (found,) = select(kernel, "map(11).value_size")
    assert int(found.value) == 80
    assert [s.name for s in select(kernel, "map(ts_*)")] == ["map(6)", "map(7)", "map(8)"]


def test_damage_is_told_at_its_place(patched, poke, truth):
    (known,) = [m for m in truth("tagged")["maps"] if m["name"] == "h_plain"]
    node = patched.value("struct htab_elem", int(known["elems"][0]["elem"], 16))
    poke(node.hash_node.next, node.address_)
    found = document(patched, "h_plain")
    assert len(found["elements"]) == 7
    assert "leads back to" in texts(found)[0]
    for format_ in ("tree", "text"):
        lines = shown(patched, "h_plain", format_).splitlines()
        (at,) = [i for i, line in enumerate(lines) if "! bucket" in line]
        assert "[68]" in lines[at - 1]
    map_ = patched.bpf.map("arr")
    patched.target.unmap(map_.address_, 8)
    again = type(map_)(patched, map_.address_)
    (note,) = texts(json.loads("".join(patched.dump(again, "jsonl"))))
    assert note.startswith("unreadable: cannot read")


def test_a_value_that_cannot_be_read(patched):
    value = patched.bpf.map("ts_stat").items_()
    _, first = next(value)
    patched.target.unmap(first.address_, 40)
    found = document(patched, "ts_stat")
    assert len(found["elements"]) == 6
    assert any("not mapped" in text for text in texts(found))
