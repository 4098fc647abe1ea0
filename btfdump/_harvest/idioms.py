"""How the kernel's source says what a container holds: its macros and functions, as data.

Each idiom names the positions of its arguments. The element is named by a variable (`pos`), by the
link inside it (`node`) or by its type (`type`), with the link's path in `member`; for containers of
pointers it is the `item`. Sources: include/linux/list.h, rculist.h, list_bl.h, list_nulls.h,
rculist_nulls.h, llist.h, plist.h, klist.h, hashtable.h, rbtree.h, xarray.h, idr.h, radix-tree.h,
maple_tree.h, rhashtable.h, list_lru.h, timerqueue.h, skbuff.h.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Idiom:
    """Positions of arguments. `is_link_pointer`: `head` is a pointer to a link, found by flow."""

    head: int | None = None
    pos: int | None = None
    node: int | None = None
    type: int | None = None
    member: int | None = None
    item: int | None = None
    is_result: bool = False
    is_link_pointer: bool = False
    other_head: int | None = None


def _many(idiom: Idiom, names: str) -> dict[str, Idiom]:
    return dict.fromkeys(names.split(), idiom)


def _loops() -> dict[str, Idiom]:
    """Return the for_each macros, in which a variable takes every element."""
    return {
        **_many(
            Idiom(pos=0, head=1, member=2),
            "list_for_each_entry list_for_each_entry_rcu list_for_each_entry_srcu "
            "list_for_each_entry_reverse list_for_each_entry_lockless "
            "list_for_each_entry_continue list_for_each_entry_continue_reverse "
            "list_for_each_entry_continue_rcu list_for_each_entry_from "
            "list_for_each_entry_from_rcu list_for_each_entry_from_reverse "
            "hlist_for_each_entry hlist_for_each_entry_rcu hlist_for_each_entry_rcu_bh "
            "hlist_for_each_entry_rcu_notrace hlist_for_each_entry_srcu "
            "plist_for_each_entry plist_for_each_entry_continue",
        ),
        **_many(
            Idiom(pos=0, head=2, member=3),
            "list_for_each_entry_safe list_for_each_entry_safe_reverse "
            "list_for_each_entry_safe_continue list_for_each_entry_safe_from "
            "hlist_for_each_entry_safe plist_for_each_entry_safe hlist_bl_for_each_entry "
            "hlist_bl_for_each_entry_rcu hlist_nulls_for_each_entry "
            "hlist_nulls_for_each_entry_rcu rbtree_postorder_for_each_entry_safe",
        ),
        **_many(
            Idiom(pos=0, head=3, member=4),
            "hlist_bl_for_each_entry_safe hlist_nulls_for_each_entry_safe",
        ),
        **_many(
            Idiom(pos=0, head=1, member=2, is_link_pointer=True),
            "llist_for_each_entry hlist_for_each_entry_from_rcu",
        ),
        **_many(Idiom(pos=0, head=2, member=3, is_link_pointer=True), "llist_for_each_entry_safe"),
        **_many(Idiom(head=0, pos=2, member=3), "hash_for_each hash_for_each_rcu"),
        **_many(Idiom(head=0, pos=3, member=4), "hash_for_each_safe"),
        **_many(
            Idiom(head=0, pos=1, member=2),
            "hash_for_each_possible hash_for_each_possible_rcu hash_for_each_possible_rcu_notrace",
        ),
        **_many(Idiom(head=0, pos=1, member=3), "hash_for_each_possible_safe"),
    }


def _entries() -> dict[str, Idiom]:
    """Return container_of() and the like, which spell out the type and the link."""
    return {
        **_many(
            Idiom(head=0, type=1, member=2),
            "list_first_entry list_last_entry list_first_entry_or_null list_first_or_null_rcu "
            "list_last_entry_or_null plist_first_entry plist_last_entry",
        ),
        **_many(
            Idiom(head=0, type=1, member=2, is_link_pointer=True),
            "list_entry list_entry_rcu list_entry_lockless hlist_entry hlist_entry_safe rb_entry "
            "rb_entry_safe llist_entry hlist_bl_entry hlist_nulls_entry container_of "
            "container_of_const",
        ),
    }


def _insertions() -> dict[str, Idiom]:
    """Return what adds, moves and removes a link, with the head next to it."""
    return {
        **_many(
            Idiom(node=0, head=1),
            "list_add list_add_tail list_add_rcu list_add_tail_rcu list_move list_move_tail "
            "hlist_add_head hlist_add_head_rcu hlist_add_tail_rcu hlist_nulls_add_head "
            "hlist_nulls_add_head_rcu hlist_nulls_add_tail_rcu hlist_nulls_add_fake "
            "hlist_bl_add_head hlist_bl_add_head_rcu llist_add __llist_add plist_add "
            "plist_del plist_requeue "
            "rb_insert_color rb_insert_color_cached rb_erase rb_erase_cached rb_add "
            "rb_add_cached rb_find_add rb_find_add_cached rb_find_add_rcu klist_add_head "
            "klist_add_tail list_is_first list_is_last",
        ),
        **_many(Idiom(node=1, head=0), "timerqueue_add timerqueue_del"),
        **_many(Idiom(node=0, head=2), "llist_add_batch rb_replace_node rb_replace_node_cached"),
        **_many(Idiom(node=1, head=0), "rb_insert_augmented_cached list_lru_add list_lru_add_obj"),
        **_many(Idiom(node=1, head=0), "list_lru_del list_lru_del_obj hash_add hash_add_rcu"),
        **_many(Idiom(node=0, head=1), "rb_insert_augmented rb_erase_augmented"),
        **_many(
            Idiom(node=1, head=0),
            "rhashtable_insert_fast rhashtable_lookup_insert_fast rhashtable_remove_fast "
            "rhashtable_lookup_get_insert_fast rhltable_insert rhltable_remove",
        ),
        **_many(
            Idiom(node=2, head=0),
            "rhashtable_lookup_insert_key rhashtable_lookup_get_insert_key rhltable_insert_key "
            "rhashtable_insert_slow rhashtable_replace_fast",
        ),
    }


def _splices() -> dict[str, Idiom]:
    """Return what joins two heads of the same elements."""
    return _many(
        Idiom(head=0, other_head=1),
        "list_splice list_splice_init list_splice_tail list_splice_tail_init list_splice_init_rcu "
        "list_splice_tail_init_rcu hlist_move_list list_replace_init list_cut_position "
        "list_cut_before",
    )


def _pointers() -> dict[str, Idiom]:
    """Return what stores, loops over and looks up things in containers of pointers."""
    return {
        **_many(
            Idiom(head=0, item=2),
            "xa_store xa_store_bh xa_store_irq __xa_store xa_insert xa_insert_bh xa_insert_irq "
            "__xa_insert xa_alloc xa_alloc_bh xa_alloc_irq __xa_alloc xa_alloc_cyclic "
            "xa_alloc_cyclic_irq __xa_alloc_cyclic xa_for_each xa_for_each_start "
            "xa_for_each_range xa_for_each_marked radix_tree_insert mtree_store mtree_insert "
            "mtree_alloc_cyclic",
        ),
        **_many(
            Idiom(head=0, item=1),
            "skb_queue_tail skb_queue_head __skb_queue_tail __skb_queue_head skb_queue_walk "
            "skb_queue_walk_safe skb_queue_reverse_walk",
        ),
        **_many(Idiom(head=1, item=0), "skb_unlink __skb_unlink"),
        **_many(Idiom(head=0, item=3), "xa_cmpxchg __xa_cmpxchg xa_store_range"),
        **_many(Idiom(head=0, item=3), "mtree_store_range mtree_insert_range"),
        **_many(
            Idiom(head=0, item=1),
            "idr_alloc idr_alloc_cyclic idr_alloc_u32 idr_replace idr_for_each_entry "
            "idr_for_each_entry_ul idr_for_each_entry_continue idr_for_each_entry_continue_ul "
            "mt_for_each mas_store mas_store_gfp mas_store_prealloc mas_for_each",
        ),
        **_many(
            Idiom(head=0, is_result=True),
            "xa_load xa_erase xa_erase_bh xa_erase_irq __xa_erase xa_find xa_find_after idr_find "
            "idr_remove idr_get_next idr_get_next_ul radix_tree_lookup radix_tree_delete "
            "radix_tree_delete_item mtree_load mtree_erase mt_find mt_find_after mas_find "
            "mas_walk mas_next mas_prev mas_erase skb_dequeue __skb_dequeue skb_dequeue_tail "
            "__skb_dequeue_tail skb_peek skb_peek_tail",
        ),
    }


IDIOMS: dict[str, Idiom] = {
    **_loops(),
    **_entries(),
    **_insertions(),
    **_splices(),
    **_pointers(),
}
"""Every idiom, by the name of its macro or function."""

_FIRSTS = """
rb_first rb_last rb_first_cached rb_last_cached rb_first_postorder llist_del_all __llist_del_all
llist_del_first llist_reverse_order plist_first plist_last list_next_rcu list_first_rcu
hlist_first_rcu hlist_bl_first hlist_bl_first_rcu hlist_nulls_first_rcu
"""
FIRSTS = frozenset(_FIRSTS.split())
"""Functions from a head to one of its links."""

STEPS = frozenset(("next", "prev", "first", "rb_node", "rb_leftmost"))
"""Members of a head that point to one of its links."""

_LOOPS_OF_LINKS = """
list_for_each list_for_each_prev list_for_each_rcu list_for_each_safe list_for_each_prev_safe
hlist_for_each hlist_for_each_rcu hlist_for_each_safe llist_for_each llist_for_each_safe
"""
LOOPS_OF_LINKS = frozenset(_LOOPS_OF_LINKS.split())
"""for_each macros whose variable is a link: (pos, head), or (pos, next, head) with `_safe`."""
