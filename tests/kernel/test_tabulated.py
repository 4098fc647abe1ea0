"""Which type of a global variable holds, of those that other kernels have."""

from __future__ import annotations

import pytest

from btfdump._annotate.global_types import Choice, GlobalTypes, SourceKernel, pack
from btfdump._btf import Btf, BtfBuilder, types
from btfdump._btf.wire import Kind
from btfdump._decode.layout import Layouts
from btfdump._kernel.spelled import spelling
from btfdump._kernel.tabulated import TabulatedTypes, nearest
from btfdump._kernel.type_names import TypeNames
from btfdump._targets.buffer import BufferTarget
from btfdump._targets.memory import symbols_named
from btfdump.errors import UnknownTypeError

SERIES = [
    ("5.10", "x86_64"),
    ("6.1", "x86_64"),
    ("6.12", "x86_64"),
    ("7.3", "x86_64"),
    ("6.12", "aarch64"),
]
SOURCES = [SourceKernel(s, m, f"{s}.0-1", "linux-image", f"{s}.50-1") for s, m in SERIES]
START = 0x1000


def _btf() -> bytes:
    b = BtfBuilder()
    integer = b.int_("int", 4, signed=True)
    b.int_("u8", 1)
    b.typedef("byte", b.int_("unsigned char", 1))
    b.struct("small", 8, [("a", integer, 0)])
    large = b.struct("large", 24, [("a", integer, 0)])
    b.struct("twice", 8, [("a", integer, 0)])
    b.struct("twice", 40, [("b", integer, 0)])
    b.struct("pair", 8, [("a", integer, 0)])
    b.struct("pair", 8, [("b", integer, 0)])
    b.array(b.const(large), 5)
    return b.build()


class Kernel:
    """A kernel with the variable `it`, with `room` bytes up to the next symbol."""

    def __init__(self, choices, *, room=64, release="6.12.9", machine="x86_64", btf=None):
        data = btf or _btf()
        symbols = {"it": START} | ({"next": START + room} if room else {})
        target = BufferTarget(symbols=symbols, btf=data, release=release, machine=machine)
        parsed = Btf.from_bytes(data)
        variables = {"it": [Choice(spelling, numbers) for spelling, numbers in choices]}
        table = GlobalTypes(pack(SOURCES, {}, variables))
        self.types = TabulatedTypes(
            target, TypeNames(parsed, None), parsed, Layouts("little", 8), table
        )

    def find(self):
        found = self.types.find("it", START)
        return found if isinstance(found, str) else (str(found.type), found.series)


def test_what_the_table_does_not_have_is_not_known():
    assert Kernel([]).types.find("other", START) == ""


def test_one_type_for_all():
    assert Kernel([("struct small", (0, 1, 2, 3, 4))]).find() == ("struct small", "6.12")


@pytest.mark.parametrize(
    ("release", "expected"),
    [
        ("5.10.200", ("struct small", "5.10")),
        ("6.1.0-50-cloud", ("struct small", "6.1")),
        ("6.12.1", ("struct large", "6.12")),
        ("7.3.0", ("struct large", "7.3")),
        ("8.0.1", ("struct large", "7.3")),
        ("5.4.2", ("struct small", "5.10")),
        ("5.15.1", ("struct small", "5.10, 6.1")),
        ("6.18.1", ("struct large", "6.12, 7.3")),
    ],
)
def test_the_nearest_kernels_are_asked(release, expected):
    kernel = Kernel([("struct small", (0, 1)), ("struct large", (2, 3))], release=release)
    assert kernel.find() == expected


@pytest.mark.parametrize(
    ("spelled", "room", "expected"),
    [
        ("struct large[]", 5 * 24, False),  # the one length that the BTF has
        ("struct large[]", 9 * 24, True),  # longer than that
        ("struct small[]", 5 * 8, True),  # none is known
        ("u8[]", 6, True),  # it is shown flat, and may be two by three, or three
        ("int[]", 12, False),
        ("int[]", 16, True),  # it may be that of three
    ],
)
def test_an_array_may_be_shorter_than_its_room(spelled, room, expected):
    """Where the next symbol ends it, and the BTF does not leave just this length."""
    b = BtfBuilder()
    integer, byte = b.int_("int", 4, signed=True), b.int_("u8", 1)
    large = b.struct("large", 24, [("a", integer, 0)])
    b.struct("small", 8, [("a", integer, 0)])
    b.array(b.const(large), 5)
    b.array(b.array(byte, 3), 2)
    b.array(integer, 0)
    b.array(integer, 3)
    b.array(integer, 4)
    kernel = Kernel([(spelled, (2,))], room=room, btf=b.build())
    # What follows is aligned to `room` only: nothing of it may be padding.
    found = kernel.types.find("it", START)
    assert not isinstance(found, str)
    assert found.is_by_room
    assert isinstance(found.type, types.Array)
    assert kernel.types.may_be_shorter(found.type) is expected


def test_of_what_is_no_array_no_length_is_by_the_room():
    found = Kernel([("struct small", (2,))]).types.find("it", START)
    assert not isinstance(found, str)
    assert not found.is_by_room


def test_between_two_series_the_room_decides():
    choices = [("struct small", (0, 1)), ("struct large", (2, 3))]
    assert Kernel(choices, release="6.6.1", room=16).find() == ("struct small", "6.1")


def test_of_two_that_fit_the_one_is_taken_that_leaves_no_room():
    """Beyond padding for what is next, which is aligned to 16 bytes here."""
    choices = [("struct small", (0, 1)), ("struct large", (2, 3))]
    assert Kernel(choices, release="6.6.1", room=0x30).find() == (
        "kernels near this one have it as different types: struct small (6.1), struct large (6.12)"
    )
    assert Kernel(choices, release="6.6.1", room=0x28).find() == (
        "kernels near this one have it as different types: struct small (6.1), struct large (6.12)"
    )
    assert Kernel(choices, release="6.6.1", room=0x18).find() == ("struct large", "6.12")


def test_what_is_refused_says_why():
    reason = "it has 24 bytes, and the symbol 8"
    assert Kernel([("struct large", (2,))], room=8).find() == f"struct large (6.12): {reason}"
    assert Kernel([("struct gone", (2,))]).find() == (
        "struct gone (6.12): no struct gone in the BTF of vmlinux"
    )
    assert "2 different types are called struct pair" in Kernel([("struct pair", (2,))]).find()


@pytest.mark.parametrize(("room", "size"), [(8, 8), (0x28, 40)])
def test_of_several_types_of_a_name_the_room_decides(room, size):
    kernel = Kernel([("struct twice", (2,)), ("struct twice[]", (3,))], room=room)
    found = kernel.types.find("it", START)
    assert not isinstance(found, str)
    assert kernel.types._layouts.of(found.type).size == size


def test_what_several_types_of_a_name_leave_open_is_refused():
    assert "2 different types" in Kernel([("struct twice", (2,))], room=0x18).find()
    assert "2 different types" in Kernel([("struct twice*", (2,))], room=8).find()


def test_the_btf_decides_between_series():
    choices = [("struct gone", (1,)), ("struct small", (2,))]
    assert Kernel(choices, release="6.6.1").find() == ("struct small", "6.12")


def test_types_that_are_laid_out_alike_are_one():
    choices = [("u8", (1,)), ("byte", (2,))]
    kernel = Kernel(choices, release="6.6.1", btf=None)
    assert kernel.find() == (
        "kernels near this one have it as different types: u8 (6.1), byte (6.12)"
    )
    choices = [("unsigned char", (1,)), ("byte", (2,))]
    assert Kernel(choices, release="6.6.1").find() == ("unsigned char", "6.1")


def test_a_variable_of_other_machines_is_told_with_them():
    assert Kernel([("struct small", (4,))]).find() == ("struct small", "6.12 aarch64")


def test_other_machines_have_no_say_where_this_one_has_its_series():
    choices = [("struct small", (2,)), ("struct large", (4,))]
    assert Kernel(choices).find() == ("struct small", "6.12")
    assert Kernel(choices, machine="aarch64").find() == ("struct large", "6.12")


def test_other_machines_have_a_say_where_this_one_lacks_its_series():
    choices = [("struct small", (1,)), ("struct large", (4,))]
    kernel = Kernel(choices, machine="aarch64", release="6.1.5")
    assert kernel.find() == (
        "kernels near this one have it as different types: "
        "struct small (6.1 x86_64), struct large (6.12)"
    )


PATCHES = [SourceKernel("6.12", "x86_64", "", "", f"6.12.{patch}-1~bpo") for patch in (10, 50, 90)]


@pytest.mark.parametrize(
    ("release", "expected"),
    [
        ("6.12.3", {0}),
        ("6.12.10", {0}),
        ("6.12.20", {0, 1}),
        ("6.12.60+deb13-cloud-amd64", {1, 2}),
        ("6.12.91", {2}),
        ("6.12.0-45-generic", {0, 1, 2}),
        ("6.12", {0, 1, 2}),
        ("6.13.1", {0, 1, 2}),
    ],
)
def test_within_a_series_the_patch_level_counts(release, expected):
    """Types change within a series as well. Who numbers kernels 6.12.0-45 does not say where."""
    assert nearest(list(enumerate(PATCHES)), release, "x86_64") == expected


def test_where_a_machine_has_no_earlier_patch_level_others_are_asked_too():
    sources = [
        SourceKernel("6.12", m, "", "", v) for m, v in (("s390x", "6.12.90"), ("x86_64", "6.12.50"))
    ]
    assert nearest(list(enumerate(sources)), "6.12.60", "s390x") == {0, 1}
    assert nearest(list(enumerate(sources)), "6.12.95", "s390x") == {0}
    assert nearest(list(enumerate(sources)), "6.12.20", "s390x") == {0}
    assert nearest(list(enumerate(sources)), "6.12.60", "x86_64") == {0, 1}


def test_without_a_release_all_are_asked():
    sources = list(enumerate(SOURCES))
    assert nearest(sources, "", "x86_64") == frozenset(range(5))
    assert nearest(sources, "next", "x86_64") == frozenset(range(5))


@pytest.mark.parametrize(
    ("room", "expected"),
    [(24, 1), (48, 2), (0x80, 5), (0x78, 5), (0x90, 6), (0xF0, 10)],
)
def test_the_length_of_an_array_is_what_fits(room, expected):
    """And of several lengths that may fit, that of which the BTF has an array."""
    found = Kernel([("struct large[]", (2,))], room=room).find()
    assert found == (f"struct large[{expected}]", "6.12")


def test_arrays_of_arrays_are_flat():
    assert Kernel([("int[][]", (2,))], room=24).find() == ("int[6]", "6.12")


def test_arrays_of_what_is_derived():
    assert Kernel([("struct small*[]", (2,))], room=24).find() == ("struct small *[3]", "6.12")


def test_an_array_without_a_next_symbol_has_no_length():
    assert Kernel([("int[]", (2,))], room=0).find() == (
        "int[] (6.12): how long the array is is not known: no symbol follows"
    )
    assert Kernel([("struct large", (2,))], room=0).find() == ("struct large", "6.12")


def test_an_element_must_fit():
    assert (
        "an element has 24 bytes, and the symbol 16"
        in Kernel([("struct large[]", (2,))], room=16).find()
    )


@pytest.mark.parametrize("name", ["tagged", "stock", "stock-7.3", "s390x"])
def test_nothing_contradicts_the_btf_of_real_kernels(opened, name):
    """Per-CPU variables, which BTF describes: of kernels that GCC and clang built."""
    kernel = opened(name)
    tabulated = TabulatedTypes(kernel.target, kernel._type_names, kernel.btf, kernel.layouts)
    same = 0
    for variable in kernel.btf.iter_types(Kind.VAR):
        symbols = kernel.target.symbols_named(variable.name)
        if len(symbols) != 1:
            continue
        found = tabulated.find(variable.name, symbols[0].address)
        if not isinstance(found, str):
            assert spelling(found.type) == spelling(variable.target), variable.name
            same += 1
    assert same > 150


@pytest.mark.parametrize("dump", ["tagged", "stock", "stock-7.3"])
def test_a_function_is_no_variable_whatever_the_table_has_of_its_name(opened, dump):
    """Names of static variables in one series are those of functions in another."""
    kernel = opened(dump)
    for name in ("console_show", "hw_breakpoint_restore", "reg_type_str"):
        for find in (kernel.variable, kernel.own_variable):
            with pytest.raises(UnknownTypeError, match="is a function; expected a variable"):
                find(name)
    type_, address, _ = kernel.own_variable("pt_regs_offset")  # of 7.3, a global function, too
    assert str(type_).startswith("unsigned int[")
    named = symbols_named(kernel.target, "pt_regs_offset")
    assert not any(one.is_code and one.address == address for one in named)


def test_a_struct_without_members_is_the_type_of_no_variable(opened):
    with pytest.raises(UnknownTypeError, match="has no bytes"):
        opened("stock-7.3").variable("cakey")
