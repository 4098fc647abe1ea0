"""Types by what a user calls them: `struct foo`, `unsigned long *`, `u8[6]`, `ext4:struct foo`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from btfdump._btf import types
from btfdump._btf.type_name import VMLINUX, TypeName, module_of
from btfdump._kernel.module_btf import NO_BTF, keeps_btf
from btfdump.errors import AmbiguousTypeError, ExpressionError, TypeNotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from btfdump._btf.reader import Btf
    from btfdump._kernel.services import Modules

_SHOWN = 8


class TypeNames:
    """The types of one kernel by name; every answer is remembered.

    `btf` is that of vmlinux, or of any file. `modules` may be None, and is asked no sooner than
    necessary.
    """

    def __init__(self, btf: Btf, modules: Modules | None) -> None:
        self._btf = btf
        self._modules = modules
        self._known: dict[tuple[str, bool], types.Type] = {}

    def find(self, text: str, *, own: bool = False) -> types.Type:
        """Return the type that `text` names; see `Context.type()` and `Context.own_type()`."""
        found = self._known.get((text, own))
        if found is None:
            found = self._known[text, own] = self._find(TypeName.parse(text), own)
        return found

    def _find(self, name: TypeName, own: bool) -> types.Type:
        type_ = self._named(name, own)
        if not name.stars and not name.lengths:
            return type_
        from btfdump._btf.derived import derive

        return derive(type_, name.stars, name.lengths)

    def _named(self, name: TypeName, own: bool) -> types.Type:
        if name.spelled == "void" and name.type_id is None:
            if not name.stars:
                raise ExpressionError(f"{name.text!r} says nothing of what is there: say 'void *'")
            return self._btf.type(0)
        found = self._candidates(name, own)
        if len(found) > 1:
            from btfdump._btf.alike import distinct

            found = distinct(found)
        if not found:
            raise self._not_found(name)
        if len(found) > 1:
            raise self._ambiguous(name, found, own)
        return found[0]

    def _candidates(self, name: TypeName, own: bool) -> list[types.Type]:
        """Return every type that may be meant, those of vmlinux first."""
        if name.type_id is not None:
            numbered = name.numbered(self._btf, self._having)
            return [t for t in numbered if any(t in t.btf.find_all(k, t.name) for k in name.kinds)]
        for spelling in name.spellings:
            found: list[types.Type] = []
            for btf in name.owners(spelling, self._btf, self._having):
                for kind in name.kinds:
                    every = btf.find_all(kind, spelling)
                    found += every if btf is self._btf else (t for t in every if t.btf is btf)
                # What a scalar is called means the same in all of C.
                is_scalar = found and isinstance(found[0], types.Int | types.Float)
                if is_scalar or (found and own and btf is self._btf):
                    break
            if found:
                return found
        return []

    def _having(self, name: str) -> Sequence[Btf]:
        """Return the BTF of the modules that may have a type of a name."""
        return self._modules.naming(name) if self._modules is not None else ()

    def _not_found(self, name: TypeName) -> TypeNotFoundError:
        modules = [] if self._modules is None or not name.module else self._modules.btfs()
        if name.module not in ("", VMLINUX, *map(module_of, modules)):
            if self._lacks_modules:
                return TypeNotFoundError(f"{name.text!r}: {NO_BTF}")
            loaded = sorted(btf.name for btf in (self._btf, *modules))
            more = ", ..." if len(loaded) > _SHOWN else ""
            return TypeNotFoundError(
                f"{name.text!r}: no module {name.module} with BTF is loaded; "
                f"there are {', '.join(loaded[:_SHOWN])}{more}"
            )
        if name.type_id is not None:
            return TypeNotFoundError(
                f"no {name.spelled} has type id {name.type_id} in the BTF of "
                f"{name.module or 'this kernel or its modules'}"
            )
        for other in ("struct", "union", "enum"):
            if not name.keyword and self._btf.find_all(other, name.name):
                return TypeNotFoundError(f"no type {name.name!r}; there is a {other} {name.name}")
        where = name.module or "this kernel or its modules"
        if where != VMLINUX and self._lacks_modules:
            where = "this kernel, which keeps none of its modules"
        return TypeNotFoundError(f"no {name.spelled} in the BTF of {where}")

    @property
    def _lacks_modules(self) -> bool:
        """Whether this kernel has modules, and not their types."""
        modules = self._modules
        return modules is not None and not keeps_btf(self._btf) and not modules.btfs()

    def _ambiguous(
        self, name: TypeName, found: Sequence[types.Type], own: bool
    ) -> AmbiguousTypeError:
        """Return the error that names each choice as `TypeName.parse()` understands it."""
        # What a file of split BTF has of its base is its own, too.
        owners = [self._btf if t.btf in (self._btf, self._btf.base) else t.btf for t in found]
        choices = []
        for type_, owner in zip(found[:_SHOWN], owners, strict=False):
            is_own, is_one = owner is self._btf, owners.count(owner) == 1
            module = "" if is_own and not is_one else f"{VMLINUX if is_own else owner.name}:"
            by_id = "" if is_one else f"@{type_.id}"
            size = getattr(type_.btf.skip_modifiers(type_), "size", None)
            told = f" ({size} bytes)" if isinstance(size, int) else ""
            choices.append(f"'{module}{name.spelled}{by_id}'{told}")
        more = f", and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        return AmbiguousTypeError(
            f"{len(found)} different types are called {name.spelled}: "
            f"{', '.join(choices)}{more}; "
            + ("the kernel's own is needed, and nothing tells which it is" if own else "say which"),
            tuple(type_.id for type_ in found),
        )
