"""Tables of symbols: which of several is meant, and how far a symbol reaches."""

from __future__ import annotations

from bisect import bisect_right

import pytest

from btfdump._targets.symbols import REACH, SortedTable, Symbol, the_one
from btfdump.errors import AmbiguousSymbolError

ROWS = [
    (0x0, "percpu_start", True, 0),
    (0x1000, "_stext", True, 0),
    (0x1000, "first", False, 0),
    (0x1100, "twice", False, 0),
    (0x2000, "_etext", True, 0),
    (0x3000, "twice", False, 0),
    (0x3008, "sized", True, 8),
    (0x3008, "sized_alias", False, 0),
    (0x4000, "last", True, 0),
]


class Table(SortedTable):
    def __len__(self) -> int:
        return len(ROWS)

    @property
    def image(self) -> tuple[int, int]:
        return 0x1000, 0x100000

    def _called(self, name: str) -> list[tuple[int, bool]]:
        return [(row[0], row[2]) for row in ROWS if row[1] == name]

    def _address_at(self, position: int) -> int:
        return ROWS[position][0]

    def _name_at(self, position: int) -> tuple[str, bool, int]:
        return ROWS[position][1:]

    def _first_above(self, address: int) -> int:
        return bisect_right([row[0] for row in ROWS], address)


@pytest.mark.parametrize(
    ("address", "named"),
    [
        (0, None),  # NULL, though a per-CPU variable has this address
        (0x8, None),
        (0x1000, ("first", 0)),
        (0x1FFF, ("twice", 0xEFF)),
        (0x2000, ("_etext", 0)),
        (0x2001, None),
        (0x3007, ("twice", 7)),
        (0x3008, ("sized", 0)),
        (0x3010, ("sized", 8)),
        (0x3100, None),
        (0x4000 + REACH - 1, ("last", REACH - 1)),
        (0x4000 + REACH, None),
        (0x100000, None),
    ],
)
def test_no_symbol_is_named_far_past_its_end(address, named):
    assert Table().nearest(address) == named


def test_neighbours():
    table = Table()
    assert table.around(0x1100) == ("first", "_etext")
    assert table.around(0x3000) == ("_etext", "sized")
    assert table.around(0) == ("", "first")
    assert table.around(0x4000) == ("sized", "")
    assert table.around(0x3001) == ("twice", "sized")


def test_all_of_a_name():
    table = Table()
    code, data = table.find_all("twice")
    assert (code, data) == (Symbol(0x1100, False, True), Symbol(0x3000, False, False))
    assert table.find("twice") == data.address  # a function can be no variable
    assert table.find_all("nosuch") == []
    assert (table.extent("sized"), table.extent("last"), table.extent("nosuch")) == (0xFF8, 0, 0)


def test_room_and_what_is_listed():
    """The room is the size, if the table says one, or else that up to the next symbol."""
    table = Table()
    assert table.room(0x3008) == (8, True)
    assert table.room(0x3000) == (8, False)
    assert table.room(0x4000) == (0, False)  # the last
    listed = [*table.listed()]
    assert ("sized", 0x3008) in listed
    assert ("twice", 0x3000) in listed
    assert ("twice", 0x1100) not in listed  # a function


def test_which_is_meant():
    local, other, code = Symbol(1, False), Symbol(2, False), Symbol(3, False, True)
    assert the_one("x", []) is None
    assert the_one("x", [code]) == 3
    assert the_one("x", [local, code]) == 1
    assert the_one("x", [local, other, Symbol(4)]) == 4
    with pytest.raises(AmbiguousSymbolError, match="2 symbols are called x: at 0x1, 0x2") as caught:
        the_one("x", [local, other, code])
    assert caught.value.addresses == (1, 2)
    with pytest.raises(AmbiguousSymbolError, match=r"20 symbols.*0x7, \.\.\.; say which"):
        the_one("x", [Symbol(address) for address in range(20)])
