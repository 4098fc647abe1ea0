"""drgn's own helpers without debuginfo give what they give with it."""

from __future__ import annotations

import json
import lzma

import pytest

from btfdump._drgn.attachment import ProgramAttachment
from btfdump._drgn.finders import Finders
from btfdump.errors import UnknownTypeError

pytest.importorskip("drgn.helpers.linux.sysfs", reason="drgn before 0.2 has other helpers")
from tests.support.drgn_helpers import HELPERS, call, told
from tests.support.drgn_programs import DOUBT, VERSION, attached, open_program


@pytest.fixture(scope="module")
def recorded(dump_file):
    with lzma.open(dump_file("stock-6.12/drgn-helpers.json.xz"), "rt") as file:
        return {name: result for name, (result, _) in json.load(file).items()}


@pytest.mark.parametrize("name", HELPERS)
def test_a_helper_gives_the_same_as_with_dwarf(program, recorded, name) -> None:
    assert call(name, program("stock")) == recorded[name]


# What asks for a variable whose type is not known to all of its extent.
REFUSED = ("cpumask.cpumask_of",)


@pytest.fixture(scope="module")
def more():
    """Calls that only the last drgn has all of."""
    if VERSION != (0, 3):
        pytest.skip("recorded with drgn 0.3")
    from tests.support.more_drgn_helpers import MORE_HELPERS

    return MORE_HELPERS


def test_more_helpers_give_the_same_as_with_dwarf(program, dump_file, more) -> None:
    with lzma.open(dump_file("stock-7.3/drgn-helpers.json.xz"), "rt") as file:
        expected = json.load(file)
    assert expected.keys() == more.keys()
    prog = program("stock-7.3")
    for name in REFUSED:
        with pytest.raises(DOUBT, match="is an array of arrays"):
            more[name](prog)
    found = {name: told(more[name](prog)) for name in more if name not in REFUSED}
    assert found == {name: expected[name] for name in found}


class Without(Finders):
    """A kernel that lacks the declaration of one variable, and records what is asked."""

    def __init__(self, prog, kernel, lacking="") -> None:
        super().__init__(prog, kernel)
        self.asked: set[str] = set()
        self.lacking = lacking

    def find_object(self, name, flags, filename):
        self.asked.add(name)
        return super().find_object(name, flags, filename)


def test_without_a_declaration_no_helper_is_silently_wrong(
    sample, program, recorded, monkeypatch
) -> None:
    """Each variable's type is forgotten in turn, and the helpers that ask for it are run again."""
    kernel = attached(program("stock")).open().kernel
    own_variable = type(kernel).own_variable
    lacking = ""

    def forgetful(self, name):
        if name == lacking:
            raise UnknownTypeError("forgotten", self.own_symbol(name))
        return own_variable(self, name)

    monkeypatch.setattr(type(kernel), "own_variable", forgetful)

    def fresh():
        prog = open_program(sample("stock"))
        attachment = ProgramAttachment(prog, lambda: Without(prog, kernel))
        attachment.register()
        return prog, attachment.open()

    # Which variables a helper asks for, once drgn's own caches are full or not.
    askers: dict[str, set[str]] = {}
    for name in HELPERS:
        prog, finders = fresh()
        finders.asked.clear()
        call(name, prog)
        for asked in finders.asked:
            askers.setdefault(asked, set()).add(name)
    assert len(askers) > 60

    failed = 0
    for lacking, names in askers.items():
        prog, _ = fresh()
        for name in sorted(names):
            try:
                result = call(name, prog)
            except Exception:  # noqa: BLE001 - anything that is not silent
                failed += 1
                continue
            assert result == recorded[name], f"{name} without {lacking}"
    assert failed > 100
