"""Differences of two documents: what is matched with what, and what is said of it."""

from __future__ import annotations

from typing import Any

import pytest

from btfdump._diff.changes import render_changes
from btfdump._diff.compare import Change, Kind, compare
from tests.support.documents import task


def container(*entries: dict[str, Any]) -> dict[str, Any]:
    elements = [{**entry, "index": at} for at, entry in enumerate(entries)]
    return {
        "type": "struct list_head",
        "address": "0x10",
        "container": "list_head",
        "elements": elements,
    }


def array(*entries: dict[str, Any]) -> dict[str, Any]:
    document = container(*entries)
    del document["container"]
    return document


def differences(before: Any, after: Any, address: int = 0x1000) -> list[str]:
    """Compare two `task_struct`s with these members; return the lines of text."""
    old = {"roots": [task(1, 0x1000, **before)]}
    new = {"roots": [task(1, address, **after)]}
    return [line.rstrip("\n") for line in render_changes(compare(old, new).changes)]


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 2}, ["~ a: 1 -> 2"]),
        ({}, {"a": 2}, ["~ a: 0 -> 2"]),
        ({"a": 2}, {}, ["~ a: 2 -> 0"]),
        ({"s": {"members": {"x": 1, "y": 2}}}, {"s": {"members": {"x": 3, "y": 2}}},
         ["~ s.x: 1 -> 3"]),
        ({}, {"s": {"members": {"x": 1}}}, ["~ s.x: 0 -> 1"]),
        ({"v": [1, 2, 3]}, {"v": [1, 5, 3]}, ["~ v[1]: 2 -> 5"]),
        ({"v": list(range(9))}, {"v": list(range(1, 10))},
         ["~ v: [0, 1, 2, 3, 4, 5, 6, 7, 8] -> [1, 2, 3, 4, 5, 6, 7, 8, 9]"]),
        ({"v": {"length": 9, "at": {"0": {"members": {"x": 1}}}}},
         {"v": {"length": 9, "at": {"4": {"members": {"x": 2}}}}},
         ["~ v[0].x: 1 -> 0", "~ v[4].x: 0 -> 2"]),
        ({"e": {"enum": "A", "value": 1}}, {"e": {"enum": "B", "value": 2}}, ["~ e: A -> B"]),
        ({"e": {"enum": None, "value": 1}}, {"e": {"enum": None, "value": 2}}, ["~ e: 1 -> 2"]),
        ({"f": {"pointer": "0x1", "symbol": "f"}}, {"f": {"pointer": "0x9", "symbol": "f"}}, []),
        ({"f": {"pointer": "0x1", "symbol": "f"}}, {"f": {"pointer": "0x9", "symbol": "g"}},
         ["~ f: f -> g"]),
        ({"p": {"pointer": "0x1"}}, {"p": {"pointer": "0x9"}}, ["~ p: 0x1 -> 0x9"]),
        ({"t": {"value": 5, "meaning": "1 s ago"}}, {"t": {"value": 5, "meaning": "2 s ago"}}, []),
        ({"t": {"value": 5, "meaning": "5 ns"}}, {"t": 5}, []),
        ({"t": {"value": 5, "meaning": "5 ns"}}, {"t": 6}, ["~ t: 5 5 ns -> 6"]),
        ({"f": {"value": 1, "meaning": "A", "flags": ["A"]}}, {"f": 1}, []),
        ({"f": {"value": 1, "meaning": "A", "flags": ["A"]}}, {},
         ["~ f: 0x1 A -> 0x0"]),
        ({"f": {"value": 16, "meaning": "B", "flags": ["B"]}}, {"f": {"value": 32, "flags": []}},
         ["~ f: 0x10 B -> 0x20"]),
        ({"e": {"enum": None, "value": 3, "flags": ["A", "B"]}},
         {"e": {"enum": None, "value": 3, "flags": ["A", "C"]}}, []),
        ({"e": {"enum": "A", "value": 1, "meaning": "x"}}, {"e": {"enum": "A", "value": 1}}, []),
        ({"p": {"pointer": "0x1", "meaning": "f6:00"}}, {"p": {"pointer": "0x1"}}, []),
        ({"p": {"pointer": "0x1", "meaning": "f6:00"}}, {"p": {"pointer": "0x2"}},
         ["~ p: 0x1 f6:00 -> 0x2"]),
        ({"v": {"value": [246, 1], "meaning": "f6:01"}}, {"v": [246, 1]}, []),
        ({"v": {"value": [246, 1], "meaning": "f6:01"}}, {"v": [246, 2]}, ["~ v[1]: 1 -> 2"]),
        ({"v": {"value": [246, 1], "meaning": "f6:01"}},
         {"v": {"value": [246, 2], "meaning": "f6:02"}}, ["~ v: f6:01 -> f6:02"]),
        ({}, {"v": {"value": [246, 2], "meaning": "f6:02"}}, ["~ v: 0 -> f6:02"]),
        ({"s": {"meaning": "now", "members": {"x": 1, "y": 2}}},
         {"s": {"meaning": "then", "members": {"x": 1, "y": 2}}}, []),
        ({"s": {"meaning": "now", "members": {"x": 1, "y": 2}}},
         {"s": {"meaning": "then", "members": {"x": 1, "y": 3}}}, ["~ s.y: 2 -> 3"]),
        ({"s": {"meaning": "one", "members": {"x": {"members": {"y": 1}}}}},
         {"s": {"meaning": "two", "members": {"x": {"members": {"y": 2}}}}},
         ["~ s.x.y: 1 one -> 2 two"]),
        ({"s": {"meaning": "0-1", "members": {"bits": [3]}}},
         {"s": {"meaning": "0", "members": {"bits": [1]}}}, ["~ s.bits: 0-1 -> 0"]),
        ({"b": {"type": "int", "provenance": "map x", "value": {"value": 1, "meaning": "A"}}},
         {"b": {"type": "int", "provenance": "map x", "value": 2}}, ["~ b: 1 A -> 2"]),
        ({"n": {"value": {"value": 5, "meaning": "1 s ago"}, "notes": [{"text": "odd"}]}},
         {"n": {"value": 5, "meaning": "2 s ago"}}, ["- n note: odd"]),
        ({"n": {"value": 1, "notes": [{"text": "odd"}]}}, {"n": 1}, ["- n note: odd"]),
        ({"n": {"value": 1, "notes": [{"text": "odd"}]}},
         {"n": {"value": 1, "notes": [{"text": "new"}]}},
         ["+ n note: new", "- n note: odd"]),
    ],
)  # fmt: skip
def test_members(before, after, lines):
    assert differences(before, after) == lines


def test_entries_are_matched_by_what_they_are_not_by_place():
    old = container(task(10, 0x10, x=1), task(11, 0x11), task(12, 0x12))
    new = container(task(12, 0x12), task(10, 0x10, x=2), task(13, 0x13))
    assert differences({"children": old}, {"children": new}) == [
        "~ children[pid 10].x: 1 -> 2",
        '- children[pid 11]: struct task_struct 0x11 "t11" pid 11',
        '+ children[pid 13]: struct task_struct 0x13 "t13" pid 13',
    ]


def test_a_pid_that_was_reused_is_another_task():
    old, new = container(task(10, 0x10)), container(task(10, 0x20))
    assert [line[0] for line in differences({"c": old}, {"c": new})] == ["-", "+"]


def test_an_entry_stays_the_same_one_when_what_is_said_of_it_changes():
    def timer(text: str, **members: int) -> dict[str, Any]:
        told = {"type": "struct timer_list", "address": "0x30", "members": members}
        return {**told, "summary": {"text": text}}

    old, new = container(timer("f in 2 s", expires=7)), container(timer("f in 1 s", expires=7))
    assert differences({"timers": old}, {"timers": new}) == []
    new = container(timer("f in 1 s", expires=8))
    assert differences({"timers": old}, {"timers": new}) == ["~ timers[f in 2 s].expires: 7 -> 8"]


def test_programs_get_the_meanings_of_both():
    old = {"roots": [task(1, 0x10, f={"value": 1, "meaning": "A", "flags": ["A"]})]}
    new = {"roots": [task(1, 0x10, f={"value": 2, "meaning": "B", "flags": ["B"]})]}
    (change,) = compare(old, new).changes
    assert (change.before, change.after) == (1, 2)
    assert (change.before_meaning, change.after_meaning, change.is_bits) == ("A", "B", True)


def test_between_boots_addresses_say_nothing():
    old, new = container(task(10, 0x10, x=1)), container(task(10, 0x20, x=1))
    before = {"c": old, "p": {"pointer": "0x1"}}
    after = {"c": new, "p": {"pointer": "0x2"}}
    comparison = compare(
        {"roots": [task(1, 0x1000, **before)]}, {"roots": [task(1, 0x2000, **after)]}
    )
    assert not comparison.is_same_boot
    assert comparison.changes == [Change(".p", Kind.CHANGED, "0x1", "0x2", is_address=True)]


def test_a_place_in_an_array_is_what_tells_its_elements_apart():
    old, new = array(task(10, 0x10), task(11, 0x11)), array(task(11, 0x11), task(11, 0x11))
    assert differences({"fd": old}, {"fd": new}) == [
        '~ fd[0]: struct task_struct 0x10 "t10" pid 10 -> struct task_struct 0x11 "t11" pid 11'
    ]


def test_an_entry_that_a_template_tells_is_told_by_its_words():
    entry = {"type": "struct file", "address": "0x10", "brief": True}
    words = {"text": "/init ino 3", "i_ino": 3, "pos": 7, "name": "/init"}
    old, new = container(), container({**entry, "summary": words})
    (line,) = differences({"list": old}, {"list": new})
    assert line.endswith("struct file 0x10 /init ino 3 pos 7")


def test_entries_that_came_into_an_empty_list():
    empty = {"type": "struct list_head", "empty": True}
    lines = differences({"c": empty}, {"c": container(task(10, 0x10))})
    assert lines == ['+ c[pid 10]: struct task_struct 0x10 "t10" pid 10']


def test_another_object_behind_a_pointer_is_one_change():
    old = {"p": {"pointer": "0x10", "target": task(10, 0x10, x=1)}}
    new = {"p": {"pointer": "0x11", "target": task(11, 0x11, x=2)}}
    assert len(differences(old, new)) == 1
    same = {"p": {"pointer": "0x10", "target": task(10, 0x10, x=2)}}
    assert differences(old, same) == ["~ p.x: 1 -> 2"]


def test_several_of_one_name_are_told_apart_by_their_order():
    one, two = task(10, 0x10, x=1), task(10, 0x10, x=2)
    assert differences({"c": container(one, one)}, {"c": container(one, two)}) == [
        "~ c[pid 10 #2].x: 1 -> 2"
    ]


def test_deep_nesting_exhausts_nothing():
    old, new = task(1, 0x1, x=1), task(1, 0x1, x=2)
    for depth in range(2, 3000):
        old, new = task(depth, depth, c=container(old)), task(depth, depth, c=container(new))
    (change,) = compare({"roots": [old]}, {"roots": [new]}).changes
    assert change.path.endswith("[pid 1].x")


def test_tables_are_compared_row_by_row():
    old = {"rows": [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]}
    new = {"rows": [{"id": 2, "name": "c"}]}
    lines = list(render_changes(compare(old, new).changes))
    assert lines == ['- [id 1]: id 1 "a"\n', "~ [id 2].name: b -> c\n"]


def test_text_of_a_kernel_cannot_act_on_a_terminal():
    (line,) = render_changes([Change(".comm", Kind.CHANGED, "a", "\x1b[2J")], color=True)
    assert line == "\x1b[33m~ comm: a -> \\x1b[2J\x1b[0m\n"
