"""Every exception btfdump raises on purpose.

::

    BtfdumpError
    ├── BtfFormatError        a BTF blob is malformed (offset, reason)
    ├── TypeNotFoundError     no type of that name and kind          (also a LookupError)
    ├── AmbiguousTypeError    several types of that name and kind    (also a LookupError)
    ├── UnprintableTypeError  a type of which the kernel prints none  (also a ValueError)
    ├── MemberNotFoundError   no such member in a struct or union    (and an AttributeError)
    ├── SymbolNotFoundError   the symbol table has no such name      (also a LookupError)
    ├── FaultError            an address cannot be read (address, size, reason)
    ├── CorruptDataError      memory was read but breaks an invariant
    ├── TargetError           a dump, kernel or file cannot be opened or used
    │   └── MissingDataError  something the job needs is absent (what, remedy)
    ├── AnnotationError       a tag or an overlay file does not say what it should
    ├── ExpressionError       a root, path or type typed by the user cannot be understood
    └── ObjectNotFoundError   a task or an entry does not exist      (also a LookupError)

Bad memory (`FaultError`, `CorruptDataError`) becomes a note in the output; everything else reaches
the caller.
"""

from __future__ import annotations


class BtfdumpError(Exception):
    """Base of every error raised on purpose by btfdump."""


class BtfFormatError(BtfdumpError):
    """A BTF blob is malformed.

    `offset` is the byte offset into the blob at which the fault was seen.
    """

    def __init__(self, offset: int, reason: str) -> None:
        super().__init__(f"malformed BTF at offset {offset:#x}: {reason}")
        self.offset = offset
        self.reason = reason


class TypeNotFoundError(BtfdumpError, LookupError):
    """No type of the wanted name and kind exists."""


class AmbiguousTypeError(BtfdumpError, LookupError):
    """Several different types carry the wanted name and kind; `type_ids` lists them."""

    def __init__(self, message: str, type_ids: tuple[int, ...] = ()) -> None:
        super().__init__(message)
        self.type_ids = type_ids


class UnprintableTypeError(BtfdumpError, ValueError):
    """bpf_snprintf_btf() refuses to print this type: void, a section, or one without a size."""


class MemberNotFoundError(BtfdumpError, AttributeError, LookupError):
    """A struct or union has no member of that name."""


class SymbolNotFoundError(BtfdumpError, LookupError):
    """The symbol table has no such name."""


class FaultError(BtfdumpError):
    """Memory at `address` cannot be read: `size` bytes, 0 where it was not even tried."""

    def __init__(self, address: int, size: int, reason: str) -> None:
        where = f"cannot read {size} bytes at {address:#x}: " if size else ""
        super().__init__(f"{where}{reason}")
        self.address = address
        self.size = size
        self.reason = reason


class CorruptDataError(BtfdumpError):
    """Memory was read, but what it holds breaks an invariant of the kernel's data structure."""

    def __init__(self, message: str, address: int | None = None) -> None:
        super().__init__(message)
        self.address = address


class TargetError(BtfdumpError):
    """A dump, a live kernel or a file cannot be opened or used."""


class MissingDataError(TargetError):
    """Something the job needs is absent: `what` is missing, `remedy` says what supplies it."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what}; {remedy}")
        self.what = what
        self.remedy = remedy


class AnnotationError(BtfdumpError):
    """A tag or an overlay file does not say what it should."""


class ExpressionError(BtfdumpError):
    """A root, a path or a type typed by the user cannot be understood."""


class ObjectNotFoundError(BtfdumpError, LookupError):
    """What was asked for, a task or an entry of a container, does not exist."""
