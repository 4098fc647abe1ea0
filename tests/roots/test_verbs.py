"""The commands of crash: each answers, or says what does."""

from __future__ import annotations

import shlex

import pytest

from btfdump._roots import ROOTS, VERBS, Query, RootKind, TableKind
from btfdump._roots.search import list_places
from btfdump._roots.verbs import crash_commands, verb
from btfdump._roots.words import named
from btfdump.errors import ExpressionError, ObjectNotFoundError

OF_CRASH = (
    *("bt", "files", "foreach", "kmem", "dev", "mod", "log", "p", "struct", "list", "tree", "sym"),
    *("rd", "search", "vtop", "irq", "net", "ps", "runq", "sig", "swap", "sys", "timer", "vm"),
    *("waitq", "fuser"),
)


def rows(kernel, name, *patterns):
    kind = named(kernel, name, *patterns[:1])
    assert isinstance(kind, TableKind)
    return list(kind.table(kernel, Query(patterns)).rows)


@pytest.mark.parametrize("word", OF_CRASH)
def test_every_command_answers_or_says_what_does(word):
    if word in ROOTS.built_in:
        return
    known = crash_commands()[word]
    answers = known.get("root") or known.get("verb")
    if answers:
        assert answers in ROOTS.built_in | VERBS.built_in
        assert verb(word) is not None
        return
    with pytest.raises(ExpressionError, match=f"^{word} is a command of crash .*: say btfdump "):
        verb(word)


def test_none_is_a_root_already_and_all_say_what_they_are_about():
    assert not crash_commands().keys() & ROOTS.built_in
    assert VERBS.built_in <= crash_commands().keys()
    for known in crash_commands().values():
        assert known["of"]
        assert len(known.keys() & {"root", "verb", "say", "command"}) == 1
    assert verb("nothing of the kind") is None


@pytest.mark.parametrize("word", sorted(crash_commands()))
def test_what_is_said_can_be_done(word, sample, capsys):
    from btfdump._cli import main

    known, core = crash_commands()[word], str(sample("tagged"))
    if "say" in known:
        words = ["inspect", core, *shlex.split(known["say"]), "--elements", "2"]
    elif "command" in known:
        words = shlex.split(known["command"].replace("CORE", core))
    else:
        return
    assert main(words) == 0
    assert capsys.readouterr().out


def test_what_a_kernel_has_goes_before(opened):
    """But a variable of the name of what answers here is meant where it stands alone."""
    kernel = opened("stock")
    assert "list" in kernel
    assert named(kernel, "list") is None
    assert isinstance(named(kernel, "list", "init_task.tasks"), TableKind)
    assert isinstance(named(kernel, "p", "1"), RootKind)
    assert isinstance(named(kernel, "bt"), TableKind)
    assert named(kernel, "struct", "list_head") is None
    with pytest.raises(ExpressionError, match="say btfdump types CORE"):
        named(kernel, "struct")


def test_p(opened):
    kernel = opened("stock")
    kind = VERBS.get("p")
    assert isinstance(kind, RootKind)
    assert [int(found.value) for found in kind.selected(kernel, "6 * 7")] == [42]
    with pytest.raises(ExpressionError, match="p: say what"):
        list(kind.selected(kernel, None))


def test_list(opened):
    kernel = opened("stock")
    found = rows(kernel, "list", "task(1).children")
    children = [child.sibling.address_ for child in kernel.task(1).children.walk_()]
    assert [int(row["address"], 0) for row in found] == children
    assert {row["path"] for row in found} == {"sibling.next"}
    assert {row["holder"] for row in found} == {"slab task_struct"}
    with pytest.raises(ExpressionError, match="list: say the head"):
        rows(kernel, "list", "a", "b")
    noted = rows(kernel, "list", "0x10")
    assert "unreadable" in noted[0].text


def test_search(opened):
    kernel = opened("stock")
    task = kernel.task(1)
    found = [row for row in rows(kernel, "search", "task(1)") if isinstance(row, dict)]
    assert {int(row["value"], 0) for row in found} == {task.address_}
    places = {(row["holder"], row["path"]) for row in found}
    assert ("init_pid_ns", "child_reaper") in places
    assert ("slab mm_struct", "owner") in places
    with pytest.raises(ExpressionError, match="search: say of what value"):
        list_places(kernel, Query())
    with pytest.raises(ObjectNotFoundError):
        rows(kernel, "search", "task(31337)")
