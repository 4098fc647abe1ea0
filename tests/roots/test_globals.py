"""The table of global variables: of a small kernel made by hand, and of real ones."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from btfdump._cli.tables import unmatched
from btfdump._kernel.notes import Note
from btfdump._roots import Query, table_of
from btfdump._targets.base import LayeredTarget
from btfdump.errors import SymbolNotFoundError, UnknownTypeError
from tests.support.command import run
from tests.support.synthetic import World

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from btfdump._api.kernel import Kernel
    from btfdump._roots.table import Table


@pytest.fixture
def stock(sample: Callable[[str], Path]) -> str:
    return str(sample("stock"))


def rows(kernel: Kernel, *patterns: str) -> list[dict[str, object]]:
    kind = table_of("globals")
    assert kind is not None
    return [dict(row) for row in kind.table(kernel, Query(patterns)).rows]  # type: ignore[arg-type]


def names_in(table: Table) -> list[object]:
    return [row["name"] for row in table.rows if not isinstance(row, Note)]


def small() -> Kernel:
    """A kernel with two variables of one name, one of a known type, one that nobody knows."""
    world = World()
    world.b.func("exported_function", world.b.func_proto(0, []))
    world.struct("list_head", [("next", "void *"), ("prev", "void *")])
    world.struct("kmem_cache", [("list", "struct list_head"), ("flags", "u64")])
    start = world.room(256)
    world.symbols |= {
        "__start_rodata": start,
        "csnow_mid": start + 16,
        "nobody_knows": start + 32,
        "__end_rodata": start + 64,
        "slab_caches": start + 80,
        "exported_function": start + 96,
        "_end": start + 128,
    }
    return world.kernel()


def test_rows_say_how_the_type_is_known():
    kernel = small()
    found = {row["name"]: row for row in rows(kernel)}
    assert found["csnow_mid"]["type"] == "u64"
    assert str(found["csnow_mid"]["known"]).startswith("globals ")
    assert found["csnow_mid"]["section"] == ".rodata"
    assert found["csnow_mid"]["address"] == f"{kernel.symbol('csnow_mid'):#x}"
    assert (found["slab_caches"]["type"], found["slab_caches"]["known"]) == (
        "struct list_head",
        "library",
    )
    assert found["slab_caches"]["section"] is None
    assert (found["nobody_knows"]["type"], found["nobody_knows"]["known"]) == (None, "unknown")
    assert "neither BTF, nor annotations" in str(found["nobody_knows"]["why"])


def test_rows_are_sorted_and_picked_by_patterns():
    assert [row["name"] for row in rows(small(), "c*", "nobody_*")] == [
        "csnow_mid",
        "nobody_knows",
    ]


def test_an_unknown_type_is_an_error_and_an_unknown_symbol_another():
    """What is there and not understood is never taken for absent."""
    kernel = small()
    assert "nobody_knows" in kernel
    assert "csnow_mid" in kernel
    assert "nosuch" not in kernel
    assert 3 not in kernel
    with pytest.raises(UnknownTypeError, match=r"the type of nobody_knows .* is not known") as told:
        kernel["nobody_knows"]
    assert told.value.address == kernel.symbol("nobody_knows")
    with pytest.raises(SymbolNotFoundError):
        kernel["nosuch"]


def test_of_several_symbols_none_is_typed_by_name(stock: str, capsys) -> None:
    status, out, _ = run(capsys, "inspect", stock, "globals", "empty_attrs", "--format", "jsonl")
    assert status == 0
    found = [json.loads(line) for line in out.splitlines()]
    assert len(found) > 1
    assert [row["name"] for row in found] == [
        f"empty_attrs@{number}" for number in range(1, len(found) + 1)
    ]
    assert {row["known"] for row in found} == {"unknown"}
    assert all("symbols have that name" in row["why"] for row in found)


def test_every_name_means_the_variable_that_it_is_listed_with(
    opened: Callable[[str], Kernel],
) -> None:
    """Functions may share it, which have a number too, and variables of modules."""
    kernel = opened("stock")
    listed = rows(kernel, "set_root", "__already_done.0", "*:__already_done.0", "*ddebug551.1")
    names = [str(row["name"]) for row in listed]
    assert {"set_root@2", "vmlinux:__already_done.0@2"} < set(names)
    assert any(not name.startswith("vmlinux") for name in names if ":" in name)
    for row in listed:
        with pytest.raises(UnknownTypeError) as told:
            kernel.variable(str(row["name"]))
        assert f"{told.value.address:#x}" == row["address"]


@pytest.mark.parametrize("format_", ["text", "tree", "json", "jsonl"])
def test_every_format(stock: str, capsys, format_: str) -> None:
    words = ("inspect", stock, "globals", "tk_core", "runqueues", "init_task", "--format", format_)
    status, out, err = run(capsys, *words)
    assert (status, err) == (0, "")
    for text in ("globals 6.12", "BTF", "library", ".data..percpu", "struct rq"):
        assert text in out


def test_a_pattern_that_nothing_matches(stock: str, capsys) -> None:
    status, _, err = run(capsys, "inspect", stock, "globals", "nosuch*")
    assert status == 1
    assert "nothing is called 'nosuch*'" in err


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("vmlinux:tk_core", ["tk_core"]),
        ("vmlinux:csnow_mi?", ["csnow_mid"]),
        ("tk_core@1", ["tk_core"]),
        ("empty_attrs@1", ["empty_attrs@1"]),
        ("vmlinux:empty_attrs@[12]", []),
        ("vmlinux:empty_attrs@?", ["empty_attrs@1", "empty_attrs@2"]),
        ("set_root@2", ["set_root@2"]),
        ("set_root@1", []),  # a function
        ("qemu-fw-cfg:fw_cfg_p_size", ["qemu_fw_cfg:fw_cfg_p_size"]),
        ("qemu*:fw_cfg_p_*", ["qemu_fw_cfg:fw_cfg_p_base", "qemu_fw_cfg:fw_cfg_p_size"]),
        ("qemu_fw_cfg:fw_cfg_p_size@1", ["qemu_fw_cfg:fw_cfg_p_size"]),
        ("qemu_fw_cfg:tk_core", []),
        ("tk_core@2", []),
    ],
)
def test_patterns_are_of_the_form_of_names(
    opened: Callable[[str], Kernel], pattern: str, expected: list[str]
) -> None:
    """What the table lists a variable by, and all else that names one, is a pattern for it."""
    query = Query((pattern,))
    kind = table_of("globals")
    assert kind is not None
    found = names_in(kind.table(opened("stock"), query))
    assert found == expected
    assert query.unmatched(len(found)) == [pattern] * (not expected)


MADE = (
    "__ksymtab_jiffies_64",
    "__kstrtab_jiffies_64",
    "__kstrtabns_jiffies_64",
    "__crc_jiffies_64",
    "__UNIQUE_ID___addressable_init_module512",
    ".LC0",
    ".L.str",
    "CSWTCH.51",
    "switch.table.vfs_open",
    "__func__.7",
)


def test_what_nobody_has_written_is_listed_where_a_pattern_names_it() -> None:
    world = World()
    start = world.room(256)
    others = ["jiffies_64", "CSWTCH", "__ksymtab", "__UNIQUE_ID_ddebug715.69", "__func__"]
    world.symbols |= {name: start + 8 * at for at, name in enumerate((*MADE, *others))}
    kernel = world.kernel()
    kind = table_of("globals")
    assert kind is not None
    assert names_in(kind.table(kernel, Query())) == sorted(others)
    assert "EXPORT_SYMBOL" in kind.table(kernel, Query()).remark
    assert names_in(kind.table(kernel, Query(("*",)))) == sorted(others)
    for name in MADE:
        table = kind.table(kernel, Query((f"{name[:2]}*", "vmlinux:nosuch")))
        assert name in names_in(table)
        assert table.remark == ""
        assert names_in(kind.table(kernel, Query((f"vmlinux:{name}",)))) == [name]
    query = Query(("*sym*_64",))  # which does not say what it is after
    table = kind.table(kernel, query)
    assert (names_in(table), query.unmatched(0)) == ([], [])
    assert "unless a pattern says how its names begin" in table.remark


class Exports(LayeredTarget):
    """A kernel of which the table lists a part only."""

    def symbols_lack(self) -> str:
        return "it has no table; give one"


def test_what_cannot_be_known_is_not_said_to_be_absent() -> None:
    kernel = small()
    kernel.target = Exports(kernel.target)
    kind = table_of("globals")
    assert kind is not None
    note = Note(
        "only what the kernel exports is listed, with functions that BTF does not have: "
        "it has no table; give one"
    )
    for patterns in ((), ("*",)):
        first, *others = kind.table(kernel, Query(patterns)).rows
        assert first == note
        names = [row["name"] for row in others if not isinstance(row, Note)]
        assert len(names) == 6
        assert "exported_function" not in names
    query = Query(("nosuch", "csnow_mid"))
    table = kind.table(kernel, query)
    assert names_in(table) == ["csnow_mid"]
    assert unmatched(table, query, 1) == [
        "globals: nothing is known to be called 'nosuch': it has no table; give one"
    ]


@pytest.mark.parametrize(
    ("format_", "expected"),
    [
        ("text", "total_forks = (long unsigned int)1111 /* [globals 6.12] */\n"),
        ("tree", "total_forks 1111  long unsigned int [globals 6.12]\n"),
        ("jsonl", '"typed_by": "globals 6.12", "value": 1111'),
    ],
)
def test_who_tells_the_type_is_shown(stock: str, capsys, format_: str, expected: str) -> None:
    status, out, _ = run(capsys, "inspect", stock, "total_forks", "--format", format_)
    assert status == 0
    assert expected in out


@pytest.mark.parametrize(
    ("format_", "unsure", "sure"),
    [
        ("text", "4, 1, 7 } /* [globals 6.12, up to 4] */\n", "[10])[ /* [globals 6.12] */\n"),
        ("tree", "int[4] [globals 6.12, up to 4]\n", "[10] [globals 6.12]\n"),
        ("jsonl", '"typed_by": "globals 6.12", "length_by": "room"', '"globals 6.12", "value"'),
    ],
)
def test_a_length_that_only_the_room_tells_is_said_to_be_so(
    stock: str, capsys, format_: str, unsure: str, sure: str
) -> None:
    """Once, not at each element; not where the BTF has no other length for such elements."""
    for name, expected in (("console_printk", unsure), ("softirq_vec", sure)):
        status, out, _ = run(capsys, "inspect", stock, name, "--format", format_)
        assert status == 0
        assert expected in out
        assert out.count("globals 6.12") == 1
        assert ("up to" in out or "length_by" in out) == (expected == unsure)


def test_the_table_and_an_element_say_so_as_well(stock: str, capsys) -> None:
    names = ("console_printk", "softirq_vec")
    _, out, _ = run(capsys, "inspect", stock, "globals", *names, "--format", "jsonl")
    unsure, sure = map(json.loads, out.splitlines())
    assert (unsure["known"], unsure["length_by"]) == ("globals 6.12, up to 4", "room")
    assert (sure["known"], "length_by" in sure) == ("globals 6.12", False)
    assert run(capsys, "inspect", stock, "console_printk[0]")[1].endswith("/* [globals 6.12] */\n")


def test_structs_without_a_name(stock: str, capsys) -> None:
    status, out, _ = run(capsys, "inspect", stock, "tk_core.timekeeper.xtime_sec")
    said = "tk_core.timekeeper.xtime_sec = (u64)1795347425 /* 2026-11-22 11:37:05 UTC */\n"
    assert (status, out) == (0, said)


def test_the_type_is_said_not_to_be_known(stock: str, capsys) -> None:
    status, out, err = run(capsys, "inspect", stock, "empty_zero_page", "--format", "json")
    assert (status, json.loads(out)["roots"]) == (2, [])
    assert "the type of empty_zero_page (at 0x" in err
