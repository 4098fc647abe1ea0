"""Which members are tables, and which macros may be lengths."""

from __future__ import annotations

from btfdump._harvest.tables import constants, is_index, table_names
from tests.support.synthetic import World


def test_pointers_to_heads_and_to_buckets_are_tables():
    world = World()
    world.struct("hlist_head", [("first", "void *")])
    world.struct("small", [("list", "struct list_head"), ("lock", "int")])
    world.struct("large", [("list", "struct list_head"), ("data", "char[64]")])
    world.struct("hashed", [("heads", "struct hlist_head[2]"), ("one", "struct hlist_head")])
    names = ("hlist_head", "list_head", "small", "large", "hashed", "nothing")
    world.struct("nothing", [("number", "int")])
    world.struct("owner", [(f"to_{name}", f"struct {name} *") for name in names])
    found = table_names(world.kernel().btf)
    assert {"to_hlist_head", "to_list_head", "to_small", "to_hashed"} <= found
    assert not {"to_large", "to_nothing"} & found


def test_constants_are_macros_that_may_be_lengths():
    found = dict(
        constants(
            b"#define HASH_SIZE (1 << HASH_BITS)\n# define HASH_BITS 6 /* of them */\n"
            b'#define NAME 3\n#define SIZE_OF(x) 3\n#define TEXT_SIZE "no"\n#define LEN_FLAG\n'
        )
    )
    assert sorted(found) == ["HASH_BITS", "HASH_SIZE"]
    assert b"(1 << HASH_BITS)" in found["HASH_SIZE"]


def test_names_of_functions_that_return_indexes():
    assert is_index("foo_hashfn")
    assert is_index("bucket_of")
    assert not is_index("foo_get")
