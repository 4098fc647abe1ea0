"""How long a table behind a pointer is: what the source indexes it with, spelled by its struct."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from btfdump._annotate.overlay import Overlay
from btfdump._harvest import harvest
from btfdump._harvest.report import render_overlay
from tests.support.synthetic import World

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from btfdump._btf import Btf
    from btfdump._harvest import Harvest

HEADER = """
#define BITS 6
#define SIZE (1 << BITS)
#define FEW_SLOTS 0x10UL
struct item {
	struct hlist_node node;
};
struct limits {
	unsigned int mask;
};
struct bucket {
	struct hlist_head chain;
	int lock;
};
struct shop {
	struct hlist_head *table;
	struct bucket *buckets;
	unsigned int size;
	unsigned int bits;
	struct limits limits;
	struct limits *far;
	int *plain;
};
#define for_each_of(s, i, item) \\
	for (i = 0; i < (s)->size; i++) hlist_for_each_entry(item, &(s)->table[i], node)
#define shop_hash(s, key) hash_min(key, (s)->bits)
static inline unsigned int shop_size(struct shop *s) { return 1 << s->bits; }
static inline unsigned int limit_index(unsigned int hash, unsigned int mask) { return hash & mask; }
"""
ADD = "hlist_add_head(&item->node, &s->table[{}]);"
WAYS = {
    "a loop": ("int i; for (i = 0; i < s->size; i++) { hlist_for_each_entry(item, &s->table[i], "
               "node) g(item); }", "size"),
    "a loop to the last": ("int i; for (i = 0; i <= s->limits.mask; ++i) " + ADD.format("i"),
                           "limits.mask + 1"),
    "a loop with a variable of its own": ("for (int i = 0; i != s->size; i++) " + ADD.format("i"),
                                          "size"),
    "the end of a loop in a variable": ("int i, n = 1 << s->bits; for (i = 0; i < n; i++) "
                                        + ADD.format("i"), "1 << bits"),
    "the result of a function": ("int i; for (i = 0; i < shop_size(s); i++) " + ADD.format("i"),
                                 "1 << bits"),
    "a macro's loop": ("int i; for_each_of(s, i, item) g(item);", "size"),
    "a number": ("int i; for (i = 0; i < FEW_SLOTS; i++) " + ADD.format("i"), "16"),
    "a macro of macros": (ADD.format("key & (SIZE - 1)"), "64"),
    "a size less one": (ADD.format("key & (s->size - 1)"), "size"),
    "a mask": (ADD.format("hash(key) & s->limits.mask"), "limits.mask + 1"),
    "a mask elsewhere": (ADD.format("s->far->mask & key"), "far->mask + 1"),
    "a mask in a variable": ("unsigned int m = s->size - 1; " + ADD.format("key & m"), "size"),
    "a remainder": (ADD.format("key % s->size"), "size"),
    "bits of a hash": (ADD.format("hash_32(key, s->bits)"), "1 << bits"),
    "a macro's bits of a hash": (ADD.format("shop_hash(s, key)"), "1 << bits"),
    "a part of a range": (ADD.format("reciprocal_scale(key, s->size)"), "size"),
    "an index in a variable": ("unsigned int h; h = hash_min(key, s->bits); " + ADD.format("h"),
                               "1 << bits"),
    "a function's parameter": (ADD.format("limit_index(key, s->size - 1)"), "size"),
    "a head in a variable": ("struct hlist_head *head = &s->table[key & (s->size - 1)]; "
                             "hlist_add_head(&item->node, head);", "size"),
    "a sum": ("hlist_add_head(&item->node, s->table + (key % s->size));", "size"),
    "a table in a variable": ("struct hlist_head *t = s->table; int i; for (i = 0; i < s->size; "
                              "i++) hlist_add_head(&item->node, t + i);", "size"),
}  # fmt: skip
NOTHING = {
    "one head": "hlist_add_head(&item->node, s->table);",
    "a number that nobody tells": ADD.format("key"),
    "a size that is not the struct's": ADD.format("key % t->count"),
    "a number in place of a loop": ADD.format("3"),
    "a test": "if (s->table && (s->size & 8)) hlist_add_head(&item->node, s->table);",
    "itself": "unsigned int h = h; h = h; " + ADD.format("h & h"),
}


@pytest.fixture
def shop() -> Btf:
    world = World()
    world.struct("hlist_head", [("first", "struct hlist_node *")])
    world.struct("item", [("node", "struct hlist_node")])
    world.struct("limits", [("mask", "unsigned int")])
    world.struct("bucket", [("chain", "struct hlist_head"), ("lock", "int")])
    world.struct(
        "shop",
        [
            ("table", "struct hlist_head *"),
            ("buckets", "struct bucket *"),
            ("size", "unsigned int"),
            ("bits", "unsigned int"),
            ("limits", "struct limits"),
            ("far", "struct limits *"),
            ("plain", "int *"),
        ],
    )
    return world.kernel().btf


@pytest.fixture
def keep(tmp_path: Path, shop: Btf) -> Callable[[str], Harvest]:
    def read(source: str) -> Harvest:
        root = tmp_path / "linux"
        (root / "include").mkdir(parents=True)
        (root / "include" / "shop.h").write_text(HEADER)
        (root / "shop.c").write_text(source)
        return harvest(root, shop, workers=1)

    return read


def function(body: str) -> str:
    parameters = "struct shop *s, struct item *item, unsigned int key, struct other *t"
    return f"void f({parameters})\n{{\n\t{body}\n}}\n"


@pytest.mark.parametrize("way", WAYS)
def test_each_way_to_index_a_table_tells_its_length(keep, way):
    body, length = WAYS[way]
    (table,) = keep(function(body)).conclusions.tables
    assert table.spot == ("shop", "table")
    assert table.entry is not None
    assert table.entry.element == ("item", "node")
    assert table.lengths == ((length, "shop.c: f()"),)


@pytest.mark.parametrize("way", NOTHING)
def test_what_does_not_tell_it_is_left_to_the_reader(keep, way):
    (table,) = keep(function(NOTHING[way])).conclusions.tables
    assert table.lengths == ()


def test_the_length_is_written_beside_what_the_heads_hold(keep):
    done = keep(function(WAYS["a loop"][0]))
    text = "".join(render_overlay(done, "x"))
    assert 'table = { tags = ["item:node", "len:size"], see = "shop.c: f()" }' in text
    (facts,) = Overlay(text, "overlay").members("shop")["table"]
    assert [str(fact) for fact in facts][1:] != []


def test_buckets_with_more_than_a_head_have_a_length_alone(keep):
    done = keep(function("hlist_add_head(&item->node, &s->buckets[key % s->size].chain);"))
    text = "".join(render_overlay(done, "x"))
    assert 'buckets = { tag = "len:size", see = "shop.c: f()" }' in text
    assert 'chain = { tag = "item:node", see = "shop.c: f()" }' in text


def test_different_lengths_are_a_comment_with_their_sources(keep):
    done = keep(
        function(ADD.format("key % s->size"))
        + function(ADD.format("hash_min(key, s->bits)")).replace("f(", "g(")
    )
    text = "".join(render_overlay(done, "x"))
    assert "# shop.table: item:node (shop.c: f())\n" in text
    assert "#   len:1 << bits (shop.c: g())\n#   len:size (shop.c: f())\n" in text
    assert "table =" not in text


def test_a_macro_with_two_values_is_no_number(keep):
    done = keep(
        "#ifdef CONFIG_SMALL\n#define HASH_SIZE 2\n#else\n#define HASH_SIZE 256\n#endif\n"
        + function(ADD.format("key % HASH_SIZE"))
    )
    assert done.conclusions.tables[0].lengths == ()


def test_tables_that_globals_point_to_and_arrays_of_heads(keep, tmp_path):
    done = keep(
        "static struct hlist_head *lost, *kept;\nstatic unsigned int kept_mask;\n"
        "static struct hlist_head fixed[SIZE];\n"
        + function(
            "hlist_add_head(&item->node, &lost[key]);"
            "hlist_add_head(&item->node, &kept[key & kept_mask]);"
            "hlist_add_head(&item->node, &fixed[hash_min(key, BITS)]);"
        )
    )
    text = "".join(render_overlay(done, "x"))
    assert (
        'kept = { type = "struct hlist_head *", tags = ["item:node", "len:kept_mask + 1"], '
        'see = "shop.c: f()" }\n'
    ) in text
    assert "# fixed: struct hlist_head[], item:node (shop.c: f())\n" in text
    assert "# lost: item:node (shop.c: f())" in text
    path = tmp_path / "shop.toml"
    path.write_text(text)
    assert Overlay.load(path).globals() == ["kept"]


def test_recursion_in_what_numbers_are_computed_from_ends(keep):
    done = keep(
        "static int hash_a(int key) { return hash_b(key) & SIZE; }\n"
        "static int hash_b(int key) { return hash_a(key) % hash_b(key); }\n"
        "#define LOOP_SIZE LOOP_SIZE\n"
        + function(ADD.format("hash_a(key)") + ADD.format("key & (LOOP_SIZE + 1)"))
    )
    assert done.conclusions.tables[0].entry is not None
