"""Conditions under which an annotation holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from btfdump._kernel.expression import MAX_EXPRESSION, Path, evaluate, parse_number
from btfdump.errors import CorruptDataError, ExpressionError
from tests.support.annotated import dumped, holder, ids, items, overlay, texts
from tests.support.synthetic import World

if TYPE_CHECKING:
    from btfdump._render import Format


class Nine:
    """A scope in which every name is 9."""

    def member_(self, name: str) -> Nine:
        return self

    def value_(self) -> int:
        return 9


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("1//0", ExpressionError),
        ("n//0", ExpressionError),
        ("n/0", CorruptDataError),
        ("n%(n-9)", CorruptDataError),
        ("1**9", ExpressionError),
        ("9" * 100_000, ExpressionError),
        ("9" * 999, ExpressionError),
        ("0x" + "f" * 100_000, ExpressionError),
        ("0x" + "f" * 900, ExpressionError),
        ("18446744073709551616", ExpressionError),
        ("*".join(["n"] * 400), CorruptDataError),
        ("n<<63<<63<<63", CorruptDataError),
        ("(" * 499 + "n" + ")" * 498, ExpressionError),
        ("-" * 5000 + "n", ExpressionError),
        ("!" * 3000 + "n", ExpressionError),
        ("n&&" * 9000 + "n", ExpressionError),
        ("n." * 5000 + "n", ExpressionError),
        ("n if n else n", ExpressionError),
        ("lambda n", ExpressionError),
    ],
)
def test_an_expression_has_a_value_or_an_error_of_ours(text: str, error: type[Exception]) -> None:
    with pytest.raises(error) as raised:
        evaluate([Nine()], text)
    assert len(str(raised.value)) < 3 * MAX_EXPRESSION


@pytest.mark.parametrize(
    ("text", "value"),
    [("0xffffffffffffffff", (1 << 64) - 1), ("n*n+n/2", 85), ("~n&0xff", 0xF6), ("-n", -9),
     ("-n/2", -4), ("n/-2", -4), ("-n/-2", 4), ("-n%2", -1), ("n%-2", 1), ("-1%3", -1),
     ("(" * 499 + "n" + ")" * 499, 9)],
)  # fmt: skip
def test_what_c_can_count_is_counted(text: str, value: int) -> None:
    assert evaluate([Nine()], text) == value


@pytest.mark.parametrize("name", ["class", "from", "in", "is", "not", "lambda", "None", "True"])
@pytest.mark.parametrize("text", ["{} + 1", "!{}", "n->{} == 3 && n.{}"])
def test_members_whose_names_are_words_of_python(name: str, text: str) -> None:
    """`cond:class` of the library was no expression, on every device."""
    world = World()
    world.struct("inner", [(name, "int")])
    world.struct("outer", [(name, "int"), ("n", "struct inner")])
    address = world.new("outer")
    for path in (f"outer.{name}", "outer.n"):
        world.write(address + world.offset(path), world.pack(3, 4))
    value = world.kernel().value("struct outer", address)
    expected = {"{} + 1": 4, "!{}": 0, "n->{} == 3 && n.{}": 1}[text]
    assert evaluate([value], text.replace("{}", name)) == expected


def test_a_length_that_divides_by_zero_is_a_note() -> None:
    """As `len:1//0` in a tag: it does not end the dump."""
    for tag in ("len:1//0", "len:n//0", "len:" + "9" * 100_000, "len:n<<63<<62"):
        world = World()
        world.struct("counted", [("n", "u32"), ("p", "u8 *")], {"p": tag})
        address = world.new("counted", n=3)
        world.set(address, "counted.p", address)
        kernel = world.kernel()
        (note,) = texts(dumped(kernel, kernel.value("struct counted", address)))
        assert "len" in note
        assert len(note) < 1000, "of a tag of 100,000 characters the beginning says enough"


@pytest.mark.parametrize("text", ["9" * 100_000, "0x" + "f" * 100_000, str(1 << 128)])
def test_numbers_that_no_one_can_print(text: str) -> None:
    with pytest.raises(ExpressionError, match="no number of at most 128 bits"):
        Path.parse(f"[{text}]", where="x")
    with pytest.raises(ExpressionError, match="no number of at most 128 bits") as error:
        parse_number(text)
    assert len(str(error.value)) < 1000
    assert parse_number("-0x10") == -16
    assert parse_number("08") == 8


def conditional(flags: int) -> tuple[World, int]:
    """A union that is a list of items where bit 0 of `flags` is set, else a number."""
    world = World()
    world.struct("item", [("id", "int"), ("one", "struct list_head"), ("two", "struct list_head")])
    world.struct("directory", [("children", "struct list_head")])
    world.struct("file", [("size", "u64")])
    world.union("<either>", [("dir", "struct directory"), ("file", "struct file")])
    world.struct("entry", [("flags", "u32"), ("", "union <either>")])
    address = world.new("entry", flags=flags)
    items(world, address + world.offset("entry.dir.children"), "one", 1, 2)
    return world, address


CONDITION = overlay(
    '[struct.entry]\n"dir.children" = '
    '[["cond:flags & 1", "item:one"], ["cond:flags == 6", "item:two"]]'
)


@pytest.mark.parametrize(("flags", "expected"), [(1, [1, 2]), (7, [1, 2]), (2, None), (6, "two")])
def test_a_condition_on_the_struct_around(flags, expected):
    world, address = conditional(flags)
    kernel = world.kernel([CONDITION])
    value = kernel.value("struct entry", address)
    children = dumped(kernel, value)["members"]["dir"]["members"]["children"]
    if expected is None:
        assert "elements" not in children
        with pytest.raises(CorruptDataError, match=r"not met here: overlay mine\.toml cond:"):
            ids(value.dir.children)
    elif expected == "two":
        assert children["node"] == "two"
        assert value.dir.children.expansion_().node == "two"
    else:
        assert [e["members"]["id"] for e in children["elements"]] == expected
        assert ids(value.dir.children) == expected


@pytest.mark.parametrize("format_", ["text", "json"])
def test_a_condition_on_the_member_itself_or_on_each_other(format_: Format) -> None:
    """Found by fuzzing: each name was asked about its own conditions, without end."""
    world = World()
    names = "one", "two", "three"
    among = " && ".join(names * 4)
    world.struct("item", [("id", "int"), ("link", "struct list_head"), ("two", "struct list_head")])
    world.struct("self", [*((n, "u32") for n in names), ("all", "struct list_head")])
    lines = "".join(f'{name} = [["cond:{among}", "show:hex"]]\n' for name in names)
    head = f'all = [["cond:{among}", "item:link"]]\n'
    kernel = world.kernel([overlay(f"[struct.self]\n{lines}{head}")])
    there = world.room(32)
    world.write(there, bytes(32))
    for number, name in enumerate(names, 17):
        world.set(there, f"self.{name}", number)
    items(world, world.offset("self.all") + there, "link", 1, 2)
    value = kernel.value("struct self", there)
    assert value.one == 17
    assert ids(value.all) == [1, 2]
    assert "".join(kernel.dump(value, format_)).count("id") == 2


def test_what_holds_otherwise():
    world, address = conditional(2)
    source = overlay(
        '[struct.entry]\n"dir.children" = [["cond:flags & 1", "item:two"], "item:one"]'
    )
    kernel = world.kernel([source])
    assert ids(kernel.value("struct entry", address).dir.children) == [1, 2]


def test_a_condition_in_tags():
    """The tags of one member hold together."""
    world = World()
    world.struct("item", [("id", "int"), ("one", "struct list_head")])
    address = holder(world, ["item:one", "cond:n == 7"])
    kernel = world.kernel()
    assert "elements" not in dumped(kernel, kernel.value("struct holder", address))
    world.set(address, "holder.n", 7)
    assert ids(kernel.value("struct holder", address).head) == [1, 2, 3]


def test_a_condition_on_what_is_not_there():
    world, address = conditional(1)
    source = overlay('[struct.entry]\n"dir.children" = [["cond:nonsense", "item:one"]]')
    kernel = world.kernel([source])
    notes = texts(dumped(kernel, kernel.value("struct entry", address)))
    assert notes == ["overlay mine.toml cond:(nonsense): struct entry has no member 'nonsense'"]


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("n == 5", True),
        ("n != 5", False),
        ("!n", False),
        ("n >= 5 && n < 6", True),
        ("n < 5 || n > 5", False),
        ("(n & 4) == 4", True),
        ("~n & 1", False),
        ("n - 5", False),
    ],
)
def test_conditions(text, holds):
    world = World()
    world.struct("item", [("id", "int"), ("one", "struct list_head")])
    address = holder(world, ["item:one", f"cond:{text}"])
    world.set(address, "holder.n", 5)
    kernel = world.kernel()
    value = kernel.value("struct holder", address).head
    assert value.facts_ is not None
    assert value.facts_.is_container == holds


@pytest.mark.parametrize("text", ["n +", "n < 1 < 2", "f(n)", "n = 3", "n; n", "'n'"])
def test_conditions_that_are_none(text):
    world = World()
    world.struct("item", [("id", "int"), ("one", "struct list_head")])
    address = holder(world, ["item:one", f"cond:{text}"])
    kernel = world.kernel()
    value = kernel.value("struct holder", address).head
    assert value.facts_ is not None
    assert len(value.facts_.problems) == 1


@pytest.mark.parametrize("end", ["?", "[0x" + "f" * 99 + "]"])
def test_an_error_does_not_repeat_a_path_without_end(end):
    for text in ("x" * 500_000 + end, ".x" * 250_000 + end):
        with pytest.raises(ExpressionError) as caught:
            Path.parse(text, where="task")
        assert len(str(caught.value)) < 1000
