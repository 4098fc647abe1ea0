"""drgn's own commands of the crash utility, without debuginfo, print what they print with it."""

from __future__ import annotations

import json
import lzma
import re
from typing import TYPE_CHECKING

import pytest

from tests.support.drgn_programs import VERSION

if VERSION != (0, 3):
    pytest.skip("recorded with drgn 0.3: others print otherwise", allow_module_level=True)
from tests.support.crash_commands import FORMS, brief, output_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from drgn import Program

_FRAME = re.compile(r" *#\d+ ")
_NAME = re.compile(r"(?a:\w+(?= at ))")
SYMBOLS = {
    # DWARF names a piece of assembly by where it begins, symbols by the last label.
    "entry_SYSCALL_64": "entry_SYSCALL_64_after_hwframe",
    "secondary_startup_64": "common_startup_64",
    # One function, as the other does nothing but call it: two names at one address.
    "__do_sys_pause": "__x64_sys_pause",
    "__do_sys_vfork": "__x64_sys_vfork",
}
"""By the name that DWARF has of a frame, what symbols call it."""


def no_inlines(text: str) -> str:
    """Leave out inlined frames and lines of source; count the others anew, and name by symbols."""
    lines = []
    frames = 0
    for line in text.splitlines():
        if _FRAME.match(line) is None:
            if re.match(r"(?a:    \S+\.[chS]: \d+$)", line):
                continue
            if line.startswith("PID:"):
                frames = 0
            lines.append(line)
        elif "(inline)" not in line:
            line = _FRAME.sub(f"#{frames} ", line)
            lines.append(_NAME.sub(lambda match: SYMBOLS.get(match[0], match[0]), line))
            frames += 1
    return "\n".join(lines)


def no_source(text: str) -> str:
    """Leave out files and numbers of lines behind the name of a function."""
    return re.sub(r"(?a:(?m: \S+\.[chS]: \d+$))", "", text)


def no_files(text: str) -> str:
    """Leave out the file that debuginfo is from, and the folder that the dump is in."""
    text = re.sub(r"(?m)^ *KERNEL: .*\n", "", text)
    return re.sub(r"(?m)^( *DUMPFILE: ).*?([^/\n]+/[^/\n]+/vmcore)$", r"\1\2", text)


def in_any_order(text: str) -> str:
    """Sort the lines."""
    return "\n".join(sorted(text.splitlines()))


# BTF knows nothing of inlined functions and lines of source.
ALIKE: dict[str, Callable[[str], str]] = {
    "bt 1": no_inlines,
    "bt -a": no_inlines,
    "bt -f 1": no_inlines,
    "bt -l 1": no_inlines,
    "foreach bt": no_inlines,
    "sym schedule": no_source,
    # There is no vmlinux to be named.
    "sys": no_files,
    # `jiffies` and `jiffies_64` are at one address: the order of a vmlinux's symbols is not known.
    "sym -q jiffies": in_any_order,
}


@pytest.fixture(scope="module")
def recorded(dump_file: Callable[[str], Path]) -> dict[str, str]:
    with lzma.open(dump_file("stock-7.3/drgn-crash.json.xz"), "rt") as file:
        found: dict[str, str] = json.load(file)
    return found


@pytest.fixture(scope="module")
def prog(program: Callable[[str], Program]) -> Program:
    """A program in which the first command has been run, which the others need."""
    opened = program("stock-7.3")
    output_of(opened, FORMS[0])
    return opened


def test_all_forms_were_recorded_that_run(recorded: dict[str, str]) -> None:
    assert len(recorded) == 83
    assert recorded.keys() <= {*FORMS}
    assert ALIKE.keys() <= recorded.keys()


@pytest.mark.parametrize("form", FORMS)
def test_a_command_prints_the_same_as_with_dwarf(
    prog: Program, recorded: dict[str, str], form: str
) -> None:
    expected, output = recorded[form], brief(output_of(prog, form))
    if form not in ALIKE:
        assert output == expected
        return
    assert output != expected  # or it is to be taken off the list
    alike = ALIKE[form]
    assert alike(output) == alike(expected)
