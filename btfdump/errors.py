"""Every exception that btfdump raises on purpose.

::

    BtfdumpError
    ├── BtfFormatError        a BTF blob is malformed (offset, reason)
    │   └── UnusableBtfError  it need not be malformed, but is too large, nested too deep, or new
    ├── TypeNotFoundError     no type of that name and kind          (also a LookupError)
    ├── AmbiguousTypeError    several types of that name and kind    (also a LookupError)
    ├── UnprintableTypeError  a type that the kernel cannot print    (also a ValueError)
    ├── MemberNotFoundError   no such member in a struct or union    (also an AttributeError)
    ├── SymbolNotFoundError   the symbol table has no such name      (also a LookupError)
    ├── AmbiguousSymbolError  several symbols have that name         (also a LookupError)
    ├── FaultError            an address cannot be read (address, size, reason)
    ├── CorruptDataError      memory was read but breaks an invariant (address)
    ├── TargetError           a dump, kernel or file cannot be opened or used
    │   └── MissingDataError  something that is needed is absent (what, remedy)
    ├── AnnotationError       a tag or an overlay file is not what it should be
    ├── ExpressionError       a root, path or type typed by the user cannot be understood
    │   └── UnknownTypeError  a variable is there, and nothing tells its type (address)
    ├── PluginError           what another package brings cannot be loaded, or fails
    └── ObjectNotFoundError   a task or an entry does not exist      (also a LookupError)

Where objects are printed, bad memory (`FaultError`, `CorruptDataError`) becomes a note in the
output; all other errors reach the caller.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Self


class BtfdumpError(Exception):
    """Base of every error raised on purpose by btfdump."""


class BtfFormatError(BtfdumpError):
    """A BTF blob is malformed.

    `offset` is where, in bytes from the start of the blob; `reason` says what is wrong there.
    `name` is what the BTF is called, "" if it has no name.
    """

    def __init__(self, offset: int, reason: str, name: str = "") -> None:
        super().__init__(self._said(offset, reason, name))
        self.offset = offset
        self.reason = reason
        self.name = name

    @staticmethod
    def _said(offset: int, reason: str, name: str) -> str:
        return f"{f'{name}: ' if name else ''}malformed BTF at offset {offset:#x}: {reason}"

    def named(self, name: str) -> Self:
        """Return the same error of the BTF called `name`, unless it says already of which."""
        return self if self.name else type(self)(self.offset, self.reason, name)


class UnusableBtfError(BtfFormatError):
    """BTF cannot be used for what was wanted, though it need not be malformed.

    It may be of a version that is not known, or a type may have no size, or be larger or nested
    deeper than what is decoded. The kernel's own BTF has no such types.
    """

    @staticmethod
    def _said(offset: int, reason: str, name: str) -> str:
        return f"{f'{name}: ' if name else ''}{reason}"


class TypeNotFoundError(BtfdumpError, LookupError):
    """There is no type of the wanted name and kind, or no type of the wanted id."""


class AmbiguousTypeError(BtfdumpError, LookupError):
    """Several types have the wanted name and kind; `type_ids` are their ids."""

    def __init__(self, message: str, type_ids: tuple[int, ...] = ()) -> None:
        super().__init__(message)
        self.type_ids = type_ids


class UnprintableTypeError(BtfdumpError, ValueError):
    """bpf_snprintf_btf() cannot print this type: void, a section, or a type without a size."""


class MemberNotFoundError(BtfdumpError, AttributeError, LookupError):
    """A struct or union has no member of the wanted name, nor do its anonymous members."""


class SymbolNotFoundError(BtfdumpError, LookupError):
    """No symbol table that is at hand has the wanted name."""


class AmbiguousSymbolError(BtfdumpError, LookupError):
    """Several symbols have the wanted name; `addresses` are their virtual addresses, ascending."""

    def __init__(self, message: str, addresses: tuple[int, ...] = ()) -> None:
        super().__init__(message)
        self.addresses = addresses


class FaultError(BtfdumpError):
    """Memory cannot be read.

    `address` is the virtual address of the first byte that cannot be read, `size` the number of
    bytes wanted from there on, 0 if reading was not even tried (a NULL pointer), and `reason` says
    why.
    """

    def __init__(self, address: int, size: int, reason: str) -> None:
        where = f"cannot read {size} bytes at {address:#x}: " if size else ""
        super().__init__(f"{where}{reason}")
        self.address = address
        self.size = size
        self.reason = reason


class CorruptDataError(BtfdumpError):
    """Memory was read, but what it holds breaks an invariant of the kernel's data structure.

    `address` is the virtual address of the offending object, None if there is no one such place.
    """

    def __init__(self, message: str, address: int | None = None) -> None:
        super().__init__(message)
        self.address = address


class TargetError(BtfdumpError):
    """A dump, a kernel or a file cannot be opened, or not used for what was wanted."""


class MissingDataError(TargetError):
    """Something that is needed is absent: `what` is missing, and `remedy` says how to supply it."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what}; {remedy}")
        self.what = what
        self.remedy = remedy


class AnnotationError(BtfdumpError):
    """A tag or an overlay file is not what it should be, or annotations cannot be harvested."""


class ExpressionError(BtfdumpError):
    """A root, a path or a type that the user typed cannot be understood."""


class UnknownTypeError(ExpressionError):
    """A global variable exists, and its type is not known, or not which of several it has.

    `address` is its virtual address, and `reason` says what is in the way.
    """

    def __init__(self, message: str, address: int, reason: str = "") -> None:
        super().__init__(message)
        self.address = address
        self.reason = reason or message


class PluginError(BtfdumpError):
    """What another package brings (a walker, a root, a format, a command) cannot be used.

    The message names the package.
    """


class ObjectNotFoundError(BtfdumpError, LookupError):
    """What was asked for, such as a task or an entry of a container, does not exist."""
