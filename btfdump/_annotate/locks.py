"""Lock annotations on functions: which lock a tag names, checked against the prototype.

`spin_lock:&param1->i_lock` on `f(struct inode *inode, ...)` says that the caller of f holds
`inode->i_lock`. Parameters count from 1: the talk that proposes these tags writes `param1` for the
first parameter of `__insert_inode_hash(struct inode *inode, unsigned long hashval)`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from btfdump._btf import types
from btfdump._btf.members import find_member
from btfdump.errors import AmbiguousSymbolError

if TYPE_CHECKING:
    from collections.abc import Callable

    from btfdump._annotate.grammar import Lock

    FindGlobal: TypeAlias = "Callable[[str], tuple[int, types.Type | None] | None]"

_LOCK_TYPES: dict[str, tuple[str, ...]] = {
    "spin_lock": ("spinlock_t", "spinlock"),
    "raw_spin_lock": ("raw_spinlock_t", "raw_spinlock"),
    "mutex_lock": ("mutex",),
    "read_lock": ("rwlock_t",),
    "write_lock": ("rwlock_t",),
    "down_read": ("rw_semaphore",),
    "down_write": ("rw_semaphore",),
}
"""What each function locks: names of typedefs and structs. With `locked:`, any of them will do."""
_ANY_LOCK = tuple(dict.fromkeys(name for names in _LOCK_TYPES.values() for name in names))
_CONTEXTS = ("_irqsave", "_irq", "_bh", "_nested", "_interruptible", "_killable")
_EXPRESSION = re.compile(r"\s*(&?)\s*([A-Za-z_]\w*)\s*((?:(?:->|\.)\s*[A-Za-z_]\w*\s*)*)")
_STEP = re.compile(r"(->|\.)\s*([A-Za-z_]\w*)")
_PARAMETER = re.compile(r"param(\d+)")
_MAX_TYPEDEFS = 64


@dataclass(frozen=True, slots=True)
class LockFact:
    """What a lock annotation says, and whether it fits.

    `lock` is the lock in words ("i_lock of parameter 1, inode"), `type` its C type, "" if that is
    not known. `problem` says what does not fit, "" if nothing was found.
    """

    kind: str
    lock: str
    type: str = ""
    problem: str = ""

    def __str__(self) -> str:
        if self.problem:
            return f"{self.kind}: {self.problem}"
        held = f" {self.lock}" if self.lock else ""
        return f"{self.kind}{held}{f' ({self.type})' if self.type else ''}"


class _Misfit(Exception):
    """An annotation does not fit; the text says why. Never leaves this file."""


def check_lock(
    lock: Lock, func: types.Func, component: int, find_global: FindGlobal | None
) -> LockFact:
    """Check a lock annotation on `func`, or on its parameter number `component`.

    Parameters count from 0; -1 is the function itself. `find_global(name)` returns the address and
    the type (None: not known) of a global variable, or None if there is none; `find_global` is None
    if no kernel is open.
    """
    try:
        return _Check(lock, func, component, find_global).fact()
    except _Misfit as misfit:
        return LockFact(lock.kind, lock.expression, "", str(misfit))


@dataclass(frozen=True, slots=True)
class _Check:
    lock: Lock
    func: types.Func
    component: int
    find_global: FindGlobal | None

    def fact(self) -> LockFact:
        """Return the fact; raises `_Misfit`."""
        if not self.lock.expression.strip():
            if self.lock.kind.startswith("rcu_read_lock"):
                return LockFact(self.lock.kind, "")
            raise _Misfit("names no lock")
        match = _EXPRESSION.fullmatch(self.lock.expression)
        if match is None:
            raise _Misfit(f"{self.lock.expression!r} is no expression such as &param1->lock")
        is_address, base, path = bool(match[1]), match[2], _STEP.findall(match[3])
        number = self._parameter(base)
        if number is not None:
            return self._in_parameter(number, path, is_address)
        if self.component >= 0:  # a member of the parameter that carries the tag
            return self._in_parameter(self.component, [("->", base), *path], True)
        return self._in_global(base, path, is_address)

    def _parameter(self, base: str) -> int | None:
        """Return the number, from 0, of the parameter that an expression starts with."""
        params = self.func.proto.params
        numbered = _PARAMETER.fullmatch(base)
        if numbered is not None:
            number = int(numbered[1])
            if not 1 <= number <= len(params):
                raise _Misfit(
                    f"{base}: {self.func.name}() has {len(params)} parameters, counted from 1"
                )
            return number - 1
        names = [param.name for param in params]
        return names.index(base) if base in names else None

    def _in_parameter(self, number: int, path: list[tuple[str, str]], is_address: bool) -> LockFact:
        param = self.func.proto.params[number]
        where = f"parameter {number + 1}" + (f", {param.name}" if param.name else "")
        type_ = _follow(param.type, path, where)
        name = "".join(f"{operator}{step}" for operator, step in path).lstrip("->.")
        lock = f"{name} of {where}" if name else where
        return LockFact(self.lock.kind, lock, self._lock_type(type_, is_address, lock))

    def _in_global(self, name: str, path: list[tuple[str, str]], is_address: bool) -> LockFact:
        lock = name + "".join(f"{operator}{step}" for operator, step in path)
        if self.find_global is None:
            return LockFact(self.lock.kind, f"{lock}, a global (no kernel is open to look it up)")
        try:
            found = self.find_global(name)
        except AmbiguousSymbolError as error:
            raise _Misfit(str(error)) from error
        if found is None:
            raise _Misfit(f"the kernel has no symbol {name!r}")
        address, type_ = found
        lock = f"{lock}, a global at {address:#x}"
        if type_ is None:
            return LockFact(self.lock.kind, f"{lock} whose type BTF does not tell")
        type_ = _follow(type_, path, name)
        return LockFact(self.lock.kind, lock, self._lock_type(type_, is_address or not path, lock))

    def _lock_type(self, type_: types.Type, is_address: bool, lock: str) -> str:
        """Return the C type of the lock; `is_address`: the expression takes its address."""
        if not is_address or _lock_name(type_) is None:
            pointer = type_.btf.skip_modifiers(type_)
            if isinstance(pointer, types.Ptr):
                if is_address:
                    raise _Misfit(f"{lock} is a pointer already ({type_}): no & before it")
                type_ = pointer.target
        wanted = _LOCK_TYPES.get(_plain(self.lock.kind), _ANY_LOCK)
        name = _lock_name(type_)
        if name is None:
            raise _Misfit(f"{lock} is {type_}, not a lock")
        if name not in wanted:
            raise _Misfit(f"{lock} is {type_}, which {self.lock.kind}() does not take")
        return str(type_)


def _plain(kind: str) -> str:
    """Return the kind without the context it is taken in: spin_lock_irqsave -> spin_lock."""
    for context in _CONTEXTS:
        kind = kind.removesuffix(context)
    return kind


def _follow(type_: types.Type, path: list[tuple[str, str]], where: str) -> types.Type:
    """Return the type that a path of members leads to; raises `_Misfit`."""
    for operator, name in path:
        base = type_.btf.skip_modifiers(type_)
        struct = base.btf.skip_modifiers(base.type_id) if isinstance(base, types.Ptr) else base
        if isinstance(struct, types.Fwd):
            raise _Misfit(f"{where} is {type_}, whose members this BTF does not have")
        if not isinstance(struct, types.Composite):
            raise _Misfit(f"{where} is {type_}, which has no members")
        if (struct is base) == (operator == "->"):
            raise _Misfit(f"{where} is {type_}: write {'.' if struct is base else '->'}{name}")
        found = find_member(struct, name)
        if found is None:
            raise _Misfit(f"{where}: {struct} has no member {name}")
        type_, where = found.type, name
    return type_


def _lock_name(type_: types.Type) -> str | None:
    """Return the name by which a type is a lock: of a typedef on the way, or of the struct."""
    for _ in range(_MAX_TYPEDEFS):
        if type_.name in _ANY_LOCK:
            return type_.name
        if not isinstance(type_, types.Typedef | types.Const | types.Volatile | types.TypeTag):
            return None
        type_ = type_.target
    return None
