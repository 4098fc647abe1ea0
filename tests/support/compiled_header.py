"""What a compiler makes of a header: its types read back from DWARF, compared with the BTF's."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import drgn
import pytest

from btfdump._btf import types as t
from btfdump._btf.c.header import every_type
from btfdump._btf.c.names import Names
from btfdump._btf.c.words import identifier

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from btfdump._btf import Btf

COMPILERS = ("gcc", "clang-16")
_OPTIONS = ("-g", "-fno-eliminate-unused-debug-types", "-fPIC", "-shared", "-nostdlib", "-w")


def compiler() -> str:
    """Return a compiler of this machine; CI installs clang-16."""
    found = next(filter(None, map(shutil.which, COMPILERS)), None)
    if found is None:
        pytest.fail(f"none of {', '.join(COMPILERS)} is installed (Debian: apt-get install gcc)")
    return found


def compile_header(text: str, folder: Path, *options: str, program: str = "") -> Path:
    """Compile a header; return the file of what became of it."""
    source, out = folder / "header.c", folder / "header.so"
    source.write_text(text + "\nint there_is_something;\n")
    done = subprocess.run(
        [program or compiler(), *(options or _OPTIONS), "-o", out, source],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.fail(done.stderr[:4000])
    return out


def differences(btf: Btf, compiled: Path) -> tuple[int, list[str]]:
    """Return how many structs and unions were compared, and what differs in them."""
    program = drgn.Program(drgn.Platform(drgn.Architecture.X86_64))
    program.extra_module("header", create=True).try_file(compiled)
    names = Names(every_type(btf))
    compared = 0
    found: list[str] = []
    for type_ in every_type(btf):
        if isinstance(type_, t.Composite) and type_.name and names.original(type_) is type_:
            compared += 1
            made = program.type(f"{type_.keyword} {names.of(type_)}")
            found += _compare(type_, made, str(type_))
    return compared, found


def _compare(type_: t.Composite, made: drgn.Type, path: str) -> Iterator[str]:
    if type_.size != made.size:
        yield f"{path}: {type_.size} bytes, compiled {made.size}"
    own = [(m.name and identifier(m.name), m.bit_offset, m.bit_size) for m in type_.members]
    names = {name for name, _, _ in own}
    members = [
        m for m in made.members or () if m.name in names or not (m.name or "").startswith("__pad")
    ]
    theirs = [(m.name or "", m.bit_offset, m.bit_field_size or 0) for m in members]
    if own != theirs:
        yield f"{path}: {set(own) ^ set(theirs)}"
        return
    for member, compiled in zip(type_.members, members, strict=True):
        inner = type_.btf.skip_modifiers(member.type_id)
        while isinstance(inner, t.Array):
            inner = type_.btf.skip_modifiers(inner.type_id)
        if isinstance(inner, t.Composite) and not inner.name:
            yield from _compare(inner, _stripped(compiled.type), f"{path}.{member.name}")


def _stripped(made: drgn.Type) -> drgn.Type:
    while made.kind in (drgn.TypeKind.TYPEDEF, drgn.TypeKind.ARRAY):
        made = made.type
    return made
