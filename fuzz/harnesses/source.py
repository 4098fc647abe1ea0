"""Hostile C for `annotations harvest` and `annotations patch`: one file must not end the run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from btfdump._annotate.overlay import Overlay
from btfdump._harvest import harvest
from btfdump._harvest.patch import make_patch, render_patch
from btfdump._harvest.report import render_overlay
from btfdump.errors import BtfdumpError
from fuzz.harness import Harness
from fuzz.mutation import HOSTILE, mutate
from fuzz.samples import room
from tests.support.synthetic import World

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

_TYPES = ("struct box", "struct item", "struct list_head", "struct part", "int", "item_t", "void")
_PLACES = (
    "b", "i", "b->items", "&b->items", "i->link", "&i->link", "b->up->items", "&b->table[n]",
    "b->far", "&i->part.node", "head", "box_items(b)", "((struct box *)b)->items", "*b", "&b", "0",
    "&i->hash", "i->rb", "&b->tree", "&b->all", "link", "struct item", "items",
    "b->far[n & (b->id - 1)]", "&b->far[hash_min(n, BITS)]", "b->far + n % SIZE", "SIZE", "1 << n",
)  # fmt: skip
_CALLS = (
    "list_for_each_entry", "list_for_each", "list_add_tail", "list_add", "list_move",
    "hlist_add_head",
    "hlist_for_each_entry", "container_of", "list_entry", "rb_entry", "rb_insert_color", "xa_store",
    "list_first_entry", "hash_add", "for_each_item", "to_item", "g", "INIT_LIST_HEAD", "xa_load",
    "list_for_each_entry_safe", "hlist_entry_safe", "mas_for_each", "skb_queue_tail", "idr_find",
)  # fmt: skip
_TOKENS = (
    "{", "}", "(", ")", ";", ",", "*", "&", "->", ".", "=", "#define ", "#if 0\n", "#endif\n",
    "\\\n", "/*", "*/", "//", '"', "'", "[", "]", "struct ", "static inline ", "return ",
    "typedef ", "#define SIZE (1 << BITS)\n", "#define BITS SIZE\n", "for (i = 0; i < b->id; i++)",
    "for (;;)", "if (", "else", "?", ":", "__attribute__((", "))", "##", "...", "union ", "\n",
)  # fmt: skip
_TAGS = '[struct.box]\nitems = "item:link"\n"inner.node" = "item:more"\ntable = "item:hash"\n'


class SourceHarness(Harness):
    """An input is one file of C."""

    name: ClassVar[str] = "source"

    def prepare(self) -> None:
        """Make the BTF, and the tree whose only file is the input."""
        world = World()
        world.struct("rb_node", [("left", "struct rb_node *")])
        world.struct("rb_root", [("rb_node", "struct rb_node *")])
        world.struct("xarray", [("xa_head", "void *")])
        world.struct("part", [("node", "struct list_head")])
        links = [("link", "struct list_head"), ("more", "struct list_head")]
        hashes = [("hash", "struct hlist_node"), ("rb", "struct rb_node")]
        world.struct("item", [("id", "int"), *links, *hashes, ("part", "struct part")])
        heads = [("items", "struct list_head"), ("table", "struct hlist_head[4]")]
        more = [
            ("far", "struct hlist_head *"),
            ("tree", "struct rb_root"),
            ("all", "struct xarray"),
        ]
        world.struct("box", [*heads, *more, ("inner", "struct part"), ("up", "struct box *")])
        self._btf = world.btf()
        self._overlay = Overlay(_TAGS, "overlay")
        self._tree = room() / "linux"
        self._file = self._tree / "include" / "box.h"
        self._file.parent.mkdir(parents=True, exist_ok=True)

    def generate(self, rng: Random, corpus: Sequence[bytes]) -> bytes:
        """Return functions out of a grammar, files of the corpus changed, or something deep."""
        kind = rng.random()
        if kind < 0.45:
            return mutate(rng, rng.choice(corpus), others=corpus)
        if kind < 0.5:
            depth = rng.choice((50, 500, 5000))
            opening, closing = rng.choice(
                (("(", ")"), ("{", "}"), ("a(", ")"), ("*", ""), ("-", ""))
            )
            inner = opening * depth + "b->items" + closing * rng.choice((depth, 0))
            return f"void f(struct box *b) {{ list_add(&i->link, &{inner}); }}".encode()
        text = "".join(_function(rng) for _ in range(rng.choice((1, 1, 2, 5))))
        if rng.random() < 0.3:
            text = rng.choice(corpus).decode() + text
        return mutate(rng, text.encode()) if rng.random() < 0.3 else text.encode()

    def run(self, data: bytes) -> str:
        """Harvest it, and patch it."""
        self._file.write_bytes(data)
        verdict = "read"
        try:
            "".join(render_overlay(harvest(self._tree, self._btf, workers=1), "title"))
        except BtfdumpError:
            verdict = "refused"
        try:
            files = [Path(self._file)]
            patch = make_patch(self._tree, files, [self._overlay], lambda *_: None)
            "".join(render_patch(self._tree, patch))
        except BtfdumpError:
            verdict = "refused"
        return verdict


def _function(rng: Random) -> str:
    """Return a function: declarations, calls, and now and then anything at all."""
    body = []
    for _ in range(rng.randrange(1, 7)):
        kind = rng.randrange(4)
        if kind == 0:
            body.append(f"{rng.choice(_TYPES)} *i = {_expression(rng, 2)};")
        elif kind == 2 and rng.random() < 0.3:
            body.append(f"for (n = 0; n < {_expression(rng, 1)}; n++) {_expression(rng, 2)};")
        elif kind == 3 and rng.random() < 0.3:
            body.append("".join(rng.choice((*_TOKENS, *HOSTILE[:-2])) for _ in range(5)))
        else:
            body.append(f"{_expression(rng, 3)};")
    lines = "\n\t".join(body)
    return f"static {rng.choice(_TYPES)} *f({rng.choice(_TYPES)} *b, int n)\n{{\n\t{lines}\n}}\n"


def _expression(rng: Random, depth: int) -> str:
    if not depth or rng.random() < 0.3:
        return rng.choice(_PLACES)
    if rng.random() < 0.6:
        arguments = ", ".join(_expression(rng, depth - 1) for _ in range(rng.randrange(1, 5)))
        return f"{rng.choice(_CALLS)}({arguments})"
    return f"{_expression(rng, depth - 1)} {rng.choice('=+&*')} {_expression(rng, depth - 1)}"
