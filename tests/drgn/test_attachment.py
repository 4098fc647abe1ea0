from __future__ import annotations

import threading
from itertools import combinations

import drgn
import pytest
from drgn.helpers.linux.pid import find_task

from btfdump import TargetError
from btfdump import drgn as plugin
from btfdump._drgn import attachment as module
from btfdump._drgn.attachment import ProgramAttachment, _remembering
from btfdump._drgn.errors import BadDataError
from btfdump._drgn.finders import Finders
from tests.support.drgn_programs import attached, open_program, plugged_in


def test_nothing_is_opened_before_something_is_asked(sample) -> None:
    prog = plugged_in(sample("stock"))
    attachment = attached(prog)
    assert not attachment.is_open
    assert prog.type("struct task_struct").has_member("comm")
    assert attachment.is_open


def test_other_finders_come_first(sample) -> None:
    prog = plugged_in(sample("stock"))
    assert prog.enabled_type_finders()[-1] == "btfdump"
    assert prog.enabled_object_finders()[-1] == "btfdump"
    assert prog.enabled_symbol_finders()[-1] == "btfdump"


def test_while_a_kernel_is_opened_it_is_not_asked(sample) -> None:
    """drgn asks for `char` when VMCOREINFO is read, and must not be sent back to the opening."""
    prog = plugged_in(sample("stock"))
    attachment = attached(prog)
    make = attachment._make
    answers = []

    def asking():
        answers.append(attachment.find_object(prog, "init_task", drgn.FindObjectFlags.ANY, None))
        answers.append(attachment.find_symbol(prog, "init_task", None, True))
        return make()

    attachment.reopen(asking)
    assert find_task(prog, 1).comm.string_() == b"init"
    assert answers == [None, []]


@pytest.mark.parametrize("first", ["struct task_struct", "char", "VMCOREINFO", "init_task"])
def test_char_is_the_kernels_whatever_is_asked_first(sample, first) -> None:
    """drgn asks for it while VMCOREINFO is read, and keeps what it takes it for.

    This kernel is built with -funsigned-char.
    """
    prog = plugged_in(sample("stock"))
    if first in ("struct task_struct", "char"):
        prog.type(first)
    else:
        prog[first]
    assert not prog.type("char").is_signed


def test_char_is_the_kernels_where_one_attaches_by_hand(sample) -> None:
    prog = open_program(sample("stock"))
    plugin.attach(prog)
    assert not prog.type("char").is_signed


def test_threads_that_ask_meanwhile_wait(sample) -> None:
    prog = plugged_in(sample("stock"))
    attachment = attached(prog)
    make = attachment._make
    others = []

    def ask() -> None:
        found = attachment.find_symbol(prog, "init_task", None, True)
        others.append([symbol.name for symbol in found])

    thread = threading.Thread(target=ask)

    def slowly():
        thread.start()
        thread.join(0.05)
        return make()

    attachment.reopen(slowly)
    attachment.open()
    thread.join()
    assert others == [["init_task"]]


def test_a_kernel_that_cannot_be_opened_is_told_of_once(sample, caplog) -> None:
    prog = open_program(sample("stock"))
    attempts = []

    def failing():
        attempts.append(1)
        raise TargetError("no BTF here")

    ProgramAttachment(prog, failing).register()
    for _ in range(3):
        with pytest.raises(LookupError):
            prog.type("struct task_struct")
        assert prog.symbols("init_task") == []
    assert len(attempts) == 1
    assert [record.getMessage() for record in caplog.records] == [
        "btfdump finds no types and symbols here: no BTF here"
    ]


def test_what_was_answered_is_remembered_unless_it_was_an_error(sample) -> None:
    prog = plugged_in(sample("stock"))
    attachment = attached(prog)
    attachment.open()
    asked = []

    class Counting(Finders):
        def find_type(self, kinds, name, filename):
            asked.append(name)
            return super().find_type(kinds, name, filename)

        def find_object(self, name, flags, filename):
            asked.append(name)
            return super().find_object(name, flags, filename)

    attachment._finders = Counting(prog, attachment.open().kernel)
    for _ in range(3):
        assert prog.type("struct task_struct").size
        assert prog["init_task"].address_
        with pytest.raises(LookupError):
            prog.type("struct none_such")
        with pytest.raises(BadDataError):
            prog["_stext"]
    assert [asked.count(name) for name in ("task_struct", "init_task", "none_such")] == [1, 1, 1]
    assert asked.count("_stext") == 3


def test_what_is_remembered_is_of_the_kinds_that_were_asked_for() -> None:
    """`struct page` is no `union page`; and a set of kinds is remembered by its hash."""
    asked = []

    def find(prog, kinds, name, filename):
        asked.append((set(kinds), name, filename))
        return len(asked)

    remembering, forget = _remembering(find)
    kinds = [drgn.TypeKindSet(some) for some in combinations(drgn.TypeKind, 2)]
    kinds += [drgn.TypeKindSet([kind]) for kind in drgn.TypeKind]
    answers = [remembering(None, one, "page", None) for one in kinds]
    assert answers == [*range(1, len(kinds) + 1)]
    again = [drgn.TypeKindSet(set(one)) for one in kinds]
    assert [remembering(None, one, "page", None) for one in again] == answers
    assert remembering(None, kinds[0], "page", "mm.h") == len(kinds) + 1
    assert remembering(None, kinds[0], "folio", None) == len(kinds) + 2
    assert asked[-2:] == [({*kinds[0]}, "page", "mm.h"), ({*kinds[0]}, "folio", None)]
    forget()
    assert remembering(None, kinds[0], "page", None) == len(kinds) + 3


def test_what_is_remembered_has_an_end(monkeypatch) -> None:
    monkeypatch.setattr(module, "_REMEMBERED", 10)
    asked = []
    remembering, _ = _remembering(lambda prog, kinds, name, filename: asked.append(name))
    for name in [*map(str, range(25)), "24", "0"]:
        assert remembering(None, drgn.TypeKindSet(), name, None) is None
    assert asked == [*map(str, range(25)), "0"]


class Main:
    """The kernel's module, in a program that has debuginfo, may have it, or has none."""

    def __init__(self, status: drgn.ModuleFileStatus) -> None:
        self.debug_file_status = status

    def wants_debug_file(self) -> bool:
        return self.debug_file_status == drgn.ModuleFileStatus.WANT


class Loading:
    """A program that has just made its main module, and finds debuginfo or not."""

    def __init__(self, finds: bool) -> None:
        self.main = Main(drgn.ModuleFileStatus.WANT)
        self.finds = finds
        self.loaded = 0

    def main_module(self) -> Main:
        return self.main

    def load_module_debug_info(self, main: Main) -> None:
        self.loaded += 1
        if not self.finds:
            raise drgn.MissingDebugInfoError("none")
        main.debug_file_status = drgn.ModuleFileStatus.HAVE

    def type(self, name: str, filename: str | None = None) -> str:
        return f"{name} of DWARF"


def refuse():
    pytest.fail("the kernel was opened")


def test_where_there_is_debuginfo_no_kernel_is_opened() -> None:
    prog = Loading(finds=True)
    prog.main = Main(drgn.ModuleFileStatus.HAVE)
    attachment = ProgramAttachment(prog, refuse)
    assert attachment.find_type(prog, set(), "task_struct", None) is None
    assert attachment.find_object(prog, "init_task", drgn.FindObjectFlags.ANY, None) is None
    assert attachment.find_symbol(prog, "init_task", None, True) == []


def test_debuginfo_that_drgn_is_about_to_load_comes_first() -> None:
    """drgn looks for `struct module` before it loads any, to find out what to load."""
    prog = Loading(finds=True)
    attachment = ProgramAttachment(prog, refuse)
    assert attachment.find_type(prog, set(), "module", None) == "struct module of DWARF"
    assert prog.loaded == 1
    assert attachment.find_type(prog, set(), "task_struct", None) is None


def test_without_debuginfo_it_is_searched_for_once(monkeypatch) -> None:
    prog = Loading(finds=False)

    class Found(Finders):
        def __init__(self) -> None:
            self.kernel = None

        def find_type(self, *asked):
            return asked

    monkeypatch.setattr("btfdump._drgn.ranges.give_ranges", lambda prog, kernel: None)
    attachment = ProgramAttachment(prog, lambda: Found())
    assert attachment.find_type(prog, set(), "module", None) == (set(), "module", None)
    assert attachment.find_type(prog, set(), "module", None) == (set(), "module", None)
    assert prog.loaded == 1


def test_the_module_imports_nothing_of_btfdump() -> None:
    """drgn loads it for every program, be it debugged with DWARF."""
    assert not [name for name in vars(module) if name in ("Finders", "Kernel", "BtfdumpError")]
    assert plugin.__all__ == ["attach", "drgn_prog_set"]
