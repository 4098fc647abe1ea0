"""Bits of integers and of bytes, named."""

from __future__ import annotations

import pytest

from btfdump._meaning.bits import BitField, bits_in, flag_list, flags_text, ranges, set_text

MASKS = {1: "A", 2: "B", 12: "BOTH", 4: "LOW"}


@pytest.mark.parametrize(
    ("value", "names"),
    [
        (0, []),
        (3, ["A", "B"]),
        (0x11, ["A", "0x10"]),  # what has no name is a number
        (12, ["BOTH"]),  # several bits with one name, in the order of the table
        (4, ["LOW"]),
        (8, []),  # nothing has a name: nothing is said
        (-1, []),
    ],
)
def test_flags(value: int, names: list[str]) -> None:
    assert flag_list(value, MASKS) == names


def test_bits_that_are_a_number() -> None:
    access = BitField("O_ACCMODE", 3, {0: "O_RDONLY", 1: "O_WRONLY"})
    assert flag_list(0, {4: "O_X"}, [access]) == ["O_RDONLY"]
    assert flag_list(5, {4: "O_X"}, [access]) == ["O_WRONLY", "O_X"]
    assert flag_list(7, {4: "O_X"}, [access]) == ["O_X", "0x3"]  # no such access
    cpu = BitField("CPU", 0xFF0, {})
    assert flag_list(0x21, {1: "A"}, [cpu]) == ["CPU=2", "A"]
    assert flag_list(1, {1: "A"}, [cpu]) == ["A"]


def test_text() -> None:
    assert flags_text(["A", "0x10"]) == "A|0x10"


@pytest.mark.parametrize(
    ("numbers", "text"),
    [([], ""), ([3], "3"), ([0, 1, 2, 5], "0-2,5"), ([0, 2, 3], "0,2-3")],
)
def test_ranges(numbers: list[int], text: str) -> None:
    assert ranges(numbers) == text


def test_bitmaps_are_longs_of_either_byte_order() -> None:
    assert bits_in(bytes.fromhex("0300000000000000 0100000000000080"), "little", 8) == [
        *(0, 1, 64, 127)
    ]
    assert bits_in(bytes.fromhex("0000000000000003 8000000000000001"), "big", 8) == [0, 1, 64, 127]
    assert bits_in(b"", "big", 8) == []


def test_sets() -> None:
    assert set_text([1, 3], str) == "1,3"
    assert set_text([0, 1, 2], str, 3) == "all"
    assert set_text([0, 1, 2, 9], str, 3) == "all"
    assert set_text([0, 2, 3, 4, 5], str, 6) == "all but 1"
    assert set_text(list(range(80)), str).endswith(",63,...")
