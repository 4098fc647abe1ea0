"""Annotations written into BTF as decl tags: other tools see them, and they mean the same."""

from __future__ import annotations

import re
import shutil
import subprocess
from copy import copy
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import pytest

from btfdump._annotate.coverage import annotations_for
from btfdump._annotate.encode import encode, holder_of
from btfdump._annotate.overlay import Overlay, library
from btfdump._api.opening import open_core
from btfdump._btf import Btf, BtfBuilder, types
from btfdump._btf.wire import Kind
from btfdump._cli import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from btfdump._annotate.encode import Encoded
    from btfdump._annotate.facts import MemberFacts
    from btfdump._api.kernel import Kernel


class Copy(NamedTuple):
    """A kernel's types, and the same with the library's tags."""

    btf: Btf
    result: Encoded
    written: Btf


@pytest.fixture(scope="module", params=["tagged", "s390x"])
def tagged_copy(opened: Callable[[str], Kernel], request: pytest.FixtureRequest) -> Copy:
    btf = opened(request.param).btf
    result = encode(btf, [library()])
    return Copy(btf, result, Btf.from_bytes(result.data, name="copy"))


def facts_of(btf: Btf, overlay: Overlay | None) -> dict[tuple[int, str], MemberFacts]:
    """What is known of every member of every struct, by the struct's id and the member."""
    if overlay is not None:
        overlay = copy(overlay)
        overlay.source = "overlay library"  # what does not fit is a problem, not silence
    annotations = annotations_for(btf, (overlay,) if overlay is not None else (), None)
    found = {}
    for struct in btf.composites():
        facts = annotations.of_struct(struct)
        for index, known in facts.members.items():
            found[struct.id, struct.members[index].name] = known
        for path, known in facts.paths.items():
            holder = holder_of(struct, path)
            if not isinstance(holder, str):
                found[holder[0].id, holder[0].members[holder[1]].name] = known
    return found


def provenance(known: MemberFacts) -> str:
    assert known.expansion is not None
    return known.expansion.provenance


def told(known: MemberFacts | None) -> object:
    """The facts of a member, without who told them."""
    if known is None:
        return None
    e = known.expansion
    return (
        (e.head, e.element.id, e.node, e.link_offset, e.link_stride, e.is_ring) if e else None,
        known.length,
        known.points_to.id if known.points_to else None,
        known.space,
        known.is_link,
        known.is_hex,
        known.is_string,
        known.follow,
        known.meaning.name if known.meaning else None,
    )


def test_what_is_written_means_the_same_when_read_back(tagged_copy: Copy) -> None:
    btf, result, written = tagged_copy
    assert len(written) == len(btf) + result.tags
    assert result.tags > 300
    left_out = {place for place, _ in result.left_out}
    before, after = facts_of(btf, library()), facts_of(written, None)
    compared, means = 0, 0
    for key, known in before.items():
        struct = btf.type(key[0])
        if not struct.name and key[1] in {place.rpartition(".")[2] for place in left_out}:
            continue
        if known.problems or told(known) == told(type(known)()):
            continue
        if known.cases and f"{struct.name}.{key[1]}" in left_out:  # for its conditions
            continue
        assert told(after[key]) == told(known), (str(struct), key[1])
        if known.expansion is not None:
            assert provenance(after[key]) == "tag"
        compared += 1
        means += known.meaning is not None
    assert compared > 300
    assert means > 300


def named(btf: Btf, overlay: Overlay | None) -> dict[int, str]:
    """What all values of each typedef and struct mean, by its id."""
    meanings = annotations_for(btf, (), overlay).meanings
    known = chain(btf.iter_types(Kind.TYPEDEF), btf.composites())
    found = ((one, meanings.of_type(one)) for one in known)
    return {one.id: meaning.name for one, meaning in found if meaning is not None}


def test_what_all_values_of_a_type_mean_is_written_too(tagged_copy: Copy) -> None:
    btf, _, written = tagged_copy
    before = named(btf, library())
    assert len(before) > 30
    assert named(written, None) == before


def test_a_type_that_says_what_its_values_mean_gets_no_other_tag():
    b = BtfBuilder()
    int_ = b.int_("int", 4)
    b.decl_tag("unit:s", b.typedef("said_t", int_))
    b.decl_tag("unit:parsec", b.typedef("wrong_t", int_))
    b.typedef("new_t", int_)
    b.typedef("small_t", int_)
    btf = b.parse()
    lines = "".join(f'{name}_t = "unit:ms"\n' for name in ("said", "wrong", "new"))
    mine = Overlay(f"[scalar]\n{lines}", "overlay mine")
    other = Overlay('[scalar]\nnew_t = "unit:us"\nsmall_t = "ipv6"\n', "library")
    result = encode(btf, [mine, other])
    written = Btf.from_bytes(result.data)
    added = [one for one in written.iter_types() if isinstance(one, types.DeclTag)][2:]
    assert [(str(tag.target), tag.text, tag.component_index) for tag in added] == [
        ("wrong_t", "unit:ms", -1),
        ("new_t", "unit:ms", -1),
    ]
    assert encode(written, [mine, other]).tags == 0
    assert "new_t" in {str(written.type(one)) for one in named(written, None)}


def test_a_word_alone_and_one_with_an_argument_say_the_same_kind_of_thing(world):
    world.struct("box", [("mode", "u16")], {"mode": "flags:table inode_flags"})
    overlay = Overlay('[struct.box]\nmode = "mode"\n', "library")
    assert encode(world.kernel().btf, [overlay]).tags == 0


def test_the_copy_is_the_original_and_tags(tagged_copy: Copy) -> None:
    btf, _, written = tagged_copy
    for type_id in range(1, len(btf), 997):
        assert str(written.type(type_id)) == str(btf.type(type_id))
    assert {written.kind(i) for i in range(len(btf), len(written))} == {Kind.DECL_TAG}


def test_a_condition_is_not_written_for_what_a_tag_states_already(world):
    """It would say of the tag what only the overlay says of its own statement."""
    world.struct("shelf", [("n", "int"), ("all", "struct list_head")], {"all": "item:one"})
    btf = world.btf()
    overlay = Overlay('[struct.shelf]\nall = { tags = ["cond:n", "item:one"] }\n', "library")
    assert encode(btf, [overlay]).tags == 0


def test_encoding_again_adds_nothing(world):
    overlay = Overlay('[struct.item]\none = "item:two"\nid = ["show:hex"]\n', "library")
    world.struct("box", [("items", "struct list_head")], {"items": "item:one"})
    first = encode(world.kernel().btf, [overlay])
    assert first.tags == 2
    second = encode(Btf.from_bytes(first.data), [overlay])
    assert (second.tags, second.left_out) == (0, [])


def test_tags_alone_are_read_on_top_of_the_dumps_own_types(tmp_path, sample, opened):
    path = tmp_path / "tags.btf"
    path.write_bytes(encode(opened("stock").btf, [library()], split=True).data)
    with open_core(sample("stock"), btf=path) as kernel:
        (css_set,) = kernel.btf.find_all("struct", "css_set")
        assert isinstance(css_set, types.Struct)
        facts = kernel.annotations.of_struct(css_set)
        by_name = {css_set.members[i].name: known for i, known in facts.members.items()}
        assert provenance(by_name["cgrp_links"]) == "tag"
        assert [str(t.comm) for t in kernel.tasks()] == [
            str(t.comm) for t in opened("stock").tasks()
        ]


def test_what_every_container_of_a_type_holds(world):
    world.struct("sk_buff", [("next", "struct sk_buff *"), ("prev", "struct sk_buff *")])
    world.struct("sk_buff_head", [("next", "struct sk_buff *"), ("prev", "struct sk_buff *")])
    world.struct("sock", [("in", "struct sk_buff_head"), ("out", "struct sk_buff_head[2]")])
    overlay = Overlay('[container]\nsk_buff_head = "sk_buff"\n', "library")
    written = Btf.from_bytes(encode(world.kernel().btf, [overlay]).data)
    (sock,) = written.find_all("struct", "sock")
    assert [(tag.component_index, tag.text) for tag in written.decl_tags(sock)] == [
        (0, "sk_buff"),
        (1, "sk_buff"),
    ]


def test_authority(world):
    mine = Overlay('[struct.item]\none = "item:two"\n', "overlay mine")
    other = Overlay('[struct.item]\none = { tags = ["item:one", "show:hex"] }\n', "library")
    written = Btf.from_bytes(encode(world.kernel().btf, [mine, other]).data)
    texts = [tag.text for tag in written.iter_types() if isinstance(tag, types.DeclTag)]
    assert texts == ["item:two", "show:hex"]  # each fact from the first that states it


def test_what_cannot_be_written_is_said(world):
    world.struct("<anon>", [("list", "struct list_head")])
    world.struct("<once>", [("list", "struct list_head")])
    world.struct("one", [("a", "struct <anon>"), ("b", "struct <anon>"), ("c", "struct <once>")])
    overlay = Overlay(
        """
[struct.one]
"a.list" = "item:one"
"c.list" = "item:one"
"gone.list" = "item:one"
[struct.item]
"deep.inner" = "item:one"
one = ["cond:id", "item:two"]
two = ["nothing:one"]
""",
        "library",
    )
    result = encode(world.kernel().btf, [overlay])
    assert dict(result.left_out) == {
        "one.a.list": "the anonymous struct around it is used elsewhere too",
        "item.deep.inner": "a member of struct wrap, which others have too",
        "item.one": "what it holds depends on conditions",
    }
    assert result.tags == 1


@pytest.fixture
def bpftool() -> str:
    found = shutil.which("bpftool") or shutil.which("bpftool", path="/usr/sbin")
    assert found, "bpftool is missing: make tools"
    return found


@pytest.mark.parametrize("split", [False, True])
def test_bpftool_shows_the_tags(tmp_path: Path, opened, bpftool: str, split: bool):
    btf = opened("tagged").btf
    base, out = tmp_path / "vmlinux.btf", tmp_path / "tagged.btf"
    base.write_bytes(btf.data)
    words = ["annotations", "encode", "--btf", str(base), "-o", str(out)]
    assert main(words + ["--split"] * split) == 0
    options = ["-B", str(base)] if split else []
    shown = subprocess.run(
        [bpftool, *options, "btf", "dump", "file", str(out)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    (css_set,) = btf.find_all("struct", "css_set")
    assert isinstance(css_set, types.Struct)
    index = next(i for i, m in enumerate(css_set.members) if m.name == "cgrp_links")
    assert re.search(
        rf"DECL_TAG 'cgrp_cset_link:cgrp_link' type_id={css_set.id} component_idx={index}\n", shown
    )
    assert out.stat().st_size < (50_000 if split else 4_000_000)
