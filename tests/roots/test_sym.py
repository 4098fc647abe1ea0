"""Symbols by name or address."""

from __future__ import annotations

import pytest

from btfdump._roots import VERBS, Query, TableKind
from btfdump.errors import ExpressionError, SymbolNotFoundError


def symbols(kernel, *patterns):
    kind = VERBS.get("sym")
    assert isinstance(kind, TableKind)
    query = Query(patterns)
    return list(kind.table(kernel, query).rows), query


def test_by_name(opened):
    kernel = opened("tagged")
    (function, variable), query = symbols(kernel, "vfs_read", "jiffies_64", "nosuch")
    assert (function["kind"], function["type"]) == ("function", None)
    assert int(function["address"], 0) == kernel.symbol("vfs_read")
    assert (variable["kind"], variable["type"], variable["module"]) == (
        "variable",
        "u64",
        "vmlinux",
    )
    assert query.asked == {"vfs_read": True, "jiffies_64": True, "nosuch": False}


def test_by_address(opened):
    kernel = opened("tagged")
    address = kernel.symbol("vfs_read")
    found, _ = symbols(kernel, f"{address + 16:#x}", f"{address:x}", "0x10")
    assert [row["name"] for row in found] == ["vfs_read+0x10", "vfs_read"]
    assert {row["kind"] for row in found} == {"function"}


def test_of_modules_and_of_several(opened):
    kernel = opened("tagged")
    (root,), _ = symbols(kernel, "sample_root")
    assert root["module"] == "btfsample"
    (same,), _ = symbols(kernel, "btfsample:sample_root")
    assert same["address"] == root["address"]
    with pytest.raises(ExpressionError, match="sym: say which"):
        symbols(kernel)


def test_patterns_are_those_of_another_table(opened):
    with pytest.raises(ExpressionError, match=r"say kallsyms 'vfs_\*'"):
        symbols(opened("tagged"), "vfs_*")


def test_bytes_that_are_no_utf8_name_no_symbol(opened):
    """As a shell passes them; a traceback out of the table of symbols."""
    with pytest.raises(SymbolNotFoundError):
        opened("stock").symbol("caf\udce9")
    with pytest.raises(SymbolNotFoundError):
        opened("stock").symbol("\ud800")
