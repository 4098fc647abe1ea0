"""Walkers by the head that they walk."""

from __future__ import annotations

from btfdump._walk import walker_of

LINKS = {"list_head": "list_head", "hlist_head": "hlist_node"}


def test_walkers_are_registered():
    known = {head: walker_of(head) for head in LINKS}
    assert {head: walker.link for head, walker in known.items() if walker is not None} == LINKS
