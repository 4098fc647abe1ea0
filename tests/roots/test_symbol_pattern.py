"""Patterns for symbols, part by part."""

from __future__ import annotations

import pytest

from btfdump._roots.symbol_pattern import SymbolPattern

EVERY = [(0x10, "vmlinux", True), (0x20, "vmlinux", False), (0x30, "ext4", False)]
"""A function and a variable of vmlinux, and one of a module: the candidates of a name."""


@pytest.mark.parametrize(
    ("text", "of_vmlinux", "of_module"),
    [
        ("lock", True, True),
        ("*", True, True),
        ("vmlinux:lock", True, False),
        ("vmlinux:l*", True, False),
        ("ext4:lock", False, True),
        ("e*:lock", False, True),
        ("*:lock", True, True),
        (":lock", False, False),
        ("lock@1", False, False),
        ("lock@2", True, False),
        ("lock@3", False, True),
        ("lock@*", True, True),
        ("lock@02", False, False),
        ("vmlinux:lock@2", True, False),
        ("ext4:lock@1", False, True),
        ("ext4:lock@3", False, False),
    ],
)
def test_symbols_that_share_a_name(text: str, *, of_vmlinux: bool, of_module: bool) -> None:
    pattern = SymbolPattern(text)
    assert pattern.has_name("lock")
    found = [
        pattern.matches(at, module, EVERY) for at, module in ((0x20, "vmlinux"), (0x30, "ext4"))
    ]
    assert found == [of_vmlinux, of_module]


@pytest.mark.parametrize("text", ["", "loc", "LOCK", "lock.1", "@1", "a:b:lock", "lock@x", "ext4:"])
def test_other_names(text: str) -> None:
    assert not SymbolPattern(text).has_name("lock")


def test_a_dash_in_a_module_is_an_underscore() -> None:
    """As it is in its symbols, and in the kernel's list of modules."""
    assert SymbolPattern("dm-mod:lock").matches(0, "dm_mod", ())


@pytest.mark.parametrize(
    ("text", "is_several"),
    [("a", False), ("a@1", False), ("m:a", False), ("a*", True), ("a@?", True), ("*:a", True)],
)
def test_whether_more_than_one_name_is_asked_for(text: str, *, is_several: bool) -> None:
    assert SymbolPattern(text).is_several == is_several
