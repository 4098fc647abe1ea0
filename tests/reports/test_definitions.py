"""Definitions of types as people read them, and as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from btfdump._annotate.coverage import annotations_for
from btfdump._annotate.overlay import Overlay
from btfdump._btf import Btf, BtfBuilder
from btfdump._reports.chosen import Chosen
from btfdump._reports.definitions import Style, documents, texts

if TYPE_CHECKING:
    from btfdump._btf.types import Type

OVERLAY = """
[struct.box]
items = "item:link"
count = "show:hex"
"u.lists" = "item:link"
"""


@pytest.fixture
def btf() -> Btf:
    b = BtfBuilder()
    int_ = b.int_("int", 4, signed=True)
    b.int_("long", 8)
    head = b.next_id
    b.struct("list_head", 16, [("next", head + 1, 0), ("prev", head + 1, 64)])
    b.ptr(head)
    b.struct("item", 16, [("link", head, 0)])
    inner = b.struct("", 32, [("lists", b.array(head, 2), 0)])
    box = b.struct(
        "box",
        72,
        [("items", head, 0), ("count", int_, 128, 3), ("u", inner, 192), ("pad", int_, 448)],
    )
    b.decl_tag("just words", box, 3)
    b.decl_tag("of it all */", box)
    b.typedef("box_t", b.struct("", 4, [("a", int_, 0)]))
    b.typedef("number", int_)
    b.enum("e", [("ONE", 1), ("MINUS", -1)])
    b.func("f", b.func_proto(int_, [("n", int_)]))
    b.struct("evil */\n", 4, [("m */\x1b[31m", int_, 0)])
    return Btf.from_bytes(b.build())


def style(btf: Btf, **more: bool | int) -> Style:
    return Style(annotations_for(btf, [Overlay(OVERLAY, "overlay mine")], None), **more)  # type: ignore[arg-type]


def text(btf: Btf, name: str, **more: bool | int) -> str:
    (type_,) = btf.find_all(None, name)
    return "".join(texts([Chosen(type_)], style(btf, **more)))


def test_a_struct(btf: Btf) -> None:
    assert text(btf, "box").expandtabs(8).splitlines() == [
        "struct box {",
        "        struct list_head items;                     /*     0    16 */ "
        "/* list of struct item by link [overlay mine] */",
        "        int count:3;                                /*    16: 0  4 */ "
        "/* hexadecimal [overlay mine] */",
        "",
        "        /* XXX 5 bits hole */",
        "        /* XXX 7 bytes hole */",
        "",
        "        struct {",
        "                struct list_head lists[2];          /*    24    32 */ "
        "/* array of lists, each of struct item by link [overlay mine] */",
        "        } u;                                        /*    24    32 */",
        "        int pad;                                    /*    56     4 */ "
        '/* tag "just words" */',
        "",
        "        /* size: 72, members: 4 */",
        "        /* sum members: 52, holes: 1, sum holes: 7 */",
        "        /* sum bitfield members: 3 bits, bit holes: 1, sum bit holes: 5 bits */",
        "        /* padding: 12 */",
        '        /* tag "of it all * /" */',
        "};",
    ]


def test_cache_lines_are_marked_where_asked(btf: Btf) -> None:
    shown = text(btf, "box", cacheline=32)
    assert "/* --- cacheline 1 boundary (32 bytes) was 24 bytes ago --- */" in shown
    assert "size: 72, cachelines: 3, members: 4" in shown
    assert "last cacheline: 8 bytes" in shown


def test_others(btf: Btf) -> None:
    assert text(btf, "number") == "typedef int number; /* size: 4 */\n"
    assert text(btf, "box_t").startswith("typedef struct {\n\tint a; ")
    assert text(btf, "box_t").endswith("} box_t;\n")
    assert text(btf, "e").splitlines() == [
        *("enum e {", "	ONE = 1,", "	MINUS = -1,"),
        *("	/* size: 4, signed, values: 2 */", "};"),
    ]
    assert text(btf, "f") == "int f(int n);\n"
    assert text(btf, "int") == "int; /* size: 4 */\n"


def test_names_cannot_act(btf: Btf) -> None:
    shown = text(btf, "evil */\n")
    assert 'struct "evil */\\n" {' in shown
    assert 'int "m */\\x1b[31m";' in shown
    assert "\x1b" not in shown
    assert shown.count("\n") == 5


def test_color_is_for_comments(btf: Btf) -> None:
    shown = text(btf, "box", color=True)
    assert "\x1b[36m/* list of struct item" in shown
    assert "\x1b[33m/* XXX 7 bytes hole */\x1b[0m" in shown


def test_json(btf: Btf) -> None:
    def document(type_: Type) -> dict[str, object]:
        (one,) = documents([Chosen(type_)], style(btf))
        found: dict[str, object] = json.loads(json.dumps(one))
        return found

    box = document(btf.find("struct", "box"))
    assert (box["kind"], box["name"], box["size"], box["tags"]) == (
        "struct",
        "box",
        72,
        ["of it all */"],
    )
    members = box["members"]
    assert isinstance(members, list)
    assert members[0] == {
        "name": "items",
        "type": "struct list_head",
        "offset": 0,
        "size": 16,
        "says": ["list of struct item by link [overlay mine]"],
    }
    assert members[1]["bit_size"] == 3
    assert members[2] == {"hole": 61, "bit_offset": 131}
    assert members[3]["members"][0]["offset"] == 24
    assert members[5] == {"padding": 96, "bit_offset": 480}
    assert document(btf.find("func", "f")) | {"id": 0} == {
        "kind": "func", "name": "f", "id": 0, "module": "", "prototype": "int f(int n)", "tags": [],
    }  # fmt: skip
    assert document(btf.find("enum", "e"))["values"] == [
        {"name": "ONE", "value": 1},
        {"name": "MINUS", "value": -1},
    ]
