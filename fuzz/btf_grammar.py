"""BTF out of a grammar: any kinds in any combination, sound and unsound."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._btf import BtfBuilder
from fuzz.mutation import HOSTILE

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

NAMES = (
    *HOSTILE[:-2],  # BTF has no way to write lone surrogates
    "int", "long", "char", "bool", "unsigned long", "task_struct", "list_head", "first", "prev",
    "link", "type", "members", "notes", "o", "d", "v0",
)  # fmt: skip
TAGS = (
    "node:link", "x:next", "counted_by:n", "len:1 << 63", "len:x", "len:9 * 9", "follow:*",
    "points_to:x", "a:b:c", ":", "len:a / 0", "cond:a == 1", "list_head:next", "percpu", "rcu",
    "user", "show:string", "flags:x", "skip:x", "placed:x:a.b:c", "container_of:x:y",
)  # fmt: skip
_SIZES = (0, 1, 4, 8, 8, 16, 24, 64, 256, 4096, 1 << 16, 1 << 24, (1 << 32) - 1)
_LENGTHS = (0, 1, 2, 3, 8, 17, 64, 65, 256, 1 << 16, 1 << 24, 1 << 31, (1 << 32) - 1)


class Grammar:
    """The types of one blob in the making."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.b = BtfBuilder(rng.choice(("little", "little", "little", "big")))
        self.last = rng.choice((3, 5, 8, 12, 25))
        self.wild = rng.choice((0.0, 0.0, 0.02, 0.2))
        """How often an id is one that does not exist."""

    def name(self) -> str:
        """Return a name, mostly a short one."""
        if self.rng.random() < 0.5:
            return self.rng.choice("abcdnx")
        return self.rng.choice(NAMES)

    def ref(self) -> int:
        """Return an id: of a type there is, is to come, or is not."""
        if self.rng.random() < self.wild:
            return self.rng.choice((self.last + 5, 0xFFFF_FFFF, self.b.next_id))
        if self.rng.random() < 0.6:  # backwards: what a compiler would write, and bombs are made of
            return self.rng.randrange(max(1, self.b.next_id - 4), self.b.next_id)
        return self.rng.randrange(self.last + 1)

    def blob(self) -> bytes:
        """Return the BTF."""
        rng, b = self.rng, self.b
        b.int_("long", rng.choice((8, 8, 8, 4)), signed=True)
        b.int_("char", 1, signed=True)
        while b.next_id <= self.last:
            try:
                rng.choice(_KINDS)(self)
            except ValueError:  # the builder writes no number that does not fit
                b.ptr(self.ref())
        if rng.random() < 0.1:
            b.layout = {20: (4 * rng.randrange(3), rng.randrange(9))}
        return b.build()

    def int_(self) -> None:
        """Add an integer, sound or odd."""
        size = self.rng.choice((1, 2, 4, 8, 16, 3))
        bits = self.rng.choice((None, None, None, 1, 5, 8 * size))
        self.b.int_(self.name(), size, signed=self.rng.random() < 0.5, bits=bits)

    def ptr(self) -> None:
        """Add a pointer."""
        self.b.ptr(self.ref())

    def array(self) -> None:
        """Add an array of any length."""
        self.b.array(self.ref(), self.rng.choice(_LENGTHS))

    def composite(self) -> None:
        """Add a struct or a union of any size, with members anywhere."""
        rng = self.rng
        size = rng.choice(_SIZES)
        is_packed = rng.random() < 0.3
        members: list[tuple[str, int, int] | tuple[str, int, int, int]] = []
        for _ in range(rng.choice((0, 1, 2, 2, 3, 5, 9, 30))):
            offset = rng.choice(
                (
                    rng.randrange(max(1, min(size, 4096))) * 8,
                    rng.randrange(max(1, min(size, 512))) // 8 * 64,
                    rng.randrange(max(1, min(size, 64) * 8)),
                    0,
                    rng.randrange(1 << 24),
                )
            )
            if is_packed:
                bits = rng.choice((0, 0, 1, 3, 7, 8, 9, 31, 33, 64, 65, 255))
                members.append((self.name(), self.ref(), offset, bits))
            else:
                members.append((self.name(), self.ref(), offset))
        make = self.b.struct if rng.random() < 0.7 else self.b.union
        make(self.name(), size, members, kind_flag=is_packed)

    def enum(self) -> None:
        """Add an enum."""
        rng = self.rng
        values = [
            (self.name(), rng.choice((0, 1, -1, 2, (1 << 31) - 1))) for _ in range(rng.randrange(5))
        ]
        self.b.enum(self.name(), values, size=rng.choice((1, 2, 4, 8)))

    def enum64(self) -> None:
        """Add an enum of 64 bits."""
        rng = self.rng
        values = [(self.name(), rng.choice((0, 1, (1 << 63) - 1))) for _ in range(rng.randrange(5))]
        self.b.enum64(self.name(), values)

    def fwd(self) -> None:
        """Add a forward declaration."""
        self.b.fwd(self.name(), union=self.rng.random() < 0.5)

    def typedef(self) -> None:
        """Add a typedef."""
        self.b.typedef(self.name(), self.ref())

    def qualifier(self) -> None:
        """Add `const`, `volatile` or `restrict`."""
        self.rng.choice((self.b.const, self.b.volatile, self.b.restrict))(self.ref())

    def type_tag(self) -> None:
        """Add a type tag."""
        text = self.rng.choice((self.name(), "rcu", "percpu", "user"))
        self.b.type_tag(text, self.ref(), attribute=self.rng.random() < 0.3)

    def decl_tag(self) -> None:
        """Add a decl tag, mostly one that says something."""
        text = self.rng.choice((*TAGS, self.name()))
        self.b.decl_tag(text, self.ref(), self.rng.choice((-1, 0, 0, 1, 2, 5)))

    def float_(self) -> None:
        """Add a floating point number."""
        self.b.float_(self.name(), self.rng.choice((2, 4, 8, 12, 16)))

    def proto(self) -> None:
        """Add a function prototype."""
        params = [(self.name(), self.ref()) for _ in range(self.rng.randrange(4))]
        self.b.func_proto(self.ref(), params, variadic=self.rng.random() < 0.2)

    def func(self) -> None:
        """Add a function, with or without a prototype."""
        self.b.func(self.name(), self.ref(), self.rng.randrange(4))

    def var(self) -> None:
        """Add a variable."""
        self.b.var(self.name(), self.ref())

    def datasec(self) -> None:
        """Add a section."""
        rng = self.rng
        rows = [
            (self.ref(), rng.randrange(64), rng.choice((0, 4, 8))) for _ in range(rng.randrange(4))
        ]
        self.b.datasec(self.name(), rows, rng.choice((0, 8, 64, 4096)))

    def list_head(self) -> None:
        """Add a list and what is on it, as kernels have them."""
        here = self.b.next_id
        self.b.struct("list_head", 16, [("next", here + 1, 0), ("prev", here + 1, 64)])
        self.b.ptr(here)
        self.b.struct("node", 32, [("link", here, 0), ("children", here, 128)])
        self.b.decl_tag("node:link", here + 2, 1)


_KINDS: tuple[Callable[[Grammar], None], ...] = (
    *(Grammar.composite,) * 6,
    *(Grammar.ptr,) * 2,
    *(Grammar.array,) * 2,
    Grammar.int_,
    Grammar.enum,
    Grammar.enum64,
    Grammar.fwd,
    Grammar.typedef,
    Grammar.qualifier,
    Grammar.type_tag,
    Grammar.decl_tag,
    Grammar.float_,
    Grammar.proto,
    Grammar.func,
    Grammar.var,
    Grammar.datasec,
    Grammar.list_head,
)
