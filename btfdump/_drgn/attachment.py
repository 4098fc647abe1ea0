"""What drgn asks, in place of a kernel that is opened only when something is asked.

drgn loads this for every program that it opens: nothing of btfdump is imported here before a kernel
is opened.
"""

from __future__ import annotations

import logging
from functools import lru_cache
from threading import RLock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    import drgn

    from btfdump._drgn.finders import Finders
    from btfdump._kernel.context import Context

    FindType: TypeAlias = (
        "Callable[[drgn.Program, drgn.TypeKindSet, str, str | None], drgn.Type | None]"
    )

NAME = "btfdump"
"""What the finders are called, and what `Program.cache` has a `ProgramAttachment` under."""
_REMEMBERED = 1 << 14
_logger = logging.getLogger("drgn.btfdump")


class ProgramAttachment:
    """A program and its kernel, which is opened when something is asked of it.

    `make` opens it. The methods `find_...` are what drgn calls finders. While the kernel is being
    opened they find nothing: drgn itself asks for `char` then.
    """

    def __init__(self, prog: drgn.Program, make: Callable[[], Finders]) -> None:
        self._prog = prog
        self._make = make
        self._lock = RLock()
        self._is_opening = False
        self._is_settling = False
        self._finders: Finders | None = None
        self._is_useless = False
        self._forget: tuple[Callable[[], None], ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether the kernel has been opened."""
        return self._finders is not None

    def reopen(self, make: Callable[[], Finders]) -> None:
        """Open the kernel in another way, when it is opened."""
        self._make = make
        self._is_useless = False
        self._forget_answers()

    def open(self) -> Finders:
        """Return what finds things in the kernel, opened if need be; raises what `make` raises."""
        with self._lock:
            if self._finders is None and not self._is_settling:
                self._settle_char()
            if self._finders is None:
                self._is_opening = True
                try:
                    self._finders = self._make()
                finally:
                    self._is_opening = False
                    self._forget_answers()
                from btfdump._drgn.ranges import give_ranges

                give_ranges(self._prog, self._finders.kernel)
            return self._finders

    def _settle_char(self) -> None:
        """Have the kernel opened to answer what `char` is, unless others know.

        drgn takes the C types that nobody tells for what is usual, and keeps that: so it would keep
        `char`, for which it asks while the kernel is opened. Of two answers it keeps the outer.
        """
        self._is_settling = True
        try:
            self._prog.type("char")
        finally:
            self._is_settling = False

    def _asked(self) -> Finders | None:
        """Return what finds things, or None where drgn is to find them, or nobody can."""
        if self._is_useless or self._has_debug_info():
            return None
        with self._lock:
            if self._is_opening:
                return None
            if self._finders is None and not self._is_useless:
                from btfdump.errors import BtfdumpError

                try:
                    self.open()
                except BtfdumpError as error:
                    if self._is_settling:  # whoever opens it is to know
                        raise
                    self._is_useless = True
                    _logger.warning("btfdump finds no types and symbols here: %s", error)
            return self._finders

    def _has_debug_info(self) -> bool:
        from drgn import ModuleFileStatus

        try:
            main = self._prog.main_module()
        except LookupError:
            return False
        return bool(main.debug_file_status == ModuleFileStatus.HAVE)

    def find_type(
        self, prog: drgn.Program, kinds: drgn.TypeKindSet, name: str, filename: str | None
    ) -> drgn.Type | None:
        """Find a type: a type finder of drgn's."""
        if self._finders is None and name == "module" and self._loads_debug_info():
            return prog.type(f"struct {name}", filename)
        finders = self._asked()
        return None if finders is None else finders.find_type(kinds, name, filename)

    def _loads_debug_info(self) -> bool:
        """Load the kernel's debuginfo where drgn is about to; return whether there is any.

        drgn looks for modules before it has loaded that, and would load it if it did not find
        `struct module`: which it does now, without.
        """
        try:
            main = self._prog.main_module()
        except LookupError:  # nobody has asked for debuginfo
            return False
        if not main.wants_debug_file():
            return False
        from drgn import MissingDebugInfoError

        try:
            self._prog.load_module_debug_info(main)
        except MissingDebugInfoError:
            return False
        return self._has_debug_info()

    def find_object(
        self,
        prog: drgn.Program,
        name: str,
        flags: drgn.FindObjectFlags,
        filename: str | None,
    ) -> drgn.Object | None:
        """Find a variable, an enumerator or a function: an object finder of drgn's."""
        finders = self._asked()
        return None if finders is None else finders.find_object(name, flags, filename)

    def find_symbol(
        self, prog: drgn.Program, name: str | None, address: int | None, one: bool
    ) -> list[drgn.Symbol]:
        """Find symbols: a symbol finder of drgn's."""
        finders = self._asked()
        return [] if finders is None else finders.find_symbol(name, address, one)

    def register(self) -> None:
        """Let the program ask, after all others.

        Helpers ask the same again and again, for every entry of a list. In a dump the answer is the
        same, so it is remembered; errors are not.
        """
        from drgn import ProgramFlags

        prog = self._prog
        prog.cache[NAME] = self
        find_type: FindType = self.find_type
        find_object = self.find_object
        if ProgramFlags.IS_LIVE not in prog.flags:
            find_type, forget_types = _remembering(find_type)
            find_object = known_objects = lru_cache(_REMEMBERED)(find_object)
            self._forget = forget_types, known_objects.cache_clear
        prog.register_type_finder(NAME, find_type, enable_index=-1)
        prog.register_object_finder(NAME, find_object, enable_index=-1)
        prog.register_symbol_finder(NAME, self.find_symbol, enable_index=-1)

    def _forget_answers(self) -> None:
        """Forget what was answered while nothing could be."""
        for forget in self._forget:
            forget()


def _remembering(find: FindType) -> tuple[FindType, Callable[[], None]]:
    """Return a type finder that remembers what `find` answers, and what makes it forget.

    This is `lru_cache()`, but for sets of kinds: to compare two takes longer than all the rest of a
    look-up. The hash of one is the set itself, a bit for each kind.
    """
    known: dict[tuple[str, str | None, int], drgn.Type | None] = {}

    def find_type(
        prog: drgn.Program, kinds: drgn.TypeKindSet, name: str, filename: str | None
    ) -> drgn.Type | None:
        key = name, filename, hash(kinds)
        try:
            return known[key]
        except KeyError:
            pass
        found = find(prog, kinds, name, filename)
        if len(known) >= _REMEMBERED:
            known.clear()
        known[key] = found
        return found

    return find_type, known.clear


def attachment_of(prog: drgn.Program) -> ProgramAttachment | None:
    """Return what was registered with a program, or None."""
    found: ProgramAttachment | None = prog.cache.get(NAME)
    return found


def adopt(kernel: Context) -> Finders:
    """Let the program that btfdump itself reads a kernel through ask it, and return what it asks.

    Raises `TargetError` if the kernel is read in another way, or is closed.
    """
    from btfdump._drgn.finders import Finders
    from btfdump._targets.via_drgn.program import program_of

    prog = program_of(kernel.target)
    finders = Finders(prog, kernel)
    attachment = attachment_of(prog)
    if attachment is None:
        attachment = ProgramAttachment(prog, lambda: finders)
        attachment.register()
    elif not attachment.is_open:  # DRGN_PLUGINS names btfdump: it comes first
        attachment.reopen(lambda: finders)
    attachment.open()
    return finders
