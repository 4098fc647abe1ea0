"""The table of the types of global variables: what is packed is found again, and what ships."""

from __future__ import annotations

import pytest

from btfdump._annotate.global_types import Choice, GlobalTypes, SourceKernel, global_types, pack

SOURCES = [
    SourceKernel("6.1", "x86_64", "6.1.0-1-cloud", "linux-image-6.1.0-1-cloud-amd64", "6.1.1-1"),
    SourceKernel("6.12", "aarch64", "6.12.9-cloud", "linux-image-6.12.9-cloud-arm64", "6.12.9-1"),
]


def table(variables, families=None) -> GlobalTypes:
    return GlobalTypes(pack(SOURCES, families or {}, variables))


def test_what_is_packed_is_found():
    choices = (Choice("int", (0,)), Choice("struct{a,,b}*[]", (0, 1)))
    found = table({"one": choices, "on": choices[:1], "onerous": choices[1:]})
    assert found.sources == tuple(SOURCES)
    assert found.find("one") == choices
    assert found.find("on") == choices[:1]
    assert found.find("onerous") == choices[1:]
    assert found.names() == ["on", "one", "onerous"]


@pytest.mark.parametrize("name", ["", "a", "onE", "oner", "ne", "zz", "int", "one\t", "on\ne", "é"])
def test_what_is_not_packed_is_not_found(name):
    found = table({"on": [Choice("int", (0,))], "one": [Choice("int", (0,))]})
    assert found.find(name) == ()


def test_an_empty_table_has_nothing():
    assert table({}).find("one") == ()
    assert table({}).names() == []


def test_many_names_are_packed_in_several_blocks():
    variables = {f"variable_{n:05}": [Choice(f"struct s{n}", (n % 2,))] for n in range(5000)}
    found = table(variables)
    assert len(found._firsts) > 1
    for n in range(0, 5000, 7):
        assert found.find(f"variable_{n:05}") == (Choice(f"struct s{n}", (n % 2,)),)
    assert len(found.names()) == 5000


def test_one_name_unpacks_one_block():
    found = table({f"variable_{n:05}": [Choice("int", (0,))] for n in range(9000)})
    assert found.find("variable_00000")
    assert found.find("variable_00001")
    assert len(found._texts) == 1


def test_families_hold_for_what_is_not_listed():
    families = {
        "__setup_": [Choice("struct kernel_param", (0,))],
        "__setup_str_": [Choice("char[]", (1,))],
    }
    found = table({"__setup_odd": [Choice("int", (0,))]}, families)
    assert found.find("__setup_any") == (Choice("struct kernel_param", (0,)),)
    assert found.find("__setup_str_any") == (Choice("char[]", (1,)),)
    assert found.find("__setup_odd") == (Choice("int", (0,)),)
    assert found.find("__setup_") == ()
    assert found.families() == {prefix: tuple(choices) for prefix, choices in families.items()}


def test_the_same_is_packed_as_the_same_bytes():
    variables = {"b": [Choice("int", (0,))], "a": [Choice("u8", (1,))]}
    assert pack(SOURCES, {}, variables) == pack(SOURCES, {}, dict(reversed(variables.items())))


def test_the_one_that_ships():
    """Every series that is asked for, with the release of each source."""
    found = global_types()
    series = {(source.series, source.machine) for source in found.sources}
    assert series >= {
        *((version, "x86_64") for version in ("5.10", "6.1", "6.12", "7.3")),
        ("6.12", "aarch64"),
        ("6.12", "s390x"),
    }
    assert all(source.release.startswith(source.series) for source in found.sources)
    assert all(source.package and source.version for source in found.sources)
    assert len(found.names()) > 20_000
    assert found.find("jiffies_64") == (Choice("u64", tuple(range(len(found.sources)))),)
    assert {c.spelling for c in found.find("bdev_lock")} == {"spinlock_t", "struct mutex"}


def test_what_ships_is_understood():
    """No type has qualifiers or lengths, and each can be taken apart."""
    from btfdump._kernel.spelled import parse

    found = global_types()
    spellings = {choice.spelling for name in found.names() for choice in found.find(name)}
    assert len(spellings) > 2000
    for text in spellings:
        parse(text)
        assert "const " not in text
        assert not any(f"[{digit}" in text for digit in "0123456789")
