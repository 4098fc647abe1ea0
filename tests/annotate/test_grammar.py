"""Every form of a tag, and everything that is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from btfdump._annotate.grammar import (
    MAX_CHOICES,
    MAX_TAG,
    Condition,
    ContainerOf,
    Contains,
    Follow,
    Length,
    LinkRole,
    Lock,
    Marker,
    Means,
    NotUnderstood,
    Placed,
    PointsTo,
    Show,
    Skip,
    Space,
    Stale,
    TypedBy,
    bare_name,
    parse,
)

FORMS = {
    "item:link": Contains("item", "link"),
    "contains:item:link": Contains("item", "link"),
    "contains:struct:item:link": Contains("item", "link"),
    "contains:struct item:link": Contains("item", "link"),
    "struct item:link": Contains("item", "link"),
    "struct:item:link": Contains("item", "link"),
    " item : link ": Contains("item", "link"),
    "item\t:\tlink": Contains("item", "link"),
    "contains : item : link": Contains("item", "link"),
    "struct  item : link": Contains("item", "link"),
    "item:d_u.d_alias": Contains("item", "d_u.d_alias"),
    "item: d_u . d_alias ": Contains("item", "d_u.d_alias"),
    "task_struct:pid_links[]": Contains("task_struct", "pid_links[]"),
    "item:a[].b": Contains("item", "a[].b"),
    "console@8589:list": Contains("struct console@8589", "list"),
    "struct console @ 8589 : list": Contains("struct console@8589", "list"),
    "contains:console@8589:list": Contains("struct console@8589", "list"),
    "cxgb4:struct adapter:link": Contains("cxgb4:struct adapter", "link"),
    "contains:cxgb4:struct adapter:link": Contains("cxgb4:struct adapter", "link"),
    "snd-hda : union codec@7 : link": Contains("snd_hda:union codec@7", "link"),
    "8021q:struct vlan_group": Contains("8021q:struct vlan_group"),
    "points_to:console@8589": PointsTo("struct console@8589"),
    "points_to:cxgb4:struct adapter": PointsTo("cxgb4:struct adapter"),
    "container_of:cxgb4:struct adapter:work": ContainerOf("cxgb4:struct adapter", "work"),
    "placed:a@7:g.m:back": Placed("struct a@7", "g.m", "back"),
    "item": Contains("item"),
    "contains:item": Contains("item"),
    "struct item": Contains("item"),
    "_a1:_b2": Contains("_a1", "_b2"),
    "counted_by:count": Length("count"),
    "len:1 << bucket_log": Length("1 << bucket_log"),
    "len:smap->map.value_size": Length("smap->map.value_size"),
    "points_to:item": PointsTo("item"),
    "points_to: struct item ": PointsTo("item"),
    "placed:blob:sizes.inode:storage->owner": Placed("blob", "sizes.inode", "storage->owner"),
    "typed_by: smap -> map": TypedBy("smap->map"),
    "container_of:cgroup:self": ContainerOf("cgroup", "self"),
    "container_of: struct cgroup : self": ContainerOf("cgroup", "self"),
    "flags:PF_": Means("flags", "PF_"),
    "flags:sample_flag": Means("flags", "sample_flag"),
    "cond:kind == 1": Condition("kind == 1"),
    "follow:*": Follow(()),
    "follow:a, b.c": Follow(("a", "b.c")),
    "string": Show("string"),
    "show:string": Show("string"),
    "show:hex": Show("hex"),
    "space:user": Space("user"),
    "space:none": Space("none"),
    "space:percpu": Space("percpu"),
    "space:rcu": Space("rcu"),
    "role:link": LinkRole(),
    "role:stale": Stale(),
    "bpf_kfunc": Marker("bpf_kfunc"),
    "bpf_fastcall": Marker("bpf_fastcall"),
    "arg:nonnull": Marker("arg", "nonnull"),
    "arg:ctx": Marker("arg", "ctx"),
    "exception_callback:oops": Marker("exception_callback", "oops"),
    "mutex_lock: cgroup_mutex": Lock("mutex_lock", "cgroup_mutex"),
    "spin_lock:inode_hash_lock": Lock("spin_lock", "inode_hash_lock"),
    "spin_lock:&param1->i_lock": Lock("spin_lock", "&param1->i_lock"),
    "locked:lock": Lock("locked", "lock"),
}


@pytest.mark.parametrize("text", FORMS, ids=repr)
def test_forms(text):
    assert parse(text) == FORMS[text]


@pytest.mark.parametrize(
    "text",
    [
        "",
        ":",
        "::",
        "just some words",
        "item:",
        ":link",
        "item:link:more",
        "contains:",
        "contains:item:",
        "contains:a:b:c",
        "contains:struct:a:b:c",
        "item:li nk more:",
        "1item:link",
        "item:1link",
        "item:a..b",
        "item:.a",
        "item:a.",
        "item:a[3]",
        "item[]:a",
        "item:a-b",
        "counted_by:",
        "len:",
        "points_to:",
        "points_to:a b",
        "points_to:cxgb4:adapter:link",
        "console@:link",
        "console@x:link",
        "struct console@7 *:link",
        "console@7[2]:link",
        "enum console@7:link",
        "unsigned long@7:link",
        "placed:blob:sizes:owner",
        "placed:blob:sizes.inode",
        "typed_by:",
        "typed_by:a[1]",
        "container_of:a",
        "flags:",
        "cond:",
        "show:",
        "show:purple",
        "space:outer",
        "role:king",
        "follow:",
        "follow:a,,b",
        "item\x00:link",
        "\u202eitem:link",
    ],
    ids=repr,
)
def test_not_understood(text):
    assert parse(text) == NotUnderstood(text)


def choices(count: int) -> str:
    return " ?: ".join(["skip:A", *(f"A{number}" for number in range(count - 1))])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a" * (MAX_TAG + 1), "it has 4097 characters, more than 4096"),
        ("cond:" + "n + " * 5000 + "n", "it has 20006 characters, more than 4096"),
        (choices(MAX_CHOICES + 1), "it has 17 alternatives (?:), more than 16"),
    ],
    ids=["name", "expression", "alternatives"],
)
def test_too_much_to_look_at(text, reason):
    found = parse(text)
    assert isinstance(found, NotUnderstood)
    assert str(found) == f"not understood: {reason}"
    assert len(found.text) < 250
    assert text.startswith(found.text.removesuffix("..."))


def test_as_much_as_is_looked_at():
    assert isinstance(parse("a" * MAX_TAG), Contains)
    assert isinstance(parse(choices(MAX_CHOICES)), Skip)


def test_every_annotation_says_what_it_means():
    for text, annotation in FORMS.items():
        assert str(annotation)
        assert str(annotation) != text or isinstance(annotation, Marker)
    assert str(Contains("item", "link")) == "contains struct item linked by link"
    which = Contains("cxgb4:struct adapter", "link")
    assert str(which) == "contains cxgb4:struct adapter linked by link"
    assert str(NotUnderstood("x y")) == "not understood"


@given(st.text(max_size=30))
def test_any_text(text):
    parse(text)


@given(st.lists(st.sampled_from([*"a_1.[]:*, ", "struct", "contains", "len", "show", "hex"])))
def test_any_mixture(parts):
    annotation = parse("".join(parts))
    if isinstance(annotation, Contains):
        assert bare_name(annotation.element).isidentifier()
        for step in (annotation.node or "a").split("."):
            assert step.removesuffix("[]").isidentifier()
