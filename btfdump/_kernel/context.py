"""Context: the memory, types, symbols, layouts and annotations of one kernel."""

from __future__ import annotations

from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from btfdump._annotate.annotations import Annotations
from btfdump._annotate.lookup import Lookup
from btfdump._annotate.overlay import library
from btfdump._btf import types
from btfdump._btf.type_name import VMLINUX
from btfdump._decode.layout import Layouts, StructLayout
from btfdump._decode.scope import Scope
from btfdump._kernel.arguments import text
from btfdump._kernel.declared import fitting
from btfdump._kernel.surroundings import KernelSurroundings
from btfdump._kernel.symbol_names import FoundSymbol, SymbolNames
from btfdump._kernel.type_names import TypeNames
from btfdump._targets.memory import symbols_named
from btfdump._walk import FAMILIES
from btfdump._walk.structs import KernelStruct
from btfdump.errors import (
    AmbiguousSymbolError,
    SymbolNotFoundError,
    TargetError,
    TypeNotFoundError,
    UnknownTypeError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from drgn import Object

    from btfdump._annotate.facts import MemberFacts, StructFacts
    from btfdump._annotate.overlay import Global, Overlay
    from btfdump._annotate.template import Template
    from btfdump._btf.reader import Btf
    from btfdump._decode.layout import FoundMember
    from btfdump._decode.scope import Stated
    from btfdump._kernel.definitions import Definitions
    from btfdump._kernel.sections import Sections
    from btfdump._kernel.services import (
        LoadedBtfs,
        MapValueTypes,
        Modules,
        ObjectBounds,
        ObjectStates,
        Slabs,
    )
    from btfdump._kernel.tabulated import TabulatedTypes
    from btfdump._targets.memory import Target

    _Member: TypeAlias = tuple[FoundMember, MemberFacts | None, Stated]


class _Typed(NamedTuple):
    """A global variable's type, what is known of it beyond that, and who tells the type."""

    type: types.Type
    facts: MemberFacts
    source: str


class Context:
    """The memory, types, symbols and annotations of one kernel.

    `target` supplies memory and symbols, `btf` is that of vmlinux, and `overlays` are annotations
    that take precedence over the built-in library.
    """

    def __init__(self, target: Target, btf: Btf, overlays: Iterable[Overlay] = ()) -> None:
        self.target = target
        self.btf = btf
        self.modules: Modules | None = None
        self._type_names = TypeNames(btf, None)
        self._symbol_names = SymbolNames(target, None)
        self._kernel_btfs: LoadedBtfs | None = None
        self._map_types: MapValueTypes | None = None
        self.infers = True  # whether evidence may settle a type that nothing states
        self.layouts = Layouts(
            target.platform.byteorder,
            target.platform.pointer_size,
            self._stand_in,
            lambda type_: self.annotations.meanings.of_type(type_),
        )
        self.lookup = Lookup(btf, self._modules_naming)
        self.annotations = Annotations(
            tuple(overlays), library(), self.lookup, KernelSurroundings(self)
        )
        self._know_modules = False  # whether modules were asked for what annotations name
        self._facts: dict[types.Type, StructFacts] = {}
        self._summaries: dict[types.Type, Sequence[str] | Sequence[Template]] = {}
        # Of structs about whose members no outer struct states anything.
        self._members: dict[tuple[StructLayout, str], _Member] = {}
        self._mask = (1 << self.layouts.pointer_size * 8) - 1
        self._global_facts: dict[tuple[FoundSymbol, str], _Typed | str] = {}
        self._arrays: dict[tuple[types.Type, int], types.Array] = {}
        self._pointees: dict[types.Ptr, types.Type] = {}
        self._shapes: dict[str, KernelStruct] = {}
        self._of_containers: dict[types.Type, MemberFacts | None] = {}
        self._of_table: TabulatedTypes | None = None

    @property
    def _slabs(self) -> Slabs | None:
        """The finder of slab objects by address, or None if there is none."""
        return None

    @property
    def _freelists(self) -> ObjectStates | None:
        """What tells whether slab objects are free, or None if nothing does."""
        return None

    @property
    def _bounds(self) -> ObjectBounds | None:
        """What bounds objects by their slab objects, or None if nothing does."""
        return None

    def _fate_of(self, value: Any) -> str:
        """Return what became of an object that a pointer may have outlived, "" if nothing has."""
        del value
        return ""

    def _object_of(self, value: Any) -> Object:
        del value
        raise TargetError("a kernel without a drgn.Program has no objects of drgn's")

    def wrap(self, address: int) -> int:
        """Reduce a computed address to the width of a pointer, as C arithmetic does."""
        return address & self._mask

    def facts(self, layout: StructLayout) -> StructFacts:
        """Return what annotations state about a struct, checked against its type and cached."""
        found = self._facts.get(layout.base)
        if found is None:
            found = self._facts[layout.base] = self.annotations.of_struct(layout.base)
        return found

    def _summary_of(self, layout: StructLayout) -> Sequence[str] | Sequence[Template]:
        """Return what tells an object of a type in a line, by annotations; () for nothing."""
        found = self._summaries.get(layout.base)
        if found is None:
            found = self._summaries[layout.base] = self.annotations.summary_of(layout.base)
        return found

    def _forget_facts(self) -> None:
        """Forget what annotations state: to be asked again, now that other modules are known."""
        for known in (self._facts, self._members, self._of_containers, self._global_facts):
            known.clear()
        self._summaries.clear()
        vars(self).pop("definitions", None)
        self._pointees.clear()
        self._know_modules = False

    def _container_facts(self, layout: StructLayout) -> MemberFacts | None:
        """Return what every container of this type holds, for members without annotations.

        Returns None if the type is not a container, or if it is not known what it holds.
        """
        if layout.base.name not in FAMILIES:
            return None
        if layout.base not in self._of_containers:
            self._of_containers[layout.base] = self.annotations.of_container(layout.base)
        return self._of_containers[layout.base]

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
            facts = self._container_facts(found.layout)
        return found, facts, scope.inside(name)

    def struct(self, name: str) -> KernelStruct:
        """Return the member offsets of the kernel's own `struct name`, for walkers.

        Raises `TypeNotFoundError` or `AmbiguousTypeError`.
        """
        found = self._shapes.get(name)
        if found is None:
            layout = self.layouts.of(self.own_type(f"struct {name}"))
            if not isinstance(layout, StructLayout):
                raise TypeNotFoundError(f"struct {name} is not complete in the BTF")
            found = self._shapes[name] = KernelStruct(self.layouts, layout)
        return found

    def _set_modules(self, modules: Modules | None) -> None:
        """Take these for the loaded modules from now on, and forget what names have meant."""
        self.modules = modules
        self._type_names = TypeNames(self.btf, modules)
        self._symbol_names = SymbolNames(self.target, modules)
        self._of_table = None
        self._global_facts.clear()
        if self._know_modules:
            self._forget_facts()

    def type(self, name: str) -> types.Type:
        """Return the type that a user's `name` means: `struct foo`, `unsigned long *`, `u8[6]`.

        `MODULE:struct foo` is that of a module, `vmlinux:struct foo` the kernel's own, and
        `struct foo@13447` the one with a type id. Types of one name that are laid out alike are one
        type. Raises `TypeNotFoundError`, `AmbiguousTypeError` if vmlinux and the modules have
        different ones, and `ExpressionError` if the text is not a type name.
        """
        return self._type_names.find(text(name, "a C type"))

    def own_type(self, name: str) -> types.Type:
        """Return a type that the kernel itself is known to have, by the same names.

        Modules are asked only where vmlinux has none of the name: this is for code that knows what
        it looks for, and must not load the types of modules for it. Raises what `type()` raises.
        """
        return self._type_names.find(name, own=True)

    def btfs(self) -> Iterable[Btf]:
        """Yield the BTF of vmlinux, then those of the modules."""
        yield self.btf
        if self.modules is not None:
            yield from self.modules.btfs()

    def _modules_naming(self, name: str) -> Sequence[Btf]:
        if self.modules is None:
            return ()
        self._know_modules = True
        return self.modules.naming(name)

    @cached_property
    def definitions(self) -> Definitions:
        """What finds the structs that declarations and copies stand for."""
        from btfdump._kernel.definitions import Definitions

        return Definitions(self.btf, self.lookup)

    def pointee(self, pointer: types.Ptr) -> types.Type:
        """Return the type that a pointer points to, without modifiers: see `Definitions.near()`."""
        found = self._pointees.get(pointer)
        if found is None:
            target = pointer.btf.skip_modifiers(pointer.type_id)
            is_plain = not isinstance(target, types.Fwd) and target.btf is self.btf  # as most are
            found = target if is_plain else self.definitions.near(target)
            self._pointees[pointer] = found
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

    def _stand_in(self, struct: types.Composite) -> types.Composite | None:
        """Return the struct that an overlay puts in place of one that is opaque in BTF, or None."""
        for overlay in self.annotations.sources():
            for name in overlay.opaque(struct.name):
                for found in self.btf.find_all(None, name):
                    if isinstance(found, types.Composite) and found.size <= struct.size:
                        return found
        return None

    def symbol(self, name: str) -> int:
        """Return the virtual address of the symbol that a user's `name` means.

        `MODULE:foo` is that of a module, `vmlinux:foo` the kernel's own, and `foo@2` the second of
        several by address. Raises `SymbolNotFoundError`, `AmbiguousSymbolError` if vmlinux and the
        modules have several, and `MissingDataError` if there is no symbol table.
        """
        return self._symbol_names.find(name).address

    def own_symbol(self, name: str) -> int:
        """Return the virtual address of a symbol that the kernel itself is known to have.

        A global one goes before local ones, and vmlinux before the modules, which are asked only
        where it has none. Raises what `symbol()` raises.
        """
        return self._symbol_names.own(name).address

    def _has_symbol(self, name: str) -> bool:
        """Whether a symbol is there that a user's `name` may mean, be its type known or not.

        Raises `MissingDataError` if there is no symbol table.
        """
        try:
            self._symbol_names.find(name)
        except SymbolNotFoundError:
            return False
        except AmbiguousSymbolError:
            return True
        return True

    def symbolize(self, address: int) -> str | None:
        """Return `name`, `name+0x10` or `name [module]` for a virtual address, else None."""
        if not address:  # where per-CPU variables begin; nothing is there
            return None
        found = self.target.symbolize(address)
        if found is None and self.modules is not None:
            return self.modules.symbolize(address)
        return found

    def variable(self, name: str) -> tuple[types.Type, int, MemberFacts]:
        """Return the type and virtual address of a global variable, and what is known about it.

        `name` is as for `symbol()`. The type comes from a BTF variable, from an overlay, from the
        library, or from the globals of known kernels, in that order. Raises what `symbol()` raises,
        and `UnknownTypeError` if the type is not known.
        """
        symbol = self._symbol_names.find(name, data=True)
        known = self._variable(symbol, name)
        return known.type, symbol.address, known.facts

    def own_variable(self, name: str) -> tuple[types.Type, int, MemberFacts]:
        """Return the same for a variable that the kernel itself is known to have.

        See `own_symbol()`.
        """
        symbol = self._symbol_names.own(name)
        try:
            known = self._variable(symbol, name)
        except UnknownTypeError:  # of a function, perhaps, that a variable shares its name with
            other = self._symbol_names.find(name, data=True)
            if other == symbol:
                raise
            symbol, known = other, self._variable(other, name)
        return known.type, symbol.address, known.facts

    def typed_by(self, name: str) -> str:
        """Return who tells the type of a variable: "BTF", "library", "globals 6.12", ...

        Raises what `variable()` raises.
        """
        return self._variable(self._symbol_names.find(name, data=True), name).source

    def _variable(self, symbol: FoundSymbol, name: str) -> _Typed:
        known = self._global_facts.get((symbol, name))
        if known is None:
            known = self._global_facts[symbol, name] = self._find_global(symbol, name)
        if isinstance(known, str):
            from btfdump._kernel.untyped import untyped

            text = untyped(self, symbol, name, known)
            raise UnknownTypeError(text, symbol.address, known)
        return known

    def _listed_variable(
        self, symbol: FoundSymbol, name: str, *, is_own: bool, sharing: int
    ) -> tuple[types.Type, str, MemberFacts] | str:
        """Return the type of a variable, who tells it, and what is known about it.

        Or why that is not known.

        `name` is what the user calls it, `is_own` says that its bare name can mean only this one,
        and `sharing` how many variables of vmlinux have that. This does not ask the symbol table
        again, for those who go through it.
        """
        known = self._find_global(symbol, name, is_own=is_own, sharing=sharing)
        return known if isinstance(known, str) else (known.type, known.source, known.facts)

    def _find_global(
        self,
        symbol: FoundSymbol,
        name: str,
        *,
        is_own: bool | None = None,
        sharing: int | None = None,
    ) -> _Typed | str:
        """Return the type of a variable and what is known about it; or why that is not known.

        See `_listed_variable()`; what is None is found out.
        """
        keys = [name] if name != symbol.name else []
        keys += [f"{symbol.module}:{symbol.name}"]
        is_clear = self._is_own(symbol) if is_own is None else is_own
        stated: list[tuple[str, Global]] = []
        unclear = ""
        for source in self.annotations.sources():
            said = [(key, known) for key in (*keys, symbol.name) if (known := source.global_(key))]
            meant = [known for key, known in said if is_clear or key != symbol.name]
            if meant:
                stated += [(source.source, choice) for choice in meant[0]]
            elif said:
                unclear = f"{source.source} does not say which {symbol.name} it means"
        found = self._vars(symbol)
        if found:
            different = {str(var.target): var for var in found}
            if len(different) > 1:
                return f"BTF has variables of that name of types {', '.join(different)}"
            var = found[0]
            tags = tuple(tag.text for tag in var.btf.decl_tags(var.id) if not tag.is_attribute)
            statements = [(source, choice.alternatives) for source, choice in stated]
            facts = self.annotations.of_global(var.target, var.btf, statements, tags)
            inside = [(source, choice.members) for source, choice in stated if choice.members]
            if inside:
                facts.of_target.update(self.annotations.inside_global(var.target, inside)[0])
            return _Typed(var.target, facts, "BTF")
        misfits: list[str] = []
        if stated:
            fits = fitting(self, symbol.address, stated)
            if not isinstance(fits, list):
                typed = _Typed(*fits)
                if not (typed.facts.is_container or typed.facts.cases):  # which say it themselves
                    typed.facts.typed_as_of = typed.source
                return typed
            misfits = fits
        return self._tabulated(symbol, misfits + [unclear] * bool(unclear), sharing)

    def _tabulated(
        self, symbol: FoundSymbol, reasons: list[str], sharing: int | None
    ) -> _Typed | str:
        """Return the type that the table of globals has of a variable; or why it is not known.

        `reasons` are what is against the types that annotations state. The table is about vmlinux,
        and about names that mean one thing there.
        """
        if symbol.module != VMLINUX:
            return "; ".join(reasons) or f"BTF does not describe the variables of {symbol.module}"
        if sharing is None:
            named = symbols_named(self.target, symbol.name)
            if any(one.is_code and one.address == symbol.address for one in named):
                return "; ".join(reasons) or "it is in the kernel's code"
            sharing = sum(not one.is_code for one in named)
        if sharing > 1:
            return "; ".join(reasons) or f"{sharing} symbols have that name"
        if self._of_table is None:
            from btfdump._kernel.tabulated import TabulatedTypes

            self._of_table = TabulatedTypes(self.target, self._type_names, self.btf, self.layouts)
        found = self._of_table.find(symbol.name, symbol.address)
        if not isinstance(found, str) and not self.layouts.of(found.type).size:
            found = f"{found.type} has no bytes"
        if isinstance(found, str):
            nothing = "neither BTF, nor annotations, nor the globals of known kernels have it"
            return "; ".join([*reasons, found] if found else reasons or [nothing])
        facts = self.annotations.of_global(found.type, found.type.btf, [], ())
        facts.typed_as_of = f"globals {found.series}"
        facts.is_flat = found.is_flat
        if found.is_by_room and isinstance(found.type, types.Array):
            facts.at_most = partial(self._of_table.may_be_shorter, found.type)
            facts.at_least = partial(self._of_table.least, found.type, symbol.address)
        return _Typed(found.type, facts, facts.typed_as_of)

    def _is_own(self, symbol: FoundSymbol) -> bool:
        """Whether the bare name of a symbol, as annotations have it, can mean only this one."""
        try:
            return self._symbol_names.own(symbol.name) == symbol
        except AmbiguousSymbolError:
            return False

    def is_per_cpu(self, name: str) -> bool:
        """Whether `name` is a per-CPU variable: by BTF, or else by the section that it is in.

        Kernels' own BTF describes no others, but `pahole --btf_features=+global_var` does. Raises
        what `symbol()` raises.
        """
        symbol = self._symbol_names.find(name, data=True)
        found = self._vars(symbol)
        if not found:
            from btfdump._kernel import per_cpu_section  # of few variables it is asked

            return symbol.module == VMLINUX and per_cpu_section.contains(
                self.target, symbol.address
            )
        return any(map(self._sections.is_per_cpu, found))

    @cached_property
    def _sections(self) -> Sections:
        from btfdump._kernel.sections import Sections  # few variables have a VAR

        return Sections(lambda name: self._symbol_names.find(name, data=True))

    def is_template(self, address: int) -> bool:
        """Whether a virtual address is in the image's copy of the per-CPU variables.

        Every CPU's area was copied from it; then it was freed, and its memory used for other
        things. Without SMP it is what the kernel uses.
        """
        from btfdump._kernel import per_cpu_section

        return per_cpu_section.is_template(self.target, address)

    def _vars(self, symbol: FoundSymbol) -> list[types.Var]:
        """Return what the BTF of its module, or of vmlinux, says about a variable."""
        for btf in self.btfs() if symbol.module != VMLINUX else (self.btf,):
            if symbol.module in (VMLINUX, btf.name):
                found = [t for t in btf.find_all("var", symbol.name) if t.btf is btf]
                if found:
                    named = [var for var in found if isinstance(var, types.Var)]
                    return self._sections.meant(symbol, named)
        return []
