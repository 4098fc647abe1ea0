"""What values mean: stated by tags, overlays and the library, shown in every format."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from btfdump._annotate.lookup import Lookup
from btfdump._annotate.meanings import Meanings
from btfdump._annotate.overlay import Overlay
from btfdump._btf import BtfBuilder
from btfdump.errors import AnnotationError
from tests.render.test_plain import shown_twice
from tests.support.annotated import dumped, overlay, texts
from tests.support.hot_readers import assert_same
from tests.support.synthetic import World

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump._api.kernel import Kernel
    from btfdump._targets.memory import ByteOrder

MEMBERS = [
    ("state", "u32"),
    ("time", "u64"),
    ("mask", "struct mask"),
    ("caps", "struct caps"),
    ("mac", "u8[6]"),
    ("plain", "u32"),
    ("inside", "struct inside"),
    ("two", "struct caps[2]"),
]
TAGS = {"state": "flags:color", "time": "unit:ns", "mac": "mac"}
ALL = overlay('[scalar]\nmask = "bitmap"\ncaps = { tag = "sigset", see = "x.h" }\n')


def told(byteorder: ByteOrder = "little") -> tuple[Kernel, int]:
    """Return a kernel with a struct of which something is said of each member but one."""
    world = World(byteorder)
    world.enum("color", {"RED": 1, "BLUE": 2})
    world.struct("mask", [("bits", "unsigned long[8]")])
    world.struct("caps", [("sig", "u64")])
    world.struct("inside", [("time", "u32"), ("state", "u32")], {"time": "unit:ms"})
    world.struct("told", MEMBERS, TAGS)
    address = world.new("told", state=7, time=244_000_000, mac=b"\xf6\x4f\xe0\x33\xa1\xa9", plain=9)
    world.set(address, "told.mask", world.pack(3, 8) + bytes(48) + world.pack(1, 8))
    world.set(address, "told.caps", world.pack(1 << 16, 8))
    world.set(address, "told.inside", world.pack(90_000, 4) + world.pack(5, 4))
    world.set(address, "told.two", bytes(8) + world.pack(2, 8))
    world.id("enum color")
    return world.kernel([ALL]), address


TEXT = """\
(struct told){
  .state = (u32)0x7, /* RED|BLUE|0x4 */
  .time = (u64)244000000, /* 244 ms */
  .mask = (struct mask){ /* 0-1,448 */ },
  .caps = (struct caps){ .sig = 65536 }, /* SIGCHLD */
  .mac = (u8[6]){ f6 4f e0 33 a1 a9 }, /* f6:4f:e0:33:a1:a9 */
  .plain = (u32)9,
  .inside = (struct inside){ .time = 90000 /* 1 min 30 s */, .state = 5 },
  .two = (struct caps[2])[
    [1] = (struct caps){ .sig = 2 }, /* SIGINT */
  ],
}"""


@pytest.mark.parametrize("byteorder", ["little", "big"])
def test_text_by_the_reference_and_by_compiled_code(byteorder: ByteOrder) -> None:
    kernel, address = told(byteorder)
    value = kernel.value("struct told", address)
    assert shown_twice(kernel, "struct told", value.bytes_()) == TEXT
    whole = "".join(kernel.dump(value, "text"))
    assert whole.splitlines()[1:] == TEXT.splitlines()[1:]


def test_what_is_stated_inside_of_what_means_something_as_a_whole() -> None:
    """Compiled text had forgotten it: `"caps.sig" = "show:hex"` of the struct around."""
    world = World()
    world.struct("caps", [("sig", "u64")])
    world.struct("plain", [("caps", "struct caps")])
    world.struct("hexed", [("caps", "struct caps")])
    stated = '[scalar]\ncaps = "sigset"\n[struct.hexed]\n"caps.sig" = "show:hex"\n'
    kernel = world.kernel([overlay(stated)])
    data = world.pack(1 << 16, 8)
    text = "(struct hexed){\n  .caps = (struct caps){ .sig = 0x10000 }, /* SIGCHLD */\n}"
    assert shown_twice(kernel, "struct hexed", data) == text
    assert shown_twice(kernel, "struct plain", data) == text.replace("hexed", "plain").replace(
        "0x10000", "65536"
    )


def test_tree() -> None:
    kernel, address = told()
    lines = "".join(kernel.dump(kernel.value("struct told", address), "tree")).splitlines()
    assert "├── state  0x7 RED|BLUE|0x4  u32" in lines
    assert "├── mask   0-1,448  struct mask" in lines
    assert "├── caps   sig 65536 SIGCHLD  struct caps" in lines
    assert "    └── [1] sig 2 SIGINT  struct caps" in lines
    assert "├── mac    { f6 4f e0 33 a1 a9 } f6:4f:e0:33:a1:a9  u8[6]" in lines


def test_json_keeps_the_numbers() -> None:
    kernel, address = told()
    members = dumped(kernel, kernel.value("struct told", address))["members"]
    assert members["state"] == {
        "value": 7,
        "meaning": "RED|BLUE|0x4",
        "flags": ["RED", "BLUE", "0x4"],
    }
    assert members["time"] == {"value": 244000000, "meaning": "244 ms"}
    assert members["mask"]["meaning"] == "0-1,448"
    assert members["mask"]["members"]["bits"][0] == 3
    assert members["caps"] == {
        "type": "struct caps",
        "meaning": "SIGCHLD",
        "members": {"sig": 65536},
    }
    assert members["mac"] == {
        "value": [0xF6, 0x4F, 0xE0, 0x33, 0xA1, 0xA9],
        "meaning": "f6:4f:e0:33:a1:a9",
    }
    assert members["two"]["at"]["1"] == {"meaning": "SIGINT", "members": {"sig": 2}}


@pytest.mark.parametrize("format_", ["json", "jsonl", "text", "tree"])
@pytest.mark.parametrize("byteorder", ["little", "big"])
def test_compiled_readers_show_the_same(format_: str, byteorder: ByteOrder) -> None:
    kernel, address = told(byteorder)
    assert_same(kernel, [kernel.value("struct told", address)] * 40, format_)


def test_raw_is_without_them() -> None:
    kernel, address = told()
    value = kernel.value("struct told", address)
    members = json.loads("".join(kernel.dump(value, "jsonl", raw=True)))["members"]
    assert members["state"] == 7
    assert members["mac"] == [0xF6, 0x4F, 0xE0, 0x33, 0xA1, 0xA9]
    assert "meaning" not in json.dumps(members)
    text = "".join(kernel.dump(value, "text", raw=True))
    assert ".state = (u32)7,\n" in text
    assert ".bits = (long unsigned int[8])" in text


# Who says it


def shown(tags: dict[str, Any], *lines: str, **members: int) -> str:
    """Return a struct of an integer, a pointer and a list as text, with such tags and overlays."""
    world = World()
    world.enum("color", {"RED": 1, "BLUE": 2})
    world.struct("pid", [("nr", "int")])
    world.struct(
        "one",
        [("n", "u32"), ("family", "u16"), ("p", "void *"), ("s", "char *")],
        tags,
    )
    world.id("enum color")
    address = world.new("one", **members)
    kernel = world.kernel([overlay(line) for line in lines])
    return "".join(kernel.dump(kernel.value("struct one", address), "text"))


def test_an_overlay_has_more_authority_than_a_tag() -> None:
    assert "/* 5 ms */" in shown({"n": "unit:ms"}, n=5)
    assert "/* 5 s */" in shown({"n": "unit:ms"}, '[struct.one]\nn = "unit:s"\n', n=5)


def test_a_word_alone_is_a_meaning_where_there_is_no_container() -> None:
    """On an idr, `pid` says that it holds struct pid; on an integer, that it is an id."""
    text = shown({"n": "dev"}, n=5 << 20 | 1)
    assert ".n = (u32)5242881, /* 5:1 */" in text


def test_conditions() -> None:
    lines = '[struct.one]\nn = [["cond:family == 2", "unit:ms"], "unit:s"]\n'
    assert "/* 5 ms */" in shown({}, lines, n=5, family=2)
    assert "/* 5 s */" in shown({}, lines, n=5, family=3)


def test_errors_in_pointers() -> None:
    assert "/* ENOENT */" in shown({"p": "err"}, p=(1 << 64) - 2)


@pytest.mark.parametrize(
    ("tag", "note"),
    [
        ("flags:nothing", "tag flags:nothing: no such enum or prefix"),
        ("unit:parsec", "tag unit:parsec: expected unit:jiffies, "),
        ("ipv6", "tag ipv6: expected 16 bytes, not 4"),
        ("flags:table nothing", "tag flags:table nothing: no table nothing; there are "),
    ],
)
def test_what_cannot_be_said_is_a_note(tag: str, note: str) -> None:
    world = World()
    world.struct("one", [("n", "u32")], {"n": tag})
    address = world.new("one", n=1)
    kernel = world.kernel()
    document = dumped(kernel, kernel.value("struct one", address))
    (text,) = texts(document)
    assert text.startswith(note)
    assert document["members"]["n"]["value"] == 1


def test_a_table_of_scalars_is_checked_when_it_is_loaded(tmp_path: Any) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("[scalar]\ndev_t = 7\n")
    with pytest.raises(AnnotationError, match=r"scalar.dev_t: expected a tag"):
        Overlay.load(file)
    file.write_text('[scalar]\ndev_t = "dev"\n')
    assert Overlay.load(file).scalars() == ["dev_t"]


# Tags on types


def test_a_tag_on_a_type_says_it_of_all_values() -> None:
    """It counts before the library, after an overlay; and where the type is but a member's."""
    b = BtfBuilder()
    int_ = b.int_("int", 4)
    inner = b.typedef("inner_t", int_)
    outer = b.typedef("outer_t", b.const(inner))
    b.decl_tag("unit:ms", inner)
    b.decl_tag("unit:s", inner, attribute=True)
    b.decl_tag("no meaning", outer)
    pair = b.struct("pair", 16, [("a", b.int_("long", 8), 0), ("b", b.int_("u64", 8), 64)])
    b.decl_tag("uuid", pair)
    btf = b.parse()

    def told(name: str, *sources: Overlay) -> tuple[str, str] | None:
        (type_,) = btf.find_all(None, name)
        found = Meanings(sources, Lookup(btf), None).stated_of_type(type_)
        return (found[0].name, found[1]) if found is not None else None

    mine = overlay('[scalar]\ninner_t = "unit:us"\n')
    shipped = Overlay('[scalar]\ninner_t = "unit:ns"\npair = "fold"\n', "library")
    assert told("inner_t") == ("unit:ms", "tag")
    assert told("outer_t") == ("unit:ms", "tag")
    assert told("inner_t", shipped) == ("unit:ms", "tag")
    assert told("inner_t", mine, shipped) == ("unit:us", "overlay mine.toml")
    assert told("pair", mine, shipped) == ("uuid", "tag")
    assert told("int", mine, shipped) is None


# Real kernels


def test_typedefs_of_a_real_kernel(opened: Callable[[str], Kernel]) -> None:
    """The first typedef that something is known of counts, however deep it lies."""
    kernel = opened("s390x")
    meanings = kernel.annotations.meanings.__class__(
        (overlay('[scalar]\n__be32 = "be"\nkuid_t = "uid"\nktime_t = "unit:ktime"\n'),),
        kernel.lookup,
        None,
    )
    port = meanings.of_type(kernel.type("__be32"))
    assert port is not None
    assert port.text is not None
    assert port.text(5) == ""  # big-endian: it is the number that is shown
    assert meanings.of_type(kernel.type("kuid_t")) is not None
    assert meanings.of_type(kernel.type("int")) is None
