"""The name of a type as a user writes it, taken apart: `struct foo *`, `ext4:struct foo`, `foo@7`.

Where several different types have one name, the module that has it or the id of the type says which
is meant: on the command line, in an overlay, and in a tag alike.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from btfdump.errors import ExpressionError

from .wire import U32_MAX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from typing_extensions import Self

    from .types import Composite, Type, TypeTable

    Table = TypeVar("Table", bound=TypeTable)

VMLINUX = "vmlinux"
"""What the kernel itself is called where the name of a module may stand."""
_MAX_DERIVED = 8
_MAX_TEXT = 2048
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
        match = None
        # Of a text of any length, as a tag may have, the search would not come to an end.
        if len(text) <= _MAX_TEXT:
            match = re.fullmatch(_SPELLED, " ".join(text.split()))
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

    def owners(
        self, name: str, own: Table, having: Callable[[str], Iterable[Table]]
    ) -> Iterator[Table]:
        """Yield every BTF in which the type may be, by one of its spellings: the kernel's first.

        `own` is that of the kernel, and `having(name)` are those of the modules that may have a
        type of a name: a kernel has hundreds, and those that do not have it are not parsed.
        """
        if self.module in ("", VMLINUX):
            yield own
        if self.module != VMLINUX:
            for btf in having(name):
                if self.module in ("", module_of(btf)):
                    yield btf

    def numbered(self, own: Table, having: Callable[[str], Iterable[Table]]) -> Iterator[Type]:
        """Yield the types of the name that have the id; only the kernel's, if it has so many.

        The arguments are those of `owners()`. Ids of each module begin where the kernel's end.
        """
        type_id = self.type_id
        if type_id is None:
            return
        found: Iterable[Table] = (own,)
        if type_id >= len(own) or self.module not in ("", VMLINUX):
            every = (btf for name in self.spellings for btf in self.owners(name, own, having))
            found = (btf for btf in dict.fromkeys(every) if btf.start_id <= type_id < len(btf))
        for btf in found:
            type_ = btf.type(type_id)
            if type_.name in self.spellings:
                yield type_


def module_of(btf: TypeTable) -> str:
    """Return what the module that has a BTF is called in the name of a type."""
    return btf.name.replace("-", "_")


def choice_of(struct: Composite) -> str:
    """Return the name that means just this one of several structs: `MODULE:struct NAME@ID`."""
    return f"{module_of(struct.btf) or VMLINUX}:{struct.keyword} {struct.name}@{struct.id}"
