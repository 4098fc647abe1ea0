"""Types by what a user calls them: `struct foo`, `unsigned long *`, `u8[6]`, `ext4:struct foo`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from btfdump._btf import types
from btfdump._btf.wire import U32_MAX
from btfdump._kernel.module_btf import NO_BTF, keeps_btf
from btfdump.errors import AmbiguousTypeError, ExpressionError, TypeNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from typing_extensions import Self

    from btfdump._btf.reader import Btf
    from btfdump._kernel.services import Modules

VMLINUX = "vmlinux"
"""What the kernel itself is called where the name of a module may stand."""
_MAX_DERIVED = 8
_SHOWN = 8
_SPELLED = (  # compiled where there is more than a keyword and a name
    r"(?a:\s*(?:(?P<module>\w[\w-]*)\s*:\s*)?(?:(?:const|volatile)\s+)*"
    r"(?:(?P<keyword>struct|union|enum)\s+)?"
    r"(?P<name>[A-Za-z_]\w*(?:\s+[A-Za-z_]\w*)*)\s*(?:@\s*(?P<id>\d{1,10})\s*)?"
    r"(?P<stars>[*\s]*)(?P<arrays>(?:\[[^\[\]]*\]\s*)*))"
)
_KEYWORDS = frozenset(("", "struct", "union", "enum"))
_LENGTH = r"\[\s*(0[xX][0-9a-fA-F]{1,8}|0|[1-9][0-9]{0,9})\s*\]"  # compiled where there is one
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
_C_NAMES = {
    long: short
    for short, long in reversed(_C_INTEGERS.items())
    if long not in ("_Bool", "unsigned int")
}


def c_name(name: str) -> str:
    """Return an integer type's name as C programmers write it, for whatever a compiler gave it."""
    return _C_NAMES.get(name, name)


class TypeName(NamedTuple):
    """The name of a type, taken apart; nothing is looked up.

    `module` is "" if any may be meant, `keyword` "" for a typedef or a scalar, and `type_id` None
    unless the id of the type is given. `stars` pointers lead to it, in arrays of `lengths`.
    """

    text: str
    module: str
    keyword: str
    name: str
    type_id: int | None
    stars: int
    lengths: tuple[int, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse `MODULE:struct NAME@ID **[N]`; raises `ExpressionError`."""
        keyword, _, plain = text.rpartition(" ")
        if keyword in _KEYWORDS and plain.isidentifier() and plain.isascii():
            return cls(text, "", keyword, plain, None, 0, ())
        match = re.fullmatch(_SPELLED, text)
        if match is None:
            raise ExpressionError(f"{text!r} is not a type name such as 'struct task_struct'")
        stars, arrays = match["stars"].count("*"), match["arrays"]
        lengths = tuple(int(n, 0) for n in re.findall(_LENGTH, arrays)) if arrays else ()
        if len(lengths) != arrays.count("[") or max(lengths, default=0) > U32_MAX:
            raise ExpressionError(
                f"{text!r}: {arrays.strip()} has no length such as [16] or [0x10]"
            )
        if stars + len(lengths) > _MAX_DERIVED:
            raise ExpressionError(
                f"{text!r}: {stars + len(lengths)} pointers and arrays around one type; "
                f"{_MAX_DERIVED} are understood"
            )
        return cls(
            text,
            (match["module"] or "").replace("-", "_"),
            match["keyword"] or "",
            " ".join(match["name"].split()),
            int(match["id"]) if match["id"] else None,
            stars,
            lengths,
        )

    @property
    def spelled(self) -> str:
        """The named type itself in C, without what is derived from it."""
        return f"{self.keyword} {self.name}" if self.keyword else self.name

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of type that may be meant."""
        return (self.keyword,) if self.keyword else ("typedef", "int", "float")

    @property
    def spellings(self) -> tuple[str, ...]:
        """The names that compilers may have given to it."""
        # Clang spells integer types as C programmers do; GCC has its own spelling.
        if self.keyword or self.name not in _C_INTEGERS:
            return (self.name,)
        return self.name, _C_INTEGERS[self.name]


def _module_of(btf: Btf) -> str:
    return btf.name.replace("-", "_")


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
            return list(self._by_id(name, name.type_id))
        for spelling in name.spellings:
            found: list[types.Type] = []
            for btf in self._naming(name.module, spelling):
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

    def _by_id(self, name: TypeName, type_id: int) -> Iterator[types.Type]:
        is_own = type_id < len(self._btf) and name.module in ("", VMLINUX)
        for btf in (self._btf,) if is_own else self._naming(name.module, *name.spellings):
            if is_own or btf.start_id <= type_id < len(btf):
                type_ = btf.type(type_id)
                if type_.name in name.spellings and any(
                    type_ in btf.find_all(kind, type_.name) for kind in name.kinds
                ):
                    yield type_

    def _naming(self, module: str, *names: str) -> Iterator[Btf]:
        """Yield the BTF of a module ("vmlinux" is one here), or of all, where a name may be found.

        A kernel has hundreds of modules: those that do not have the name are not parsed.
        """
        if module in ("", VMLINUX):
            yield self._btf
        if module != VMLINUX and self._modules is not None:
            found = dict.fromkeys(btf for name in names for btf in self._modules.naming(name))
            yield from (btf for btf in found if module in ("", _module_of(btf)))

    def _not_found(self, name: TypeName) -> TypeNotFoundError:
        modules = [] if self._modules is None or not name.module else self._modules.btfs()
        if name.module not in ("", VMLINUX, *map(_module_of, modules)):
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
