"""Declarations of global variables in C, in the form that drgn's pull request 625 takes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from drgn import sizeof

from btfdump._annotate.global_types import Choice, GlobalTypes, SourceKernel, global_types, pack
from btfdump._reports.c_declarations import declarations_of_kernel, declarations_of_table
from btfdump.errors import ExpressionError
from tests.support.command import run
from tests.support.drgn_programs import plugged_in
from tests.support.synthetic import World

if TYPE_CHECKING:
    from collections.abc import Iterable

    from drgn import Type

SOURCES = [
    SourceKernel("6.1", "x86_64", "6.1.0-1-cloud", "linux-image-6.1.0-1-cloud-amd64", "6.1.1-1"),
    SourceKernel("6.1", "x86_64", "6.1.0-2-cloud", "linux-image-6.1.0-2-cloud-amd64", "6.1.9-1"),
    SourceKernel("6.12", "aarch64", "6.12.9-cloud", "linux-image-6.12.9-cloud-arm64", "6.12.9-1"),
]
DECLARATION = re.compile(
    r"""(?ax)
    (?P<base> (?:(?:struct|union|enum)\s)? [A-Za-z_]\w* (?:\s(?:int|long|char|short|unsigned))* )
    \s (?P<stars> \**) (?P<name> [A-Za-z_]\w*) (?P<array> \[(?P<length>\d*)\])? ;
    """
)


def declared(lines: Iterable[str]) -> dict[str, str]:
    """Read declarations as a compiler would; return name -> type, spelled as drgn spells it.

    Fails on a line that is neither a declaration, with or without a comment, nor a comment.
    """
    found: dict[str, str] = {}
    for line in lines:
        assert line.endswith("\n")
        assert line.count("\n") == 1
        code = line.partition("//")[0].strip()
        if not code:
            assert line.startswith("// ")
            continue
        match = DECLARATION.fullmatch(code)
        assert match is not None, line
        assert match["name"] not in found
        stars = f" {match['stars']}" if match["stars"] else ""
        found[match["name"]] = f"{match['base']}{stars}" + (
            f" [{match['length']}]" if match["array"] else ""
        )
    return found


def comments(lines: Iterable[str]) -> dict[str, str]:
    """Return name -> what a comment says of it."""
    told = (line[3:].rstrip("\n").partition(": ") for line in lines if line.startswith("// "))
    return {name: why for name, _, why in told if why}


def plain_name(type_: Type) -> str:
    """Return the name of a type without qualifiers."""
    return re.sub(r"\b(?:const|volatile) | (?:const|volatile)\b", "", type_.type_name())


def table(**variables: str) -> GlobalTypes:
    return GlobalTypes(pack(SOURCES, {}, {n: [Choice(t, (0, 1))] for n, t in variables.items()}))


@pytest.mark.parametrize(
    ("spelled", "expected"),
    [
        ("int", "int x;"),
        ("unsigned long", "unsigned long x;"),
        ("struct list_head", "struct list_head x;"),
        ("struct page*", "struct page *x;"),
        ("char**", "char **x;"),
        ("char*[]", "char *x[];"),
        ("u8[]", "u8 x[];"),
    ],
)
def test_a_type_becomes_a_declaration(spelled: str, expected: str) -> None:
    lines = list(declarations_of_table(table(x=spelled), "6.1", "x86_64"))
    assert lines[0].startswith("// Global variables of Linux 6.1.0-1-cloud, 6.1.0-2-cloud, for ")
    assert lines[1:] == [f"{expected}\n"]
    assert list(declared(lines)) == ["x"]


@pytest.mark.parametrize(
    ("spelled", "why"),
    [
        ("struct{a,b}", "struct {a, b}, which has no name"),
        ("int(u8)*", "a function is in the type"),
        ("int[]*", "a pointer to an array"),
        ("int[][]", "an array of arrays, whose lengths are not known"),
        ("atomic_t.1", "no type is called 'atomic_t.1' in C"),
    ],
)
def test_what_cannot_be_declared_is_a_comment(spelled: str, why: str) -> None:
    lines = list(declarations_of_table(table(x=spelled), "6.1", "x86_64"))
    assert lines[1:] == [f"// x: {why}\n"]


def test_only_the_kernels_that_are_asked_for_count() -> None:
    variables = {
        "both": [Choice("int", (0, 1)), Choice("long", (2,))],
        "differs": [Choice("int", (0,)), Choice("long", (1,))],
        "other": [Choice("int", (2,))],
    }
    known = GlobalTypes(pack(SOURCES, {}, variables))
    lines = list(declarations_of_table(known, "6.1", "x86_64"))
    assert declared(lines) == {"both": "int"}
    told = comments(lines)
    assert told["differs"] == "different types: int (6.1.0-1-cloud), long (6.1.0-2-cloud)"
    assert "other" not in told
    assert declared(declarations_of_table(known, "6.12", "aarch64")) == {
        "both": "long",
        "other": "int",
    }
    with pytest.raises(ExpressionError, match=r"no kernel 6\.12 for x86_64 is known; known are 6"):
        list(declarations_of_table(known, "6.12", "x86_64"))


def test_every_kernel_of_the_table_that_ships_is_declared() -> None:
    for series, machine in {(s.series, s.machine) for s in global_types().sources}:
        found = declared(declarations_of_table(global_types(), series, machine))
        assert len(found) > 10_000, (series, machine)
        assert found["init_task"] == "struct task_struct"
        assert found["slab_caches"] == "struct list_head"
        assert found["init_uts_ns"] == "struct uts_namespace"


def test_the_variables_of_a_kernel_have_the_types_that_fit_it() -> None:
    world = World()
    world.struct("list_head", [("next", "void *"), ("prev", "void *")])
    world.struct("softirq_action", [("action", "void *")])
    start = world.room(512)
    world.symbols |= {
        "__start_rodata": start,
        "softirq_vec": start,
        "slab_caches": start + 88,
        "nobody_knows": start + 104,
        "__end_rodata": start + 256,
        "machine_ops": start + 280,  # a type that this kernel does not have
        "_end": start + 320,
    }
    lines = list(declarations_of_kernel(world.kernel()))
    assert declared(lines) == {
        "slab_caches": "struct list_head",
        "softirq_vec": "struct softirq_action [11]",
    }
    assert (
        "struct softirq_action softirq_vec[11]; // up to 11: the next symbol begins there\n"
        in lines
    )
    told = comments(lines)
    assert "nobody_knows" not in told
    assert "machine_ops" in told


def test_drgn_finds_the_same_by_the_declarations_as_inside_it(sample, capsys) -> None:
    """A declaration's type, looked up by its name as drgn's finder does, is the plugin's own."""
    core = sample("stock-7.3")
    status, out, err = run(capsys, "globals", "--c-declarations", str(core))
    assert (status, err) == (0, "")
    found = declared(out.splitlines(keepends=True))
    assert len(found) > 20_000
    prog = plugged_in(core)
    for name in [*list(found)[::101], "init_task", "modules", "btf_modules", "slab_caches"]:
        mine = prog[name].type_
        assert prog.type(found[name]).type_name() == plain_name(mine), name
        assert sizeof(prog.type(found[name])) == sizeof(mine), name


def test_the_command_says_what_it_is_to_be_given(capsys) -> None:
    status, out, _ = run(
        capsys, "globals", "--c-declarations", "--series", "6.12", "--machine", "s390x"
    )
    assert status == 0
    assert "struct task_struct init_task;\n" in out
    for words, expected in [
        ((), "expected either a vmcore, or --series and --machine"),
        (("core", "--series", "6.12"), "expected either a vmcore, or --series and --machine"),
        (("--series", "6.12"), "--series and --machine go together: say both"),
        (("--series", "6.11", "--machine", "x86_64"), "no kernel 6.11 for x86_64 is known"),
    ]:
        status, out, err = run(capsys, "globals", "--c-declarations", *words)
        assert (status, out) == (2, "")
        assert expected in err
