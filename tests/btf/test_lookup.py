"""Names: one, several, none, and many look-ups."""

from __future__ import annotations

import pytest

from btfdump._btf import Btf, BtfBuilder, Kind, lookup
from btfdump._btf.lookup import SEARCHES
from btfdump._btf.strings import Strings
from btfdump.errors import AmbiguousTypeError, TypeNotFoundError
from tests.support.btf_blobs import sample


def test_find(b: BtfBuilder) -> None:
    btf = sample(b)
    assert btf.find("struct", "file").id == 3
    assert btf.find(Kind.FWD, "file").id == 4
    assert btf.find("typedef", "file").id == 5
    assert btf.find("enum", "e").id == 7
    assert btf.find("enum", "e64").id == 8
    assert [t.id for t in btf.find_all(None, "file")] == [3, 4, 5]
    assert [t.id for t in btf.find_all("struct", "file")] == [3]


def test_find_nothing(b: BtfBuilder) -> None:
    btf = sample(b)
    with pytest.raises(TypeNotFoundError, match="no struct nonsense in sample"):
        btf.find("struct", "nonsense")
    with pytest.raises(TypeNotFoundError, match=r"there is a fwd and a struct and a typedef of"):
        btf.find("union", "file")
    with pytest.raises(TypeNotFoundError):
        btf.find(Kind.ENUM, "e64")
    for name in ("", "f_flags", "A", "file\0", "\0file", "ile", "\ud800"):
        assert btf.find_all(None, name) == []


def test_find_an_unknown_keyword(b: BtfBuilder) -> None:
    with pytest.raises(ValueError, match="'class', not one of struct, union"):
        sample(b).find("class", "file")


def test_find_several(b: BtfBuilder) -> None:
    btf = sample(b)
    with pytest.raises(AmbiguousTypeError, match=r"2 different types .* twice") as caught:
        btf.find("struct", "twice")
    assert caught.value.type_ids == (9, 10)
    assert [t.id for t in btf.find_all("struct", "twice")] == [9, 10]


def test_many_lookups_agree_with_few(b: BtfBuilder) -> None:
    for number in range(4 * SEARCHES):
        b.struct(f"s{number}", number)
        b.fwd(f"{number % 3}")
    blob = b.build()
    names = [f"s{i}" for i in range(4 * SEARCHES)] + ["0", "1", "2", "3", "s", ""]
    many = Btf.from_bytes(blob)
    for name in names:
        one = Btf.from_bytes(blob)
        expected = [t.id for t in one.find_all(None, name)]
        assert [t.id for t in many.find_all(None, name)] == expected
        assert expected == [t.id for t in one.iter_types() if name and t.name == name]


@pytest.mark.parametrize("lookups", [0, SEARCHES])
def test_names_that_share_their_tails(lookups: int) -> None:
    # What a linker may do to strings: "file" is the end of "inode_file", and stored twice besides.
    b = BtfBuilder()
    b.struct("inode_file", 1)
    b.struct("file", 2)
    b.struct("file", 3)
    blob = bytearray(b.build())
    tail = blob.index(b"file\0", blob.index(b"inode_file")) - blob.index(b"\0inode_file")
    blob[24 + 12 : 24 + 16] = tail.to_bytes(4, "little")
    btf = Btf.from_bytes(bytes(blob))
    for number in range(lookups):
        assert btf.find_all(None, f"miss{number}") == []
    assert btf.string(tail) == "file"
    assert [t.id for t in btf.find_all("struct", "file")] == [2, 3]
    assert btf.find("struct", "inode_file").id == 1


def test_names_need_not_be_utf8() -> None:
    b = BtfBuilder()
    b.struct("naXme", 1)
    b.struct("größe", 1)
    btf = Btf.from_bytes(b.build().replace(b"naXme", b"na\xffme"))
    assert btf.type(1).name == "na\\xffme"
    assert btf.find("struct", "größe").id == 2
    assert BtfBuilder.from_btf(btf).build() == btf.data


# Enumerators


def places(btf: Btf, name: str) -> list[tuple[str, int, int]]:
    """Return (enum, index, value) of each enumerator of a name."""
    found = btf.find_enumerators(name)
    return [(enum.name, index, enum.enumerators[index].value) for enum, index in found]


def test_enumerators(b: BtfBuilder) -> None:
    b.struct("RED", 4, [("RED", b.int_("int", 4), 0)])  # a member and a type of the same name
    b.enum("color", {"RED": 3, "GREEN": 4})
    b.enum("", {"BLUE": -1, "RED": 7}, signed=True)
    b.enum64("wide", {"FAR": 1 << 40, "NEAR": 1, "RED": 9})
    btf = b.parse("sample")
    assert places(btf, "RED") == [("color", 0, 3), ("", 1, 7), ("wide", 2, 9)]
    assert places(btf, "BLUE") == [("", 0, -1)]
    assert places(btf, "FAR") == [("wide", 0, 1 << 40)]
    assert places(btf, "color") == places(btf, "") == places(btf, "R") == places(btf, "int") == []


def test_an_enumerator_is_sought_once(b: BtfBuilder, monkeypatch: pytest.MonkeyPatch) -> None:
    b.enum("color", {"RED": 3})
    btf = b.parse("sample")
    first = [places(btf, name) for name in ("RED", "GONE")]
    monkeypatch.setattr(lookup.EnumeratorIndex, "_listed", None)
    assert [places(btf, name) for name in ("RED", "GONE")] == first == [[("color", 0, 3)], []]


def test_enumerators_of_a_split_btf() -> None:
    base = BtfBuilder()
    base.enum("color", {"RED": 3})
    below = base.parse("base")
    b = BtfBuilder(base=below)
    b.enum("other", {"RED": 5, "BLUE": 6})
    btf = b.parse("split")
    assert places(btf, "RED") == [("other", 0, 5)]
    assert places(below, "RED") == [("color", 0, 3)]


def test_values_that_look_like_names(b: BtfBuilder) -> None:
    """The value of an enumerator may be the offset of a string, and its name that of another."""
    b.enum("color", {"RED": 1, "GREEN": 7})
    blob = b.build()
    btf = Btf.from_bytes(blob)
    offsets = btf.strings.offsets(b"GREEN")
    assert offsets == [btf.strings.data.index(b"GREEN")]
    other = BtfBuilder(b.byteorder)
    other.enum("color", {"RED": offsets[0], "GREEN": 7})
    assert places(Btf.from_bytes(other.build()), "GREEN") == [("color", 1, 7)]


def test_a_name_is_sought_once_in_the_base_of_many_modules(monkeypatch) -> None:
    base = BtfBuilder()
    base.struct("item", 4, [])
    kernel = base.parse()
    asked = []
    seek = Strings.own_offsets

    def own_offsets(strings: Strings, name: bytes) -> list[int]:
        asked.append(strings is kernel.strings)
        return seek(strings, name)

    monkeypatch.setattr(Strings, "own_offsets", own_offsets)
    for _ in range(3):
        split = BtfBuilder("little", kernel)
        split.struct("item", 8, [])
        found = split.parse().find_all("struct", "item")
        assert [type_.id for type_ in found] == [1, 2]
    assert asked.count(True) == 2  # for its own types, and for those of the modules
