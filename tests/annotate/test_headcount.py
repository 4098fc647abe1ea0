"""How many heads are typed: heads and links apart, broad lines, copies in several modules."""

from __future__ import annotations

import pytest

from btfdump._annotate.coverage import LINK, PART, UNKNOWN, Known, annotations_for
from btfdump._annotate.headcount import LIST, MANY, OTHER, HeadCount, Heads, count_heads
from tests.support.covered import covered_btf, covering_overlay


def test_links_and_parts_are_no_heads() -> None:
    count = HeadCount()
    count.add(
        "m",
        [
            Known("a", "typed", "list_head", "library", "x:y"),
            Known("a", "tagged", "list_head", "tag", "x:z"),
            Known("a", "open", "list_head", UNKNOWN),
            Known("a", "link", "list_head", LINK),
            Known("klist", "k_list", "list_head", PART),
            Known("a", "tree", "rb_root", UNKNOWN),
        ],
    )
    assert count.by_kind == {LIST: Heads(2, 1, 0, 1), OTHER: Heads(0, 1)}
    assert count.by_kind[LIST].share == pytest.approx(2 / 3)
    assert [m.member for m in count.unknown["m"]] == ["open", "tree"]


def test_no_heads_have_no_share() -> None:
    assert Heads(links=3).share is None
    assert Heads(typed=2, by_broad=2).share_without_broad is None


def test_lines_that_type_many_heads_at_once_are_told_apart() -> None:
    hooks = [Known("hooks", f"h{n}", "hlist_head", "library", "hook:list") for n in range(MANY)]
    others = [Known("box", f"h{n}", "hlist_head", "library", "item:list") for n in range(MANY - 1)]
    queue = Known("sock", "queue", "sk_buff_head", "library", "sk_buff:", by_type=True)
    unknown = Known("sock", "list", "hlist_head", UNKNOWN)
    count = HeadCount()
    count.add("m", [*hooks, *others, queue, unknown])
    heads = count.by_kind[OTHER]
    assert (heads.typed, heads.by_broad, heads.unknown) == (2 * MANY, MANY + 1, 1)
    assert heads.share_without_broad == pytest.approx((MANY - 1) / MANY)


def test_what_several_modules_have_is_counted_once() -> None:
    copy = Known("shared", "list", "list_head", UNKNOWN)
    count = HeadCount()
    count.add("a", [copy])
    count.add("b", [copy, Known("own", "list", "list_head", "library", "x:y")])
    count.add("c", [])
    count.add("d", [Known("shared", "list", "list_head", "library", "x:y")])  # another struct
    assert count.by_kind[LIST] == Heads(2, 1)
    assert list(count.unknown) == ["a"]
    assert count.of_module["b"][LIST] == Heads(1, 1)
    assert count.with_heads == ["a", "b", "d"]
    assert count.untyped == ["a"]


def test_a_kernel_without_modules() -> None:
    btf = covered_btf()
    said: list[tuple[int, int, str]] = []
    counts = count_heads(
        btf,
        (),
        annotations_for(btf, (covering_overlay(),), None),
        progress=lambda *step: said.append(step),
    )
    assert list(counts) == ["vmlinux"]
    assert counts["vmlinux"].by_kind == {LIST: Heads(3, 5, 0, 3), OTHER: Heads(3, 0, 1, 0)}
    assert said == []
