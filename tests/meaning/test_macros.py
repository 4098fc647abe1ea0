"""The tables of macros: every name has its value in the headers of every release at hand.

`tests/data/macros.json` was made of those headers by `python -m sample_dumps.build macros`. A name
whose value is another in one of them, or whose bit means something else there, must not be in a
table: a wrong name is worse than a number.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

import btfdump
from btfdump._kernel.surroundings import KernelSurroundings
from sample_dumps.build import macros

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

NAMES = Path(btfdump.__file__).parent / "_meaning" / "names"
TABLES = {
    name: table
    for path in sorted(NAMES.glob("*.toml"))
    for name, table in tomllib.loads(path.read_text("utf-8")).items()
}
FAMILIES = macros.families()
MEASURED = json.loads(macros.DATA.read_text("utf-8"))
RELEASES = MEASURED.pop("releases")
KINDS = {"mask", "bit", "value"}
ARCHITECTURES = {
    "x86_64": "x86",
    "aarch64": "arm64",
    "s390x": "s390",
    "ppc64le": "powerpc",
    "ppc64": "powerpc",
    "riscv64": "riscv",
}


class Seen(NamedTuple):
    """What a name is worth in one release, for one architecture."""

    release: str
    architecture: str
    name: str
    values: tuple[int, ...] | None
    """All that it may be, by configuration; None: the headers do not tell."""


def seen(family: str, architecture: str = "") -> list[Seen]:
    """Return what the headers say of a family: of an architecture, or of all ("")."""
    found = []
    for key, names in MEASURED.items():
        of, _, where = key.partition(".")
        if of != family or (architecture and where not in ("", architecture)):
            continue
        for name, worths in names.items():
            if architecture and not where and name in MEASURED.get(f"{family}.{architecture}", ()):
                continue  # it has a value of its own there
            per_release = worths if isinstance(worths, list) else [worths] * len(RELEASES)
            for release, worth in zip(RELEASES, per_release, strict=True):
                if worth == macros.UNKNOWN:
                    found.append(Seen(release, where, name, None))
                elif worth is not None:
                    values = worth if isinstance(worth, list) else [worth]
                    found.append(Seen(release, where, name, tuple(values)))
    return found


def of_machine(table, machine: str) -> dict[str, int]:
    return {**table["names"], **table.get("machines", {}).get(machine, {})}


def wrong_names(names: dict[str, int], kind: str, facts: list[Seen]) -> list[Seen]:
    """Return where a name of the table has another value. A 0 is a bit that is not configured."""
    absent = (0,) if kind == "mask" else ()
    return [
        fact
        for fact in facts
        if fact.name in names
        and (fact.values is None or {*fact.values} - {names[fact.name], *absent})
    ]


def other_meanings(
    names: dict[str, int], passed_over: set[str], kind: str, facts: list[Seen]
) -> list[Seen]:
    """Return where a value of the table, or a bit of it, has another name."""
    taken = set(names.values())
    return [
        fact
        for fact in facts
        if fact.name not in names and fact.name not in passed_over
        for value in fact.values or ()
        if value in taken and (kind != "mask" or value)
    ]


def passed_over(name: str, facts: list[Seen]) -> set[str]:
    """Return the names that are no bits of their own: second names, and those of fields."""
    aliases = re.compile(FAMILIES[name].get("aliases", "(?!)"))
    fields = TABLES[name].get("fields", {})
    found = {fact.name for fact in facts if aliases.fullmatch(fact.name)}
    # The names of a field are numbers in it, whether it names them or not.
    for mask, field in fields.items():
        covered = {
            fact.name
            for fact in facts
            if fact.values and all(value & ~field["mask"] == 0 for value in fact.values)
        }
        found |= {mask, *field["names"], *covered}
    return found


@pytest.mark.parametrize("name", TABLES)
def test_every_table_says_what_it_is(name):
    table = TABLES[name]
    assert table.keys() <= {"see", "kind", "zero", "kernel", "letters", "names"} | {
        "fields",
        "machines",
    }
    assert table["kind"] in KINDS
    assert re.match(r"(include|arch|fs|mm|kernel|net)/\S+\.[ch]\b", table["see"])
    assert len(set(table["names"].values())) == len(table["names"])
    for field in table.get("fields", {}).values():
        assert field.keys() == {"mask", "names"}
        assert all(value & ~field["mask"] == 0 for value in field["names"].values())
        assert all(value & field["mask"] == 0 for value in table["names"].values())
    if table["kind"] == "mask":
        for machine in ("", *table.get("machines", ())):
            values = list(of_machine(table, machine).values())
            assert all(value and not value & (value - 1) for value in values), machine
            assert len(set(values)) == len(values), machine
    assert table.get("machines", {}).keys() <= ARCHITECTURES.keys()


def test_every_table_is_measured_and_every_family_has_a_table():
    assert FAMILIES.keys() == TABLES.keys()


@pytest.mark.parametrize("name", TABLES)
def test_every_name_has_its_value_in_every_release(name):
    table = TABLES[name]
    facts = seen(name)
    assert facts
    measured = {fact.name for fact in facts}
    assert {*table["names"]} <= measured
    assert wrong_names(table["names"], table["kind"], facts) == []


@pytest.mark.parametrize("name", TABLES)
def test_no_value_has_another_name_in_any_release(name):
    table = TABLES[name]
    facts = seen(name)
    others = other_meanings(table["names"], passed_over(name, facts), table["kind"], facts)
    for machine in table.get("machines", ()):  # the bits that machines have names of their own for
        others = [fact for fact in others if fact.name not in table["machines"][machine]]
    assert others == []


@pytest.mark.parametrize(
    ("name", "machine"), [(n, m) for n in TABLES for m in TABLES[n].get("machines", ())]
)
def test_a_machine_has_the_values_of_its_architecture(name, machine):
    table = TABLES[name]
    facts = seen(name, ARCHITECTURES[machine])
    names = of_machine(table, machine)
    assert {*table["machines"][machine]} <= {fact.name for fact in facts}
    assert wrong_names(names, table["kind"], facts) == []
    assert other_meanings(names, passed_over(name, facts), table["kind"], facts) == []


@pytest.mark.parametrize(
    ("name", "field"), [(n, f) for n in TABLES for f in TABLES[n].get("fields", ())]
)
def test_a_field_is_there_in_every_release_that_has_the_table(name, field):
    stated = {field: TABLES[name]["fields"][field]["mask"]}
    stated |= TABLES[name]["fields"][field]["names"]
    facts = seen(name)
    assert wrong_names(stated, "value", facts) == []
    # What its zero means must not be said of a kernel that has no such field.
    having = {fact.release for fact in facts}
    for part in stated:
        assert {fact.release for fact in facts if fact.name == part} == having, part


@pytest.mark.parametrize("name", [n for n in TABLES if "zero" in TABLES[n]])
def test_what_zero_is_called_is_zero(name):
    zero = TABLES[name]["zero"]
    facts = [fact for fact in seen(name) if fact.name == zero]
    assert {fact.release for fact in facts} == {fact.release for fact in seen(name)}
    assert all(fact.values == (0,) for fact in facts)


def test_a_name_that_moved_or_a_bit_that_was_used_again_is_found():
    facts = [Seen("6.1", "", "FMODE_NONOTIFY", (0x4000000,)), Seen("6.1", "", "FMODE_OLD", (2,))]
    assert wrong_names({"FMODE_NONOTIFY": 0x2000000}, "mask", facts) == facts[:1]
    assert other_meanings({"FMODE_NEW": 2}, set(), "mask", facts) == facts[1:]
    unknown = Seen("6.1", "", "FMODE_NONOTIFY", None)
    assert wrong_names({"FMODE_NONOTIFY": 0x2000000}, "mask", [unknown]) == [unknown]


@pytest.mark.parametrize("dump", ["stock", "stock-7.3", "tagged", "s390x"])
@pytest.mark.parametrize(
    "name", [n for n in TABLES if TABLES[n].keys() & {"kernel", "letters"} == {"kernel"}]
)
def test_a_name_agrees_with_the_table_in_the_kernels_own_memory(opened, dump, name):
    target = opened(dump).target
    width = target.platform.pointer_size
    at = target.symbol(TABLES[name]["kernel"])
    theirs = {}
    while True:  # struct trace_print_flags { unsigned long mask; const char *name; }
        entry = target.read(at, 2 * width)
        mask = int.from_bytes(entry[:width], target.platform.byteorder)
        text = int.from_bytes(entry[width:], target.platform.byteorder)
        if not text:
            break
        theirs[target.read(text, 64).split(b"\0")[0].decode()] = mask
        at += 2 * width

    def plain(spelled: str) -> str:
        return spelled.upper().removeprefix("VM_").replace("_", "")

    bits = {plain(spelled): m for spelled, m in theirs.items() if not spelled.startswith("GFP_")}
    shared = {n: v for n, v in TABLES[name]["names"].items() if plain(n) in bits}
    assert len(shared) >= 20
    assert shared == {n: bits[plain(n)] for n in shared}


@pytest.mark.parametrize("dump", ["stock", "stock-7.3", "tagged", "s390x"])
def test_names_of_states_go_with_the_words_in_the_kernels_own_memory(opened, dump):
    table = TABLES["task_state"]
    around = KernelSurroundings(opened(dump))
    assert around.state_letters(table["kernel"]).startswith(table["letters"])
    initials = {1 << at >> 1: letter for at, letter in enumerate(table["letters"])}
    named = {value: name for name, value in table["names"].items() if value in initials}
    assert [initials[value] for value in sorted(named)] == list(table["letters"][1:])
