"""Context: the memory, types, symbols, layouts and annotations of one kernel."""

from __future__ import annotations

import re
from itertools import product
from typing import TYPE_CHECKING, TypeAlias

from btfdump._annotate.facts import Annotations, MemberFacts
from btfdump._annotate.overlay import library
from btfdump._btf import types
from btfdump._btf.names import essential_name
from btfdump._decode.layout import Layouts, StructLayout
from btfdump._decode.scope import Scope
from btfdump._walk import FAMILIES
from btfdump._walk.structs import KernelStruct
from btfdump.errors import (
    AmbiguousTypeError,
    ExpressionError,
    SymbolNotFoundError,
    TypeNotFoundError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from btfdump._annotate.facts import StructFacts
    from btfdump._annotate.overlay import Overlay
    from btfdump._btf.reader import Btf
    from btfdump._btf.types import TypeTable
    from btfdump._decode.layout import FoundMember
    from btfdump._decode.scope import Stated
    from btfdump._kernel.services import LoadedBtfs, MapValueTypes, Modules, Slabs
    from btfdump._targets.memory import Target

    _Member: TypeAlias = tuple[FoundMember, MemberFacts | None, Stated]

_TYPE_NAME = re.compile(
    r"\s*(?:(?:const|volatile)\s+)*(?:(?P<keyword>struct|union|enum)\s+)?(?P<name>[A-Za-z_]\w*(?:\s+[A-Za-z_]\w*)*)"
    r"\s*(?P<stars>[*\s]*)(?P<array>\[\s*(?:\d+|0x[0-9a-fA-F]+)?\s*\])?\s*"
)
# The names that GCC gives to C's integer types in DWARF, and therefore in BTF.
_C_INTEGERS = {
    "unsigned long": "long unsigned int",
    "unsigned": "unsigned int",
    "long": "long int",
    "unsigned long int": "long unsigned int",
    "long long": "long long int",
    "unsigned long long": "long long unsigned int",
    "unsigned short": "short unsigned int",
    "short": "short int",
    "bool": "_Bool",
}


class Context:
    """The memory, types, symbols and annotations of one kernel.

    `target` supplies memory and symbols, `btf` is that of vmlinux, and `overlays` are annotations
    that take precedence over the built-in library.
    """

    def __init__(self, target: Target, btf: Btf, overlays: Iterable[Overlay] = ()) -> None:
        self.target = target
        self.btf = btf
        self.modules: Modules | None = None
        self.kernel_btfs: LoadedBtfs | None = None
        self.map_types: MapValueTypes | None = None
        self.infers = True  # whether evidence may settle a type that nothing states
        self.layouts = Layouts(
            target.platform.byteorder, target.platform.pointer_size, self._stand_in
        )
        self.annotations = Annotations(tuple(overlays), library(), self._find_structs)
        self._facts: dict[types.Type, StructFacts] = {}
        # Of structs about whose members no outer struct states anything.
        self._members: dict[tuple[StructLayout, str], _Member] = {}
        self._mask = (1 << self.layouts.pointer_size * 8) - 1
        self._global_facts: dict[str, tuple[types.Type, MemberFacts] | None] = {}
        self._types: dict[str, types.Type] = {}
        self._arrays: dict[tuple[types.Type, int], types.Array] = {}
        self._pointees: dict[types.Ptr, types.Type] = {}
        self._real: dict[types.Type, types.Composite | None] = {}
        self._shapes: dict[str, KernelStruct] = {}
        self._container_facts: dict[types.Type, MemberFacts | None] = {}

    @property
    def slabs(self) -> Slabs | None:
        """The finder of slab objects by address, or None if there is none."""
        return None

    def wrap(self, address: int) -> int:
        """Reduce a computed address to the width of a pointer, as C arithmetic does."""
        return address & self._mask

    def facts(self, layout: StructLayout) -> StructFacts:
        """Return what annotations state about a struct, checked against its type and cached."""
        found = self._facts.get(layout.base)
        if found is None:
            found = self._facts[layout.base] = self.annotations.of_struct(layout.base)
        return found

    def container_facts(self, layout: StructLayout) -> MemberFacts | None:
        """Return what every container of this type holds, for members without annotations.

        Returns None if the type is not a container, or if it is not known what it holds.
        """
        if layout.base.name not in FAMILIES:
            return None
        if layout.base not in self._container_facts:
            self._container_facts[layout.base] = self.annotations.of_container(layout.base)
        return self._container_facts[layout.base]

    def member(self, struct: StructLayout, name: str, stated: Stated = ()) -> _Member:
        """Find a member; return it, its facts, and what is stated about the members inside it.

        `stated` is what the structs and pointers that lead to `struct` state about its members.
        Raises `MemberNotFoundError`.
        """
        if stated:
            return self._find_member(struct, name, stated)
        key = struct, name
        known = self._members.get(key)
        if known is None:
            known = self._members[key] = self._find_member(struct, name, ())
        return known

    def _find_member(self, struct: StructLayout, name: str, stated: Stated) -> _Member:
        found = self.layouts.member(struct, name)
        scope = Scope(self.facts(struct), stated)
        if found.owner is not struct:  # an anonymous struct inside
            scope = Scope(self.facts(found.owner), scope.stated)
        facts: MemberFacts | None = scope.of(found.number, name)
        if facts is None and isinstance(found.layout, StructLayout):
            facts = self.container_facts(found.layout)
        return found, facts, scope.inside(name)

    def struct(self, name: str) -> KernelStruct:
        """Return the member offsets of the kernel's own `struct name`, for walkers.

        Raises `TypeNotFoundError` or `AmbiguousTypeError`.
        """
        found = self._shapes.get(name)
        if found is None:
            layout = self.layouts.of(self.type(f"struct {name}"))
            if not isinstance(layout, StructLayout):
                raise TypeNotFoundError(f"struct {name} is not complete in the BTF")
            found = self._shapes[name] = KernelStruct(self.layouts, layout)
        return found

    def type(self, name: str) -> types.Type:
        """Return a type by its C name: `struct foo`, `unsigned long`, `struct foo *`, `u8[6]`.

        vmlinux is searched first, then the modules. Raises `TypeNotFoundError` if neither has it,
        `AmbiguousTypeError` if there are several, and `ExpressionError` if the text is not a type
        name.
        """
        found = self._types.get(name)
        if found is None:
            found = self._types[name] = self._parse_type(name)
        return found

    def _parse_type(self, text: str) -> types.Type:
        match = _TYPE_NAME.fullmatch(text)
        if match is None:
            raise ExpressionError(f"{text!r} is not a type name such as 'struct task_struct'")
        type_ = self._named(match["keyword"], " ".join(match["name"].split()))
        stars = match["stars"].count("*")
        if stars > 1 or (stars and match["array"]):
            raise ExpressionError(f"{text!r}: of derived types, one * or one [N] is understood")
        if stars:
            type_ = types.Ptr(type_.btf, 0, "", type_.id)
        if match["array"]:
            length = match["array"].strip("[] \t")
            type_ = types.Array(type_.btf, 0, "", type_.id, 0, int(length, 0) if length else 0)
        return type_

    def _named(self, keyword: str | None, name: str) -> types.Type:
        kinds = (keyword,) if keyword else ("typedef", "int", "float")
        # Clang spells integer types as C programmers do; GCC has its own spelling.
        names = [name] if keyword or name not in _C_INTEGERS else [name, _C_INTEGERS[name]]
        for btf in self._btfs(everywhere=True):
            for kind, spelling in product(kinds, names):
                try:
                    return btf.find(kind, spelling)
                except AmbiguousTypeError:
                    alike = _one_integer(btf.find_all(kind, spelling))
                    if alike is None:
                        raise
                    return alike
                except TypeNotFoundError:
                    continue
        spelled = f"{keyword} {name}" if keyword else name
        for other in ("struct", "union", "enum"):
            if not keyword and self.btf.find_all(other, name):
                raise TypeNotFoundError(f"no type {name!r}; there is a {other} {name}")
        raise TypeNotFoundError(f"no {spelled} in the BTF of this kernel or its modules")

    def btfs(self) -> Iterable[Btf]:
        """Yield the BTF of vmlinux, then those of the modules."""
        yield self.btf
        if self.modules is not None:
            yield from self.modules.btfs()

    def _btfs(self, *, everywhere: bool, near: TypeTable | None = None) -> Iterable[TypeTable]:
        if near is not None and near is not self.btf:
            yield near
        yield from self.btfs() if everywhere else (self.btf,)

    def _find_structs(self, name: str, near: TypeTable, everywhere: bool) -> list[types.Composite]:
        for btf in self._btfs(everywhere=everywhere, near=near):
            found = [t for t in btf.find_all(None, name) if isinstance(t, types.Composite)]
            if found:
                return found
        return []

    def pointee(self, pointer: types.Ptr) -> types.Type:
        """Return the type that a pointer points to, without modifiers.

        If the BTF of a BPF program has only a copy of a kernel struct, this is the kernel's own
        struct.
        """
        found = self._pointees.get(pointer)
        if found is None:
            target = pointer.btf.skip_modifiers(pointer.type_id)
            found = self._pointees[pointer] = self.real_struct(target) or target
        return found

    def array(self, element: types.Type, length: int) -> types.Array:
        """Return the type of an array of `length` elements that no declaration mentions.

        The same arguments always give the same object.
        """
        found = self._arrays.get((element, length))
        if found is None:
            found = types.Array(element.btf, 0, "", element.id, 0, length)
            self._arrays[element, length] = found
        return found

    def real_struct(self, type_: types.Type) -> types.Composite | None:
        """Return the kernel's struct for a struct in the BTF of a BPF program, or None.

        Programs are compiled with a header generated from some kernel's types. Its definitions need
        not match this kernel, and are often only forward declarations. btf_parse_kptr()
        (kernel/bpf/btf.c) also looks names up in the kernel's BTF first. A struct that shares no
        more than half of its members with the kernel's struct of that name is taken for a different
        one, the program's own.
        """
        is_of_program = type_.btf is not self.btf and type_.btf.base is None
        if not (is_of_program and isinstance(type_, types.Composite | types.Fwd) and type_.name):
            return None
        if type_ not in self._real:
            self._real[type_] = self._find_real(type_)
        return self._real[type_]

    def _find_real(self, type_: types.Composite | types.Fwd) -> types.Composite | None:
        found = self._find_structs(essential_name(type_.name), self.btf, True)
        if isinstance(type_, types.Composite):
            names = {member.name for member in type_.members}
            found = [s for s in found if 2 * len(names & {m.name for m in s.members}) > len(names)]
        shapes = {(s.size, tuple((m.name, m.bit_offset) for m in s.members)) for s in found}
        return found[0] if len(shapes) == 1 else None

    def _stand_in(self, struct: types.Composite) -> types.Composite | None:
        """Return the struct that an overlay puts in place of one that is opaque in BTF, or None."""
        for overlay in self.annotations.sources():
            for name in overlay.opaque(struct.name):
                for found in self._find_structs(name, self.btf, False):
                    if found.size <= struct.size:
                        return found
        return None

    def symbol(self, name: str) -> int:
        """Return the virtual address of a symbol of vmlinux or of a module.

        Raises `SymbolNotFoundError` if neither has it, and `MissingDataError` if there is no symbol
        table.
        """
        try:
            return self.target.symbol(name)
        except SymbolNotFoundError:
            address = self.modules.symbol(name) if self.modules is not None else None
            if address is None:
                raise
            return address

    def symbolize(self, address: int) -> str | None:
        """Return `name`, `name+0x10` or `name [module]` for a virtual address, else None."""
        found = self.target.symbolize(address)
        if found is None and self.modules is not None:
            return self.modules.symbolize(address)
        return found

    def global_type(self, name: str) -> tuple[types.Type, MemberFacts] | None:
        """Return the type of a global variable and what is known about it.

        The type comes from an overlay, from a BTF variable, or from the library's table of globals,
        in that order. Returns None if none of them has the name.
        """
        if name not in self._global_facts:
            self._global_facts[name] = self._find_global(name)
        return self._global_facts[name]

    def _find_global(self, name: str) -> tuple[types.Type, MemberFacts] | None:
        declared = [(source.source, source.global_(name)) for source in self.annotations.sources()]
        statements = [(source, known.alternatives) for source, known in declared if known]
        for btf in self._btfs(everywhere=self._in_module(name)):
            for var in btf.find_all("var", name):
                tags = tuple(tag.text for tag in btf.decl_tags(var.id) if not tag.is_attribute)
                type_ = btf.type(var.type_id)  # type: ignore[attr-defined]
                return type_, self.annotations.of_global(type_, statements, tags)
        for _, known in declared:
            if known:
                type_ = self.type(known.type)
                return type_, self.annotations.of_global(type_, statements, ())
        return None

    def variable(self, name: str) -> tuple[types.Type, int, MemberFacts]:
        """Return the type and virtual address of a global variable, and what is known about it.

        Raises `SymbolNotFoundError` if there is no such variable, and `ExpressionError` if its type
        is not known.
        """
        known = self.global_type(name)
        address = self.symbol(name)
        if known is None:
            raise ExpressionError(
                f"the type of {name} (at {address:#x}) is not known: BTF describes only per-CPU "
                f"variables; say 'TYPE' {name}, or state it in an overlay: [global] {name} = "
                '{ type = "struct list_head", tag = "ELEMENT:LINK" }'
            )
        return known[0], address, known[1]

    def is_per_cpu(self, name: str) -> bool:
        """Whether `name` is a per-CPU variable, the only kind that a kernel's BTF describes."""
        for btf in self._btfs(everywhere=self._in_module(name)):
            if btf.find_all("var", name):
                return True
        return False

    def _in_module(self, name: str) -> bool:
        try:
            self.target.symbol(name)
        except SymbolNotFoundError:
            return True
        return False


def _one_integer(found: Sequence[types.Type]) -> types.Type | None:
    """Return one of several types of the same name if all are the same integer type, else None."""
    bases = [type_.btf.skip_modifiers(type_) for type_ in found]
    shapes = {(b.size, b.bits, b.is_signed, b.is_bool) for b in bases if isinstance(b, types.Int)}
    is_one = len(shapes) == 1 and all(isinstance(base, types.Int) for base in bases)
    return found[0] if is_one else None
