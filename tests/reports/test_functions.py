"""`btfdump functions` and `btfdump kfuncs`: tags on functions, out of BTF and out of a vmcore."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from btfdump._btf import Btf, BtfBuilder, types
from btfdump._btf.names import prototype
from btfdump._kernel.variables import globals_of
from btfdump._reports.functions import function_table, function_tags, functions, tagged_functions
from btfdump._roots import Query
from btfdump._roots.kfuncs import tagged_kfunc_table
from btfdump.errors import BtfFormatError
from tests.support.command import run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from btfdump._api.kernel import Kernel
    from btfdump._roots.table import Table


def iter_rows(table: Table) -> Iterator[dict[str, Any]]:
    """Yield the rows of a table of functions one by one."""
    for block in table.blocks:
        yield from block.rows()


def rows_of(table: Table) -> list[dict[str, Any]]:
    """Return the rows of a table of functions."""
    return list(iter_rows(table))


@pytest.fixture
def blob(tmp_path: Path) -> Path:
    """A BTF file: a kfunc with tags on its parameter, a function whose annotation misfits."""
    b = BtfBuilder()
    int_ = b.int_("int", 4)
    user = b.ptr(b.type_tag("user", int_))
    proto = b.func_proto(int_, [("n", int_), ("to", user)])
    f, g = b.func("f", proto), b.func("g", proto)
    b.decl_tag("bpf_kfunc", f)
    b.decl_tag("bpf_fastcall", f)
    b.decl_tag("arg:nonnull", f, 1)
    b.decl_tag("spin_lock:&param1->lock", g)
    path = tmp_path / "made.btf"
    path.write_bytes(b.build())
    return path


def test_the_annotations_of_the_talk(opened: Callable[[str], Kernel]) -> None:
    """Those of the tagged kernel: param1 is `inode`, the first; its i_lock is a spinlock."""
    kernel = opened("tagged")
    found = {
        (func.name, tag.on, tag.tag): tag
        for func in functions(kernel.btf)
        for tag in function_tags(func, globals_of(kernel))
        if not tag.tag.startswith("__")
    }
    insert, first = "__insert_inode_hash", "parameter 1, inode"
    assert set(found) == {
        ("proc_cgroup_show", "function", "mutex_lock: cgroup_mutex"),
        (insert, first, "locked:i_lock"),
        (insert, "function", "spin_lock:inode_hash_lock"),
        (insert, "function", "spin_lock:&param1->i_lock"),
    }
    assert not [tag.problem for tag in found.values() if tag.problem]
    lock = found[insert, "function", "spin_lock:&param1->i_lock"].lock
    assert lock is not None
    assert (lock.lock, lock.type) == ("i_lock of parameter 1, inode", "spinlock_t")
    mutex = found["proc_cgroup_show", "function", "mutex_lock: cgroup_mutex"].lock
    assert mutex is not None
    assert f"cgroup_mutex, a global at {kernel.symbol('cgroup_mutex'):#x}" in mutex.lock


def test_pointers_of_parameters(opened: Callable[[str], Kernel]) -> None:
    (func,) = opened("tagged").btf.find_all("func", "do_trap")
    assert isinstance(func, types.Func)
    tags = [(tag.on, tag.tag, tag.meaning) for tag in function_tags(func)]
    assert tags == [("parameter 7, addr", "__user", "pointer into user space: void __user *")]


def test_tagged_from_a_file(blob: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capsys, "functions", str(blob), "--tagged", "--format", "json")
    assert (status, err) == (0, "")
    rows = json.loads(out)["rows"]
    assert [(r["function"], r["on"], r["tag"]) for r in rows] == [
        ("f", "function", "bpf_kfunc"),
        ("f", "function", "bpf_fastcall"),
        ("f", "parameter 2, to", "arg:nonnull"),
        ("f", "parameter 2, to", "__user"),
        ("g", "function", "spin_lock:&param1->lock"),
        ("g", "parameter 2, to", "__user"),
    ]
    assert rows[4]["problem"] == "parameter 1, n is int, which has no members"
    status, out, _ = run(capsys, "functions", str(blob), "g", "--tagged", "--strict")
    assert status == 1
    assert "! parameter 1, n is int" in out
    assert "bpf_kfunc" not in out


def test_prototypes(blob: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "functions", str(blob), "f")
    assert status == 0
    assert out.splitlines()[1].split(maxsplit=1)[1] == "int f(int n, int __user *to)"


def test_kfuncs_of_a_file(blob: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capsys, "kfuncs", str(blob), "--format", "json")
    assert (status, err) == (0, "")
    document: dict[str, Any] = json.loads(out)
    (row,) = document["rows"]
    assert (row["name"], row["prototype"]) == ("f", "int f(int n, int __user *to)")
    assert row["tags"] == ["bpf_kfunc", "bpf_fastcall", "to: arg:nonnull"]
    assert "not in BTF" in document["remark"]


def test_hooks_are_not_in_btf(blob: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capsys, "kfuncs", str(blob), "--hook", "xdp")
    assert (status, out) == (2, "")
    assert "--hook: hooks and flags are not in BTF" in err
    assert not tagged_kfunc_table([], Query()).rows


def test_functions_are_told_as_they_are_found(opened: Callable[[str], Kernel]) -> None:
    """And as the prototype of each is spelled by itself."""
    btf = opened("tagged").btf
    rows = rows_of(function_table([btf], Query()))
    funcs = list(functions(btf))
    assert [row["name"] for row in rows] == [func.name for func in funcs]
    assert [row["prototype"] for row in rows] == list(map(prototype, funcs))
    assert len(funcs) > 10_000


def test_only_what_is_wanted_is_told(opened: Callable[[str], Kernel]) -> None:
    btf = opened("tagged").btf
    query = Query(("tcp_v4_*", "no_such_*", "vfs_read"))
    found = [row["name"] for row in rows_of(function_table([btf], query))]
    assert found == [func.name for func in functions(btf) if Query(query.patterns).wants(func.name)]
    assert query.unmatched(len(found)) == ["no_such_*"]


def test_the_first_are_told_before_the_modules_are_asked() -> None:
    b = BtfBuilder()
    b.func("f", b.func_proto(0, []))

    def btfs() -> Iterator[Btf]:
        yield b.parse()
        raise AssertionError("asked")

    assert next(iter_rows(function_table(btfs(), Query())))["name"] == "f"


def test_the_functions_of_a_damaged_btf_are_told_up_to_the_damage() -> None:
    b = BtfBuilder()
    proto = b.func_proto(b.int_("int", 4), [])
    b.func("f", proto)
    b.func("g", proto)
    data = bytearray(b.build())
    btf = Btf.from_bytes(bytes(data))
    where = btf._records.byte_offset(btf._records.at(len(btf) - 1)) + 8
    data[where : where + 4] = (1).to_bytes(4, "little")  # an integer is no prototype
    table = function_table([Btf.from_bytes(bytes(data), check=False)], Query())
    told: list[Any] = []
    with pytest.raises(BtfFormatError, match="not a prototype"):
        told.extend(iter_rows(table))
    assert [row["name"] for row in told] == ["f"]


def test_the_functions_before_a_damaged_prototype_are_told() -> None:
    b = BtfBuilder()
    b.func("f", b.func_proto(0, []))
    bad = b.func_proto(0, [("n", 0), ("m", 0)])
    b.func("g", bad)
    data = bytearray(b.build())
    records = b.parse()._records
    where = records.byte_offset(records.at(bad)) + 16
    data[where : where + 4] = (999).to_bytes(4, "little")
    rows = iter_rows(function_table([Btf.from_bytes(bytes(data), check=False)], Query()))
    assert next(rows)["name"] == "f"
    with pytest.raises(BtfFormatError, match=r"refers to \[999\]"):
        next(rows)


def test_tagged_functions_are_those_that_have_any(opened: Callable[[str], Kernel]) -> None:
    btf = opened("tagged").btf
    every = [tag.tag for func in functions(btf) for tag in function_tags(func)]
    assert [tag.tag for tag in tagged_functions([btf], Query())] == every
