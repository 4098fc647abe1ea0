"""Words of C: which names can be identifiers, what stands for those that cannot, and comments.

Names in BTF are untrusted. None of them may end a comment, or be anything but one identifier.
"""

from __future__ import annotations

import re

MAX_NAME = 511
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OTHER = re.compile(r"[^A-Za-z0-9_]")
_KEYWORDS = """
auto break case char const continue default do double else enum extern float for goto if
inline int long register restrict return short signed sizeof static struct switch
typedef union unsigned void volatile while asm typeof __asm__ __attribute__ __const
__extension__ __inline __inline__ __restrict __signed__ __typeof__ __volatile__ __int128
_Alignas _Alignof _Atomic _Bool _Complex _Generic _Imaginary _Noreturn _Static_assert
_Thread_local
"""
_KEYWORDS_SINCE_C23 = """
alignas alignof bool constexpr false nullptr static_assert thread_local true
typeof_unqual
"""
KEYWORDS = frozenset(_KEYWORDS.split())
"""Of C17 as GCC and clang understand it without options."""
KEYWORDS_SINCE_C23 = frozenset(_KEYWORDS_SINCE_C23.split())


def is_identifier(name: str) -> bool:
    """Whether a name can stand in C as it is."""
    return bool(_IDENTIFIER.fullmatch(name)) and name not in KEYWORDS and len(name) <= MAX_NAME


def identifier(name: str) -> str:
    """Return a name, or the nearest one that can stand in C."""
    if is_identifier(name):
        return name
    plain = _OTHER.sub("_", name[:MAX_NAME]) or "_"
    return f"{plain}_" if plain in KEYWORDS else f"_{plain}" if plain[0].isdigit() else plain


def comment(text: str) -> str:
    """Return text as a comment that ends where it is meant to, on one line of printable ASCII."""
    plain = text.encode("ascii", "backslashreplace").decode("ascii")
    plain = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in plain)
    return f"/* {plain.replace('*/', '* /').replace('/*', '/ *')} */"


def literal(text: str) -> str:
    """Return text as a C string literal of printable ASCII."""
    pieces = []
    for byte in text.encode("utf-8", "backslashreplace"):
        character = chr(byte)
        if character in '"\\?':
            pieces.append(f"\\{character}")
        else:
            pieces.append(character if 0x20 <= byte < 0x7F else f"\\{byte:03o}")
    return f'"{"".join(pieces)}"'
