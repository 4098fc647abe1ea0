"""Expressions as roots: names of all kinds, what is doubted, and what they are called."""

from __future__ import annotations

import pytest

from btfdump._roots.at_address import lies_at
from btfdump._roots.expressions import evaluated
from btfdump._roots.selecting import is_type, objects_at, select
from btfdump.errors import (
    BtfdumpError,
    ExpressionError,
    ObjectNotFoundError,
    SymbolNotFoundError,
)


def called(kernel, text):
    return [found.name for found in evaluated(kernel, text)]


@pytest.mark.parametrize("name", ["tagged", "stock", "stock-7.3", "s390x"])
def test_on_real_kernels(opened, name):
    kernel = opened(name)
    first = "container_of(init_task.tasks.next, struct task_struct, tasks)"
    assert kernel.eval(f"{first}->pid") == 1
    assert kernel.eval("&init_task == init_task.group_leader") == 1
    assert kernel.eval("init_task.signal->pids[PIDTYPE_TGID] == init_task.thread_pid") == 1
    assert kernel.eval("((struct task_struct *)init_task.parent)->pid + 1") == 1
    assert kernel.eval("init_pid_ns.idr[1 + 1].numbers[0].nr") == 2
    assert [int(cpu) for cpu in kernel.eval_all("runqueues.cpu")] == [0, 1]
    assert kernel.eval("runqueues[2 - 1].cpu") == 1
    assert kernel.eval("slab_caches[0].cpu_slab[1].tid > 0" if name == "stock" else "1") == 1
    child = int(kernel.task(1).children[1].pid)
    assert kernel.eval(f"task(1).children[pid == {child}].comm") == kernel.task(child).comm
    module = kernel["modules"][1].name.string_()
    (found,) = select(kernel, f'modules[name == "{module}"].name')
    assert (found.name, found.value.string_()) == ("modules[1].name", module)


def test_keys_of_maps(opened):
    kernel = opened("tagged")
    assert kernel.eval("map(h_plain)[16 + 1]") == kernel.bpf.map("h_plain")[17]
    assert kernel.eval("map(h_plain)[key == 17]") == kernel.bpf.map("h_plain")[17]
    owners = [key.pid for key, _ in kernel.bpf.map("ts_stat").items_() if key is not None]
    found = kernel.eval(f"map(ts_stat)[key.pid == {int(owners[0])}]")
    assert str(found.type_) == "struct task_stat"


def test_what_a_cast_claims_is_doubted(opened):
    kernel = opened("stock")
    (found,) = evaluated(kernel, "((struct cred *)task(1).mm)->uid")
    assert "hardly a struct cred: slab mm_struct" in found.doubt
    (found,) = evaluated(kernel, "(struct cred *)task(1).mm")
    assert "hardly a struct cred" in found.doubt
    (found,) = evaluated(kernel, "((struct mm_struct *)task(1).mm)->mm_users")
    assert found.doubt == ""
    text = "".join(kernel.dump(kernel.eval("(struct cred *)task(1).mm")))
    assert "hardly a struct cred" in text


def test_what_they_are_called(opened):
    kernel = opened("tagged")
    assert called(kernel, " runqueues.cpu + 1 ") == ["runqueues[0].cpu + 1", "runqueues[1].cpu + 1"]
    assert called(kernel, "&runqueues[1]") == ["&runqueues[1]"]
    assert called(kernel, "task(btfs_load).pid") == ["task(74).pid"]


def test_a_function_is_its_address(opened):
    kernel = opened("stock")
    assert int(kernel.eval("(u64)vfs_read")) == kernel.symbol("vfs_read")
    assert kernel.eval("vfs_read == vfs_write") == 0


def test_an_enumerator_alone(opened):
    (found,) = select(opened("stock"), "PIDTYPE_SID")
    assert (found.name, int(found.value)) == ("PIDTYPE_SID", 3)


@pytest.mark.parametrize(
    ("text", "kind", "error"),
    [
        ("init_tas + 1", SymbolNotFoundError, "no symbol 'init_tas'"),
        ("nope(1) + 1", ExpressionError, r"nope\(1\): no root nope\(...\); there are task"),
        ("runqueues[7].cpu + 1", ObjectNotFoundError, r"runqueues\[7\]: CPU 7: this kernel has"),
        ("init_task..comm", ExpressionError, "at character 11, '.comm': expected the name of a"),
        (
            "runqueues.cpu",
            ExpressionError,
            r"things: runqueues\[0\].cpu, runqueues\[1\].cpu, \.\.\.; say",
        ),
        ("__per_cpu_start + 1", ExpressionError, "the type of __per_cpu_start"),
    ],
)
def test_what_is_wrong(opened, text, kind, error):
    with pytest.raises(kind, match=error):
        opened("stock").eval(text)


@pytest.mark.parametrize(
    "word",
    ["(struct task_struct *)x", "*x", "&x", "!x", "~x", "-x", "container_of(a, struct b, c)"],
)
def test_expressions_are_no_types(opened, word):
    assert not is_type(opened("stock"), word, "0x10")


@pytest.mark.parametrize(
    "path",
    [
        "init_task",
        "init_task.comm",
        "init_task . signal->pids[0]",
        "task(1).children[0]",
        "task(1)->mm.mm_mt[0x400000].vm_end",
        "init_pid_ns.idr[2]",
        "runqueues[1].cpu",
        "runqueues.cpu",
        "vmlinux:modules[0].name",
        "map(h_plain)[17]",
        "slab_caches[-1].name",
        "init_task.nothing",
        "init_task.mm.pgd",
        "nothing_of_the_kind.x",
    ],
)
def test_a_plain_path_comes_to_the_same_either_way(opened, path):
    """It is read without the machinery of expressions: nearly all that users type is one."""
    kernel = opened("tagged")

    def told(find):
        try:
            return [(f.name.replace(" ", ""), f.value.address_, f.value.type_) for f in find]
        except BtfdumpError as error:
            return type(error)

    assert told(select(kernel, path)) == told(evaluated(kernel, path))


def test_behind_an_address(opened):
    """With a type or without, steps are those of any expression."""
    kernel = opened("tagged")
    task = kernel.task(1)
    at = f"{task.address_:x}"  # without 0x: 16 digits
    for several in (
        list(objects_at(kernel, "struct task_struct", f"{at}.children[pid == 86].comm")),
        list(lies_at(kernel, f"0x{at}->children[pid == 86].comm")),
    ):
        assert [one.value.string_() for one in several] == ["w_main"]
        assert several[0].name.endswith("children[1].comm")
    (found,) = objects_at(kernel, "struct task_struct", f"{at}")
    assert found.value.address_ == task.address_
    (found,) = objects_at(kernel, "struct task_struct", f"{at}.pid + 1")
    assert found.value == 2
    (found,) = objects_at(kernel, "struct cred", f"{at}.uid.val + 1")
    assert "hardly a struct cred" in found.doubt
    (found,) = objects_at(kernel, "struct rq", "runqueues[1].cpu + 1")
    assert (int(found.value), found.name) == (2, "runqueues[1].cpu + 1")
    with pytest.raises(ExpressionError, match=rf"^0x{at}\.\.x: at character 20, '\.x': expected"):
        list(lies_at(kernel, f"0x{at}..x"))
