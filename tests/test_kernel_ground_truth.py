"""Real kernels against what drgn read of them through DWARF."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from btfdump._decode.fields import decode_text
from btfdump._decode.layout import ArrayLayout, StructLayout
from btfdump._decode.scalars import Category, ScalarLayout
from btfdump._graph.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from btfdump._api.kernel import Kernel
    from btfdump._kernel.value import Value

KERNELS = ("tagged", "stock", "s390x")
ELEMENT = "struct bpf_local_storage_elem"


@pytest.fixture(params=KERNELS)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def kernel(opened, name: str) -> Kernel:
    return opened(name)


@pytest.fixture
def known(truth, name: str) -> Any:
    return truth(name)


# Tasks

POINTERS = (
    "mm",
    "active_mm",
    "files",
    "fs",
    "signal",
    "sighand",
    "cred",
    "nsproxy",
    "group_leader",
    "stack",
)
SCALARS = {
    "pid": "pid",
    "tgid": "tgid",
    "state": "__state",
    "exit_state": "exit_state",
    "exit_code": "exit_code",
    "prio": "prio",
    "static_prio": "static_prio",
    "rt_priority": "rt_priority",
    "policy": "policy",
    "start_time": "start_time",
    "start_boottime": "start_boottime",
    "utime": "utime",
    "stime": "stime",
    "nvcsw": "nvcsw",
    "nivcsw": "nivcsw",
}


def facts_of_task(task: Value) -> dict[str, Any]:
    facts: dict[str, Any] = {key: task[member].value_() for key, member in SCALARS.items()}
    facts |= {member: hex(task[member]) for member in POINTERS}
    return facts | {
        "addr": hex(task.address_),
        "comm": task.comm.string_(),
        "ppid": int(task.parent.pid),
        "real_ppid": int(task.real_parent.pid),
        "flags": hex(task.flags),
        "cpu": int(task.thread_info.cpu),
        "uid": int(task.cred.uid.val),
        "gid": int(task.cred.gid.val),
        "cap_effective": hex(task.cred.cap_effective.val),
        "children": [int(child.pid) for child in task.children.walk_()],
        "threads": [int(thread.pid) for thread in task.signal.thread_head.walk_()],
    }


@pytest.mark.parametrize("name", [*KERNELS, "stock-7.3"])
def test_every_task_and_its_members(kernel, known):
    expected = {task["addr"]: task for task in known["tasks"]}
    found = {}
    for task in kernel.tasks():
        facts = facts_of_task(task)
        assert facts == {key: expected[facts["addr"]][key] for key in facts}
        assert facts["addr"] not in found
        found[facts["addr"]] = facts
    assert found.keys() == expected.keys()
    assert len(found) > 60


def test_tasks_by_pid(kernel, known):
    for task in known["tasks"]:
        assert hex(kernel.task(task["pid"]).address_) == task["addr"]
    assert hex(kernel.task(0).address_) == known["kernel"]["init_task"]


# Local storage


def storage_of(task: Value) -> dict[str, Any] | None:
    storage = task.bpf_storage
    if not storage:
        return None
    elements = []
    for element in storage.list.walk_():
        smap = element.sdata.smap
        size = int(smap.map.value_size)
        data = element.sdata.data.address_
        elements.append(
            {
                "elem": hex(element.address_),
                "smap": hex(smap),
                "map_id": int(smap.map.id),
                "map_name": smap.map["name"].string_(),
                "value_size": size,
                "data_addr": hex(data),
                "data": task._context_.target.read(data, size).hex(),
                "local_storage": hex(element.local_storage),
            }
        )
    return {
        "bpf_local_storage": hex(storage),
        "owner": hex(storage.owner),
        "elems": elements,
    }


def test_every_local_storage_element(kernel, known):
    expected = {task["addr"]: task["bpf_storage"] for task in known["tasks"]}
    assert {hex(task.address_): storage_of(task) for task in kernel.tasks()} == expected
    assert sum(len(found["elems"]) for found in expected.values() if found) == 27


def nested(node: Any, type_: str) -> Iterator[dict[str, Any]]:
    """Yield the objects of a type in rendered JSON, but not references to them."""
    if isinstance(node, dict):
        if node.get("type") == type_ and "members" in node:
            yield node
        for inner in node.values():
            yield from nested(inner, type_)
    elif isinstance(node, list):
        for inner in node:
            yield from nested(inner, type_)


@pytest.mark.parametrize("format_", ["json", "jsonl"])
def test_elements_in_rendered_tasks(kernel, known, name, format_):
    provenance = "tag" if name == "tagged" else "library"
    expected = {task["addr"]: task["bpf_storage"] for task in known["tasks"]}
    for task in kernel.tasks():
        text = "".join(kernel.dump(task, format_))
        assert text.isascii()
        assert text.endswith("\n")
        assert format_ == "json" or text.count("\n") == 1
        document = json.loads(text)
        root = document["roots"][0] if format_ == "json" else document
        assert root["address"] == hex(task.address_)
        assert root["type"] == "struct task_struct"
        storage = expected.pop(root["address"])
        elements = list(nested(root, ELEMENT))
        assert [element["address"] for element in elements] == [
            element["elem"] for element in (storage["elems"] if storage else ())
        ]
        if storage is None:
            assert "bpf_storage" not in root["members"]
            continue
        pointer = root["members"]["bpf_storage"]
        assert pointer["pointer"] == storage["bpf_local_storage"]
        container = pointer["target"]["members"]["list"]
        assert container["provenance"] == provenance
        assert container["element"] == ELEMENT
        assert container["node"] == "snode"
        assert container["count"] == container["shown"] == len(storage["elems"])
        assert [e["index"] for e in container["elements"]] == list(range(len(storage["elems"])))
        for element, truth_of_element in zip(elements, storage["elems"], strict=True):
            sdata = element["members"]["sdata"]["members"]
            map_name = truth_of_element["map_name"]
            assert sdata["data"]["provenance"] == f"map {map_name}"
            assert sdata["data"]["type"] == f"struct {map_name.replace('ts_', 'task_')}"
            assert sdata["smap"]["pointer"] == truth_of_element["smap"]
            assert sdata["smap"]["target"]["summary"] == {
                "name": truth_of_element["map_name"],
                "id": truth_of_element["map_id"],
            }
    assert not expected


@pytest.mark.parametrize("format_", ["text", "tree"])
def test_elements_in_tasks_for_people(kernel, known, name, format_):
    source = "[tag]" if name == "tagged" else "[library]"
    by_address = {task["addr"]: task for task in known["tasks"]}
    for task in kernel.tasks():
        text = "".join(kernel.dump(task, format_))
        storage = by_address[hex(task.address_)]["bpf_storage"]
        for element in storage["elems"] if storage else ():
            assert (
                text.count(f"{ELEMENT} {element['elem']}")
                + text.count(f"({ELEMENT}){{ /* {element['elem']}")
                == 1
            )
            assert f"[map {element['map_name']}]" in text
        if storage:
            assert any(source in line and "snode" in line for line in text.splitlines())


# Whole objects


def same(expected: Any, layout: Any, value: Value | None, actual: Any, where: str) -> int:
    """Compare what DWARF says with value_(), and with the Value itself; count what was compared."""
    if expected == "...":
        return 0
    if isinstance(layout, StructLayout):
        return same_struct(expected, layout, value, actual, where)
    if isinstance(layout, ArrayLayout):
        return same_array(expected, layout, value, actual, where)
    assert isinstance(layout, ScalarLayout)
    if layout.category is Category.OPAQUE:
        assert expected is None, where
    elif layout.category is Category.POINTER:
        assert actual == int(expected, 16), where
    elif isinstance(expected, dict):
        assert set(expected) == {"enum", "name"}, where
        assert actual == expected["enum"], where
        if value is not None:
            assert value.enumerator_() == expected["name"], where
    else:
        assert actual == expected, where
        assert type(actual) is type(expected), where
    if value is not None and layout.category is not Category.OPAQUE:
        assert value.value_() == actual, where
    return 1


def same_array(
    expected: Any, layout: ArrayLayout, value: Value | None, actual: Any, where: str
) -> int:
    there = getattr(value, "_layout_", layout)
    if there.declared:  # DWARF reads on, into another slab object: the kernel allocated no more
        layout = there
        if isinstance(expected, dict):
            expected = {"bytes": expected["bytes"][: 2 * layout.size]}
        else:
            expected = expected[: layout.length]
    if isinstance(expected, dict):
        raw = bytes.fromhex(expected["bytes"])
        if layout.is_text:
            assert actual == decode_text(raw), where
        else:
            assert bytes(v & 0xFF for v in actual) == raw, where
        if value is not None:
            assert value.bytes_() == raw, where
        return 1
    if not layout.length:
        assert expected == [], where
        return 1
    assert len(actual) == layout.length, where
    while expected and isinstance(expected[0], list) and not isinstance(actual[0], list):
        expected = [one for row in expected for one in row]  # pahole writes int[2][3] as int[6]
    assert len(expected) == min(layout.length, 64), where
    return sum(
        same(
            one,
            layout.element,
            value[i] if value is not None else None,
            actual[i],
            f"{where}[{i}]",
        )
        for i, one in enumerate(expected)
    )


def same_struct(
    expected: Any, layout: StructLayout, value: Value | None, actual: Any, where: str
) -> int:
    compared = 0
    names = set()
    last_at = {f"<anon@{m.offset}>": m for m in layout.members if not m.name}
    for member in layout.members:
        inner = layout._layouts.of_member(member, layout)
        if member.name:
            names.add(member.name)
            part = value[member.name] if value is not None else None
            here = f"{where}.{member.name}"
            compared += same(expected[member.name], inner, part, actual[member.name], here)
            continue
        if member.bit_size:
            continue
        key = f"<anon@{member.offset}>"
        names.add(key)
        if last_at[key] is member:  # the ground truth holds the last of several at one offset
            compared += same(expected[key], inner, None, actual, f"{where}.{key}")
    assert set(expected) - {k for k in expected if k.startswith("<anon")} == {
        n for n in names if not n.startswith("<anon")
    }, where
    return compared


def base_type(spelled: str) -> str:
    return spelled.removeprefix("const ")


def test_whole_objects(kernel, known):
    counts = {}
    for label, sample in known["samples"].items():
        value = kernel.value(base_type(sample["type"]), int(sample["addr"], 16))
        assert value.size_ == sample["size"]
        value.read_()
        counts[label] = same(sample["value"], value._layout_, value, value.value_(), label)
    assert len(counts) >= 16
    assert counts["init_task"] > 800
    assert sum(counts.values()) > 4000


def test_globals_by_name(kernel, known):
    for label in ("init_uts_ns", "init_cred", "init_pid_ns", "init_nsproxy", "init_task"):
        value = kernel[label]
        sample = known["samples"][label]
        assert hex(value.address_) == sample["addr"]
        assert str(value.type_) == base_type(sample["type"])
    assert int(kernel["jiffies"]) == known["kernel"]["jiffies"]
    assert int(kernel["nr_cpu_ids"]) == known["kernel"]["nr_cpu_ids"]
    assert kernel["linux_banner"].string_() in known["kernel"]["linux_banner"]
    assert kernel["init_uts_ns"].name.release.string_() == known["kernel"]["release"]
    assert hex(kernel.task(1).mm) == known["samples"]["mm_pid1"]["addr"]


def test_per_cpu(kernel, known):
    runqueues = kernel["runqueues"]
    cpus = [label for label in known["samples"] if label.startswith("runqueues_cpu")]
    assert len(cpus) == 2
    for label in cpus:
        cpu = int(label.removeprefix("runqueues_cpu"))
        rq = kernel.per_cpu(runqueues, cpu)
        sample = known["samples"][label]
        assert hex(rq.address_) == sample["addr"]
        assert rq.size_ == sample["size"]
        assert int(rq.cpu) == cpu
        assert same(sample["value"], rq._layout_, rq, rq.value_(), label) > 100
    with pytest.raises(IndexError, match="CPU 2: this kernel has CPUs 0 to 1"):
        kernel.per_cpu(runqueues, 2)
    with pytest.raises(IndexError, match="CPU -1"):
        kernel.per_cpu(runqueues, -1)


def test_modules_and_super_blocks(kernel, known):
    modules = [(hex(m.address_), m["name"].string_()) for m in kernel["modules"].walk_()]
    assert modules == [(m["addr"], m["name"]) for m in known["modules"]]
    supers = [(hex(s.address_), s.s_id.string_()) for s in kernel["super_blocks"].walk_()]
    assert supers == [(s["addr"], s["s_id"]) for s in known["supers"]]


def test_module_btf(kernel, known):
    expected = {b["name"]: b for b in known["btfs"] if b["kernel_btf"] and b["name"] != "vmlinux"}
    found = {btf.name: btf for btf in kernel.modules.btfs()}
    assert found.keys() == expected.keys()
    assert expected
    for name, btf in found.items():
        assert btf.start_id == expected[name]["start_id"]
        assert len(btf) - btf.start_id == expected[name]["nr_types"]


def test_symbols(kernel, known):
    for symbol, entry in known["symbols"].items():
        if entry and symbol != "_end":
            assert hex(kernel.symbol(symbol)) == entry["address"]
            if symbol != "runqueues":  # an offset into each CPU's area is no address
                assert kernel.symbolize(int(entry["address"], 16)) is not None


# The module with a container of every kind


@pytest.fixture
def root(opened) -> Value:
    kernel = opened("tagged")
    return kernel.value("struct sample_root", kernel.symbol("sample_root"))


@pytest.fixture
def sample_truth(truth) -> Any:
    return truth("tagged")["btfsample"]


def same_entries(entries: list[Value], expected: list[Any], where: str) -> None:
    assert [hex(entry.address_) for entry in entries] == [one["addr"] for one in expected]
    for entry, one in zip(entries, expected, strict=True):
        assert same(one["value"], entry._layout_, entry, entry.value_(), where) > 3


def test_sample_root(root, sample_truth):
    assert hex(root.address_) == sample_truth["addr"]
    assert root.size_ == sample_truth["size"]
    assert str(root.type_) == "struct sample_root"
    count = same(sample_truth["value"], root._layout_, root, root.value_(), "sample_root")
    assert count > 100


@pytest.mark.parametrize("member", ["items", "subs", "empty", "one", "two"])
def test_sample_containers(root, sample_truth, member):
    head = root[member]
    same_entries(list(head.walk_()), sample_truth[member], member)
    assert head.expansion_().provenance == "tag"


def test_sample_table(root, sample_truth):
    for index, expected in enumerate(sample_truth["table"]):
        same_entries(list(root.table[index].walk_()), expected, f"table[{index}]")


def test_sample_per_cpu(opened, sample_truth):
    kernel = opened("tagged")
    variable = kernel["sample_pcpu"]
    for cpu, expected in enumerate(sample_truth["pcpu"]):
        value = kernel.per_cpu(variable, cpu)
        assert hex(value.address_) == expected["addr"]
        assert same(expected["value"], value._layout_, value, value.value_(), "sample_pcpu") > 10


def test_module_symbols(opened, root, sample_truth):
    kernel = opened("tagged")
    open_ = int(sample_truth["value"]["ops"]["open"], 16)
    assert int(root.ops.open) == open_
    assert kernel.symbolize(open_) == "s_open [btfsample]"
    assert kernel.symbolize(open_ + 4) == "s_open+0x4 [btfsample]"
    assert kernel.symbolize(root.address_) == "sample_root [btfsample]"
    assert kernel.symbol("s_open") == open_


BAD = {
    "bad_member": "struct sample_item has no member no_such_member",
    "bad_type": "no struct no_such_struct in the BTF",
    "bad_syntax": '"just some words" is not understood: expected NAME:NODE',
}


@pytest.mark.parametrize("format_", ["text", "tree"])
def test_bad_tags_are_noted_at_their_place(opened, root, format_):
    lines = "".join(opened("tagged").dump(root, format_)).splitlines()
    marker = "! "
    for member, reason in BAD.items():
        noted = [i for i, line in enumerate(lines) if marker in line and reason in line]
        assert len(noted) == 1, (member, noted)
        above = "\n".join(lines[: noted[0]])
        # The last member named above the note is the one it is about.
        shown = [word for word in ("items", "subs", "table", "one", *BAD, "two") if word in above]
        assert above.rfind(member) > max(above.rfind(w) for w in shown if w != member)
    for name in ("list-0", "list-4", "hash-16", "one-20", "two-73"):
        assert sum(f'"{name}"' in line for line in lines) == 1, name
    whole = "\n".join(lines)
    for after in ("matrix", "i128", "cstr", "pops"):
        assert after in whole


def test_bad_tags_in_json(opened, root, sample_truth):
    document = json.loads("".join(opened("tagged").dump(root, "json")))
    members = document["roots"][0]["members"]
    for member, reason in BAD.items():
        notes = members[member]["notes"]
        assert len(notes) == 1
        assert reason in notes[0]["text"]
        head = members[member]["value"]["members"]
        assert head["next"]["pointer"] == sample_truth["value"][member]["next"]
    for member in ("items", "subs", "one", "two"):
        elements = members[member]["elements"]
        assert [e["address"] for e in elements] == [e["addr"] for e in sample_truth[member]]
        assert members[member]["provenance"] == "tag"
        assert "notes" not in members[member]
    for index, expected in enumerate(sample_truth["table"]):
        if expected:
            elements = members["table"]["at"][str(index)]["elements"]
            assert [e["address"] for e in elements] == [e["addr"] for e in expected]
    assert members["i128"] == sample_truth["value"]["i128"]
    assert members["flags"]["value"] == 5
    assert members["big"] == {"enum": "SU_HUGE", "value": 0xFEDCBA9876543210}
    assert members["str"] == 'hello\tq"\\'


def test_user_pointers_are_never_followed(opened, root):
    kernel = opened("tagged")
    text = "".join(kernel.dump(root, "json", Limits(depth=3)))
    ubuf = json.loads(text)["roots"][0]["members"]["ubuf"]
    assert ubuf == {"pointer": "0x7fff12345678", "tags": ["user"], "space": "user"}


def test_per_cpu_pointers_give_a_value_for_each_cpu(opened, root):
    text = "".join(opened("tagged").dump(root, "json", Limits(depth=3)))
    cnt = json.loads(text)["roots"][0]["members"]["cnt"]
    assert cnt["tags"] == ["percpu"]
    assert cnt["target"]["value"] == [1000, 1001]
