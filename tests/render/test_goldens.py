"""A small kernel in every format. `pytest --update-goldens` rewrites what is expected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from btfdump._graph.limits import Limits, selection_of
from btfdump._graph.traverse import traverse
from btfdump._render import Root, formats, get
from btfdump._targets.buffer import BufferTarget
from tests.support.synthetic import World

if TYPE_CHECKING:
    from btfdump._api.kernel import Kernel
    from btfdump._btf.wire import ByteOrder
    from btfdump._kernel.value import Value

SUFFIX = {"json": "json", "jsonl": "jsonl"}


def build(byteorder: ByteOrder = "little") -> tuple[Kernel, Value]:
    """A shelf of books: lists, a hash table, odd scalars, and two tags that do not fit."""
    world = World(byteorder)
    world.enum("genre", {"NONE": 0, "NOVEL": 1, "POEM": 2, "OLD": -3}, signed=True)
    world.enum("mask", {"M_LENT": 1, "M_LOST": 2, "M_RARE": 4}, signed=False)
    world.enum("wide", {"W_HUGE": 0xFEDCBA9876543210}, size=8)
    world.union("<key>", [("raw", "u64"), ("half", "u32[2]")])
    world.struct("author", [("name", "char[12]"), ("born", "s16")])
    world.struct(
        "book",
        [
            ("title", "char *"),
            ("pages", "u16"),
            ("link", "struct list_head"),
            ("hash", "struct hlist_node"),
            ("author", "__rcu struct author *"),
            ("shelf", "struct shelf *"),
            ("", "union <key>"),
            ("genre", "enum genre"),
            ("flags", "u32"),
            ("torn", "u32", 1),
            ("stars", "u32", 3),
        ],
        {"flags": "flags:mask"},
    )
    world.struct(
        "shelf",
        [
            ("label", "char[16]"),
            ("width", "double"),
            ("books", "struct list_head"),
            ("empty", "struct list_head"),
            ("index", "struct hlist_head[3]"),
            ("wrong", "struct list_head"),
            ("mystery", "struct list_head"),
            ("favourite", "struct book *"),
            ("pages", "u32[12]"),
            ("grid", "s16[2][3]"),
            ("first", "struct author[2]"),
            ("open", "fn *"),
            ("buffer", "__user char *"),
            ("huge", "s128"),
            ("wide", "enum wide"),
            ("lent", "bool"),
            ("error", "void *"),
            ("count", "u32"),
            ("weights", "u16[]"),
        ],
        {
            "books": "book:link",
            "empty": "book:link",
            "index": "book:hash",
            "wrong": "book:no_such_member",
            "mystery": "just some words",
            "favourite": "follow:title,genre",
            "weights": "counted_by:count",
        },
    )
    shelf = world.new(
        "shelf",
        6,
        label=b'top "left"\x1b[31m',
        pages=world.pack(9, 4) + bytes(40) + world.pack(11, 4),
        grid=b"".join(world.pack(n, 2) for n in (-3, -2, -1, 0, 1, 2)),
        open=0xFFFF_FFFF_8100_0010,
        buffer=0x7FFF_1234_5678,
        huge=-(1 << 100),
        wide=0xFEDCBA9876543210,
        lent=1,
        error=-22,
        count=3,
    )
    import struct

    world.set(shelf, "shelf.width", struct.pack("<d" if byteorder == "little" else ">d", 1.25))
    for i in range(3):
        world.write(shelf + world.offset("shelf.weights") + 2 * i, world.pack(100 * (i + 1), 2))
    author = world.new("author", name=b"Ann\xff", born=-44)
    titles = [world.room(16) for _ in range(4)]
    books = []
    for i, title in enumerate(titles):
        world.write(title, f"Book {i}".encode() + b"\0")
        books.append(
            world.new(
                "book", title=title, pages=100 + i, author=author, shelf=shelf,
                genre=(1, 2, -3, 77)[i], flags=(0, 1, 6, 12)[i], raw=i << 32 | i,
            )
        )  # fmt: skip
        bits = 1 | i << 1 if byteorder == "little" else 0x80 | i << 4
        world.set(books[i], "book.torn", bytes([bits]))
    at = lambda i, member: books[i] + world.offset(f"book.{member}")  # noqa: E731
    world.link_list(shelf + world.offset("shelf.books"), [at(i, "link") for i in range(4)])
    for member in ("empty", "wrong", "mystery"):
        world.link_list(shelf + world.offset(f"shelf.{member}"), [])
    world.link_list(shelf + world.offset("shelf.wrong"), [world.room(16)])
    world.link_hlist(shelf + world.offset("shelf.index") + 16, [at(2, "hash"), at(0, "hash")])
    world.point(at(3, "link") + 8, 0x1234)
    world.set(shelf, "shelf.favourite", books[1])
    world.symbols = {"open_shelf": 0xFFFF_FFFF_8100_0000, "the_shelf": shelf}
    kernel = world.kernel()
    return kernel, kernel.value("struct shelf", shelf)


def show(format_: str, value: Value, name: str = "", **how: Any) -> str:
    """Render with the options that the command line would give."""
    kernel: Any = value._context_
    limits = how.get("limits", Limits())
    zero = how.get("zero", False)
    events = traverse(
        value,
        limits,
        zero=zero,
        members=how.get("members"),
        follow=how.get("follow", frozenset()),
        brief=how.get("brief", False),
    )
    options = kernel.options(zero=zero, color=how.get("color", False), limits=limits)
    return "".join(get(format_)([Root(events, name)], options))


CASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "zero": {"zero": True},
    "deep": {"limits": Limits(depth=3)},
    "short": {"limits": Limits(elements=2, string=4)},
    "few": {"limits": Limits(objects=2)},
    "members": {"members": selection_of(["label", "empty", "books.pages", "index"])},
    "follow": {"follow": frozenset({("books", "author")})},
    "brief": {"brief": True},
    "color": {"color": True},
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("format_", formats())
def test_golden(golden, case, format_):
    _, value = build()
    suffix = SUFFIX.get(format_, f"{format_}.txt")
    golden(f"{case}.{suffix}", show(format_, value, **CASES[case]))


@pytest.mark.parametrize("format_", formats())
def test_golden_roots(golden, format_):
    """What is no object of its own comes with the name that the user gave it."""
    _, value = build()
    parts = {
        "shelf.label": value.label,
        "shelf.width": value.width,
        "shelf.pages": value.pages,
        "shelf.books": value.books,
        "shelf.empty": value.empty,
        "shelf.books[1].stars": value.books[1].stars,
        "shelf.wide": value.wide,
        "shelf.wrong": value.wrong,
        "shelf.favourite": value.favourite,
    }
    kernel: Any = value._context_
    roots = [Root(traverse(part), name) for name, part in parts.items()]
    text = "".join(get(format_)(roots, kernel.options()))
    golden(f"roots.{SUFFIX.get(format_, f'{format_}.txt')}", text)


@pytest.mark.parametrize("format_", formats())
@pytest.mark.parametrize("case", CASES)
def test_byte_orders_read_the_same(format_, case):
    """Only what is read through two types at once may differ: there is none of it here."""
    little, big = build("little")[1], build("big")[1]
    for value in (little, big):
        for book in value.books.walk_():
            target = value._context_.target
            assert isinstance(target, BufferTarget)
            halves = (5).to_bytes(4, target.platform.byteorder) * 2
            target.write(book.raw.address_, halves)
    assert show(format_, little, **CASES[case]) == show(format_, big, **CASES[case])
