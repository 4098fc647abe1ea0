"""Types as the table of globals spells them: taken apart, found in BTF, and spelled again."""

from __future__ import annotations

import pytest

from btfdump._btf import Btf, BtfBuilder
from btfdump._kernel.spelled import find_spelled, parse, spelling
from btfdump._kernel.type_names import TypeNames
from btfdump.errors import AmbiguousTypeError, TypeNotFoundError


class Types:
    """A BTF with some structs, with and without names."""

    def __init__(self) -> None:
        b = BtfBuilder()
        self.int = b.int_("int", 4, signed=True)
        self.long = b.int_("long unsigned int", 8)
        self.foo = b.struct("foo", 8, [("a", self.long, 0)])
        self.pair = b.struct("", 8, [("seq", self.int, 0), ("", self.int, 32)])
        b.struct("", 16, [("seq", self.int, 0), ("other", self.long, 64)])
        b.union("", 8, [("event", self.int, 0), ("handler", self.long, 0)])
        b.union("", 8, [("event", self.long, 0), ("handler", self.long, 0)])
        b.enum("", {"EMULATE": 0, "XONLY": 1})
        b.enum("named", {"FIRST": 0})
        self.builder = b
        self.btf = Btf.from_bytes(b.build())
        self.names = TypeNames(self.btf, None)

    def find(self, text):
        return find_spelled(self.names, self.btf, parse(text))


@pytest.fixture(scope="module")
def known():
    return Types()


@pytest.mark.parametrize(
    "text",
    [
        "int",
        "unsigned long",
        "struct foo",
        "struct foo*",
        "struct foo**[]",
        "struct foo[]*",
        "void*",
        "int(struct foo*,unsigned long)*",
        "void()*[]",
        "int(void*,...)*",
        "int(int(struct foo*)*)*",
        "struct{seq,}",
        "struct{seq,other}[]",
        "enum{EMULATE,XONLY}",
        "enum named",
    ],
)
def test_what_is_found_is_spelled_the_same(known, text):
    assert spelling(known.find(text)) == text


def test_functions_are_spelled_in_c(known):
    found = known.find("int(struct foo*,...)*")
    assert str(found) == "int (*)(struct foo *, ...)"


def test_types_without_a_name_are_found_by_what_they_have(known):
    assert known.find("struct{seq,}") is known.btf.type(known.pair)


def test_several_without_a_name_are_not_decided_between(known):
    with pytest.raises(AmbiguousTypeError, match=r"2 different types are a union \{event, handler"):
        known.find("union{event,handler}")


@pytest.mark.parametrize(
    "text", ["struct bar", "struct{seq}", "enum{EMULATE}", "enum{}", "union{}", "nosuch*"]
)
def test_what_is_not_there_is_not_found(known, text):
    with pytest.raises(TypeNotFoundError):
        known.find(text)


def test_qualifiers_are_not_spelled():
    b = BtfBuilder()
    char = b.int_("char", 1, signed=True)
    text = b.ptr(b.const(char))
    array = b.array(b.const(text), 7)
    btf = Btf.from_bytes(b.build())
    assert spelling(btf.type(array)) == "char*[]"


@pytest.mark.parametrize("text", ["int*]", "int(u8", "struct{a", "int)", "int[3]"])
def test_what_is_no_spelling(text):
    with pytest.raises(ValueError, match=r"is no part|expected|not found"):
        parse(text)


def test_dimensions_and_elements():
    spelled = parse("struct foo*[][]")
    assert spelled.dimensions == 2
    assert spelled.element == parse("struct foo*")
    assert parse("int").dimensions == 0
    assert parse("int[]*").element == parse("int[]*")
