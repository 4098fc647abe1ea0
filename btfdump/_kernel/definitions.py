"""Which struct is meant by a forward declaration, or by a BPF program's copy of a kernel's struct.

vmlinux knows many structs of modules by name only, and so do modules those of others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._btf import types
from btfdump._btf.names import essential_name
from btfdump._btf.type_name import choice_of

if TYPE_CHECKING:
    from btfdump._annotate.lookup import Lookup
    from btfdump._btf.reader import Btf


class Definitions:
    """Finds the definitions of one kernel's structs; `btf` is that of vmlinux."""

    def __init__(self, btf: Btf, lookup: Lookup) -> None:
        self._btf = btf
        self._lookup = lookup
        self._real: dict[types.Type, types.Composite | None] = {}
        self._declared: dict[types.Type, types.Composite | None] = {}

    def near(self, type_: types.Type) -> types.Type:
        """Return the struct that a type without modifiers stands for, without asking modules.

        That is the type itself, unless it is a forward declaration of a struct that its own BTF, or
        the BTF that this is split from, defines, or a BPF program's copy of a kernel's struct.
        """
        real = self._real_struct(type_)
        if real is not None:
            return real
        if not isinstance(type_, types.Fwd) or not type_.name:
            return type_
        return self.of(type_) if self._lookup.is_near(type_.name, type_.btf) else type_

    def of(self, type_: types.Type) -> types.Type:
        """Return the same, in whatever module the definition is.

        All modules may have to be asked, so this is for pointers that are followed. Where several
        have different ones, it stays a declaration.
        """
        real = self._real_struct(type_)
        if real is not None:
            return real
        if not isinstance(type_, types.Fwd) or not type_.name:
            return type_
        if type_ not in self._declared:
            found = self._lookup.called(type_.name, type_.btf)
            fitting = [struct for struct in found if struct.keyword == type_.keyword]
            self._declared[type_] = fitting[0] if len(fitting) == 1 else None
        return self._declared[type_] or type_

    def undefined(self, type_: types.Type) -> str:
        """Say why a forward declaration has no members; "" if the type is none."""
        plain = type_.btf.skip_modifiers(type_)
        if not isinstance(plain, types.Fwd):
            return ""
        name = f"{plain.keyword} {plain.name}"
        found = self._lookup.called(plain.name, plain.btf)
        if not found:
            return f"{name} is only declared: neither the kernel nor a loaded module defines it"
        ids = ", ".join(f"'{choice_of(struct)}'" for struct in found[:8])
        return f"{name} is only declared here, and there are {len(found)} different ones: {ids}"

    def _real_struct(self, type_: types.Type) -> types.Composite | None:
        """Return the kernel's struct for a struct in the BTF of a BPF program, or None.

        Programs are compiled with a header generated from some kernel's types. Its definitions need
        not match this kernel, and are often only forward declarations. btf_parse_kptr()
        (kernel/bpf/btf.c) also looks names up in the kernel's BTF first. A struct that shares no
        more than half of its members with the kernel's struct of that name is taken for a different
        one, the program's own.
        """
        is_of_program = type_.btf is not self._btf and type_.btf.base is None
        if not (is_of_program and isinstance(type_, types.Composite | types.Fwd) and type_.name):
            return None
        if type_ not in self._real:
            self._real[type_] = self._find_real(type_)
        return self._real[type_]

    def _find_real(self, type_: types.Composite | types.Fwd) -> types.Composite | None:
        found = self._lookup.called(essential_name(type_.name), self._btf)
        if isinstance(type_, types.Composite):
            names = {member.name for member in type_.members}
            found = [s for s in found if 2 * len(names & {m.name for m in s.members}) > len(names)]
        shapes = {(s.size, tuple((m.name, m.bit_offset) for m in s.members)) for s in found}
        return found[0] if len(shapes) == 1 else None
