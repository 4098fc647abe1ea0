"""Where the names in annotations are looked up: from the struct that they are about.

A line about a module's struct names structs and enumerators of that module, although the member may
be of a type of vmlinux, as every list is. A line about a struct of vmlinux may name what only some
module has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeVar

from btfdump._annotate.grammar import bare_name, with_keyword
from btfdump._annotate.members import CHAIN, container_type, struct_name
from btfdump._btf import types
from btfdump._btf.type_name import VMLINUX, TypeName, choice_of
from btfdump._walk import walker_of
from btfdump.errors import AnnotationError, ExpressionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from btfdump._btf.types import TypeTable
    from btfdump._walk import Walker

_MOST_CHOICES = 8

Found = TypeVar("Found", bound=types.Type)


class Lookup:
    """Finds structs, enums and enumerators by name, as seen from the BTF of some struct, `near`.

    That BTF comes first, then those that it is split from, then `btf`, the kernel's. What none of
    them has is sought in `others(name)`: the BTF of the modules that may have a type of that name.
    All of these count, since none of them is nearer than another. A name may say itself which one
    is meant, as `MODULE:struct NAME@ID`.
    """

    def __init__(
        self, btf: TypeTable, others: Callable[[str], Iterable[TypeTable]] = lambda name: ()
    ) -> None:
        self._btf = btf
        self._others = others
        self._different: dict[tuple[types.Composite, ...], list[types.Composite]] = {}

    def structs(self, name: str, near: TypeTable) -> list[types.Composite]:
        """Return the structs and unions that an annotation's `name` may mean.

        Of those that are alike it is the first, and of several none is nearer than the others.
        """
        found = self._find(types.Composite, name, near)
        return self._distinct(tuple(found)) if len(found) > 1 else found

    def called(self, name: str, near: TypeTable) -> list[types.Composite]:
        """Return the same for a `name` that BTF gives to a type: it is taken as it is."""
        found = self._called(types.Composite, name, near)
        return self._distinct(tuple(found)) if len(found) > 1 else found

    def _distinct(self, found: tuple[types.Composite, ...]) -> list[types.Composite]:
        """Leave out the copies among structs of one name; the same ones are compared once."""
        known = self._different.get(found)
        if known is None:
            from btfdump._btf.alike import distinct

            left = distinct(found)
            known = self._different[found] = [struct for struct in found if struct in left]
        return known

    def is_near(self, name: str, near: TypeTable) -> bool:
        """Whether a struct or union of a name is found without asking modules."""
        if not name.isidentifier():
            return TypeName.parse(name).module == VMLINUX
        return any(_own(types.Composite, name, btf) for btf in self.around(near))

    def struct(self, name: str, near: TypeTable) -> types.Composite:
        """Return the one struct or union of a name; raises `AnnotationError` if it is not one."""
        found = self.structs(name, near)
        if not found:
            raise AnnotationError(f"no {with_keyword(name)} in the BTF")
        if len(found) > 1:
            raise AnnotationError(several(name, found))
        return found[0]

    def means(self, name: str, struct: types.Composite) -> bool:
        """Whether a name that says which struct is meant means this one, or one that is like it."""
        found = self._find(types.Composite, name, struct.btf)
        return any(one is struct or len(self._distinct((one, struct))) == 1 for one in found)

    def every(self, name: str, btfs: Iterable[TypeTable]) -> list[types.Composite]:
        """Return all structs in these BTFs that an annotation's `name` means, copies included."""
        bare = bare_name(name)
        found = dict.fromkeys(type_ for btf in btfs for type_ in btf.find_all(None, bare))
        structs = [type_ for type_ in found if isinstance(type_, types.Composite)]
        return [struct for struct in structs if name == bare or self.means(name, struct)]

    def declared(self, name: str, near: TypeTable) -> list[types.Typedef | types.Composite]:
        """Return the typedefs, or else the structs and unions, that BTF calls by a name."""
        typedefs = self._called(types.Typedef, name, near)
        return [*typedefs] if typedefs else [*self._called(types.Composite, name, near)]

    def enums(self, name: str, near: TypeTable) -> list[types.Enum]:
        """Return the enums of a name in the nearest BTF that has one.

        Modules are not asked: their flags are not those of a struct of the kernel.
        """
        found = (_own(types.Enum, name, btf) for btf in self.around(near))
        return next(filter(None, found), [])

    def enumerator(self, name: str, near: TypeTable) -> int | None:
        """Return the value of an enumerator, or None if neither `near` nor the kernel has it.

        Raises `AnnotationError` if enums of the nearest BTF that has it disagree about its value.
        """
        for btf in self.around(near):
            found = btf.find_enumerators(name)
            values = sorted({enum.enumerators[index].value for enum, index in found})
            if len(values) > 1:
                seen = ", ".join(map(str, values))
                raise AnnotationError(f"the enumerator {name} is ambiguous: {seen}")
            if values:
                return values[0]
        return None

    def around(self, near: TypeTable) -> Iterator[TypeTable]:
        """Yield `near`, the BTF that it is split from, and the kernel's."""
        btf: TypeTable | None = near
        while btf is not None:
            yield btf
            if btf is self._btf:
                return
            btf = btf.base
        yield self._btf  # a BPF program's BTF is based on none

    def _find(self, wanted: type[Found], name: str, near: TypeTable) -> list[Found]:
        if name.isidentifier():
            return self._called(wanted, name, near)
        try:
            return self._chosen(wanted, TypeName.parse(name))
        except ExpressionError:
            return []

    def _called(self, wanted: type[Found], name: str, near: TypeTable) -> list[Found]:
        for btf in self.around(near):
            found = _own(wanted, name, btf)
            if found:
                return found
        return [type_ for btf in self._others(name) for type_ in _own(wanted, name, btf)]

    def _chosen(self, wanted: type[Found], name: TypeName) -> list[Found]:
        """Return the types of a name that says in which BTF they are, or which id they have."""
        if name.type_id is not None:
            every = name.numbered(self._btf, self._others)
            return [type_ for type_ in every if isinstance(type_, wanted)]
        owners = name.owners(name.name, self._btf, self._others)
        return [type_ for btf in owners for type_ in _own(wanted, name.name, btf)]


def _own(wanted: type[Found], name: str, btf: TypeTable) -> list[Found]:
    """Return the types of a name that `btf` itself has, not its base."""
    found = btf.find_all(None, name)
    return [type_ for type_ in found if isinstance(type_, wanted) and type_.btf is btf]


def several(name: str, found: Sequence[types.Composite]) -> str:
    """Return that an annotation's `name` may mean several different structs, and how to say which.

    There are names of thousands of structs: not all of them are named.
    """
    choices = ", ".join(map(choice_of, found[:_MOST_CHOICES]))
    more = ", ..." if len(found) > _MOST_CHOICES else ""
    return f"{len(found)} different structs are called {name}: say which, {choices}{more}"


class Subject(NamedTuple):
    """What something is said about, of type `type_`.

    `near` is the BTF from which names in the annotation are looked up. `struct` has the members
    that its expressions name, if it is on a struct. `head` is what `container_type()` says of the
    type.
    """

    type_: types.Type
    near: TypeTable
    struct: types.Composite | None
    head: str | None

    def may_hold(self) -> bool:
        """Whether this is a container, of which a single word says what it holds."""
        return self.head not in (None, CHAIN)

    def walker(self, source: str) -> Walker | None:
        """Return what walks the subject, if any is known; raises `PluginError`.

        Another package may have it. The library knows of none of those: its lines on structs that
        are containers in other kernels are no reason to look.
        """
        is_ours = self.head is not None or source == "library"
        name = self.head if is_ours else struct_name(self.type_)
        return walker_of(name) if name is not None else None


def of_global(type_: types.Type, near: TypeTable) -> Subject:
    """Return a global variable, of the kernel or of a module, as a subject."""
    return Subject(type_, near, None, container_type(type_))


def of_member(type_: types.Type, struct: types.Composite) -> Subject:
    """Return as a subject a member that an annotation on `struct` names, in it or further in."""
    return Subject(type_, struct.btf, struct, container_type(type_))


def of_entry(element: types.Composite) -> Subject:
    """Return the entries of a container as a subject."""
    return Subject(element, element.btf, element, None)
